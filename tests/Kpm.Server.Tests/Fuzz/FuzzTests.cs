using System.Collections.Concurrent;
using System.Globalization;
using Google.Protobuf;
using Google.Protobuf.Reflection;
using Grpc.Core;
using Grpc.Net.Client;
using Kpm.Server.Tests.BadInput;
using Kpm.Server.Tests.Faults;
using Kpm.V1;

namespace Kpm.Server.Tests.Fuzz;

/// <summary>Mutated requests and noise on every rpc: a typed answer to each, no crash, no growth.</summary>
[Collection(Alone.Name)]
public sealed class FuzzTests(World world, ITestOutputHelper output) : IClassFixture<World>
{
    private const int Cases = 20_000;
    private const int LongCases = 1_000_000;
    private const int CasesPerBase = 25;
    private const int AtOnce = 8;
    private const long MostGrowth = 50L * 1024 * 1024;

    private static readonly int Seed =
        int.TryParse(Environment.GetEnvironmentVariable("KPM_TEST_SEED"), CultureInfo.InvariantCulture, out var seed) ? seed : 20_260_101;

    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Every_answer_is_typed_and_the_server_lives_on()
    {
        var failures = new ConcurrentQueue<string>();
        var counts = new ConcurrentDictionary<string, int>(StringComparer.Ordinal);
        var variants = Rpcs.All.SelectMany(m => world.Variants(m).Select(v => (Method: m, Variant: v))).ToList();
        var cases = Alone.FullSize ? LongCases : Cases;

        // The first quarter warms up: code is compiled, pools and caches are filled.
        var memory = new List<long>();
        for (var quarter = 0; quarter < 4; quarter++)
        {
            await RunAsync(cases / 4 * quarter, cases / 4 * (quarter + 1));
            memory.Add(world.Server.ResidentBytes);
        }

        output.WriteLine($"{cases} cases, seed {Seed}: {string.Join(", ", counts.OrderByDescending(c => c.Value).Select(c => $"{c.Key} {c.Value}"))}; memory {string.Join(", ", memory.Select(m => m >> 20))} MiB");
        Assert.True(failures.IsEmpty, $"{failures.Count} failures with seed {Seed}:\n{string.Join('\n', failures.Take(40))}");
        Assert.False(world.Server.HasExited);
        await world.Server.WaitUntilReadyAsync(Cancelled);
        Assert.True(memory[^1] - memory[0] < MostGrowth, $"grew from {memory[0]} to {memory[^1]} bytes");
        Assert.True(counts.Keys.Count > 8, "the cases do not reach far");

        Task RunAsync(int from, int to) => Parallel.ForEachAsync(
            Enumerable.Range(from / CasesPerBase, (to - from) / CasesPerBase),
            new ParallelOptions { MaxDegreeOfParallelism = AtOnce, CancellationToken = Cancelled },
            async (block, _) =>
            {
                var (method, variant) = variants[block % variants.Count];
                await TryAsync(method, variant, new Random(Seed + block), failures, counts);
            });
    }

    private async Task TryAsync(MethodDescriptor method, string variant, Random random, ConcurrentQueue<string> failures, ConcurrentDictionary<string, int> counts)
    {
        // A connection of its own: the cases break off many calls, and Kestrel has a bound for that on each connection.
        using var channel = GrpcChannel.ForAddress(world.Server.Address);
        var client = new RawClient(ConformanceInterceptor.On(channel));
        var mutator = new Mutator(random);
        var call = await world.PrepareAsync(variant, Cancelled);
        for (var i = 0; i < CasesPerBase; i++)
        {
            var request = mutator.Next(call.Request);
            var asLaterMessage = method.IsClientStreaming && random.Next(2) == 0;
            var outcome = asLaterMessage
                ? await client.SendToStreamAsync(method, call.Opening!().ToByteArray(), [request], call.Token!, Cancelled)
                : await client.CallAsync(method, request, call.Token, Cancelled);
            counts.AddOrUpdate(outcome.Reason.Length > 0 ? outcome.Reason : outcome.Code.ToString(), 1, (_, n) => n + 1);
            if (Judge(method.InputType, request, outcome) is { } fault)
            {
                failures.Enqueue($"{variant}: {fault}: {outcome} to {Convert.ToHexString(request.Length > 2_000 ? request[..2_000] : request)}");
            }

            if (outcome.Reason == Outcome.NameOf(ErrorReason.SessionInvalid) || (outcome.Code == StatusCode.OK && method.Name is "SignOut" or "RevokeDevice" or "Push" or "Sync" or "UploadAttachment"))
            {
                call = await world.PrepareAsync(variant, Cancelled);
            }
        }
    }

    /// <summary>What is no message by the specification must be refused as such, and only that.</summary>
    private static string? Judge(MessageDescriptor type, byte[] request, Outcome outcome)
    {
        if (!StrictProtobuf.IsMessage(type, request))
        {
            return outcome is { Code: StatusCode.Internal, Rich: null } ? null : "undecodable, and not refused as such";
        }

        return outcome.Code switch
        {
            StatusCode.OK => null,
            StatusCode.Internal or StatusCode.Unknown or StatusCode.Unimplemented or StatusCode.Cancelled or StatusCode.DeadlineExceeded => "not an answer of the catalogue",
            _ => outcome.Rich is null ? "no details" : null,
        };
    }
}
