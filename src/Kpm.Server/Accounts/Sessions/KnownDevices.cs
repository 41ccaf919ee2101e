using Kpm.Server.Secrets;
using Kpm.V1;

namespace Kpm.Server.Accounts.Sessions;

/// <summary>Recognises a device that was linked to an account before, by its proof.</summary>
internal sealed class KnownDevices(IDeviceStore devices, DeviceProofs proofs)
{
    public const string SignInMethodName = "/kpm.v1.AccountService/SignIn";

    /// <summary>
    /// The linked device where the request's device is it; null for a stranger, and without a proof. A proof that does not fit the
    /// request's own key is refused whoever asks, so that the refusal tells nothing about accounts.
    /// </summary>
    /// <param name="device">The device as the request names it.</param>
    /// <param name="proof">Its proof over the address or hint as it stands in the request; null for none.</param>
    /// <param name="token">That address or hint.</param>
    /// <param name="account">The account that is signed in to; null where there is none.</param>
    /// <param name="cancellationToken">The call's.</param>
    public async ValueTask<DeviceRow?> FindAsync(DeviceInfo device, DeviceProof? proof, string token, AccountRow? account, CancellationToken cancellationToken)
    {
        if (proof is null)
        {
            return null;
        }

        var deviceId = Guid.ParseExact(device.DeviceId, "D");
        proofs.Verify(SignInMethodName, SecretToken.Hash(token), proof, deviceId, device.SigningKey.Span);
        var row = await devices.FindAsync(deviceId, cancellationToken);
        return row is { RevokedAt: null } && row.AccountId == account?.AccountId && device.SigningKey.Span.SequenceEqual(row.SigningKey) ? row : null;
    }
}
