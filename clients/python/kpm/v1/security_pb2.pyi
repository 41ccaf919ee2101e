from google.protobuf import timestamp_pb2 as _timestamp_pb2
from kpm.v1 import constraints_pb2 as _constraints_pb2
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Mapping as _Mapping, Optional as _Optional, Union as _Union

ACTOR_ANONYMOUS: Actor
ACTOR_OPERATOR: Actor
ACTOR_SERVER: Actor
ACTOR_SESSION: Actor
ACTOR_UNSPECIFIED: Actor
DESCRIPTOR: _descriptor.FileDescriptor
SECURITY_EVENT_KIND_ACCOUNT_ACTIVATED: SecurityEventKind
SECURITY_EVENT_KIND_ACCOUNT_CREATED: SecurityEventKind
SECURITY_EVENT_KIND_ACCOUNT_REINSTATED: SecurityEventKind
SECURITY_EVENT_KIND_ACCOUNT_SUSPENDED: SecurityEventKind
SECURITY_EVENT_KIND_ACCOUNT_VIEWED: SecurityEventKind
SECURITY_EVENT_KIND_DATA_EXPORTED: SecurityEventKind
SECURITY_EVENT_KIND_DELETION_CANCELLED: SecurityEventKind
SECURITY_EVENT_KIND_DELETION_SCHEDULED: SecurityEventKind
SECURITY_EVENT_KIND_DEVICE_LINKED: SecurityEventKind
SECURITY_EVENT_KIND_DEVICE_RENAMED: SecurityEventKind
SECURITY_EVENT_KIND_DEVICE_REVOKED: SecurityEventKind
SECURITY_EVENT_KIND_DEVICE_TRUSTED: SecurityEventKind
SECURITY_EVENT_KIND_EMAIL_CHANGED: SecurityEventKind
SECURITY_EVENT_KIND_EMAIL_CHANGE_STARTED: SecurityEventKind
SECURITY_EVENT_KIND_FACTOR_ADDED: SecurityEventKind
SECURITY_EVENT_KIND_FACTOR_REMOVED: SecurityEventKind
SECURITY_EVENT_KIND_IDENTITY_LINKED: SecurityEventKind
SECURITY_EVENT_KIND_IDENTITY_UNLINKED: SecurityEventKind
SECURITY_EVENT_KIND_PASSWORD_CHANGED: SecurityEventKind
SECURITY_EVENT_KIND_PASSWORD_RESET: SecurityEventKind
SECURITY_EVENT_KIND_PASSWORD_RESET_STARTED: SecurityEventKind
SECURITY_EVENT_KIND_RECOVERY_CODES_GENERATED: SecurityEventKind
SECURITY_EVENT_KIND_RECOVERY_CODE_USED: SecurityEventKind
SECURITY_EVENT_KIND_REGION_CHANGED: SecurityEventKind
SECURITY_EVENT_KIND_REGION_CHANGE_PROPOSED: SecurityEventKind
SECURITY_EVENT_KIND_REGION_CHANGE_UNDONE: SecurityEventKind
SECURITY_EVENT_KIND_SESSION_APPROVED: SecurityEventKind
SECURITY_EVENT_KIND_SETTINGS_CHANGED: SecurityEventKind
SECURITY_EVENT_KIND_SIGNED_IN: SecurityEventKind
SECURITY_EVENT_KIND_SIGNED_OUT: SecurityEventKind
SECURITY_EVENT_KIND_SIGNED_OUT_EVERYWHERE: SecurityEventKind
SECURITY_EVENT_KIND_SIGN_IN_BLOCKED: SecurityEventKind
SECURITY_EVENT_KIND_SUPPORT_CASE_CANCELLED: SecurityEventKind
SECURITY_EVENT_KIND_TOKEN_REUSED: SecurityEventKind
SECURITY_EVENT_KIND_TRUSTED_DEVICE_FORGOTTEN: SecurityEventKind
SECURITY_EVENT_KIND_TWO_STEP_FAILED: SecurityEventKind
SECURITY_EVENT_KIND_TWO_STEP_RESET: SecurityEventKind
SECURITY_EVENT_KIND_TWO_STEP_RESET_APPROVED: SecurityEventKind
SECURITY_EVENT_KIND_TWO_STEP_RESET_PROPOSED: SecurityEventKind
SECURITY_EVENT_KIND_UNSPECIFIED: SecurityEventKind
TWO_STEP_METHOD_AUTHENTICATOR: TwoStepMethod
TWO_STEP_METHOD_RECOVERY_CODE: TwoStepMethod
TWO_STEP_METHOD_SMS: TwoStepMethod
TWO_STEP_METHOD_UNSPECIFIED: TwoStepMethod

class Reauthentication(_message.Message):
    __slots__ = ["federated_ticket", "password", "second_factor"]
    FEDERATED_TICKET_FIELD_NUMBER: _ClassVar[int]
    PASSWORD_FIELD_NUMBER: _ClassVar[int]
    SECOND_FACTOR_FIELD_NUMBER: _ClassVar[int]
    federated_ticket: str
    password: str
    second_factor: SecondFactor
    def __init__(self, password: _Optional[str] = ..., federated_ticket: _Optional[str] = ..., second_factor: _Optional[_Union[SecondFactor, _Mapping]] = ...) -> None: ...

class SecondFactor(_message.Message):
    __slots__ = ["authenticator_code", "recovery_code", "sms_code"]
    AUTHENTICATOR_CODE_FIELD_NUMBER: _ClassVar[int]
    RECOVERY_CODE_FIELD_NUMBER: _ClassVar[int]
    SMS_CODE_FIELD_NUMBER: _ClassVar[int]
    authenticator_code: str
    recovery_code: str
    sms_code: str
    def __init__(self, authenticator_code: _Optional[str] = ..., sms_code: _Optional[str] = ..., recovery_code: _Optional[str] = ...) -> None: ...

class SecurityCheck(_message.Message):
    __slots__ = ["alphabet", "check_id", "expires_at", "length", "picture_png"]
    ALPHABET_FIELD_NUMBER: _ClassVar[int]
    CHECK_ID_FIELD_NUMBER: _ClassVar[int]
    EXPIRES_AT_FIELD_NUMBER: _ClassVar[int]
    LENGTH_FIELD_NUMBER: _ClassVar[int]
    PICTURE_PNG_FIELD_NUMBER: _ClassVar[int]
    alphabet: str
    check_id: str
    expires_at: _timestamp_pb2.Timestamp
    length: int
    picture_png: bytes
    def __init__(self, check_id: _Optional[str] = ..., picture_png: _Optional[bytes] = ..., expires_at: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., length: _Optional[int] = ..., alphabet: _Optional[str] = ...) -> None: ...

class SecurityCheckAnswer(_message.Message):
    __slots__ = ["answer", "check_id"]
    ANSWER_FIELD_NUMBER: _ClassVar[int]
    CHECK_ID_FIELD_NUMBER: _ClassVar[int]
    answer: str
    check_id: str
    def __init__(self, check_id: _Optional[str] = ..., answer: _Optional[str] = ...) -> None: ...

class SecurityCheckRequired(_message.Message):
    __slots__ = ["check"]
    CHECK_FIELD_NUMBER: _ClassVar[int]
    check: SecurityCheck
    def __init__(self, check: _Optional[_Union[SecurityCheck, _Mapping]] = ...) -> None: ...

class SecurityEvent(_message.Message):
    __slots__ = ["actor", "detail", "device_id", "hash", "kind", "seq", "time"]
    ACTOR_FIELD_NUMBER: _ClassVar[int]
    DETAIL_FIELD_NUMBER: _ClassVar[int]
    DEVICE_ID_FIELD_NUMBER: _ClassVar[int]
    HASH_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    SEQ_FIELD_NUMBER: _ClassVar[int]
    TIME_FIELD_NUMBER: _ClassVar[int]
    actor: Actor
    detail: str
    device_id: str
    hash: bytes
    kind: SecurityEventKind
    seq: int
    time: _timestamp_pb2.Timestamp
    def __init__(self, seq: _Optional[int] = ..., time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., kind: _Optional[_Union[SecurityEventKind, str]] = ..., actor: _Optional[_Union[Actor, str]] = ..., device_id: _Optional[str] = ..., detail: _Optional[str] = ..., hash: _Optional[bytes] = ...) -> None: ...

class TwoStepMethod(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = []

class SecurityEventKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = []

class Actor(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = []
