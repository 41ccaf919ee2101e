from google.protobuf import timestamp_pb2 as _timestamp_pb2
from kpm.v1 import constraints_pb2 as _constraints_pb2
from kpm.v1 import security_pb2 as _security_pb2
from kpm.v1 import session_pb2 as _session_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Iterable as _Iterable, Mapping as _Mapping, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor
SUPPORT_CASE_KIND_REGION_CHANGE: SupportCaseKind
SUPPORT_CASE_KIND_TWO_STEP_RESET: SupportCaseKind
SUPPORT_CASE_KIND_UNSPECIFIED: SupportCaseKind
SUPPORT_CASE_STATE_APPROVED: SupportCaseState
SUPPORT_CASE_STATE_CANCELLED: SupportCaseState
SUPPORT_CASE_STATE_DONE: SupportCaseState
SUPPORT_CASE_STATE_LAPSED: SupportCaseState
SUPPORT_CASE_STATE_PROPOSED: SupportCaseState
SUPPORT_CASE_STATE_UNDONE: SupportCaseState
SUPPORT_CASE_STATE_UNSPECIFIED: SupportCaseState

class ApproveRegionChangeRequest(_message.Message):
    __slots__ = ["case_id"]
    CASE_ID_FIELD_NUMBER: _ClassVar[int]
    case_id: str
    def __init__(self, case_id: _Optional[str] = ...) -> None: ...

class ApproveRegionChangeResponse(_message.Message):
    __slots__ = ["case"]
    CASE_FIELD_NUMBER: _ClassVar[int]
    case: SupportCase
    def __init__(self, case: _Optional[_Union[SupportCase, _Mapping]] = ...) -> None: ...

class ApproveTwoStepResetRequest(_message.Message):
    __slots__ = ["case_id"]
    CASE_ID_FIELD_NUMBER: _ClassVar[int]
    case_id: str
    def __init__(self, case_id: _Optional[str] = ...) -> None: ...

class ApproveTwoStepResetResponse(_message.Message):
    __slots__ = ["case"]
    CASE_FIELD_NUMBER: _ClassVar[int]
    case: SupportCase
    def __init__(self, case: _Optional[_Union[SupportCase, _Mapping]] = ...) -> None: ...

class FindAccountRequest(_message.Message):
    __slots__ = ["account_id", "email"]
    ACCOUNT_ID_FIELD_NUMBER: _ClassVar[int]
    EMAIL_FIELD_NUMBER: _ClassVar[int]
    account_id: str
    email: str
    def __init__(self, email: _Optional[str] = ..., account_id: _Optional[str] = ...) -> None: ...

class FindAccountResponse(_message.Message):
    __slots__ = ["accounts"]
    ACCOUNTS_FIELD_NUMBER: _ClassVar[int]
    accounts: _containers.RepeatedCompositeFieldContainer[SupportAccount]
    def __init__(self, accounts: _Optional[_Iterable[_Union[SupportAccount, _Mapping]]] = ...) -> None: ...

class ListAuditLogRequest(_message.Message):
    __slots__ = ["account_id", "page_size", "page_token"]
    ACCOUNT_ID_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    account_id: str
    page_size: int
    page_token: str
    def __init__(self, account_id: _Optional[str] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListAuditLogResponse(_message.Message):
    __slots__ = ["events", "next_page_token"]
    EVENTS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    events: _containers.RepeatedCompositeFieldContainer[_security_pb2.SecurityEvent]
    next_page_token: str
    def __init__(self, events: _Optional[_Iterable[_Union[_security_pb2.SecurityEvent, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class ListSupportCasesRequest(_message.Message):
    __slots__ = ["page_size", "page_token"]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    page_size: int
    page_token: str
    def __init__(self, page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListSupportCasesResponse(_message.Message):
    __slots__ = ["cases", "next_page_token"]
    CASES_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    cases: _containers.RepeatedCompositeFieldContainer[SupportCase]
    next_page_token: str
    def __init__(self, cases: _Optional[_Iterable[_Union[SupportCase, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class ProposeRegionChangeRequest(_message.Message):
    __slots__ = ["account_id", "reason", "region", "request_id"]
    ACCOUNT_ID_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    REGION_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    account_id: str
    reason: str
    region: str
    request_id: str
    def __init__(self, request_id: _Optional[str] = ..., account_id: _Optional[str] = ..., region: _Optional[str] = ..., reason: _Optional[str] = ...) -> None: ...

class ProposeRegionChangeResponse(_message.Message):
    __slots__ = ["case"]
    CASE_FIELD_NUMBER: _ClassVar[int]
    case: SupportCase
    def __init__(self, case: _Optional[_Union[SupportCase, _Mapping]] = ...) -> None: ...

class ProposeTwoStepResetRequest(_message.Message):
    __slots__ = ["account_id", "reason", "request_id"]
    ACCOUNT_ID_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    account_id: str
    reason: str
    request_id: str
    def __init__(self, request_id: _Optional[str] = ..., account_id: _Optional[str] = ..., reason: _Optional[str] = ...) -> None: ...

class ProposeTwoStepResetResponse(_message.Message):
    __slots__ = ["case"]
    CASE_FIELD_NUMBER: _ClassVar[int]
    case: SupportCase
    def __init__(self, case: _Optional[_Union[SupportCase, _Mapping]] = ...) -> None: ...

class SupportAccount(_message.Message):
    __slots__ = ["account_id", "created_at", "deletes_at", "devices", "email", "language", "open_cases", "region", "state", "suspended_at", "two_step_enabled"]
    ACCOUNT_ID_FIELD_NUMBER: _ClassVar[int]
    CREATED_AT_FIELD_NUMBER: _ClassVar[int]
    DELETES_AT_FIELD_NUMBER: _ClassVar[int]
    DEVICES_FIELD_NUMBER: _ClassVar[int]
    EMAIL_FIELD_NUMBER: _ClassVar[int]
    LANGUAGE_FIELD_NUMBER: _ClassVar[int]
    OPEN_CASES_FIELD_NUMBER: _ClassVar[int]
    REGION_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    SUSPENDED_AT_FIELD_NUMBER: _ClassVar[int]
    TWO_STEP_ENABLED_FIELD_NUMBER: _ClassVar[int]
    account_id: str
    created_at: _timestamp_pb2.Timestamp
    deletes_at: _timestamp_pb2.Timestamp
    devices: int
    email: str
    language: str
    open_cases: _containers.RepeatedCompositeFieldContainer[SupportCase]
    region: str
    state: _session_pb2.AccountState
    suspended_at: _timestamp_pb2.Timestamp
    two_step_enabled: bool
    def __init__(self, account_id: _Optional[str] = ..., email: _Optional[str] = ..., state: _Optional[_Union[_session_pb2.AccountState, str]] = ..., region: _Optional[str] = ..., language: _Optional[str] = ..., created_at: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., two_step_enabled: bool = ..., suspended_at: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., deletes_at: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., devices: _Optional[int] = ..., open_cases: _Optional[_Iterable[_Union[SupportCase, _Mapping]]] = ...) -> None: ...

class SupportCase(_message.Message):
    __slots__ = ["account_id", "approved_at", "approved_by", "case_id", "effective_at", "former_region", "kind", "proposed_at", "proposed_by", "reason", "region", "state", "undo_until"]
    ACCOUNT_ID_FIELD_NUMBER: _ClassVar[int]
    APPROVED_AT_FIELD_NUMBER: _ClassVar[int]
    APPROVED_BY_FIELD_NUMBER: _ClassVar[int]
    CASE_ID_FIELD_NUMBER: _ClassVar[int]
    EFFECTIVE_AT_FIELD_NUMBER: _ClassVar[int]
    FORMER_REGION_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    PROPOSED_AT_FIELD_NUMBER: _ClassVar[int]
    PROPOSED_BY_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    REGION_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    UNDO_UNTIL_FIELD_NUMBER: _ClassVar[int]
    account_id: str
    approved_at: _timestamp_pb2.Timestamp
    approved_by: str
    case_id: str
    effective_at: _timestamp_pb2.Timestamp
    former_region: str
    kind: SupportCaseKind
    proposed_at: _timestamp_pb2.Timestamp
    proposed_by: str
    reason: str
    region: str
    state: SupportCaseState
    undo_until: _timestamp_pb2.Timestamp
    def __init__(self, case_id: _Optional[str] = ..., account_id: _Optional[str] = ..., kind: _Optional[_Union[SupportCaseKind, str]] = ..., state: _Optional[_Union[SupportCaseState, str]] = ..., reason: _Optional[str] = ..., proposed_by: _Optional[str] = ..., proposed_at: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., approved_by: _Optional[str] = ..., approved_at: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., effective_at: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., undo_until: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., region: _Optional[str] = ..., former_region: _Optional[str] = ...) -> None: ...

class SuspendAccountRequest(_message.Message):
    __slots__ = ["account_id", "reason", "suspended"]
    ACCOUNT_ID_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    SUSPENDED_FIELD_NUMBER: _ClassVar[int]
    account_id: str
    reason: str
    suspended: bool
    def __init__(self, account_id: _Optional[str] = ..., suspended: bool = ..., reason: _Optional[str] = ...) -> None: ...

class SuspendAccountResponse(_message.Message):
    __slots__ = ["account"]
    ACCOUNT_FIELD_NUMBER: _ClassVar[int]
    account: SupportAccount
    def __init__(self, account: _Optional[_Union[SupportAccount, _Mapping]] = ...) -> None: ...

class UndoRegionChangeRequest(_message.Message):
    __slots__ = ["case_id", "reason"]
    CASE_ID_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    case_id: str
    reason: str
    def __init__(self, case_id: _Optional[str] = ..., reason: _Optional[str] = ...) -> None: ...

class UndoRegionChangeResponse(_message.Message):
    __slots__ = ["case"]
    CASE_FIELD_NUMBER: _ClassVar[int]
    case: SupportCase
    def __init__(self, case: _Optional[_Union[SupportCase, _Mapping]] = ...) -> None: ...

class SupportCaseKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = []

class SupportCaseState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = []
