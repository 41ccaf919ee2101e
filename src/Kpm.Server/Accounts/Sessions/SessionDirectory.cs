using Kpm.Server.Rpc;
using Kpm.V1;

namespace Kpm.Server.Accounts.Sessions;

/// <summary>
/// Who an access token belongs to. The sessions in use are kept in memory, so that a call costs one
/// SHA-256 and one look-up; an ending takes its session out before the answer to whoever ended it.
/// </summary>
internal sealed class SessionDirectory(ISessionStore sessions, ISessionEndings endings, TimeProvider time, Limits limits)
{
    private readonly System.Collections.Concurrent.ConcurrentDictionary<TokenHash, Entry> _byToken = new();
    private readonly Dictionary<Guid, List<TokenHash>> _bySession = [];
    private readonly Lock _lock = new();
    private long _version;

    /// <summary>The caller of a live token, or null.</summary>
    public ValueTask<Caller?> FindAsync(ReadOnlySpan<char> accessToken, CancellationToken cancellationToken) =>
        TokenHash.TryOf(accessToken, out var hash) ? FindAsync(hash, cancellationToken) : ValueTask.FromResult<Caller?>(null);

    /// <summary>The caller of a live token, or null.</summary>
    public ValueTask<Caller?> FindAsync(TokenHash hash, CancellationToken cancellationToken) =>
        TryFind(hash, out var caller) ? ValueTask.FromResult(caller) : LoadAsync(hash, cancellationToken);

    /// <summary>True where the token is known without a look into the database: with its caller, or null when it has expired.</summary>
    public bool TryFind(TokenHash hash, out Caller? caller)
    {
        if (!_byToken.TryGetValue(hash, out var entry))
        {
            caller = null;
            return false;
        }

        var now = time.Now();
        entry.Seen(now);
        caller = now < entry.Caller.AccessExpiresAt ? entry.Caller : null;
        return true;
    }

    /// <summary>Ends what runs on sessions that are durably over.</summary>
    public void End(IEnumerable<EndedSession> ended, RevokedReason reason)
    {
        foreach (var session in ended)
        {
            Forget(session.SessionId);
            endings.SessionEnded(session.AccountId, session.SessionId, reason);
        }
    }

    /// <summary>What is known of a session has changed: it is read again at its next call.</summary>
    public void Forget(Guid sessionId)
    {
        lock (_lock)
        {
            _version++;
            if (_bySession.Remove(sessionId, out var tokens))
            {
                tokens.ForEach(t => _byToken.TryRemove(t, out _));
            }
        }
    }

    /// <summary>Forgets expired tokens, and tells which devices have called since the last time.</summary>
    public IReadOnlyList<DeviceSeen> Sweep()
    {
        var now = time.Now();
        var seen = new Dictionary<Guid, DateTimeOffset>();
        foreach (var (hash, entry) in _byToken)
        {
            if (entry.TakeSeen() is { } at && (!seen.TryGetValue(entry.Caller.DeviceId, out var other) || other < at))
            {
                seen[entry.Caller.DeviceId] = at;
            }

            if (now >= entry.Caller.AccessExpiresAt)
            {
                Remove(hash, entry.Caller.SessionId);
            }
        }

        return [.. seen.Select(s => new DeviceSeen(s.Key, s.Value))];
    }

    private async ValueTask<Caller?> LoadAsync(TokenHash hash, CancellationToken cancellationToken)
    {
        var version = Volatile.Read(ref _version);
        var row = await sessions.FindByAccessTokenAsync(hash.ToBytes(), cancellationToken);
        var now = time.Now();
        if (row is null || row.Ended || now >= row.Caller.AccessExpiresAt)
        {
            return null;
        }

        lock (_lock)
        {
            // A session that ended while it was read must not come back; then it is read again next time.
            if (_version == version && _byToken.Count < limits.CachedSessions)
            {
                var entry = new Entry(row.Caller);
                entry.Seen(now);
                if (_byToken.TryAdd(hash, entry))
                {
                    if (!_bySession.TryGetValue(row.Caller.SessionId, out var tokens))
                    {
                        _bySession.Add(row.Caller.SessionId, tokens = new List<TokenHash>(1));
                    }

                    tokens.Add(hash);
                }
            }
        }

        return row.Caller;
    }

    private void Remove(TokenHash hash, Guid sessionId)
    {
        lock (_lock)
        {
            _byToken.TryRemove(hash, out _);
            if (_bySession.TryGetValue(sessionId, out var tokens) && tokens.Remove(hash) && tokens.Count == 0)
            {
                _bySession.Remove(sessionId);
            }
        }
    }

    private sealed class Entry(Caller caller)
    {
        private long _seenAt;

        public Caller Caller => caller;

        public void Seen(DateTimeOffset at) => Volatile.Write(ref _seenAt, at.UtcTicks);

        /// <summary>The last call since this was last asked.</summary>
        public DateTimeOffset? TakeSeen() => Interlocked.Exchange(ref _seenAt, 0) is > 0 and var ticks ? new DateTimeOffset(ticks, TimeSpan.Zero) : null;
    }
}
