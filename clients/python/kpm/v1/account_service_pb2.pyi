from google.protobuf import timestamp_pb2 as _timestamp_pb2
from kpm.v1 import constraints_pb2 as _constraints_pb2
from kpm.v1 import security_pb2 as _security_pb2
from kpm.v1 import session_pb2 as _session_pb2
from kpm.v1 import sign_in_pb2 as _sign_in_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Iterable as _Iterable, Mapping as _Mapping, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Application(_message.Message):
    __slots__ = ["application_id", "minimum_version", "name"]
    APPLICATION_ID_FIELD_NUMBER: _ClassVar[int]
    MINIMUM_VERSION_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    application_id: str
    minimum_version: str
    name: str
    def __init__(self, application_id: _Optional[str] = ..., name: _Optional[str] = ..., minimum_version: _Optional[str] = ...) -> None: ...

class ApproveSessionRequest(_message.Message):
    __slots__ = ["request_id", "second_factor", "session_id"]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    SECOND_FACTOR_FIELD_NUMBER: _ClassVar[int]
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    request_id: str
    second_factor: _security_pb2.SecondFactor
    session_id: str
    def __init__(self, request_id: _Optional[str] = ..., session_id: _Optional[str] = ..., second_factor: _Optional[_Union[_security_pb2.SecondFactor, _Mapping]] = ...) -> None: ...

class ApproveSessionResponse(_message.Message):
    __slots__ = []
    def __init__(self) -> None: ...

class CancelDeletionRequest(_message.Message):
    __slots__ = ["token"]
    TOKEN_FIELD_NUMBER: _ClassVar[int]
    token: str
    def __init__(self, token: _Optional[str] = ...) -> None: ...

class CancelDeletionResponse(_message.Message):
    __slots__ = []
    def __init__(self) -> None: ...

class ChangePasswordRequest(_message.Message):
    __slots__ = ["new_password", "new_password_confirmation", "reauthentication", "request_id"]
    NEW_PASSWORD_CONFIRMATION_FIELD_NUMBER: _ClassVar[int]
    NEW_PASSWORD_FIELD_NUMBER: _ClassVar[int]
    REAUTHENTICATION_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    new_password: str
    new_password_confirmation: str
    reauthentication: _security_pb2.Reauthentication
    request_id: str
    def __init__(self, request_id: _Optional[str] = ..., reauthentication: _Optional[_Union[_security_pb2.Reauthentication, _Mapping]] = ..., new_password: _Optional[str] = ..., new_password_confirmation: _Optional[str] = ...) -> None: ...

class ChangePasswordResponse(_message.Message):
    __slots__ = []
    def __init__(self) -> None: ...

class CompleteEmailChangeRequest(_message.Message):
    __slots__ = ["token"]
    TOKEN_FIELD_NUMBER: _ClassVar[int]
    token: str
    def __init__(self, token: _Optional[str] = ...) -> None: ...

class CompleteEmailChangeResponse(_message.Message):
    __slots__ = ["changed", "former_confirmed", "new_confirmed"]
    CHANGED_FIELD_NUMBER: _ClassVar[int]
    FORMER_CONFIRMED_FIELD_NUMBER: _ClassVar[int]
    NEW_CONFIRMED_FIELD_NUMBER: _ClassVar[int]
    changed: bool
    former_confirmed: bool
    new_confirmed: bool
    def __init__(self, former_confirmed: bool = ..., new_confirmed: bool = ..., changed: bool = ...) -> None: ...

class CompletePasswordResetRequest(_message.Message):
    __slots__ = ["new_password", "new_password_confirmation", "token"]
    NEW_PASSWORD_CONFIRMATION_FIELD_NUMBER: _ClassVar[int]
    NEW_PASSWORD_FIELD_NUMBER: _ClassVar[int]
    TOKEN_FIELD_NUMBER: _ClassVar[int]
    new_password: str
    new_password_confirmation: str
    token: str
    def __init__(self, token: _Optional[str] = ..., new_password: _Optional[str] = ..., new_password_confirmation: _Optional[str] = ...) -> None: ...

class CompletePasswordResetResponse(_message.Message):
    __slots__ = ["keys_held_until"]
    KEYS_HELD_UNTIL_FIELD_NUMBER: _ClassVar[int]
    keys_held_until: _timestamp_pb2.Timestamp
    def __init__(self, keys_held_until: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class ConsentRecord(_message.Message):
    __slots__ = ["decided_at", "given", "source", "text_version"]
    DECIDED_AT_FIELD_NUMBER: _ClassVar[int]
    GIVEN_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    TEXT_VERSION_FIELD_NUMBER: _ClassVar[int]
    decided_at: _timestamp_pb2.Timestamp
    given: bool
    source: str
    text_version: str
    def __init__(self, decided_at: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., given: bool = ..., text_version: _Optional[str] = ..., source: _Optional[str] = ...) -> None: ...

class ConsentText(_message.Message):
    __slots__ = ["language", "text", "version"]
    LANGUAGE_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    language: str
    text: str
    version: str
    def __init__(self, version: _Optional[str] = ..., language: _Optional[str] = ..., text: _Optional[str] = ...) -> None: ...

class DeleteAccountRequest(_message.Message):
    __slots__ = ["reauthentication", "request_id"]
    REAUTHENTICATION_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    reauthentication: _security_pb2.Reauthentication
    request_id: str
    def __init__(self, request_id: _Optional[str] = ..., reauthentication: _Optional[_Union[_security_pb2.Reauthentication, _Mapping]] = ...) -> None: ...

class DeleteAccountResponse(_message.Message):
    __slots__ = ["deletes_at"]
    DELETES_AT_FIELD_NUMBER: _ClassVar[int]
    deletes_at: _timestamp_pb2.Timestamp
    def __init__(self, deletes_at: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class Device(_message.Message):
    __slots__ = ["acknowledged_seq", "application_id", "application_version", "current", "device_id", "keys_held_until", "last_seen_at", "linked_at", "name", "online", "platform", "revocation_acknowledged_at", "revoked_at", "session_id", "unacknowledged_changes"]
    ACKNOWLEDGED_SEQ_FIELD_NUMBER: _ClassVar[int]
    APPLICATION_ID_FIELD_NUMBER: _ClassVar[int]
    APPLICATION_VERSION_FIELD_NUMBER: _ClassVar[int]
    CURRENT_FIELD_NUMBER: _ClassVar[int]
    DEVICE_ID_FIELD_NUMBER: _ClassVar[int]
    KEYS_HELD_UNTIL_FIELD_NUMBER: _ClassVar[int]
    LAST_SEEN_AT_FIELD_NUMBER: _ClassVar[int]
    LINKED_AT_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    ONLINE_FIELD_NUMBER: _ClassVar[int]
    PLATFORM_FIELD_NUMBER: _ClassVar[int]
    REVOCATION_ACKNOWLEDGED_AT_FIELD_NUMBER: _ClassVar[int]
    REVOKED_AT_FIELD_NUMBER: _ClassVar[int]
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    UNACKNOWLEDGED_CHANGES_FIELD_NUMBER: _ClassVar[int]
    acknowledged_seq: int
    application_id: str
    application_version: str
    current: bool
    device_id: str
    keys_held_until: _timestamp_pb2.Timestamp
    last_seen_at: _timestamp_pb2.Timestamp
    linked_at: _timestamp_pb2.Timestamp
    name: str
    online: bool
    platform: _session_pb2.Platform
    revocation_acknowledged_at: _timestamp_pb2.Timestamp
    revoked_at: _timestamp_pb2.Timestamp
    session_id: str
    unacknowledged_changes: int
    def __init__(self, device_id: _Optional[str] = ..., name: _Optional[str] = ..., platform: _Optional[_Union[_session_pb2.Platform, str]] = ..., application_id: _Optional[str] = ..., application_version: _Optional[str] = ..., current: bool = ..., linked_at: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., last_seen_at: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., online: bool = ..., revoked_at: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., revocation_acknowledged_at: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., acknowledged_seq: _Optional[int] = ..., session_id: _Optional[str] = ..., keys_held_until: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., unacknowledged_changes: _Optional[int] = ...) -> None: ...

class ExportAccountDataRequest(_message.Message):
    __slots__ = ["reauthentication"]
    REAUTHENTICATION_FIELD_NUMBER: _ClassVar[int]
    reauthentication: _security_pb2.Reauthentication
    def __init__(self, reauthentication: _Optional[_Union[_security_pb2.Reauthentication, _Mapping]] = ...) -> None: ...

class ExportAccountDataResponse(_message.Message):
    __slots__ = ["account", "consent", "device", "end", "event", "identity", "session"]
    ACCOUNT_FIELD_NUMBER: _ClassVar[int]
    CONSENT_FIELD_NUMBER: _ClassVar[int]
    DEVICE_FIELD_NUMBER: _ClassVar[int]
    END_FIELD_NUMBER: _ClassVar[int]
    EVENT_FIELD_NUMBER: _ClassVar[int]
    IDENTITY_FIELD_NUMBER: _ClassVar[int]
    SESSION_FIELD_NUMBER: _ClassVar[int]
    account: _session_pb2.Account
    consent: ConsentRecord
    device: Device
    end: ExportEnd
    event: _security_pb2.SecurityEvent
    identity: Identity
    session: SessionRecord
    def __init__(self, account: _Optional[_Union[_session_pb2.Account, _Mapping]] = ..., consent: _Optional[_Union[ConsentRecord, _Mapping]] = ..., device: _Optional[_Union[Device, _Mapping]] = ..., session: _Optional[_Union[SessionRecord, _Mapping]] = ..., identity: _Optional[_Union[Identity, _Mapping]] = ..., event: _Optional[_Union[_security_pb2.SecurityEvent, _Mapping]] = ..., end: _Optional[_Union[ExportEnd, _Mapping]] = ...) -> None: ...

class ExportEnd(_message.Message):
    __slots__ = ["event_count", "head_hash"]
    EVENT_COUNT_FIELD_NUMBER: _ClassVar[int]
    HEAD_HASH_FIELD_NUMBER: _ClassVar[int]
    event_count: int
    head_hash: bytes
    def __init__(self, event_count: _Optional[int] = ..., head_hash: _Optional[bytes] = ...) -> None: ...

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
    __slots__ = ["marketing_consent", "methods", "password_rules", "providers", "regions", "selected_region"]
    MARKETING_CONSENT_FIELD_NUMBER: _ClassVar[int]
    METHODS_FIELD_NUMBER: _ClassVar[int]
    PASSWORD_RULES_FIELD_NUMBER: _ClassVar[int]
    PROVIDERS_FIELD_NUMBER: _ClassVar[int]
    REGIONS_FIELD_NUMBER: _ClassVar[int]
    SELECTED_REGION_FIELD_NUMBER: _ClassVar[int]
    marketing_consent: ConsentText
    methods: _containers.RepeatedScalarFieldContainer[_sign_in_pb2.SignInMethod]
    password_rules: PasswordRules
    providers: _containers.RepeatedCompositeFieldContainer[_sign_in_pb2.IdentityProvider]
    regions: _containers.RepeatedCompositeFieldContainer[Region]
    selected_region: str
    def __init__(self, selected_region: _Optional[str] = ..., regions: _Optional[_Iterable[_Union[Region, _Mapping]]] = ..., methods: _Optional[_Iterable[_Union[_sign_in_pb2.SignInMethod, str]]] = ..., password_rules: _Optional[_Union[PasswordRules, _Mapping]] = ..., marketing_consent: _Optional[_Union[ConsentText, _Mapping]] = ..., providers: _Optional[_Iterable[_Union[_sign_in_pb2.IdentityProvider, _Mapping]]] = ...) -> None: ...

class Identity(_message.Message):
    __slots__ = ["email", "identity_id", "last_used_at", "linked_at", "method", "provider_id"]
    EMAIL_FIELD_NUMBER: _ClassVar[int]
    IDENTITY_ID_FIELD_NUMBER: _ClassVar[int]
    LAST_USED_AT_FIELD_NUMBER: _ClassVar[int]
    LINKED_AT_FIELD_NUMBER: _ClassVar[int]
    METHOD_FIELD_NUMBER: _ClassVar[int]
    PROVIDER_ID_FIELD_NUMBER: _ClassVar[int]
    email: str
    identity_id: str
    last_used_at: _timestamp_pb2.Timestamp
    linked_at: _timestamp_pb2.Timestamp
    method: _sign_in_pb2.SignInMethod
    provider_id: str
    def __init__(self, identity_id: _Optional[str] = ..., provider_id: _Optional[str] = ..., method: _Optional[_Union[_sign_in_pb2.SignInMethod, str]] = ..., email: _Optional[str] = ..., linked_at: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., last_used_at: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class LinkIdentityRequest(_message.Message):
    __slots__ = ["credential", "reauthentication", "request_id"]
    CREDENTIAL_FIELD_NUMBER: _ClassVar[int]
    REAUTHENTICATION_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    credential: _sign_in_pb2.FederatedCredential
    reauthentication: _security_pb2.Reauthentication
    request_id: str
    def __init__(self, request_id: _Optional[str] = ..., reauthentication: _Optional[_Union[_security_pb2.Reauthentication, _Mapping]] = ..., credential: _Optional[_Union[_sign_in_pb2.FederatedCredential, _Mapping]] = ...) -> None: ...

class LinkIdentityResponse(_message.Message):
    __slots__ = ["identity"]
    IDENTITY_FIELD_NUMBER: _ClassVar[int]
    identity: Identity
    def __init__(self, identity: _Optional[_Union[Identity, _Mapping]] = ...) -> None: ...

class ListApplicationsRequest(_message.Message):
    __slots__ = ["page_size", "page_token"]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    page_size: int
    page_token: str
    def __init__(self, page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListApplicationsResponse(_message.Message):
    __slots__ = ["applications", "next_page_token"]
    APPLICATIONS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    applications: _containers.RepeatedCompositeFieldContainer[Application]
    next_page_token: str
    def __init__(self, applications: _Optional[_Iterable[_Union[Application, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

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

class ListIdentitiesRequest(_message.Message):
    __slots__ = ["page_size", "page_token"]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    page_size: int
    page_token: str
    def __init__(self, page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListIdentitiesResponse(_message.Message):
    __slots__ = ["identities", "next_page_token"]
    IDENTITIES_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    identities: _containers.RepeatedCompositeFieldContainer[Identity]
    next_page_token: str
    def __init__(self, identities: _Optional[_Iterable[_Union[Identity, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class ListSecurityEventsRequest(_message.Message):
    __slots__ = ["page_size", "page_token"]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    page_size: int
    page_token: str
    def __init__(self, page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListSecurityEventsResponse(_message.Message):
    __slots__ = ["events", "next_page_token"]
    EVENTS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    events: _containers.RepeatedCompositeFieldContainer[_security_pb2.SecurityEvent]
    next_page_token: str
    def __init__(self, events: _Optional[_Iterable[_Union[_security_pb2.SecurityEvent, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class PasswordResetStarted(_message.Message):
    __slots__ = ["expires_at", "resend_at"]
    EXPIRES_AT_FIELD_NUMBER: _ClassVar[int]
    RESEND_AT_FIELD_NUMBER: _ClassVar[int]
    expires_at: _timestamp_pb2.Timestamp
    resend_at: _timestamp_pb2.Timestamp
    def __init__(self, expires_at: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., resend_at: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

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

class RenameDeviceRequest(_message.Message):
    __slots__ = ["device_id", "name", "request_id"]
    DEVICE_ID_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    device_id: str
    name: str
    request_id: str
    def __init__(self, request_id: _Optional[str] = ..., device_id: _Optional[str] = ..., name: _Optional[str] = ...) -> None: ...

class RenameDeviceResponse(_message.Message):
    __slots__ = ["device"]
    DEVICE_FIELD_NUMBER: _ClassVar[int]
    device: Device
    def __init__(self, device: _Optional[_Union[Device, _Mapping]] = ...) -> None: ...

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

class SessionRecord(_message.Message):
    __slots__ = ["created_at", "device_id", "ended_at", "session_id"]
    CREATED_AT_FIELD_NUMBER: _ClassVar[int]
    DEVICE_ID_FIELD_NUMBER: _ClassVar[int]
    ENDED_AT_FIELD_NUMBER: _ClassVar[int]
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    created_at: _timestamp_pb2.Timestamp
    device_id: str
    ended_at: _timestamp_pb2.Timestamp
    session_id: str
    def __init__(self, session_id: _Optional[str] = ..., device_id: _Optional[str] = ..., created_at: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., ended_at: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class SignOutRequest(_message.Message):
    __slots__ = ["everywhere", "request_id"]
    EVERYWHERE_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    everywhere: bool
    request_id: str
    def __init__(self, request_id: _Optional[str] = ..., everywhere: bool = ...) -> None: ...

class SignOutResponse(_message.Message):
    __slots__ = []
    def __init__(self) -> None: ...

class StartEmailChangeRequest(_message.Message):
    __slots__ = ["new_email", "reauthentication", "request_id"]
    NEW_EMAIL_FIELD_NUMBER: _ClassVar[int]
    REAUTHENTICATION_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    new_email: str
    reauthentication: _security_pb2.Reauthentication
    request_id: str
    def __init__(self, request_id: _Optional[str] = ..., reauthentication: _Optional[_Union[_security_pb2.Reauthentication, _Mapping]] = ..., new_email: _Optional[str] = ...) -> None: ...

class StartEmailChangeResponse(_message.Message):
    __slots__ = ["expires_at"]
    EXPIRES_AT_FIELD_NUMBER: _ClassVar[int]
    expires_at: _timestamp_pb2.Timestamp
    def __init__(self, expires_at: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class StartPasswordResetRequest(_message.Message):
    __slots__ = ["email", "security_check"]
    EMAIL_FIELD_NUMBER: _ClassVar[int]
    SECURITY_CHECK_FIELD_NUMBER: _ClassVar[int]
    email: str
    security_check: _security_pb2.SecurityCheckAnswer
    def __init__(self, email: _Optional[str] = ..., security_check: _Optional[_Union[_security_pb2.SecurityCheckAnswer, _Mapping]] = ...) -> None: ...

class StartPasswordResetResponse(_message.Message):
    __slots__ = ["security_check_required", "started"]
    SECURITY_CHECK_REQUIRED_FIELD_NUMBER: _ClassVar[int]
    STARTED_FIELD_NUMBER: _ClassVar[int]
    security_check_required: _security_pb2.SecurityCheckRequired
    started: PasswordResetStarted
    def __init__(self, started: _Optional[_Union[PasswordResetStarted, _Mapping]] = ..., security_check_required: _Optional[_Union[_security_pb2.SecurityCheckRequired, _Mapping]] = ...) -> None: ...

class UnlinkIdentityRequest(_message.Message):
    __slots__ = ["identity_id", "reauthentication", "request_id"]
    IDENTITY_ID_FIELD_NUMBER: _ClassVar[int]
    REAUTHENTICATION_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    identity_id: str
    reauthentication: _security_pb2.Reauthentication
    request_id: str
    def __init__(self, request_id: _Optional[str] = ..., reauthentication: _Optional[_Union[_security_pb2.Reauthentication, _Mapping]] = ..., identity_id: _Optional[str] = ...) -> None: ...

class UnlinkIdentityResponse(_message.Message):
    __slots__ = []
    def __init__(self) -> None: ...

class UpdateAccountRequest(_message.Message):
    __slots__ = ["consent_version", "language", "marketing_consent", "request_id"]
    CONSENT_VERSION_FIELD_NUMBER: _ClassVar[int]
    LANGUAGE_FIELD_NUMBER: _ClassVar[int]
    MARKETING_CONSENT_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    consent_version: str
    language: str
    marketing_consent: bool
    request_id: str
    def __init__(self, request_id: _Optional[str] = ..., language: _Optional[str] = ..., marketing_consent: bool = ..., consent_version: _Optional[str] = ...) -> None: ...

class UpdateAccountResponse(_message.Message):
    __slots__ = ["account"]
    ACCOUNT_FIELD_NUMBER: _ClassVar[int]
    account: _session_pb2.Account
    def __init__(self, account: _Optional[_Union[_session_pb2.Account, _Mapping]] = ...) -> None: ...
