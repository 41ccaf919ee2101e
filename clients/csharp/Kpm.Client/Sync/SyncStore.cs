using Kpm.Client.Kpm1;
using Kpm.Client.Storage;
using Kpm.V1;

namespace Kpm.Client.Sync;

/// <summary>The store's side of the sync engine: each method is one durable transaction.</summary>
internal sealed class SyncStore(LocalStore store, DeviceIdentity device, VaultKeys keys, OperationMaker maker, Rebaser rebaser, LogVerifier verifier)
{
    private readonly KeyAdoption _adoption = new(device, keys);

    /// <summary>The epoch of the keys that are open.</summary>
    public uint KeyEpoch => keys.Epoch;

    public SnapshotStore Snapshots { get; } = new(store, device, verifier);

    public VaultRow Vault() => store.Vault() ?? throw new InvalidOperationException("There is no vault to synchronise.");

    public long DataVersion() => store.DataVersion();

    /// <summary>Verifies the entries and adds them with their chain hashes; a refusal leaves nothing of them.</summary>
    public List<SyncEvent> Add(IReadOnlyList<Change> changes) => _adoption.Around(() => store.Write(connection =>
    {
        var log = new LogStore(connection, LocalStore.Vault(connection)!, device.Id);
        var events = new List<SyncEvent>();
        foreach (var change in changes)
        {
            var verified = verifier.Verify(change, log);
            log.Add(verified);
            var header = verified.Header;
            events.Add(new SyncEvent.Changed(change.Seq, header.Kind, header.Subject, header.Rev, header.Device, header.Device == device.Id, verified.Device?.Enrolment));
            if (verified.Revocation is { } revocation)
            {
                events.Add(new SyncEvent.DeviceRevoked(revocation.Device));
            }

            if (verified.Keyset is { } keyset && keyset.KeyEpoch > keys.Epoch)
            {
                events.Add(new SyncEvent.Rekeyed(keyset.KeyEpoch, _adoption.TryAdopt(connection, keyset)));
            }
        }

        events.AddRange(rebaser.Run(connection, atBookmark: false));
        return events;
    }));

    /// <summary>Takes over a keyset that did not come by the log; false where only the main password opens it.</summary>
    public bool Adopt(Keyset remote) => _adoption.Around(() => store.Write(connection =>
    {
        var vault = LocalStore.Vault(connection)!;
        var header = OperationHeader.Parse(remote.Header.Span);
        var keyset = KeysetEnvelope.Parse(remote.Keyset_.Span);
        keyset.RequireHeader(header);
        var author = new LogStore(connection, vault, device.Id).Device(header.Device);
        if (author is not { Revoked: false } || header.Account != vault.Account)
        {
            LocalStore.SetKeysBehind(connection);
            return false;
        }

        ItemEnvelope.RequireHash(remote.Keyset_.Span, header);
        verifier.RequireSignature(header.Device, author.SigningKey, remote.Header.Span, remote.Signature.Span);
        return keyset.KeyEpoch <= keys.Epoch || _adoption.TryAdopt(connection, keyset);
    }));

    /// <summary>This device's statement of what the vault is; null where it is not in the directory, or the copy has moved on.</summary>
    public PublishCheckpointRequest? Checkpoint(ulong seq) => store.Read(connection =>
    {
        var vault = LocalStore.Vault(connection)!;
        if ((ulong)vault.Seq != seq || LogStore.SubjectRow(connection, device.Id) is null)
        {
            return null;
        }

        var tree = new SnapshotTree();
        foreach (var leaf in LogStore.Leaves(connection))
        {
            tree.Add(leaf.Subject, leaf.Rev, leaf.Seq, leaf.HeaderHash.Span);
        }

        var checkpoint = new Checkpoint
        {
            Account = vault.Account,
            Vault = vault.Account,
            Generation = (ulong)vault.Generation,
            Device = device.Id,
            Seq = seq,
            ChainHash = vault.ChainHash,
            KeyEpoch = (uint)vault.KeyEpoch,
            Leaves = tree.Count,
            Root = tree.Root(),
        }.ToBytes();
        return new PublishCheckpointRequest
        {
            Checkpoint = Google.Protobuf.ByteString.CopyFrom(checkpoint),
            Signature = Google.Protobuf.ByteString.CopyFrom(P256.Sign(device.SigningKey, checkpoint)),
        };
    });

    /// <summary>The log is complete up to here: what the server withholds shows now, and this device can enrol.</summary>
    public List<SyncEvent> Bookmark() => store.Write(connection =>
    {
        if (LogStore.HasWithheld(connection))
        {
            throw new Kpm1Exception(Kpm1Error.EnvelopeWithheld);
        }

        if (LogStore.SubjectRow(connection, device.Id) is null)
        {
            var vault = LocalStore.Vault(connection)!;
            var entries = Outbox.All(connection).FindAll(row => row.Kind == (long)OperationKind.DeviceKey);
            foreach (var stale in entries.Where(row => Rebaser.IsStale(row, vault)))
            {
                Outbox.Remove(connection, stale.OpSeq);
            }

            if (entries.TrueForAll(row => Rebaser.IsStale(row, vault)))
            {
                // Before anything is rebased: the entry needs the lowest op_seq, for it must be sent first.
                Outbox.Add(connection, maker.DeviceKey(connection, Enrolment.Keyed, device.EnsureAgreementKey(connection, vault.Account, keys)), OutboxState.Queued);
            }
        }

        return rebaser.Run(connection, atBookmark: true);
    });

    /// <summary>Writes down what became of an operation.</summary>
    public List<SyncEvent> Result(OperationResult result) => store.Write(connection =>
    {
        // The change itself may have come before its result.
        if (Outbox.Find(connection, result.OpSeq) is not { } row || new Guid(row.OpId, bigEndian: true).ToText() != result.OpId)
        {
            return [];
        }

        switch (result.ResultCase)
        {
            case OperationResult.ResultOneofCase.Applied when row.Standing == OutboxState.Unsure && (LogStore.SubjectRow(connection, row.Subject)?.Rev ?? 0) > row.BaseRev:
                // The snapshot has it already, or what came after it.
                Outbox.Remove(connection, row.OpSeq);
                return rebaser.Run(connection, atBookmark: false);
            case OperationResult.ResultOneofCase.Applied:
                Outbox.SetState(connection, row.OpSeq, OutboxState.Applied);
                return [];
            case OperationResult.ResultOneofCase.Conflict:
                Outbox.SetState(connection, row.OpSeq, OutboxState.Conflicted);
                return rebaser.Run(connection, atBookmark: false);
            case OperationResult.ResultOneofCase.Rejected when IsMadeAnew(result.Rejected.Reason, row):
                Outbox.SetState(connection, row.OpSeq, OutboxState.Conflicted);
                return rebaser.Run(connection, atBookmark: false);
            case OperationResult.ResultOneofCase.Rejected when result.Rejected.Reason == RejectionReason.DeviceFork:
                throw new SyncStoppedException(SyncStop.DeviceFork);
            default:
                var reason = RejectionName(result.Rejected?.Reason ?? RejectionReason.Unspecified);
                Outbox.SetState(connection, row.OpSeq, OutboxState.Refused, reason);
                return [new SyncEvent.Refused(row.Subject, reason)];
        }
    });

    /// <summary>
    /// Takes the next operations to send, in op_seq order, and marks them as sent before they are. A
    /// second edit of an item waits for the result of the first: its base_rev is only a forecast.
    /// </summary>
    public List<Operation> TakeToSend(IReadOnlySet<ulong> inFlight, int most) => store.Write(connection =>
    {
        var rows = Outbox.All(connection);
        var enrolled = LogStore.SubjectRow(connection, device.Id) is not null;
        var waiting = new HashSet<Guid>();
        var taken = new List<Operation>();
        foreach (var row in rows.Where(row => enrolled || row.Kind == (long)OperationKind.DeviceKey))
        {
            if (row.Standing == OutboxState.Setup)
            {
                // It goes out in a Push of its own, and what has a greater number must not come before it.
                break;
            }

            if (taken.Count == most || waiting.Contains(row.Subject))
            {
                break;
            }

            switch (row.Standing)
            {
                case OutboxState.Queued:
                case OutboxState.Sent when !inFlight.Contains((ulong)row.OpSeq):
                    Outbox.SetState(connection, row.OpSeq, OutboxState.Sent);
                    taken.Add(Outbox.ToMessage(row));
                    waiting.Add(row.Subject);
                    break;
                case OutboxState.Unsure when !inFlight.Contains((ulong)row.OpSeq):
                    taken.Add(Outbox.ToMessage(row));
                    waiting.Add(row.Subject);
                    break;
                case OutboxState.Sent or OutboxState.Conflicted or OutboxState.Unsure:
                    waiting.Add(row.Subject);
                    break;
            }
        }

        return taken;
    });

    /// <summary>True when nothing of this device is on its way.</summary>
    public bool IsIdle() => store.Read(connection =>
        LogStore.SubjectRow(connection, device.Id) is not null && Outbox.All(connection).TrueForAll(row => row.Standing == OutboxState.Refused));

    /// <summary>The vault's keys have changed since; or, behind a snapshot, the server knows the result no more and merging loses nothing.</summary>
    private static bool IsMadeAnew(RejectionReason reason, OutboxRow row) =>
        reason == RejectionReason.EpochMismatch || (reason == RejectionReason.ResultForgotten && row.Standing == OutboxState.Unsure);

    internal static string RejectionName(RejectionReason reason)
    {
        const string prefix = "REJECTION_REASON_";
        var value = VaultReflection.Descriptor.FindTypeByName<Google.Protobuf.Reflection.EnumDescriptor>(nameof(RejectionReason)).FindValueByNumber((int)reason);
        return value is null ? $"{(int)reason}" : value.Name[prefix.Length..];
    }
}
