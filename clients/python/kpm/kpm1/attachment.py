"""Attachments: files beside an item, encrypted by chunks under a key of their own."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from uuid import UUID

from kpm.kpm1.error import Kpm1Error, ensure
from kpm.kpm1.primitives import gcm_open, gcm_seal, sha256
from kpm.kpm1.structure import ATTACHMENT, begin, u32, u64

CHUNK = 524_288
"""Bytes of plaintext in every chunk but the last."""

MAX_LENGTH = 100 * CHUNK
"""Most bytes of an attachment."""

_TAG = 16

SEALED_CHUNK = CHUNK + _TAG
"""Bytes of ciphertext of every chunk but the last."""


@dataclass(frozen=True)
class AttachmentBinding:
    """What the ciphertext of an attachment is bound to."""

    account: UUID
    vault: UUID
    item: UUID
    """The item that it belongs to."""
    attachment: UUID

    def aad(self, index: int, final: bool) -> bytes:
        """The associated data of a chunk: 80 bytes."""
        return b"".join((
            begin(ATTACHMENT),
            bytes((final, 0)),
            self.account.bytes,
            self.vault.bytes,
            self.item.bytes,
            self.attachment.bytes,
            u64(index),
        ))


@dataclass(frozen=True)
class SealedAttachment:
    """An encrypted attachment, and what its item keeps of it."""

    ciphertext: bytes
    """The chunks, one behind the other."""
    sha256: bytes
    """SHA-256 of the ciphertext."""
    key: bytes
    """The attachment's own key, 32 bytes."""
    length: int
    """Bytes of plaintext."""
    chunk_count: int


def chunk_count(length: int) -> int:
    """How many chunks an attachment of some length has; an empty one has one."""
    return max(1, -(-length // CHUNK))


def sealed_length(length: int) -> int:
    """Bytes of ciphertext of an attachment of some length."""
    return length + _TAG * chunk_count(length)


def chunk_nonce(index: int) -> bytes:
    """The nonce of a chunk."""
    return u32(0) + u64(index)


def seal_chunk(key: bytes, binding: AttachmentBinding, index: int, final: bool, plain: bytes) -> bytes:
    """Encrypts one chunk. The key must be the attachment's own: the nonce is no more than the index."""
    return gcm_seal(key, chunk_nonce(index), plain, binding.aad(index, final))


def open_chunk(key: bytes, binding: AttachmentBinding, index: int, final: bool, sealed: bytes) -> bytes:
    """Decrypts one chunk. Raises DECRYPTION_FAILED where it is another one, or was changed."""
    plain = gcm_open(key, chunk_nonce(index), sealed, binding.aad(index, final))
    if plain is None:
        raise Kpm1Error("DECRYPTION_FAILED", f"chunk {index} of the attachment does not decrypt")
    return plain


def seal_attachment(content: bytes, binding: AttachmentBinding, key: bytes | None = None) -> SealedAttachment:
    """Encrypts an attachment.

    key is the attachment's own: a fresh one, unless an upload of the very same content is to go on.
    """
    if len(content) > MAX_LENGTH:
        raise ValueError(f"an attachment has at most {MAX_LENGTH} bytes, this one has {len(content)}")
    key = key or secrets.token_bytes(32)
    count = chunk_count(len(content))
    ciphertext = b"".join(
        seal_chunk(key, binding, index, index == count - 1, content[index * CHUNK : (index + 1) * CHUNK])
        for index in range(count)
    )
    return SealedAttachment(ciphertext, sha256(ciphertext), key, len(content), count)


@dataclass(frozen=True)
class AttachmentKeys:
    """What an item keeps of an attachment."""

    key: bytes
    length: int
    """Bytes of plaintext."""
    chunk_count: int

    def check(self, size: int) -> None:
        """Refuses a ciphertext that has not the length which the item promises, and a promise that is none.

        size is that of the whole ciphertext. Raises ATTACHMENT_INVALID.
        """
        ensure(
            len(self.key) == 32
            and self.length <= MAX_LENGTH
            and self.chunk_count == chunk_count(self.length)
            and size == sealed_length(self.length),
            "ATTACHMENT_INVALID",
            f"an attachment of {self.length} bytes has no ciphertext of {size}",
        )


def open_attachment(ciphertext: bytes, binding: AttachmentBinding, keys: AttachmentKeys) -> bytes:
    """Decrypts a whole attachment. Raises ATTACHMENT_INVALID or DECRYPTION_FAILED."""
    keys.check(len(ciphertext))
    return b"".join(
        open_chunk(
            keys.key, binding, index, index == keys.chunk_count - 1,
            ciphertext[index * SEALED_CHUNK : (index + 1) * SEALED_CHUNK],
        )
        for index in range(keys.chunk_count)
    )
