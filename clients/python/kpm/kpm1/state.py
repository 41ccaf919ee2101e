"""What the entries of a log, or the rows of a snapshot, add up to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric import ec

from kpm.kpm1.checkpoint import Leaf
from kpm.kpm1.directory import DirectoryEntry, Enrolment, parse_directory_entry
from kpm.kpm1.error import Kpm1Error, ensure
from kpm.kpm1.header import Header
from kpm.kpm1.keyset import MIN_ITERATIONS, VaultKeys, check_keyset
from kpm.kpm1.primitives import import_public_key, sha256, verify
from kpm.kpm1.revocation import Revocation
from kpm.v1.vault_pb2 import (
    OPERATION_KIND_DELETE, OPERATION_KIND_DEVICE_KEY, OPERATION_KIND_DEVICE_REVOCATION, OPERATION_KIND_KEYSET,
    OPERATION_KIND_PUT, Change,
)


@dataclass(frozen=True)
class VerifiedEntry:
    """A change that passed every check."""

    seq: int
    header: Header
    envelope: bytes | None
    """None for a deletion, and where a later revision replaced it."""
    device: DirectoryEntry | None
    """The directory entry of a DEVICE_KEY."""
    revoked: UUID | None = None
    """The device whose part a DEVICE_REVOCATION ends."""


@dataclass(frozen=True)
class KnownDevice:
    """A device of the directory, and how far its operations go."""

    entry: DirectoryEntry
    key: ec.EllipticCurvePublicKey
    last_op_seq: int
    last_observed: int
    last_generation: int
    revoked_at: int | None = None
    """The seq of its revocation."""


@dataclass(frozen=True)
class KnownSubject:
    """A subject's revision in the own copy."""

    of: str
    rev: int
    deleted: bool
    seq: int
    header_hash: bytes


@dataclass(frozen=True)
class Checked:
    """An entry that has passed rules 2 to 8 of docs/crypto.md, "Log", and is not part of a state yet."""

    entry: VerifiedEntry
    header_bytes: bytes
    author: KnownDevice
    """As it stood before."""
    withheld: bool
    """The envelope is missing, since a later entry replaces it."""

    @property
    def header(self) -> Header:
        """The entry's header."""
        return self.entry.header


def subject_of(kind: int) -> str:
    """What the kind of an operation is about."""
    return {
        OPERATION_KIND_DEVICE_KEY: "device", OPERATION_KIND_KEYSET: "vault", OPERATION_KIND_DEVICE_REVOCATION: "revocation",
    }.get(kind, "item")


class LogState:
    """The directory, the subjects and their revisions. A log has one, a snapshot builds one of its own."""

    def __init__(self, account: UUID, keys: Callable[[], VaultKeys]) -> None:
        """keys gives the vault's keys, as far as they are known by now."""
        self.account = account
        self.keys = keys
        self.devices: dict[UUID, KnownDevice] = {}
        self.subjects: dict[UUID, KnownSubject] = {}
        self.withheld: set[UUID] = set()
        """Subjects whose envelope was withheld; a later entry must bring the next one."""
        self.generation = 1
        """The generation of the last entry."""
        self.key_epoch = 1
        self.iterations = MIN_ITERATIONS
        self.keyset: tuple[int, bytes] | None = None
        """The seq and header of the newest keyset."""

    @property
    def leaves(self) -> list[Leaf]:
        """A checkpoint's leaves."""
        return [Leaf(subject, known.rev, known.seq, known.header_hash) for subject, known in self.subjects.items()]

    def check(self, change: Change, vault_generation: int) -> Checked:
        """Rules 2 to 8 of the log."""
        header = Header.parse(change.header)  # 2
        self._check_message(change, header)  # 3 and 4
        ensure(
            self.generation <= header.generation <= vault_generation,
            "GENERATION_CHANGED",
            "the entry is of another generation",
        )  # 5
        withheld = self._check_envelope(change, header)  # 6
        revoked = None
        if header.kind == OPERATION_KIND_DEVICE_KEY:
            author = self._enrolled(change.seq, header, change.envelope)
        else:
            author = self._author(header.device)
        if header.kind == OPERATION_KIND_DEVICE_REVOCATION:
            revoked = self._revoked(header, change.envelope)  # 7
        ensure(
            verify(author.key, change.header, change.signature), "SIGNATURE_INVALID", "the signature is not its author's"
        )  # 8
        entry = VerifiedEntry(
            change.seq,
            header,
            None if withheld or header.kind == OPERATION_KIND_DELETE else change.envelope,
            author.entry if header.kind == OPERATION_KIND_DEVICE_KEY else None,
            revoked,
        )
        return Checked(entry, change.header, author, withheld)

    def check_keyset(self, checked: Checked) -> int:
        """Rule 13, as far as the account key is at hand: the number of iterations that the vault has with the entry."""
        if checked.header.kind != OPERATION_KIND_KEYSET or checked.withheld:
            return self.iterations
        keyset = check_keyset(checked.entry.envelope or b"", checked.header, self.iterations)
        # Only the newest account key is at hand; the keyset of an older epoch had another.
        keys = self.keys()
        if keyset.key_epoch == keys.epoch:
            VaultKeys.from_keyset(keyset, keys.account_key)
        return keyset.iterations

    def add(self, checked: Checked) -> None:
        """Takes an entry in that has passed its checks."""
        header, author, seq = checked.header, checked.author, checked.entry.seq
        self.generation = header.generation
        self.key_epoch = header.key_epoch
        if header.op_seq > author.last_op_seq:
            author = replace(
                author,
                last_op_seq=header.op_seq,
                last_observed=header.observed_seq,
                last_generation=header.generation,
            )
        self.devices[header.device] = author
        if checked.entry.revoked:
            self.devices[checked.entry.revoked] = replace(self.devices[checked.entry.revoked], revoked_at=seq)
        self.subjects[header.subject] = KnownSubject(
            subject_of(header.kind), header.rev, header.kind == OPERATION_KIND_DELETE, seq, sha256(checked.header_bytes)
        )
        if header.kind == OPERATION_KIND_KEYSET:
            self.keyset = (seq, checked.header_bytes)
        if checked.withheld:
            self.withheld.add(header.subject)
        else:
            self.withheld.discard(header.subject)

    def check_past(self, change: Change, vault_generation: int) -> Header:
        """Verifies an entry of the past that came outside the log: that a device signed it, before it was revoked."""
        header = Header.parse(change.header)
        self._check_message(change, header)
        ensure(header.generation <= vault_generation, "GENERATION_CHANGED", "the entry is of a later generation")
        author = self.devices.get(header.device)
        if author is None:
            raise Kpm1Error("DEVICE_UNKNOWN", "the author is no device of the directory")
        ensure(
            author.revoked_at is None or change.seq < author.revoked_at,
            "DEVICE_REVOKED",
            "the author had been revoked before",
        )
        ensure(verify(author.key, change.header, change.signature), "SIGNATURE_INVALID", "the signature is not its author's")
        return header

    def _check_message(self, change: Change, header: Header) -> None:
        ensure(
            (header.kind, str(header.subject), header.rev) == (change.kind, change.subject_id, change.rev),
            "HEADER_MISMATCH",
            "the entry is not what its header says",
        )
        ensure(header.account == header.vault == self.account, "WRONG_VAULT", "the entry is of another vault")

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

    def _author(self, device: UUID) -> KnownDevice:
        author = self.devices.get(device)
        if author is None:
            raise Kpm1Error("DEVICE_UNKNOWN", "the author is no device of the directory")
        ensure(author.revoked_at is None, "DEVICE_REVOKED", "the author has been revoked")
        return author

    def _enrolled(self, seq: int, header: Header, envelope: bytes) -> KnownDevice:
        parsed = parse_directory_entry(envelope)
        entry = parsed.entry
        ensure(
            (entry.account, entry.vault, entry.device, entry.key_epoch)
            == (header.account, header.vault, header.device, header.key_epoch),
            "HEADER_MISMATCH",
            "the directory entry is not the one that its header names",
        )
        ensure(entry.device not in self.devices, "DEVICE_DUPLICATE", "the device is in the directory already")
        ensure((entry.enrolment == Enrolment.ROOT) == (seq == 1), "ROOT_INVALID", "the first entry and no other is ROOT")
        approver = self.devices.get(entry.approver)
        # A revoked device vouches for nobody.
        vouching = approver.key if approver and approver.revoked_at is None else None
        parsed.verify(vouching, self.keys().directory_key)
        return KnownDevice(entry, import_public_key(entry.signing_key), 0, 0, header.generation)

    def _revoked(self, header: Header, envelope: bytes) -> UUID:
        """The device that is revoked."""
        revocation = Revocation.parse(envelope)
        ensure(
            (revocation.account, revocation.vault) == (header.account, header.vault),
            "HEADER_MISMATCH",
            "the revocation is not the one that its header names",
        )
        device = self.devices.get(revocation.device)
        ensure(
            device is not None and device.revoked_at is None and revocation.device != header.device,
            "REVOCATION_INVALID",
            "the revocation names no other device that is in the directory",
        )
        revocation.verify(header.key_epoch, self.keys().directory_key)
        return revocation.device
