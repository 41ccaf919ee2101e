"""The hash chain over an account's security events."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from kpm.kpm1.primitives import sha256
from kpm.v1.security_pb2 import SecurityEvent

HASH_SIZE = 32


class AuditError(Exception):
    """An event does not follow from the one before it."""


def audit_hash(before: bytes, account: UUID, event: SecurityEvent) -> bytes:
    """The hash that an event of the account must have, after the hash before it; security.proto has the layout."""
    detail = event.detail.encode()
    return sha256(b"".join((
        b"KPM1-AUDIT",
        before,
        account.bytes,
        event.seq.to_bytes(8, "big"),
        event.time.ToMilliseconds().to_bytes(8, "big", signed=True),
        event.kind.to_bytes(4, "big"),
        event.actor.to_bytes(1, "big"),
        UUID(event.device_id).bytes if event.device_id else bytes(16),
        len(detail).to_bytes(4, "big"),
        detail,
    )))


def verify_events(account: UUID, events: Iterable[SecurityEvent]) -> bytes:
    """Verifies the events, oldest first from the first one, such as ExportAccountData sends them.

    Returns the hash of the last one, to compare with ExportEnd.head_hash and with what was kept from before; raises
    AuditError at the first event that does not follow from the one before it.
    """
    head, seq = bytes(HASH_SIZE), 0
    for event in events:
        expected = audit_hash(head, account, event)
        if event.seq != seq + 1 or event.hash != expected:
            raise AuditError(f"event {event.seq} does not follow from event {seq}")
        head, seq = expected, event.seq
    return head
