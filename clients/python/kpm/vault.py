"""One account's vault on one device."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TypeVar
from uuid import UUID

from kpm.client import KpmClient
from kpm.device import Device
from kpm.events import StreamEnded, VaultEvent, applied
from kpm.files import Files
from kpm.history import History
from kpm.ids import new_id
from kpm.item.v1.item_pb2 import Item
from kpm.kpm1.directory import DirectoryEntry, Enrolment, seal_directory_entry
from kpm.kpm1.error import Kpm1Error, ensure
from kpm.kpm1.header import ITEM_SCHEMA, ZERO, Header
from kpm.kpm1.item import open_item, seal_item
from kpm.kpm1.keyset import (
    DEFAULT_ITERATIONS, VaultKeys, check_keyset, open_keyset, open_keyset_as_device, seal_keyset,
)
from kpm.kpm1.log import VaultLog, VerifiedEntry
from kpm.kpm1.primitives import import_public_key, sha256, sign
from kpm.kpm1.revocation import seal_revocation
from kpm.kpm1.snapshot import Snapshot
from kpm.v1.vault_pb2 import (
    OPERATION_KIND_DELETE, OPERATION_KIND_DEVICE_KEY, OPERATION_KIND_DEVICE_REVOCATION, OPERATION_KIND_KEYSET,
    OPERATION_KIND_PUT, Operation, OperationResult,
)
from kpm.v1.vault_service_pb2 import (
    RESYNC_REASON_COMPACTED, Changes, GetVaultRequest, PublishCheckpointRequest, PublishDeviceKeyRequest, PushRequest,
    SnapshotBegin, SnapshotEnd, SnapshotRows, WatchRequest,
)

_T = TypeVar("_T")


def _attachments_of(item: Item) -> tuple[UUID, ...]:
    """The ids of an item's files, as its header lists them."""
    return tuple(sorted({UUID(file.id) for file in item.document.files}))


def _known(key: _T | None) -> _T:
    if key is None:
        raise Kpm1Error("KEY_EPOCH_UNKNOWN", "the vault has new keys; open it again")
    return key


class Vault:
    """One account's vault on one device: keys, verified log and items, in memory only.

    Everything it tells was verified and decrypted here; everything it sends was encrypted and signed here. Safe to use
    while a SyncStream is open, whose thread brings changes in.
    """

    def __init__(self, client: KpmClient, device: Device, keys: VaultKeys) -> None:
        """For `create` and `open`, which are the ways to get one."""
        self.client = client
        self.device = device
        self.log = VaultLog(client.account_id, keys, device.id, lambda header: header in self._made)
        """The verified log."""
        self.files = Files(self)
        """Files that belong to items."""
        self.history = History(self)
        """What items were before."""
        self.items: dict[UUID, Item] = {}
        """The current items."""
        self._made: set[bytes] = set()
        self.in_batch = False
        """The last change belongs to an atomic batch whose rest has not come yet."""
        self._batch: list[VaultEvent] = []
        self._receiving: tuple[Snapshot, list[VaultEvent]] | None = None
        self._last_op_seq = 0
        self._lock = threading.RLock()

    @staticmethod
    def create(client: KpmClient, device: Device, main_password: str) -> Vault:
        """Makes the vault of a new account: fresh keys, this device as ROOT of the directory, and the keyset.

        The main password never leaves the device. The caller sees to its strength, and that it is not the account
        password.
        """
        vault = Vault(client, device, VaultKeys.create())
        account = client.account_id
        root = vault._enrol(Enrolment.ROOT)
        wrapped = seal_keyset(
            account=account,
            vault=account,
            rev=1,
            keys=vault.keys,
            main_password=main_password,
            devices=[(device.id, device.agreement.public_key())],
        )
        keyset = vault._operation(vault._header(OPERATION_KIND_KEYSET, account), wrapped)
        for result in vault.push([root, keyset], atomic=True):
            applied(result)
        return vault

    @staticmethod
    def open(client: KpmClient, device: Device, main_password: str) -> Vault:
        """Opens the vault on another device, and enrols it as KEYED if it is new.

        Verifies the whole log, or the newest snapshot and what follows it.

        Raises Kpm1Error PASSWORD_WRONG, or what a check found.
        """
        state = client.vault.GetVault(GetVaultRequest())
        if not state.HasField("keyset"):
            raise RuntimeError("the vault has no keyset yet: its first device has not made it")
        header = Header.parse(state.keyset.header)
        vault = Vault(client, device, open_keyset(state.keyset.keyset, header, main_password))
        for event in vault.watch(snapshot=True):
            if event.type == "caughtUp" and event.seq >= state.head_seq:
                break
        vault.log.check_chain(state.head_seq, state.chain_hash)
        vault.log.check_keyset(state.keyset)
        if device.id not in vault.log.devices:
            request = PublishDeviceKeyRequest(operation=vault._enrol(Enrolment.KEYED))
            applied(client.vault.PublishDeviceKey(request).result)
        return vault

    @property
    def keys(self) -> VaultKeys:
        """The vault's keys. A keyset of a new epoch that has a wrap for this device brings newer ones."""
        return self.log.keys

    def put(self, item: Item, item_id: UUID | None = None) -> Operation:
        """An operation that writes an item: a new one, or the next revision of item_id.

        Operations are to be sent in the order in which they were made.
        """
        with self._lock:
            header = self._header(OPERATION_KIND_PUT, item_id or new_id(), attachments=_attachments_of(item))
            sealed = seal_item(item, _known(self.keys.vault_key(header.key_epoch)), header)
            return self._operation(header, sealed.envelope, sealed.commitment)

    def remove(self, item_id: UUID) -> Operation:
        """An operation that deletes an item."""
        with self._lock:
            return self._operation(self._header(OPERATION_KIND_DELETE, item_id), b"")

    def push(self, operations: Sequence[Operation], atomic: bool = False) -> list[OperationResult]:
        """Sends operations by a single call. One call of a device may be in flight at a time."""
        return list(self.client.vault.Push(PushRequest(operations=operations, atomic=atomic)).results)

    def watch(self, snapshot: bool = False) -> Iterator[VaultEvent]:
        """Follows the log by the server's stream alone; ends with the access token.

        snapshot begins with a snapshot where there is one, though the changes could be replayed.
        """
        log = self.log
        responses = self.client.vault.Watch(
            WatchRequest(
                generation=log.generation if log.seq else 0, cursor=log.seq, chain_hash=log.chain_hash, snapshot=snapshot
            )
        )
        try:
            for response in responses:
                event = response.WhichOneof("event")
                if event == "welcome":
                    log.welcome(response.welcome.generation, response.welcome.head_seq)
                elif event == "changes":
                    yield from self.apply(response.changes)
                elif event == "caught_up":
                    log.bookmark(response.caught_up.seq)
                    yield VaultEvent("caughtUp", log.seq)
                elif event == "ping":
                    self.heartbeat(response.ping.head_seq)
                elif event == "snapshot_begin":
                    self.begin_snapshot(response.snapshot_begin)
                elif event == "snapshot_rows":
                    self.add_rows(response.snapshot_rows)
                elif event == "snapshot_end":
                    yield from self.end_snapshot(response.snapshot_end)
                elif event == "resync_required" and response.resync_required.reason == RESYNC_REASON_COMPACTED:
                    pass  # a snapshot follows
                elif event in ("resync_required", "go_away"):
                    raise StreamEnded(getattr(response, event))
        finally:
            responses.cancel()

    def heartbeat(self, seq: int) -> None:
        """Checks the bookmark of a Ping, which means nothing yet while a snapshot is on its way."""
        if not self._receiving:
            self.log.bookmark(seq)

    def begin_snapshot(self, begin: SnapshotBegin) -> None:
        """Begins to receive a snapshot; one that was on its way before is void."""
        with self._lock:
            snapshot = self.log.begin_snapshot(begin)
            if snapshot.checkpoint.key_epoch > self.keys.epoch:
                self._fetch_keys()
            self._receiving = (snapshot, [])

    def add_rows(self, rows: SnapshotRows) -> None:
        """Verifies rows of the snapshot."""
        with self._lock:
            snapshot, events = self._received()
            events += filter(None, (self._event(snapshot.add(row)) for row in rows.rows))

    def end_snapshot(self, end: SnapshotEnd) -> list[VaultEvent]:
        """Verifies the whole snapshot and takes it in; the events are those of what is new in it."""
        with self._lock:
            snapshot, events = self._received()
            before = self.log.seq
            self.log.end_snapshot(snapshot, end.as_of)
            self._receiving = None
            news = [event for event in events if event.seq > before]
            for event in news:
                self._keep(event)
            return [*news, VaultEvent("snapshot", end.as_of)]

    def _received(self) -> tuple[Snapshot, list[VaultEvent]]:
        if not self._receiving:
            raise Kpm1Error("SEQ_GAP", "rows came without the beginning of their snapshot")
        return self._receiving

    def apply(self, changes: Changes) -> list[VaultEvent]:
        """Verifies changes of the server and takes them in; the events of an atomic batch come with its last change."""
        with self._lock:
            return self._apply(changes)

    def _apply(self, changes: Changes) -> list[VaultEvent]:
        ensure(
            changes.prev_seq == self.log.seq,
            "SEQ_GAP",
            f"changes came after {changes.prev_seq} where {self.log.seq} is the last",
        )
        ensure(not self._receiving, "SEQ_GAP", "changes came before the end of a snapshot")
        events: list[VaultEvent] = []
        for change in changes.entries:
            entry = self.log.append(change)
            self._renew_keys(entry)
            event = self._event(entry)
            if event:
                self._batch.append(event)
            self.in_batch = change.more_in_batch
            if not self.in_batch:
                events += self._batch
                self._batch.clear()
        ensure(
            changes.last_seq == self.log.seq,
            "SEQ_GAP",
            f"changes up to {changes.last_seq} were said to come, the last was {self.log.seq}",
        )
        for event in events:
            self._keep(event)
        return events

    def check_own_operations(self, last_op_seq: int) -> None:
        """Compares what the server remembers of this device; its numbers may not be ahead of its own."""
        ensure(
            last_op_seq <= self._last_op_seq,
            "OWN_OPERATION_UNKNOWN",
            "the server has operations of this device that it did not make",
        )

    def rekey(self, main_password: str, devices: Sequence[UUID] = ()) -> list[Operation]:
        """Operations that end devices' parts in the log and give the vault new keys, which none of them gets.

        They are to be pushed together, as one atomic Push. The main password is asked for anew: whoever holds an unlocked
        device must not take the vault from its owner. Without devices there are new keys alone. Raises PASSWORD_WRONG
        before anything is made.
        """
        account = self.client.account_id
        stored = self.client.vault.GetVault(GetVaultRequest()).keyset
        self.log.check_keyset(stored)
        old_header = Header.parse(stored.header)
        old = check_keyset(stored.keyset, old_header)
        open_keyset(stored.keyset, old_header, main_password)
        with self._lock:
            operations = []
            for device in devices:
                header = self._header(OPERATION_KIND_DEVICE_REVOCATION, new_id())
                directory_key = _known(self.keys.directory_key(header.key_epoch))
                operations.append(self._operation(header, seal_revocation(account, account, device, directory_key)))
            keys = self.keys.next()
            header = self._header(OPERATION_KIND_KEYSET, account, key_epoch=keys.epoch)
            envelope = seal_keyset(
                account=account,
                vault=account,
                rev=header.rev,
                keys=keys,
                main_password=main_password,
                iterations=max(DEFAULT_ITERATIONS, old.iterations),
                recovery_key=import_public_key(old.recovery.recipient) if old.recovery else None,
                devices=[
                    (device, import_public_key(entry.agreement_key))
                    for device, entry in self.log.devices.items()
                    if self.log.is_current(device) and device not in devices
                ],
            )
            return [*operations, self._operation(header, envelope)]

    def publish_checkpoint(self) -> int:
        """Publishes what this device has verified as a checkpoint, from which others can take a snapshot."""
        with self._lock:
            if self.in_batch:
                raise RuntimeError("a checkpoint can't be made inside an atomic Push")
            checkpoint = self.log.checkpoint(self.device.id).encode()
        request = PublishCheckpointRequest(checkpoint=checkpoint, signature=sign(self.device.signing, checkpoint))
        return self.client.vault.PublishCheckpoint(request).newest_seq

    def _renew_keys(self, entry: VerifiedEntry) -> None:
        """Takes the keys of a new epoch from the keyset that brings them, as far as that has a wrap for this device."""
        if entry.header.kind != OPERATION_KIND_KEYSET or entry.header.key_epoch <= self.keys.epoch:
            return
        if entry.envelope:
            self._take_keys(entry.envelope, entry.header)
        else:
            self._fetch_keys()

    def _fetch_keys(self) -> None:
        """Asks for the keyset that a device of the directory signed last.

        The log's own check of it follows when the log has it.
        """
        state = self.client.vault.GetVault(GetVaultRequest())
        if state.HasField("keyset"):
            self.log.check_signed_keyset(state.keyset)
            self._take_keys(state.keyset.keyset, Header.parse(state.keyset.header))

    def _take_keys(self, envelope: bytes, header: Header) -> None:
        if header.key_epoch > self.keys.epoch and self.device.id in check_keyset(envelope, header).devices:
            self.log.keys = open_keyset_as_device(envelope, header, self.device.id, self.device.agreement)

    def _event(self, entry: VerifiedEntry) -> VaultEvent | None:
        header = entry.header
        if entry.device:
            return VaultEvent("device", entry.seq, entry=entry.device)
        if entry.revoked:
            return VaultEvent("revoked", entry.seq, id=entry.revoked, author=header.device)
        common = {"seq": entry.seq, "id": header.subject, "rev": header.rev, "author": header.device}
        if header.kind == OPERATION_KIND_KEYSET:
            return VaultEvent("keyset", **common, key_epoch=header.key_epoch)
        if header.kind == OPERATION_KIND_DELETE:
            return VaultEvent("deleted", **common)
        if entry.envelope is None:
            return None
        try:
            return VaultEvent("item", **common, item=open_item(entry.envelope, header, self.keys.vault_key))
        except Kpm1Error as error:
            if error.code not in ("SCHEMA_UNKNOWN", "SUITE_UNKNOWN", "KEY_EPOCH_UNKNOWN"):
                raise
            return VaultEvent("unreadable", **common, why=error)

    def _keep(self, event: VaultEvent) -> None:
        if event.type == "item":
            self.items[event.id] = event.item
        elif event.type in ("deleted", "unreadable"):
            self.items.pop(event.id, None)

    def _enrol(self, enrolment: Enrolment) -> Operation:
        account, device, key_epoch = self.client.account_id, self.device, self.log.key_epoch
        entry = DirectoryEntry(
            enrolment=enrolment,
            account=account,
            vault=account,
            device=device.id,
            key_epoch=key_epoch,
            signing_key=device.signing_key,
            agreement_key=device.agreement_key,
        )
        envelope = seal_directory_entry(entry, _known(self.keys.directory_key(key_epoch)))
        return self._operation(self._header(OPERATION_KIND_DEVICE_KEY, device.id), envelope)

    def _header(self, kind: int, subject: UUID, **fields: object) -> Header:
        """What an operation is made on; its envelope's hash and commitment follow."""
        account = self.client.account_id
        self._last_op_seq += 1
        header = Header(
            kind=kind,
            account=account,
            vault=account,
            generation=self.log.generation,
            device=self.device.id,
            op_seq=self._last_op_seq,
            op_id=new_id(),
            subject=subject,
            base_rev=self.log.rev(subject),
            key_epoch=self.log.key_epoch,
            schema=ITEM_SCHEMA if kind == OPERATION_KIND_PUT else 0,
            envelope_hash=ZERO,
            observed_seq=self.log.seq,
            observed_hash=self.log.chain_hash,
        )
        return replace(header, **fields)  # type: ignore[arg-type]

    def _operation(self, header: Header, envelope: bytes, commitment: bytes = ZERO) -> Operation:
        data = replace(header, envelope_hash=sha256(envelope), commitment=commitment).encode()
        self._made.add(data)
        return Operation(
            op_seq=header.op_seq,
            op_id=str(header.op_id),
            subject_id=str(header.subject),
            base_rev=header.base_rev,
            kind=header.kind,
            header=data,
            signature=sign(self.device.signing, data),
            envelope=envelope,
        )
