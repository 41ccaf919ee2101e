"""The hash chain over security events."""

import unittest
from uuid import UUID

from kpm import AuditError, audit_hash, verify_events
from kpm.v1.security_pb2 import ACTOR_ANONYMOUS, SECURITY_EVENT_KIND_DEVICE_LINKED, SecurityEvent

ACCOUNT = UUID("0190b3a0-0000-7000-8000-000000000001")


def event(seq: int, detail: str) -> SecurityEvent:
    made = SecurityEvent(
        seq=seq, kind=SECURITY_EVENT_KIND_DEVICE_LINKED, actor=ACTOR_ANONYMOUS,
        device_id="0190b3a0-0000-7000-8000-0000000000dd", detail=detail,
    )
    made.time.FromMilliseconds(1_800_000_000_123)
    return made


def chain(count: int) -> list[SecurityEvent]:
    events, head = [], bytes(32)
    for seq in range(1, count + 1):
        made = event(seq, f"name={seq}")
        head = made.hash = audit_hash(head, ACCOUNT, made)
        events.append(made)
    return events


class Audit(unittest.TestCase):
    def test_the_hash_is_the_one_of_the_other_languages(self) -> None:
        expected = "0422c9d6abdbde8c76ec83ab941a8f2ccb37f6d956d46b67e307ee13a0da577b"
        self.assertEqual(audit_hash(bytes(32), ACCOUNT, event(1, "name=Küche")).hex(), expected)

    def test_a_chain_verifies_and_its_end_is_the_last_hash(self) -> None:
        events = chain(5)
        self.assertEqual(verify_events(ACCOUNT, events), events[-1].hash)
        self.assertEqual(verify_events(ACCOUNT, []), bytes(32))

    def test_what_was_changed_taken_out_or_moved_is_refused(self) -> None:
        changed = chain(5)
        changed[2].detail = "name=other"
        for events in (changed, chain(5)[1:], [*chain(5)[:2], *chain(5)[3:]], [*chain(5)[:1], *reversed(chain(5)[1:])]):
            with self.assertRaises(AuditError):
                verify_events(ACCOUNT, events)
        with self.assertRaises(AuditError):
            verify_events(UUID(int=1), chain(1))
