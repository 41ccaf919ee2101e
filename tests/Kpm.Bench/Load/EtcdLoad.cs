using System.Diagnostics;
using System.Security.Cryptography;
using Google.Protobuf;
using Grpc.Core;
using Kpm.Bench.EtcdApi;
using Kpm.Bench.Harness;

namespace Kpm.Bench.Load;

/// <summary>etcd's side of P1 and P2: puts of 1 KiB values, and puts seen by watchers.</summary>
internal sealed class EtcdLoad(Uri address)
{
    private const int ValueBytes = 1024;

    private int _round;

    /// <summary>Devices that each put a new key at a time.</summary>
    public async Task<LoadResult> PutsAsync(int devices, TimeSpan duration)
    {
        using var channels = new Channels(address, devices);
        var round = Interlocked.Increment(ref _round);
        var clients = Enumerable.Range(0, devices).Select(d => new KV.KVClient(channels[d])).ToArray();
        var value = ByteString.CopyFrom(RandomNumberGenerator.GetBytes(ValueBytes));
        // One call each before the clock starts: connections are up.
        await Task.WhenAll(clients.Select((c, d) => c.PutAsync(new PutRequest { Key = Key(round, d, -1), Value = value }).ResponseAsync));
        return await ClosedLoop.RunAsync(devices, duration, async (device, n) =>
            await clients[device].PutAsync(new PutRequest { Key = Key(round, device, n), Value = value }));
    }

    /// <summary>One put at a time, and how long until each of the watchers had it.</summary>
    public async Task<LoadResult> PutsToWatchersAsync(int watchers, int puts, CancellationToken cancel)
    {
        using var channels = new Channels(address, watchers + 1);
        var key = ByteString.CopyFromUtf8($"watched/{Interlocked.Increment(ref _round)}");
        var author = new KV.KVClient(channels[0]);
        var rounds = new FanOutClock(watchers, puts);
        var calls = new List<AsyncDuplexStreamingCall<WatchRequest, WatchResponse>>();
        var readers = new List<Task>();
        try
        {
            for (var w = 0; w < watchers; w++)
            {
                var call = new Watch.WatchClient(channels[w + 1]).Watch(cancellationToken: cancel);
                calls.Add(call);
                await call.RequestStream.WriteAsync(new WatchRequest { CreateRequest = new WatchCreateRequest { Key = key } }, cancel);
                if (!await call.ResponseStream.MoveNext(cancel) || !call.ResponseStream.Current.Created)
                {
                    throw new InvalidOperationException("etcd did not create a watch.");
                }

                var receiver = w;
                readers.Add(Task.Run(
                    async () =>
                    {
                        for (var seen = 0; seen < puts && await call.ResponseStream.MoveNext(cancel);)
                        {
                            for (var i = 0; i < call.ResponseStream.Current.Events.Count; i++, seen++)
                            {
                                rounds.Arrived(receiver, seen);
                            }
                        }
                    },
                    cancel));
            }

            var value = ByteString.CopyFrom(RandomNumberGenerator.GetBytes(ValueBytes));
            var started = Stopwatch.GetTimestamp();
            for (var n = 0; n < puts; n++)
            {
                rounds.Sent(n);
                await author.PutAsync(new PutRequest { Key = key, Value = value }, cancellationToken: cancel);
                await rounds.AllArrivedAsync(n).WaitAsync(TimeSpan.FromSeconds(20), cancel);
            }

            var elapsed = Stopwatch.GetElapsedTime(started);
            await Task.WhenAll(readers);
            return rounds.ToResult(elapsed);
        }
        finally
        {
            calls.ForEach(c => c.Dispose());
        }
    }

    private static ByteString Key(int round, int device, int n) => ByteString.CopyFromUtf8($"{round:x4}/{device:x8}/{n:x16}");
}
