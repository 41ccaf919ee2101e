using Grpc.Core;
using Kpm.Server.Rpc;
using Kpm.Server.Vaults;
using Kpm.V1;

namespace Kpm.Server.Accounts;

/// <summary>The devices linked to the account, newest first; the page token is the place of the last one shown.</summary>
internal sealed class ListDevices(IDeviceStore devices, IDeviceActivity activity, PageTokens pages, TimeProvider time, Limits limits)
{
    public async Task<ListDevicesResponse> HandleAsync(ListDevicesRequest request, ServerCallContext context)
    {
        var caller = context.Caller();
        var size = request.PageSize > 0 ? request.PageSize : limits.DevicesPageSize;
        var rows = await devices.ListAsync(caller.AccountId, Position(pages.Read(request.PageToken, context.Method, caller.AccountId)), size + 1, context.CancellationToken);
        var (active, headSeq, now) = (activity.Of(caller.AccountId), activity.HeadSeq(caller.AccountId), time.Now());
        var response = new ListDevicesResponse();
        response.Devices.Add(rows.Take(size).Select(d => d.ToContract(caller.DeviceId, active.GetValueOrDefault(d.DeviceId), headSeq, now)));
        if (rows.Count > size)
        {
            var last = rows[size - 1];
            response.NextPageToken = pages.Write([.. BitConverter.GetBytes(last.LinkedAt.ToUnixTimeMilliseconds()), .. last.DeviceId.ToBytes()], context.Method, caller.AccountId);
        }

        return response;
    }

    private static DevicePosition? Position(byte[]? position) => position is null ? null : new DevicePosition(
        DateTimeOffset.FromUnixTimeMilliseconds(BitConverter.ToInt64(position)),
        Ids.FromBytes(position.AsSpan(8)));
}
