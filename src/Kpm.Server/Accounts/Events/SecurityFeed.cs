namespace Kpm.Server.Accounts.Events;

/// <summary>Tells whoever listens live that an account has new security events. Called once they are durable.</summary>
internal sealed class SecurityFeed
{
    private readonly System.Collections.Concurrent.ConcurrentDictionary<Guid, Action> _listeners = new();

    public void Appended(Guid accountId)
    {
        if (_listeners.TryGetValue(accountId, out var listeners))
        {
            listeners();
        }
    }

    /// <summary>Calls back for each new event of the account until it is disposed. The call back must not block.</summary>
    public IDisposable Listen(Guid accountId, Action appended)
    {
        _listeners.AddOrUpdate(accountId, appended, (_, others) => others + appended);
        return new Subscription(this, accountId, appended);
    }

    private void Remove(Guid accountId, Action appended)
    {
        while (_listeners.TryGetValue(accountId, out var listeners))
        {
            var rest = listeners - appended;
            if (rest is null
                ? _listeners.TryRemove(KeyValuePair.Create(accountId, listeners))
                : _listeners.TryUpdate(accountId, rest, listeners))
            {
                return;
            }
        }
    }

    private sealed class Subscription(SecurityFeed feed, Guid accountId, Action appended) : IDisposable
    {
        public void Dispose() => feed.Remove(accountId, appended);
    }
}
