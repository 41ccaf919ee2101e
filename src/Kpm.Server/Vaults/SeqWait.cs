using Kpm.Server.Rpc;
using Kpm.V1;

namespace Kpm.Server.Vaults;

/// <summary>
/// Read your writes: an answer that waits until the log has reached a seq that the client has seen. On one server it has,
/// so this looks now and then instead of being told.
/// </summary>
internal static class SeqWait
{
    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(50);

    /// <exception cref="KpmException">MIN_SEQ_NOT_REACHED within the limit.</exception>
    public static async ValueTask UntilAsync(IVaultStore store, Guid accountId, ulong minSeq, TimeProvider time, Limits limits, CancellationToken cancellationToken)
    {
        if (minSeq == 0)
        {
            return;
        }

        var start = time.GetTimestamp();
        while (store.State(accountId).HeadSeq < minSeq)
        {
            if (time.GetElapsedTime(start) >= limits.MinSeqTimeout)
            {
                throw Errors.RetryAfter(ErrorReason.MinSeqNotReached, limits.MinSeqTimeout);
            }

            await Task.Delay(Interval, time, cancellationToken);
        }
    }
}
