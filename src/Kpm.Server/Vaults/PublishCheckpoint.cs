using Grpc.Core;
using Kpm.Server.Rpc;
using Kpm.Server.Storage;
using Kpm.V1;

namespace Kpm.Server.Vaults;

/// <summary>Keeps a device's statement of what the vault is, if the log says the same.</summary>
internal sealed class PublishCheckpoint(ICheckpointStore store, CheckpointVerifier verifier, TimeProvider time, Limits limits)
{
    public async Task<PublishCheckpointResponse> HandleAsync(PublishCheckpointRequest request, ServerCallContext context)
    {
        var caller = context.Caller();
        Errors.ThrowIfHeld(caller, time.GetUtcNow());
        var bytes = request.Checkpoint.Memory;
        if (!Checkpoint.TryParse(bytes.Span, out var checkpoint)
            || checkpoint.AccountId != caller.AccountId
            || checkpoint.VaultId != caller.AccountId
            || checkpoint.DeviceId != caller.DeviceId)
        {
            throw Errors.Of(ErrorReason.CheckpointMismatch);
        }

        var position = store.Position(caller.AccountId, caller.DeviceId, checkpoint.Seq);
        if (!Agrees(checkpoint, bytes.Span, position))
        {
            throw Errors.Of(ErrorReason.CheckpointMismatch);
        }

        // Another device was as quick: what is there is new enough, and comparing costs a walk over the vault.
        if (position.CheckpointSeq > 0 && checkpoint.Seq < position.CheckpointSeq + Math.Max(1, (ulong)limits.CheckpointInterval / 2))
        {
            return new PublishCheckpointResponse { NewestSeq = position.CheckpointSeq };
        }

        if (!await verifier.HoldsAsync(caller.AccountId, checkpoint, bytes, context.CancellationToken))
        {
            throw Errors.Of(ErrorReason.CheckpointMismatch);
        }

        return new PublishCheckpointResponse { NewestSeq = await SaveAsync(request, checkpoint, caller) };
    }

    /// <summary>Everything but the count and the root.</summary>
    private static bool Agrees(Checkpoint checkpoint, ReadOnlySpan<byte> bytes, LogPosition position) =>
        position.Entry is { MoreInBatch: false } entry
        && position.Enrolled
        && checkpoint.Generation == position.State.Generation
        && checkpoint.KeyEpoch == entry.KeyEpoch
        && Checkpoint.ChainHash(bytes).SequenceEqual(entry.ChainHash);

    private async Task<ulong> SaveAsync(PublishCheckpointRequest request, Checkpoint checkpoint, Caller caller)
    {
        var stored = new StoredCheckpoint(checkpoint.Seq, checkpoint.Leaves, request.Checkpoint.ToByteArray(), request.Signature.ToByteArray());
        try
        {
            return await store.SaveAsync(new NewCheckpoint(caller.AccountId, caller.SessionId, caller.DeviceId, checkpoint.Generation, stored), CancellationToken.None)
                ?? throw Errors.Of(ErrorReason.CheckpointMismatch);
        }
        catch (Exception e) when (e is StorageBusyException or StorageUnavailableException or SessionEndedException)
        {
            throw PushRules.ToError(e);
        }
    }
}
