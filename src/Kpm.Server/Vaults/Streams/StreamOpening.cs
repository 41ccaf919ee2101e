using Google.Protobuf;
using Google.Protobuf.WellKnownTypes;
using Kpm.Server.Rpc;
using Kpm.V1;

namespace Kpm.Server.Vaults.Streams;

/// <summary>What Sync and Watch do and say when they open and close.</summary>
internal static class StreamOpening
{
    /// <summary>Refuses a position that contradicts itself.</summary>
    public static void CheckPosition(ulong generation, ulong cursor, ByteString chainHash, string path)
    {
        if (cursor > 0 && generation == 0)
        {
            throw Errors.Field(path + "generation", "REQUIRED", "must be set with a cursor");
        }

        if (cursor > 0 && chainHash.IsEmpty)
        {
            throw Errors.Field(path + "chain_hash", "REQUIRED", "must be set with a cursor");
        }
    }

    public static Welcome Welcome(StreamContext context, StreamStart start) => new()
    {
        Version = SyncStream.ProtocolVersion,
        Generation = start.State.Generation,
        HeadSeq = start.State.HeadSeq,
        CompactedSeq = start.State.CompactedSeq,
        LastOpSeq = start.LastOpSeq,
        KeyEpoch = start.State.KeyEpoch,
        Limits = new StreamLimits
        {
            MaxOperationsPerPush = (uint)context.Limits.OperationsPerPush,
            MaxOperationsInFlight = (uint)context.Limits.OperationsInFlight,
            MaxEnvelopeBytes = (uint)context.Limits.EnvelopeBytes,
            MaxUnacknowledgedChanges = (uint)context.Limits.UnacknowledgedChanges,
            MaxUnacknowledgedBytes = (uint)context.Limits.UnacknowledgedBytes,
            UnacknowledgedTimeout = context.Limits.StallTimeout.ToDuration(),
        },
        Heartbeat = context.Limits.Heartbeat.ToDuration(),
        ServerTime = context.Time.GetUtcNow().ToTimestamp(),
        NearlyFull = start.State.IsNearlyFull(context.Limits),
        CheckpointSeq = start.Checkpoint?.Seq ?? 0,
    };

    /// <summary>Why the client's position can't be resumed; null when it can. After COMPACTED the stream goes on with a snapshot.</summary>
    public static ResyncRequired? Resync(StreamStart start, ulong generation, ulong cursor, ByteString chainHash)
    {
        var state = start.State;
        ResyncReason? reason = (generation, cursor) switch
        {
            _ when generation != 0 && generation != state.Generation => ResyncReason.GenerationChanged,
            _ when cursor > state.HeadSeq => ResyncReason.CursorAhead,
            _ when cursor < state.CompactedSeq => ResyncReason.Compacted,
            _ when !chainHash.IsEmpty && !chainHash.Span.SequenceEqual(start.ChainHashAtCursor) => ResyncReason.ChainMismatch,
            _ => null,
        };
        return reason is null ? null : new ResyncRequired { Reason = reason.Value, Generation = state.Generation, HeadSeq = state.HeadSeq };
    }

    /// <summary>The snapshot that a stream begins with: because the changes after the cursor are gone, or because the client likes it better.</summary>
    public static SnapshotCursor? Snapshot(StreamContext context, Guid accountId, StreamStart start, ulong cursor, bool wanted)
    {
        if (cursor >= start.State.CompactedSeq && !(wanted && start.Checkpoint?.Seq > cursor))
        {
            return null;
        }

        var checkpoint = start.Checkpoint ?? throw new InvalidOperationException("A compacted vault has no checkpoint.");
        return new SnapshotCursor(accountId, checkpoint, context.Snapshots, context.Limits);
    }

    /// <summary>The last word to a stream whose vault has got another generation.</summary>
    public static ResyncRequired GenerationChanged(VaultState state) =>
        new() { Reason = ResyncReason.GenerationChanged, Generation = state.Generation, HeadSeq = state.HeadSeq };

    public static GoAway GoAway(GoAwayReason reason, Limits limits)
    {
        var message = new GoAway { Reason = reason };
        if (reason == GoAwayReason.Draining)
        {
            message.RetryAfter = limits.DrainingRetryAfter.ToDuration();
        }

        return message;
    }
}
