"""An honest log is read; a hostile one is refused, each time for the right reason."""

from __future__ import annotations

import unittest
from collections.abc import Callable, Sequence
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from kpm import Device, new_id
from kpm.kpm1 import Enrolment, VaultKeys, VaultLog
from kpm.kpm1.item import open_item
from kpm.v1.vault_pb2 import OPERATION_KIND_DELETE, Change, Keyset
from support import LogWriter, history, refused


def read(log: VaultLog, changes: Sequence[Change]) -> list:
    return [log.append(change) for change in changes]


def tampered(change: Change, **fields: object) -> Change:
    copy = Change()
    copy.CopyFrom(change)
    for name, value in fields.items():
        setattr(copy, name, value)
    return copy


def flip(data: bytes, offset: int) -> bytes:
    return data[:offset] + bytes((data[offset] ^ 1,)) + data[offset + 1 :]


def der(signature: bytes) -> bytes:
    return encode_dss_signature(int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big"))


ATTACKS: dict[str, tuple[str, Callable[[list[Change]], list[Change]]]] = {
    "an entry is left out": ("SEQ_GAP", lambda c: [*c[:3], c[4]]),
    "an entry is left out and the rest renumbered": ("REV_MISMATCH", lambda c: [*c[:3], tampered(c[4], seq=4)]),
    "an entry is replayed": ("OP_SEQ_NOT_RISING", lambda c: [*c[:4], tampered(c[3], seq=5)]),
    "the message names another item": ("HEADER_MISMATCH", lambda c: [*c[:3], tampered(c[3], subject_id=str(new_id()))]),
    "the message names another revision": ("HEADER_MISMATCH", lambda c: [*c[:3], tampered(c[3], rev=2)]),
    "the message names another kind": ("HEADER_MISMATCH", lambda c: [*c[:3], tampered(c[3], kind=OPERATION_KIND_DELETE)]),
    "the header is cut": ("STRUCTURE_INVALID", lambda c: [tampered(c[0], header=c[0].header[1:])]),
    "the header is changed": ("SIGNATURE_INVALID", lambda c: [*c[:3], tampered(c[3], header=flip(c[3].header, 80))]),
    "the envelope is changed": ("ENVELOPE_HASH_MISMATCH", lambda c: [*c[:3], tampered(c[3], envelope=flip(c[3].envelope, 99))]),
    "envelopes are swapped": ("ENVELOPE_HASH_MISMATCH", lambda c: [*c[:3], tampered(c[3], envelope=c[4].envelope)]),
    "the envelope is left out": ("ENVELOPE_HASH_MISMATCH", lambda c: [*c[:3], tampered(c[3], envelope=b"")]),
    "a directory entry is withheld": ("ENVELOPE_HASH_MISMATCH", lambda c: [tampered(c[0], envelope=b"", superseded=True)]),
    "the log begins without its root": ("DEVICE_UNKNOWN", lambda c: [tampered(c[1], seq=1)]),
    "a signature is of DER form": ("SIGNATURE_INVALID", lambda c: [tampered(c[0], signature=der(c[0].signature))]),
    "a signature is cut": ("SIGNATURE_INVALID", lambda c: [tampered(c[0], signature=c[0].signature[:63])]),
    "a signature is zero": ("SIGNATURE_INVALID", lambda c: [tampered(c[0], signature=bytes(64))]),
}

Forge = Callable[[LogWriter, Device, Device, UUID], Change]

FORGERIES: dict[str, tuple[str, Forge]] = {
    "a device that nobody enrolled": ("DEVICE_UNKNOWN", lambda w, a, b, i: w.put_item(Device("stranger"), i, "forged")),
    "a device of the server's making": (
        "DIRECTORY_MAC_INVALID", lambda w, a, b, i: w.enrol(Device("stranger"), Enrolment.KEYED, directory_key=bytes(32))
    ),
    "a second root": ("ROOT_INVALID", lambda w, a, b, i: w.enrol(Device("stranger"), Enrolment.ROOT)),
    "an approval by a stranger": (
        "APPROVAL_INVALID", lambda w, a, b, i: w.enrol(Device("third"), Enrolment.APPROVED, approver=Device("stranger"))
    ),
    "an approval that another device signed": (
        "APPROVAL_INVALID", lambda w, a, b, i: w.enrol(Device("third"), Enrolment.APPROVED, Device("b", id=a.id))
    ),
    "an entry with another device's key": (
        "SIGNATURE_INVALID", lambda w, a, b, i: w.enrol(Device("third"), Enrolment.KEYED, signing_key=b.signing_key)
    ),
    "an entry for another epoch": ("HEADER_MISMATCH", lambda w, a, b, i: w.enrol(Device("third"), Enrolment.KEYED, key_epoch=2)),
    "another vault": ("WRONG_VAULT", lambda w, a, b, i: w.put_item(a, i, "forged", account=new_id())),
    "a later generation": ("GENERATION_CHANGED", lambda w, a, b, i: w.put_item(a, i, "forged", generation=2)),
    "another epoch": ("EPOCH_MISMATCH", lambda w, a, b, i: w.put_item(a, i, "forged", key_epoch=2)),
    "an op_seq that does not rise": ("OP_SEQ_NOT_RISING", lambda w, a, b, i: w.put_item(a, i, "forged", op_seq=3)),
    "a stale revision": ("REV_MISMATCH", lambda w, a, b, i: w.put_item(a, i, "forged", base_rev=1)),
    "an item under the vault's id": ("REV_MISMATCH", lambda w, a, b, i: w.put_item(a, w.account, "forged")),
    "another log was seen": ("OBSERVATION_MISMATCH", lambda w, a, b, i: w.put_item(a, i, "forged", observed_hash=b"7" * 32)),
    "the future was seen": (
        "OBSERVATION_MISMATCH", lambda w, a, b, i: w.put_item(a, i, "forged", observed_seq=6, observed_hash=b"7" * 32)
    ),
    "less was seen than before": (
        "OBSERVATION_MISMATCH", lambda w, a, b, i: w.put_item(a, i, "forged", observed_seq=0, observed_hash=bytes(32))
    ),
    "a keyset of the server's making": ("KEYSET_MAC_INVALID", lambda w, a, b, i: w.put_keyset(a, keys=VaultKeys.create())),
}


class LogTest(unittest.TestCase):
    def setUp(self) -> None:
        self.writer, self.laptop, self.phone, self.item = history()
        self.log = self.writer.reader()

    def test_an_honest_log_is_read_and_its_items_decrypt(self) -> None:
        entries = read(self.log, self.writer.changes)
        self.log.bookmark(5)
        self.assertEqual(self.log.rev(self.item), 2)
        self.assertEqual(list(self.log.devices), [self.laptop.id, self.phone.id])
        last = entries[4]
        self.assertEqual(open_item(last.envelope, last.header, self.writer.keys.vault_key).name, "second")
        self.assertEqual(last.header.device, self.phone.id)

    def test_attacks_are_detected(self) -> None:
        for name, (code, change) in ATTACKS.items():
            with self.subTest(name):
                log = self.writer.reader()
                *before, last = change(self.writer.changes)
                read(log, before)
                with refused(self, code):
                    log.append(last)

    def test_forgeries_are_detected(self) -> None:
        for name, (code, forge) in FORGERIES.items():
            with self.subTest(name):
                writer, laptop, phone, item = history()
                log = writer.reader()
                read(log, writer.changes)
                with refused(self, code):
                    log.append(forge(writer, laptop, phone, item))

    def test_a_refused_entry_leaves_the_log_where_it_was(self) -> None:
        read(self.log, self.writer.changes[:3])
        before = self.log.chain_hash
        with refused(self, "SIGNATURE_INVALID"):
            self.log.append(tampered(self.writer.changes[3], signature=flip(self.writer.changes[3].signature, 3)))
        self.assertEqual((self.log.seq, self.log.chain_hash), (3, before))
        self.log.append(self.writer.changes[3])

    def test_an_approved_device_is_accepted_and_a_second_entry_of_it_is_not(self) -> None:
        tablet = Device("tablet")
        self.writer.enrol(tablet, Enrolment.APPROVED, approver=self.phone)
        read(self.log, self.writer.changes)
        self.assertEqual(self.log.devices[tablet.id].approver, self.phone.id)
        del self.writer.revs[tablet.id]
        with refused(self, "DEVICE_DUPLICATE"):
            self.log.append(self.writer.enrol(tablet, Enrolment.KEYED))

    def test_an_item_comes_back_after_its_deletion_and_is_deleted_once(self) -> None:
        self.writer.write(self.laptop, OPERATION_KIND_DELETE, self.item)
        self.writer.put_item(self.phone, self.item, "back")
        self.writer.write(self.laptop, OPERATION_KIND_DELETE, self.item)
        entries = read(self.log, self.writer.changes)
        self.assertIsNone(entries[5].envelope)
        self.assertEqual(self.log.rev(self.item), 5)
        with refused(self, "REV_MISMATCH"):
            self.log.append(self.writer.write(self.laptop, OPERATION_KIND_DELETE, self.item))

    def test_a_superseded_envelope_needs_its_successor_before_the_next_bookmark(self) -> None:
        superseded = tampered(self.writer.changes[3], envelope=b"", superseded=True)
        entries = read(self.log, [*self.writer.changes[:3], superseded])
        self.assertIsNone(entries[3].envelope)
        with refused(self, "ENVELOPE_WITHHELD"):
            self.log.bookmark(4)
        self.log.append(self.writer.changes[4])
        self.log.bookmark(5)

    def test_what_the_server_says_is_held_against_the_own_copy(self) -> None:
        read(self.log, self.writer.changes)
        for code, step in (
            ("ROLLBACK", lambda: self.log.bookmark(4)),
            ("BOOKMARK_INVALID", lambda: self.log.bookmark(6)),
            ("ROLLBACK", lambda: self.log.welcome(1, 4)),
            ("GENERATION_CHANGED", lambda: self.log.welcome(2, 5)),
            ("CHAIN_MISMATCH", lambda: self.log.check_chain(5, bytes(32))),
            ("CHAIN_MISMATCH", lambda: self.log.check_keyset(Keyset(seq=3, header=self.writer.changes[1].header))),
            ("CHAIN_MISMATCH", lambda: self.log.check_keyset(Keyset(seq=2, header=self.writer.changes[3].header))),
        ):
            with self.subTest(code), refused(self, code):
                step()
        self.log.welcome(1, 9)
        self.log.check_chain(5, self.log.chain_hash)
        self.log.check_keyset(Keyset(seq=2, header=self.writer.changes[1].header))

    def test_a_keyset_with_fewer_iterations_than_before_is_refused(self) -> None:
        self.writer.put_keyset(self.laptop, 700_000)
        self.writer.put_keyset(self.laptop, 650_000)
        read(self.log, self.writer.changes[:6])
        with refused(self, "KDF_DOWNGRADE"):
            self.log.append(self.writer.changes[6])

    def test_an_operation_of_the_own_device_that_it_did_not_make_is_refused(self) -> None:
        made = {self.writer.changes[2].header}
        log = self.writer.reader(own_device=self.phone.id, knows=made.__contains__)
        read(log, self.writer.changes[:4])
        with refused(self, "OWN_OPERATION_UNKNOWN"):
            log.append(self.writer.changes[4])


if __name__ == "__main__":
    unittest.main()
