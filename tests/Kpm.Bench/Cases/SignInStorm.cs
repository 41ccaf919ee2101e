using System.Collections.Concurrent;
using System.Diagnostics;
using Google.Rpc;
using Grpc.Core;
using Grpc.Net.Client;
using Kpm.Bench.Harness;
using Kpm.Bench.Load;
using Kpm.Bench.Product;
using Kpm.V1;
using Org.BouncyCastle.Crypto.Generators;

namespace Kpm.Bench.Cases;

/// <summary>
/// P8: sign-ins a second against the hash library alone on as many threads, and what a storm of sign-ins does to other calls.
/// Then a burst that the queue can't hold: whoever does not fit is told at once when to come again.
/// </summary>
internal sealed class SignInStorm : BenchCase
{
    private const int Cost = 12;
    private const int Accounts = 16;
    private const int Burst = 128;
    private static readonly TimeSpan Pace = TimeSpan.FromMilliseconds(5);

    /// <summary>At four hashes a second, shorter sections would count in steps of more than a few percent.</summary>
    private static readonly TimeSpan Shortest = TimeSpan.FromSeconds(10);

    public override string Name => "P8";

    public override string Title => "sign-ins against the raw hash rate, and other calls meanwhile";

    public override async Task RunAsync(BenchContext context, CancellationToken cancel)
    {
        await using var server = await KpmServer.StartAsync(context.Options, new() { ["Kpm__PasswordHash__Cost"] = $"{Cost}" }, cancel);
        // As many as the server gives itself.
        var threads = Math.Max(1, Environment.ProcessorCount / 2);
        // The first device of each account makes the other calls; the second one signs in again and again.
        var devices = await BenchAccounts.CreateAsync(server, Accounts, 2, cancel);
        var signingIn = devices.Where((_, i) => i % 2 == 1).ToArray();
        using var channel = Channels.One(server.Address);
        using var others = Channels.One(server.Address);
        var duration = context.Options.Duration > Shortest ? context.Options.Duration : Shortest;
        List<(LoadResult Ours, LoadResult Anchor)> rates = [];
        List<(LoadResult Ours, LoadResult Anchor)> latencies = [];
        for (var pair = -1; pair < context.Options.Pairs; pair++)
        {
            cancel.ThrowIfCancellationRequested();
            var section = pair < 0 ? TimeSpan.FromSeconds(3) : duration;
            var probing = ProbeAsync(others, devices[0], section, cancel);
            var storm = await server.Process.ChargeAsync(() => ClosedLoop.RunAsync(Accounts, section, (worker, _) => SignInAsync(channel, signingIn[worker], cancel)));
            var stormy = await probing;
            var raw = RawHashes(threads, section);
            var quiet = await ProbeAsync(others, devices[0], section, cancel);
            if (pair >= 0)
            {
                rates.Add((storm, raw));
                latencies.Add((stormy, quiet));
            }
        }

        context.Report.AddRates(Name, $"sign-ins, bcrypt cost {Cost} on {threads} thread(s)", rates, Bound.Min(0.90), Bound.Min(0.97));
        context.Report.AddLatencies(Name, "GetAccount meanwhile, 200/s: p99 against quiet", latencies, r => r.P99, Bound.Max(2), Bound.Max(1.3));
        context.Report.AddLatencies(Name, "the same: p50", latencies, r => r.P50);
        await OverflowAsync(channel, devices[0], cancel);
        devices.ForEach(d => d.Dispose());
    }

    private static async Task SignInAsync(GrpcChannel channel, BenchDevice device, CancellationToken cancel)
    {
        var request = new SignInRequest { Email = device.Email, Password = BenchAccounts.Password, Device = device.Info() };
        if ((await new AccountService.AccountServiceClient(channel).SignInAsync(request, cancellationToken: cancel)).SignedIn is null)
        {
            throw new InvalidOperationException("A sign-in did not connect the device.");
        }
    }

    /// <summary>The library alone, over text of the length that the server hashes.</summary>
    private static LoadResult RawHashes(int threads, TimeSpan section)
    {
        var text = new string('x', 64).ToCharArray();
        var hash = OpenBsdBCrypt.Generate("2b", text, new byte[16], Cost);
        var logs = new ConcurrentBag<LatencyLog>();
        var end = Stopwatch.GetTimestamp() + (long)(section.TotalSeconds * Stopwatch.Frequency);
        var workers = Enumerable.Range(0, threads).Select(_ => new Thread(() =>
        {
            var log = new LatencyLog();
            logs.Add(log);
            for (var before = Stopwatch.GetTimestamp(); before < end;)
            {
                OpenBsdBCrypt.CheckPassword(hash, text);
                var after = Stopwatch.GetTimestamp();
                if (after <= end)
                {
                    log.Add(after - before);
                }

                before = after;
            }
        })).ToList();
        workers.ForEach(w => w.Start());
        workers.ForEach(w => w.Join());
        return new LoadResult(logs.Sum(l => l.Count), section, LatencyLog.MergeSorted(logs));
    }

    /// <summary>A call at a steady pace, whether or not the one before has ended.</summary>
    private static async Task<LoadResult> ProbeAsync(GrpcChannel channel, BenchDevice device, TimeSpan section, CancellationToken cancel)
    {
        var client = new AccountService.AccountServiceClient(channel);
        var headers = device.Headers();
        var log = new LatencyLog();
        var calls = new List<Task>();
        var end = Stopwatch.GetTimestamp() + (long)(section.TotalSeconds * Stopwatch.Frequency);
        using var timer = new PeriodicTimer(Pace);
        while (Stopwatch.GetTimestamp() < end && await timer.WaitForNextTickAsync(cancel))
        {
            calls.Add(CallAsync());
        }

        await Task.WhenAll(calls);
        return new LoadResult(log.Count, section, LatencyLog.MergeSorted([log]));

        async Task CallAsync()
        {
            var before = Stopwatch.GetTimestamp();
            await client.GetAccountAsync(new GetAccountRequest(), headers, cancellationToken: cancel);
            var took = Stopwatch.GetTimestamp() - before;
            lock (log)
            {
                log.Add(took);
            }
        }
    }

    /// <summary>
    /// More at once than the queue holds, each at an address of its own. Everyone is answered or told RESOURCE_EXHAUSTED with a
    /// RetryInfo; nobody waits for nothing.
    /// </summary>
    private static async Task OverflowAsync(GrpcChannel channel, BenchDevice device, CancellationToken cancel)
    {
        var client = new AccountService.AccountServiceClient(channel);
        var codes = await Task.WhenAll(Enumerable.Range(0, Burst).Select(async i =>
        {
            try
            {
                await client.SignInAsync(new SignInRequest { Email = $"burst-{i}@example.org", Password = BenchAccounts.Password, Device = device.Info() }, cancellationToken: cancel);
                throw new InvalidOperationException("Nobody signed in.");
            }
            catch (RpcException e) when (e.StatusCode is StatusCode.ResourceExhausted or StatusCode.Unauthenticated)
            {
                var details = Google.Rpc.Status.Parser.ParseFrom(e.Trailers.GetValueBytes("grpc-status-details-bin")!).Details;
                return e.StatusCode == StatusCode.Unauthenticated || details.Any(d => d.Is(RetryInfo.Descriptor))
                    ? e.StatusCode
                    : throw new InvalidOperationException("A refusal does not say when to come again.", e);
            }
        }));
        var (answered, told) = (codes.Count(c => c == StatusCode.Unauthenticated), codes.Count(c => c == StatusCode.ResourceExhausted));
        Console.Error.WriteLine($"  P8 a burst of {Burst}: {answered} answered, {told} told when to come again");
        if (answered == 0 || told == 0)
        {
            throw new InvalidOperationException("The burst did not fill the queue, or nobody was answered.");
        }
    }
}
