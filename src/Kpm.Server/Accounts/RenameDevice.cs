using Google.Protobuf;
using Grpc.Core;
using Kpm.Server.Accounts.Events;
using Kpm.Server.Rpc;
using Kpm.Server.Vaults;
using Kpm.V1;

namespace Kpm.Server.Accounts;

/// <summary>Gives a device of the account another name.</summary>
internal sealed class RenameDevice(IDeviceStore devices, IDeviceActivity activity, SecurityFeed feed, TimeProvider time)
{
    public async Task<RenameDeviceResponse> HandleAsync(RenameDeviceRequest request, ServerCallContext context)
    {
        var caller = context.Caller();
        var deviceId = Guid.ParseExact(request.DeviceId, "D");
        var (known, headSeq, now) = (activity.Of(caller.AccountId).GetValueOrDefault(deviceId), activity.HeadSeq(caller.AccountId), time.Now());
        var response = await devices.RenameAsync(
            new DeviceRename
            {
                AccountId = caller.AccountId,
                DeviceId = deviceId,
                Name = request.Name,
                Now = now,
                Entry = new SecurityEntry(new SecurityNote(SecurityEventKind.DeviceRenamed, Actor.Session, deviceId, $"by={caller.DeviceId.ToWire()}")),
                Request = RequestKey.Of(caller.SessionId, context.Method, request.RequestId, request),
            },
            row => new RenameDeviceResponse { Device = row.ToContract(caller.DeviceId, known, headSeq, now) }.ToByteArray(),
            context.CancellationToken) ?? throw Errors.Of(ErrorReason.NotFound);
        feed.Appended(caller.AccountId);
        return RenameDeviceResponse.Parser.ParseFrom(response);
    }
}
