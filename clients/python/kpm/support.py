"""What an operator of support can do."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import UUID

import grpc

from kpm.client import Service, open_channel
from kpm.v1.security_pb2 import SecurityEvent
from kpm.v1.support_service_pb2 import ListAuditLogRequest, ListSupportCasesRequest, SupportCase
from kpm.v1.support_service_pb2_grpc import SupportServiceStub


class SupportClient:
    """A connection to the server's own listener for support.

    `calls` has the rpcs of SupportService by their names, which raise RpcError. docs/support.md says what each one does;
    where it names two operators, the second needs a client with a credential of their own.
    """

    def __init__(self, server: str, credential: str, credentials: grpc.ChannelCredentials | None = None) -> None:
        """server is an address such as "https://10.0.0.5:5090", credential the operator's: "kpm-operator-" and what follows."""
        self._channel = open_channel(server, credentials)
        self.calls = Service(SupportServiceStub(self._channel), lambda: [("authorization", f"Bearer {credential}")])

    def audit_log(self, account_id: UUID) -> Iterator[SecurityEvent]:
        """The account's security events with what proves them, newest first."""
        token = ""
        while True:
            page = self.calls.ListAuditLog(ListAuditLogRequest(account_id=str(account_id), page_token=token))
            yield from page.events
            token = page.next_page_token
            if not token:
                return

    def open_cases(self) -> Iterator[SupportCase]:
        """The open cases of all accounts, oldest first."""
        token = ""
        while True:
            page = self.calls.ListSupportCases(ListSupportCasesRequest(page_token=token))
            yield from page.cases
            token = page.next_page_token
            if not token:
                return

    def close(self) -> None:
        """Ends the connection with everything that is under way on it."""
        self._channel.close()

    def __enter__(self) -> SupportClient:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
