from google.protobuf import timestamp_pb2 as _timestamp_pb2
from kpm.v1 import constraints_pb2 as _constraints_pb2
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Mapping as _Mapping, Optional as _Optional, Union as _Union

ACCOUNT_STATE_ACTIVE: AccountState
ACCOUNT_STATE_PENDING: AccountState
ACCOUNT_STATE_UNSPECIFIED: AccountState
DESCRIPTOR: _descriptor.FileDescriptor
PLATFORM_ANDROID: Platform
PLATFORM_BROWSER: Platform
PLATFORM_IOS: Platform
PLATFORM_LINUX: Platform
PLATFORM_MACOS: Platform
PLATFORM_SERVICE: Platform
PLATFORM_UNSPECIFIED: Platform
PLATFORM_WINDOWS: Platform

class Account(_message.Message):
    __slots__ = ["account_id", "created_at", "email", "has_password", "language", "lapses_at", "marketing_consent", "region", "state", "two_step_enabled"]
    ACCOUNT_ID_FIELD_NUMBER: _ClassVar[int]
    CREATED_AT_FIELD_NUMBER: _ClassVar[int]
    EMAIL_FIELD_NUMBER: _ClassVar[int]
    HAS_PASSWORD_FIELD_NUMBER: _ClassVar[int]
    LANGUAGE_FIELD_NUMBER: _ClassVar[int]
    LAPSES_AT_FIELD_NUMBER: _ClassVar[int]
    MARKETING_CONSENT_FIELD_NUMBER: _ClassVar[int]
    REGION_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    TWO_STEP_ENABLED_FIELD_NUMBER: _ClassVar[int]
    account_id: str
    created_at: _timestamp_pb2.Timestamp
    email: str
    has_password: bool
    language: str
    lapses_at: _timestamp_pb2.Timestamp
    marketing_consent: bool
    region: str
    state: AccountState
    two_step_enabled: bool
    def __init__(self, account_id: _Optional[str] = ..., email: _Optional[str] = ..., state: _Optional[_Union[AccountState, str]] = ..., region: _Optional[str] = ..., language: _Optional[str] = ..., marketing_consent: bool = ..., created_at: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., lapses_at: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., has_password: bool = ..., two_step_enabled: bool = ...) -> None: ...

class Activation(_message.Message):
    __slots__ = ["expires_at", "resend_at"]
    EXPIRES_AT_FIELD_NUMBER: _ClassVar[int]
    RESEND_AT_FIELD_NUMBER: _ClassVar[int]
    expires_at: _timestamp_pb2.Timestamp
    resend_at: _timestamp_pb2.Timestamp
    def __init__(self, expires_at: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., resend_at: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class DeviceInfo(_message.Message):
    __slots__ = ["application_id", "application_version", "device_id", "name", "platform", "shared_key", "shared_key_proof", "signing_key"]
    APPLICATION_ID_FIELD_NUMBER: _ClassVar[int]
    APPLICATION_VERSION_FIELD_NUMBER: _ClassVar[int]
    DEVICE_ID_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    PLATFORM_FIELD_NUMBER: _ClassVar[int]
    SHARED_KEY_FIELD_NUMBER: _ClassVar[int]
    SHARED_KEY_PROOF_FIELD_NUMBER: _ClassVar[int]
    SIGNING_KEY_FIELD_NUMBER: _ClassVar[int]
    application_id: str
    application_version: str
    device_id: str
    name: str
    platform: Platform
    shared_key: bytes
    shared_key_proof: DeviceProof
    signing_key: bytes
    def __init__(self, device_id: _Optional[str] = ..., name: _Optional[str] = ..., platform: _Optional[_Union[Platform, str]] = ..., application_id: _Optional[str] = ..., application_version: _Optional[str] = ..., signing_key: _Optional[bytes] = ..., shared_key: _Optional[bytes] = ..., shared_key_proof: _Optional[_Union[DeviceProof, _Mapping]] = ...) -> None: ...

class DeviceProof(_message.Message):
    __slots__ = ["nonce", "signature", "time"]
    NONCE_FIELD_NUMBER: _ClassVar[int]
    SIGNATURE_FIELD_NUMBER: _ClassVar[int]
    TIME_FIELD_NUMBER: _ClassVar[int]
    nonce: bytes
    signature: bytes
    time: _timestamp_pb2.Timestamp
    def __init__(self, time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., nonce: _Optional[bytes] = ..., signature: _Optional[bytes] = ...) -> None: ...

class Session(_message.Message):
    __slots__ = ["access_expires_at", "access_token", "keys_held_until", "refresh_expires_at", "refresh_token", "session_id"]
    ACCESS_EXPIRES_AT_FIELD_NUMBER: _ClassVar[int]
    ACCESS_TOKEN_FIELD_NUMBER: _ClassVar[int]
    KEYS_HELD_UNTIL_FIELD_NUMBER: _ClassVar[int]
    REFRESH_EXPIRES_AT_FIELD_NUMBER: _ClassVar[int]
    REFRESH_TOKEN_FIELD_NUMBER: _ClassVar[int]
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    access_expires_at: _timestamp_pb2.Timestamp
    access_token: str
    keys_held_until: _timestamp_pb2.Timestamp
    refresh_expires_at: _timestamp_pb2.Timestamp
    refresh_token: str
    session_id: str
    def __init__(self, session_id: _Optional[str] = ..., access_token: _Optional[str] = ..., access_expires_at: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., refresh_token: _Optional[str] = ..., refresh_expires_at: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., keys_held_until: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class Platform(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = []

class AccountState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = []
