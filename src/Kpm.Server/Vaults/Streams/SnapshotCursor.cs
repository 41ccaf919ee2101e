using Google.Protobuf;
using Kpm.V1;

namespace Kpm.Server.Vaults.Streams;

/// <summary>A message of a snapshot, one of these; none where the last look found only superseded entries.</summary>
internal readonly record struct SnapshotStep(SnapshotBegin? Begin, SnapshotRows? Rows, SnapshotEnd? End);

/// <summary>
/// Where one stream stands in a snapshot. It only pulls, in short reads, and queues nothing. A compaction above the checkpoint takes rows
/// away that belong to the snapshot: then it begins anew, with the newest checkpoint.
/// </summary>
internal sealed class SnapshotCursor(Guid accountId, StoredCheckpoint checkpoint, ISnapshotStore store, Limits limits)
{
    private StoredCheckpoint _checkpoint = checkpoint;
    private bool _begun;
    private ulong _seq;
    private ulong _rows;

    /// <summary>The next message. After <see cref="SnapshotStep.End"/> it is not to be called again.</summary>
    /// <param name="withoutKeys">The wrapped keys are withheld from the stream's session.</param>
    public SnapshotStep Next(bool withoutKeys)
    {
        if (!_begun)
        {
            return Begin();
        }

        if (_seq == _checkpoint.Seq)
        {
            return _rows == _checkpoint.Leaves
                ? new SnapshotStep(null, null, new SnapshotEnd { AsOf = _checkpoint.Seq })
                : throw new InvalidOperationException("The snapshot does not have as many rows as its checkpoint has leaves.");
        }

        if (store.Rows(accountId, _checkpoint.Seq, _seq, limits) is not { } page)
        {
            _checkpoint = store.Newest(accountId) ?? throw new InvalidOperationException("A compacted vault has no checkpoint.");
            return Begin();
        }

        if (page.LastSeq <= _seq)
        {
            throw new InvalidOperationException("The log ends before the checkpoint.");
        }

        _seq = page.LastSeq;
        _rows += (ulong)page.Rows.Count;
        return page.Rows.Count == 0 ? default : new SnapshotStep(null, Message(page.Rows, withoutKeys), null);
    }

    private SnapshotStep Begin()
    {
        _begun = true;
        _seq = 0;
        _rows = 0;
        return new SnapshotStep(
            new SnapshotBegin
            {
                AsOf = _checkpoint.Seq,
                Checkpoint = UnsafeByteOperations.UnsafeWrap(_checkpoint.Bytes),
                Signature = UnsafeByteOperations.UnsafeWrap(_checkpoint.Signature),
                Rows = _checkpoint.Leaves,
            },
            null,
            null);
    }

    private static SnapshotRows Message(IReadOnlyList<Change> rows, bool withoutKeys)
    {
        var message = new SnapshotRows();
        foreach (var row in rows)
        {
            if (withoutKeys && row.Kind == OperationKind.Keyset)
            {
                row.Envelope = ByteString.Empty;
                row.Superseded = true;
            }

            message.Rows.Add(row);
        }

        return message;
    }
}
