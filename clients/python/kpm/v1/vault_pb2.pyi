from google.protobuf import timestamp_pb2 as _timestamp_pb2
from kpm.v1 import constraints_pb2 as _constraints_pb2
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Mapping as _Mapping, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor
OPERATION_KIND_DELETE: OperationKind
OPERATION_KIND_DEVICE_KEY: OperationKind
OPERATION_KIND_DEVICE_REVOCATION: OperationKind
OPERATION_KIND_KEYSET: OperationKind
OPERATION_KIND_PUT: OperationKind
OPERATION_KIND_UNSPECIFIED: OperationKind
REJECTION_REASON_ATOMIC_ABORTED: RejectionReason
REJECTION_REASON_ATTACHMENT_MISSING: RejectionReason
REJECTION_REASON_DEVICE_FORK: RejectionReason
REJECTION_REASON_DEVICE_NOT_ENROLLED: RejectionReason
REJECTION_REASON_EPOCH_MISMATCH: RejectionReason
REJECTION_REASON_HEADER_MISMATCH: RejectionReason
REJECTION_REASON_KEYS_HELD: RejectionReason
REJECTION_REASON_OBSERVATION_MISMATCH: RejectionReason
REJECTION_REASON_QUOTA_EXCEEDED: RejectionReason
REJECTION_REASON_RESULT_FORGOTTEN: RejectionReason
REJECTION_REASON_SUBJECT_INVALID: RejectionReason
REJECTION_REASON_UNSPECIFIED: RejectionReason

class Change(_message.Message):
    __slots__ = ["committed_at", "envelope", "header", "kind", "more_in_batch", "rev", "seq", "signature", "subject_id", "superseded"]
    COMMITTED_AT_FIELD_NUMBER: _ClassVar[int]
    ENVELOPE_FIELD_NUMBER: _ClassVar[int]
    HEADER_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    MORE_IN_BATCH_FIELD_NUMBER: _ClassVar[int]
    REV_FIELD_NUMBER: _ClassVar[int]
    SEQ_FIELD_NUMBER: _ClassVar[int]
    SIGNATURE_FIELD_NUMBER: _ClassVar[int]
    SUBJECT_ID_FIELD_NUMBER: _ClassVar[int]
    SUPERSEDED_FIELD_NUMBER: _ClassVar[int]
    committed_at: _timestamp_pb2.Timestamp
    envelope: bytes
    header: bytes
    kind: OperationKind
    more_in_batch: bool
    rev: int
    seq: int
    signature: bytes
    subject_id: str
    superseded: bool
    def __init__(self, seq: _Optional[int] = ..., kind: _Optional[_Union[OperationKind, str]] = ..., subject_id: _Optional[str] = ..., rev: _Optional[int] = ..., header: _Optional[bytes] = ..., signature: _Optional[bytes] = ..., envelope: _Optional[bytes] = ..., superseded: bool = ..., committed_at: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., more_in_batch: bool = ...) -> None: ...

class DeviceKey(_message.Message):
    __slots__ = ["device_id", "entry", "header", "revoked", "seq", "signature"]
    DEVICE_ID_FIELD_NUMBER: _ClassVar[int]
    ENTRY_FIELD_NUMBER: _ClassVar[int]
    HEADER_FIELD_NUMBER: _ClassVar[int]
    REVOKED_FIELD_NUMBER: _ClassVar[int]
    SEQ_FIELD_NUMBER: _ClassVar[int]
    SIGNATURE_FIELD_NUMBER: _ClassVar[int]
    device_id: str
    entry: bytes
    header: bytes
    revoked: bool
    seq: int
    signature: bytes
    def __init__(self, device_id: _Optional[str] = ..., header: _Optional[bytes] = ..., signature: _Optional[bytes] = ..., entry: _Optional[bytes] = ..., seq: _Optional[int] = ..., revoked: bool = ...) -> None: ...

class Keyset(_message.Message):
    __slots__ = ["header", "keyset", "rev", "seq", "signature"]
    HEADER_FIELD_NUMBER: _ClassVar[int]
    KEYSET_FIELD_NUMBER: _ClassVar[int]
    REV_FIELD_NUMBER: _ClassVar[int]
    SEQ_FIELD_NUMBER: _ClassVar[int]
    SIGNATURE_FIELD_NUMBER: _ClassVar[int]
    header: bytes
    keyset: bytes
    rev: int
    seq: int
    signature: bytes
    def __init__(self, rev: _Optional[int] = ..., header: _Optional[bytes] = ..., signature: _Optional[bytes] = ..., keyset: _Optional[bytes] = ..., seq: _Optional[int] = ...) -> None: ...

class Operation(_message.Message):
    __slots__ = ["base_rev", "envelope", "header", "kind", "op_id", "op_seq", "signature", "subject_id"]
    BASE_REV_FIELD_NUMBER: _ClassVar[int]
    ENVELOPE_FIELD_NUMBER: _ClassVar[int]
    HEADER_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    OP_ID_FIELD_NUMBER: _ClassVar[int]
    OP_SEQ_FIELD_NUMBER: _ClassVar[int]
    SIGNATURE_FIELD_NUMBER: _ClassVar[int]
    SUBJECT_ID_FIELD_NUMBER: _ClassVar[int]
    base_rev: int
    envelope: bytes
    header: bytes
    kind: OperationKind
    op_id: str
    op_seq: int
    signature: bytes
    subject_id: str
    def __init__(self, op_seq: _Optional[int] = ..., op_id: _Optional[str] = ..., subject_id: _Optional[str] = ..., base_rev: _Optional[int] = ..., kind: _Optional[_Union[OperationKind, str]] = ..., header: _Optional[bytes] = ..., signature: _Optional[bytes] = ..., envelope: _Optional[bytes] = ...) -> None: ...

class OperationResult(_message.Message):
    __slots__ = ["applied", "conflict", "op_id", "op_seq", "rejected"]
    class Applied(_message.Message):
        __slots__ = ["nearly_full", "rev", "seq"]
        NEARLY_FULL_FIELD_NUMBER: _ClassVar[int]
        REV_FIELD_NUMBER: _ClassVar[int]
        SEQ_FIELD_NUMBER: _ClassVar[int]
        nearly_full: bool
        rev: int
        seq: int
        def __init__(self, seq: _Optional[int] = ..., rev: _Optional[int] = ..., nearly_full: bool = ...) -> None: ...
    class Conflict(_message.Message):
        __slots__ = ["rev"]
        REV_FIELD_NUMBER: _ClassVar[int]
        rev: int
        def __init__(self, rev: _Optional[int] = ...) -> None: ...
    class Rejected(_message.Message):
        __slots__ = ["reason"]
        REASON_FIELD_NUMBER: _ClassVar[int]
        reason: RejectionReason
        def __init__(self, reason: _Optional[_Union[RejectionReason, str]] = ...) -> None: ...
    APPLIED_FIELD_NUMBER: _ClassVar[int]
    CONFLICT_FIELD_NUMBER: _ClassVar[int]
    OP_ID_FIELD_NUMBER: _ClassVar[int]
    OP_SEQ_FIELD_NUMBER: _ClassVar[int]
    REJECTED_FIELD_NUMBER: _ClassVar[int]
    applied: OperationResult.Applied
    conflict: OperationResult.Conflict
    op_id: str
    op_seq: int
    rejected: OperationResult.Rejected
    def __init__(self, op_id: _Optional[str] = ..., op_seq: _Optional[int] = ..., applied: _Optional[_Union[OperationResult.Applied, _Mapping]] = ..., conflict: _Optional[_Union[OperationResult.Conflict, _Mapping]] = ..., rejected: _Optional[_Union[OperationResult.Rejected, _Mapping]] = ...) -> None: ...

class Revision(_message.Message):
    __slots__ = ["committed_at", "envelope_bytes", "header", "kind", "rev", "seq", "signature"]
    COMMITTED_AT_FIELD_NUMBER: _ClassVar[int]
    ENVELOPE_BYTES_FIELD_NUMBER: _ClassVar[int]
    HEADER_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    REV_FIELD_NUMBER: _ClassVar[int]
    SEQ_FIELD_NUMBER: _ClassVar[int]
    SIGNATURE_FIELD_NUMBER: _ClassVar[int]
    committed_at: _timestamp_pb2.Timestamp
    envelope_bytes: int
    header: bytes
    kind: OperationKind
    rev: int
    seq: int
    signature: bytes
    def __init__(self, rev: _Optional[int] = ..., seq: _Optional[int] = ..., kind: _Optional[_Union[OperationKind, str]] = ..., header: _Optional[bytes] = ..., signature: _Optional[bytes] = ..., envelope_bytes: _Optional[int] = ..., committed_at: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class TrashedItem(_message.Message):
    __slots__ = ["bytes", "deleted_at", "item_id", "purges_at", "restorable_rev", "rev"]
    BYTES_FIELD_NUMBER: _ClassVar[int]
    DELETED_AT_FIELD_NUMBER: _ClassVar[int]
    ITEM_ID_FIELD_NUMBER: _ClassVar[int]
    PURGES_AT_FIELD_NUMBER: _ClassVar[int]
    RESTORABLE_REV_FIELD_NUMBER: _ClassVar[int]
    REV_FIELD_NUMBER: _ClassVar[int]
    bytes: int
    deleted_at: _timestamp_pb2.Timestamp
    item_id: str
    purges_at: _timestamp_pb2.Timestamp
    restorable_rev: int
    rev: int
    def __init__(self, item_id: _Optional[str] = ..., rev: _Optional[int] = ..., restorable_rev: _Optional[int] = ..., deleted_at: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., purges_at: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., bytes: _Optional[int] = ...) -> None: ...

class OperationKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = []

class RejectionReason(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = []
