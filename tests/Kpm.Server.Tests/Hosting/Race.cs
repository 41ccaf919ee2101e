using Grpc.Core;

namespace Kpm.Server.Tests.Hosting;

/// <summary>One of many calls: its response, or the reason of its refusal.</summary>
internal sealed record Raced<TResponse>(TResponse? Response, string? Refusal);

internal static class Race
{
    /// <summary>Makes so many calls at once.</summary>
    public static async Task<IReadOnlyList<Raced<TResponse>>> Of<TResponse>(int count, Func<int, Task<TResponse>> call)
        where TResponse : class
    {
        using var start = new SemaphoreSlim(0);
        var calls = Enumerable.Range(0, count).Select(async i =>
        {
            await start.WaitAsync();
            try
            {
                return new Raced<TResponse>(await call(i), null);
            }
            catch (RpcException e)
            {
                return new Raced<TResponse>(null, RefusedCall.Of(e).Info.Reason);
            }
        }).ToList();
        start.Release(count);
        return await Task.WhenAll(calls);
    }

    /// <summary>The same for what has no answer.</summary>
    public static Task<IReadOnlyList<string>> Of64Async(Func<Task> call) => Of64Async<object?>(async () =>
    {
        await call();
        return null;
    });

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
