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
FEDERATED_PURPOSE_LINK: FederatedPurpose
FEDERATED_PURPOSE_REAUTHENTICATE: FederatedPurpose
FEDERATED_PURPOSE_SIGN_IN: FederatedPurpose
FEDERATED_PURPOSE_UNSPECIFIED: FederatedPurpose
SIGN_IN_METHOD_APPLE: SignInMethod
SIGN_IN_METHOD_FACEBOOK: SignInMethod
SIGN_IN_METHOD_GOOGLE: SignInMethod
SIGN_IN_METHOD_OPENID: SignInMethod
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

class AuthorizationCode(_message.Message):
    __slots__ = ["code", "code_verifier", "state"]
    CODE_FIELD_NUMBER: _ClassVar[int]
    CODE_VERIFIER_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    code: str
    code_verifier: str
    state: str
    def __init__(self, code: _Optional[str] = ..., state: _Optional[str] = ..., code_verifier: _Optional[str] = ...) -> None: ...

class CompleteFederatedSignInRequest(_message.Message):
    __slots__ = ["credential", "device", "trusted_device_token"]
    CREDENTIAL_FIELD_NUMBER: _ClassVar[int]
    DEVICE_FIELD_NUMBER: _ClassVar[int]
    TRUSTED_DEVICE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    credential: FederatedCredential
    device: _session_pb2.DeviceInfo
    trusted_device_token: str
    def __init__(self, credential: _Optional[_Union[FederatedCredential, _Mapping]] = ..., device: _Optional[_Union[_session_pb2.DeviceInfo, _Mapping]] = ..., trusted_device_token: _Optional[str] = ...) -> None: ...

class CompleteFederatedSignInResponse(_message.Message):
    __slots__ = ["deletion_scheduled", "reauthenticated", "register_first", "signed_in", "two_step_required"]
    DELETION_SCHEDULED_FIELD_NUMBER: _ClassVar[int]
    REAUTHENTICATED_FIELD_NUMBER: _ClassVar[int]
    REGISTER_FIRST_FIELD_NUMBER: _ClassVar[int]
    SIGNED_IN_FIELD_NUMBER: _ClassVar[int]
    TWO_STEP_REQUIRED_FIELD_NUMBER: _ClassVar[int]
    deletion_scheduled: DeletionScheduled
    reauthenticated: Reauthenticated
    register_first: RegisterFirst
    signed_in: SignedIn
    two_step_required: TwoStepRequired
    def __init__(self, signed_in: _Optional[_Union[SignedIn, _Mapping]] = ..., two_step_required: _Optional[_Union[TwoStepRequired, _Mapping]] = ..., deletion_scheduled: _Optional[_Union[DeletionScheduled, _Mapping]] = ..., register_first: _Optional[_Union[RegisterFirst, _Mapping]] = ..., reauthenticated: _Optional[_Union[Reauthenticated, _Mapping]] = ...) -> None: ...

class CreateAccountRequest(_message.Message):
    __slots__ = ["consent_version", "device", "email", "language", "marketing_consent", "password", "password_confirmation", "region", "registration_ticket", "security_check"]
    CONSENT_VERSION_FIELD_NUMBER: _ClassVar[int]
    DEVICE_FIELD_NUMBER: _ClassVar[int]
    EMAIL_FIELD_NUMBER: _ClassVar[int]
    LANGUAGE_FIELD_NUMBER: _ClassVar[int]
    MARKETING_CONSENT_FIELD_NUMBER: _ClassVar[int]
    PASSWORD_CONFIRMATION_FIELD_NUMBER: _ClassVar[int]
    PASSWORD_FIELD_NUMBER: _ClassVar[int]
    REGION_FIELD_NUMBER: _ClassVar[int]
    REGISTRATION_TICKET_FIELD_NUMBER: _ClassVar[int]
    SECURITY_CHECK_FIELD_NUMBER: _ClassVar[int]
    consent_version: str
    device: _session_pb2.DeviceInfo
    email: str
    language: str
    marketing_consent: bool
    password: str
    password_confirmation: str
    region: str
    registration_ticket: str
    security_check: _security_pb2.SecurityCheckAnswer
    def __init__(self, email: _Optional[str] = ..., password: _Optional[str] = ..., password_confirmation: _Optional[str] = ..., region: _Optional[str] = ..., language: _Optional[str] = ..., marketing_consent: bool = ..., consent_version: _Optional[str] = ..., device: _Optional[_Union[_session_pb2.DeviceInfo, _Mapping]] = ..., security_check: _Optional[_Union[_security_pb2.SecurityCheckAnswer, _Mapping]] = ..., registration_ticket: _Optional[str] = ...) -> None: ...

class CreateAccountResponse(_message.Message):
    __slots__ = ["created", "security_check_required"]
    CREATED_FIELD_NUMBER: _ClassVar[int]
    SECURITY_CHECK_REQUIRED_FIELD_NUMBER: _ClassVar[int]
    created: AccountCreated
    security_check_required: _security_pb2.SecurityCheckRequired
    def __init__(self, created: _Optional[_Union[AccountCreated, _Mapping]] = ..., security_check_required: _Optional[_Union[_security_pb2.SecurityCheckRequired, _Mapping]] = ...) -> None: ...

class DeletionScheduled(_message.Message):
    __slots__ = ["deletes_at", "token"]
    DELETES_AT_FIELD_NUMBER: _ClassVar[int]
    TOKEN_FIELD_NUMBER: _ClassVar[int]
    deletes_at: _timestamp_pb2.Timestamp
    token: str
    def __init__(self, deletes_at: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., token: _Optional[str] = ...) -> None: ...

class FederatedCredential(_message.Message):
    __slots__ = ["code", "flow_id", "id_token", "person_name"]
    CODE_FIELD_NUMBER: _ClassVar[int]
    FLOW_ID_FIELD_NUMBER: _ClassVar[int]
    ID_TOKEN_FIELD_NUMBER: _ClassVar[int]
    PERSON_NAME_FIELD_NUMBER: _ClassVar[int]
    code: AuthorizationCode
    flow_id: str
    id_token: str
    person_name: str
    def __init__(self, flow_id: _Optional[str] = ..., code: _Optional[_Union[AuthorizationCode, _Mapping]] = ..., id_token: _Optional[str] = ..., person_name: _Optional[str] = ...) -> None: ...

class GetSignInHintsRequest(_message.Message):
    __slots__ = ["proof", "shared_key"]
    PROOF_FIELD_NUMBER: _ClassVar[int]
    SHARED_KEY_FIELD_NUMBER: _ClassVar[int]
    proof: _session_pb2.DeviceProof
    shared_key: bytes
    def __init__(self, shared_key: _Optional[bytes] = ..., proof: _Optional[_Union[_session_pb2.DeviceProof, _Mapping]] = ...) -> None: ...

class GetSignInHintsResponse(_message.Message):
    __slots__ = ["hints"]
    HINTS_FIELD_NUMBER: _ClassVar[int]
    hints: _containers.RepeatedCompositeFieldContainer[SignInHint]
    def __init__(self, hints: _Optional[_Iterable[_Union[SignInHint, _Mapping]]] = ...) -> None: ...

class IdentityProvider(_message.Message):
    __slots__ = ["client_ids", "method", "name", "provider_id"]
    CLIENT_IDS_FIELD_NUMBER: _ClassVar[int]
    METHOD_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    PROVIDER_ID_FIELD_NUMBER: _ClassVar[int]
    client_ids: _containers.RepeatedScalarFieldContainer[str]
    method: SignInMethod
    name: str
    provider_id: str
    def __init__(self, provider_id: _Optional[str] = ..., method: _Optional[_Union[SignInMethod, str]] = ..., name: _Optional[str] = ..., client_ids: _Optional[_Iterable[str]] = ...) -> None: ...

class Reauthenticated(_message.Message):
    __slots__ = ["expires_at", "ticket"]
    EXPIRES_AT_FIELD_NUMBER: _ClassVar[int]
    TICKET_FIELD_NUMBER: _ClassVar[int]
    expires_at: _timestamp_pb2.Timestamp
    ticket: str
    def __init__(self, ticket: _Optional[str] = ..., expires_at: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class RegisterFirst(_message.Message):
    __slots__ = ["email", "email_in_use", "email_verified", "expires_at", "person_name", "ticket"]
    EMAIL_FIELD_NUMBER: _ClassVar[int]
    EMAIL_IN_USE_FIELD_NUMBER: _ClassVar[int]
    EMAIL_VERIFIED_FIELD_NUMBER: _ClassVar[int]
    EXPIRES_AT_FIELD_NUMBER: _ClassVar[int]
    PERSON_NAME_FIELD_NUMBER: _ClassVar[int]
    TICKET_FIELD_NUMBER: _ClassVar[int]
    email: str
    email_in_use: bool
    email_verified: bool
    expires_at: _timestamp_pb2.Timestamp
    person_name: str
    ticket: str
    def __init__(self, ticket: _Optional[str] = ..., email: _Optional[str] = ..., email_verified: bool = ..., person_name: _Optional[str] = ..., expires_at: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., email_in_use: bool = ...) -> None: ...

class SignInHint(_message.Message):
    __slots__ = ["application_id", "expires_at", "hint", "masked_email", "methods", "signed_in_at"]
    APPLICATION_ID_FIELD_NUMBER: _ClassVar[int]
    EXPIRES_AT_FIELD_NUMBER: _ClassVar[int]
    HINT_FIELD_NUMBER: _ClassVar[int]
    MASKED_EMAIL_FIELD_NUMBER: _ClassVar[int]
    METHODS_FIELD_NUMBER: _ClassVar[int]
    SIGNED_IN_AT_FIELD_NUMBER: _ClassVar[int]
    application_id: str
    expires_at: _timestamp_pb2.Timestamp
    hint: str
    masked_email: str
    methods: _containers.RepeatedScalarFieldContainer[SignInMethod]
    signed_in_at: _timestamp_pb2.Timestamp
    def __init__(self, hint: _Optional[str] = ..., masked_email: _Optional[str] = ..., application_id: _Optional[str] = ..., signed_in_at: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., methods: _Optional[_Iterable[_Union[SignInMethod, str]]] = ..., expires_at: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class SignInRequest(_message.Message):
    __slots__ = ["device", "email", "hint", "password", "proof", "security_check", "trusted_device_token"]
    DEVICE_FIELD_NUMBER: _ClassVar[int]
    EMAIL_FIELD_NUMBER: _ClassVar[int]
    HINT_FIELD_NUMBER: _ClassVar[int]
    PASSWORD_FIELD_NUMBER: _ClassVar[int]
    PROOF_FIELD_NUMBER: _ClassVar[int]
    SECURITY_CHECK_FIELD_NUMBER: _ClassVar[int]
    TRUSTED_DEVICE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    device: _session_pb2.DeviceInfo
    email: str
    hint: str
    password: str
    proof: _session_pb2.DeviceProof
    security_check: _security_pb2.SecurityCheckAnswer
    trusted_device_token: str
    def __init__(self, email: _Optional[str] = ..., password: _Optional[str] = ..., device: _Optional[_Union[_session_pb2.DeviceInfo, _Mapping]] = ..., hint: _Optional[str] = ..., security_check: _Optional[_Union[_security_pb2.SecurityCheckAnswer, _Mapping]] = ..., proof: _Optional[_Union[_session_pb2.DeviceProof, _Mapping]] = ..., trusted_device_token: _Optional[str] = ...) -> None: ...

class SignInResponse(_message.Message):
    __slots__ = ["deletion_scheduled", "security_check_required", "signed_in", "two_step_required"]
    DELETION_SCHEDULED_FIELD_NUMBER: _ClassVar[int]
    SECURITY_CHECK_REQUIRED_FIELD_NUMBER: _ClassVar[int]
    SIGNED_IN_FIELD_NUMBER: _ClassVar[int]
    TWO_STEP_REQUIRED_FIELD_NUMBER: _ClassVar[int]
    deletion_scheduled: DeletionScheduled
    security_check_required: _security_pb2.SecurityCheckRequired
    signed_in: SignedIn
    two_step_required: TwoStepRequired
    def __init__(self, signed_in: _Optional[_Union[SignedIn, _Mapping]] = ..., security_check_required: _Optional[_Union[_security_pb2.SecurityCheckRequired, _Mapping]] = ..., two_step_required: _Optional[_Union[TwoStepRequired, _Mapping]] = ..., deletion_scheduled: _Optional[_Union[DeletionScheduled, _Mapping]] = ...) -> None: ...

class SignedIn(_message.Message):
    __slots__ = ["account", "session"]
    ACCOUNT_FIELD_NUMBER: _ClassVar[int]
    SESSION_FIELD_NUMBER: _ClassVar[int]
    account: _session_pb2.Account
    session: _session_pb2.Session
    def __init__(self, account: _Optional[_Union[_session_pb2.Account, _Mapping]] = ..., session: _Optional[_Union[_session_pb2.Session, _Mapping]] = ...) -> None: ...

class StartFederatedSignInRequest(_message.Message):
    __slots__ = ["code_challenge", "provider_id", "purpose", "redirect_uri", "region"]
    CODE_CHALLENGE_FIELD_NUMBER: _ClassVar[int]
    PROVIDER_ID_FIELD_NUMBER: _ClassVar[int]
    PURPOSE_FIELD_NUMBER: _ClassVar[int]
    REDIRECT_URI_FIELD_NUMBER: _ClassVar[int]
    REGION_FIELD_NUMBER: _ClassVar[int]
    code_challenge: str
    provider_id: str
    purpose: FederatedPurpose
    redirect_uri: str
    region: str
    def __init__(self, provider_id: _Optional[str] = ..., purpose: _Optional[_Union[FederatedPurpose, str]] = ..., region: _Optional[str] = ..., redirect_uri: _Optional[str] = ..., code_challenge: _Optional[str] = ...) -> None: ...

class StartFederatedSignInResponse(_message.Message):
    __slots__ = ["authorization_url", "expires_at", "flow_id", "nonce"]
    AUTHORIZATION_URL_FIELD_NUMBER: _ClassVar[int]
    EXPIRES_AT_FIELD_NUMBER: _ClassVar[int]
    FLOW_ID_FIELD_NUMBER: _ClassVar[int]
    NONCE_FIELD_NUMBER: _ClassVar[int]
    authorization_url: str
    expires_at: _timestamp_pb2.Timestamp
    flow_id: str
    nonce: str
    def __init__(self, flow_id: _Optional[str] = ..., authorization_url: _Optional[str] = ..., nonce: _Optional[str] = ..., expires_at: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class TwoStepRequired(_message.Message):
    __slots__ = ["expires_at", "masked_phone", "methods", "ticket"]
    EXPIRES_AT_FIELD_NUMBER: _ClassVar[int]
    MASKED_PHONE_FIELD_NUMBER: _ClassVar[int]
    METHODS_FIELD_NUMBER: _ClassVar[int]
    TICKET_FIELD_NUMBER: _ClassVar[int]
    expires_at: _timestamp_pb2.Timestamp
    masked_phone: str
    methods: _containers.RepeatedScalarFieldContainer[_security_pb2.TwoStepMethod]
    ticket: str
    def __init__(self, ticket: _Optional[str] = ..., methods: _Optional[_Iterable[_Union[_security_pb2.TwoStepMethod, str]]] = ..., masked_phone: _Optional[str] = ..., expires_at: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class SignInMethod(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = []

class FederatedPurpose(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = []
