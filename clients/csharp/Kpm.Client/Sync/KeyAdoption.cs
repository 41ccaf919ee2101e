using Kpm.Client.Kpm1;
using Kpm.Client.Storage;
using Microsoft.Data.Sqlite;

namespace Kpm.Client.Sync;

/// <summary>
/// Takes over the keys of a later epoch that another device has begun, without the person: the keyset has a wrap for this
/// device, whose ECDH key is sealed under the AK that is open. Who made the keyset is for the caller to check.
/// </summary>
internal sealed class KeyAdoption(DeviceIdentity device, VaultKeys keys)
{
    /// <summary>Runs a unit in which keys may be adopted: they stay only if it holds.</summary>
    public T Around<T>(Func<T> unit)
    {
        try
        {
            var result = unit();
            keys.Settle();
            return result;
        }
        catch
        {
            keys.Revert();
            throw;
        }
    }

    /// <summary>False where only the main password opens the keyset; that is noted for the next time it is entered.</summary>
    public bool TryAdopt(SqliteConnection connection, KeysetEnvelope keyset)
    {
        using var own = keyset.Devices.Any(wrap => wrap.Device == device.Id) ? device.AgreementKey(connection, keyset.Account, keys) : null;
        if (own is null)
        {
            LocalStore.SetKeysBehind(connection);
            return false;
        }

        keys.Adopt(keyset.OpenWithDevice(device.Id, own));
        device.SealAgreementKey(connection, keyset.Account, keys, own);
        return true;
    }
}
