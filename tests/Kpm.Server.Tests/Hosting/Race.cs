using Grpc.Core;

namespace Kpm.Server.Tests.Hosting;

internal static class Race
{
    /// <summary>Makes the same call 64 times at once: "OK", or the reason of the refusal, of each.</summary>
    public static async Task<IReadOnlyList<string>> Of64Async<T>(Func<Task<T>> call)
    {
        using var start = new SemaphoreSlim(0);
        var calls = Enumerable.Range(0, 64).Select(async _ =>
        {
            await start.WaitAsync();
            try
            {
                await call();
                return "OK";
            }
            catch (RpcException e)
            {
                return RefusedCall.Of(e).Info.Reason;
            }
        }).ToList();
        start.Release(64);
        return await Task.WhenAll(calls);
    }
}
