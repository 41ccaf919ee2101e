"""Python client of Kpm.Grpc: generated stubs, KPM1 encryption and a verified log."""

from kpm.audit import AuditError, audit_hash, verify_events
from kpm.client import KpmClient
from kpm.device import Device
from kpm.errors import FieldViolation, RpcError
from kpm.events import OperationError, StreamEnded, VaultEvent, applied
from kpm.files import Files, SealedFile
from kpm.history import History, Revision
from kpm.ids import new_id
from kpm.support import SupportClient
from kpm.sync import SyncStream
from kpm.vault import Vault

__all__ = [
    "AuditError",
    "Device",
    "FieldViolation",
    "Files",
    "History",
    "KpmClient",
    "OperationError",
    "Revision",
    "RpcError",
    "SealedFile",
    "StreamEnded",
    "SupportClient",
    "SyncStream",
    "Vault",
    "VaultEvent",
    "applied",
    "audit_hash",
    "new_id",
    "verify_events",
]
