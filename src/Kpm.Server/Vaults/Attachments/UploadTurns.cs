using System.Collections.Concurrent;

namespace Kpm.Server.Vaults.Attachments;

/// <summary>
/// One call at a time works on an attachment's upload. A newer one takes over: the connection of the older one is often
/// dead already, and only nobody has noticed.
/// </summary>
internal sealed class UploadTurns
{
    private readonly ConcurrentDictionary<(Guid, Guid), Turn> _turns = new();

    /// <summary>Ends the call that has the turn, and waits until it has stored what it had.</summary>
    public async Task<Turn> TakeAsync(Guid accountId, Guid attachmentId, CancellationToken cancellationToken)
    {
        var turn = new Turn(this, (accountId, attachmentId));
        while (_turns.GetOrAdd((accountId, attachmentId), turn) is var present && present != turn)
        {
            present.Replace();
            await present.Left.WaitAsync(cancellationToken);
        }

        return turn;
    }

    /// <summary>Null while somebody has it: for jobs, which can come again.</summary>
    public Turn? TryTake(Guid accountId, Guid attachmentId)
    {
        var turn = new Turn(this, (accountId, attachmentId));
        return _turns.GetOrAdd((accountId, attachmentId), turn) == turn ? turn : null;
    }

    internal sealed class Turn(UploadTurns turns, (Guid, Guid) key) : IDisposable
    {
        private readonly CancellationTokenSource _replaced = new();
        private readonly TaskCompletionSource _left = new(TaskCreationOptions.RunContinuationsAsynchronously);

        /// <summary>A newer call waits for this turn.</summary>
        public CancellationToken Replaced => _replaced.Token;

        public Task Left => _left.Task;

        public void Replace() => _replaced.Cancel();

        public void Dispose()
        {
            turns._turns.TryRemove(new KeyValuePair<(Guid, Guid), Turn>(key, this));
            _left.TrySetResult();
        }
    }
}
