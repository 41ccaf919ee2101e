"""Errors of the server with their typed details."""

from __future__ import annotations

from dataclasses import dataclass

import grpc

from kpm.rpc.error_details_pb2 import BadRequest, ErrorInfo, RetryInfo
from kpm.rpc.status_pb2 import Status
from kpm.v1.error_reason_pb2 import ErrorReason


@dataclass(frozen=True)
class FieldViolation:
    """A field of a request that the server refused."""

    field: str
    """Path of the field, such as "device.name"."""
    description: str
    """What is wrong with it, in English."""
    reason: str
    """The machine-readable reason; empty where the server gives none."""


class RpcError(Exception):
    """An error status of the server.

    Statuses that come from below the server's handlers (a lost connection, a deadline) have the reason UNSPECIFIED.
    """

    def __init__(self, call: grpc.RpcError) -> None:
        self.code: grpc.StatusCode = call.code()
        self.message: str = call.details() or ""
        super().__init__(f"{self.code.name}: {self.message}")
        details = {
            detail.type_url.rpartition("/")[2]: detail.value
            for key, value in call.trailing_metadata() or ()
            if key == "grpc-status-details-bin"
            for detail in Status.FromString(value).details
        }
        info = ErrorInfo.FromString(details.get("google.rpc.ErrorInfo", b""))
        known = info.domain == "kpm"
        self.reason_name: str = info.reason if known else ""
        """The reason as the server wrote it, such as "EMAIL_IN_USE"; empty without one."""
        self.reason: int = dict(ErrorReason.items()).get(f"ERROR_REASON_{self.reason_name}", 0)
        """The same as a value of ErrorReason; UNSPECIFIED for one that this version does not know."""
        self.info: dict[str, str] = dict(info.metadata) if known else {}
        """The ErrorInfo's metadata, such as the rejection of an operation."""
        self.field_violations: tuple[FieldViolation, ...] = tuple(
            FieldViolation(violation.field, violation.description, violation.reason)
            for violation in BadRequest.FromString(details.get("google.rpc.BadRequest", b"")).field_violations
        )
        """Every field that the server refused."""
        retry = RetryInfo.FromString(details.get("google.rpc.RetryInfo", b""))
        self.retry_after: float | None = retry.retry_delay.ToNanoseconds() / 1e9 if retry.HasField("retry_delay") else None
        """Seconds to wait before the next try; None where the server does not say."""
