using System.Diagnostics;
using Kpm.Bench.Harness;
using Kpm.Bench.Load;
using Kpm.V1;

namespace Kpm.Bench.Product;

/// <summary>The product's side of P1 and P2: devices with their streams, which stay open from round to round.</summary>
internal sealed class KpmLoad : IDisposable
{
    private readonly KpmServer _server;
    private readonly Channels _channels;
    private readonly BenchDevice[] _devices;
    private readonly SyncStream[] _streams;
    private double _expectedRate = 20_000;

    private KpmLoad(KpmServer server, BenchDevice[] devices)
    {
        _server = server;
        _devices = devices;
        _channels = new Channels(server.Address, devices.Length);
        _streams = new SyncStream[devices.Length];
    }

    public static async Task<KpmLoad> OpenAsync(KpmServer server, IEnumerable<BenchDevice> devices, CancellationToken cancel)
    {
        var load = new KpmLoad(server, [.. devices]);
        try
        {
            for (var d = 0; d < load._streams.Length; d++)
            {
                load._streams[d] = await SyncStream.OpenAsync(load._channels[d], load._devices[d], cancel);
            }

            return load;
        }
        catch
        {
            load.Dispose();
            server.Process.ThrowIfGone();
            throw;
        }
    }

    /// <summary>
    /// Each device has up to <paramref name="inFlight"/> operations without a result on its own stream, over the time of
    /// the section. Operations are made and signed before the clock starts; with more than one in flight, half of them go
    /// out in one Push as the results of the other half come in.
    /// </summary>
    public async Task<LoadResult> PushesAsync(int inFlight, TimeSpan duration, CancellationToken cancel)
    {
        var perPush = Math.Max(1, inFlight / 2);
        var prepared = (int)(_expectedRate * duration.TotalSeconds / _devices.Length / perPush) + 64;
        var pushes = new SyncRequest[_devices.Length][];
        Parallel.For(0, _devices.Length, d => pushes[d] = Prepare(_devices[d], prepared, perPush));
        GC.Collect();
        var logs = _devices.Select(_ => new LatencyLog()).ToArray();
        var before = _server.Process.Spent();
        var end = Stopwatch.GetTimestamp() + (long)(duration.TotalSeconds * Stopwatch.Frequency);
        try
        {
            await Task.WhenAll(_streams.Select((s, d) => Task.Run(() => PushLoopAsync(s, pushes[d], perPush, inFlight, end, logs[d], cancel), cancel)));
        }
        finally
        {
            _server.Process.ThrowIfGone();
        }

        var result = new LoadResult(logs.Sum(l => l.Count), duration, LatencyLog.MergeSorted(logs)) { Server = _server.Process.Spent() - before };
        _expectedRate = Math.Max(2 * result.Rate, 5_000);
        return result;
    }

    /// <summary>One push at a time by the first device, and how long until each of the others had it.</summary>
    public async Task<LoadResult> PushesToStreamsAsync(int pushes, CancellationToken cancel)
    {
        var prepared = Prepare(_devices[0], pushes, 1);
        var (author, others) = (_streams[0], _streams[1..]);
        var clock = new FanOutClock(others.Length, pushes);
        var receivers = others.Select((s, r) => Task.Run(() => ReceiveAsync(s, r, clock, pushes, cancel), cancel)).ToArray();
        var started = Stopwatch.GetTimestamp();
        try
        {
            for (var n = 0; n < pushes; n++)
            {
                clock.Sent(n);
                await author.SendAsync(prepared[n], cancel);
                while (await author.NextAsync(cancel) && !IsResult(author.Current))
                {
                    await author.AcknowledgeAsync(cancel);
                }

                await clock.AllArrivedAsync(n).WaitAsync(TimeSpan.FromSeconds(20), cancel);
            }

            var elapsed = Stopwatch.GetElapsedTime(started);
            await Task.WhenAll(receivers);
            await author.CatchUpAsync(cancel);
            return clock.ToResult(elapsed);
        }
        finally
        {
            _server.Process.ThrowIfGone();
        }
    }

    public void Dispose()
    {
        foreach (var stream in _streams)
        {
            stream?.Dispose();
        }

        _channels.Dispose();
    }

    private static async Task PushLoopAsync(SyncStream stream, SyncRequest[] pushes, int perPush, int inFlight, long end, LatencyLog log, CancellationToken cancel)
    {
        var sentAt = new long[pushes.Length];
        var sent = 0;
        var results = 0;
        for (; sent * perPush < inFlight; sent++)
        {
            sentAt[sent] = Stopwatch.GetTimestamp();
            await stream.SendAsync(pushes[sent], cancel);
        }

        while (results < sent * perPush && await stream.NextAsync(cancel))
        {
            if (!IsResult(stream.Current))
            {
                await stream.AcknowledgeAsync(cancel);
                continue;
            }

            var now = Stopwatch.GetTimestamp();
            if (now <= end)
            {
                log.Add(now - sentAt[results / perPush]);
            }

            results++;
            if (now < end && results % perPush == 0)
            {
                if (sent == pushes.Length)
                {
                    throw new InvalidOperationException("The prepared operations did not last: the bench expected fewer a second.");
                }

                sentAt[sent] = now;
                await stream.SendAsync(pushes[sent++], cancel);
            }
        }

        await stream.CatchUpAsync(cancel);
    }

    private static async Task ReceiveAsync(SyncStream stream, int receiver, FanOutClock clock, int pushes, CancellationToken cancel)
    {
        for (var seen = 0; seen < pushes && await stream.NextAsync(cancel);)
        {
            if (stream.Current.MessageCase == SyncResponse.MessageOneofCase.Changes)
            {
                for (var i = 0; i < stream.Current.Changes.Entries.Count; i++, seen++)
                {
                    clock.Arrived(receiver, seen);
                }

                await stream.AcknowledgeAsync(cancel);
            }
        }

        await stream.AcknowledgeAsync(cancel, now: true);
    }

    /// <summary>True for the result of an operation; anything but "applied" ends the run.</summary>
    private static bool IsResult(SyncResponse message)
    {
        if (message.MessageCase != SyncResponse.MessageOneofCase.OpResult)
        {
            return false;
        }

        return message.OpResult.ResultCase == OperationResult.ResultOneofCase.Applied
            ? true
            : throw new InvalidOperationException($"An operation was not applied: {message.OpResult}");
    }

    private static SyncRequest[] Prepare(BenchDevice device, int pushes, int perPush)
    {
        var prepared = new SyncRequest[pushes];
        for (var i = 0; i < pushes; i++)
        {
            var push = new Push();
            for (var n = 0; n < perPush; n++)
            {
                push.Operations.Add(device.CreateItem());
            }

            prepared[i] = new SyncRequest { Push = push };
        }

        return prepared;
    }
}
