using Grpc.Core;

namespace GrpcRuntime.Tests.Client;

/// <summary>Buffers are pooled: what one call leaves behind must never turn up in another.</summary>
public sealed class StressTests
{
    private static readonly CancellationToken Stop = TestContext.Current.CancellationToken;

    [Fact]
    public async Task Calls_that_end_in_every_way_at_any_moment_leave_their_neighbours_alone()
    {
        await using var peer = await RawPeer.StartAsync(async context =>
        {
            context.Begin();
            try
            {
                while (await context.ReadMessageAsync() is { } message)
                {
                    if (message.StartsWith("fail", StringComparison.Ordinal))
                    {
                        // The rest of the request is left unread.
                        context.End(9);
                        return;
                    }

                    await context.SendAsync(Raw.Frame(message));
                }

                context.End(0);
            }
            catch (Exception e) when (e is IOException or OperationCanceledException)
            {
                // The client is gone, as it is meant to be.
                return;
            }
        });
        using var channel = peer.Channel();
        var echoed = 0;
        await Parallel.ForEachAsync(Enumerable.Range(0, 600), new ParallelOptions { MaxDegreeOfParallelism = 64, CancellationToken = Stop }, async (i, _) =>
        {
            var random = new Random(i);
            var text = new string((char)('a' + (i % 26)), random.Next(60_000)) + i;
            using var cancel = new CancellationTokenSource();
            if (i % 3 == 0)
            {
                cancel.CancelAfter(TimeSpan.FromMicroseconds(random.Next(20_000)));
            }

            try
            {
                if (i % 2 == 0)
                {
                    using var call = channel.Call(i % 5 == 0 ? "fail" + text : text, new CallOptions(cancellationToken: cancel.Token));
                    Assert.Equal(text, await call);
                }
                else
                {
                    using var call = channel.CallDuplex(new CallOptions(cancellationToken: cancel.Token));
                    for (var n = 0; n < 5; n++)
                    {
                        await call.RequestStream.WriteAsync(i % 5 == 0 && n == 3 ? "fail" + text : $"{text}{n}", Stop);
                        if (!await call.ResponseStream.MoveNext(Stop))
                        {
                            break;
                        }

                        Assert.Equal($"{text}{n}", call.ResponseStream.Current);
                    }
                }

                Interlocked.Increment(ref echoed);
            }
            catch (RpcException e)
            {
                var expected = i % 5 == 0 ? [StatusCode.FailedPrecondition, StatusCode.Cancelled] : new[] { StatusCode.Cancelled };
                Assert.Contains(e.StatusCode, expected);
                Assert.True(i % 3 == 0 || i % 5 == 0, e.ToString());
            }
        });

        Assert.InRange(echoed, 600 / 3, 600);
    }
}
