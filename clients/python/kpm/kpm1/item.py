"""Items: one AEAD over all of a revision."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID

from google.protobuf.message import DecodeError

from kpm.item.v1.item_pb2 import Item
from kpm.kpm1.error import Kpm1Error, ensure
from kpm.kpm1.header import ITEM_SCHEMA, Header
from kpm.kpm1.primitives import equal, gcm_open, gcm_seal, hkdf, sha256, subkey
from kpm.kpm1.structure import ITEM, Reader, begin, u32, u64
from kpm.v1.vault_pb2 import OPERATION_KIND_PUT

MAX_PADDED_LENGTH = 63 * 4096
"""Largest padded plaintext, so that the envelope stays within the contract's 256 KiB."""

_MIN_ENVELOPE_LENGTH = 322


@dataclass(frozen=True, kw_only=True)
class ItemBinding:
    """The fields of a header that an item's ciphertext is bound to."""

    account: UUID
    vault: UUID
    subject: UUID
    key_epoch: int
    schema: int
    base_rev: int
    device: UUID


@dataclass(frozen=True)
class SealedItem:
    """An encrypted item, and what its operation's header says of it."""

    envelope: bytes
    commitment: bytes


def item_aad(binding: ItemBinding | Header) -> bytes:
    """The associated data of an item: 96 bytes."""
    return b"".join((
        begin(ITEM),
        bytes((OPERATION_KIND_PUT, 0)),
        binding.account.bytes,
        binding.vault.bytes,
        binding.subject.bytes,
        u32(binding.key_epoch),
        u32(binding.schema),
        u64(binding.base_rev),
        u64(binding.base_rev + 1),
        binding.device.bytes,
    ))


def item_key(vault_key: bytes, salt: bytes, aad: bytes) -> tuple[bytes, bytes]:
    """The key of one revision of an item, and the commitment to it that stands in the header."""
    key = hkdf(vault_key, salt, b"KPM1 item" + aad)
    return key, subkey(key, b"KPM1 commit")


def _padded_length(length: int) -> int:
    for size in (256, 512, 1024, 2048):
        if 4 + length <= size:
            return size
    return -(-(4 + length) // 4096) * 4096


def pad(message: bytes) -> bytes:
    """Pads a message to its size class. Raises ValueError where it is larger than the largest."""
    length = _padded_length(len(message))
    if length > MAX_PADDED_LENGTH:
        raise ValueError(f"an item has at most {MAX_PADDED_LENGTH - 4} bytes, this one has {len(message)}")
    return (u32(len(message)) + message).ljust(length, b"\0")


def unpad(padded: bytes) -> bytes:
    """The message in its padding; PADDING_INVALID where that is not exactly what `pad` makes."""
    length = int.from_bytes(padded[:4], "big")
    ensure(
        4 <= len(padded) <= MAX_PADDED_LENGTH
        and _padded_length(length) == len(padded)
        and not any(padded[4 + length :]),
        "PADDING_INVALID",
        "the item's padding is not the one of its length",
    )
    return padded[4 : 4 + length]


def seal_item(item: Item, vault_key: bytes, binding: ItemBinding | Header) -> SealedItem:
    """Encrypts an item under the vault key of the binding's epoch."""
    return seal_item_with(item.SerializeToString(), vault_key, binding, secrets.token_bytes(32), secrets.token_bytes(12))


def seal_item_with(
    message: bytes, vault_key: bytes, binding: ItemBinding | Header, salt: bytes, nonce: bytes
) -> SealedItem:
    """`seal_item` with a salt and nonce of the caller's choice, for test vectors. Neither may ever be used twice."""
    aad = item_aad(binding)
    key, commitment = item_key(vault_key, salt, aad)
    return SealedItem(begin(ITEM) + salt + nonce + gcm_seal(key, nonce, pad(message), aad), commitment)


def open_item(envelope: bytes, header: Header, vault_key: Callable[[int], bytes | None]) -> Item:
    """Decrypts the envelope of a PUT.

    The header must have been verified before: its signature is what says that the item is the author's. vault_key
    gives the vault key of an epoch, or None. Raises Kpm1Error as docs/crypto.md lists, in its order.
    """
    message = open_item_message(envelope, header, vault_key)
    item = Item()
    try:
        # The C++ parser only warns of some malformed input, but tells how much of it was read.
        read = item.MergeFromString(message)
    except DecodeError as error:
        raise Kpm1Error("ITEM_INVALID", "the item is no valid message") from error
    ensure(read == len(message), "ITEM_INVALID", "the item is no valid message")
    return item


def open_item_message(envelope: bytes, header: Header, vault_key: Callable[[int], bytes | None]) -> bytes:
    """`open_item` without the last step: the serialised message."""
    ensure(len(envelope) >= _MIN_ENVELOPE_LENGTH, "STRUCTURE_INVALID", "the item envelope is too short")
    reader = Reader(envelope, ITEM, "item envelope")
    ensure(
        header.schema == ITEM_SCHEMA,
        "SCHEMA_UNKNOWN",
        f"the item is of schema {header.schema}; a newer client is needed to read it",
    )
    ensure(sha256(envelope) == header.envelope_hash, "ENVELOPE_HASH_MISMATCH", "the envelope is not the one that was signed")
    epoch_key = vault_key(header.key_epoch)
    if epoch_key is None:
        raise Kpm1Error("KEY_EPOCH_UNKNOWN", f"there is no key for epoch {header.key_epoch}")
    salt, nonce = reader.bytes(32), reader.bytes(12)
    aad = item_aad(header)
    key, commitment = item_key(epoch_key, salt, aad)
    ensure(equal(commitment, header.commitment), "COMMITMENT_MISMATCH", "the item's key is not the one that was signed")
    padded = gcm_open(key, nonce, envelope[50:], aad)
    if padded is None:
        raise Kpm1Error("DECRYPTION_FAILED", "the item does not decrypt")
    return unpad(padded)
