using Google.Protobuf;
using Grpc.Core;
using Kpm.Server.Accounts.Sessions;
using Kpm.Server.Rpc;
using Kpm.Server.Vaults;
using Kpm.V1;

namespace Kpm.Server.Accounts;

/// <summary>Revokes a device of the account and ends its sessions; its id can't come back.</summary>
internal sealed class RevokeDevice(IDeviceStore devices, SessionDirectory directory, ISessionEndings endings, IDeviceActivity activity, TimeProvider time, ILogger<RevokeDevice> logger)
{
    public async Task<RevokeDeviceResponse> HandleAsync(RevokeDeviceRequest request, ServerCallContext context)
    {
        var caller = context.Caller();
        var deviceId = Guid.ParseExact(request.DeviceId, "D");
        var key = RequestKey.Of(caller.SessionId, context.Method, request.RequestId, request);
        var (known, now) = (activity.Of(caller.AccountId).GetValueOrDefault(deviceId), time.Now());
        var result = await devices.RevokeAsync(
            caller.AccountId,
            deviceId,
            now,
            key,
            row => new RevokeDeviceResponse { Device = row.ToContract(caller.DeviceId, known is null ? null : known with { Online = false }, now) }.ToByteArray(),
            context.CancellationToken) ?? throw Errors.Of(ErrorReason.NotFound);

        directory.End(result.Ended, RevokedReason.DeviceRevoked);
        endings.DeviceEnded(caller.AccountId, deviceId, RevokedReason.DeviceRevoked);
        Log.DeviceRevoked(logger, caller.AccountId, deviceId);
        return RevokeDeviceResponse.Parser.ParseFrom(result.Response);
    }
}
