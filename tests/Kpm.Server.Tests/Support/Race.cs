using Grpc.Core;
using Kpm.Server.Tests.Hosting;

namespace Kpm.Server.Tests.Support;

/// <summary>The answer of one of many calls: its response, or the reason of its refusal.</summary>
internal sealed record Raced<TResponse>(TResponse? Response, string? Refusal);

/// <summary>Many calls at once.</summary>
internal static class Race
{
    public static async Task<IReadOnlyList<Raced<TResponse>>> Of<TResponse>(int count, Func<int, Task<TResponse>> call)
        where TResponse : class
    {
        var start = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var calls = Enumerable.Range(0, count).Select(i => Task.Run(async () =>
        {
            await start.Task;
            try
            {
                return new Raced<TResponse>(await call(i), null);
            }
            catch (RpcException e)
            {
                return new Raced<TResponse>(null, RefusedCall.Of(e).Info.Reason);
            }
        })).ToList();
        start.SetResult();
        return await Task.WhenAll(calls);
    }
}
