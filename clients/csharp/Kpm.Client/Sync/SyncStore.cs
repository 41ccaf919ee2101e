using Kpm.Client.Kpm1;
using Kpm.Client.Storage;
using Kpm.V1;

namespace Kpm.Client.Sync;

/// <summary>The store's side of the sync engine: each method is one durable transaction.</summary>
internal sealed class SyncStore(LocalStore store, DeviceIdentity device, VaultKeys keys, OperationMaker maker, Rebaser rebaser, LogVerifier verifier)
{
    public VaultRow Vault() => store.Vault() ?? throw new InvalidOperationException("There is no vault to synchronise.");

    public long DataVersion() => store.DataVersion();

    /// <summary>Verifies the entries and adds them with their chain hashes; a refusal leaves nothing of them.</summary>
    public List<SyncEvent> Add(IReadOnlyList<Change> changes) => store.Write(connection =>
    {
        var log = new LogStore(connection, LocalStore.Vault(connection)!, device.Id);
        var events = new List<SyncEvent>();
        foreach (var change in changes)
        {
            var verified = verifier.Verify(change, log);
            log.Add(verified);
            var header = verified.Header;
            events.Add(new SyncEvent.Changed(change.Seq, header.Kind, header.Subject, header.Rev, header.Device, header.Device == device.Id, verified.Device?.Enrolment));
        }

        events.AddRange(rebaser.Run(connection, atBookmark: false));
        return events;
    });

    /// <summary>The log is complete up to here: what the server withholds shows now, and this device can enrol.</summary>
    public List<SyncEvent> Bookmark()
    {
        var agreementKey = device.EnsureAgreementKey(store, Vault().Account, keys);
        return store.Write(connection =>
        {
            if (LogStore.HasWithheld(connection))
            {
                throw new Kpm1Exception(Kpm1Error.EnvelopeWithheld);
            }

            var enrolled = LogStore.SubjectRow(connection, device.Id) is not null;
            if (!enrolled && !Outbox.All(connection).Exists(row => row.Kind == (long)OperationKind.DeviceKey))
            {
                // Before anything is rebased: the entry needs the lowest op_seq, for it must be sent first.
                Outbox.Add(connection, maker.DeviceKey(connection, Enrolment.Keyed, agreementKey), OutboxState.Queued);
            }

            return rebaser.Run(connection, atBookmark: true);
        });
    }

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
            case OperationResult.ResultOneofCase.Applied:
                Outbox.SetState(connection, row.OpSeq, OutboxState.Applied);
                return [];
            case OperationResult.ResultOneofCase.Conflict:
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
                case OutboxState.Sent or OutboxState.Conflicted:
                    waiting.Add(row.Subject);
                    break;
            }
        }

        return taken;
    });

    /// <summary>True when nothing of this device is on its way.</summary>
    public bool IsIdle() => store.Read(connection =>
        LogStore.SubjectRow(connection, device.Id) is not null && Outbox.All(connection).TrueForAll(row => row.Standing == OutboxState.Refused));

    internal static string RejectionName(RejectionReason reason)
    {
        const string prefix = "REJECTION_REASON_";
        var value = VaultReflection.Descriptor.FindTypeByName<Google.Protobuf.Reflection.EnumDescriptor>(nameof(RejectionReason)).FindValueByNumber((int)reason);
        return value is null ? $"{(int)reason}" : value.Name[prefix.Length..];
    }
}
