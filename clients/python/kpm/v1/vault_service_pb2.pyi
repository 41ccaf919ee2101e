from google.protobuf import duration_pb2 as _duration_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from kpm.v1 import constraints_pb2 as _constraints_pb2
from kpm.v1 import security_pb2 as _security_pb2
from kpm.v1 import session_pb2 as _session_pb2
from kpm.v1 import vault_pb2 as _vault_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Iterable as _Iterable, Mapping as _Mapping, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor
GO_AWAY_REASON_DRAINING: GoAwayReason
GO_AWAY_REASON_REPLACED: GoAwayReason
GO_AWAY_REASON_STALLED: GoAwayReason
GO_AWAY_REASON_TOKEN_EXPIRED: GoAwayReason
GO_AWAY_REASON_UNSPECIFIED: GoAwayReason
RESYNC_REASON_CHAIN_MISMATCH: ResyncReason
RESYNC_REASON_COMPACTED: ResyncReason
RESYNC_REASON_CURSOR_AHEAD: ResyncReason
RESYNC_REASON_GENERATION_CHANGED: ResyncReason
RESYNC_REASON_UNSPECIFIED: ResyncReason
REVOKED_REASON_ACCOUNT_DELETION: RevokedReason
REVOKED_REASON_ACCOUNT_REMOVED: RevokedReason
REVOKED_REASON_ACCOUNT_SUSPENDED: RevokedReason
REVOKED_REASON_DEVICE_REVOKED: RevokedReason
REVOKED_REASON_PASSWORD_CHANGED: RevokedReason
REVOKED_REASON_SIGNED_OUT: RevokedReason
REVOKED_REASON_TOKEN_REUSED: RevokedReason
REVOKED_REASON_UNSPECIFIED: RevokedReason

class Ack(_message.Message):
    __slots__ = ["seq"]
    SEQ_FIELD_NUMBER: _ClassVar[int]
    seq: int
    def __init__(self, seq: _Optional[int] = ...) -> None: ...

class AttachmentUpload(_message.Message):
    __slots__ = ["attachment_id", "sha256", "size"]
    ATTACHMENT_ID_FIELD_NUMBER: _ClassVar[int]
    SHA256_FIELD_NUMBER: _ClassVar[int]
    SIZE_FIELD_NUMBER: _ClassVar[int]
    attachment_id: str
    sha256: bytes
    size: int
    def __init__(self, attachment_id: _Optional[str] = ..., size: _Optional[int] = ..., sha256: _Optional[bytes] = ...) -> None: ...

class CaughtUp(_message.Message):
    __slots__ = ["seq"]
    SEQ_FIELD_NUMBER: _ClassVar[int]
    seq: int
    def __init__(self, seq: _Optional[int] = ...) -> None: ...

class Changes(_message.Message):
    __slots__ = ["entries", "last_seq", "prev_seq"]
    ENTRIES_FIELD_NUMBER: _ClassVar[int]
    LAST_SEQ_FIELD_NUMBER: _ClassVar[int]
    PREV_SEQ_FIELD_NUMBER: _ClassVar[int]
    entries: _containers.RepeatedCompositeFieldContainer[_vault_pb2.Change]
    last_seq: int
    prev_seq: int
    def __init__(self, prev_seq: _Optional[int] = ..., entries: _Optional[_Iterable[_Union[_vault_pb2.Change, _Mapping]]] = ..., last_seq: _Optional[int] = ...) -> None: ...

class DownloadAttachmentRequest(_message.Message):
    __slots__ = ["attachment_id", "length", "offset"]
    ATTACHMENT_ID_FIELD_NUMBER: _ClassVar[int]
    LENGTH_FIELD_NUMBER: _ClassVar[int]
    OFFSET_FIELD_NUMBER: _ClassVar[int]
    attachment_id: str
    length: int
    offset: int
    def __init__(self, attachment_id: _Optional[str] = ..., offset: _Optional[int] = ..., length: _Optional[int] = ...) -> None: ...

class DownloadAttachmentResponse(_message.Message):
    __slots__ = ["data", "offset", "size"]
    DATA_FIELD_NUMBER: _ClassVar[int]
    OFFSET_FIELD_NUMBER: _ClassVar[int]
    SIZE_FIELD_NUMBER: _ClassVar[int]
    data: bytes
    offset: int
    size: int
    def __init__(self, offset: _Optional[int] = ..., data: _Optional[bytes] = ..., size: _Optional[int] = ...) -> None: ...

class GetAttachmentUploadRequest(_message.Message):
    __slots__ = ["attachment_id"]
    ATTACHMENT_ID_FIELD_NUMBER: _ClassVar[int]
    attachment_id: str
    def __init__(self, attachment_id: _Optional[str] = ...) -> None: ...

class GetAttachmentUploadResponse(_message.Message):
    __slots__ = ["complete", "expires_at", "received", "upload"]
    COMPLETE_FIELD_NUMBER: _ClassVar[int]
    EXPIRES_AT_FIELD_NUMBER: _ClassVar[int]
    RECEIVED_FIELD_NUMBER: _ClassVar[int]
    UPLOAD_FIELD_NUMBER: _ClassVar[int]
    complete: bool
    expires_at: _timestamp_pb2.Timestamp
    received: int
    upload: AttachmentUpload
    def __init__(self, upload: _Optional[_Union[AttachmentUpload, _Mapping]] = ..., received: _Optional[int] = ..., complete: bool = ..., expires_at: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class GetRevisionRequest(_message.Message):
    __slots__ = ["item_id", "rev"]
    ITEM_ID_FIELD_NUMBER: _ClassVar[int]
    REV_FIELD_NUMBER: _ClassVar[int]
    item_id: str
    rev: int
    def __init__(self, item_id: _Optional[str] = ..., rev: _Optional[int] = ...) -> None: ...

class GetRevisionResponse(_message.Message):
    __slots__ = ["revision"]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    revision: _vault_pb2.Change
    def __init__(self, revision: _Optional[_Union[_vault_pb2.Change, _Mapping]] = ...) -> None: ...

class GetUsageRequest(_message.Message):
    __slots__ = []
    def __init__(self) -> None: ...

class GetUsageResponse(_message.Message):
    __slots__ = ["attachment_bytes", "bytes", "items", "max_bytes", "max_items", "nearly_full"]
    ATTACHMENT_BYTES_FIELD_NUMBER: _ClassVar[int]
    BYTES_FIELD_NUMBER: _ClassVar[int]
    ITEMS_FIELD_NUMBER: _ClassVar[int]
    MAX_BYTES_FIELD_NUMBER: _ClassVar[int]
    MAX_ITEMS_FIELD_NUMBER: _ClassVar[int]
    NEARLY_FULL_FIELD_NUMBER: _ClassVar[int]
    attachment_bytes: int
    bytes: int
    items: int
    max_bytes: int
    max_items: int
    nearly_full: bool
    def __init__(self, items: _Optional[int] = ..., max_items: _Optional[int] = ..., bytes: _Optional[int] = ..., max_bytes: _Optional[int] = ..., attachment_bytes: _Optional[int] = ..., nearly_full: bool = ...) -> None: ...

class GetVaultRequest(_message.Message):
    __slots__ = ["min_seq"]
    MIN_SEQ_FIELD_NUMBER: _ClassVar[int]
    min_seq: int
    def __init__(self, min_seq: _Optional[int] = ...) -> None: ...

class GetVaultResponse(_message.Message):
    __slots__ = ["chain_hash", "compacted_seq", "generation", "head_seq", "key_epoch", "keys_held_until", "keyset", "vault_id"]
    CHAIN_HASH_FIELD_NUMBER: _ClassVar[int]
    COMPACTED_SEQ_FIELD_NUMBER: _ClassVar[int]
    GENERATION_FIELD_NUMBER: _ClassVar[int]
    HEAD_SEQ_FIELD_NUMBER: _ClassVar[int]
    KEYSET_FIELD_NUMBER: _ClassVar[int]
    KEYS_HELD_UNTIL_FIELD_NUMBER: _ClassVar[int]
    KEY_EPOCH_FIELD_NUMBER: _ClassVar[int]
    VAULT_ID_FIELD_NUMBER: _ClassVar[int]
    chain_hash: bytes
    compacted_seq: int
    generation: int
    head_seq: int
    key_epoch: int
    keys_held_until: _timestamp_pb2.Timestamp
    keyset: _vault_pb2.Keyset
    vault_id: str
    def __init__(self, vault_id: _Optional[str] = ..., generation: _Optional[int] = ..., key_epoch: _Optional[int] = ..., head_seq: _Optional[int] = ..., compacted_seq: _Optional[int] = ..., chain_hash: _Optional[bytes] = ..., keyset: _Optional[_Union[_vault_pb2.Keyset, _Mapping]] = ..., keys_held_until: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class GoAway(_message.Message):
    __slots__ = ["reason", "retry_after"]
    REASON_FIELD_NUMBER: _ClassVar[int]
    RETRY_AFTER_FIELD_NUMBER: _ClassVar[int]
    reason: GoAwayReason
    retry_after: _duration_pb2.Duration
    def __init__(self, reason: _Optional[_Union[GoAwayReason, str]] = ..., retry_after: _Optional[_Union[_duration_pb2.Duration, _Mapping]] = ...) -> None: ...

class Hello(_message.Message):
    __slots__ = ["chain_hash", "cursor", "generation", "min_seq", "proof", "snapshot", "versions"]
    CHAIN_HASH_FIELD_NUMBER: _ClassVar[int]
    CURSOR_FIELD_NUMBER: _ClassVar[int]
    GENERATION_FIELD_NUMBER: _ClassVar[int]
    MIN_SEQ_FIELD_NUMBER: _ClassVar[int]
    PROOF_FIELD_NUMBER: _ClassVar[int]
    SNAPSHOT_FIELD_NUMBER: _ClassVar[int]
    VERSIONS_FIELD_NUMBER: _ClassVar[int]
    chain_hash: bytes
    cursor: int
    generation: int
    min_seq: int
    proof: _session_pb2.DeviceProof
    snapshot: bool
    versions: _containers.RepeatedScalarFieldContainer[int]
    def __init__(self, versions: _Optional[_Iterable[int]] = ..., generation: _Optional[int] = ..., cursor: _Optional[int] = ..., chain_hash: _Optional[bytes] = ..., min_seq: _Optional[int] = ..., proof: _Optional[_Union[_session_pb2.DeviceProof, _Mapping]] = ..., snapshot: bool = ...) -> None: ...

class ListDeviceKeysRequest(_message.Message):
    __slots__ = ["page_size", "page_token"]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    page_size: int
    page_token: str
    def __init__(self, page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListDeviceKeysResponse(_message.Message):
    __slots__ = ["device_keys", "next_page_token"]
    DEVICE_KEYS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    device_keys: _containers.RepeatedCompositeFieldContainer[_vault_pb2.DeviceKey]
    next_page_token: str
    def __init__(self, device_keys: _Optional[_Iterable[_Union[_vault_pb2.DeviceKey, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class ListRevisionsRequest(_message.Message):
    __slots__ = ["item_id", "page_size", "page_token"]
    ITEM_ID_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    item_id: str
    page_size: int
    page_token: str
    def __init__(self, item_id: _Optional[str] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListRevisionsResponse(_message.Message):
    __slots__ = ["next_page_token", "revisions"]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    REVISIONS_FIELD_NUMBER: _ClassVar[int]
    next_page_token: str
    revisions: _containers.RepeatedCompositeFieldContainer[_vault_pb2.Revision]
    def __init__(self, revisions: _Optional[_Iterable[_Union[_vault_pb2.Revision, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class ListTrashRequest(_message.Message):
    __slots__ = ["page_size", "page_token"]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    page_size: int
    page_token: str
    def __init__(self, page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListTrashResponse(_message.Message):
    __slots__ = ["items", "next_page_token"]
    ITEMS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    items: _containers.RepeatedCompositeFieldContainer[_vault_pb2.TrashedItem]
    next_page_token: str
    def __init__(self, items: _Optional[_Iterable[_Union[_vault_pb2.TrashedItem, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class Ping(_message.Message):
    __slots__ = ["head_seq"]
    HEAD_SEQ_FIELD_NUMBER: _ClassVar[int]
    head_seq: int
    def __init__(self, head_seq: _Optional[int] = ...) -> None: ...

class Pong(_message.Message):
    __slots__ = []
    def __init__(self) -> None: ...

class PublishCheckpointRequest(_message.Message):
    __slots__ = ["checkpoint", "signature"]
    CHECKPOINT_FIELD_NUMBER: _ClassVar[int]
    SIGNATURE_FIELD_NUMBER: _ClassVar[int]
    checkpoint: bytes
    signature: bytes
    def __init__(self, checkpoint: _Optional[bytes] = ..., signature: _Optional[bytes] = ...) -> None: ...

class PublishCheckpointResponse(_message.Message):
    __slots__ = ["newest_seq"]
    NEWEST_SEQ_FIELD_NUMBER: _ClassVar[int]
    newest_seq: int
    def __init__(self, newest_seq: _Optional[int] = ...) -> None: ...

class PublishDeviceKeyRequest(_message.Message):
    __slots__ = ["operation"]
    OPERATION_FIELD_NUMBER: _ClassVar[int]
    operation: _vault_pb2.Operation
    def __init__(self, operation: _Optional[_Union[_vault_pb2.Operation, _Mapping]] = ...) -> None: ...

class PublishDeviceKeyResponse(_message.Message):
    __slots__ = ["result"]
    RESULT_FIELD_NUMBER: _ClassVar[int]
    result: _vault_pb2.OperationResult
    def __init__(self, result: _Optional[_Union[_vault_pb2.OperationResult, _Mapping]] = ...) -> None: ...

class Push(_message.Message):
    __slots__ = ["atomic", "operations"]
    ATOMIC_FIELD_NUMBER: _ClassVar[int]
    OPERATIONS_FIELD_NUMBER: _ClassVar[int]
    atomic: bool
    operations: _containers.RepeatedCompositeFieldContainer[_vault_pb2.Operation]
    def __init__(self, operations: _Optional[_Iterable[_Union[_vault_pb2.Operation, _Mapping]]] = ..., atomic: bool = ...) -> None: ...

class PushRequest(_message.Message):
    __slots__ = ["atomic", "operations"]
    ATOMIC_FIELD_NUMBER: _ClassVar[int]
    OPERATIONS_FIELD_NUMBER: _ClassVar[int]
    atomic: bool
    operations: _containers.RepeatedCompositeFieldContainer[_vault_pb2.Operation]
    def __init__(self, operations: _Optional[_Iterable[_Union[_vault_pb2.Operation, _Mapping]]] = ..., atomic: bool = ...) -> None: ...

class PushResponse(_message.Message):
    __slots__ = ["results"]
    RESULTS_FIELD_NUMBER: _ClassVar[int]
    results: _containers.RepeatedCompositeFieldContainer[_vault_pb2.OperationResult]
    def __init__(self, results: _Optional[_Iterable[_Union[_vault_pb2.OperationResult, _Mapping]]] = ...) -> None: ...

class PutAttachmentChunkRequest(_message.Message):
    __slots__ = ["data", "offset", "upload"]
    DATA_FIELD_NUMBER: _ClassVar[int]
    OFFSET_FIELD_NUMBER: _ClassVar[int]
    UPLOAD_FIELD_NUMBER: _ClassVar[int]
    data: bytes
    offset: int
    upload: AttachmentUpload
    def __init__(self, upload: _Optional[_Union[AttachmentUpload, _Mapping]] = ..., offset: _Optional[int] = ..., data: _Optional[bytes] = ...) -> None: ...

class PutAttachmentChunkResponse(_message.Message):
    __slots__ = ["complete", "received"]
    COMPLETE_FIELD_NUMBER: _ClassVar[int]
    RECEIVED_FIELD_NUMBER: _ClassVar[int]
    complete: bool
    received: int
    def __init__(self, received: _Optional[int] = ..., complete: bool = ...) -> None: ...

class PutKeysetRequest(_message.Message):
    __slots__ = ["operation"]
    OPERATION_FIELD_NUMBER: _ClassVar[int]
    operation: _vault_pb2.Operation
    def __init__(self, operation: _Optional[_Union[_vault_pb2.Operation, _Mapping]] = ...) -> None: ...

class PutKeysetResponse(_message.Message):
    __slots__ = ["result"]
    RESULT_FIELD_NUMBER: _ClassVar[int]
    result: _vault_pb2.OperationResult
    def __init__(self, result: _Optional[_Union[_vault_pb2.OperationResult, _Mapping]] = ...) -> None: ...

class Reauth(_message.Message):
    __slots__ = ["access_token", "proof"]
    ACCESS_TOKEN_FIELD_NUMBER: _ClassVar[int]
    PROOF_FIELD_NUMBER: _ClassVar[int]
    access_token: str
    proof: _session_pb2.DeviceProof
    def __init__(self, access_token: _Optional[str] = ..., proof: _Optional[_Union[_session_pb2.DeviceProof, _Mapping]] = ...) -> None: ...

class ResyncRequired(_message.Message):
    __slots__ = ["generation", "head_seq", "reason"]
    GENERATION_FIELD_NUMBER: _ClassVar[int]
    HEAD_SEQ_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    generation: int
    head_seq: int
    reason: ResyncReason
    def __init__(self, reason: _Optional[_Union[ResyncReason, str]] = ..., generation: _Optional[int] = ..., head_seq: _Optional[int] = ...) -> None: ...

class Revoked(_message.Message):
    __slots__ = ["reason"]
    REASON_FIELD_NUMBER: _ClassVar[int]
    reason: RevokedReason
    def __init__(self, reason: _Optional[_Union[RevokedReason, str]] = ...) -> None: ...

class RevokedAck(_message.Message):
    __slots__ = []
    def __init__(self) -> None: ...

class SnapshotBegin(_message.Message):
    __slots__ = ["as_of", "checkpoint", "rows", "signature"]
    AS_OF_FIELD_NUMBER: _ClassVar[int]
    CHECKPOINT_FIELD_NUMBER: _ClassVar[int]
    ROWS_FIELD_NUMBER: _ClassVar[int]
    SIGNATURE_FIELD_NUMBER: _ClassVar[int]
    as_of: int
    checkpoint: bytes
    rows: int
    signature: bytes
    def __init__(self, as_of: _Optional[int] = ..., checkpoint: _Optional[bytes] = ..., signature: _Optional[bytes] = ..., rows: _Optional[int] = ...) -> None: ...

class SnapshotEnd(_message.Message):
    __slots__ = ["as_of"]
    AS_OF_FIELD_NUMBER: _ClassVar[int]
    as_of: int
    def __init__(self, as_of: _Optional[int] = ...) -> None: ...

class SnapshotRows(_message.Message):
    __slots__ = ["rows"]
    ROWS_FIELD_NUMBER: _ClassVar[int]
    rows: _containers.RepeatedCompositeFieldContainer[_vault_pb2.Change]
    def __init__(self, rows: _Optional[_Iterable[_Union[_vault_pb2.Change, _Mapping]]] = ...) -> None: ...

class StreamLimits(_message.Message):
    __slots__ = ["max_envelope_bytes", "max_operations_in_flight", "max_operations_per_push", "max_unacknowledged_bytes", "max_unacknowledged_changes", "unacknowledged_timeout"]
    MAX_ENVELOPE_BYTES_FIELD_NUMBER: _ClassVar[int]
    MAX_OPERATIONS_IN_FLIGHT_FIELD_NUMBER: _ClassVar[int]
    MAX_OPERATIONS_PER_PUSH_FIELD_NUMBER: _ClassVar[int]
    MAX_UNACKNOWLEDGED_BYTES_FIELD_NUMBER: _ClassVar[int]
    MAX_UNACKNOWLEDGED_CHANGES_FIELD_NUMBER: _ClassVar[int]
    UNACKNOWLEDGED_TIMEOUT_FIELD_NUMBER: _ClassVar[int]
    max_envelope_bytes: int
    max_operations_in_flight: int
    max_operations_per_push: int
    max_unacknowledged_bytes: int
    max_unacknowledged_changes: int
    unacknowledged_timeout: _duration_pb2.Duration
    def __init__(self, max_operations_per_push: _Optional[int] = ..., max_operations_in_flight: _Optional[int] = ..., max_envelope_bytes: _Optional[int] = ..., max_unacknowledged_changes: _Optional[int] = ..., max_unacknowledged_bytes: _Optional[int] = ..., unacknowledged_timeout: _Optional[_Union[_duration_pb2.Duration, _Mapping]] = ...) -> None: ...

class SyncRequest(_message.Message):
    __slots__ = ["ack", "hello", "pong", "push", "reauth", "revoked_ack"]
    ACK_FIELD_NUMBER: _ClassVar[int]
    HELLO_FIELD_NUMBER: _ClassVar[int]
    PONG_FIELD_NUMBER: _ClassVar[int]
    PUSH_FIELD_NUMBER: _ClassVar[int]
    REAUTH_FIELD_NUMBER: _ClassVar[int]
    REVOKED_ACK_FIELD_NUMBER: _ClassVar[int]
    ack: Ack
    hello: Hello
    pong: Pong
    push: Push
    reauth: Reauth
    revoked_ack: RevokedAck
    def __init__(self, hello: _Optional[_Union[Hello, _Mapping]] = ..., push: _Optional[_Union[Push, _Mapping]] = ..., ack: _Optional[_Union[Ack, _Mapping]] = ..., pong: _Optional[_Union[Pong, _Mapping]] = ..., reauth: _Optional[_Union[Reauth, _Mapping]] = ..., revoked_ack: _Optional[_Union[RevokedAck, _Mapping]] = ...) -> None: ...

class SyncResponse(_message.Message):
    __slots__ = ["caught_up", "changes", "go_away", "op_result", "ping", "resync_required", "revoked", "security_event", "snapshot_begin", "snapshot_end", "snapshot_rows", "token_expiring", "welcome"]
    CAUGHT_UP_FIELD_NUMBER: _ClassVar[int]
    CHANGES_FIELD_NUMBER: _ClassVar[int]
    GO_AWAY_FIELD_NUMBER: _ClassVar[int]
    OP_RESULT_FIELD_NUMBER: _ClassVar[int]
    PING_FIELD_NUMBER: _ClassVar[int]
    RESYNC_REQUIRED_FIELD_NUMBER: _ClassVar[int]
    REVOKED_FIELD_NUMBER: _ClassVar[int]
    SECURITY_EVENT_FIELD_NUMBER: _ClassVar[int]
    SNAPSHOT_BEGIN_FIELD_NUMBER: _ClassVar[int]
    SNAPSHOT_END_FIELD_NUMBER: _ClassVar[int]
    SNAPSHOT_ROWS_FIELD_NUMBER: _ClassVar[int]
    TOKEN_EXPIRING_FIELD_NUMBER: _ClassVar[int]
    WELCOME_FIELD_NUMBER: _ClassVar[int]
    caught_up: CaughtUp
    changes: Changes
    go_away: GoAway
    op_result: _vault_pb2.OperationResult
    ping: Ping
    resync_required: ResyncRequired
    revoked: Revoked
    security_event: _security_pb2.SecurityEvent
    snapshot_begin: SnapshotBegin
    snapshot_end: SnapshotEnd
    snapshot_rows: SnapshotRows
    token_expiring: TokenExpiring
    welcome: Welcome
    def __init__(self, welcome: _Optional[_Union[Welcome, _Mapping]] = ..., changes: _Optional[_Union[Changes, _Mapping]] = ..., caught_up: _Optional[_Union[CaughtUp, _Mapping]] = ..., op_result: _Optional[_Union[_vault_pb2.OperationResult, _Mapping]] = ..., ping: _Optional[_Union[Ping, _Mapping]] = ..., token_expiring: _Optional[_Union[TokenExpiring, _Mapping]] = ..., resync_required: _Optional[_Union[ResyncRequired, _Mapping]] = ..., go_away: _Optional[_Union[GoAway, _Mapping]] = ..., revoked: _Optional[_Union[Revoked, _Mapping]] = ..., security_event: _Optional[_Union[_security_pb2.SecurityEvent, _Mapping]] = ..., snapshot_begin: _Optional[_Union[SnapshotBegin, _Mapping]] = ..., snapshot_rows: _Optional[_Union[SnapshotRows, _Mapping]] = ..., snapshot_end: _Optional[_Union[SnapshotEnd, _Mapping]] = ...) -> None: ...

class TokenExpiring(_message.Message):
    __slots__ = ["expires_at"]
    EXPIRES_AT_FIELD_NUMBER: _ClassVar[int]
    expires_at: _timestamp_pb2.Timestamp
    def __init__(self, expires_at: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class UploadAttachmentRequest(_message.Message):
    __slots__ = ["data", "start"]
    DATA_FIELD_NUMBER: _ClassVar[int]
    START_FIELD_NUMBER: _ClassVar[int]
    data: bytes
    start: UploadStart
    def __init__(self, start: _Optional[_Union[UploadStart, _Mapping]] = ..., data: _Optional[bytes] = ...) -> None: ...

class UploadAttachmentResponse(_message.Message):
    __slots__ = ["complete", "received"]
    COMPLETE_FIELD_NUMBER: _ClassVar[int]
    RECEIVED_FIELD_NUMBER: _ClassVar[int]
    complete: bool
    received: int
    def __init__(self, received: _Optional[int] = ..., complete: bool = ...) -> None: ...

class UploadStart(_message.Message):
    __slots__ = ["offset", "upload"]
    OFFSET_FIELD_NUMBER: _ClassVar[int]
    UPLOAD_FIELD_NUMBER: _ClassVar[int]
    offset: int
    upload: AttachmentUpload
    def __init__(self, upload: _Optional[_Union[AttachmentUpload, _Mapping]] = ..., offset: _Optional[int] = ...) -> None: ...

class WatchRequest(_message.Message):
    __slots__ = ["chain_hash", "cursor", "generation", "snapshot"]
    CHAIN_HASH_FIELD_NUMBER: _ClassVar[int]
    CURSOR_FIELD_NUMBER: _ClassVar[int]
    GENERATION_FIELD_NUMBER: _ClassVar[int]
    SNAPSHOT_FIELD_NUMBER: _ClassVar[int]
    chain_hash: bytes
    cursor: int
    generation: int
    snapshot: bool
    def __init__(self, generation: _Optional[int] = ..., cursor: _Optional[int] = ..., chain_hash: _Optional[bytes] = ..., snapshot: bool = ...) -> None: ...

class WatchResponse(_message.Message):
    __slots__ = ["caught_up", "changes", "go_away", "ping", "resync_required", "security_event", "snapshot_begin", "snapshot_end", "snapshot_rows", "welcome"]
    CAUGHT_UP_FIELD_NUMBER: _ClassVar[int]
    CHANGES_FIELD_NUMBER: _ClassVar[int]
    GO_AWAY_FIELD_NUMBER: _ClassVar[int]
    PING_FIELD_NUMBER: _ClassVar[int]
    RESYNC_REQUIRED_FIELD_NUMBER: _ClassVar[int]
    SECURITY_EVENT_FIELD_NUMBER: _ClassVar[int]
    SNAPSHOT_BEGIN_FIELD_NUMBER: _ClassVar[int]
    SNAPSHOT_END_FIELD_NUMBER: _ClassVar[int]
    SNAPSHOT_ROWS_FIELD_NUMBER: _ClassVar[int]
    WELCOME_FIELD_NUMBER: _ClassVar[int]
    caught_up: CaughtUp
    changes: Changes
    go_away: GoAway
    ping: Ping
    resync_required: ResyncRequired
    security_event: _security_pb2.SecurityEvent
    snapshot_begin: SnapshotBegin
    snapshot_end: SnapshotEnd
    snapshot_rows: SnapshotRows
    welcome: Welcome
    def __init__(self, welcome: _Optional[_Union[Welcome, _Mapping]] = ..., changes: _Optional[_Union[Changes, _Mapping]] = ..., caught_up: _Optional[_Union[CaughtUp, _Mapping]] = ..., ping: _Optional[_Union[Ping, _Mapping]] = ..., resync_required: _Optional[_Union[ResyncRequired, _Mapping]] = ..., go_away: _Optional[_Union[GoAway, _Mapping]] = ..., security_event: _Optional[_Union[_security_pb2.SecurityEvent, _Mapping]] = ..., snapshot_begin: _Optional[_Union[SnapshotBegin, _Mapping]] = ..., snapshot_rows: _Optional[_Union[SnapshotRows, _Mapping]] = ..., snapshot_end: _Optional[_Union[SnapshotEnd, _Mapping]] = ...) -> None: ...

class Welcome(_message.Message):
    __slots__ = ["checkpoint_seq", "compacted_seq", "generation", "head_seq", "heartbeat", "key_epoch", "last_op_seq", "limits", "nearly_full", "server_time", "version"]
    CHECKPOINT_SEQ_FIELD_NUMBER: _ClassVar[int]
    COMPACTED_SEQ_FIELD_NUMBER: _ClassVar[int]
    GENERATION_FIELD_NUMBER: _ClassVar[int]
    HEAD_SEQ_FIELD_NUMBER: _ClassVar[int]
    HEARTBEAT_FIELD_NUMBER: _ClassVar[int]
    KEY_EPOCH_FIELD_NUMBER: _ClassVar[int]
    LAST_OP_SEQ_FIELD_NUMBER: _ClassVar[int]
    LIMITS_FIELD_NUMBER: _ClassVar[int]
    NEARLY_FULL_FIELD_NUMBER: _ClassVar[int]
    SERVER_TIME_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    checkpoint_seq: int
    compacted_seq: int
    generation: int
    head_seq: int
    heartbeat: _duration_pb2.Duration
    key_epoch: int
    last_op_seq: int
    limits: StreamLimits
    nearly_full: bool
    server_time: _timestamp_pb2.Timestamp
    version: int
    def __init__(self, version: _Optional[int] = ..., generation: _Optional[int] = ..., head_seq: _Optional[int] = ..., compacted_seq: _Optional[int] = ..., last_op_seq: _Optional[int] = ..., key_epoch: _Optional[int] = ..., limits: _Optional[_Union[StreamLimits, _Mapping]] = ..., heartbeat: _Optional[_Union[_duration_pb2.Duration, _Mapping]] = ..., server_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., nearly_full: bool = ..., checkpoint_seq: _Optional[int] = ...) -> None: ...

class ResyncReason(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = []

class GoAwayReason(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = []

class RevokedReason(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = []
