from google.protobuf import timestamp_pb2 as _timestamp_pb2
from kpm.v1 import constraints_pb2 as _constraints_pb2
from kpm.v1 import session_pb2 as _session_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Iterable as _Iterable, Mapping as _Mapping, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor
SIGN_IN_METHOD_PASSWORD: SignInMethod
SIGN_IN_METHOD_UNSPECIFIED: SignInMethod

class AccountCreated(_message.Message):
    __slots__ = ["account", "activation", "session"]
    ACCOUNT_FIELD_NUMBER: _ClassVar[int]
    ACTIVATION_FIELD_NUMBER: _ClassVar[int]
    SESSION_FIELD_NUMBER: _ClassVar[int]
    account: _session_pb2.Account
    activation: _session_pb2.Activation
    session: _session_pb2.Session
    def __init__(self, account: _Optional[_Union[_session_pb2.Account, _Mapping]] = ..., session: _Optional[_Union[_session_pb2.Session, _Mapping]] = ..., activation: _Optional[_Union[_session_pb2.Activation, _Mapping]] = ...) -> None: ...

class ConsentText(_message.Message):
    __slots__ = ["language", "text", "version"]
    LANGUAGE_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    language: str
    text: str
    version: str
    def __init__(self, version: _Optional[str] = ..., language: _Optional[str] = ..., text: _Optional[str] = ...) -> None: ...

class CreateAccountRequest(_message.Message):
    __slots__ = ["consent_version", "device", "email", "language", "marketing_consent", "password", "password_confirmation", "region"]
    CONSENT_VERSION_FIELD_NUMBER: _ClassVar[int]
    DEVICE_FIELD_NUMBER: _ClassVar[int]
    EMAIL_FIELD_NUMBER: _ClassVar[int]
    LANGUAGE_FIELD_NUMBER: _ClassVar[int]
    MARKETING_CONSENT_FIELD_NUMBER: _ClassVar[int]
    PASSWORD_CONFIRMATION_FIELD_NUMBER: _ClassVar[int]
    PASSWORD_FIELD_NUMBER: _ClassVar[int]
    REGION_FIELD_NUMBER: _ClassVar[int]
    consent_version: str
    device: _session_pb2.DeviceInfo
    email: str
    language: str
    marketing_consent: bool
    password: str
    password_confirmation: str
    region: str
    def __init__(self, email: _Optional[str] = ..., password: _Optional[str] = ..., password_confirmation: _Optional[str] = ..., region: _Optional[str] = ..., language: _Optional[str] = ..., marketing_consent: bool = ..., consent_version: _Optional[str] = ..., device: _Optional[_Union[_session_pb2.DeviceInfo, _Mapping]] = ...) -> None: ...

class CreateAccountResponse(_message.Message):
    __slots__ = ["created"]
    CREATED_FIELD_NUMBER: _ClassVar[int]
    created: AccountCreated
    def __init__(self, created: _Optional[_Union[AccountCreated, _Mapping]] = ...) -> None: ...

class Device(_message.Message):
    __slots__ = ["acknowledged_seq", "application_id", "application_version", "current", "device_id", "last_seen_at", "linked_at", "name", "online", "platform", "revocation_acknowledged_at", "revoked_at"]
    ACKNOWLEDGED_SEQ_FIELD_NUMBER: _ClassVar[int]
    APPLICATION_ID_FIELD_NUMBER: _ClassVar[int]
    APPLICATION_VERSION_FIELD_NUMBER: _ClassVar[int]
    CURRENT_FIELD_NUMBER: _ClassVar[int]
    DEVICE_ID_FIELD_NUMBER: _ClassVar[int]
    LAST_SEEN_AT_FIELD_NUMBER: _ClassVar[int]
    LINKED_AT_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    ONLINE_FIELD_NUMBER: _ClassVar[int]
    PLATFORM_FIELD_NUMBER: _ClassVar[int]
    REVOCATION_ACKNOWLEDGED_AT_FIELD_NUMBER: _ClassVar[int]
    REVOKED_AT_FIELD_NUMBER: _ClassVar[int]
    acknowledged_seq: int
    application_id: str
    application_version: str
    current: bool
    device_id: str
    last_seen_at: _timestamp_pb2.Timestamp
    linked_at: _timestamp_pb2.Timestamp
    name: str
    online: bool
    platform: _session_pb2.Platform
    revocation_acknowledged_at: _timestamp_pb2.Timestamp
    revoked_at: _timestamp_pb2.Timestamp
    def __init__(self, device_id: _Optional[str] = ..., name: _Optional[str] = ..., platform: _Optional[_Union[_session_pb2.Platform, str]] = ..., application_id: _Optional[str] = ..., application_version: _Optional[str] = ..., current: bool = ..., linked_at: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., last_seen_at: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., online: bool = ..., revoked_at: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., revocation_acknowledged_at: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., acknowledged_seq: _Optional[int] = ...) -> None: ...

class GetAccountRequest(_message.Message):
    __slots__ = []
    def __init__(self) -> None: ...

class GetAccountResponse(_message.Message):
    __slots__ = ["account", "activation"]
    ACCOUNT_FIELD_NUMBER: _ClassVar[int]
    ACTIVATION_FIELD_NUMBER: _ClassVar[int]
    account: _session_pb2.Account
    activation: _session_pb2.Activation
    def __init__(self, account: _Optional[_Union[_session_pb2.Account, _Mapping]] = ..., activation: _Optional[_Union[_session_pb2.Activation, _Mapping]] = ...) -> None: ...

class GetSignInOptionsRequest(_message.Message):
    __slots__ = ["locale", "region"]
    LOCALE_FIELD_NUMBER: _ClassVar[int]
    REGION_FIELD_NUMBER: _ClassVar[int]
    locale: str
    region: str
    def __init__(self, locale: _Optional[str] = ..., region: _Optional[str] = ...) -> None: ...

class GetSignInOptionsResponse(_message.Message):
    __slots__ = ["marketing_consent", "methods", "password_rules", "regions", "selected_region"]
    MARKETING_CONSENT_FIELD_NUMBER: _ClassVar[int]
    METHODS_FIELD_NUMBER: _ClassVar[int]
    PASSWORD_RULES_FIELD_NUMBER: _ClassVar[int]
    REGIONS_FIELD_NUMBER: _ClassVar[int]
    SELECTED_REGION_FIELD_NUMBER: _ClassVar[int]
    marketing_consent: ConsentText
    methods: _containers.RepeatedScalarFieldContainer[SignInMethod]
    password_rules: PasswordRules
    regions: _containers.RepeatedCompositeFieldContainer[Region]
    selected_region: str
    def __init__(self, selected_region: _Optional[str] = ..., regions: _Optional[_Iterable[_Union[Region, _Mapping]]] = ..., methods: _Optional[_Iterable[_Union[SignInMethod, str]]] = ..., password_rules: _Optional[_Union[PasswordRules, _Mapping]] = ..., marketing_consent: _Optional[_Union[ConsentText, _Mapping]] = ...) -> None: ...

class ListDevicesRequest(_message.Message):
    __slots__ = ["page_size", "page_token"]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    page_size: int
    page_token: str
    def __init__(self, page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListDevicesResponse(_message.Message):
    __slots__ = ["devices", "next_page_token"]
    DEVICES_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    devices: _containers.RepeatedCompositeFieldContainer[Device]
    next_page_token: str
    def __init__(self, devices: _Optional[_Iterable[_Union[Device, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class PasswordRules(_message.Message):
    __slots__ = ["digit", "lower_case_letter", "max_length", "min_length", "no_white_space", "not_common", "upper_case_letter"]
    DIGIT_FIELD_NUMBER: _ClassVar[int]
    LOWER_CASE_LETTER_FIELD_NUMBER: _ClassVar[int]
    MAX_LENGTH_FIELD_NUMBER: _ClassVar[int]
    MIN_LENGTH_FIELD_NUMBER: _ClassVar[int]
    NOT_COMMON_FIELD_NUMBER: _ClassVar[int]
    NO_WHITE_SPACE_FIELD_NUMBER: _ClassVar[int]
    UPPER_CASE_LETTER_FIELD_NUMBER: _ClassVar[int]
    digit: bool
    lower_case_letter: bool
    max_length: int
    min_length: int
    no_white_space: bool
    not_common: bool
    upper_case_letter: bool
    def __init__(self, min_length: _Optional[int] = ..., max_length: _Optional[int] = ..., digit: bool = ..., lower_case_letter: bool = ..., upper_case_letter: bool = ..., no_white_space: bool = ..., not_common: bool = ...) -> None: ...

class RefreshSessionRequest(_message.Message):
    __slots__ = ["proof", "refresh_token"]
    PROOF_FIELD_NUMBER: _ClassVar[int]
    REFRESH_TOKEN_FIELD_NUMBER: _ClassVar[int]
    proof: _session_pb2.DeviceProof
    refresh_token: str
    def __init__(self, refresh_token: _Optional[str] = ..., proof: _Optional[_Union[_session_pb2.DeviceProof, _Mapping]] = ...) -> None: ...

class RefreshSessionResponse(_message.Message):
    __slots__ = ["session"]
    SESSION_FIELD_NUMBER: _ClassVar[int]
    session: _session_pb2.Session
    def __init__(self, session: _Optional[_Union[_session_pb2.Session, _Mapping]] = ...) -> None: ...

class Region(_message.Message):
    __slots__ = ["application_ids", "code", "languages", "name"]
    APPLICATION_IDS_FIELD_NUMBER: _ClassVar[int]
    CODE_FIELD_NUMBER: _ClassVar[int]
    LANGUAGES_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    application_ids: _containers.RepeatedScalarFieldContainer[str]
    code: str
    languages: _containers.RepeatedScalarFieldContainer[str]
    name: str
    def __init__(self, code: _Optional[str] = ..., name: _Optional[str] = ..., languages: _Optional[_Iterable[str]] = ..., application_ids: _Optional[_Iterable[str]] = ...) -> None: ...

class RevokeDeviceRequest(_message.Message):
    __slots__ = ["device_id", "request_id"]
    DEVICE_ID_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    device_id: str
    request_id: str
    def __init__(self, request_id: _Optional[str] = ..., device_id: _Optional[str] = ...) -> None: ...

class RevokeDeviceResponse(_message.Message):
    __slots__ = ["device"]
    DEVICE_FIELD_NUMBER: _ClassVar[int]
    device: Device
    def __init__(self, device: _Optional[_Union[Device, _Mapping]] = ...) -> None: ...

class SignInRequest(_message.Message):
    __slots__ = ["device", "email", "password"]
    DEVICE_FIELD_NUMBER: _ClassVar[int]
    EMAIL_FIELD_NUMBER: _ClassVar[int]
    PASSWORD_FIELD_NUMBER: _ClassVar[int]
    device: _session_pb2.DeviceInfo
    email: str
    password: str
    def __init__(self, email: _Optional[str] = ..., password: _Optional[str] = ..., device: _Optional[_Union[_session_pb2.DeviceInfo, _Mapping]] = ...) -> None: ...

class SignInResponse(_message.Message):
    __slots__ = ["signed_in"]
    SIGNED_IN_FIELD_NUMBER: _ClassVar[int]
    signed_in: SignedIn
    def __init__(self, signed_in: _Optional[_Union[SignedIn, _Mapping]] = ...) -> None: ...

class SignOutRequest(_message.Message):
    __slots__ = ["request_id"]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    request_id: str
    def __init__(self, request_id: _Optional[str] = ...) -> None: ...

class SignOutResponse(_message.Message):
    __slots__ = []
    def __init__(self) -> None: ...

class SignedIn(_message.Message):
    __slots__ = ["account", "session"]
    ACCOUNT_FIELD_NUMBER: _ClassVar[int]
    SESSION_FIELD_NUMBER: _ClassVar[int]
    account: _session_pb2.Account
    session: _session_pb2.Session
    def __init__(self, account: _Optional[_Union[_session_pb2.Account, _Mapping]] = ..., session: _Optional[_Union[_session_pb2.Session, _Mapping]] = ...) -> None: ...

class SignInMethod(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = []
