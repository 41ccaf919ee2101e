using System.Globalization;
using System.Net.Sockets;

namespace Kpm.Bench.Harness;

/// <summary>What a measured process says about itself.</summary>
internal sealed record ProcessMemory(long HeapBytes, long AllocatedBytes, int Collections);

/// <summary>
/// Questions to a measured .NET process over a Unix socket: its heap and its allocations. The answering side runs inside
/// the measured process (<see cref="StartupHook"/>) on a thread that sleeps until it is asked.
/// </summary>
internal sealed class Probe : IDisposable
{
    public const string Variable = "KPM_BENCH_PROBE";

    private readonly StreamReader _reader;
    private readonly StreamWriter _writer;

    public Probe(string path)
    {
        var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        socket.Connect(new UnixDomainSocketEndPoint(path));
        var stream = new NetworkStream(socket, ownsSocket: true);
        _reader = new StreamReader(stream);
        _writer = new StreamWriter(stream) { AutoFlush = true };
    }

    /// <summary>The heap as it is, or after a forced, blocking, compacting collection.</summary>
    public async Task<ProcessMemory> MemoryAsync(bool collect, CancellationToken cancel)
    {
        await _writer.WriteLineAsync((collect ? "collect" : "look").AsMemory(), cancel);
        var answer = await _reader.ReadLineAsync(cancel) ?? throw new InvalidOperationException("The measured process closed its probe.");
        var numbers = answer.Split(' ');
        return new ProcessMemory(
            long.Parse(numbers[0], CultureInfo.InvariantCulture),
            long.Parse(numbers[1], CultureInfo.InvariantCulture),
            int.Parse(numbers[2], CultureInfo.InvariantCulture));
    }

    /// <summary>Bytes that the process allocates for each operation of a load.</summary>
    public async Task<double> AllocatedAsync(Func<Task<LoadResult>> load, CancellationToken cancel)
    {
        var before = await MemoryAsync(collect: false, cancel);
        var done = await load();
        var after = await MemoryAsync(collect: false, cancel);
        return (after.AllocatedBytes - before.AllocatedBytes) / (double)done.Count;
    }

    public void Dispose()
    {
        _reader.Dispose();
        _writer.Dispose();
    }

    /// <summary>The answering side.</summary>
    public static void Serve(string path)
    {
        var listener = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        listener.Bind(new UnixDomainSocketEndPoint(path));
        listener.Listen();
        new Thread(() => Answer(listener)) { IsBackground = true, Name = "bench probe" }.Start();
    }

    private static void Answer(Socket listener)
    {
        while (true)
        {
            using var stream = new NetworkStream(listener.Accept(), ownsSocket: true);
            using var reader = new StreamReader(stream);
            using var writer = new StreamWriter(stream) { AutoFlush = true };
            while (reader.ReadLine() is { } question)
            {
                if (question == "collect")
                {
                    GC.Collect(GC.MaxGeneration, GCCollectionMode.Aggressive, blocking: true, compacting: true);
                    GC.WaitForPendingFinalizers();
                    GC.Collect(GC.MaxGeneration, GCCollectionMode.Aggressive, blocking: true, compacting: true);
                }

                writer.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{GC.GetTotalMemory(forceFullCollection: false)} {GC.GetTotalAllocatedBytes()} {GC.CollectionCount(0)}"));
            }
        }
    }
}
