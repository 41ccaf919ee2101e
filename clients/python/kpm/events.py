"""What a vault tells, and how operations and streams end."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from kpm.item.v1.item_pb2 import Item
from kpm.kpm1.directory import DirectoryEntry
from kpm.kpm1.error import Kpm1Error
from kpm.v1.vault_pb2 import OperationResult, RejectionReason
from kpm.v1.vault_service_pb2 import GoAway, GoAwayReason, ResyncReason, ResyncRequired


@dataclass(frozen=True)
class VaultEvent:
    """A verified step of the vault's history.

    type is "item" (a new revision), "unreadable" (of an item that only a newer client can read; its ciphertext is left
    as it is), "deleted", "device" (a device joined: show one that is KEYED to the person), "revoked" (the part of the
    device id has ended), "keyset" (the main password was changed, or with a new key_epoch all keys), "snapshot" (the vault
    was taken over as a device's checkpoint states it: what is new in it comes first, what was in between does not), or
    "caughtUp" (everything up to seq has been seen).
    """

    type: str
    seq: int
    id: UUID | None = None
    rev: int = 0
    author: UUID | None = None
    item: Item | None = None
    entry: DirectoryEntry | None = None
    why: Kpm1Error | None = None
    key_epoch: int = 0


class OperationError(Exception):
    """The server did not apply an operation."""

    def __init__(self, result: OperationResult) -> None:
        if result.WhichOneof("result") == "conflict":
            super().__init__(f"the subject is at revision {result.conflict.rev} now")
        else:
            super().__init__(f"the server refused the operation: {RejectionReason.Name(result.rejected.reason)}")
        self.result = result
        """The result: a conflict names the subject's revision now, a rejection its reason."""


class StreamEnded(Exception):
    """The server ended a stream.

    reason is a GoAway (resume), a ResyncRequired (keep the data and tell the person; who agrees
    begins anew), or "revoked": this device's
    access was ended.
    """

    def __init__(self, reason: GoAway | ResyncRequired | str) -> None:
        if isinstance(reason, GoAway):
            super().__init__(f"the server ended the stream: {GoAwayReason.Name(reason.reason)}")
        elif isinstance(reason, ResyncRequired):
            super().__init__(f"the stream can't be resumed: {ResyncReason.Name(reason.reason)}")
        else:
            super().__init__("the access of this device was ended")
        self.reason = reason


def applied(result: OperationResult) -> int:
    """The seq of an operation that was applied. Raises OperationError where it was not."""
    if result.WhichOneof("result") != "applied":
        raise OperationError(result)
    return result.applied.seq
