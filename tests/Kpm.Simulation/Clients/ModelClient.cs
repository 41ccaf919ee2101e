using Kpm.Server.Rpc;
using Kpm.Server.Vaults;
using Kpm.Simulation.Server;
using Kpm.V1;

namespace Kpm.Simulation.Clients;

/// <summary>
/// A device by the book, without its cryptography: durable outbox and cursor, resumption, repetition of the same bytes, rebase
/// after a conflict. An item is a set of values; merging is their union, so that a lost one is seen.
/// </summary>
internal sealed class ModelClient(Caller caller, Truth truth, Workload workload, Random random, PlantedBug bug, Action crashPoint) : IClientEngine
{
    /// <summary>Of the right form; nothing checks it here.</summary>
    private static readonly DeviceProof NoProof = new()
    {
        Time = new Google.Protobuf.WellKnownTypes.Timestamp { Seconds = 1_772_000_000 },
        Nonce = Google.Protobuf.ByteString.CopyFrom(new byte[16]),
        Signature = Google.Protobuf.ByteString.CopyFrom(new byte[64]),
    };

    private readonly ModelStore _store = new();
    private readonly List<Change> _unfinished = [];
    private readonly HashSet<ulong> _inFlight = [];
    private ulong _received;
    private ulong _toldAtHello;
    private ulong _consumedAtHello;
    private ulong _minSeq;
    private ulong _headAtWelcome;
    private bool _welcomed;
    private bool _caughtUp;
    private ulong _acknowledged;

    public ModelStore Store => _store;

    public Caller Caller => caller;

    private bool Enrolled => _store.Subjects.ContainsKey(caller.DeviceId);

    public Hello Open()
    {
        Closed();
        Require(!_store.InsideBatch, "G7", "a part of an atomic Push was stored");
        Require(_acknowledged <= _store.Cursor, "G4", $"{_acknowledged} was acknowledged, and {_store.Cursor} is stored");
        _received = _store.Cursor;
        (_toldAtHello, _consumedAtHello, _minSeq) = (truth.Told, truth.Consumed(caller.DeviceId), _store.AppliedSeq);
        var hello = new Hello { Generation = _store.Cursor == 0 ? 0u : 1, Cursor = _store.Cursor, MinSeq = _minSeq, Proof = NoProof };
        hello.Versions.Add(1);
        if (_store.Cursor > 0)
        {
            hello.ChainHash = Google.Protobuf.ByteString.CopyFrom(_store.Chain);
        }

        return hello;
    }

    public void Closed()
    {
        _unfinished.Clear();
        _inFlight.Clear();
        (_welcomed, _caughtUp) = (false, false);
    }

    public void Crashed() => Closed();

    public string Describe() => $"cursor {_store.Cursor}, outbox {string.Join(' ', _store.Outbox.Values.Select(o => $"{o.Message.OpSeq}:{o.State}"))}";

    public ClientVerdict Take(SyncResponse message, Action<SyncRequest> send)
    {
        switch (message.MessageCase)
        {
            case SyncResponse.MessageOneofCase.Welcome:
                TakeWelcome(message.Welcome);
                break;
            case SyncResponse.MessageOneofCase.Changes:
                return TakeChanges(message.Changes, send);
            case SyncResponse.MessageOneofCase.CaughtUp:
                TakeBookmark(message.CaughtUp.Seq);
                Require(_caughtUp || message.CaughtUp.Seq >= _headAtWelcome, "G5", $"caught up at {message.CaughtUp.Seq}, and the log had {_headAtWelcome} changes");
                _caughtUp = true;
                Send(send);
                break;
            case SyncResponse.MessageOneofCase.Ping:
                TakeBookmark(message.Ping.HeadSeq);
                send(new SyncRequest { Pong = new Pong() });
                Send(send);
                break;
            case SyncResponse.MessageOneofCase.OpResult:
                TakeResults([message.OpResult]);
                Send(send);
                break;
            case SyncResponse.MessageOneofCase.GoAway:
                return ClientVerdict.Resume;
            default:
                throw new ViolationException("G4", $"an honest client was sent {message.MessageCase} {message.ResyncRequired?.Reason}");
        }

        return ClientVerdict.GoOn;
    }

    public void Send(Action<SyncRequest> send)
    {
        if (!_caughtUp)
        {
            return;
        }

        while (Next(workload.OperationsInFlight - _inFlight.Count) is { Count: > 0 } batch)
        {
            var push = new SyncRequest { Push = new V1.Push { Atomic = batch[0].Batch != 0 } };
            push.Push.Operations.AddRange(batch.Select(MarkSent));
            _inFlight.UnionWith(batch.Select(operation => operation.Message.OpSeq));
            send(push);
        }
    }

    public PushRequest TakeUnary()
    {
        var request = new PushRequest();
        if (Next(workload.OperationsInFlight) is { Count: > 0 } batch)
        {
            request.Atomic = batch[0].Batch != 0;
            request.Operations.AddRange(batch.Select(MarkSent));
        }

        return request;
    }

    public void TakeResults(IReadOnlyList<OperationResult> results)
    {
        foreach (var result in results)
        {
            _inFlight.Remove(result.OpSeq);
            if (!_store.Outbox.TryGetValue(result.OpSeq, out var operation) || operation.Message.OpId != result.OpId)
            {
                // Its change came before its result, or it was made anew.
                continue;
            }

            truth.Heard(caller.DeviceId, operation.Hash, result);
            if (result.Applied is { } applied)
            {
                operation.State = OutState.Applied;
                _store.AppliedSeq = Math.Max(_store.AppliedSeq, applied.Seq);
            }
            else if (operation.Batch != 0)
            {
                Dissolve(operation.Batch);
            }
            else if (result.Conflict is not null)
            {
                operation.State = OutState.Conflicted;
            }
        }

        Rebase();
        crashPoint();
    }

    public void Act()
    {
        if (!Enrolled)
        {
            if (_store.Outbox.Count == 0)
            {
                Make(OperationKind.DeviceKey, caller.DeviceId, 0, [], 0);
            }

            return;
        }

        var free = workload.Items.Where(item => !_store.Outbox.Values.Any(o => o.Subject == item)).ToList();
        if (free.Count > 2 && random.Next(5) == 0)
        {
            var batch = workload.NextBatch();
            foreach (var item in free.Take(random.Next(2, Math.Min(6, free.Count))))
            {
                Edit(item, batch, mayDelete: false);
            }
        }
        else
        {
            Edit(workload.Items[random.Next(workload.Items.Count)], 0, mayDelete: true);
        }

        crashPoint();
    }

    public bool IsSettled(ulong head) => _caughtUp && Enrolled && _store.Outbox.Count == 0 && _store.Cursor == head;

    private void TakeWelcome(Welcome welcome)
    {
        Require(!_welcomed, "G4", "a stream begins twice");
        Require(welcome.HeadSeq >= _toldAtHello, "G2", $"the log has {welcome.HeadSeq} changes, and {_toldAtHello} were told of before");
        Require(welcome.HeadSeq >= _minSeq, "G6", $"min_seq was {_minSeq}, and the head is {welcome.HeadSeq}");
        Require(welcome.LastOpSeq >= _consumedAtHello, "G3", $"the last op_seq is {welcome.LastOpSeq}, and {_consumedAtHello} had a result");
        Require(welcome.LastOpSeq <= _store.OpSeq, "G3", $"the last op_seq is {welcome.LastOpSeq}, and {_store.OpSeq} were made");
        _welcomed = true;
        _headAtWelcome = welcome.HeadSeq;
    }

    private ClientVerdict TakeChanges(Changes changes, Action<SyncRequest> send)
    {
        Require(_welcomed && changes.PrevSeq == _received && changes.Entries.Count > 0, "G4", $"changes after {changes.PrevSeq}, at {_received}");
        Require(changes.LastSeq == changes.Entries[^1].Seq, "G4", $"the last change is {changes.Entries[^1].Seq}, said to be {changes.LastSeq}");
        foreach (var change in changes.Entries)
        {
            Require(change.Seq == _received + 1, "G4", $"seq {change.Seq} after {_received}");
            truth.Heard(change);
            _received = change.Seq;
            _unfinished.Add(change);
        }

        var last = bug == PlantedBug.PartOfBatchApplied ? _unfinished.Count - 1 : _unfinished.FindLastIndex(change => !change.MoreInBatch);
        if (last < 0)
        {
            return ClientVerdict.GoOn;
        }

        var complete = _unfinished[..(last + 1)];
        _unfinished.RemoveRange(0, last + 1);
        if (bug == PlantedBug.AckBeforeStore)
        {
            send(Ack(complete));
            crashPoint();
        }

        Keep(complete);
        crashPoint();
        if (bug != PlantedBug.AckBeforeStore)
        {
            send(Ack(complete));
        }

        Send(send);
        return ClientVerdict.GoOn;
    }

    private SyncRequest Ack(List<Change> complete)
    {
        _acknowledged = complete[^1].Seq;
        return new SyncRequest { Ack = new Ack { Seq = _acknowledged } };
    }

    private void Keep(List<Change> complete)
    {
        if (bug == PlantedBug.CursorBeforeData)
        {
            Advance(complete);
            crashPoint();
        }

        foreach (var change in complete)
        {
            var made = truth.Of(change);
            var subject = Guid.ParseExact(change.SubjectId, "D");
            var tokens = change.Superseded ? null : OperationBytes.Tokens(change.Envelope.Span);
            _store.Subjects[subject] = new KnownSubject(change.Rev, change.Kind, tokens);
            if (made.Device == caller.DeviceId && _store.Outbox.TryGetValue(made.Message.OpSeq, out var own) && own.Hash == Truth.HashOf(change.Header))
            {
                _store.Outbox.Remove(made.Message.OpSeq);
                _inFlight.Remove(made.Message.OpSeq);
            }
        }

        if (bug != PlantedBug.CursorBeforeData)
        {
            Advance(complete);
        }

        Rebase();
    }

    private void Advance(List<Change> complete)
    {
        foreach (var change in complete)
        {
            _store.Chain = VaultState.NextChainHash(_store.Chain, change.Seq, System.Security.Cryptography.SHA256.HashData(change.Header.Span));
        }

        (_store.Cursor, _store.InsideBatch) = (complete[^1].Seq, complete[^1].MoreInBatch);
    }

    private void TakeBookmark(ulong seq)
    {
        Require(_welcomed && seq == _received && _unfinished.Count == 0, "G5", $"a bookmark at {seq}, at {_received} with {_unfinished.Count} changes of an atomic Push begun");
        Require(_store.Subjects.Values.All(subject => subject.Tokens is not null), "G8", "a superseded change was not followed by its successor");
    }

    /// <summary>The operations that the next Push carries: the rest of an atomic one, or a few single ones.</summary>
    private List<OutOperation> Next(int most)
    {
        var next = new List<OutOperation>();
        foreach (var operation in _store.Outbox.Values)
        {
            var sendable = operation.State is OutState.Queued or OutState.Sent && !_inFlight.Contains(operation.Message.OpSeq);
            if (!sendable || (!Enrolled && operation.Message.Kind != OperationKind.DeviceKey))
            {
                continue;
            }

            if (operation.Batch != 0)
            {
                return next.Count > 0 ? next : [.. _store.Outbox.Values.Where(o => o.Batch == operation.Batch)];
            }

            if (next.Count >= Math.Min(most, workload.OperationsPerPush))
            {
                break;
            }

            next.Add(operation);
        }

        return next;
    }

    private Operation MarkSent(OutOperation operation)
    {
        var repeated = operation.State == OutState.Sent;
        operation.State = OutState.Sent;
        if (bug == PlantedBug.SentTakenForDone && operation.Message.Kind == OperationKind.Put)
        {
            _store.Outbox.Remove(operation.Message.OpSeq);
        }

        if (bug != PlantedBug.RepetitionMadeAnew || !repeated)
        {
            return operation.Message;
        }

        _store.Outbox.Remove(operation.Message.OpSeq);
        return Make(operation.Message.Kind, operation.Subject, operation.Message.BaseRev, operation.Made.Tokens, 0, operation.Message.OpSeq).Message;
    }

    private void Edit(Guid item, int batch, bool mayDelete)
    {
        var pending = _store.Outbox.Values.FirstOrDefault(o => o.Subject == item);
        if (pending is not null && (pending.State != OutState.Queued || pending.Batch != 0))
        {
            return;
        }

        var known = _store.Subjects.GetValueOrDefault(item);
        if (known is { Tokens: null })
        {
            return;
        }

        var baseRev = pending?.Message.BaseRev ?? known?.Rev ?? 0;
        SortedSet<int> tokens = [.. pending?.Made.Tokens ?? known?.Tokens ?? []];
        if (pending is not null)
        {
            _store.Outbox.Remove(pending.Message.OpSeq);
        }

        if (mayDelete && known?.Kind == OperationKind.Put && random.Next(8) == 0)
        {
            // What the person sees goes, the edit that was never sent with it.
            truth.Dropped((pending?.Made.Tokens ?? []).Except(known.Tokens!));
            Make(OperationKind.Delete, item, baseRev, [.. known.Tokens!], batch);
            return;
        }

        var typed = workload.NextToken();
        truth.Typed(typed);
        tokens.Add(typed);
        Make(OperationKind.Put, item, baseRev, tokens, batch);
    }

    private OutOperation Make(OperationKind kind, Guid subject, ulong baseRev, IReadOnlyCollection<int> tokens, int batch, ulong opSeq = 0)
    {
        var envelope = kind switch
        {
            OperationKind.Put => OperationBytes.Envelope(tokens, random.Next(4) == 0 ? random.Next(3000) : random.Next(200)),
            OperationKind.Delete => [],
            _ => OperationBytes.Envelope([], 40),
        };
        opSeq = opSeq == 0 ? ++_store.OpSeq : opSeq;
        var message = OperationBytes.Make(caller.AccountId, caller.DeviceId, opSeq, OperationBytes.Id(random), kind, subject, baseRev, envelope, _store.Cursor, _store.Chain);
        var made = new MadeOperation(caller.DeviceId, message, tokens, batch);
        truth.Made(made);
        var operation = new OutOperation { Made = made, Subject = subject, Hash = Truth.HashOf(message.Header), Batch = batch };
        _store.Outbox.Add(opSeq, operation);
        return operation;
    }

    /// <summary>An atomic Push failed, or was aborted unheard and its numbers were passed over: what is left of its operations goes on alone.</summary>
    private void Dissolve(int batch)
    {
        foreach (var operation in _store.Outbox.Values.Where(o => o.Batch == batch))
        {
            (operation.Batch, operation.State) = (0, OutState.Anew);
        }
    }

    /// <summary>Puts what lost against another device's change on top of it. A rebased operation is a new one.</summary>
    private void Rebase()
    {
        var moved = _store.Outbox.Values.Where(o => Known(o)?.Rev > o.Message.BaseRev).ToList();
        foreach (var batch in moved.Select(o => o.Batch).Where(batch => batch != 0).Distinct().ToList())
        {
            Dissolve(batch);
        }

        foreach (var operation in _store.Outbox.Values.ToList())
        {
            var known = Known(operation);
            var rev = known?.Rev ?? 0;
            if (rev < operation.Message.BaseRev || (rev == operation.Message.BaseRev && operation.State != OutState.Anew) || known is { Tokens: null })
            {
                continue;
            }

            _store.Outbox.Remove(operation.Message.OpSeq);
            var opSeq = bug == PlantedBug.RebaseKeepsOpSeq ? operation.Message.OpSeq : 0;
            if (operation.Message.Kind != OperationKind.Delete)
            {
                var theirs = bug == PlantedBug.MergeDropsTheirs ? [] : known?.Tokens ?? [];
                Make(operation.Message.Kind, operation.Subject, rev, new SortedSet<int>(operation.Made.Tokens.Concat(theirs)), 0, opSeq);
            }
            else if (rev == operation.Message.BaseRev && known?.Kind == OperationKind.Put)
            {
                Make(OperationKind.Delete, operation.Subject, rev, operation.Made.Tokens, 0, opSeq);
            }
        }
    }

    private KnownSubject? Known(OutOperation operation) => _store.Subjects.GetValueOrDefault(operation.Subject);

    private static void Require(bool holds, string guarantee, string what)
    {
        if (!holds)
        {
            throw new ViolationException(guarantee, what);
        }
    }
}
