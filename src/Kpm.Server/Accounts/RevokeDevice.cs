using Google.Protobuf;
using Grpc.Core;
using Kpm.Server.Accounts.Events;
using Kpm.Server.Accounts.Sessions;
using Kpm.Server.Rpc;
using Kpm.Server.Vaults;
using Kpm.V1;

namespace Kpm.Server.Accounts;

/// <summary>Revokes a device of the account and ends its sessions; its id can't come back.</summary>
internal sealed class RevokeDevice(
    IDeviceStore devices, SessionDirectory directory, ISessionEndings endings, IDeviceActivity activity, SecurityFeed feed, TimeProvider time, ILogger<RevokeDevice> logger)
{
    public async Task<RevokeDeviceResponse> HandleAsync(RevokeDeviceRequest request, ServerCallContext context)
    {
        var caller = context.Caller();
        var deviceId = Guid.ParseExact(request.DeviceId, "D");
        var (known, headSeq, now) = (activity.Of(caller.AccountId).GetValueOrDefault(deviceId), activity.HeadSeq(caller.AccountId), time.Now());
        if (deviceId != caller.DeviceId)
        {
            // Who took over a mailbox must not shut out the devices that could still stop it.
            Errors.ThrowIfHeld(caller, now);
        }

        var result = await devices.RevokeAsync(
            new DeviceRevocation
            {
                AccountId = caller.AccountId,
                DeviceId = deviceId,
                Now = now,
                Entry = new SecurityEntry(new SecurityNote(SecurityEventKind.DeviceRevoked, Actor.Session, deviceId, $"by={caller.DeviceId.ToWire()}")),
                Request = RequestKey.Of(caller.SessionId, context.Method, request.RequestId, request),
            },
            row => new RevokeDeviceResponse { Device = row.ToContract(caller.DeviceId, known is null ? null : known with { Online = false }, headSeq, now) }.ToByteArray(),
            context.CancellationToken) ?? throw Errors.Of(ErrorReason.NotFound);

        directory.End(result.Ended, RevokedReason.DeviceRevoked);
        endings.DeviceEnded(caller.AccountId, deviceId, RevokedReason.DeviceRevoked);
        feed.Appended(caller.AccountId);
        Log.DeviceRevoked(logger, caller.AccountId, deviceId);
        return RevokeDeviceResponse.Parser.ParseFrom(result.Response);
    }
}
