"""Snapshots, device revocations and new keys: an honest server is believed, a hostile one is refused for the right reason."""

from __future__ import annotations

import copy
import functools
import unittest
from collections.abc import Callable
from uuid import UUID

from kpm import Device, new_id
from kpm.kpm1 import Enrolment, VaultLog
from kpm.kpm1.checkpoint import Leaf, merkle_root
from kpm.kpm1.item import open_item
from kpm.kpm1.primitives import sha256
from kpm.v1.vault_pb2 import OPERATION_KIND_DELETE, Change
from kpm.v1.vault_service_pb2 import SnapshotBegin
from support import LogWriter, refused

Made = tuple[SnapshotBegin, list[Change]]


class History:
    """ROOT laptop, keyset, KEYED phone and tablet, two items; the tablet writes and is revoked, the keys are new, the laptop
    deletes an item, the phone writes the other in the new epoch."""

    def __init__(self) -> None:
        writer, laptop, phone, tablet = LogWriter(), Device("laptop"), Device("phone"), Device("tablet")
        self.writer, self.laptop, self.phone, self.tablet = writer, laptop, phone, tablet
        self.kept, self.deleted = new_id(), new_id()
        writer.enrol(laptop, Enrolment.ROOT)  # 1
        writer.put_keyset(laptop)  # 2
        writer.enrol(phone, Enrolment.KEYED)  # 3
        writer.enrol(tablet, Enrolment.KEYED)  # 4
        writer.put_item(tablet, self.kept, "first")  # 5
        writer.put_item(phone, self.deleted, "to be deleted")  # 6
        writer.revoke(laptop, tablet.id)  # 7
        writer.rekey(laptop)  # 8
        writer.write(laptop, OPERATION_KIND_DELETE, self.deleted)  # 9
        writer.put_item(phone, self.kept, "second")  # 10

    def read(self, count: int | None = None) -> VaultLog:
        log = self.writer.reader()
        for change in self.writer.changes[:count]:
            log.append(change)
        return log


def history() -> History:
    made = copy.copy(_history())
    made.writer = copy.deepcopy(made.writer)
    return made


@functools.cache
def _history() -> History:
    return History()


def receive(log: VaultLog, made: Made) -> list:
    begin, rows = made
    snapshot = log.begin_snapshot(begin)
    entries = [snapshot.add(row) for row in rows]
    log.end_snapshot(snapshot, begin.as_of)
    return entries


def tampered(message, **fields):
    made = copy.deepcopy(message)
    for name, value in fields.items():
        setattr(made, name, value)
    return made


def flip(data: bytes, offset: int, xor: int = 1) -> bytes:
    return data[:offset] + bytes((data[offset] ^ xor,)) + data[offset + 1 :]


FORGERIES: dict[str, tuple[str, Callable[[History], Change]]] = {
    "an operation of a revoked device": ("DEVICE_REVOKED", lambda h: h.writer.put_item(h.tablet, h.kept, "late")),
    "a revocation by a revoked device": ("DEVICE_REVOKED", lambda h: h.writer.revoke(h.tablet, h.phone.id)),
    "a second revocation": ("REVOCATION_INVALID", lambda h: h.writer.revoke(h.laptop, h.tablet.id)),
    "a revocation of oneself": ("REVOCATION_INVALID", lambda h: h.writer.revoke(h.laptop, h.laptop.id)),
    "a revocation of a stranger": ("REVOCATION_INVALID", lambda h: h.writer.revoke(h.laptop, new_id())),
    "a revocation in another vault": ("HEADER_MISMATCH", lambda h: h.writer.revoke(h.laptop, h.phone.id, vault=new_id())),
    "a revocation under another key": ("DIRECTORY_MAC_INVALID", lambda h: h.writer.revoke(h.laptop, h.phone.id, bytes(32))),
    "a revocation under the key of the epoch before": (
        "DIRECTORY_MAC_INVALID", lambda h: h.writer.revoke(h.laptop, h.phone.id, h.writer.keys.directory_key(1))
    ),
    "a revocation by a stranger": ("DEVICE_UNKNOWN", lambda h: h.writer.revoke(Device("stranger"), h.phone.id)),
    "a device that a revoked one approved": (
        "APPROVAL_INVALID", lambda h: h.writer.enrol(Device("fourth"), Enrolment.APPROVED, approver=h.tablet)
    ),
    "an operation of the epoch before": ("EPOCH_MISMATCH", lambda h: h.writer.put_item(h.laptop, h.kept, "old", key_epoch=1)),
}


def rows(change: Callable[[History, list[Change]], list[Change]], as_of: int | None = None) -> Callable[[History], Made]:
    """A snapshot whose rows the server has changed."""

    def make(h: History) -> Made:
        begin, honest = h.writer.snapshot(h.phone, as_of)
        return begin, change(h, honest)

    return make


def begin(**edit: Callable[[SnapshotBegin], object]) -> Callable[[History], Made]:
    """A snapshot whose beginning the server has changed."""

    def make(h: History) -> Made:
        honest, rows = h.writer.snapshot(h.laptop)
        return tampered(honest, **{name: change(honest) for name, change in edit.items()}), rows

    return make


def replaced(rows: list[Change], index: int, **fields: object) -> list[Change]:
    return [*rows[:index], tampered(rows[index], **fields), *rows[index + 1 :]]


# The rows of the honest snapshot are the entries 1, 3, 4, 7, 8, 9, 10.
ATTACKS: dict[str, tuple[str, Callable[[History], Made]]] = {
    "a row is left out": ("SEQ_GAP", rows(lambda h, r: r[:-1])),
    "an older revision is shown": ("CHECKPOINT_MISMATCH", rows(lambda h, r: [*r[:3], h.writer.changes[4], *r[3:-1]])),
    "a deletion is withheld": (
        "CHECKPOINT_MISMATCH", rows(lambda h, r: [*r[:3], h.writer.changes[5], *r[3:5], r[6]])
    ),
    "a row comes twice": ("SEQ_GAP", rows(lambda h, r: [*r, r[-1]])),
    "a row more than there are leaves": ("SEQ_GAP", rows(lambda h, r: [*r, h.writer.changes[9]], as_of=9)),
    "a subject has two rows": ("CHECKPOINT_MISMATCH", rows(lambda h, r: [*r[:3], h.writer.changes[4], *r[3:5], r[6]])),
    "rows are out of order": ("SEQ_GAP", rows(lambda h, r: [r[0], r[2], r[1]])),
    "a row's signature is changed": (
        "SIGNATURE_INVALID", rows(lambda h, r: replaced(r, 4, signature=flip(r[4].signature, 5)))
    ),
    "a row's envelope is changed": (
        "ENVELOPE_HASH_MISMATCH", rows(lambda h, r: replaced(r, 6, envelope=flip(r[6].envelope, 99)))
    ),
    "a device is withheld": ("DEVICE_UNKNOWN", rows(lambda h, r: [r[0], *r[2:]])),
    "its author is a stranger": ("DEVICE_UNKNOWN", lambda h: h.writer.snapshot(Device("stranger"))),
    "its author was revoked": ("DEVICE_REVOKED", lambda h: h.writer.snapshot(h.tablet)),
    "its signature is another device's": ("SIGNATURE_INVALID", lambda h: h.writer.snapshot(h.laptop, device=h.phone.id)),
    "its chain hash is changed": ("SIGNATURE_INVALID", begin(checkpoint=lambda b: flip(b.checkpoint, 80))),
    "its root is another": ("CHECKPOINT_MISMATCH", lambda h: h.writer.snapshot(h.laptop, root=bytes(32))),
    "it is of another vault": ("WRONG_VAULT", lambda h: h.writer.snapshot(h.laptop, vault=new_id())),
    "it is of another generation": ("GENERATION_CHANGED", lambda h: h.writer.snapshot(h.laptop, generation=2)),
    "it is of another seq than it says": ("SEQ_GAP", begin(as_of=lambda b: 9)),
    "it has another number of rows than it says": ("SEQ_GAP", begin(rows=lambda b: b.rows - 1)),
    "it is of a newer suite": ("SUITE_UNKNOWN", begin(checkpoint=lambda b: flip(b.checkpoint, 5, 3))),
    "it is cut": ("STRUCTURE_INVALID", begin(checkpoint=lambda b: b.checkpoint[:-1])),
}


class SnapshotTest(unittest.TestCase):
    def setUp(self) -> None:
        self.h = history()
        self.writer = self.h.writer

    def test_a_log_with_a_revocation_and_new_keys_is_read(self) -> None:
        log = self.writer.reader()
        entries = [log.append(change) for change in self.writer.changes]
        self.assertEqual(entries[6].revoked, self.h.tablet.id)
        self.assertEqual([log.is_current(device) for device in (self.h.tablet.id, self.h.phone.id, new_id())], [False, True, False])
        self.assertEqual(log.key_epoch, 2)
        names = [open_item(entries[i].envelope, entries[i].header, self.writer.keys.vault_key).name for i in (4, 9)]
        self.assertEqual(names, ["first", "second"])

    def test_forgeries_are_detected(self) -> None:
        for name, (code, forge) in FORGERIES.items():
            with self.subTest(name):
                h = history()
                log = h.read()
                forged = forge(h)
                with refused(self, code):
                    log.append(forged)

    def test_a_snapshot_is_taken_and_the_log_goes_on_from_it(self) -> None:
        made = self.writer.snapshot(self.h.phone)
        self.assertEqual([row.seq for row in made[1]], [1, 3, 4, 7, 8, 9, 10])
        log, whole = self.writer.reader(), self.h.read()
        receive(log, made)
        log.bookmark(10)
        self.assertEqual((log.rev(self.h.kept), log.rev(self.h.deleted), log.key_epoch), (2, 2, 2))
        self.assertFalse(log.is_current(self.h.tablet.id))
        change = self.writer.put_item(self.h.laptop, self.h.kept, "third")
        log.append(change)
        whole.append(change)
        self.assertEqual(log.checkpoint(self.h.phone.id), whole.checkpoint(self.h.phone.id))

    def test_what_later_changes_replace_may_be_withheld_until_then(self) -> None:
        log = self.h.read(6)
        self.writer.put_item(self.h.laptop, self.h.kept, "third")
        entries = receive(log, self.writer.snapshot(self.h.laptop, 10))
        self.assertIsNone(entries[-1].envelope)
        with refused(self, "ENVELOPE_WITHHELD"):
            log.bookmark(10)
        log.append(self.writer.changes[10])
        log.bookmark(11)

    def test_an_observation_from_before_the_snapshot_is_accepted_and_one_that_falls_is_not(self) -> None:
        log = self.writer.reader()
        receive(log, self.writer.snapshot(self.h.laptop))
        wrong = {"observed_hash": b"7" * 32}
        log.append(self.writer.put_item(self.h.phone, self.h.kept, "third", observed_seq=9, **wrong))
        for seq in (10, 2):
            with self.subTest(seq):
                self.writer.revs[self.h.kept] = 3
                forged = self.writer.put_item(self.h.laptop, self.h.kept, "forged", observed_seq=seq, **wrong)
                forged.seq = 12
                with refused(self, "OBSERVATION_MISMATCH"):
                    log.append(forged)

    def test_an_observation_of_an_entry_that_was_seen_before_the_snapshot_is_checked(self) -> None:
        log = self.h.read(9)
        self.writer.put_item(self.h.laptop, new_id(), "new")
        receive(log, self.writer.snapshot(self.h.laptop))
        wrong = {"observed_hash": b"7" * 32}
        with refused(self, "OBSERVATION_MISMATCH"):
            log.append(self.writer.put_item(self.h.phone, self.h.kept, "forged", observed_seq=9, **wrong))
        self.writer.changes.pop()
        self.writer.revs[self.h.kept] = 2
        log.append(self.writer.put_item(self.h.phone, self.h.kept, "third", observed_seq=10, **wrong))

    def test_a_replay_of_what_the_checkpoint_has_swallowed_is_refused(self) -> None:
        log = self.writer.reader()
        receive(log, self.writer.snapshot(self.h.laptop))
        for index in (9, 5):
            with refused(self, "OP_SEQ_NOT_RISING"):
                log.append(tampered(self.writer.changes[index], seq=11))

    def test_attacks_are_detected_and_nothing_is_taken(self) -> None:
        for name, (code, make) in ATTACKS.items():
            with self.subTest(name):
                h = history()
                made = make(h)
                log = h.writer.reader()
                with refused(self, code):
                    receive(log, made)
                self.assertEqual(log.seq, 0)

    def test_a_snapshot_that_lacks_what_this_device_knows_is_a_rollback(self) -> None:
        log = self.h.read()
        with refused(self, "ROLLBACK"):
            receive(log, self.writer.snapshot(self.h.laptop, 9))
        # Another log that the same devices signed: an item that this device has seen is not in it.
        log = self.h.read(8)
        self.writer.changes = [change for change in self.writer.changes if change.subject_id != str(self.h.deleted)]
        for seq, change in enumerate(self.writer.changes, 1):
            change.seq = seq
        with refused(self, "ROLLBACK"):
            receive(log, self.writer.snapshot(self.h.laptop, 8))

    def test_a_keyset_of_the_snapshot_may_not_have_fewer_iterations_than_the_vault_had(self) -> None:
        self.writer.put_keyset(self.h.laptop, 700_000)
        log = self.h.read()
        self.writer.put_keyset(self.h.laptop, 650_000)
        with refused(self, "KDF_DOWNGRADE"):
            receive(log, self.writer.snapshot(self.h.laptop))

    def test_an_entry_of_the_past_is_checked_against_the_own_copy(self) -> None:
        log, old = self.h.read(), self.writer.changes[4]
        self.assertEqual(log.check_past(old).subject, self.h.kept)
        behind = self.writer.reader()
        receive(behind, self.writer.snapshot(self.h.laptop))
        behind.check_past(old)
        stranger = copy.deepcopy(self.writer).put_item(Device("stranger"), self.h.kept, "forged")
        for code, reader, entry in (
            ("CHAIN_MISMATCH", log, tampered(old, seq=6)),
            ("DEVICE_REVOKED", log, tampered(old, seq=11)),
            ("DEVICE_REVOKED", behind, tampered(old, seq=8)),
            ("HEADER_MISMATCH", log, tampered(old, rev=2)),
            ("SIGNATURE_INVALID", log, tampered(old, signature=bytes(64))),
            ("DEVICE_UNKNOWN", log, stranger),
        ):
            with self.subTest(code, seq=entry.seq), refused(self, code):
                reader.check_past(entry)

    def test_the_tree_over_1_to_9_leaves_is_the_one_of_the_definition(self) -> None:
        def tree(hashes: list[bytes]) -> bytes:
            if len(hashes) == 1:
                return hashes[0]
            # The greatest power of two below the number of leaves stands on the left, as joining in pairs makes it.
            left = 1 << ((len(hashes) - 1).bit_length() - 1)
            return sha256(b"\1" + tree(hashes[:left]) + tree(hashes[left:]))

        leaves = [Leaf(UUID(int=i * 7 + 1), i + 1, 2 * i + 1, bytes((i,)) * 32) for i in range(9)]
        for count in range(1, 10):
            self.assertEqual(merkle_root(reversed(leaves[:count])), tree([leaf.hash for leaf in leaves[:count]]))


if __name__ == "__main__":
    unittest.main()
