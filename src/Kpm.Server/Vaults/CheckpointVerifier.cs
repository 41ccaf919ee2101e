using Kpm.Server.Rpc;
using Kpm.V1;

namespace Kpm.Server.Vaults;

/// <summary>
/// Compares a checkpoint's count and root with the log: the one rule whose cost grows with the vault. So one vault has one comparison at a
/// time, the server a few, each in short reads, and a vault whose last one failed waits.
/// </summary>
internal sealed class CheckpointVerifier(ICheckpointStore store, TimeProvider time, Limits limits) : IDisposable
{
    private static readonly TimeSpan Busy = TimeSpan.FromSeconds(1);

    private readonly Lock _gate = new();
    private readonly SemaphoreSlim _turns = new(limits.CheckpointComparisons);

    /// <summary>Vaults that are being compared (no time), or that have to wait until a time.</summary>
    private readonly Dictionary<Guid, DateTimeOffset?> _closed = [];

    /// <summary>True when the subjects of the account at the checkpoint's seq are those that it counts and hashes.</summary>
    /// <exception cref="KpmException">RATE_LIMITED: the vault is being compared already, or must wait after one that failed.</exception>
    public async Task<bool> HoldsAsync(Guid accountId, Checkpoint checkpoint, ReadOnlyMemory<byte> bytes, CancellationToken cancellationToken)
    {
        Enter(accountId);
        DateTimeOffset? closedUntil = null;
        try
        {
            await _turns.WaitAsync(cancellationToken);
            try
            {
                var holds = await CompareAsync(accountId, checkpoint, bytes, cancellationToken);
                closedUntil = holds ? null : time.GetUtcNow() + limits.CheckpointRetry;
                return holds;
            }
            finally
            {
                _turns.Release();
            }
        }
        finally
        {
            Leave(accountId, closedUntil);
        }
    }

    public void Dispose() => _turns.Dispose();

    private async Task<bool> CompareAsync(Guid accountId, Checkpoint checkpoint, ReadOnlyMemory<byte> bytes, CancellationToken cancellationToken)
    {
        var tree = new MerkleTree();
        LeafPage page;
        Guid? after = null;
        do
        {
            // Lets others have the thread: a large vault takes half a second.
            await Task.Yield();
            cancellationToken.ThrowIfCancellationRequested();
            page = store.Leaves(accountId, checkpoint.Seq, after, limits.CheckpointPage);
            foreach (var leaf in page.Leaves)
            {
                tree.Add(leaf);
            }

            if (tree.Leaves > checkpoint.Leaves)
            {
                return false;
            }

            after = page.Last;
        }
        while (after is not null);

        return tree.Leaves == checkpoint.Leaves && tree.Root().AsSpan().SequenceEqual(Checkpoint.Root(bytes.Span));
    }

    private void Enter(Guid accountId)
    {
        var now = time.GetUtcNow();
        lock (_gate)
        {
            if (_closed.TryGetValue(accountId, out var until) && (until is null || until > now))
            {
                throw Errors.RetryAfter(ErrorReason.RateLimited, until - now ?? Busy);
            }

            _closed[accountId] = null;
        }
    }

    private void Leave(Guid accountId, DateTimeOffset? closedUntil)
    {
        var now = time.GetUtcNow();
        lock (_gate)
        {
            _closed.Remove(accountId);
            if (closedUntil is null)
            {
                return;
            }

            foreach (var lapsed in _closed.Where(c => c.Value <= now).Select(c => c.Key).ToList())
            {
                _closed.Remove(lapsed);
            }

            _closed.Add(accountId, closedUntil);
        }
    }
}
