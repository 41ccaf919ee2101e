using Kpm.V1;

namespace Kpm.Server.Vaults;

/// <summary>What the engine has to look up in the vault as it stood before the step.</summary>
internal interface IVaultLookup
{
    /// <summary>The newest revision of a subject; null when there is none.</summary>
    SubjectState? Subject(Guid subjectId);

    /// <summary>The stored result of one of the device's last <see cref="Limits.ResultsPerDevice"/> operations; null when it is older or was never there.</summary>
    StoredResult? FindResult(ulong opSeq);

    /// <summary>The size of a revision's envelope, 0 when it is no longer kept.</summary>
    ulong EnvelopeBytes(Guid subjectId, ulong rev);

    /// <summary>The attachment has been uploaded whole and is there.</summary>
    bool AttachmentComplete(Guid attachmentId);
}

/// <summary>An entry that a step adds to the log.</summary>
internal sealed record LogEntry(ulong Seq, VaultOperation Operation, ulong Rev, byte[] ChainHash)
{
    /// <summary>More of the same atomic Push follows.</summary>
    public bool MoreInBatch { get; init; }

    /// <summary>The subject's revision whose envelope is dropped by this entry; 0 for none.</summary>
    public ulong PrunedRev { get; init; }

    /// <summary>It brings a deleted item back.</summary>
    public bool Restores { get; init; }
}

/// <summary>The outcome of a Push and everything that has to be stored for it, in one transaction.</summary>
/// <param name="State">The vault after it.</param>
/// <param name="Device">The device after it.</param>
/// <param name="Outcomes">One an operation, in their order.</param>
/// <param name="Entries">What the log grows by.</param>
/// <param name="DurableResults">Indexes of the operations whose outcomes are new and must be stored: they consume their op_seq.</param>
internal sealed record PushDecision(
    VaultState State,
    DeviceState Device,
    IReadOnlyList<Outcome> Outcomes,
    IReadOnlyList<LogEntry> Entries,
    IReadOnlyList<int> DurableResults);

/// <summary>
/// The rules of docs/sync.md as a pure step: a vault's state and a Push give outcomes and effects. No clock, no disk, no
/// randomness, so that the same code runs in production and under a simulator.
/// </summary>
internal static class VaultEngine
{
    public static PushDecision Decide(VaultState state, DeviceState device, IReadOnlyList<VaultOperation> operations, bool atomic, IVaultLookup lookup, Limits limits)
    {
        var step = new Step(state, device, lookup, limits);
        foreach (var operation in operations)
        {
            step.Take(operation);
        }

        return atomic && !step.AllOrNothing(operations.Count)
            ? Abort(state, device, step, operations)
            : step.Decision(atomic);
    }

    /// <summary>
    /// Nothing of an atomic Push is stored, and so none of it consumes an op_seq. The operations that failed say why; the
    /// others were fine but for their company. Repeated ones keep the result that they had.
    /// </summary>
    private static PushDecision Abort(VaultState state, DeviceState device, Step step, IReadOnlyList<VaultOperation> operations)
    {
        var outcomes = new Outcome[operations.Count];
        for (var i = 0; i < outcomes.Length; i++)
        {
            var fresh = operations[i].OpSeq > device.LastOpSeq;
            outcomes[i] = fresh && step.Outcomes[i].Kind == OutcomeKind.Applied
                ? Outcome.Rejected(RejectionReason.AtomicAborted)
                : step.Outcomes[i];
        }

        return new PushDecision(state, device, outcomes, [], []);
    }

    /// <summary>The state inside one Push: each operation sees what the ones before it did.</summary>
    private sealed class Step(VaultState state, DeviceState device, IVaultLookup lookup, Limits limits)
    {
        private readonly List<Outcome> _outcomes = [];
        private readonly List<LogEntry> _entries = [];
        private readonly List<int> _durable = [];
        private VaultState _state = state;
        private DeviceState _device = device;
        private Dictionary<Guid, SubjectState>? _changed;
        private Dictionary<ulong, StoredResult>? _results;

        public List<Outcome> Outcomes => _outcomes;

        /// <summary>Everything was applied by this Push, or everything repeats operations that were stored before.</summary>
        public bool AllOrNothing(int count) => _entries.Count == count || (_entries.Count == 0 && _durable.Count == 0);

        public void Take(VaultOperation operation)
        {
            if (operation.OpSeq <= _device.LastOpSeq)
            {
                _outcomes.Add(Tell(Repeat(operation)));
                return;
            }

            var outcome = Judge(operation, out var entry);
            if (entry is not null)
            {
                Apply(operation, entry);
            }

            (_results ??= []).Add(operation.OpSeq, new StoredResult(operation.HeaderHash, outcome));
            _durable.Add(_outcomes.Count);
            _outcomes.Add(Tell(outcome));
            _device = _device with { LastOpSeq = operation.OpSeq };
        }

        private Outcome Tell(Outcome outcome) =>
            outcome.Kind == OutcomeKind.Applied ? outcome with { NearlyFull = _state.IsNearlyFull(limits) } : outcome;

        public PushDecision Decision(bool atomic)
        {
            if (atomic)
            {
                for (var i = 0; i < _entries.Count - 1; i++)
                {
                    _entries[i] = _entries[i] with { MoreInBatch = true };
                }
            }

            return new PushDecision(_state, _device, _outcomes, _entries, _durable);
        }

        /// <summary>The op_seq was used: the same bytes get the same answer, other bytes come from a clone of the device.</summary>
        private Outcome Repeat(VaultOperation operation)
        {
            var stored = _results is not null && _results.TryGetValue(operation.OpSeq, out var own) ? own : lookup.FindResult(operation.OpSeq);
            if (stored is null)
            {
                return Outcome.Rejected(RejectionReason.ResultForgotten);
            }

            return stored.Value.HeaderHash.AsSpan().SequenceEqual(operation.HeaderHash)
                ? stored.Value.Outcome
                : Outcome.Rejected(RejectionReason.DeviceFork);
        }

        private Outcome Judge(VaultOperation operation, out LogEntry? entry)
        {
            entry = null;
            if (!operation.HeaderHolds)
            {
                return Outcome.Rejected(RejectionReason.HeaderMismatch);
            }

            var header = operation.Header;
            if (header.Generation != _state.Generation || !MayBeOfEpoch(header))
            {
                return Outcome.Rejected(RejectionReason.EpochMismatch);
            }

            if (header.ObservedSeq > _state.HeadSeq)
            {
                return Outcome.Rejected(RejectionReason.ObservationMismatch);
            }

            if (!_device.Enrolled && operation.Kind != OperationKind.DeviceKey)
            {
                return Outcome.Rejected(RejectionReason.DeviceNotEnrolled);
            }

            var subject = Subject(operation.SubjectId);
            if (Refuse(operation, subject) is { } refusal)
            {
                return refusal;
            }

            foreach (var attachment in operation.Attachments)
            {
                if (!lookup.AttachmentComplete(attachment))
                {
                    return Outcome.Rejected(RejectionReason.AttachmentMissing);
                }
            }

            return WithinQuota(operation, subject, out entry)
                ? Outcome.Applied(entry!.Seq, entry.Rev)
                : Outcome.Rejected(RejectionReason.QuotaExceeded);
        }

        /// <summary>Re-keying: a keyset may name the next epoch, which begins with it.</summary>
        private bool MayBeOfEpoch(OperationHeader header) =>
            header.KeyEpoch == _state.KeyEpoch || (header.Kind == OperationKind.Keyset && header.KeyEpoch == _state.KeyEpoch + 1UL);

        /// <summary>The rules about the operation's subject. An edit beats a delete: a PUT on a tombstone's revision brings the item back.</summary>
        private static Outcome? Refuse(VaultOperation operation, SubjectState? subject)
        {
            var baseRev = operation.Header.BaseRev;
            if (!MayBeSubjectOf(operation, subject?.Kind) || (subject is null && baseRev != 0))
            {
                return Outcome.Rejected(RejectionReason.SubjectInvalid);
            }

            if (subject is { } current && current.Rev != baseRev)
            {
                return Outcome.Conflict(current.Rev);
            }

            return operation.Kind == OperationKind.Delete && subject?.Kind == OperationKind.Delete
                ? Outcome.Rejected(RejectionReason.SubjectInvalid)
                : null;
        }

        /// <summary>Ids of items, devices, revocations and the vault never stand for one another; a device is entered once, a revocation written once.</summary>
        private static bool MayBeSubjectOf(VaultOperation operation, OperationKind? newest) => operation.Kind switch
        {
            OperationKind.Put => (newest is null or OperationKind.Put or OperationKind.Delete) && operation.SubjectId != operation.Header.VaultId,
            OperationKind.Delete => newest is OperationKind.Put or OperationKind.Delete,
            OperationKind.DeviceKey => newest is null,
            OperationKind.Keyset => newest is null or OperationKind.Keyset,
            OperationKind.DeviceRevocation => newest is null && operation.SubjectId != operation.Header.VaultId,
            _ => false,
        };

        private bool WithinQuota(VaultOperation operation, SubjectState? subject, out LogEntry? entry)
        {
            var rev = operation.Header.Rev;
            var pruned = rev > limits.RevisionsPerSubject ? rev - limits.RevisionsPerSubject : 0;
            var bytes = _state.Bytes + (ulong)operation.Message.Envelope.Length - EnvelopeBytes(operation.SubjectId, pruned);
            var items = Items(_state.Items, operation.Kind, subject?.Kind);
            var grows = (bytes + _state.AttachmentBytes > limits.VaultBytes && bytes > _state.Bytes) || (items > limits.VaultItems && items > _state.Items);

            // Keysets, directory entries and revocations are few and small, and a full vault must not stop a change of the main password.
            if (grows && operation.Kind == OperationKind.Put)
            {
                entry = null;
                return false;
            }

            var seq = _state.HeadSeq + 1;
            entry = new LogEntry(seq, operation, rev, VaultState.NextChainHash(_state.ChainHash, seq, operation.HeaderHash))
            {
                PrunedRev = pruned,
                Restores = operation.Kind == OperationKind.Put && subject?.Kind == OperationKind.Delete,
            };
            _state = _state with { HeadSeq = seq, ChainHash = entry.ChainHash, Bytes = bytes, Items = items, KeyEpoch = operation.Header.KeyEpoch };
            return true;
        }

        private ulong EnvelopeBytes(Guid subjectId, ulong rev)
        {
            if (rev == 0)
            {
                return 0;
            }

            var own = _entries.Find(e => e.Rev == rev && e.Operation.SubjectId == subjectId);
            return own is null ? lookup.EnvelopeBytes(subjectId, rev) : (ulong)own.Operation.Message.Envelope.Length;
        }

        private static ulong Items(ulong items, OperationKind kind, OperationKind? before) => (kind, before) switch
        {
            (OperationKind.Put, OperationKind.Put) => items,
            (OperationKind.Put, _) => items + 1,
            (OperationKind.Delete, OperationKind.Put) => items - 1,
            _ => items,
        };

        private void Apply(VaultOperation operation, LogEntry entry)
        {
            _entries.Add(entry);
            (_changed ??= [])[operation.SubjectId] = new SubjectState(entry.Rev, operation.Kind);
            if (operation.Kind == OperationKind.DeviceKey)
            {
                _device = _device with { Enrolled = true };
            }
        }

        private SubjectState? Subject(Guid subjectId) =>
            _changed is not null && _changed.TryGetValue(subjectId, out var changed) ? changed : lookup.Subject(subjectId);
    }
}
