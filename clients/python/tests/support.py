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
from kpm.kpm1 import Checkpoint, DirectoryEntry, Enrolment, Header, Kpm1Error, VaultKeys, VaultLog
from kpm.kpm1.checkpoint import Leaf, merkle_root
from kpm.kpm1.directory import seal_directory_entry
from kpm.kpm1.header import ITEM_SCHEMA, ZERO
from kpm.kpm1.item import ItemBinding, seal_item
from kpm.kpm1.keyset import MIN_ITERATIONS, seal_keyset
from kpm.kpm1.log import EMPTY_CHAIN_HASH, chain_hash
from kpm.kpm1.primitives import sha256, sign
from kpm.kpm1.revocation import seal_revocation
from kpm.v1.vault_pb2 import (
    OPERATION_KIND_DELETE, OPERATION_KIND_DEVICE_KEY, OPERATION_KIND_DEVICE_REVOCATION, OPERATION_KIND_KEYSET,
    OPERATION_KIND_PUT, Change,
)
from kpm.v1.vault_service_pb2 import SnapshotBegin


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
            base_rev=self.revs.get(subject, 0), key_epoch=self.keys.epoch, schema=ITEM_SCHEMA if kind == OPERATION_KIND_PUT else 0,
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
            enrolment=enrolment, account=self.account, vault=self.account, device=device.id, key_epoch=self.keys.epoch,
            signing_key=device.signing_key, agreement_key=device.agreement_key,
        )
        if approver:
            made = replace(made, approver=approver.id)
        envelope = seal_directory_entry(
            replace(made, **entry), directory_key or self.keys.directory_key(self.keys.epoch), approver and approver.signing
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
        sealed = seal_item(Item(name=name), self.keys.vault_key(self.keys.epoch), binding)
        return self.write(
            device, OPERATION_KIND_PUT, subject, sealed.envelope, commitment=sealed.commitment, **header
        )

    def revoke(
        self, author: Device, device: UUID, directory_key: bytes | None = None, vault: UUID | None = None
    ) -> Change:
        """Ends a device's part in the log."""
        key = directory_key or self.keys.directory_key(self.keys.epoch)
        envelope = seal_revocation(self.account, vault or self.account, device, key)
        return self.write(author, OPERATION_KIND_DEVICE_REVOCATION, new_id(), envelope)

    def rekey(self, device: Device) -> Change:
        """Gives the vault the keys of the next epoch."""
        self.keys = self.keys.next()
        return self.put_keyset(device)

    def snapshot(self, author: Device, as_of: int | None = None, **edit: Any) -> tuple[SnapshotBegin, list[Change]]:
        """The snapshot at a seq; edit has what its checkpoint says instead of what would be right."""
        as_of = len(self.changes) if as_of is None else as_of
        newest = {change.subject_id: change for change in self.changes[:as_of]}
        replaced = {change.subject_id for change in self.changes[as_of:]}
        rows = [copy.deepcopy(row) for row in sorted(newest.values(), key=lambda row: row.seq)]
        for row in rows:
            if row.subject_id in replaced and row.kind != OPERATION_KIND_DELETE:
                row.envelope, row.superseded = b"", True
        head = EMPTY_CHAIN_HASH
        for change in self.changes[:as_of]:
            head = chain_hash(head, change.seq, change.header)
        leaves = [Leaf(UUID(row.subject_id), row.rev, row.seq, sha256(row.header)) for row in rows]
        checkpoint = Checkpoint(
            account=self.account, vault=self.account, generation=1, device=author.id, seq=as_of, chain_hash=head,
            key_epoch=Header.parse(self.changes[as_of - 1].header).key_epoch, leaves=len(rows), root=merkle_root(leaves),
        )
        data = replace(checkpoint, **edit).encode()
        begin = SnapshotBegin(as_of=as_of, checkpoint=data, signature=sign(author.signing, data), rows=len(rows))
        return begin, rows


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
