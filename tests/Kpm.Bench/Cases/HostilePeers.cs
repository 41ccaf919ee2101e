using System.Diagnostics;
using System.IO.Compression;
using System.Text;
using Kpm.Bench.Harness;
using Kpm.Bench.Load;
using Kpm.Bench.Product;

namespace Kpm.Bench.Cases;

/// <summary>
/// What a peer that means harm does to the others: the p99 of a paced unary call on a connection of its own, during each attack
/// and in quiet, alternately; and how far the server's memory grows. Each attack has a pace: an attacker that took a core of the
/// machine for itself would be measured instead of the server.
/// </summary>
internal sealed class HostilePeers : BenchCase
{
    private const string Path = "/kpm.v1.VaultService/GetUsage";
    private const int Stalled = 200;
    private const double MostGrowth = 128;

    private static readonly TimeSpan ProbePace = TimeSpan.FromMilliseconds(2);

    public override string Name => "attack";

    public override string Title => "a neighbour's calls while a peer attacks, against the same in quiet";

    public override async Task RunAsync(BenchContext context, CancellationToken cancel)
    {
        await using var server = await KpmServer.StartAsync(context.Options, cancel);
        using var device = (await BenchAccounts.CreateAsync(server, 1, 1, cancel))[0];
        var empty = RawRequest.Frame([]);
        var call = new RawRequest(Path, empty, device.AccessToken);
        var length = RawLoad.ResponseBytes(server.Address, call);
        await RawLoad.CallsAsync(server.Address, call, 1, 16, length, WarmUp);
        foreach (var attack in Attacks())
        {
            List<double> growth = [];
            long made = 0;
            var results = await Paired.MeasureAsync(
                context.Options.Pairs,
                async _ =>
                {
                    var before = server.Process.ResidentBytes();
                    server.Process.ResetPeak();
                    var attacking = new Attacker(server.Address, attack);
                    var result = await server.Process.ChargeAsync(() => RawLoad.PacedCallsAsync(server.Address, call, length, ProbePace, context.Options.Duration));
                    var steps = await attacking.StopAsync();
                    // The first round warms up and is thrown away.
                    made += growth.Count == 0 ? 0 : steps;
                    growth.Add((server.Process.PeakResidentBytes() - before) / 1048576.0);
                    return result;
                },
                _ => server.Process.ChargeAsync(() => RawLoad.PacedCallsAsync(server.Address, call, length, ProbePace, context.Options.Duration)),
                cancel);
            server.Process.ThrowIfGone();
            if (made == 0)
            {
                throw new InvalidOperationException($"No '{attack.What}' was made: nothing was measured.");
            }

            context.Report.AddLatencies(Name, $"{attack.What}: a neighbour's p99", results, r => r.P99, Bound.Max(2), Bound.Max(1.3));
            context.Report.AddLatencies(Name, $"{attack.What}: its p50", results, r => r.P50);
            context.Report.Add(new Row
            {
                Id = Name,
                What = $"{attack.What}: growth of the server's memory, of {made} made",
                Unit = "MiB",
                Samples = [growth.Max()],
                Ours = string.Create(System.Globalization.CultureInfo.InvariantCulture, $"{server.Process.ResidentBytes() / 1048576.0:0} MiB after"),
                Anchor = "",
                Used = string.Create(System.Globalization.CultureInfo.InvariantCulture, $"{(results.Sum(r => r.Ours.Server.Cpu.TotalMicroseconds - r.Anchor.Server.Cpu.TotalMicroseconds)) / made:0.0} us each"),
                Must = Bound.Max(MostGrowth),
            });
        }
    }

    private static IEnumerable<Attack> Attacks()
    {
        var plain = new RawRequest(Path, []);
        var gzip = new RawRequest(Path, [], encoding: "gzip");
        yield return Calls("gzip bombs (256 MiB in 256 KiB), 20/s", 20, gzip, RawRequest.Frame(Bomb(256), compressed: true), ends: true);
        yield return Calls("declared lengths of 2 GiB, 1,000/s", 1_000, plain, [0, 0x7f, 0xff, 0xff, 0xff, 1, 2, 3], ends: false);
        // Groups of field 15, one in the other: unknown to the message, which has to pass them over.
        yield return Calls("100,000 nested groups, 50/s", 50, plain, RawRequest.Frame([.. Enumerable.Repeat((byte)0x7b, 100_000)]), ends: true);
        var headers = HeaderBlock(plain, 10_000);
        yield return new Attack("10,000 headers, 50/s", 50, 1, static (c, block) => c.WriteLong(HostileConnection.Headers, HostileConnection.Continuation, HostileConnection.EndHeaders, c.Open(), block), headers);
        yield return new Attack($"{Stalled} peers that stop in the middle of ten calls, and read nothing, 2,000 calls/s", 2_000, Stalled, StartAndStall(plain), [0, 0, 0, 4, 0, 1, 2, 3], Reads: false);
        yield return new Attack("rapid resets, 5,000/s", 5_000, 1, Reset(plain), [0, 0, 0, 8]);
        yield return new Attack("pings, 50,000/s in tens", 5_000, 1, static (c, payload) => Repeat(10, () => c.Write(HostileConnection.Ping, 0, 0, payload)), new byte[8]);
        yield return new Attack("endless continuations, 200/s", 200, 1, Continue(plain), [.. Enumerable.Repeat("\0\u0001x\u0001y"u8.ToArray(), 200).SelectMany(b => b)]);
    }

    private static Attack Calls(string what, int perSecond, RawRequest request, byte[] body, bool ends) => new(
        what,
        perSecond,
        1,
        (c, payload) =>
        {
            var stream = c.Open();
            c.Write(HostileConnection.Headers, HostileConnection.EndHeaders, stream, request.FirstHeaders);
            c.WriteLong(HostileConnection.Data, HostileConnection.Data, ends ? HostileConnection.EndStream : (byte)0, stream, payload);
        },
        body);

    /// <summary>Ten calls a connection, then nothing: neither a byte nor an end.</summary>
    private static Action<HostileConnection, byte[]> StartAndStall(RawRequest request) => (c, payload) =>
    {
        if (c.NextStream < 20)
        {
            var stream = c.Open();
            c.Write(HostileConnection.Headers, HostileConnection.EndHeaders, stream, request.FirstHeaders);
            c.Write(HostileConnection.Data, 0, stream, payload);
        }
    };

    private static Action<HostileConnection, byte[]> Reset(RawRequest request) => (c, payload) =>
    {
        var stream = c.Open();
        c.Write(HostileConnection.Headers, HostileConnection.EndHeaders, stream, request.FirstHeaders);
        c.Write(HostileConnection.Reset, 0, stream, payload);
    };

    private static Action<HostileConnection, byte[]> Continue(RawRequest request) => (c, payload) =>
    {
        if (c.NextStream == 1)
        {
            c.Write(HostileConnection.Headers, 0, c.Open(), request.FirstHeaders);
        }

        c.Write(HostileConnection.Continuation, 0, 1, payload);
    };

    private static void Repeat(int times, Action action)
    {
        for (var i = 0; i < times; i++)
        {
            action();
        }
    }

    private static byte[] Bomb(int mebibytes)
    {
        using var packed = new MemoryStream();
        using (var gzip = new GZipStream(packed, CompressionLevel.Optimal))
        {
            var zeros = new byte[1024 * 1024];
            Repeat(mebibytes, () => gzip.Write(zeros));
        }

        return packed.ToArray();
    }

    /// <summary>A request's own headers and so many more, each a literal that nobody keeps.</summary>
    private static byte[] HeaderBlock(RawRequest request, int count)
    {
        var block = new List<byte>(request.FirstHeaders);
        for (var i = 0; i < count; i++)
        {
            var name = Encoding.ASCII.GetBytes($"x-{i}");
            block.AddRange([0, (byte)name.Length, .. name, 10, .. "0123456789"u8]);
        }

        return [.. block];
    }

    /// <summary>One kind of attack: so many steps a second, over so many connections by turns.</summary>
    private sealed record Attack(string What, int PerSecond, int Connections, Action<HostileConnection, byte[]> Step, byte[] Payload, bool Reads = true);

    /// <summary>Attacks on a thread of its own until it is stopped; a connection that the server hung up on is made anew.</summary>
    private sealed class Attacker
    {
        private static readonly TimeSpan Nap = TimeSpan.FromMilliseconds(1);

        private readonly Uri _address;
        private readonly Attack _attack;
        private readonly Task<long> _running;
        private volatile bool _stop;

        public Attacker(Uri address, Attack attack)
        {
            _address = address;
            _attack = attack;
            _running = Task.Factory.StartNew(Run, CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
        }

        /// <summary>How many steps were made.</summary>
        public Task<long> StopAsync()
        {
            _stop = true;
            return _running;
        }

        private long Run()
        {
            var connections = new HostileConnection?[_attack.Connections];
            var start = Stopwatch.GetTimestamp();
            long made = 0;
            while (!_stop)
            {
                if (made >= Stopwatch.GetElapsedTime(start).TotalSeconds * _attack.PerSecond)
                {
                    Thread.Sleep(Nap);
                    continue;
                }

                ref var connection = ref connections[made % connections.Length];
                if (connection is null || connection.IsClosed)
                {
                    connection?.Dispose();
                    connection = new HostileConnection(_address);
                }

                _attack.Step(connection, _attack.Payload);
                if (connection.TryFlush() && _attack.Reads)
                {
                    connection.Drain();
                }

                made++;
            }

            foreach (var connection in connections)
            {
                connection?.Dispose();
            }

            return made;
        }
    }
}
