using Kpm.Server.Accounts;
using Kpm.V1;

namespace Kpm.Server.Vaults.Attachments;

/// <summary>Uploads and downloads that are under way: they end with their session, and when the server stops.</summary>
internal sealed class Transfers : ISessionEndings
{
    private readonly Lock _gate = new();
    private readonly HashSet<Transfer> _running = [];

    /// <summary>For tests: how many are under way.</summary>
    internal int Running
    {
        get
        {
            lock (_gate)
            {
                return _running.Count;
            }
        }
    }

    public Transfer Begin(Rpc.Caller caller)
    {
        var transfer = new Transfer(this, caller);
        lock (_gate)
        {
            _running.Add(transfer);
        }

        return transfer;
    }

    public void SessionEnded(Guid accountId, Guid sessionId, RevokedReason reason) => End(c => c.SessionId == sessionId, ErrorReason.SessionInvalid);

    public void DeviceEnded(Guid accountId, Guid deviceId, RevokedReason reason) => End(c => c.AccountId == accountId && c.DeviceId == deviceId, ErrorReason.SessionInvalid);

    public void AccountEnded(Guid accountId, RevokedReason reason) => End(c => c.AccountId == accountId, ErrorReason.SessionInvalid);

    /// <summary>What has arrived is kept, and what is missing can be fetched later.</summary>
    public void Drain() => End(_ => true, ErrorReason.Unavailable);

    private void End(Func<Rpc.Caller, bool> which, ErrorReason reason)
    {
        List<Transfer> ended;
        lock (_gate)
        {
            ended = [.. _running.Where(t => which(t.Caller))];
        }

        ended.ForEach(t => t.End(reason));
    }

    internal sealed class Transfer(Transfers transfers, Rpc.Caller caller) : IDisposable
    {
        private readonly CancellationTokenSource _ended = new();
        private int _reason;

        public Rpc.Caller Caller => caller;

        public CancellationToken Ended => _ended.Token;

        /// <summary>Why the transfer has to end; null while it may go on.</summary>
        public ErrorReason? Reason => Volatile.Read(ref _reason) is var reason and not 0 ? (ErrorReason)reason : null;

        public void End(ErrorReason reason)
        {
            if (Interlocked.CompareExchange(ref _reason, (int)reason, 0) == 0)
            {
                // Not on the caller's thread: whoever ends a session does not wait for its transfers.
                _ = _ended.CancelAsync();
            }
        }

        public void Dispose()
        {
            lock (transfers._gate)
            {
                transfers._running.Remove(this);
            }
        }
    }
}

/// <summary>Tells streams and transfers that sessions are over.</summary>
internal sealed class VaultEndings(Streams.VaultFeeds feeds, Transfers transfers) : ISessionEndings
{
    public void SessionEnded(Guid accountId, Guid sessionId, RevokedReason reason)
    {
        feeds.SessionEnded(accountId, sessionId, reason);
        transfers.SessionEnded(accountId, sessionId, reason);
    }

    public void DeviceEnded(Guid accountId, Guid deviceId, RevokedReason reason)
    {
        feeds.DeviceEnded(accountId, deviceId, reason);
        transfers.DeviceEnded(accountId, deviceId, reason);
    }

    public void AccountEnded(Guid accountId, RevokedReason reason)
    {
        feeds.AccountEnded(accountId, reason);
        transfers.AccountEnded(accountId, reason);
    }
}
