using Grpc.Core;
using Kpm.Server.Rpc;
using Kpm.Server.Tests.Hosting;
using Kpm.V1;

namespace Kpm.Server.Tests.Federation;

internal static class Race
{
    /// <summary>Makes the call so many times at once; how many were accepted. All others must have been refused for one of the reasons.</summary>
    public static async Task<int> OfAsync(int count, IReadOnlyList<ErrorReason> losers, Func<Task> call)
    {
        var start = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var names = losers.Select(ErrorCatalogue.NameOf).ToList();
        var runs = Enumerable.Range(0, count).Select(async _ =>
        {
            await start.Task;
            try
            {
                await call();
                return true;
            }
            catch (RpcException e)
            {
                Assert.Contains(RefusedCall.Of(e).Info.Reason, names);
                return false;
            }
        }).ToList();
        start.SetResult();
        return (await Task.WhenAll(runs)).Count(won => won);
    }

    public static Task<int> OfAsync(int count, ErrorReason losers, Func<Task> call) => OfAsync(count, [losers], call);
}
