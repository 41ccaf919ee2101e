using System.Collections.Concurrent;
using Kpm.Server.Vaults;

namespace Kpm.Server.Storage.Sqlite;

/// <summary>
/// Where the vaults in use stand durably, in memory, so that asking costs no query. The writer publishes each state once it
/// is durable and before it tells the author; what a reader has fetched is kept only if nothing was published meanwhile.
/// </summary>
internal sealed class DurableStates
{
    /// <summary>Accounts kept (about 300 bytes each); past that it starts over.</summary>
    private const int MaxAccounts = 50_000;

    /// <summary>Accounts of one stripe share a counter: a reader that lost against a neighbour's push asks the database once more.</summary>
    private const int Stripes = 1024;

    private readonly ConcurrentDictionary<Guid, VaultState> _states = new();
    private readonly Stripe[] _stripes = [.. Enumerable.Range(0, Stripes).Select(_ => new Stripe())];
    private int _added;

    /// <summary>The account's state; <paramref name="read"/> asks the database where it is not at hand.</summary>
    public VaultState Get(Guid accountId, Func<Guid, VaultState> read)
    {
        if (_states.TryGetValue(accountId, out var state))
        {
            return state;
        }

        var stripe = StripeOf(accountId);
        var version = Volatile.Read(ref stripe.Version);
        state = read(accountId);
        lock (stripe)
        {
            if (stripe.Version == version)
            {
                Keep(accountId, state);
            }
        }

        return state;
    }

    /// <summary>Called on the writer thread, in the order of the log.</summary>
    public void Publish(Guid accountId, VaultState state)
    {
        var stripe = StripeOf(accountId);
        lock (stripe)
        {
            stripe.Version++;
            Keep(accountId, state);
        }
    }

    private void Keep(Guid accountId, VaultState state)
    {
        if (_states.ContainsKey(accountId))
        {
            _states[accountId] = state;
            return;
        }

        // Counted here: the dictionary's own count takes all of its locks.
        if (Interlocked.Increment(ref _added) > MaxAccounts)
        {
            _states.Clear();
            Volatile.Write(ref _added, 1);
        }

        _states[accountId] = state;
    }

    private Stripe StripeOf(Guid accountId) => _stripes[(uint)accountId.GetHashCode() % Stripes];

    private sealed class Stripe
    {
        public long Version;
    }
}
