using Google.Protobuf;
using Kpm.Client.Kpm1;
using Kpm.V1;

namespace Kpm.Client.Tests.Sync;

/// <summary>
/// An honest vault in memory, as far as the client's rules need one: compare-and-set by base_rev,
/// results remembered by op_seq, one dense log.
/// </summary>
internal sealed class FakeServer(Guid account)
{
    private readonly Dictionary<Guid, (ulong Rev, OperationKind Kind)> _subjects = [];
    private readonly Dictionary<Guid, SortedDictionary<ulong, (ByteString Header, OperationResult Result)>> _results = [];

    public Guid Account { get; } = account;

    public List<Change> Log { get; private init; } = [];

    public uint KeyEpoch { get; private set; } = 1;

    public ulong Generation { get; private init; } = 1;

    /// <summary>The server as a backup of this moment would bring it back, in the next generation.</summary>
    public FakeServer Backup(ulong generation)
    {
        var restored = new FakeServer(Account) { Log = [.. Log.Select(change => change.Clone())], Generation = generation, KeyEpoch = KeyEpoch };
        foreach (var (subject, known) in _subjects)
        {
            restored._subjects.Add(subject, known);
        }

        foreach (var (device, results) in _results)
        {
            restored._results.Add(device, new SortedDictionary<ulong, (ByteString Header, OperationResult Result)>(results));
        }

        return restored;
    }

    /// <summary>All of them or none; the entries but the last are marked.</summary>
    public List<OperationResult> PushAtomic(IReadOnlyList<Operation> operations)
    {
        var before = Log.Count;
        var results = operations.Select(Push).ToList();
        Log.Skip(before).SkipLast(1).ToList().ForEach(change => change.MoreInBatch = true);
        return results;
    }

    public OperationResult Push(Operation operation)
    {
        var header = OperationHeader.Parse(operation.Header.Span);
        if (!_results.TryGetValue(header.Device, out var results))
        {
            _results.Add(header.Device, results = []);
        }

        if (results.TryGetValue(operation.OpSeq, out var known))
        {
            return known.Header == operation.Header ? known.Result : Rejected(operation, RejectionReason.DeviceFork);
        }

        if (results.Count > 0 && operation.OpSeq < results.Keys.Max())
        {
            throw new InvalidOperationException("An op_seq came out of order.");
        }

        var result = Apply(operation, header);
        results.Add(operation.OpSeq, (operation.Header, result));
        return result;
    }

    public IEnumerable<Change> After(ulong cursor) => Log.Skip((int)cursor).Select(change => change.Clone());

    private OperationResult Apply(Operation operation, OperationHeader header)
    {
        if (header.Generation != Generation || header.KeyEpoch != KeyEpoch + (header.Kind == OperationKind.Keyset && header.KeyEpoch > KeyEpoch ? 1u : 0u))
        {
            return Rejected(operation, RejectionReason.EpochMismatch);
        }

        var known = _subjects.GetValueOrDefault(header.Subject);
        if (known.Rev != header.BaseRev)
        {
            return new OperationResult { OpId = operation.OpId, OpSeq = operation.OpSeq, Conflict = new OperationResult.Types.Conflict { Rev = known.Rev } };
        }

        if (header.Kind == OperationKind.Delete && known.Kind != OperationKind.Put)
        {
            return Rejected(operation, RejectionReason.SubjectInvalid);
        }

        KeyEpoch = header.KeyEpoch;
        _subjects[header.Subject] = (header.Rev, header.Kind);
        Log.Add(new Change
        {
            Seq = (ulong)Log.Count + 1,
            Kind = header.Kind,
            SubjectId = operation.SubjectId,
            Rev = header.Rev,
            Header = operation.Header,
            Signature = operation.Signature,
            Envelope = operation.Envelope,
        });
        return new OperationResult { OpId = operation.OpId, OpSeq = operation.OpSeq, Applied = new OperationResult.Types.Applied { Seq = (ulong)Log.Count, Rev = header.Rev } };
    }

    private static OperationResult Rejected(Operation operation, RejectionReason reason) =>
        new() { OpId = operation.OpId, OpSeq = operation.OpSeq, Rejected = new OperationResult.Types.Rejected { Reason = reason } };
}
