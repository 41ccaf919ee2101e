using System.Diagnostics;
using System.Security.Cryptography;
using Grpc.Core;
using Kpm.Bench.Harness;
using Kpm.Bench.Load;
using Kpm.Bench.Product;
using Kpm.V1;

namespace Kpm.Bench.Cases;

/// <summary>
/// Can "wrong password" and "no such account" be told apart by the time they take? The hash is the cheapest there is, so
/// that it hides as little as possible; every sample is one call, the two kinds in random order. The figure is the area
/// under the curve of the best threshold classifier: 0.5 is guessing.
/// </summary>
internal sealed class SignInTiming : BenchCase
{
    private const int Samples = 10_000;
    private const int Addresses = 20;
    private const int Discarded = 500;

    public override string Name => "timing";

    public override string Title => "a wrong password against no such account, told apart by time";

    public override async Task RunAsync(BenchContext context, CancellationToken cancel)
    {
        await using var server = await KpmServer.StartAsync(
            context.Options,
            new()
            {
                // What follows on failures is the same for both, and would only end the measurement.
                ["Kpm__Limits__SecurityCheckWindow"] = "00:00:00.001",
                ["Kpm__Limits__SignInFailuresBeforeDelay"] = "1000000000",
            },
            cancel);
        var devices = await BenchAccounts.CreateAsync(server, Addresses, 2, cancel);
        var held = devices.Select(d => d.Email).Distinct().ToArray();
        var unknown = Enumerable.Range(0, Addresses).Select(i => $"nobody-{i}@example.org").ToArray();
        using var stranger = new BenchDevice { ApplicationId = devices[0].ApplicationId };
        using var channel = Channels.One(server.Address);
        var client = new AccountService.AccountServiceClient(channel);
        var wrong = new List<long>(Samples / 2);
        var nobody = new List<long>(Samples / 2);
        for (var i = -Discarded; i < Samples / 2; i++)
        {
            var heldFirst = RandomNumberGenerator.GetInt32(2) == 0;
            foreach (var isHeld in (bool[])[heldFirst, !heldFirst])
            {
                var address = (isHeld ? held : unknown)[RandomNumberGenerator.GetInt32(Addresses)];
                var took = await FailAsync(client, stranger, address, cancel);
                if (i >= 0)
                {
                    (isHeld ? wrong : nobody).Add(took);
                }
            }
        }

        var area = Area(wrong, nobody);
        context.Report.Add(new Row
        {
            Id = Name,
            What = $"{Samples:N0} failed sign-ins: area under the curve",
            Unit = "AUC",
            Samples = [Math.Max(area, 1 - area)],
            Ours = "wrong " + Microseconds(MedianMicroseconds(wrong)),
            Anchor = "nobody " + Microseconds(MedianMicroseconds(nobody)),
            Must = Bound.Max(0.55),
        });
        devices.ForEach(d => d.Dispose());
    }

    private static async Task<long> FailAsync(AccountService.AccountServiceClient client, BenchDevice device, string email, CancellationToken cancel)
    {
        var request = new SignInRequest { Email = email, Password = "Wrong-Password-1", Device = device.Info() };
        var before = Stopwatch.GetTimestamp();
        try
        {
            var response = await client.SignInAsync(request, cancellationToken: cancel);
            throw new InvalidOperationException($"A wrong password was answered with {response.OutcomeCase}.");
        }
        catch (RpcException e) when (e.StatusCode == StatusCode.Unauthenticated)
        {
            return Stopwatch.GetTimestamp() - before;
        }
    }

    /// <summary>The chance that a sample of the first kind took longer than one of the second, ties counting half.</summary>
    private static double Area(List<long> first, List<long> second)
    {
        var sorted = second.Order().ToArray();
        return first.Sum(x =>
        {
            var below = LowerBound(sorted, x);
            return below + ((LowerBound(sorted, x + 1) - below) / 2.0);
        }) / ((double)first.Count * second.Count);
    }

    /// <summary>How many are smaller.</summary>
    private static int LowerBound(long[] sorted, long value)
    {
        var (low, high) = (0, sorted.Length);
        while (low < high)
        {
            var middle = (low + high) / 2;
            (low, high) = sorted[middle] < value ? (middle + 1, high) : (low, middle);
        }

        return low;
    }

    private static double MedianMicroseconds(List<long> ticks) => Statistics.Median([.. ticks.Select(t => t * 1e6 / Stopwatch.Frequency)]);
}
