"""Checkpoints: a device's signed statement of what the vault is at a seq."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from kpm.kpm1.primitives import sha256
from kpm.kpm1.structure import CHECKPOINT, Reader, begin, u32, u64

_LENGTH = 152


@dataclass(frozen=True, kw_only=True)
class Checkpoint:
    """What a device says of the vault; it signs the bytes."""

    account: UUID
    vault: UUID
    generation: int
    device: UUID
    """The author."""
    seq: int
    chain_hash: bytes
    """The chain hash at seq."""
    key_epoch: int
    """The key epoch at seq."""
    leaves: int
    """The number of leaves: one for each subject."""
    root: bytes
    """The root of the tree over them."""

    def encode(self) -> bytes:
        """The bytes. Raises STRUCTURE_INVALID where the fields are not well-formed."""
        data = b"".join((
            begin(CHECKPOINT),
            bytes(2),
            self.account.bytes,
            self.vault.bytes,
            u64(self.generation),
            self.device.bytes,
            u64(self.seq),
            self.chain_hash,
            u32(self.key_epoch),
            bytes(4),
            u64(self.leaves),
            self.root,
        ))
        Checkpoint.parse(data)
        return data

    @staticmethod
    def parse(data: bytes) -> Checkpoint:
        """The fields; what they claim is not verified."""
        reader = Reader(data, CHECKPOINT, "checkpoint")
        reader.check(len(data) == _LENGTH, "has another length")
        reader.check(reader.u16() == 0, "has flags")
        account, vault, generation, device = reader.id(), reader.id(), reader.u64(), reader.id()
        seq, chain_hash, key_epoch = reader.u64(), reader.bytes(32), reader.u32()
        reader.check(reader.u32() == 0, "has flags")
        leaves, root = reader.u64(), reader.bytes(32)
        reader.end()
        reader.check(generation >= 1 and seq >= 1 and key_epoch >= 1, "has a zero where numbers start at 1")
        reader.check(1 <= leaves <= seq, "has no leaf, or more than there are entries")
        return Checkpoint(
            account=account, vault=vault, generation=generation, device=device, seq=seq, chain_hash=chain_hash,
            key_epoch=key_epoch, leaves=leaves, root=root,
        )


@dataclass(frozen=True)
class Leaf:
    """The newest revision of a subject."""

    subject: UUID
    rev: int
    seq: int
    header_hash: bytes
    """SHA-256 of the header."""

    @property
    def hash(self) -> bytes:
        """The hash of the leaf."""
        return sha256(b"\0" + self.subject.bytes + u64(self.rev) + u64(self.seq) + self.header_hash)


def merkle_root(leaves: Iterable[Leaf]) -> bytes:
    """The root of the tree over leaves, of which there is one at least, in any order."""
    level = [leaf.hash for leaf in sorted(leaves, key=lambda leaf: leaf.subject.bytes)]
    while len(level) > 1:
        odd = level[-1:] if len(level) % 2 else []
        level = [sha256(b"\1" + left + right) for left, right in zip(level[::2], level[1::2])] + odd
    return level[0]
