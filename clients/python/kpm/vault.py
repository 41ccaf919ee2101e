"""One account's vault on one device."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from uuid import UUID

from kpm.client import KpmClient
from kpm.device import Device
from kpm.ids import new_id
from kpm.item.v1.item_pb2 import Item
from kpm.kpm1.directory import DirectoryEntry, Enrolment, seal_directory_entry
from kpm.kpm1.error import Kpm1Error, ensure
from kpm.kpm1.header import ITEM_SCHEMA, ZERO, Header
from kpm.kpm1.item import ItemBinding, open_item, seal_item
from kpm.kpm1.keyset import VaultKeys, open_keyset, seal_keyset
from kpm.kpm1.log import VaultLog, VerifiedEntry
from kpm.kpm1.primitives import sha256, sign
from kpm.v1.vault_pb2 import (
    OPERATION_KIND_DELETE, OPERATION_KIND_DEVICE_KEY, OPERATION_KIND_KEYSET, OPERATION_KIND_PUT, Operation,
    OperationResult, RejectionReason,
)
from kpm.v1.vault_service_pb2 import (
    Changes, GetVaultRequest, GoAway, GoAwayReason, PublishDeviceKeyRequest, PushRequest, ResyncReason, ResyncRequired,
    WatchRequest,
)


@dataclass(frozen=True)
class VaultEvent:
    """A verified step of the vault's history.

    type is "item" (a new revision), "unreadable" (of an item that only a newer client can read; its ciphertext is left
    as it is), "deleted", "device" (a device joined: show one that is KEYED to the person), "keyset", or "caughtUp"
    (everything up to seq has been seen).
    """

    type: str
    seq: int
    id: UUID | None = None
    rev: int = 0
    author: UUID | None = None
    item: Item | None = None
    entry: DirectoryEntry | None = None
    why: Kpm1Error | None = None


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

    reason is a GoAway (resume), a ResyncRequired (keep the data and tell the person), or "revoked": this device's
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


def _known(key: bytes | None) -> bytes:
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
        self.keys = keys
        self.log = VaultLog(client.account_id, keys, device.id, lambda header: header in self._made)
        """The verified log."""
        self.items: dict[UUID, Item] = {}
        """The current items."""
        self._made: set[bytes] = set()
        self.in_batch = False
        """The last change belongs to an atomic batch whose rest has not come yet."""
        self._batch: list[VaultEvent] = []
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
        keyset = vault._operation(OPERATION_KIND_KEYSET, account, wrapped)
        for result in vault.push([root, keyset], atomic=True):
            applied(result)
        return vault

    @staticmethod
    def open(client: KpmClient, device: Device, main_password: str) -> Vault:
        """Opens the vault on another device: verifies the whole log, and enrols the device as KEYED if it is new.

        Raises Kpm1Error PASSWORD_WRONG, or what a check found.
        """
        state = client.vault.GetVault(GetVaultRequest())
        if not state.HasField("keyset"):
            raise RuntimeError("the vault has no keyset yet: its first device has not made it")
        header = Header.parse(state.keyset.header)
        vault = Vault(client, device, open_keyset(state.keyset.keyset, header, main_password))
        for event in vault.watch():
            if event.type == "caughtUp" and event.seq >= state.head_seq:
                break
        vault.log.check_chain(state.head_seq, state.chain_hash)
        vault.log.check_keyset(state.keyset)
        if device.id not in vault.log.devices:
            request = PublishDeviceKeyRequest(operation=vault._enrol(Enrolment.KEYED))
            applied(client.vault.PublishDeviceKey(request).result)
        return vault

    def put(self, item: Item, item_id: UUID | None = None) -> Operation:
        """An operation that writes an item: a new one, or the next revision of item_id.

        Operations are to be sent in the order in which they were made.
        """
        subject = item_id or new_id()
        account = self.client.account_id
        with self._lock:
            binding = ItemBinding(
                account=account,
                vault=account,
                subject=subject,
                key_epoch=self.log.key_epoch,
                schema=ITEM_SCHEMA,
                base_rev=self.log.rev(subject),
                device=self.device.id,
            )
            sealed = seal_item(item, _known(self.keys.vault_key(self.log.key_epoch)), binding)
            return self._operation(OPERATION_KIND_PUT, subject, sealed.envelope, sealed.commitment)

    def remove(self, item_id: UUID) -> Operation:
        """An operation that deletes an item."""
        with self._lock:
            return self._operation(OPERATION_KIND_DELETE, item_id, b"")

    def push(self, operations: Sequence[Operation], atomic: bool = False) -> list[OperationResult]:
        """Sends operations by a single call. One call of a device may be in flight at a time."""
        return list(self.client.vault.Push(PushRequest(operations=operations, atomic=atomic)).results)

    def watch(self) -> Iterator[VaultEvent]:
        """Follows the log by the server's stream alone; ends with the access token."""
        log = self.log
        responses = self.client.vault.Watch(
            WatchRequest(generation=log.generation if log.seq else 0, cursor=log.seq, chain_hash=log.chain_hash)
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
                    log.bookmark(response.ping.head_seq)
                elif event in ("resync_required", "go_away"):
                    raise StreamEnded(getattr(response, event))
        finally:
            responses.cancel()

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
        events: list[VaultEvent] = []
        for change in changes.entries:
            event = self._event(self.log.append(change))
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

    def _event(self, entry: VerifiedEntry) -> VaultEvent | None:
        header = entry.header
        if entry.device:
            return VaultEvent("device", entry.seq, entry=entry.device)
        common = {"seq": entry.seq, "id": header.subject, "rev": header.rev, "author": header.device}
        if header.kind == OPERATION_KIND_KEYSET:
            return VaultEvent("keyset", **common)
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
        return self._operation(OPERATION_KIND_DEVICE_KEY, device.id, envelope)

    def _operation(self, kind: int, subject: UUID, envelope: bytes, commitment: bytes = ZERO) -> Operation:
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
            envelope_hash=sha256(envelope),
            commitment=commitment,
            observed_seq=self.log.seq,
            observed_hash=self.log.chain_hash,
        )
        data = header.encode()
        self._made.add(data)
        return Operation(
            op_seq=header.op_seq,
            op_id=str(header.op_id),
            subject_id=str(subject),
            base_rev=header.base_rev,
            kind=kind,
            header=data,
            signature=sign(self.device.signing, data),
            envelope=envelope,
        )
