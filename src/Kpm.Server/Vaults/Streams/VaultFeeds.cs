using System.Collections.Concurrent;
using Google.Protobuf.WellKnownTypes;
using Kpm.Server.Accounts;
using Kpm.V1;

namespace Kpm.Server.Vaults.Streams;

/// <summary>Every live stream of this server, by account: where hints go, and where endings of sessions arrive.</summary>
internal sealed class VaultFeeds(Limits limits) : ISessionEndings
{
    private readonly ConcurrentDictionary<Guid, VaultFeed> _feeds = new();

    /// <summary>For tests: a hint that is lost.</summary>
    internal bool LoseHints { get; set; }

    /// <summary>Registers a stream, which hears of every change that is committed from now on.</summary>
    public VaultFeed Join(Guid accountId, ILiveStream stream)
    {
        while (true)
        {
            var feed = _feeds.GetOrAdd(accountId, static (_, limits) => new VaultFeed(limits), limits);
            if (feed.TryJoin(stream))
            {
                return feed;
            }
        }
    }

    public void Leave(Guid accountId, VaultFeed feed, ILiveStream stream)
    {
        if (feed.Leave(stream))
        {
            _feeds.TryRemove(new KeyValuePair<Guid, VaultFeed>(accountId, feed));
        }
    }

    /// <summary>Tells an account's streams what was committed. On the writer thread: returns at once, and nobody it tells can hold it up. The author's stream, if any, is woken with its results instead.</summary>
    public void Publish(Guid accountId, IReadOnlyList<LogEntry> entries, long committedAt, ILiveStream? author)
    {
        if (LoseHints || !_feeds.TryGetValue(accountId, out var feed))
        {
            return;
        }

        var at = Timestamp.FromDateTimeOffset(DateTimeOffset.FromUnixTimeMilliseconds(committedAt));
        var changes = new Change[entries.Count];
        for (var i = 0; i < changes.Length; i++)
        {
            changes[i] = ToChange(entries[i], at);
        }

        feed.Publish(changes, author);
    }

    /// <summary>Told after it is durable that a session was approved.</summary>
    public void HoldEnded(Guid accountId, Guid sessionId)
    {
        foreach (var stream in Streams(accountId).Where(s => s.SessionId == sessionId))
        {
            stream.EndHold();
        }
    }

    /// <summary>Told after it is durable that the generation of these accounts' vaults was raised.</summary>
    public void GenerationRaised(IReadOnlyList<Guid> accounts)
    {
        foreach (var stream in accounts.SelectMany(Streams))
        {
            stream.EndGeneration();
        }
    }

    public void SessionEnded(Guid accountId, Guid sessionId, RevokedReason reason) => Revoke(accountId, s => s.SessionId == sessionId, reason);

    public void DeviceEnded(Guid accountId, Guid deviceId, RevokedReason reason) => Revoke(accountId, s => s.DeviceId == deviceId, reason);

    public void AccountEnded(Guid accountId, RevokedReason reason) => Revoke(accountId, _ => true, reason);

    /// <summary>The server stops: every stream says so, answers what it has read, and ends.</summary>
    public void Drain()
    {
        foreach (var stream in _feeds.Values.SelectMany(f => f.Streams))
        {
            stream.End(GoAwayReason.Draining);
        }
    }

    public IReadOnlyList<ILiveStream> Streams(Guid accountId) => _feeds.TryGetValue(accountId, out var feed) ? feed.Streams : [];

    private void Revoke(Guid accountId, Func<ILiveStream, bool> which, RevokedReason reason)
    {
        if (!_feeds.TryGetValue(accountId, out var feed))
        {
            return;
        }

        foreach (var stream in feed.Streams.Where(which))
        {
            stream.Revoke(reason);
        }
    }

    private static Change ToChange(LogEntry entry, Timestamp committedAt)
    {
        // The byte strings are shared with the request they came in; nobody changes them.
        var message = entry.Operation.Message;
        return new Change
        {
            Seq = entry.Seq,
            Kind = message.Kind,
            SubjectId = message.SubjectId,
            Rev = entry.Rev,
            Header = message.Header,
            Signature = message.Signature,
            Envelope = message.Envelope,
            CommittedAt = committedAt,
            MoreInBatch = entry.MoreInBatch,
        };
    }
}
