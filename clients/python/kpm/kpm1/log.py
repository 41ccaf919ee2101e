"""The signed log: the checks that every entry passes before a client believes it."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

from kpm.kpm1.checkpoint import Checkpoint, merkle_root
from kpm.kpm1.directory import DirectoryEntry
from kpm.kpm1.error import ensure
from kpm.kpm1.header import Header
from kpm.kpm1.keyset import Keyset, VaultKeys, check_keyset
from kpm.kpm1.primitives import sha256
from kpm.kpm1.snapshot import Snapshot
from kpm.kpm1.state import Checked, LogState, VerifiedEntry, subject_of
from kpm.kpm1.structure import u64
from kpm.v1.vault_pb2 import OPERATION_KIND_DELETE, OPERATION_KIND_KEYSET, Change
from kpm.v1.vault_pb2 import Keyset as StoredKeyset
from kpm.v1.vault_service_pb2 import SnapshotBegin

__all__ = ["EMPTY_CHAIN_HASH", "VaultLog", "VerifiedEntry", "chain_hash"]

EMPTY_CHAIN_HASH = bytes(32)
"""h_0: the chain hash of an empty log."""


def chain_hash(previous: bytes, seq: int, header: bytes) -> bytes:
    """h_n from h_{n-1}."""
    return sha256(previous + u64(seq) + sha256(header))


class VaultLog:
    """The client's own copy of what an account's log said.

    It takes the entries one by one, from seq 1 or from a snapshot, and refuses the first that does not fit. After a
    Kpm1Error the log must not be used any more: store nothing, close the stream, tell the person.
    """

    def __init__(
        self,
        account: UUID,
        keys: VaultKeys,
        own_device: UUID | None = None,
        knows: Callable[[bytes], bool] = lambda header: False,
    ) -> None:
        """knows says whether own_device made an operation with these header bytes."""
        self._account = account
        self.keys = keys
        """The vault's keys. Replace them by those of the new epoch where a keyset brings one."""
        self._own_device = own_device
        self._knows = knows
        self._state = self._new_state()
        self._base = 0
        """The seq of the newest snapshot; 0 without one."""
        self._chain = [EMPTY_CHAIN_HASH]
        """The hashes of the chain from there on."""
        self._earlier: list[tuple[int, list[bytes]]] = []
        """The hashes before it that this device has seen itself: stretches, each with the seq of its first."""
        self.generation = 1
        """The generation of the vault, as the server last told it."""

    @property
    def seq(self) -> int:
        """The last seq that was verified."""
        return self._base + len(self._chain) - 1

    @property
    def chain_hash(self) -> bytes:
        """The chain hash at `seq`."""
        return self._chain[-1]

    @property
    def key_epoch(self) -> int:
        """The epoch of the vault key."""
        return self._state.key_epoch

    @property
    def devices(self) -> dict[UUID, DirectoryEntry]:
        """The devices of the directory, revoked ones included."""
        return {device: known.entry for device, known in self._state.devices.items()}

    def is_current(self, device: UUID) -> bool:
        """Whether a device stands in the directory and was not revoked."""
        known = self._state.devices.get(device)
        return known is not None and known.revoked_at is None

    def rev(self, subject: UUID) -> int:
        """The revision of a subject; 0 where there is none."""
        known = self._state.subjects.get(subject)
        return known.rev if known else 0

    def welcome(self, generation: int, head: int) -> None:
        """Takes the server's word for where the vault stands, at the start of a stream."""
        ensure(
            generation == self.generation or self.seq == 0,
            "GENERATION_CHANGED",
            "a backup was restored, or the server was rolled back",
        )
        self._check_head(head)
        self.generation = generation

    def bookmark(self, seq: int) -> None:
        """Checks a bookmark of the server: everything up to seq has come."""
        self._check_head(seq)
        ensure(
            seq == self.seq,
            "BOOKMARK_INVALID",
            f"the server says that everything up to {seq} was sent, but {self.seq} came last",
        )
        ensure(
            not self._state.withheld,
            "ENVELOPE_WITHHELD",
            "an entry came without its content, and none came that replaces it",
        )

    def check_chain(self, seq: int, expected: bytes) -> None:
        """Checks the server's chain hash at a seq of the own copy."""
        ensure(
            self._hash_at(seq) in (None, expected), "CHAIN_MISMATCH", f"the server's log is another one at {seq}"
        )

    def check_keyset(self, stored: StoredKeyset) -> None:
        """Checks that a keyset which came outside the log is the newest of the log, or older than the own copy's."""
        own = self._state.keyset
        ensure(
            own is not None and (stored.seq < own[0] or (stored.seq, stored.header) == own),
            "CHAIN_MISMATCH",
            "the keyset that the server sent is not the log's",
        )

    def check_signed_keyset(self, stored: StoredKeyset) -> Keyset:
        """Checks that a keyset which came outside the log was signed by a device of the directory.

        It may be newer than the own copy; once that has caught up, check_keyset tells whether it is the log's.
        """
        entry = Change(
            seq=stored.seq, kind=OPERATION_KIND_KEYSET, subject_id=str(self._account), rev=stored.rev,
            header=stored.header, signature=stored.signature, envelope=stored.keyset,
        )
        header = self._state.check_past(entry, self.generation)
        ensure(
            sha256(stored.keyset) == header.envelope_hash,
            "ENVELOPE_HASH_MISMATCH",
            "the keyset is not the one that was signed",
        )
        return check_keyset(stored.keyset, header, self._state.iterations)

    def check_past(self, entry: Change) -> Header:
        """Checks an entry that came outside the log, such as an old revision.

        A device signed it, and the log has it as far back as the own copy reaches.
        """
        header = self._state.check_past(entry, self.generation)
        previous, own = self._hash_at(entry.seq - 1), self._hash_at(entry.seq)
        ensure(
            previous is None or own is None or chain_hash(previous, entry.seq, entry.header) == own,
            "CHAIN_MISMATCH",
            f"the log has another entry at {entry.seq}",
        )
        return header

    def append(self, change: Change) -> VerifiedEntry:
        """Verifies the next entry and adds it. The numbers are those of docs/crypto.md, "Log"."""
        seq = self.seq + 1
        ensure(change.seq == seq, "SEQ_GAP", f"entry {change.seq} came where {seq} was due")  # 1
        checked = self._state.check(change, self.generation)  # 2 to 8
        header = checked.header
        ensure(
            header.op_seq > checked.author.last_op_seq, "OP_SEQ_NOT_RISING", "the author's operation number does not rise"
        )  # 9
        self._check_revision(header)  # 10
        self._check_epoch(header)  # 11
        self._check_observation(checked)  # 12
        iterations = self._state.check_keyset(checked)  # 13
        ensure(
            header.device != self._own_device or self._knows(change.header),
            "OWN_OPERATION_UNKNOWN",
            "this device did not make the operation: it was cloned, or its key was stolen",
        )  # 14
        self._state.add(checked)
        self._state.iterations = iterations
        self._chain.append(chain_hash(self.chain_hash, seq, change.header))
        return checked.entry

    def begin_snapshot(self, begin: SnapshotBegin) -> Snapshot:
        """Begins to receive a snapshot, instead of all entries up to its seq."""
        state = self._new_state()
        state.iterations = self._state.iterations
        return Snapshot(begin, state, self.generation)

    def end_snapshot(self, snapshot: Snapshot, as_of: int) -> None:
        """Verifies the whole of a snapshot and goes on from it. Nothing that the own copy knew may be missing or older."""
        snapshot.end(as_of)
        checkpoint, state = snapshot.checkpoint, snapshot.state
        ensure(
            checkpoint.seq >= self.seq, "ROLLBACK", f"the snapshot ends at {checkpoint.seq}, the own copy at {self.seq}"
        )
        snapshot.check_known(self._state.leaves)
        self.check_chain(checkpoint.seq, checkpoint.chain_hash)
        self._state = state
        self._earlier.append((self._base, self._chain))
        self._base = checkpoint.seq
        self._chain = [checkpoint.chain_hash]

    def checkpoint(self, device: UUID) -> Checkpoint:
        """What a checkpoint of the own copy says; never to be signed inside an atomic Push."""
        leaves = self._state.leaves
        return Checkpoint(
            account=self._account, vault=self._account, generation=self.generation, device=device, seq=self.seq,
            chain_hash=self.chain_hash, key_epoch=self.key_epoch, leaves=len(leaves), root=merkle_root(leaves),
        )

    def _new_state(self) -> LogState:
        return LogState(self._account, lambda: self.keys)

    def _hash_at(self, seq: int) -> bytes | None:
        """The own chain hash at a seq; None where a snapshot has spared the device the entry, and after the copy's end."""
        for base, chain in ((self._base, self._chain), *self._earlier):
            if base <= seq < base + len(chain):
                return chain[seq - base]
        return None

    def _check_head(self, head: int) -> None:
        ensure(head >= self.seq, "ROLLBACK", f"the server's log ends at {head}, the own copy at {self.seq}")

    def _check_revision(self, header: Header) -> None:
        known = self._state.subjects.get(header.subject)
        ensure(
            header.base_rev == (known.rev if known else 0)
            and (known is None or known.of == subject_of(header.kind))
            and not (header.kind == OPERATION_KIND_DELETE and known is not None and known.deleted),
            "REV_MISMATCH",
            "the entry was not made on the subject's revision",
        )

    def _check_epoch(self, header: Header) -> None:
        raised = header.kind == OPERATION_KIND_KEYSET and header.key_epoch == self.key_epoch + 1
        ensure(header.key_epoch == self.key_epoch or raised, "EPOCH_MISMATCH", "the entry is of another key epoch")

    def _check_observation(self, checked: Checked) -> None:
        header, author = checked.header, checked.author
        own = self._hash_at(header.observed_seq)
        # An entry that a snapshot has spared this device can't be checked.
        known = own == header.observed_hash if own else header.observed_seq < self._base
        ensure(
            known
            and (header.observed_seq >= author.last_observed or header.generation != author.last_generation),
            "OBSERVATION_MISMATCH",
            "the author has seen another log than this one",
        )
