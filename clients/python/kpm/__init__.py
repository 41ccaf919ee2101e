"""Python client of Kpm.Grpc: generated stubs, KPM1 encryption and a verified log."""

from kpm.client import KpmClient
from kpm.device import Device
from kpm.errors import FieldViolation, RpcError
from kpm.ids import new_id
from kpm.sync import SyncStream
from kpm.vault import OperationError, StreamEnded, Vault, VaultEvent, applied

__all__ = [
    "Device",
    "FieldViolation",
    "KpmClient",
    "OperationError",
    "RpcError",
    "StreamEnded",
    "SyncStream",
    "Vault",
    "VaultEvent",
    "applied",
    "new_id",
]
