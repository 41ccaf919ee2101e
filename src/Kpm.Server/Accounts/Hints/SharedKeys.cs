using Grpc.Core;
using Kpm.Server.Accounts.Sessions;
using Kpm.Server.Rpc;
using Kpm.Server.Secrets;
using Kpm.V1;

namespace Kpm.Server.Accounts.Hints;

/// <summary>The key that the apps of one product family share on a device.</summary>
internal sealed class SharedKeys(DeviceProofs proofs)
{
    /// <summary>
    /// A device may bring a shared key only if it holds it: who could register another's public key would have their own account offered on that
    /// person's device. Throws DEVICE_PROOF_INVALID, whoever asks, before anything is looked at that depends on accounts.
    /// </summary>
    public void Verify(DeviceInfo device, ServerCallContext context)
    {
        if (device.SharedKey.IsEmpty)
        {
            return;
        }

        if (device.SharedKeyProof is not { } proof)
        {
            throw Errors.Field("device.shared_key_proof", Faults.Missing.Reason, "must be set with a shared_key");
        }

        proofs.Verify(context.Method, SecretToken.Hash(device.DeviceId), proof, Guid.ParseExact(device.DeviceId, "D"), device.SharedKey.Span);
    }
}
