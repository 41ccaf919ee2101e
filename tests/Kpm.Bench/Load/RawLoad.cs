using System.Diagnostics;
using System.Net.Sockets;
using Kpm.Bench.Harness;

namespace Kpm.Bench.Load;

/// <summary>
/// Drives a server with bytes, so that what is measured is the server: a client library on the same two cores would cost
/// as much as the server does and hide half of every difference. Both sides of a ratio are driven alike.
/// </summary>
internal static class RawLoad
{
    /// <summary>Calls with one request message, on each connection so many at a time; every response must have the same length.</summary>
    public static Task<LoadResult> CallsAsync(Uri address, RawRequest request, int connections, int concurrency, long responseBytes, TimeSpan duration) =>
        OnOwnThreadAsync(() => Calls(address, request, connections, concurrency, responseBytes, duration));

    /// <summary>Streams on one connection that each send a message and wait for its echo.</summary>
    public static Task<LoadResult> PingPongAsync(Uri address, RawRequest request, int streams, TimeSpan duration) =>
        OnOwnThreadAsync(() => PingPong(address, request, streams, duration));

    /// <summary>
    /// Single calls at a steady pace over one connection. One that could not go out in time, since the one before was still
    /// under way, counts from when it was due.
    /// </summary>
    public static Task<LoadResult> PacedCallsAsync(Uri address, RawRequest request, long responseBytes, TimeSpan pace, TimeSpan duration) =>
        OnOwnThreadAsync(() => PacedCalls(address, request, responseBytes, pace, duration));

    /// <summary>Makes one call and returns the length of its response.</summary>
    public static long ResponseBytes(Uri address, RawRequest request)
    {
        using var connection = new RawConnection(address, request);
        var done = false;
        long received = 0;
        connection.Ended = stream =>
        {
            done = true;
            received = connection.Received(stream);
        };
        connection.Send();
        connection.Flush();
        while (!done)
        {
            connection.Receive();
        }

        return received;
    }

    private static Task<LoadResult> OnOwnThreadAsync(Func<LoadResult> load) =>
        Task.Factory.StartNew(load, CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);

    private static LoadResult Calls(Uri address, RawRequest request, int connections, int concurrency, long responseBytes, TimeSpan duration)
    {
        var log = new LatencyLog(1 << 20);
        var all = new RawConnection[connections];
        var open = 0;
        long end = 0;
        for (var i = 0; i < connections; i++)
        {
            var connection = all[i] = new RawConnection(address, request);
            connection.Ended = stream =>
            {
                var now = Stopwatch.GetTimestamp();
                var received = connection.Received(stream);
                if (received != responseBytes)
                {
                    throw new InvalidOperationException($"A response had {received} bytes where {responseBytes} were due.");
                }

                if (now < end)
                {
                    log.Add(now - connection.SentAt(stream));
                    connection.Send();
                }
                else
                {
                    open--;
                }
            };
        }

        end = Stopwatch.GetTimestamp() + (long)(duration.TotalSeconds * Stopwatch.Frequency);
        foreach (var connection in all)
        {
            for (var i = 0; i < concurrency; i++)
            {
                connection.Send();
                open++;
            }

            connection.Flush();
        }

        Drive(all, () => open > 0);
        foreach (var connection in all)
        {
            connection.Dispose();
        }

        return new LoadResult(log.Count, duration, LatencyLog.MergeSorted([log]));
    }

    private static LoadResult PacedCalls(Uri address, RawRequest request, long responseBytes, TimeSpan pace, TimeSpan duration)
    {
        var log = new LatencyLog(1 << 14);
        using var connection = new RawConnection(address, request);
        var done = false;
        long received = 0;
        connection.Ended = stream =>
        {
            done = true;
            received = connection.Received(stream);
        };
        var step = (long)(pace.TotalSeconds * Stopwatch.Frequency);
        var due = Stopwatch.GetTimestamp();
        for (var end = due + (long)(duration.TotalSeconds * Stopwatch.Frequency); due < end; due += step)
        {
            var left = due - Stopwatch.GetTimestamp();
            if (left > 0)
            {
                Thread.Sleep(TimeSpan.FromSeconds((double)left / Stopwatch.Frequency));
            }

            var start = left > 0 ? Stopwatch.GetTimestamp() : due;
            done = false;
            connection.Send();
            connection.Flush();
            while (!done)
            {
                connection.Receive();
            }

            connection.Flush();
            log.Add(Stopwatch.GetTimestamp() - start);
            if (received != responseBytes)
            {
                throw new InvalidOperationException($"A response had {received} bytes where {responseBytes} were due.");
            }
        }

        return new LoadResult(log.Count, duration, LatencyLog.MergeSorted([log]));
    }

    private static LoadResult PingPong(Uri address, RawRequest request, int streams, TimeSpan duration)
    {
        var log = new LatencyLog(1 << 20);
        using var connection = new RawConnection(address, request);
        var messages = new Dictionary<int, long>();
        var open = streams;
        var end = Stopwatch.GetTimestamp() + (long)(duration.TotalSeconds * Stopwatch.Frequency);
        connection.Ended = _ => open--;
        connection.DataArrived = stream =>
        {
            // A message may arrive in several DATA frames, and is whole when its last byte is here.
            var due = (messages[stream] + 1) * request.Body.Length;
            var received = connection.Received(stream);
            if (received > due)
            {
                throw new InvalidOperationException($"{received} bytes came back where {due} were due.");
            }

            if (received < due)
            {
                return;
            }

            messages[stream]++;
            var now = Stopwatch.GetTimestamp();
            if (now < end)
            {
                log.Add(now - connection.SentAt(stream));
                connection.SendMessage(stream);
            }
            else
            {
                connection.SendEnd(stream);
            }
        };
        for (var i = 0; i < streams; i++)
        {
            messages[connection.Send(endStream: false)] = 0;
        }

        connection.Flush();
        Drive([connection], () => open > 0);
        return new LoadResult(log.Count, duration, LatencyLog.MergeSorted([log]));
    }

    private static void Drive(RawConnection[] connections, Func<bool> goOn)
    {
        if (connections.Length == 1)
        {
            while (goOn())
            {
                connections[0].Receive();
                connections[0].Flush();
            }

            return;
        }

        var bySocket = connections.ToDictionary(c => c.Socket);
        var readable = new List<Socket>(connections.Length);
        while (goOn())
        {
            readable.Clear();
            foreach (var connection in connections)
            {
                readable.Add(connection.Socket);
            }

            Socket.Select(readable, null, null, TimeSpan.FromSeconds(20));
            if (readable.Count == 0)
            {
                throw new TimeoutException("No connection had an answer for 20 s.");
            }

            foreach (var socket in readable)
            {
                bySocket[socket].Receive();
                bySocket[socket].Flush();
            }
        }
    }
}
