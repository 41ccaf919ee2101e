"""What items were before: their revisions, and the trash."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import TYPE_CHECKING
from uuid import UUID

from kpm.item.v1.item_pb2 import Item
from kpm.kpm1.error import ensure
from kpm.kpm1.item import open_item
from kpm.v1.vault_pb2 import OPERATION_KIND_DELETE, Change, TrashedItem
from kpm.v1.vault_service_pb2 import GetRevisionRequest, ListRevisionsRequest, ListTrashRequest

if TYPE_CHECKING:
    from kpm.vault import Vault


@dataclass(frozen=True)
class Revision:
    """A revision of an item, which a device of the vault has signed."""

    rev: int
    seq: int
    author: UUID
    """The device that made it."""
    deleted: bool
    """It is a deletion."""
    readable: bool
    """Its content is still kept."""
    committed_at: datetime
    """When the server committed it; its word alone."""


class History:
    """The past of a vault's items. To bring one back, put it again under its id."""

    def __init__(self, vault: Vault) -> None:
        """For Vault, which has one."""
        self._vault = vault

    def revisions(self, item_id: UUID) -> Iterator[Revision]:
        """The revisions of an item, newest first; each one's signature was checked."""
        client, log = self._vault.client, self._vault.log
        above, token = None, ""
        while True:
            page = client.vault.ListRevisions(ListRevisionsRequest(item_id=str(item_id), page_token=token))
            for listed in page.revisions:
                entry = Change(
                    seq=listed.seq, rev=listed.rev, kind=listed.kind, subject_id=str(item_id), header=listed.header,
                    signature=listed.signature, superseded=True,
                )
                header = log.check_past(entry)
                ensure(
                    above is None or listed.rev < above, "SEQ_GAP", "the revisions are not in the order of their numbers"
                )
                above = listed.rev
                yield Revision(
                    rev=listed.rev, seq=listed.seq, author=header.device, deleted=listed.kind == OPERATION_KIND_DELETE,
                    readable=listed.envelope_bytes > 0, committed_at=listed.committed_at.ToDatetime(timezone.utc),
                )
            token = page.next_page_token
            if not token:
                return

    def revision(self, item_id: UUID, rev: int) -> Item | None:
        """The item as a revision had it, verified and decrypted.

        None for a deletion, and where its content is no longer kept.
        """
        vault = self._vault
        change = vault.client.vault.GetRevision(GetRevisionRequest(item_id=str(item_id), rev=rev)).revision
        ensure(
            (change.subject_id, change.rev) == (str(item_id), rev), "HEADER_MISMATCH", "the server sent another revision"
        )
        header = vault.log.check_past(change)
        if change.superseded or header.kind == OPERATION_KIND_DELETE:
            return None
        return open_item(change.envelope, header, vault.keys.vault_key)

    def trash(self) -> Iterator[TrashedItem]:
        """Deleted items that can still be brought back, newest first; the server's word."""
        token = ""
        while True:
            page = self._vault.client.vault.ListTrash(ListTrashRequest(page_token=token))
            yield from page.items
            token = page.next_page_token
            if not token:
                return
