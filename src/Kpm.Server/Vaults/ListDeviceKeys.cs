using System.Globalization;
using Grpc.Core;
using Kpm.Server.Rpc;
using Kpm.V1;

namespace Kpm.Server.Vaults;

/// <summary>The device directory, in the order of the log.</summary>
internal sealed class ListDeviceKeys(IVaultStore store, Limits limits)
{
    public Task<ListDeviceKeysResponse> HandleAsync(ListDeviceKeysRequest request, ServerCallContext context)
    {
        var size = request.PageSize == 0 ? limits.DeviceKeysPageSize : request.PageSize;

        // One more than asked for tells whether there is another page.
        var keys = store.DeviceKeys(context.Caller().AccountId, AfterSeq(request.PageToken), size + 1);
        var response = new ListDeviceKeysResponse();
        response.DeviceKeys.AddRange(keys.Take(size));
        if (keys.Count > size)
        {
            response.NextPageToken = keys[size - 1].Seq.ToString(CultureInfo.InvariantCulture);
        }

        return Task.FromResult(response);
    }

    /// <summary>A page begins after a seq of the log; opaque to clients all the same.</summary>
    private static ulong AfterSeq(string pageToken)
    {
        if (pageToken.Length == 0)
        {
            return 0;
        }

        return ulong.TryParse(pageToken, NumberStyles.None, CultureInfo.InvariantCulture, out var seq) && seq <= long.MaxValue
            ? seq
            : throw Errors.Field("page_token", "INVALID", "Not a token of this list.");
    }
}
