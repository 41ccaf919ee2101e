"""Streams against a server in this process, which does as it is told: honestly, unless a test says otherwise."""

from __future__ import annotations

import queue
import threading
import unittest
from concurrent import futures
from uuid import UUID

import grpc

from kpm import Device, KpmClient, OperationError, StreamEnded, SyncStream, Vault, applied, new_id
from kpm.item.v1.item_pb2 import Item
from kpm.kpm1 import Checkpoint, Kpm1Error, VaultKeys
from kpm.kpm1.keyset import seal_keyset
from kpm.kpm1.log import EMPTY_CHAIN_HASH, chain_hash
from kpm.kpm1.primitives import verify
from kpm.proof import proof_bytes
from kpm.sync import METHOD
from kpm.v1.account_service_pb2 import RefreshSessionResponse
from kpm.v1.account_service_pb2_grpc import AccountServiceServicer, add_AccountServiceServicer_to_server
from kpm.v1.session_pb2 import Account, Session
from kpm.v1.sign_in_pb2 import SignedIn
from kpm.v1.vault_pb2 import (
    OPERATION_KIND_DELETE, OPERATION_KIND_KEYSET, REJECTION_REASON_QUOTA_EXCEEDED, Change, Keyset, Operation, OperationResult,
)
from kpm.v1.vault_service_pb2 import (
    GO_AWAY_REASON_DRAINING, RESYNC_REASON_COMPACTED, CaughtUp, Changes, GetVaultResponse, GoAway, Ping,
    PublishCheckpointRequest, PublishCheckpointResponse, PublishDeviceKeyResponse, PushResponse, ResyncRequired, Revoked,
    SnapshotBegin, SnapshotEnd, SnapshotRows, SyncResponse, TokenExpiring, WatchResponse, Welcome,
)
from kpm.v1.vault_service_pb2_grpc import VaultServiceServicer, add_VaultServiceServicer_to_server
from support import refused

MAIN_PASSWORD = "main password"


class FakeVault(VaultServiceServicer):
    """A vault of one account."""

    def __init__(self) -> None:
        self.changes: list[Change] = []
        self.heard: list[str] = []
        self.reauth: queue.SimpleQueue = queue.SimpleQueue()
        self.show = lambda changes: changes
        self.on_commit = lambda: None
        self.last_op_seq = 0
        self.refuse = False
        self.acknowledged: queue.SimpleQueue = queue.SimpleQueue()
        self.compacted = 0
        """Changes at or below are gone."""
        self.checkpoint: PublishCheckpointRequest | None = None
        self.published: queue.SimpleQueue = queue.SimpleQueue()
        self.between: list[SyncResponse] = []
        """What is said between the rows of a snapshot."""
        self.forged_keyset: bytes | None = None
        self.streams: list[queue.SimpleQueue] = []
        self.lock = threading.RLock()

    def say(self, *messages: SyncResponse | None) -> None:
        """Says something to every open stream; None ends it."""
        for stream in self.streams:
            for message in messages:
                stream.put(message)

    def commit(self, operations) -> list[OperationResult]:
        with self.lock:
            self.on_commit()
            before = len(self.changes)
            results = [self.commit_one(operation) for operation in operations]
            if len(self.changes) > before:
                self.say(SyncResponse(changes=self.after(before)), SyncResponse(caught_up=self.caught_up()))
            return results

    def commit_one(self, operation: Operation) -> OperationResult:
        result = OperationResult(op_id=operation.op_id, op_seq=operation.op_seq)
        if self.refuse:
            result.rejected.reason = REJECTION_REASON_QUOTA_EXCEEDED
            return result
        self.changes.append(Change(
            seq=len(self.changes) + 1, kind=operation.kind, subject_id=operation.subject_id, rev=operation.base_rev + 1,
            header=operation.header, signature=operation.signature, envelope=operation.envelope,
        ))
        result.applied.seq, result.applied.rev = len(self.changes), operation.base_rev + 1
        return result

    def after(self, cursor: int) -> Changes:
        entries = self.show(self.changes[cursor:])
        return Changes(prev_seq=cursor, entries=entries, last_seq=entries[-1].seq if entries else cursor)

    def caught_up(self) -> CaughtUp:
        return CaughtUp(seq=len(self.changes))

    def snapshot(self, cursor: int, asked: bool) -> tuple[list[SyncResponse], int]:
        """The messages of a snapshot where one is due, and where the changes go on."""
        gone = cursor < self.compacted
        if not self.checkpoint or not (gone or asked):
            return [], cursor
        checkpoint = Checkpoint.parse(self.checkpoint.checkpoint)
        newest = {change.subject_id: change for change in self.changes[: checkpoint.seq]}
        shown = self.show(sorted(newest.values(), key=lambda change: change.seq))
        half = len(shown) // 2
        begin = SnapshotBegin(
            as_of=checkpoint.seq, checkpoint=self.checkpoint.checkpoint, signature=self.checkpoint.signature,
            rows=checkpoint.leaves,
        )
        messages = [
            SyncResponse(snapshot_begin=begin),
            SyncResponse(snapshot_rows=SnapshotRows(rows=shown[:half])),
            *self.between,
            SyncResponse(snapshot_rows=SnapshotRows(rows=shown[half:])),
            SyncResponse(snapshot_end=SnapshotEnd(as_of=checkpoint.seq)),
        ]
        if any(message.WhichOneof("message") == "snapshot_begin" for message in self.between):
            messages.insert(-2, messages[1])  # it begins anew, so all its rows come
        if gone:
            messages.insert(0, SyncResponse(resync_required=ResyncRequired(reason=RESYNC_REASON_COMPACTED)))
        return messages, checkpoint.seq

    def PublishCheckpoint(self, request, context):
        self.checkpoint = request
        seq = Checkpoint.parse(request.checkpoint).seq
        self.published.put(seq)
        return PublishCheckpointResponse(newest_seq=seq)

    def Push(self, request, context):
        return PushResponse(results=self.commit(request.operations))

    def PublishDeviceKey(self, request, context):
        return PublishDeviceKeyResponse(result=self.commit([request.operation])[0])

    def GetVault(self, request, context):
        keyset = next(change for change in reversed(self.changes) if change.kind == OPERATION_KIND_KEYSET)
        head = EMPTY_CHAIN_HASH
        for change in self.changes:
            head = chain_hash(head, change.seq, change.header)
        stored = Keyset(
            rev=keyset.rev, seq=keyset.seq, header=keyset.header, signature=keyset.signature,
            keyset=self.forged_keyset or keyset.envelope,
        )
        return GetVaultResponse(generation=1, head_seq=len(self.changes), chain_hash=head, key_epoch=1, keyset=stored)

    def Watch(self, request, context):
        yield WatchResponse(welcome=Welcome(generation=1, head_seq=len(self.changes)))
        messages, cursor = self.snapshot(request.cursor, request.snapshot)
        for message in messages:
            name = message.WhichOneof("message")
            yield WatchResponse(**{name: getattr(message, name)})
        yield WatchResponse(changes=self.after(cursor))
        yield WatchResponse(caught_up=self.caught_up())

    def Sync(self, request_iterator, context):
        out: queue.SimpleQueue = queue.SimpleQueue()
        context.add_callback(lambda: out.put(None))
        threading.Thread(target=self.listen, args=(request_iterator, out), daemon=True).start()
        yield from iter(out.get, None)

    def listen(self, requests, out) -> None:
        try:
            for request in requests:
                name = request.WhichOneof("message")
                self.heard.append(name)
                if name == "hello":
                    self.welcome(request.hello, out)
                elif name == "ack":
                    self.acknowledged.put(request.ack.seq)
                elif name == "push":
                    for result in self.commit(request.push.operations):
                        out.put(SyncResponse(op_result=result))
                elif name == "reauth":
                    self.reauth.put(request.reauth)
        except grpc.RpcError:
            pass  # the client went away, which ends the stream like its last word does
        out.put(None)

    def welcome(self, hello, out) -> None:
        with self.lock:
            head = len(self.changes)
            out.put(SyncResponse(welcome=Welcome(version=1, generation=1, head_seq=head, last_op_seq=self.last_op_seq)))
            messages, cursor = self.snapshot(hello.cursor, hello.snapshot)
            for message in messages:
                out.put(message)
            if head > cursor:
                out.put(SyncResponse(changes=self.after(cursor)))
            out.put(SyncResponse(caught_up=self.caught_up()))
            self.streams.append(out)


class Accounts(AccountServiceServicer):
    def RefreshSession(self, request, context):
        return RefreshSessionResponse(session=Session(access_token="renewed", refresh_token="next"))


class SyncTest(unittest.TestCase):
    def setUp(self) -> None:
        server = grpc.server(futures.ThreadPoolExecutor(8))
        self.fake = FakeVault()
        add_VaultServiceServicer_to_server(self.fake, server)
        add_AccountServiceServicer_to_server(Accounts(), server)
        self.address = f"http://127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
        server.start()
        self.addCleanup(lambda: server.stop(None).wait())
        self.account_id = new_id()

    def connected(self) -> KpmClient:
        client = KpmClient(self.address)
        self.addCleanup(client.close)
        session = Session(access_token="token", refresh_token="refresh")
        client.connect(SignedIn(account=Account(account_id=str(self.account_id)), session=session))
        return client

    def created(self) -> Vault:
        return Vault.create(self.connected(), Device("laptop"), MAIN_PASSWORD)

    def opened(self, vault: Vault) -> SyncStream:
        stream = SyncStream(vault)
        self.addCleanup(stream.close)
        self.until(stream, "caughtUp")
        return stream

    def until(self, stream: SyncStream, event_type: str):
        return next(event for event in stream if event.type == event_type)

    def ending(self, stream: SyncStream) -> Exception | None:
        try:
            for _ in stream:
                pass
        except Exception as error:
            return error
        return None

    def test_two_devices_see_each_others_items(self) -> None:
        laptop = self.created()
        stream = self.opened(laptop)
        phone = Vault.open(self.connected(), Device("phone"), MAIN_PASSWORD)
        phone_stream = self.opened(phone)
        operation = laptop.put(Item(name="bank"))
        self.assertEqual(applied(stream.push([operation])[0]), 4)
        event = self.until(phone_stream, "item")
        self.assertEqual((event.item.name, event.author), ("bank", laptop.device.id))
        self.until(stream, "item")
        self.assertEqual(list(laptop.items), [UUID(operation.subject_id)])
        phone_stream.push([phone.remove(event.id)])
        self.until(stream, "deleted")
        self.until(phone_stream, "deleted")
        self.assertEqual(laptop.items, {})
        self.assertEqual(laptop.log.chain_hash, phone.log.chain_hash)
        self.assertIn("ack", self.fake.heard)

    def test_a_wrong_main_password_opens_nothing_and_publishes_nothing(self) -> None:
        self.created()
        with refused(self, "PASSWORD_WRONG"):
            Vault.open(self.connected(), Device("phone"), "another password")
        self.assertEqual(len(self.fake.changes), 2)

    def test_a_server_that_hides_an_entry_is_found_out_and_the_stream_is_closed(self) -> None:
        laptop = self.created()
        stream = self.opened(laptop)
        self.fake.show = lambda changes: changes[1:]
        with refused(self, "SEQ_GAP"):
            stream.push([laptop.put(Item(name="one")), laptop.put(Item(name="two"))])
        error = self.ending(stream)
        self.assertIsInstance(error, Kpm1Error)
        with self.assertRaises(RuntimeError):
            stream.push([laptop.put(Item(name="three"))])

    def test_a_server_that_shows_a_new_device_another_log_is_found_out(self) -> None:
        self.created()

        def forged(changes: list[Change]) -> list[Change]:
            copies = [Change.FromString(change.SerializeToString()) for change in changes]
            for copy in copies:
                copy.signature = bytes(64)
            return copies

        self.fake.show = forged
        with refused(self, "SIGNATURE_INVALID"):
            Vault.open(self.connected(), Device("phone"), MAIN_PASSWORD)

    def test_a_server_that_shows_another_accounts_vault_is_found_out(self) -> None:
        self.created()
        self.account_id = new_id()
        with refused(self, "WRONG_VAULT"):
            Vault.open(self.connected(), Device("phone"), MAIN_PASSWORD)

    def test_a_server_that_knows_operations_which_this_device_did_not_make_is_found_out(self) -> None:
        laptop = self.created()
        self.fake.last_op_seq = 3
        with refused(self, "OWN_OPERATION_UNKNOWN"):
            SyncStream(laptop)

    def test_a_refused_operation_is_a_result_and_the_stream_goes_on(self) -> None:
        laptop = self.created()
        stream = self.opened(laptop)
        self.fake.refuse = True
        [result] = stream.push([laptop.put(Item(name="one too many"))])
        with self.assertRaisesRegex(OperationError, "QUOTA_EXCEEDED"):
            applied(result)
        self.fake.refuse = False
        [result] = stream.push([laptop.put(Item(name="fits"))])
        self.assertEqual(applied(result), 3)

    def test_a_revocation_is_acknowledged_and_ends_the_stream(self) -> None:
        stream = self.opened(self.created())
        self.fake.say(SyncResponse(revoked=Revoked()))
        error = self.ending(stream)
        self.assertIsInstance(error, StreamEnded)
        self.assertEqual(error.reason, "revoked")
        self.assertEqual(self.fake.heard[-1], "revoked_ack")

    def test_after_go_away_the_results_that_are_still_due_come_then_the_stream_ends(self) -> None:
        laptop = self.created()
        stream = self.opened(laptop)
        self.fake.on_commit = lambda: self.fake.say(SyncResponse(go_away=GoAway(reason=GO_AWAY_REASON_DRAINING)))
        [result] = stream.push([laptop.put(Item(name="just in time"))])
        self.assertEqual(applied(result), 3)
        self.fake.say(None)
        error = self.ending(stream)
        self.assertIsInstance(error, StreamEnded)
        self.assertIsInstance(error.reason, GoAway)
        self.fake.on_commit = lambda: None
        self.opened(laptop)
        self.assertEqual(laptop.log.seq, 3)

    def test_a_ping_is_answered_and_a_token_that_ends_is_renewed_with_a_proof(self) -> None:
        laptop = self.created()
        self.opened(laptop)
        self.fake.say(SyncResponse(ping=Ping(head_seq=2)), SyncResponse(token_expiring=TokenExpiring()))
        reauth = self.fake.reauth.get(timeout=30)
        self.assertEqual([name for name in self.fake.heard if name != "ack"], ["hello", "pong", "reauth"])
        self.assertEqual((reauth.access_token, laptop.client.session.access_token), ("renewed", "renewed"))
        data = proof_bytes(METHOD, "renewed", reauth.proof.time.ToMilliseconds(), reauth.proof.nonce)
        self.assertTrue(verify(laptop.device.signing.public_key(), data, reauth.proof.signature))

    def test_closing_ends_the_iteration_without_an_error(self) -> None:
        stream = self.opened(self.created())
        stream.close()
        self.assertIsNone(self.ending(stream))

    def follow(self, vault: Vault, *operations: Operation) -> None:
        """Pushes operations and reads on to the end of the log."""
        if operations:
            for result in vault.push(operations):
                applied(result)
        next(event for event in vault.watch() if event.type == "caughtUp")

    def compacted(self) -> tuple[Vault, UUID, UUID]:
        """An item in two revisions, and one that was deleted."""
        laptop, kept, gone = self.created(), new_id(), new_id()
        self.follow(laptop, laptop.put(Item(name="one"), kept), laptop.put(Item(name="bye"), gone))
        self.follow(laptop, laptop.put(Item(name="two"), kept), laptop.remove(gone))
        return laptop, kept, gone

    def opened_vault(self, name: str) -> Vault:
        return Vault.open(self.connected(), Device(name), MAIN_PASSWORD)

    def test_a_device_that_was_away_takes_a_snapshot_once_its_changes_are_gone(self) -> None:
        laptop, kept, gone = self.compacted()
        phone = self.opened_vault("phone")
        self.assertEqual(phone.log.seq, 6)
        self.follow(laptop, laptop.put(Item(name="three"), kept))
        self.assertEqual(laptop.publish_checkpoint(), 8)
        self.follow(laptop, laptop.put(Item(name="new")))
        self.fake.compacted = 7
        stream = SyncStream(phone)
        self.addCleanup(stream.close)
        seen = []
        while "caughtUp" not in seen:
            event = next(stream)
            seen.append(event.item.name if event.item else event.type)
        self.assertEqual(seen, ["device", "three", "snapshot", "new", "caughtUp"])
        self.assertEqual(sorted(item.name for item in phone.items.values()), ["new", "three"])
        self.assertNotIn(gone, phone.items)
        self.assertEqual(phone.log.chain_hash, laptop.log.chain_hash)
        self.assertEqual([self.fake.acknowledged.get(timeout=30) for _ in range(2)], [8, 9])
        self.assertEqual(applied(stream.push([phone.put(Item(name="four"), kept)])[0]), 10)

    def test_a_new_device_takes_a_snapshot_and_one_that_begins_anew_replaces_the_first(self) -> None:
        laptop, _, _ = self.compacted()
        laptop.publish_checkpoint()
        messages, _ = self.fake.snapshot(0, True)
        self.fake.between = [messages[0]]
        phone = self.opened_vault("phone")
        self.assertEqual(phone.log.chain_hash, laptop.log.chain_hash)
        self.assertEqual([item.name for item in phone.items.values()], ["two"])
        self.assertEqual(self.fake.changes[-1].subject_id, str(phone.device.id))

    def test_a_ping_between_the_rows_is_no_bookmark_and_changes_between_them_are_refused(self) -> None:
        laptop, _, _ = self.compacted()
        laptop.publish_checkpoint()
        self.fake.between = [SyncResponse(ping=Ping(head_seq=3))]
        self.assertEqual(len(self.opened_vault("phone").items), 1)
        self.fake.between = [SyncResponse(changes=Changes(prev_seq=0, entries=self.fake.changes[:1], last_seq=1))]
        with refused(self, "SEQ_GAP"):
            self.opened_vault("tablet")

    def test_a_snapshot_that_lacks_a_row_is_found_out(self) -> None:
        laptop, _, _ = self.compacted()
        laptop.publish_checkpoint()
        self.fake.show = lambda rows: [row for row in rows if row.kind != OPERATION_KIND_DELETE]
        with refused(self, "SEQ_GAP"):
            self.opened_vault("phone")

    def test_a_device_publishes_a_checkpoint_once_the_head_is_1000_above_the_newest(self) -> None:
        laptop = self.created()
        stream = self.opened(laptop)
        for _ in range(16):
            self.assertTrue(self.fake.published.empty())
            stream.push([laptop.put(Item(name="many")) for _ in range(63)])
            while laptop.log.seq < len(self.fake.changes):
                self.until(stream, "caughtUp")
        self.assertEqual(self.fake.published.get(timeout=60), 1010)
        self.assertEqual(len(self.opened_vault("phone").items), 1008)

    def test_new_keys_reach_every_device_but_the_revoked_one_from_the_log_and_from_a_snapshot(self) -> None:
        laptop, kept, _ = self.compacted()
        phone, away, thief = (self.opened_vault(name) for name in ("phone", "away", "thief"))
        self.follow(laptop)
        with refused(self, "PASSWORD_WRONG"):
            laptop.rekey("another password", [thief.device.id])
        results = laptop.push(laptop.rekey(MAIN_PASSWORD, [thief.device.id]), atomic=True)
        self.assertEqual([applied(result) for result in results], [10, 11])
        self.follow(laptop)
        self.assertEqual((laptop.keys.epoch, laptop.log.is_current(thief.device.id)), (2, False))
        self.follow(laptop, laptop.put(Item(name="three"), kept))
        late = self.opened_vault("late")
        self.follow(phone)
        self.assertEqual([vault.items[kept].name for vault in (phone, late)], ["three", "three"])
        with refused(self, "KEY_EPOCH_UNKNOWN"):
            self.follow(thief)
        self.assertEqual((thief.keys.epoch, thief.items[kept].name), (1, "two"))
        with refused(self, "KEY_EPOCH_UNKNOWN"):
            thief.put(Item(name="four"), kept)

        self.follow(laptop)
        laptop.publish_checkpoint()
        self.fake.compacted = len(self.fake.changes)
        self.follow(away)
        self.assertEqual((away.items[kept].name, away.keys.epoch), ("three", 2))

    def test_keys_of_the_servers_making_are_not_taken(self) -> None:
        laptop, _, _ = self.compacted()
        phone = self.opened_vault("phone")
        self.follow(laptop)
        for result in laptop.push(laptop.rekey(MAIN_PASSWORD), atomic=True):
            applied(result)
        self.follow(laptop)
        laptop.publish_checkpoint()
        self.fake.compacted = len(self.fake.changes)
        self.fake.forged_keyset = seal_keyset(
            account=self.account_id, vault=self.account_id, rev=2, keys=VaultKeys.create().next(), main_password="x",
            devices=[(phone.device.id, phone.device.agreement.public_key())],
        )
        with refused(self, "ENVELOPE_HASH_MISMATCH"):
            self.follow(phone)
        self.assertEqual(phone.keys.epoch, 1)


if __name__ == "__main__":
    unittest.main()
