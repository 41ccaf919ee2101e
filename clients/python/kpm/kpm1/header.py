"""The operation header: what a device signs of each operation."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from kpm.kpm1.primitives import sha256
from kpm.kpm1.structure import HEADER, MAX_U64, Reader, begin, u16, u32, u64
from kpm.v1.vault_pb2 import (
    OPERATION_KIND_DELETE, OPERATION_KIND_DEVICE_KEY, OPERATION_KIND_DEVICE_REVOCATION, OPERATION_KIND_KEYSET,
    OPERATION_KIND_PUT,
)

ITEM_SCHEMA = 1
"""The version of the plaintext schema of items that this client writes."""

MAX_ATTACHMENTS = 64
"""Most attachments of one item."""

ZERO = bytes(32)

_FIXED_LENGTH = 234


@dataclass(frozen=True, kw_only=True)
class Header:
    """What a device signs of each operation."""

    kind: int
    """An OperationKind."""
    account: UUID
    vault: UUID
    generation: int
    """Changes only when a backup is restored; at least 1."""
    device: UUID
    """The author."""
    op_seq: int
    """The author's operation number, at least 1."""
    op_id: UUID
    subject: UUID
    """The item, the device or the vault, by kind; a revocation has an id of its own."""
    base_rev: int
    """The subject's revision that the operation was made on."""
    key_epoch: int
    """The epoch of the vault key, at least 1."""
    schema: int
    """The plaintext schema of a PUT; 0 for other kinds."""
    envelope_hash: bytes
    """SHA-256 of the envelope."""
    commitment: bytes = ZERO
    """The commitment of a PUT to its key; zeros for other kinds."""
    observed_seq: int
    """The last seq of the log that the author had verified."""
    observed_hash: bytes
    """The chain hash there."""
    attachments: tuple[UUID, ...] = ()
    """Ids of a PUT's attachments, ascending."""

    @property
    def rev(self) -> int:
        """The subject's new revision."""
        return self.base_rev + 1

    def encode(self) -> bytes:
        """The header's bytes: 234, and 16 more for each attachment. Raises STRUCTURE_INVALID where it is not well-formed."""
        data = b"".join((
            begin(HEADER),
            bytes((self.kind, 0)),
            self.account.bytes,
            self.vault.bytes,
            u64(self.generation),
            self.device.bytes,
            u64(self.op_seq),
            self.op_id.bytes,
            self.subject.bytes,
            u64(self.base_rev),
            u64(self.rev),
            u32(self.key_epoch),
            u32(self.schema),
            self.envelope_hash,
            self.commitment,
            u64(self.observed_seq),
            self.observed_hash,
            u16(len(self.attachments)),
            *(attachment.bytes for attachment in self.attachments),
        ))
        Header.parse(data)
        return data

    @staticmethod
    def parse(data: bytes) -> Header:
        """The header's fields. Raises STRUCTURE_INVALID where the bytes are not well-formed, SUITE_UNKNOWN for another suite."""
        reader = Reader(data, HEADER, "operation header")
        kind = reader.u8()
        reader.check(OPERATION_KIND_PUT <= kind <= OPERATION_KIND_DEVICE_REVOCATION, "is of an unknown kind")
        reader.check(reader.u8() == 0, "has flags")
        account, vault, generation, device = reader.id(), reader.id(), reader.u64(), reader.id()
        op_seq, op_id, subject = reader.u64(), reader.id(), reader.id()
        base_rev, rev = reader.u64(), reader.u64()
        key_epoch, schema = reader.u32(), reader.u32()
        envelope_hash, commitment = reader.bytes(32), reader.bytes(32)
        observed_seq, observed_hash = reader.u64(), reader.bytes(32)
        count = reader.u16()
        reader.check(count <= MAX_ATTACHMENTS, "has too many attachments")
        reader.check(len(data) == _FIXED_LENGTH + 16 * count, "has another length than its attachments say")
        attachments = tuple(reader.id() for _ in range(count))
        reader.end()

        reader.check(generation >= 1 and op_seq >= 1 and key_epoch >= 1, "has a zero where numbers start at 1")
        reader.check(base_rev < MAX_U64 and rev == base_rev + 1, "has a rev that is not base_rev + 1")
        reader.check(observed_seq > 0 or observed_hash == ZERO, "has a chain hash for an empty log")
        reader.check(
            all(one.bytes < next_one.bytes for one, next_one in zip(attachments, attachments[1:])),
            "has attachments out of order",
        )
        if kind == OPERATION_KIND_PUT:
            reader.check(schema >= 1, "has no schema")
        else:
            reader.check(schema == 0 and commitment == ZERO and count == 0, "has fields of an item for another kind")
        if kind == OPERATION_KIND_DELETE:
            reader.check(base_rev >= 1 and envelope_hash == sha256(b""), "is no deletion of a revision")
        elif kind == OPERATION_KIND_DEVICE_KEY:
            reader.check(subject == device and base_rev == 0, "is no first entry of its own device")
        elif kind == OPERATION_KIND_KEYSET:
            reader.check(subject == vault, "has a keyset of something else than the vault")
        elif kind == OPERATION_KIND_DEVICE_REVOCATION:
            reader.check(base_rev == 0, "is no first entry of a revocation")
        return Header(
            kind=kind, account=account, vault=vault, generation=generation, device=device, op_seq=op_seq, op_id=op_id,
            subject=subject, base_rev=base_rev, key_epoch=key_epoch, schema=schema, envelope_hash=envelope_hash,
            commitment=commitment, observed_seq=observed_seq, observed_hash=observed_hash, attachments=attachments,
        )
