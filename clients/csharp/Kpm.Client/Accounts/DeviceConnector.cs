using Google.Protobuf;
using Kpm.Client.Storage;
using Kpm.V1;

namespace Kpm.Client.Accounts;

/// <summary>What every way to connect this device shares: who it is, and what is written down when it is connected.</summary>
internal sealed class DeviceConnector(LocalStore store, KpmOptions options, Func<DeviceIdentity> device, Action replaceDevice)
{
    /// <summary>The device that the folder holds now.</summary>
    public DeviceIdentity Current => device();

    /// <summary>The device as a request carries it; the method is the one that carries it.</summary>
    public DeviceInfo Info(string method)
    {
        var current = device();
        var info = new DeviceInfo
        {
            DeviceId = current.Id.ToText(),
            Name = options.DeviceName,
            Platform = options.Platform,
            ApplicationId = options.ApplicationId,
            ApplicationVersion = options.ApplicationVersion,
            SigningKey = ByteString.CopyFrom(current.PublicKey),
        };
        if (options.SharedKeyFile is { } path)
        {
            using var shared = SharedKey.OpenOrCreate(path);
            info.SharedKey = ByteString.CopyFrom(shared.PublicKey);
            info.SharedKeyProof = shared.Prove(method, info.DeviceId, options.Time);
        }

        return info;
    }

    /// <summary>
    /// The proof of a device that was linked before: it has attempts of its own and keeps its keys after a password
    /// reset. Null on a device that is new, for the server knows no key of it yet.
    /// </summary>
    public DeviceProof? ProofOf(string method, string token) =>
        store.IsDeviceLinked() ? DeviceProofs.Sign(method, token, device().SigningKey, options.Time) : null;

    public SignInOutcome Connect(SignedIn signedIn)
    {
        Connect(signedIn.Account, signedIn.Session);
        return new SignInOutcome.SignedIn(signedIn.Account, signedIn.Session.KeysHeldUntil?.ToDateTimeOffset());
    }

    public void Connect(Account account, Session session) =>
        store.Connect(SessionKeeper.ToRow(session, options.Server.ToString(), account.AccountId, account.Email));

    public void RequireSignedOut()
    {
        if (store.Session() is { } session)
        {
            throw new LocalStoreException($"This data folder is signed in as {session.Email} already. Sign out first, or choose another folder.");
        }
    }

    /// <summary>A device that the server no longer takes enrols anew, once.</summary>
    public async Task<T> WithDeviceAsync<T>(Func<Task<T>> connect)
    {
        try
        {
            return await connect();
        }
        catch (ServerException refused) when (refused.Reason == ErrorReason.DeviceConflict)
        {
            replaceDevice();
            return await connect();
        }
    }
}
