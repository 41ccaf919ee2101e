"""The signed log: the checks that every entry passes before a client believes it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric import ec

from kpm.kpm1.directory import DirectoryEntry, Enrolment, parse_directory_entry
from kpm.kpm1.error import Kpm1Error, ensure
from kpm.kpm1.header import Header
from kpm.kpm1.keyset import MIN_ITERATIONS, VaultKeys, check_keyset
from kpm.kpm1.primitives import import_public_key, sha256, verify
from kpm.kpm1.structure import u64
from kpm.v1.vault_pb2 import (
    OPERATION_KIND_DELETE, OPERATION_KIND_DEVICE_KEY, OPERATION_KIND_KEYSET, OPERATION_KIND_PUT, Change,
)
from kpm.v1.vault_pb2 import Keyset as StoredKeyset

EMPTY_CHAIN_HASH = bytes(32)
"""h_0: the chain hash of an empty log."""


def chain_hash(previous: bytes, seq: int, header: bytes) -> bytes:
    """h_n from h_{n-1}."""
    return sha256(previous + u64(seq) + sha256(header))


@dataclass(frozen=True)
class VerifiedEntry:
    """A change that passed every check."""

    seq: int
    header: Header
    envelope: bytes | None
    """None for a deletion, and where a later revision replaced it."""
    device: DirectoryEntry | None
    """The directory entry of a DEVICE_KEY."""


@dataclass(frozen=True)
class _KnownDevice:
    """A device of the directory, and how far its operations go."""

    entry: DirectoryEntry
    key: ec.EllipticCurvePublicKey
    last_op_seq: int
    last_observed: int
    last_generation: int


@dataclass(frozen=True)
class _Subject:
    """A subject's revision in the own copy."""

    of: str
    rev: int
    deleted: bool


def _subject_of(kind: int) -> str:
    return {OPERATION_KIND_DEVICE_KEY: "device", OPERATION_KIND_KEYSET: "vault"}.get(kind, "item")


class VaultLog:
    """The client's own copy of what an account's log said.

    It takes the entries one by one, from seq 1, and refuses the first that does not fit. After a Kpm1Error the log must
    not be used any more: store nothing, close the stream, tell the person.
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
        self._keys = keys
        self._own_device = own_device
        self._knows = knows
        self._chain = [EMPTY_CHAIN_HASH]
        self._devices: dict[UUID, _KnownDevice] = {}
        self._subjects: dict[UUID, _Subject] = {}
        self._withheld: set[UUID] = set()
        self._entry_generation = 1
        self._iterations = MIN_ITERATIONS
        self._keyset: tuple[int, bytes] | None = None
        self.generation = 1
        """The generation of the vault, as the server last told it."""
        self.key_epoch = 1
        """The epoch of the vault key."""

    @property
    def seq(self) -> int:
        """The last seq that was verified."""
        return len(self._chain) - 1

    @property
    def chain_hash(self) -> bytes:
        """The chain hash at `seq`."""
        return self._chain[-1]

    @property
    def devices(self) -> dict[UUID, DirectoryEntry]:
        """The devices of the directory."""
        return {device: known.entry for device, known in self._devices.items()}

    def rev(self, subject: UUID) -> int:
        """The revision of a subject; 0 where there is none."""
        known = self._subjects.get(subject)
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
        ensure(not self._withheld, "ENVELOPE_WITHHELD", "an entry came without its content, and none came that replaces it")

    def check_chain(self, seq: int, expected: bytes) -> None:
        """Checks the server's chain hash at a seq of the own copy."""
        ensure(
            seq > self.seq or self._chain[seq] == expected, "CHAIN_MISMATCH", f"the server's log is another one at {seq}"
        )

    def check_keyset(self, stored: StoredKeyset) -> None:
        """Checks that a keyset which came outside the log is the newest of the log, or older than the own copy's."""
        ensure(
            self._keyset is not None
            and (stored.seq < self._keyset[0] or (stored.seq, stored.header) == self._keyset),
            "CHAIN_MISMATCH",
            "the keyset that the server sent is not the log's",
        )

    def append(self, change: Change) -> VerifiedEntry:
        """Verifies the next entry and adds it. The numbers are those of docs/crypto.md, "Log"."""
        seq = self.seq + 1
        ensure(change.seq == seq, "SEQ_GAP", f"entry {change.seq} came where {seq} was due")  # 1
        header = Header.parse(change.header)  # 2
        ensure(
            (header.kind, str(header.subject), header.rev) == (change.kind, change.subject_id, change.rev),
            "HEADER_MISMATCH",
            "the entry is not what its header says",
        )  # 3
        ensure(header.account == header.vault == self._account, "WRONG_VAULT", "the entry is of another vault")  # 4
        ensure(
            self._entry_generation <= header.generation <= self.generation,
            "GENERATION_CHANGED",
            "the entry is of another generation",
        )  # 5
        withheld = self._check_envelope(change, header)  # 6
        author = self._author(seq, header, change.envelope)  # 7
        ensure(
            verify(author.key, change.header, change.signature), "SIGNATURE_INVALID", "the signature is not its author's"
        )  # 8
        ensure(header.op_seq > author.last_op_seq, "OP_SEQ_NOT_RISING", "the author's operation number does not rise")  # 9
        self._check_revision(header)  # 10
        self._check_epoch(header)  # 11
        self._check_observation(header, author)  # 12
        iterations = self._iterations if withheld else self._check_keyset(header, change.envelope)  # 13
        ensure(
            header.device != self._own_device or self._knows(change.header),
            "OWN_OPERATION_UNKNOWN",
            "this device did not make the operation: it was cloned, or its key was stolen",
        )  # 14
        self._add(seq, header, change.header, author, withheld)
        self._iterations = iterations
        return VerifiedEntry(
            seq,
            header,
            None if withheld or header.kind == OPERATION_KIND_DELETE else change.envelope,
            author.entry if header.kind == OPERATION_KIND_DEVICE_KEY else None,
        )

    def _add(self, seq: int, header: Header, header_bytes: bytes, author: _KnownDevice, withheld: bool) -> None:
        self._chain.append(chain_hash(self.chain_hash, seq, header_bytes))
        self._entry_generation = header.generation
        self.key_epoch = header.key_epoch
        self._devices[header.device] = replace(
            author,
            last_op_seq=header.op_seq,
            last_observed=header.observed_seq,
            last_generation=header.generation,
        )
        self._subjects[header.subject] = _Subject(
            _subject_of(header.kind), header.rev, header.kind == OPERATION_KIND_DELETE
        )
        if header.kind == OPERATION_KIND_KEYSET:
            self._keyset = (seq, header_bytes)
        if withheld:
            self._withheld.add(header.subject)
        else:
            self._withheld.discard(header.subject)

    def _check_head(self, head: int) -> None:
        ensure(head >= self.seq, "ROLLBACK", f"the server's log ends at {head}, the own copy at {self.seq}")

    def _check_envelope(self, change: Change, header: Header) -> bool:
        """Whether the envelope is missing because a later entry replaced it."""
        if change.superseded and header.kind in (OPERATION_KIND_PUT, OPERATION_KIND_KEYSET):
            ensure(not change.envelope, "ENVELOPE_HASH_MISMATCH", "a superseded entry came with an envelope")
            return True
        ensure(
            sha256(change.envelope) == header.envelope_hash,
            "ENVELOPE_HASH_MISMATCH",
            "the envelope is not the one that was signed",
        )
        return False

    def _author(self, seq: int, header: Header, envelope: bytes) -> _KnownDevice:
        if header.kind == OPERATION_KIND_DEVICE_KEY:
            return self._enrolled(seq, header, envelope)
        author = self._devices.get(header.device)
        if author is None:
            raise Kpm1Error("DEVICE_UNKNOWN", "the author is no device of the directory")
        return author

    def _enrolled(self, seq: int, header: Header, envelope: bytes) -> _KnownDevice:
        parsed = parse_directory_entry(envelope)
        entry = parsed.entry
        ensure(
            (entry.account, entry.vault, entry.device, entry.key_epoch)
            == (header.account, header.vault, header.device, header.key_epoch),
            "HEADER_MISMATCH",
            "the directory entry is not the one that its header names",
        )
        ensure(entry.device not in self._devices, "DEVICE_DUPLICATE", "the device is in the directory already")
        ensure((entry.enrolment == Enrolment.ROOT) == (seq == 1), "ROOT_INVALID", "the first entry and no other is ROOT")
        approver = self._devices.get(entry.approver)
        parsed.verify(approver and approver.key, self._keys.directory_key)
        return _KnownDevice(entry, import_public_key(entry.signing_key), 0, 0, header.generation)

    def _check_revision(self, header: Header) -> None:
        subject = self._subjects.get(header.subject) or _Subject(_subject_of(header.kind), 0, False)
        ensure(
            header.base_rev == subject.rev
            and subject.of == _subject_of(header.kind)
            and not (header.kind == OPERATION_KIND_DELETE and subject.deleted),
            "REV_MISMATCH",
            "the entry was not made on the subject's revision",
        )

    def _check_epoch(self, header: Header) -> None:
        raised = header.kind == OPERATION_KIND_KEYSET and header.key_epoch == self.key_epoch + 1
        ensure(header.key_epoch == self.key_epoch or raised, "EPOCH_MISMATCH", "the entry is of another key epoch")

    def _check_observation(self, header: Header, author: _KnownDevice) -> None:
        ensure(
            header.observed_seq <= self.seq
            and self._chain[header.observed_seq] == header.observed_hash
            and (header.observed_seq >= author.last_observed or header.generation != author.last_generation),
            "OBSERVATION_MISMATCH",
            "the author has seen another log than this one",
        )

    def _check_keyset(self, header: Header, envelope: bytes) -> int:
        """The number of iterations that the vault has now."""
        if header.kind != OPERATION_KIND_KEYSET:
            return self._iterations
        keyset = check_keyset(envelope, header, self._iterations)
        # Only the newest account key is at hand; the keyset of an older epoch had another.
        if keyset.key_epoch == self._keys.epoch:
            VaultKeys.from_keyset(keyset, self._keys.account_key)
        return keyset.iterations
