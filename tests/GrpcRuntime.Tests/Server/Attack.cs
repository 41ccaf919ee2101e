namespace GrpcRuntime.Tests.Server;

/// <summary>Tests that measure the memory of the process: nothing else runs beside them.</summary>
[CollectionDefinition(Name, DisableParallelization = true)]
public sealed class Alone
{
    public const string Name = "Alone";
}

/// <summary>What an attack on a server did to the others.</summary>
internal sealed record AttackReport(int NeighbourCalls, long HeapGrowth, long ResidentGrowth)
{
    private const long MiB = 1024 * 1024;

    // Mostly garbage that nobody had to collect yet. An attack that nothing holds back takes a gigabyte or more.
    private const long Bound = 384 * MiB;

    public void AssertHarmless()
    {
        TestContext.Current.TestOutputHelper?.WriteLine($"heap +{HeapGrowth / MiB} MiB, process +{ResidentGrowth / MiB} MiB, {NeighbourCalls} calls of neighbours");
        Assert.True(HeapGrowth < Bound, $"The heap grew by {HeapGrowth / MiB} MiB.");
        Assert.True(ResidentGrowth < Bound, $"The process grew by {ResidentGrowth / MiB} MiB.");
        Assert.True(NeighbourCalls > 0, "No call of a neighbour was answered during the attack.");
    }
}

/// <summary>Runs attacks while others make calls, and watches the memory.</summary>
internal static class Attack
{
    private static readonly byte[] Hello = RawGrpc.Frame(new Protos.EchoRequest { Text = "neighbour" });

    /// <summary>Runs an attack; every call that a neighbour makes during it has to succeed.</summary>
    public static async Task<AttackReport> RunAsync(TestServer server, Func<CancellationToken, Task> attack)
    {
        Assert.Equal(Grpc.Core.StatusCode.OK, (await server.PostAsync(RawGrpc.Unary, Hello)).Status);
        GC.Collect();
        GC.WaitForPendingFinalizers();
        GC.Collect();
        var (heap, resident) = (GC.GetTotalMemory(forceFullCollection: false), Environment.WorkingSet);
        long heapPeak = 0, residentPeak = 0;
        var calls = 0;

        using var limit = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
        limit.CancelAfter(TimeSpan.FromMinutes(1));
        var attacking = Task.Run(() => attack(limit.Token), limit.Token);
        var neighbour = Task.Run(NeighbourAsync, limit.Token);
        while (!attacking.IsCompleted)
        {
            heapPeak = Math.Max(heapPeak, GC.GetTotalMemory(forceFullCollection: false) - heap);
            residentPeak = Math.Max(residentPeak, Environment.WorkingSet - resident);
            await Task.WhenAny(attacking, Task.Delay(5, limit.Token));
        }

        await attacking;
        await neighbour;
        return new AttackReport(calls, heapPeak, residentPeak);

        async Task NeighbourAsync()
        {
            do
            {
                Assert.Equal("neighbour", (await server.PostAsync(RawGrpc.Unary, Hello)).Reply.Text);
                calls++;
            }
            while (!attacking.IsCompleted);
        }
    }

    /// <summary>
    /// Writes the same bytes again and again, without ever reading, up to a number of times or until the server hangs up
    /// or takes no more for two seconds. Gives how often they were written.
    /// </summary>
    public static async Task<int> FloodAsync(this Http2Peer peer, byte[] bytes, int times, CancellationToken cancellationToken)
    {
        var written = 0;
        try
        {
            for (; written < times; written++)
            {
                using var patience = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
                patience.CancelAfter(TimeSpan.FromSeconds(2));
                await peer.SendBytesAsync(bytes, patience.Token);
            }
        }
        catch (Exception e) when (e is IOException || (e is OperationCanceledException && !cancellationToken.IsCancellationRequested))
        {
            // Hung up, or held back by flow control: both are a defence.
            return written;
        }

        return written;
    }
}
