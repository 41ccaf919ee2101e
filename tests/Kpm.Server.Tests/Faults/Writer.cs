using System.Collections.Concurrent;
using Grpc.Core;
using Kpm.Server.Tests.Faults.Histories;
using Kpm.V1;

namespace Kpm.Server.Tests.Faults;

/// <summary>An operation that was handed to the network, and its result once that was received.</summary>
internal sealed class Sent(Operation operation)
{
    public Operation Operation => operation;

    public OperationResult? Result { get; set; }

    /// <summary>False in an atomic Push that was not applied: nothing of it is stored, and so it has no result to repeat.</summary>
    public bool IsStored { get; set; } = true;
}

/// <summary>The operations of one Push, which are retransmitted as they were.</summary>
internal sealed record Batch(IReadOnlyList<Sent> Operations, bool Atomic);

/// <summary>
/// One device that writes as fast as it is answered, by Push or through a stream with many operations in flight, and
/// that remembers every operation and every acknowledgement, as a real device keeps its outbox. What it does and sees is
/// written down in the account's history.
/// </summary>
internal sealed class Writer(TestDevice device, IReadOnlyList<string> sharedItems, bool streams, int seed, HistoryRecorder history)
{
    private const int OwnItems = 24;

    private readonly Random _random = new(seed);
    private readonly Lock _gate = new();
    private readonly Dictionary<string, ulong> _revs = new(StringComparer.Ordinal);
    private readonly HashSet<string> _deleted = new(StringComparer.Ordinal);
    private readonly HashSet<string> _busy = new(StringComparer.Ordinal);
    private readonly List<Batch> _pending = [];
    private readonly LogReader _log = new();
    private ulong _newest;
    private int _acknowledged;

    public TestDevice Device => device;

    /// <summary>Everything that was ever sent, by op_seq.</summary>
    public ConcurrentDictionary<ulong, Sent> Ledger { get; } = new();

    /// <summary>How many operations have an answer.</summary>
    public int Acknowledged => Volatile.Read(ref _acknowledged);

    public int Pending
    {
        get
        {
            lock (_gate)
            {
                return _pending.Count;
            }
        }
    }

    /// <summary>Enters the directory; an operation like any other.</summary>
    public async Task EnrolAsync(CallInvoker server, CancellationToken cancellationToken)
    {
        var sent = Track(device.DeviceKey());
        history.Invoked(device.Id, [sent.Operation], atomic: false);
        var answer = await Client(server).PublishDeviceKeyAsync(new PublishDeviceKeyRequest { Operation = sent.Operation }, device.Headers, cancellationToken: cancellationToken);
        history.Answered(device.Id, answer.Result);
        sent.Result = answer.Result;
        _acknowledged++;
        Assert.Equal(OperationResult.ResultOneofCase.Applied, answer.Result.ResultCase);
    }

    /// <summary>Writes until the server is gone or it is told to stop; what had no answer yet goes first.</summary>
    public async Task RunAsync(CallInvoker server, CancellationToken stop, CancellationToken cancellationToken)
    {
        try
        {
            if (streams)
            {
                await StreamAsync(server, stop, cancellationToken);
            }
            else
            {
                await ResolveAsync(server, cancellationToken);
                while (!stop.IsCancellationRequested)
                {
                    await PushAsync(server, NextBatch(), cancellationToken);
                }
            }
        }
        catch (RpcException e) when (IsOutage(e))
        {
        }
    }

    /// <summary>Sends again whatever had no answer, the same bytes, until everything has one.</summary>
    public async Task ResolveAsync(CallInvoker server, CancellationToken cancellationToken)
    {
        Batch[] pending;
        lock (_gate)
        {
            pending = [.. _pending];
        }

        foreach (var batch in pending)
        {
            await PushAsync(server, batch, cancellationToken);
        }
    }

    /// <summary>Sends operations a second time that were acknowledged; each must be answered as it was.</summary>
    public async Task RepeatAsync(CallInvoker server, int count, CancellationToken cancellationToken)
    {
        var request = new PushRequest();
        var newest = Ledger.Values.Where(s => s is { Result: not null, IsStored: true }).OrderBy(s => s.Operation.OpSeq).TakeLast(count).ToList();
        request.Operations.AddRange(newest.Select(s => s.Operation));
        var answer = await Client(server).PushAsync(request, device.Headers, cancellationToken: cancellationToken);
        foreach (var result in answer.Results)
        {
            history.Answered(device.Id, result);
        }

        Assert.Equal(newest.Select(s => s.Result), answer.Results);
    }

    /// <summary>The connection is gone. An answer that the server made is never an outage, except that it has no time.</summary>
    private static bool IsOutage(RpcException e) => BadInput.Outcome.Of(e).Rich is null && e.StatusCode is StatusCode.Unavailable or StatusCode.Internal or StatusCode.Cancelled or StatusCode.Unknown;

    private static VaultService.VaultServiceClient Client(CallInvoker server) => new(server);

    private async Task PushAsync(CallInvoker server, Batch batch, CancellationToken cancellationToken)
    {
        var request = new PushRequest { Atomic = batch.Atomic };
        request.Operations.AddRange(batch.Operations.Select(s => s.Operation));
        history.Invoked(device.Id, request.Operations, batch.Atomic);
        var answer = await Client(server).PushAsync(request, device.Headers, cancellationToken: cancellationToken);
        Assert.Equal(batch.Operations.Count, answer.Results.Count);
        foreach (var result in answer.Results)
        {
            Take(result);
        }
    }

    private async Task StreamAsync(CallInvoker server, CancellationToken stop, CancellationToken cancellationToken)
    {
        using var ended = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        using var call = Client(server).Sync(device.Headers, cancellationToken: cancellationToken);
        using var turn = new SemaphoreSlim(1);
        var hello = device.Hello(_log.Cursor == 0 ? 0UL : 1, _log.Cursor, _log.Cursor == 0 ? null : _log.ChainHash);
        hello.MinSeq = _newest;
        var seen = history.Opened(device.Id, hello.Cursor, hello.MinSeq);
        await call.RequestStream.WriteAsync(new SyncRequest { Hello = hello }, cancellationToken);
        if (!await call.ResponseStream.MoveNext(cancellationToken))
        {
            return;
        }

        var welcome = call.ResponseStream.Current.Welcome;
        Assert.True(welcome is not null, $"instead of Welcome: {call.ResponseStream.Current}");
        seen.Welcome(welcome);
        using var slots = new SemaphoreSlim((int)welcome.Limits.MaxOperationsInFlight);
        var reading = ReadAsync(call, seen, turn, slots, ended);
        try
        {
            await SendAsync(call, turn, slots, stop, ended.Token);
            while (Pending > 0)
            {
                await Task.Delay(TimeSpan.FromMilliseconds(5), ended.Token);
            }

            await call.RequestStream.CompleteAsync();
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            // The reading ended first, and says why.
        }

        await reading;
    }

    private async Task SendAsync(AsyncDuplexStreamingCall<SyncRequest, SyncResponse> call, SemaphoreSlim turn, SemaphoreSlim slots, CancellationToken stop, CancellationToken ended)
    {
        Batch[] again;
        lock (_gate)
        {
            again = [.. _pending];
        }

        for (var i = 0; i < again.Length || !stop.IsCancellationRequested; i++)
        {
            var batch = i < again.Length ? again[i] : NextBatch();
            foreach (var _ in batch.Operations)
            {
                await slots.WaitAsync(ended);
            }

            var push = new Push { Atomic = batch.Atomic };
            push.Operations.AddRange(batch.Operations.Select(s => s.Operation));
            history.Invoked(device.Id, push.Operations, batch.Atomic);
            await WriteAsync(call, turn, new SyncRequest { Push = push }, ended);
        }
    }

    private async Task ReadAsync(AsyncDuplexStreamingCall<SyncRequest, SyncResponse> call, HistoryRecorder.RecordedStream seen, SemaphoreSlim turn, SemaphoreSlim slots, CancellationTokenSource ended)
    {
        try
        {
            while (await call.ResponseStream.MoveNext(ended.Token))
            {
                var message = call.ResponseStream.Current;
                switch (message.MessageCase)
                {
                    case SyncResponse.MessageOneofCase.OpResult:
                        Take(message.OpResult);
                        slots.Release();
                        break;
                    case SyncResponse.MessageOneofCase.Changes:
                        seen.Changes(message.Changes);
                        _log.Take(message.Changes);
                        await WriteAsync(call, turn, new SyncRequest { Ack = new Ack { Seq = _log.Cursor } }, ended.Token);
                        break;
                    case SyncResponse.MessageOneofCase.CaughtUp:
                        seen.CaughtUp(message.CaughtUp);
                        Assert.Equal(_log.Cursor, message.CaughtUp.Seq);
                        break;
                    case SyncResponse.MessageOneofCase.Ping:
                        seen.Ping(message.Ping);
                        await WriteAsync(call, turn, new SyncRequest { Pong = new Pong() }, ended.Token);
                        break;
                    default:
                        Assert.Fail($"unexpected in the stream: {message}");
                        break;
                }
            }
        }
        finally
        {
            await ended.CancelAsync();
        }
    }

    private static async Task WriteAsync(AsyncDuplexStreamingCall<SyncRequest, SyncResponse> call, SemaphoreSlim turn, SyncRequest message, CancellationToken cancellationToken)
    {
        await turn.WaitAsync(cancellationToken);
        try
        {
            await call.RequestStream.WriteAsync(message, cancellationToken);
        }
        catch (InvalidOperationException)
        {
            // The call has ended; the reading end has its status.
            throw new OperationCanceledException();
        }
        finally
        {
            turn.Release();
        }
    }

    private Batch NextBatch()
    {
        lock (_gate)
        {
            var operations = new List<Sent>();
            var count = _random.Next(3) == 0 ? _random.Next(2, 6) : 1;
            for (var i = 0; i < count; i++)
            {
                operations.Add(Track(NextOperation()));
            }

            var batch = new Batch(operations, count > 1 && _random.Next(2) == 0);
            _pending.Add(batch);
            return batch;
        }
    }

    private Operation NextOperation()
    {
        var choice = _random.Next(10);
        if (choice == 0 && sharedItems.Where(i => !_busy.Contains(i)).ToList() is { Count: > 0 } shared)
        {
            return Put(shared[_random.Next(shared.Count)]);
        }

        var free = _revs.Keys.Where(i => !_busy.Contains(i) && !sharedItems.Contains(i, StringComparer.Ordinal)).ToList();
        if (free.Count == 0 || (_revs.Count < OwnItems && choice < 4))
        {
            return Put(TestDevice.NewId());
        }

        var item = free[_random.Next(free.Count)];
        if (choice == 9 && !_deleted.Contains(item))
        {
            _busy.Add(item);
            return device.Delete(item, _revs[item]);
        }

        return Put(item);
    }

    private Operation Put(string item)
    {
        _busy.Add(item);
        return device.Put(item, _revs.GetValueOrDefault(item));
    }

    private Sent Track(Operation operation)
    {
        var sent = new Sent(operation);
        Assert.True(Ledger.TryAdd(operation.OpSeq, sent));
        return sent;
    }

    private void Take(OperationResult result)
    {
        history.Answered(device.Id, result);
        lock (_gate)
        {
            var sent = Ledger[result.OpSeq];
            Assert.Equal(sent.Operation.OpId, result.OpId);
            var batch = _pending.FirstOrDefault(b => b.Operations.Contains(sent));
            if (sent.Result is { } former)
            {
                // Sent again because of its neighbours in the Push: it changes nothing, since newer operations may be under way.
                Assert.True(former.Equals(result) || (batch is { Atomic: true } && former.Applied is null && result.Applied is null), $"answered {former}, then {result}");
                return;
            }

            _acknowledged++;
            sent.Result = result;
            switch (result.ResultCase)
            {
                case OperationResult.ResultOneofCase.Applied:
                    _newest = Math.Max(_newest, result.Applied.Seq);
                    _revs[sent.Operation.SubjectId] = result.Applied.Rev;
                    var deleted = sent.Operation.Kind == OperationKind.Delete;
                    _ = deleted ? _deleted.Add(sent.Operation.SubjectId) : _deleted.Remove(sent.Operation.SubjectId);
                    break;
                case OperationResult.ResultOneofCase.Conflict:
                    Assert.Contains(sent.Operation.SubjectId, sharedItems);
                    _revs[sent.Operation.SubjectId] = result.Conflict.Rev;
                    break;
                default:
                    // What an atomic Push did not apply has no stored result: sent again behind newer operations, it is forgotten.
                    Assert.Contains(result.Rejected.Reason, new[] { RejectionReason.AtomicAborted, RejectionReason.ResultForgotten });
                    Assert.True(batch is null or { Atomic: true }, $"not of an atomic Push, and {result.Rejected.Reason}");
                    break;
            }

            _busy.Remove(sent.Operation.SubjectId);
            if (batch is not null && batch.Operations.All(s => s.Result is not null))
            {
                _pending.Remove(batch);
                if (batch.Atomic && batch.Operations.Any(s => s.Result!.ResultCase != OperationResult.ResultOneofCase.Applied))
                {
                    Assert.DoesNotContain(batch.Operations, s => s.Result!.ResultCase == OperationResult.ResultOneofCase.Applied);
                    foreach (var aborted in batch.Operations)
                    {
                        aborted.IsStored = false;
                    }
                }
            }
        }
    }
}
