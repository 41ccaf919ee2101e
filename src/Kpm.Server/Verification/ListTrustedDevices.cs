using Google.Protobuf.WellKnownTypes;
using Grpc.Core;
using Kpm.Server.Rpc;
using Kpm.Server.Verification.TwoStep;
using Kpm.V1;

namespace Kpm.Server.Verification;

/// <summary>The devices that skip the second step, newest first; the page token is the place of the last one shown.</summary>
internal sealed class ListTrustedDevices(ITwoStepStore store, PageTokens pages, TimeProvider time, Limits limits)
{
    public async Task<ListTrustedDevicesResponse> HandleAsync(ListTrustedDevicesRequest request, ServerCallContext context)
    {
        var caller = context.Caller();
        var size = request.PageSize > 0 ? request.PageSize : limits.TrustedDevicesPageSize;
        var after = Position(pages.Read(request.PageToken, context.Method, caller.AccountId));
        var rows = await store.ListTrustedAsync(caller.AccountId, after, time.Now(), size + 1, context.CancellationToken);
        var response = new ListTrustedDevicesResponse();
        response.TrustedDevices.Add(rows.Take(size).Select(d => new TrustedDevice
        {
            DeviceId = d.DeviceId.ToWire(),
            Name = d.Name,
            TrustedAt = Timestamp.FromDateTimeOffset(d.TrustedAt),
            ExpiresAt = Timestamp.FromDateTimeOffset(d.ExpiresAt),
        }));
        if (rows.Count > size)
        {
            var last = rows[size - 1];
            response.NextPageToken = pages.Write([.. BitConverter.GetBytes(last.TrustedAt.ToUnixTimeMilliseconds()), .. last.DeviceId.ToBytes()], context.Method, caller.AccountId);
        }

        return response;
    }

    private static TrustedDevicePosition? Position(byte[]? position) => position is null ? null : new TrustedDevicePosition(
        DateTimeOffset.FromUnixTimeMilliseconds(BitConverter.ToInt64(position)),
        Ids.FromBytes(position.AsSpan(8)));
}
