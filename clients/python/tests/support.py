"""A vault's log as an honest server would hold it, for tests to read and to tamper with."""

from __future__ import annotations

import contextlib
import copy
import functools
import unittest
from collections.abc import Iterator
from dataclasses import replace
from typing import Any
from uuid import UUID

from kpm import Device, new_id
from kpm.item.v1.item_pb2 import Item
from kpm.kpm1 import DirectoryEntry, Enrolment, Header, Kpm1Error, VaultKeys, VaultLog
from kpm.kpm1.directory import seal_directory_entry
from kpm.kpm1.header import ITEM_SCHEMA, ZERO
from kpm.kpm1.item import ItemBinding, seal_item
from kpm.kpm1.keyset import MIN_ITERATIONS, seal_keyset
from kpm.kpm1.log import EMPTY_CHAIN_HASH, chain_hash
from kpm.kpm1.primitives import sha256, sign
from kpm.v1.vault_pb2 import OPERATION_KIND_DEVICE_KEY, OPERATION_KIND_KEYSET, OPERATION_KIND_PUT, Change


@contextlib.contextmanager
def refused(test: unittest.TestCase, code: str) -> Iterator[None]:
    """Asserts that something is refused with one error of KPM1."""
    with test.assertRaises(Kpm1Error) as context:
        yield
    test.assertEqual(context.exception.code, code)


class LogWriter:
    """Writes entries as devices do."""

    def __init__(self) -> None:
        self.account = new_id()
        self.keys = VaultKeys.create()
        self.changes: list[Change] = []
        self.revs: dict[UUID, int] = {}
        self._op_seqs: dict[UUID, int] = {}
        self._head = EMPTY_CHAIN_HASH

    def reader(self, **own: Any) -> VaultLog:
        """A log that reads what was written."""
        return VaultLog(self.account, self.keys, **own)

    def next_header(self, device: Device, kind: int, subject: UUID) -> Header:
        """What a header says of an entry that comes next."""
        return Header(
            kind=kind, account=self.account, vault=self.account, generation=1, device=device.id,
            op_seq=self._op_seqs.get(device.id, 0) + 1, op_id=new_id(), subject=subject,
            base_rev=self.revs.get(subject, 0), key_epoch=1, schema=ITEM_SCHEMA if kind == OPERATION_KIND_PUT else 0,
            envelope_hash=ZERO, observed_seq=len(self.changes), observed_hash=self._head,
        )

    def write(self, device: Device, kind: int, subject: UUID, envelope: bytes = b"", **header: Any) -> Change:
        """Writes an entry; header has what its header says instead of what would be right."""
        made = replace(self.next_header(device, kind, subject), envelope_hash=sha256(envelope), **header)
        data = made.encode()
        change = Change(
            seq=len(self.changes) + 1, kind=kind, subject_id=str(subject), rev=made.rev, header=data,
            signature=sign(device.signing, data), envelope=envelope,
        )
        self._head = chain_hash(self._head, change.seq, data)
        self._op_seqs[device.id] = made.op_seq
        self.revs[subject] = made.rev
        self.changes.append(change)
        return change

    def enrol(
        self,
        device: Device,
        enrolment: Enrolment,
        approver: Device | None = None,
        directory_key: bytes | None = None,
        **entry: Any,
    ) -> Change:
        made = DirectoryEntry(
            enrolment=enrolment, account=self.account, vault=self.account, device=device.id, key_epoch=1,
            signing_key=device.signing_key, agreement_key=device.agreement_key,
        )
        if approver:
            made = replace(made, approver=approver.id)
        envelope = seal_directory_entry(
            replace(made, **entry), directory_key or self.keys.directory_key(1), approver and approver.signing
        )
        return self.write(device, OPERATION_KIND_DEVICE_KEY, device.id, envelope)

    def put_keyset(self, device: Device, iterations: int = MIN_ITERATIONS, keys: VaultKeys | None = None) -> Change:
        envelope = seal_keyset(
            account=self.account, vault=self.account, rev=self.revs.get(self.account, 0) + 1, keys=keys or self.keys,
            main_password="main password", iterations=iterations,
        )
        return self.write(device, OPERATION_KIND_KEYSET, self.account, envelope)

    def put_item(self, device: Device, subject: UUID, name: str, **header: Any) -> Change:
        made = replace(self.next_header(device, OPERATION_KIND_PUT, subject), **header)
        binding = ItemBinding(
            account=made.account, vault=made.vault, subject=subject, key_epoch=made.key_epoch, schema=made.schema,
            base_rev=made.base_rev, device=made.device,
        )
        sealed = seal_item(Item(name=name), self.keys.vault_key(1), binding)
        return self.write(
            device, OPERATION_KIND_PUT, subject, sealed.envelope, commitment=sealed.commitment, **header
        )


def history() -> tuple[LogWriter, Device, Device, UUID]:
    """ROOT laptop, keyset, KEYED phone, an item with a revision of each. The writer is the caller's own."""
    writer, laptop, phone, item = _history()
    return copy.deepcopy(writer), laptop, phone, item


@functools.cache
def _history() -> tuple[LogWriter, Device, Device, UUID]:
    writer, laptop, phone, item = LogWriter(), Device("laptop"), Device("phone"), new_id()
    writer.enrol(laptop, Enrolment.ROOT)
    writer.put_keyset(laptop)
    writer.enrol(phone, Enrolment.KEYED)
    writer.put_item(laptop, item, "first")
    writer.put_item(phone, item, "second")
    return writer, laptop, phone, item
