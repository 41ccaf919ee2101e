"""Files that belong to items: encrypted here, uploaded before the item that names them is written."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import UUID

from kpm.errors import RpcError
from kpm.ids import new_id
from kpm.item.v1.item_pb2 import Attachment
from kpm.kpm1.attachment import (
    CHUNK, SEALED_CHUNK, AttachmentBinding, AttachmentKeys, open_chunk, seal_attachment, sealed_length,
)
from kpm.kpm1.error import Kpm1Error, ensure
from kpm.patience import Patience
from kpm.v1.error_reason_pb2 import ERROR_REASON_NOT_FOUND
from kpm.v1.vault_service_pb2 import (
    AttachmentUpload, DownloadAttachmentRequest, GetAttachmentUploadRequest, UploadAttachmentRequest, UploadStart,
)

if TYPE_CHECKING:
    from kpm.vault import Vault


@dataclass(frozen=True)
class SealedFile:
    """An encrypted file that is ready to be uploaded, as often as that takes."""

    attachment: Attachment
    """What its item keeps of it; the key stands in it."""
    ciphertext: bytes


class Files:
    """The files of a vault."""

    def __init__(self, vault: Vault) -> None:
        """For Vault, which has one."""
        self._vault = vault

    def seal(self, item_id: UUID, name: str, media_type: str, content: bytes) -> SealedFile:
        """Encrypts a file of at most 50 MiB for the item that it will belong to."""
        attachment_id = new_id()
        sealed = seal_attachment(content, self._binding(item_id, attachment_id))
        attachment = Attachment(
            id=str(attachment_id), file_name=name, media_type=media_type, length=sealed.length,
            chunk_count=sealed.chunk_count, key=sealed.key, sha256=sealed.sha256,
        )
        return SealedFile(attachment, sealed.ciphertext)

    def upload(self, file: SealedFile) -> None:
        """Uploads a file, or the rest of it: what has arrived before a cut is not sent again.

        Then its attachment can be put into the item.
        """
        upload = AttachmentUpload(
            attachment_id=file.attachment.id, size=len(file.ciphertext), sha256=file.attachment.sha256
        )
        patience, before, complete = Patience(), -1, False
        while not complete:
            try:
                arrived, complete = self._arrived(file.attachment.id)
                if arrived > before:
                    patience.progress()
                before = arrived
                if not complete:
                    pieces = _pieces(upload, file.ciphertext, arrived)
                    response = self._vault.client.vault.UploadAttachment(pieces, timeout=None)
                    complete = response.complete
                    if not complete and response.received <= arrived:
                        raise RuntimeError("the server took nothing of the upload")
            except RpcError as error:
                patience.after(error)

    def download(
        self, item_id: UUID, attachment: Attachment, offset: int = 0, length: int | None = None
    ) -> Iterator[bytes]:
        """The content of a file, or a range of it, in pieces of at most 512 KiB.

        No byte of a piece is given out before its tag was checked. Goes on by itself after a cut. Raises ATTACHMENT_INVALID
        or DECRYPTION_FAILED.
        """
        keys = AttachmentKeys(attachment.key, attachment.length, attachment.chunk_count)
        if not 0 <= offset <= keys.length or (length is not None and length < 0):
            raise ValueError(f"the file has {keys.length} bytes")
        keys.check(sealed_length(keys.length))
        end = keys.length if length is None else min(keys.length, offset + length)
        if end == offset and keys.length > 0:
            return
        binding = self._binding(item_id, UUID(attachment.id))
        index, last = offset // CHUNK, max(0, -(-end // CHUNK) - 1)
        patience = Patience()
        while index <= last:
            try:
                for sealed in self._chunks(attachment.id, keys, index, last):
                    plain = open_chunk(keys.key, binding, index, index == keys.chunk_count - 1, sealed)
                    start = index * CHUNK
                    index += 1
                    patience.progress()
                    yield plain[max(0, offset - start) : end - start]
            except RpcError as error:
                patience.after(error)

    def _arrived(self, attachment_id: str) -> tuple[int, bool]:
        try:
            state = self._vault.client.vault.GetAttachmentUpload(GetAttachmentUploadRequest(attachment_id=attachment_id))
        except RpcError as error:
            if error.reason == ERROR_REASON_NOT_FOUND:
                return 0, False
            raise
        return state.received, state.complete

    def _chunks(self, attachment_id: str, keys: AttachmentKeys, first: int, last: int) -> Iterator[bytes]:
        """The sealed chunks from one index to another, as they come."""
        start, end = first * SEALED_CHUNK, min(sealed_length(keys.length), (last + 1) * SEALED_CHUNK)
        responses = self._vault.client.vault.DownloadAttachment(
            DownloadAttachmentRequest(attachment_id=attachment_id, offset=start, length=end - start)
        )
        held = bytearray()
        given = start
        try:
            for response in responses:
                keys.check(response.size)
                ensure(
                    response.offset == given + len(held) and response.offset + len(response.data) <= end,
                    "ATTACHMENT_INVALID",
                    "the server sent other bytes than those that were asked for",
                )
                held += response.data
                while held and len(held) >= (due := min(SEALED_CHUNK, end - given)):
                    yield bytes(held[:due])
                    del held[:due]
                    given += due
        finally:
            responses.cancel()
        if given != end:
            raise Kpm1Error("ATTACHMENT_INVALID", "the server sent fewer bytes than there are")

    def _binding(self, item_id: UUID, attachment_id: UUID) -> AttachmentBinding:
        account = self._vault.client.account_id
        return AttachmentBinding(account, account, item_id, attachment_id)


def _pieces(upload: AttachmentUpload, ciphertext: bytes, start: int) -> Iterator[UploadAttachmentRequest]:
    yield UploadAttachmentRequest(start=UploadStart(upload=upload, offset=start))
    for at in range(start, len(ciphertext), SEALED_CHUNK):
        yield UploadAttachmentRequest(data=ciphertext[at : at + SEALED_CHUNK])
