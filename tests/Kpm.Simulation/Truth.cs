using System.Security.Cryptography;
using Google.Protobuf;
using Kpm.Server;
using Kpm.Server.Vaults;
using Kpm.V1;

namespace Kpm.Simulation;

/// <summary>A guarantee of docs/sync.md does not hold.</summary>
internal sealed class ViolationException(string guarantee, string what) : Exception($"{guarantee}: {what}")
{
    public string Guarantee => guarantee;
}

/// <summary>An operation as a device made it.</summary>
/// <param name="Device">Its author.</param>
/// <param name="Message">Its bytes.</param>
/// <param name="Tokens">The values that a PUT carries, or that whoever deletes has seen.</param>
/// <param name="Batch">The atomic Push that it was made for; 0 for none.</param>
internal sealed record MadeOperation(Guid Device, Operation Message, IReadOnlyCollection<int> Tokens, int Batch);

/// <summary>
/// What is known of one account from outside: every operation that was made, and everything that any client was told. Each
/// word that a client hears is held against all words before; in the end the log itself is.
/// </summary>
internal sealed class Truth(Limits limits)
{
    private readonly Dictionary<string, MadeOperation> _made = new(StringComparer.Ordinal);
    private readonly Dictionary<(Guid Device, ulong OpSeq, string Hash), OperationResult> _results = [];
    private readonly Dictionary<ulong, string> _applied = [];
    private readonly Dictionary<Guid, ulong> _consumed = [];
    private readonly List<(string Hash, Change Change)> _log = [];
    private readonly HashSet<int> _typed = [];
    private readonly HashSet<string> _passedOver = new(StringComparer.Ordinal);
    private readonly Dictionary<string, ulong> _seqOf = new(StringComparer.Ordinal);
    private readonly Dictionary<string, ulong> _revs = new(StringComparer.Ordinal);

    /// <summary>The greatest seq that anybody was told of: it is durable.</summary>
    public ulong Told { get; private set; }

    public int Length => _log.Count;

    public static string HashOf(ByteString header) => Convert.ToHexString(SHA256.HashData(header.Span));

    public void Made(MadeOperation operation) => _made.Add(HashOf(operation.Message.Header), operation);

    /// <summary>A device has stored what a person typed: it must come into the log, whatever happens.</summary>
    public void Typed(int token) => _typed.Add(token);

    /// <summary>The person has thrown away what was typed, before it was sent.</summary>
    public void Dropped(IEnumerable<int> tokens) => _typed.ExceptWith(tokens);

    /// <summary>The greatest op_seq of a device that a durable result has consumed.</summary>
    public ulong Consumed(Guid device) => _consumed.GetValueOrDefault(device);

    public MadeOperation Of(Change change) => _made[HashOf(change.Header)];

    /// <summary>A client has received a change.</summary>
    public void Heard(Change change)
    {
        var hash = HashOf(change.Header);
        if (change.Seq <= (ulong)_log.Count)
        {
            var (known, first) = _log[(int)change.Seq - 1];
            Require(known == hash, "G4", $"seq {change.Seq} is another change than before");
            Require(first.MoreInBatch == change.MoreInBatch, "G7", $"seq {change.Seq} ends an atomic Push for one reader and not for another");
            Require(change.Superseded || change.Envelope == _made[hash].Message.Envelope, "G4", $"seq {change.Seq} has another envelope than was sent");
            return;
        }

        Require(change.Seq == (ulong)_log.Count + 1, "G4", $"seq {change.Seq} comes after {_log.Count}");
        Require(_made.TryGetValue(hash, out var made), "G4", $"nobody made seq {change.Seq}");
        Require(!_passedOver.Contains(hash), "G3", $"the operation of seq {change.Seq} was passed over");
        Require(_seqOf.TryAdd(hash, change.Seq), "G3", $"the operation of seq {change.Seq} stands at seq {_seqOf.GetValueOrDefault(hash)} already");
        Require(!_applied.TryGetValue(change.Seq, out var acknowledged) || acknowledged == hash, "G2", $"at seq {change.Seq} another operation was acknowledged");
        Require(change.Rev == made!.Message.BaseRev + 1 && _revs.GetValueOrDefault(change.SubjectId) == made.Message.BaseRev, "G1", $"seq {change.Seq} was not made on the newest revision");
        Require(change.Superseded || change.Envelope == made.Message.Envelope, "G4", $"seq {change.Seq} has another envelope than was sent");
        RequireBatch(change, made);
        _revs[change.SubjectId] = change.Rev;
        _log.Add((hash, change));
        Told = Math.Max(Told, change.Seq);
    }

    /// <summary>A device has received the result of one of its operations.</summary>
    public void Heard(Guid device, string hash, OperationResult result)
    {
        var made = _made[hash];
        if (result.Rejected is { Reason: RejectionReason.AtomicAborted })
        {
            return;
        }

        if (made.Batch != 0 && result.Rejected is { Reason: RejectionReason.ResultForgotten })
        {
            // The device has not heard that its atomic Push was aborted, and has gone on: the numbers were passed over for good.
            Require(!_seqOf.ContainsKey(hash), "G3", $"operation {result.OpSeq} is in the log, and its result is not known");
            _passedOver.Add(hash);
            return;
        }

        // A conflict inside an aborted atomic Push was not stored, so it may turn out otherwise later.
        var key = (device, result.OpSeq, hash);
        if (made.Batch == 0 && _results.TryGetValue(key, out var before))
        {
            Require(SameOutcome(before, result), "G3", $"operation {result.OpSeq} was answered {before} and then {result}");
        }

        _results[key] = result;
        if (result.Applied is { } applied)
        {
            Require(!_seqOf.TryGetValue(hash, out var at) || at == applied.Seq, "G3", $"operation {result.OpSeq} stands at {at} and was acknowledged at {applied.Seq}");
            Require(applied.Seq > (ulong)_log.Count || _log[(int)applied.Seq - 1].Hash == hash, "G2", $"at seq {applied.Seq} stands another operation than was acknowledged");
            Require(_applied.TryAdd(applied.Seq, hash) || _applied[applied.Seq] == hash, "G3", $"two operations were acknowledged at seq {applied.Seq}");
            Require(applied.Rev == made.Message.BaseRev + 1, "G1", $"operation {result.OpSeq} made revision {applied.Rev}");
            Told = Math.Max(Told, applied.Seq);
        }
        else if (result.Conflict is { } conflict)
        {
            Require(conflict.Rev != made.Message.BaseRev, "G1", $"operation {result.OpSeq} is in conflict with the revision that it was made on");
            Require(!_seqOf.ContainsKey(hash), "G3", $"operation {result.OpSeq} is in the log and was answered CONFLICT");
        }
        else
        {
            throw new ViolationException("G3", $"an honest operation {result.OpSeq} was rejected: {result.Rejected?.Reason}");
        }

        if (made.Batch == 0 || result.Applied is not null)
        {
            _consumed[device] = Math.Max(Consumed(device), result.OpSeq);
        }
    }

    /// <summary>The end: the whole log as the server has it, and its state.</summary>
    public void Check(IReadOnlyList<Change> log, VaultState state)
    {
        Require(log.Count == _log.Count && state.HeadSeq == (ulong)_log.Count, "G2", $"the log has {log.Count} changes, its head is {state.HeadSeq}, and clients were told of {_log.Count}");
        var chain = new byte[VaultState.HashLength];
        foreach (var (change, known) in log.Zip(_log))
        {
            Require(HashOf(change.Header) == known.Hash && change.Seq == known.Change.Seq, "G2", $"seq {change.Seq} is not what clients were told");
            chain = VaultState.NextChainHash(chain, change.Seq, SHA256.HashData(change.Header.Span));
        }

        Require(chain.AsSpan().SequenceEqual(state.ChainHash), "G4", "the chain hash is not that of the log");
        foreach (var (seq, hash) in _applied)
        {
            Require(seq <= (ulong)_log.Count && _log[(int)seq - 1].Hash == hash, "G2", $"the operation that was acknowledged at seq {seq} is not there");
        }

        RequireWholeBatches();
        RequireHistory(log, state);
    }

    /// <summary>G8: each value ever committed is in the item still, or was replaced or deleted by somebody who saw it.</summary>
    public void CheckValues(IReadOnlyDictionary<Guid, IReadOnlyCollection<int>> final, IReadOnlySet<int> replaced)
    {
        var unsent = _typed.Except(_log.SelectMany(entry => _made[entry.Hash].Tokens)).ToList();
        Require(unsent.Count == 0, "G3", $"the values {string.Join(", ", unsent)} never came into the log");
        foreach (var subject in _log.Where(entry => entry.Change.Kind is OperationKind.Put or OperationKind.Delete).GroupBy(entry => entry.Change.SubjectId))
        {
            var kept = final.GetValueOrDefault(Guid.ParseExact(subject.Key, "D")) ?? [];
            var deleted = subject.Where(entry => entry.Change.Kind == OperationKind.Delete).SelectMany(entry => _made[entry.Hash].Tokens);
            var lost = subject.SelectMany(entry => _made[entry.Hash].Tokens).Except(kept).Except(deleted).Except(replaced).ToList();
            Require(lost.Count == 0, "G8", $"of item {subject.Key} the values {string.Join(", ", lost)} are lost");
        }
    }

    private void RequireBatch(Change change, MadeOperation made)
    {
        if (_log.Count > 0 && _log[^1].Change.MoreInBatch)
        {
            Require(made.Batch != 0 && _made[_log[^1].Hash].Batch == made.Batch, "G7", $"seq {change.Seq} stands inside another's atomic Push");
        }

        Require(!change.MoreInBatch || made.Batch != 0, "G7", $"seq {change.Seq} is marked as part of an atomic Push");
    }

    private void RequireWholeBatches()
    {
        foreach (var batch in _log.Where(entry => _made[entry.Hash].Batch != 0).GroupBy(entry => _made[entry.Hash].Batch))
        {
            var made = _made.Values.Count(operation => operation.Batch == batch.Key);
            var (first, last) = (batch.First().Change.Seq, batch.Last().Change.Seq);
            Require(batch.Count() == made && last - first + 1 == (ulong)made, "G7", $"of the {made} operations of an atomic Push {batch.Count()} stand at seq {first} to {last}");
            Require(batch.All(entry => entry.Change.MoreInBatch == (entry.Change.Seq != last)), "G7", $"the atomic Push at seq {first} to {last} is not marked as one");
        }
    }

    /// <summary>The newest revisions keep their envelopes, and the counters say what is there.</summary>
    private void RequireHistory(IReadOnlyList<Change> log, VaultState state)
    {
        ulong bytes = 0;
        ulong items = 0;
        foreach (var subject in log.GroupBy(change => change.SubjectId))
        {
            var newest = subject.Last();
            items += newest.Kind == OperationKind.Put ? 1u : 0;
            foreach (var change in subject)
            {
                var kept = change.Rev + limits.RevisionsPerSubject > newest.Rev;
                Require(!kept || (!change.Superseded && change.Envelope == Of(change).Message.Envelope), "G8", $"revision {change.Rev} of {newest.Rev} has lost its envelope");
                bytes += (ulong)change.Envelope.Length;
            }
        }

        Require(state.Items == items && state.Bytes == bytes, "G1", $"the vault counts {state.Items} items and {state.Bytes} bytes, and there are {items} and {bytes}");
    }

    private static bool SameOutcome(OperationResult one, OperationResult other) =>
        (one.Applied?.Seq, one.Applied?.Rev, one.Conflict?.Rev, one.Rejected?.Reason) == (other.Applied?.Seq, other.Applied?.Rev, other.Conflict?.Rev, other.Rejected?.Reason);

    private static void Require(bool holds, string guarantee, string what)
    {
        if (!holds)
        {
            throw new ViolationException(guarantee, what);
        }
    }
}
