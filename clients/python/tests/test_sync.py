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
from kpm.kpm1 import Kpm1Error
from kpm.kpm1.log import EMPTY_CHAIN_HASH, chain_hash
from kpm.kpm1.primitives import verify
from kpm.proof import proof_bytes
from kpm.sync import METHOD
from kpm.v1.account_service_pb2 import RefreshSessionResponse
from kpm.v1.account_service_pb2_grpc import AccountServiceServicer, add_AccountServiceServicer_to_server
from kpm.v1.session_pb2 import Account, Session
from kpm.v1.sign_in_pb2 import SignedIn
from kpm.v1.vault_pb2 import (
    OPERATION_KIND_KEYSET, REJECTION_REASON_QUOTA_EXCEEDED, Change, Keyset, Operation, OperationResult,
)
from kpm.v1.vault_service_pb2 import (
    GO_AWAY_REASON_DRAINING, CaughtUp, Changes, GetVaultResponse, GoAway, Ping, PublishDeviceKeyResponse, PushResponse,
    Revoked, SyncResponse, TokenExpiring, WatchResponse, Welcome,
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
            rev=keyset.rev, seq=keyset.seq, header=keyset.header, signature=keyset.signature, keyset=keyset.envelope
        )
        return GetVaultResponse(generation=1, head_seq=len(self.changes), chain_hash=head, key_epoch=1, keyset=stored)

    def Watch(self, request, context):
        yield WatchResponse(welcome=Welcome(generation=1, head_seq=len(self.changes)))
        yield WatchResponse(changes=self.after(request.cursor))
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
                    self.welcome(request.hello.cursor, out)
                elif name == "push":
                    for result in self.commit(request.push.operations):
                        out.put(SyncResponse(op_result=result))
                elif name == "reauth":
                    self.reauth.put(request.reauth)
        except grpc.RpcError:
            pass  # the client went away, which ends the stream like its last word does
        out.put(None)

    def welcome(self, cursor: int, out) -> None:
        with self.lock:
            head = len(self.changes)
            out.put(SyncResponse(welcome=Welcome(version=1, generation=1, head_seq=head, last_op_seq=self.last_op_seq)))
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


if __name__ == "__main__":
    unittest.main()
