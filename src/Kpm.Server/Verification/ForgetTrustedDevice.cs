using Google.Protobuf;
using Grpc.Core;
using Kpm.Server.Accounts.Events;
using Kpm.Server.Rpc;
using Kpm.Server.Verification.TwoStep;
using Kpm.V1;

namespace Kpm.Server.Verification;

/// <summary>Ends the trust in a device.</summary>
internal sealed class ForgetTrustedDevice(ITwoStepStore store, SecurityFeed feed, TimeProvider time)
{
    public async Task<ForgetTrustedDeviceResponse> HandleAsync(ForgetTrustedDeviceRequest request, ServerCallContext context)
    {
        var caller = context.Caller();
        var deviceId = Guid.ParseExact(request.DeviceId, "D");
        var response = await store.ForgetAsync(
            caller.AccountId,
            deviceId,
            new SecurityNote(SecurityEventKind.TrustedDeviceForgotten, Actor.Session, deviceId),
            RequestKey.Of(caller.SessionId, context.Method, request.RequestId, request),
            new ForgetTrustedDeviceResponse().ToByteArray(),
            time.Now(),
            context.CancellationToken) ?? throw Errors.Of(ErrorReason.NotFound);
        feed.Appended(caller.AccountId);
        return ForgetTrustedDeviceResponse.Parser.ParseFrom(response);
    }
}
