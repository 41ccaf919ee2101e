from google.protobuf import timestamp_pb2 as _timestamp_pb2
from kpm.v1 import constraints_pb2 as _constraints_pb2
from kpm.v1 import security_pb2 as _security_pb2
from kpm.v1 import session_pb2 as _session_pb2
from kpm.v1 import sign_in_pb2 as _sign_in_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Iterable as _Iterable, Mapping as _Mapping, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor
SECURITY_CHECK_DELIVERY_MAIL: SecurityCheckDelivery
SECURITY_CHECK_DELIVERY_PICTURE: SecurityCheckDelivery
SECURITY_CHECK_DELIVERY_UNSPECIFIED: SecurityCheckDelivery

class ActivateAccountRequest(_message.Message):
    __slots__ = ["code", "password", "token"]
    CODE_FIELD_NUMBER: _ClassVar[int]
    PASSWORD_FIELD_NUMBER: _ClassVar[int]
    TOKEN_FIELD_NUMBER: _ClassVar[int]
    code: str
    password: str
    token: str
    def __init__(self, token: _Optional[str] = ..., code: _Optional[str] = ..., password: _Optional[str] = ...) -> None: ...

class ActivateAccountResponse(_message.Message):
    __slots__ = ["account"]
    ACCOUNT_FIELD_NUMBER: _ClassVar[int]
    account: _session_pb2.Account
    def __init__(self, account: _Optional[_Union[_session_pb2.Account, _Mapping]] = ...) -> None: ...

class CancelSupportCaseRequest(_message.Message):
    __slots__ = ["case_id", "token"]
    CASE_ID_FIELD_NUMBER: _ClassVar[int]
    TOKEN_FIELD_NUMBER: _ClassVar[int]
    case_id: str
    token: str
    def __init__(self, token: _Optional[str] = ..., case_id: _Optional[str] = ...) -> None: ...

class CancelSupportCaseResponse(_message.Message):
    __slots__ = []
    def __init__(self) -> None: ...

class CodeSent(_message.Message):
    __slots__ = ["digits", "expires_at", "masked_phone", "resend_at"]
    DIGITS_FIELD_NUMBER: _ClassVar[int]
    EXPIRES_AT_FIELD_NUMBER: _ClassVar[int]
    MASKED_PHONE_FIELD_NUMBER: _ClassVar[int]
    RESEND_AT_FIELD_NUMBER: _ClassVar[int]
    digits: int
    expires_at: _timestamp_pb2.Timestamp
    masked_phone: str
    resend_at: _timestamp_pb2.Timestamp
    def __init__(self, masked_phone: _Optional[str] = ..., expires_at: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., resend_at: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., digits: _Optional[int] = ...) -> None: ...

class CompleteTwoStepRequest(_message.Message):
    __slots__ = ["second_factor", "ticket", "trust_device"]
    SECOND_FACTOR_FIELD_NUMBER: _ClassVar[int]
    TICKET_FIELD_NUMBER: _ClassVar[int]
    TRUST_DEVICE_FIELD_NUMBER: _ClassVar[int]
    second_factor: _security_pb2.SecondFactor
    ticket: str
    trust_device: bool
    def __init__(self, ticket: _Optional[str] = ..., second_factor: _Optional[_Union[_security_pb2.SecondFactor, _Mapping]] = ..., trust_device: bool = ...) -> None: ...

class CompleteTwoStepResponse(_message.Message):
    __slots__ = ["deletion_scheduled", "signed_in", "trusted_device_token"]
    DELETION_SCHEDULED_FIELD_NUMBER: _ClassVar[int]
    SIGNED_IN_FIELD_NUMBER: _ClassVar[int]
    TRUSTED_DEVICE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    deletion_scheduled: _sign_in_pb2.DeletionScheduled
    signed_in: _sign_in_pb2.SignedIn
    trusted_device_token: str
    def __init__(self, trusted_device_token: _Optional[str] = ..., signed_in: _Optional[_Union[_sign_in_pb2.SignedIn, _Mapping]] = ..., deletion_scheduled: _Optional[_Union[_sign_in_pb2.DeletionScheduled, _Mapping]] = ...) -> None: ...

class ConfirmAuthenticatorRequest(_message.Message):
    __slots__ = ["code", "ticket"]
    CODE_FIELD_NUMBER: _ClassVar[int]
    TICKET_FIELD_NUMBER: _ClassVar[int]
    code: str
    ticket: str
    def __init__(self, ticket: _Optional[str] = ..., code: _Optional[str] = ...) -> None: ...

class ConfirmAuthenticatorResponse(_message.Message):
    __slots__ = ["recovery_codes"]
    RECOVERY_CODES_FIELD_NUMBER: _ClassVar[int]
    recovery_codes: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, recovery_codes: _Optional[_Iterable[str]] = ...) -> None: ...

class ConfirmPhoneRequest(_message.Message):
    __slots__ = ["code", "ticket"]
    CODE_FIELD_NUMBER: _ClassVar[int]
    TICKET_FIELD_NUMBER: _ClassVar[int]
    code: str
    ticket: str
    def __init__(self, ticket: _Optional[str] = ..., code: _Optional[str] = ...) -> None: ...

class ConfirmPhoneResponse(_message.Message):
    __slots__ = ["recovery_codes"]
    RECOVERY_CODES_FIELD_NUMBER: _ClassVar[int]
    recovery_codes: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, recovery_codes: _Optional[_Iterable[str]] = ...) -> None: ...

class DiscardPendingAccountRequest(_message.Message):
    __slots__ = ["token"]
    TOKEN_FIELD_NUMBER: _ClassVar[int]
    token: str
    def __init__(self, token: _Optional[str] = ...) -> None: ...

class DiscardPendingAccountResponse(_message.Message):
    __slots__ = []
    def __init__(self) -> None: ...

class ForgetTrustedDeviceRequest(_message.Message):
    __slots__ = ["device_id", "request_id"]
    DEVICE_ID_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    device_id: str
    request_id: str
    def __init__(self, request_id: _Optional[str] = ..., device_id: _Optional[str] = ...) -> None: ...

class ForgetTrustedDeviceResponse(_message.Message):
    __slots__ = []
    def __init__(self) -> None: ...

class GenerateRecoveryCodesRequest(_message.Message):
    __slots__ = ["reauthentication"]
    REAUTHENTICATION_FIELD_NUMBER: _ClassVar[int]
    reauthentication: _security_pb2.Reauthentication
    def __init__(self, reauthentication: _Optional[_Union[_security_pb2.Reauthentication, _Mapping]] = ...) -> None: ...

class GenerateRecoveryCodesResponse(_message.Message):
    __slots__ = ["recovery_codes"]
    RECOVERY_CODES_FIELD_NUMBER: _ClassVar[int]
    recovery_codes: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, recovery_codes: _Optional[_Iterable[str]] = ...) -> None: ...

class GetTwoStepSettingsRequest(_message.Message):
    __slots__ = []
    def __init__(self) -> None: ...

class GetTwoStepSettingsResponse(_message.Message):
    __slots__ = ["authenticator_since", "enabled", "masked_phone", "phone_since", "recovery_codes"]
    AUTHENTICATOR_SINCE_FIELD_NUMBER: _ClassVar[int]
    ENABLED_FIELD_NUMBER: _ClassVar[int]
    MASKED_PHONE_FIELD_NUMBER: _ClassVar[int]
    PHONE_SINCE_FIELD_NUMBER: _ClassVar[int]
    RECOVERY_CODES_FIELD_NUMBER: _ClassVar[int]
    authenticator_since: _timestamp_pb2.Timestamp
    enabled: bool
    masked_phone: str
    phone_since: _timestamp_pb2.Timestamp
    recovery_codes: _containers.RepeatedCompositeFieldContainer[RecoveryCode]
    def __init__(self, enabled: bool = ..., authenticator_since: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., phone_since: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., masked_phone: _Optional[str] = ..., recovery_codes: _Optional[_Iterable[_Union[RecoveryCode, _Mapping]]] = ...) -> None: ...

class ListTrustedDevicesRequest(_message.Message):
    __slots__ = ["page_size", "page_token"]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    page_size: int
    page_token: str
    def __init__(self, page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListTrustedDevicesResponse(_message.Message):
    __slots__ = ["next_page_token", "trusted_devices"]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    TRUSTED_DEVICES_FIELD_NUMBER: _ClassVar[int]
    next_page_token: str
    trusted_devices: _containers.RepeatedCompositeFieldContainer[TrustedDevice]
    def __init__(self, trusted_devices: _Optional[_Iterable[_Union[TrustedDevice, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class NewSecurityCheckRequest(_message.Message):
    __slots__ = ["delivery", "email", "language"]
    DELIVERY_FIELD_NUMBER: _ClassVar[int]
    EMAIL_FIELD_NUMBER: _ClassVar[int]
    LANGUAGE_FIELD_NUMBER: _ClassVar[int]
    delivery: SecurityCheckDelivery
    email: str
    language: str
    def __init__(self, delivery: _Optional[_Union[SecurityCheckDelivery, str]] = ..., email: _Optional[str] = ..., language: _Optional[str] = ...) -> None: ...

class NewSecurityCheckResponse(_message.Message):
    __slots__ = ["check"]
    CHECK_FIELD_NUMBER: _ClassVar[int]
    check: _security_pb2.SecurityCheck
    def __init__(self, check: _Optional[_Union[_security_pb2.SecurityCheck, _Mapping]] = ...) -> None: ...

class PhoneStarted(_message.Message):
    __slots__ = ["code", "ticket"]
    CODE_FIELD_NUMBER: _ClassVar[int]
    TICKET_FIELD_NUMBER: _ClassVar[int]
    code: CodeSent
    ticket: str
    def __init__(self, ticket: _Optional[str] = ..., code: _Optional[_Union[CodeSent, _Mapping]] = ...) -> None: ...

class RecoveryCode(_message.Message):
    __slots__ = ["number", "used_at"]
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    USED_AT_FIELD_NUMBER: _ClassVar[int]
    number: int
    used_at: _timestamp_pb2.Timestamp
    def __init__(self, number: _Optional[int] = ..., used_at: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class RemoveFactorRequest(_message.Message):
    __slots__ = ["method", "reauthentication", "request_id"]
    METHOD_FIELD_NUMBER: _ClassVar[int]
    REAUTHENTICATION_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    method: _security_pb2.TwoStepMethod
    reauthentication: _security_pb2.Reauthentication
    request_id: str
    def __init__(self, request_id: _Optional[str] = ..., reauthentication: _Optional[_Union[_security_pb2.Reauthentication, _Mapping]] = ..., method: _Optional[_Union[_security_pb2.TwoStepMethod, str]] = ...) -> None: ...

class RemoveFactorResponse(_message.Message):
    __slots__ = ["enabled"]
    ENABLED_FIELD_NUMBER: _ClassVar[int]
    enabled: bool
    def __init__(self, enabled: bool = ...) -> None: ...

class ResendActivationRequest(_message.Message):
    __slots__ = ["request_id"]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    request_id: str
    def __init__(self, request_id: _Optional[str] = ...) -> None: ...

class ResendActivationResponse(_message.Message):
    __slots__ = ["activation"]
    ACTIVATION_FIELD_NUMBER: _ClassVar[int]
    activation: _session_pb2.Activation
    def __init__(self, activation: _Optional[_Union[_session_pb2.Activation, _Mapping]] = ...) -> None: ...

class SendSignInCodeRequest(_message.Message):
    __slots__ = ["security_check", "ticket"]
    SECURITY_CHECK_FIELD_NUMBER: _ClassVar[int]
    TICKET_FIELD_NUMBER: _ClassVar[int]
    security_check: _security_pb2.SecurityCheckAnswer
    ticket: str
    def __init__(self, ticket: _Optional[str] = ..., security_check: _Optional[_Union[_security_pb2.SecurityCheckAnswer, _Mapping]] = ...) -> None: ...

class SendSignInCodeResponse(_message.Message):
    __slots__ = ["security_check_required", "sent"]
    SECURITY_CHECK_REQUIRED_FIELD_NUMBER: _ClassVar[int]
    SENT_FIELD_NUMBER: _ClassVar[int]
    security_check_required: _security_pb2.SecurityCheckRequired
    sent: CodeSent
    def __init__(self, sent: _Optional[_Union[CodeSent, _Mapping]] = ..., security_check_required: _Optional[_Union[_security_pb2.SecurityCheckRequired, _Mapping]] = ...) -> None: ...

class StartAuthenticatorRequest(_message.Message):
    __slots__ = ["reauthentication"]
    REAUTHENTICATION_FIELD_NUMBER: _ClassVar[int]
    reauthentication: _security_pb2.Reauthentication
    def __init__(self, reauthentication: _Optional[_Union[_security_pb2.Reauthentication, _Mapping]] = ...) -> None: ...

class StartAuthenticatorResponse(_message.Message):
    __slots__ = ["expires_at", "otpauth_uri", "qr_png", "secret", "ticket"]
    EXPIRES_AT_FIELD_NUMBER: _ClassVar[int]
    OTPAUTH_URI_FIELD_NUMBER: _ClassVar[int]
    QR_PNG_FIELD_NUMBER: _ClassVar[int]
    SECRET_FIELD_NUMBER: _ClassVar[int]
    TICKET_FIELD_NUMBER: _ClassVar[int]
    expires_at: _timestamp_pb2.Timestamp
    otpauth_uri: str
    qr_png: bytes
    secret: str
    ticket: str
    def __init__(self, ticket: _Optional[str] = ..., secret: _Optional[str] = ..., otpauth_uri: _Optional[str] = ..., qr_png: _Optional[bytes] = ..., expires_at: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class StartPhoneRequest(_message.Message):
    __slots__ = ["phone", "reauthentication", "security_check"]
    PHONE_FIELD_NUMBER: _ClassVar[int]
    REAUTHENTICATION_FIELD_NUMBER: _ClassVar[int]
    SECURITY_CHECK_FIELD_NUMBER: _ClassVar[int]
    phone: str
    reauthentication: _security_pb2.Reauthentication
    security_check: _security_pb2.SecurityCheckAnswer
    def __init__(self, reauthentication: _Optional[_Union[_security_pb2.Reauthentication, _Mapping]] = ..., phone: _Optional[str] = ..., security_check: _Optional[_Union[_security_pb2.SecurityCheckAnswer, _Mapping]] = ...) -> None: ...

class StartPhoneResponse(_message.Message):
    __slots__ = ["security_check_required", "started"]
    SECURITY_CHECK_REQUIRED_FIELD_NUMBER: _ClassVar[int]
    STARTED_FIELD_NUMBER: _ClassVar[int]
    security_check_required: _security_pb2.SecurityCheckRequired
    started: PhoneStarted
    def __init__(self, started: _Optional[_Union[PhoneStarted, _Mapping]] = ..., security_check_required: _Optional[_Union[_security_pb2.SecurityCheckRequired, _Mapping]] = ...) -> None: ...

class TrustedDevice(_message.Message):
    __slots__ = ["device_id", "expires_at", "name", "trusted_at"]
    DEVICE_ID_FIELD_NUMBER: _ClassVar[int]
    EXPIRES_AT_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    TRUSTED_AT_FIELD_NUMBER: _ClassVar[int]
    device_id: str
    expires_at: _timestamp_pb2.Timestamp
    name: str
    trusted_at: _timestamp_pb2.Timestamp
    def __init__(self, device_id: _Optional[str] = ..., name: _Optional[str] = ..., trusted_at: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., expires_at: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class SecurityCheckDelivery(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = []
