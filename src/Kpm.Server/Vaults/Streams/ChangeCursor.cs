using Google.Protobuf;
using Google.Protobuf.Collections;
using Kpm.V1;

namespace Kpm.Server.Vaults.Streams;

/// <summary>
/// Where one stream stands in its account's log, and the way to what comes next: the changes that live streams share, or
/// the database. It only pulls; nothing is ever queued for a stream.
/// </summary>
internal sealed class ChangeCursor(Guid accountId, ulong cursor, ulong head, VaultFeed feed, IVaultStore store, Limits limits)
{
    private ulong _polledHead = head;
    private bool _successorsMayFollow;

    /// <summary>The last seq that was taken.</summary>
    public ulong Seq { get; private set; } = cursor;

    /// <summary>The last seq that was taken with all of its atomic Push: what a bookmark may claim.</summary>
    public ulong Bookmark { get; private set; } = cursor;

    public bool InsideBatch => Seq != Bookmark;

    /// <summary>
    /// Everything is sent: a bookmark may be. Never inside an atomic Push, nor while the successor of a superseded change may
    /// be on its way: a page may have been read between a commit and the word of it, and has more to follow than the hints know.
    /// </summary>
    public bool AtHead => AtKnownHead && !_successorsMayFollow;

    private bool AtKnownHead => !InsideBatch && Seq >= Math.Max(feed.Head, _polledHead);

    /// <summary>Looks at the log itself: heals a hint that was lost.</summary>
    public void Poll() => _polledHead = Math.Max(_polledHead, store.State(accountId).HeadSeq);

    /// <summary>The same way from another seq on, which the client holds everything up to; superseded rows of a snapshot among it.</summary>
    public ChangeCursor At(ulong seq) => new(accountId, seq, _polledHead, feed, store, limits) { _successorsMayFollow = true };

    /// <summary>The next changes; null at the head.</summary>
    /// <param name="maxEntries">At most so many.</param>
    /// <param name="withoutKeys">The wrapped keys are withheld from the stream's session.</param>
    public Changes? Next(int maxEntries, bool withoutKeys)
    {
        if (AtHead)
        {
            return null;
        }

        var looking = AtKnownHead;
        var message = new Changes { PrevSeq = Seq };
        maxEntries = Math.Min(maxEntries, limits.ChangesPerMessage);
        if (!feed.TryTake(Seq, maxEntries, limits.ChangesMessageBytes, message.Entries))
        {
            message.Entries.AddRange(store.Changes(accountId, Seq, maxEntries, limits.ChangesMessageBytes));
        }

        var entries = message.Entries;
        if (looking && entries.Count == 0)
        {
            // This read is younger than the one that saw the superseded change, so its successor was sent.
            _successorsMayFollow = false;
            return null;
        }

        if (entries.Count == 0 || entries[0].Seq != Seq + 1 || entries[^1].Seq != Seq + (ulong)entries.Count)
        {
            throw new InvalidOperationException("The log has a gap.");
        }

        _successorsMayFollow |= entries.Any(static entry => entry.Superseded);
        if (withoutKeys)
        {
            Withhold(entries);
        }

        Seq = message.LastSeq = entries[^1].Seq;
        for (var i = entries.Count - 1; i >= 0; i--)
        {
            if (!entries[i].MoreInBatch)
            {
                Bookmark = entries[i].Seq;
                break;
            }
        }

        return message;
    }

    /// <summary>In copies: the changes themselves are shared with the other streams of the account.</summary>
    private static void Withhold(RepeatedField<Change> entries)
    {
        for (var i = 0; i < entries.Count; i++)
        {
            if (entries[i].Kind == OperationKind.Keyset)
            {
                entries[i] = new Change(entries[i]) { Envelope = ByteString.Empty, Superseded = true };
            }
        }
    }
}
