using Kpm.Server.Vaults.Streams;
using Kpm.V1;

namespace Kpm.Server.Vaults;

/// <summary>
/// A Push on its way through the store: what is asked, and who hears the outcome. The members below are called on the
/// writer thread and must return at once.
/// </summary>
internal abstract class VaultPush
{
    public required Guid AccountId { get; init; }

    public required Guid SessionId { get; init; }

    public required Guid DeviceId { get; init; }

    /// <summary>In rising op_seq.</summary>
    public required IReadOnlyList<VaultOperation> Operations { get; init; }

    public required bool Atomic { get; init; }

    /// <summary>The stream that it came over, which <see cref="Completed"/> wakes; null for a unary call.</summary>
    public virtual ILiveStream? Stream => null;

    /// <summary>
    /// An earlier Push of the same stream was not stored, so this one must not be either: its op_seq would bury the
    /// earlier one's. Asked when the unit begins.
    /// </summary>
    public virtual bool Abandoned => false;

    /// <summary>It was rolled back; <see cref="Refused"/> follows, but other units may run before.</summary>
    public virtual void RolledBack()
    {
    }

    /// <summary>Everything of it is durable.</summary>
    public abstract void Completed(IReadOnlyList<Outcome> outcomes);

    /// <summary>Nothing of it is stored, and no op_seq was consumed.</summary>
    public abstract void Refused(Exception reason);

    public static OperationResult ToMessage(VaultOperation operation, Outcome outcome)
    {
        var result = new OperationResult { OpId = operation.Message.OpId, OpSeq = operation.OpSeq };
        switch (outcome.Kind)
        {
            case OutcomeKind.Applied:
                result.Applied = new OperationResult.Types.Applied { Seq = outcome.Seq, Rev = outcome.Rev, NearlyFull = outcome.NearlyFull };
                break;
            case OutcomeKind.Conflict:
                result.Conflict = new OperationResult.Types.Conflict { Rev = outcome.Rev };
                break;
            default:
                result.Rejected = new OperationResult.Types.Rejected { Reason = outcome.Reason };
                break;
        }

        return result;
    }
}

/// <summary>A Push that a call waits for.</summary>
internal sealed class AwaitedPush : VaultPush
{
    private readonly TaskCompletionSource<IReadOnlyList<Outcome>> _completion = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public Task<IReadOnlyList<Outcome>> Outcomes => _completion.Task;

    public override void Completed(IReadOnlyList<Outcome> outcomes) => _completion.SetResult(outcomes);

    public override void Refused(Exception reason) => _completion.SetException(reason);
}
