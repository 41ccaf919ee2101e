using Google.Protobuf;
using Grpc.Core;
using Kpm.Server.Rpc;
using Kpm.V1;

namespace Kpm.Server.Verification.Checks;

/// <summary>
/// Which refused registrations count: an address in use, a malformed one, a too common password. The malformed address is
/// refused by the contract's constraints, before the handler sees the request.
/// </summary>
internal sealed class RefusedRegistrations(Guard guard) : IRefusalObserver
{
    public static bool Counts(KpmException refusal) =>
        refusal.Reason == ErrorReason.EmailInUse || refusal.Fields.Any(f => f.Reason == "PASSWORD_TOO_COMMON");

    public async ValueTask ObserveAsync(IMessage request, KpmException refusal, ServerCallContext context)
    {
        if (request is CreateAccountRequest registration && refusal.Fields.Any(f => f.Field == "email" && f.Reason != Faults.Missing.Reason))
        {
            var named = Guid.TryParseExact(registration.Device?.DeviceId, "D", out var deviceId);
            await guard.FailedAsync(GuardedAct.Registration, named ? GuardSubject.OfDevice(deviceId, null) : null, context);
        }
    }
}
