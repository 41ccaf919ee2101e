"""The device directory."""

from __future__ import annotations

import enum
from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric import ec

from kpm.ids import NIL_ID
from kpm.kpm1.error import Kpm1Error, ensure
from kpm.kpm1.primitives import equal, hmac, import_public_key, sign, verify
from kpm.kpm1.structure import DIRECTORY_ENTRY, Reader, begin, u32

_ENTRY_LENGTH = 302


class Enrolment(enum.IntEnum):
    """How a device came into the directory."""

    ROOT = 1
    """The first device, together with the keyset."""
    APPROVED = 2
    """A device of the directory vouched for it."""
    KEYED = 3
    """It was given the main password."""


@dataclass(frozen=True, kw_only=True)
class DirectoryEntry:
    """A device of the directory."""

    enrolment: Enrolment
    account: UUID
    vault: UUID
    device: UUID
    key_epoch: int
    signing_key: bytes
    """The device's ECDSA key, 65 bytes."""
    agreement_key: bytes
    """The device's ECDH key, 65 bytes."""
    approver: UUID = NIL_ID
    """The device that vouched for it; of an APPROVED entry only."""

    def approved_bytes(self) -> bytes:
        """The bytes that an approver signs: bytes 0 to 205 of the entry."""
        return b"".join((
            begin(DIRECTORY_ENTRY),
            bytes((self.enrolment, 0)),
            self.account.bytes,
            self.vault.bytes,
            self.device.bytes,
            u32(self.key_epoch),
            self.signing_key,
            self.agreement_key,
            self.approver.bytes,
        ))


@dataclass(frozen=True)
class ParsedEntry:
    """An entry as it was read; what it claims is not verified."""

    entry: DirectoryEntry
    approval: bytes
    """The approver's signature over `approved`."""
    authenticated: bytes
    """The bytes that the MAC is over."""
    mac: bytes

    @property
    def approved(self) -> bytes:
        """The bytes that an approval signs."""
        return self.authenticated[:206]

    def verify(
        self, approver: ec.EllipticCurvePublicKey | None, directory_key: Callable[[int], bytes | None]
    ) -> None:
        """Verifies what the entry claims: its approval, then its MAC.

        approver is the signing key of a device of the directory, None where it does not have that device; directory_key
        gives the directory key of an epoch, or None. Raises APPROVAL_INVALID, KEY_EPOCH_UNKNOWN or
        DIRECTORY_MAC_INVALID.
        """
        ensure(
            self.entry.enrolment != Enrolment.APPROVED
            or (approver is not None and verify(approver, self.approved, self.approval)),
            "APPROVAL_INVALID",
            "no device of the directory vouched for this one",
        )
        key = directory_key(self.entry.key_epoch)
        if key is None:
            raise Kpm1Error("KEY_EPOCH_UNKNOWN", f"there is no key for epoch {self.entry.key_epoch}")
        ensure(
            equal(hmac(key, self.authenticated), self.mac),
            "DIRECTORY_MAC_INVALID",
            "the directory entry was not made with the account key",
        )


def seal_directory_entry(
    entry: DirectoryEntry, directory_key: bytes, approver_key: ec.EllipticCurvePrivateKey | None = None
) -> bytes:
    """The bytes of an entry. An APPROVED one needs the approver's private signing key."""
    approved = entry.approved_bytes()
    authenticated = approved + (sign(approver_key, approved) if approver_key else bytes(64))
    data = authenticated + hmac(directory_key, authenticated)
    parse_directory_entry(data)
    return data


def parse_directory_entry(data: bytes) -> ParsedEntry:
    """Takes an entry apart; what it claims is not verified."""
    reader = Reader(data, DIRECTORY_ENTRY, "directory entry")
    reader.check(len(data) == _ENTRY_LENGTH, "has another length")
    enrolment = reader.u8()
    reader.check(Enrolment.ROOT <= enrolment <= Enrolment.KEYED, "is of an unknown enrolment")
    reader.check(reader.u8() == 0, "has flags")
    account, vault, device, key_epoch = reader.id(), reader.id(), reader.id(), reader.u32()
    signing_key, agreement_key = reader.bytes(65), reader.bytes(65)
    approver, approval = reader.id(), reader.bytes(64)
    mac = reader.bytes(32)
    reader.end()
    reader.check(
        enrolment == Enrolment.APPROVED or (approver == NIL_ID and not any(approval)),
        "has an approver that its enrolment does not have",
    )
    reader.check(key_epoch >= 1, "is of epoch 0")
    import_public_key(signing_key)
    import_public_key(agreement_key)
    entry = DirectoryEntry(
        enrolment=Enrolment(enrolment), account=account, vault=vault, device=device, key_epoch=key_epoch,
        signing_key=signing_key, agreement_key=agreement_key, approver=approver,
    )
    return ParsedEntry(entry, approval, data[:-32], mac)
