"""The connection to a server."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import grpc

from kpm.device import Device
from kpm.errors import RpcError
from kpm.v1.account_service_pb2 import RefreshSessionRequest
from kpm.v1.account_service_pb2_grpc import AccountServiceStub
from kpm.v1.session_pb2 import Session
from kpm.v1.sign_in_pb2 import AccountCreated, SignedIn
from kpm.v1.vault_service_pb2_grpc import VaultServiceStub
from kpm.v1.verification_service_pb2_grpc import VerificationServiceStub

REFRESH_METHOD = "/kpm.v1.AccountService/RefreshSession"


class Responses(Iterator[Any]):
    """The messages of a server's stream; raises RpcError."""

    def __init__(self, call: Any) -> None:
        self._call = call

    def __next__(self) -> Any:
        try:
            return next(self._call)
        except grpc.RpcError as error:
            raise RpcError(error) from None

    def cancel(self) -> None:
        """Ends the stream."""
        self._call.cancel()


class Service:
    """A generated stub whose calls carry the access token and raise RpcError."""

    def __init__(self, stub: Any, metadata: Callable[[], list[tuple[str, str]]]) -> None:
        self._stub = stub
        self._metadata = metadata

    def __getattr__(self, name: str) -> Callable[..., Any]:
        method = getattr(self._stub, name)

        def stream(request: Any, timeout: float | None = None) -> Responses:
            return Responses(method(request, timeout=timeout, metadata=self._metadata()))

        def unary(request: Any, timeout: float | None = 60) -> Any:
            try:
                return method(request, timeout=timeout, metadata=self._metadata())
            except grpc.RpcError as error:
                raise RpcError(error) from None

        streams = isinstance(method, (grpc.UnaryStreamMultiCallable, grpc.StreamStreamMultiCallable))
        return stream if streams else unary


def open_channel(server: str, credentials: grpc.ChannelCredentials | None) -> grpc.Channel:
    """A connection to an address that begins with http:// or https://."""
    address = urlsplit(server)
    if address.scheme not in ("http", "https") or not address.hostname:
        raise ValueError("the server's address begins with http:// or https://")
    target = address.netloc if address.port else f"{address.netloc}:{443 if address.scheme == 'https' else 80}"
    if address.scheme == "https":
        return grpc.secure_channel(target, credentials or grpc.ssl_channel_credentials())
    else:
        return grpc.insecure_channel(target)


class KpmClient:
    """One connection to a server, with at most one session.

    `accounts`, `verification` and `vault` have the rpcs of the three services, by their names in protos/kpm/v1. Calls
    raise RpcError. The session's access token goes out with every call; `refresh` trades it before it ends.
    """

    def __init__(self, server: str, credentials: grpc.ChannelCredentials | None = None) -> None:
        """server is an address such as "http://127.0.0.1:5080" or "https://kpm.example"."""
        self._channel = open_channel(server, credentials)
        self._session: Session | None = None
        self._account_id: UUID | None = None
        self.accounts = Service(AccountServiceStub(self._channel), self._metadata)
        self.verification = Service(VerificationServiceStub(self._channel), self._metadata)
        self.vault = Service(VaultServiceStub(self._channel), self._metadata)

    def _metadata(self) -> list[tuple[str, str]]:
        return [("authorization", f"Bearer {self._session.access_token}")] if self._session else []

    @property
    def session(self) -> Session:
        """The session, once `connect` was called."""
        if self._session is None:
            raise RuntimeError("there is no session yet: create an account or sign in, then connect")
        return self._session

    @property
    def account_id(self) -> UUID:
        """The account of the session."""
        if self._account_id is None:
            raise RuntimeError("there is no session yet: create an account or sign in, then connect")
        return self._account_id

    def connect(self, outcome: AccountCreated | SignedIn) -> None:
        """Uses the session that CreateAccount or SignIn answered with."""
        self._account_id = UUID(outcome.account.account_id)
        self._session = outcome.session

    def refresh(self, device: Device) -> None:
        """Trades the refresh token for the next pair of tokens."""
        token = self.session.refresh_token
        request = RefreshSessionRequest(refresh_token=token, proof=device.prove(REFRESH_METHOD, token))
        self._session = self.accounts.RefreshSession(request).session

    def close(self) -> None:
        """Ends the connection with everything that is under way on it."""
        self._channel.close()

    def __enter__(self) -> KpmClient:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
