"""The stream that carries writes, results and remote changes."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import Future

import grpc

from kpm.errors import RpcError
from kpm.events import StreamEnded, VaultEvent
from kpm.v1.vault_pb2 import Operation, OperationResult
from kpm.v1.vault_service_pb2 import (
    RESYNC_REASON_COMPACTED, Ack, Hello, Pong, Push, Reauth, RevokedAck, SyncRequest, SyncResponse, Welcome,
)
from kpm.vault import Vault

METHOD = "/kpm.v1.VaultService/Sync"
PROTOCOL_VERSION = 1

CHECKPOINT_DISTANCE = 1000
"""A device publishes a checkpoint once the head is this far above the newest one."""


class SyncStream:
    """A device's open stream.

    Iterating gives verified events; the iteration ends after `close`, and raises StreamEnded where the server ended the
    stream, RpcError where it broke, Kpm1Error where a check failed. To go on after the first two, open another: it
    resumes where the vault's log ends.
    """

    def __init__(self, vault: Vault, timeout: float = 60, snapshot: bool = False) -> None:
        """Opens the stream and waits for the server's Welcome, at most timeout seconds.

        snapshot begins with a snapshot where there is one, though the changes could be replayed.
        """
        self._vault = vault
        self._outgoing: queue.SimpleQueue[SyncRequest | None] = queue.SimpleQueue()
        self._events: queue.SimpleQueue[VaultEvent | Exception | None] = queue.SimpleQueue()
        self._waiting: dict[str, Future[OperationResult]] = {}
        self._lock = threading.Lock()
        self._welcomed: Future[Welcome] = Future()
        self._checkpoint_seq = 0
        self._ending: StreamEnded | None = None
        self._closed = False
        client, log = vault.client, vault.log
        hello = Hello(
            versions=[PROTOCOL_VERSION],
            generation=log.generation if log.seq else 0,
            cursor=log.seq,
            chain_hash=log.chain_hash,
            snapshot=snapshot,
            proof=vault.device.prove(METHOD, client.session.access_token),
        )
        self._outgoing.put(SyncRequest(hello=hello))
        self._responses = client.vault.Sync(iter(self._outgoing.get, None))
        threading.Thread(target=self._run, name="kpm-sync", daemon=True).start()
        try:
            self.welcome = self._welcomed.result(timeout)
            """Where the vault stood when the stream opened, and whether its quota is nearly used up."""
        except BaseException:
            self.close()
            raise

    def push(
        self, operations: Sequence[Operation], atomic: bool = False, timeout: float | None = 60
    ) -> list[OperationResult]:
        """Sends operations; returns one result for each, in their order, once all are durable."""
        results: list[Future[OperationResult]] = [Future() for _ in operations]
        with self._lock:
            if self._closed or self._ending:
                raise self._ending or RuntimeError("the stream has ended")
            self._waiting.update(zip((operation.op_id for operation in operations), results))
            self._outgoing.put(SyncRequest(push=Push(operations=operations, atomic=atomic)))
        return [result.result(timeout) for result in results]

    def close(self) -> None:
        """Ends the stream."""
        self._closed = True
        self._outgoing.put(None)
        self._responses.cancel()

    def __iter__(self) -> Iterator[VaultEvent]:
        return self

    def __next__(self) -> VaultEvent:
        event = self._events.get()
        if isinstance(event, VaultEvent):
            return event
        self._events.put(event)  # the end stays the end
        if event is None:
            raise StopIteration
        raise event

    def __enter__(self) -> SyncStream:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _run(self) -> None:
        try:
            for response in self._responses:
                self._take(response)
            self._finish(self._ending or RuntimeError("the server ended the stream without a reason"))
        except Exception as error:  # whatever ends the stream is told to whoever waits for it
            self._finish(self._ending or error)

    def _finish(self, error: Exception) -> None:
        # Closing cancels the call, which is no failure; whatever else ends it is one.
        self._events.put(None if self._closed else error)
        with self._lock:
            self.close()
            waiting = [*self._waiting.values(), self._welcomed]
            self._waiting.clear()
        for future in waiting:
            if not future.done():
                future.set_exception(error)

    def _take(self, response: SyncResponse) -> None:
        vault, log = self._vault, self._vault.log
        message = response.WhichOneof("message")
        if message == "welcome":
            log.welcome(response.welcome.generation, response.welcome.head_seq)
            vault.check_own_operations(response.welcome.last_op_seq)
            self._checkpoint_seq = response.welcome.checkpoint_seq
            self._welcomed.set_result(response.welcome)
        elif message == "changes":
            for event in vault.apply(response.changes):
                self._events.put(event)
            if not vault.in_batch:
                self._outgoing.put(SyncRequest(ack=Ack(seq=log.seq)))
        elif message == "caught_up":
            log.bookmark(response.caught_up.seq)
            self._events.put(VaultEvent("caughtUp", log.seq))
            self._publish_checkpoint()
        elif message == "op_result":
            with self._lock:
                future = self._waiting.pop(response.op_result.op_id, None)
            if future:
                future.set_result(response.op_result)
        elif message == "ping":
            vault.heartbeat(response.ping.head_seq)
            self._outgoing.put(SyncRequest(pong=Pong()))
        elif message == "snapshot_begin":
            vault.begin_snapshot(response.snapshot_begin)
        elif message == "snapshot_rows":
            vault.add_rows(response.snapshot_rows)
        elif message == "snapshot_end":
            for event in vault.end_snapshot(response.snapshot_end):
                self._events.put(event)
            self._outgoing.put(SyncRequest(ack=Ack(seq=log.seq)))
        elif message == "token_expiring":
            self._renew()
        elif message == "revoked":
            self._outgoing.put(SyncRequest(revoked_ack=RevokedAck()))
            self._half_close(StreamEnded("revoked"))
        elif message == "resync_required" and response.resync_required.reason == RESYNC_REASON_COMPACTED:
            pass  # a snapshot follows
        elif message in ("resync_required", "go_away"):
            self._half_close(StreamEnded(getattr(response, message)))

    def _publish_checkpoint(self) -> None:
        """At a bookmark: what this device has verified, once enough has come since the newest checkpoint."""
        vault = self._vault
        if vault.log.seq - self._checkpoint_seq < CHECKPOINT_DISTANCE or not vault.log.is_current(vault.device.id):
            return
        try:
            self._checkpoint_seq = vault.publish_checkpoint()
        except RpcError as error:
            # Busy or out of reach: the next bookmark tries again. Whatever else the server says against its own log
            # ends the stream.
            busy = (
                grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED, grpc.StatusCode.RESOURCE_EXHAUSTED
            )
            if error.code not in busy:
                raise

    def _renew(self) -> None:
        client, device = self._vault.client, self._vault.device
        client.refresh(device)
        token = client.session.access_token
        self._outgoing.put(SyncRequest(reauth=Reauth(access_token=token, proof=device.prove(METHOD, token))))

    def _half_close(self, why: StreamEnded) -> None:
        """Sends nothing more, and takes what the server still sends: results of what it had read, then the end."""
        self._ending = why
        self._outgoing.put(None)
