from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Iterable as _Iterable, Mapping as _Mapping, Optional as _Optional, Union as _Union

CUSTOM_FIELD_TYPE_HIDDEN: CustomFieldType
CUSTOM_FIELD_TYPE_TEXT: CustomFieldType
CUSTOM_FIELD_TYPE_UNSPECIFIED: CustomFieldType
DESCRIPTOR: _descriptor.FileDescriptor
ONE_TIME_PASSWORD_ALGORITHM_SHA1: OneTimePasswordAlgorithm
ONE_TIME_PASSWORD_ALGORITHM_SHA256: OneTimePasswordAlgorithm
ONE_TIME_PASSWORD_ALGORITHM_SHA512: OneTimePasswordAlgorithm
ONE_TIME_PASSWORD_ALGORITHM_UNSPECIFIED: OneTimePasswordAlgorithm

class Address(_message.Message):
    __slots__ = ["city", "country", "email", "organisation", "person", "phone", "postal_code", "state", "street"]
    CITY_FIELD_NUMBER: _ClassVar[int]
    COUNTRY_FIELD_NUMBER: _ClassVar[int]
    EMAIL_FIELD_NUMBER: _ClassVar[int]
    ORGANISATION_FIELD_NUMBER: _ClassVar[int]
    PERSON_FIELD_NUMBER: _ClassVar[int]
    PHONE_FIELD_NUMBER: _ClassVar[int]
    POSTAL_CODE_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    STREET_FIELD_NUMBER: _ClassVar[int]
    city: str
    country: str
    email: str
    organisation: str
    person: str
    phone: str
    postal_code: str
    state: str
    street: str
    def __init__(self, person: _Optional[str] = ..., organisation: _Optional[str] = ..., street: _Optional[str] = ..., postal_code: _Optional[str] = ..., city: _Optional[str] = ..., state: _Optional[str] = ..., country: _Optional[str] = ..., phone: _Optional[str] = ..., email: _Optional[str] = ...) -> None: ...

class ApplicationLogin(_message.Message):
    __slots__ = ["application", "password", "username"]
    APPLICATION_FIELD_NUMBER: _ClassVar[int]
    PASSWORD_FIELD_NUMBER: _ClassVar[int]
    USERNAME_FIELD_NUMBER: _ClassVar[int]
    application: str
    password: str
    username: str
    def __init__(self, application: _Optional[str] = ..., username: _Optional[str] = ..., password: _Optional[str] = ...) -> None: ...

class Attachment(_message.Message):
    __slots__ = ["chunk_count", "file_name", "id", "key", "length", "media_type", "sha256"]
    CHUNK_COUNT_FIELD_NUMBER: _ClassVar[int]
    FILE_NAME_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    KEY_FIELD_NUMBER: _ClassVar[int]
    LENGTH_FIELD_NUMBER: _ClassVar[int]
    MEDIA_TYPE_FIELD_NUMBER: _ClassVar[int]
    SHA256_FIELD_NUMBER: _ClassVar[int]
    chunk_count: int
    file_name: str
    id: str
    key: bytes
    length: int
    media_type: str
    sha256: bytes
    def __init__(self, id: _Optional[str] = ..., file_name: _Optional[str] = ..., media_type: _Optional[str] = ..., length: _Optional[int] = ..., chunk_count: _Optional[int] = ..., key: _Optional[bytes] = ..., sha256: _Optional[bytes] = ...) -> None: ...

class BankCard(_message.Message):
    __slots__ = ["bank", "expiry_month", "expiry_year", "holder", "number", "pin", "security_code"]
    BANK_FIELD_NUMBER: _ClassVar[int]
    EXPIRY_MONTH_FIELD_NUMBER: _ClassVar[int]
    EXPIRY_YEAR_FIELD_NUMBER: _ClassVar[int]
    HOLDER_FIELD_NUMBER: _ClassVar[int]
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    PIN_FIELD_NUMBER: _ClassVar[int]
    SECURITY_CODE_FIELD_NUMBER: _ClassVar[int]
    bank: str
    expiry_month: int
    expiry_year: int
    holder: str
    number: str
    pin: str
    security_code: str
    def __init__(self, holder: _Optional[str] = ..., number: _Optional[str] = ..., expiry_month: _Optional[int] = ..., expiry_year: _Optional[int] = ..., security_code: _Optional[str] = ..., pin: _Optional[str] = ..., bank: _Optional[str] = ...) -> None: ...

class CustomField(_message.Message):
    __slots__ = ["id", "name", "type", "value"]
    ID_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    TYPE_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    id: str
    name: str
    type: CustomFieldType
    value: str
    def __init__(self, id: _Optional[str] = ..., name: _Optional[str] = ..., value: _Optional[str] = ..., type: _Optional[_Union[CustomFieldType, str]] = ...) -> None: ...

class Document(_message.Message):
    __slots__ = ["document_type", "expires_on", "files", "issued_on", "issuer", "number"]
    DOCUMENT_TYPE_FIELD_NUMBER: _ClassVar[int]
    EXPIRES_ON_FIELD_NUMBER: _ClassVar[int]
    FILES_FIELD_NUMBER: _ClassVar[int]
    ISSUED_ON_FIELD_NUMBER: _ClassVar[int]
    ISSUER_FIELD_NUMBER: _ClassVar[int]
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    document_type: str
    expires_on: str
    files: _containers.RepeatedCompositeFieldContainer[Attachment]
    issued_on: str
    issuer: str
    number: str
    def __init__(self, document_type: _Optional[str] = ..., number: _Optional[str] = ..., issuer: _Optional[str] = ..., issued_on: _Optional[str] = ..., expires_on: _Optional[str] = ..., files: _Optional[_Iterable[_Union[Attachment, _Mapping]]] = ...) -> None: ...

class Folder(_message.Message):
    __slots__ = []
    def __init__(self) -> None: ...

class HistoryEntry(_message.Message):
    __slots__ = ["id", "path", "replaced_at_ms", "value"]
    ID_FIELD_NUMBER: _ClassVar[int]
    PATH_FIELD_NUMBER: _ClassVar[int]
    REPLACED_AT_MS_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    id: str
    path: str
    replaced_at_ms: int
    value: bytes
    def __init__(self, id: _Optional[str] = ..., path: _Optional[str] = ..., value: _Optional[bytes] = ..., replaced_at_ms: _Optional[int] = ...) -> None: ...

class Item(_message.Message):
    __slots__ = ["address", "application_login", "bank_card", "created_at_ms", "custom_fields", "document", "favourite", "folder", "folder_id", "history", "kept_values", "name", "note", "notes", "one_time_password", "passkey", "website_login"]
    ADDRESS_FIELD_NUMBER: _ClassVar[int]
    APPLICATION_LOGIN_FIELD_NUMBER: _ClassVar[int]
    BANK_CARD_FIELD_NUMBER: _ClassVar[int]
    CREATED_AT_MS_FIELD_NUMBER: _ClassVar[int]
    CUSTOM_FIELDS_FIELD_NUMBER: _ClassVar[int]
    DOCUMENT_FIELD_NUMBER: _ClassVar[int]
    FAVOURITE_FIELD_NUMBER: _ClassVar[int]
    FOLDER_FIELD_NUMBER: _ClassVar[int]
    FOLDER_ID_FIELD_NUMBER: _ClassVar[int]
    HISTORY_FIELD_NUMBER: _ClassVar[int]
    KEPT_VALUES_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    NOTES_FIELD_NUMBER: _ClassVar[int]
    NOTE_FIELD_NUMBER: _ClassVar[int]
    ONE_TIME_PASSWORD_FIELD_NUMBER: _ClassVar[int]
    PASSKEY_FIELD_NUMBER: _ClassVar[int]
    WEBSITE_LOGIN_FIELD_NUMBER: _ClassVar[int]
    address: Address
    application_login: ApplicationLogin
    bank_card: BankCard
    created_at_ms: int
    custom_fields: _containers.RepeatedCompositeFieldContainer[CustomField]
    document: Document
    favourite: bool
    folder: Folder
    folder_id: str
    history: _containers.RepeatedCompositeFieldContainer[HistoryEntry]
    kept_values: _containers.RepeatedCompositeFieldContainer[KeptValue]
    name: str
    note: Note
    notes: str
    one_time_password: OneTimePassword
    passkey: Passkey
    website_login: WebsiteLogin
    def __init__(self, name: _Optional[str] = ..., folder_id: _Optional[str] = ..., favourite: bool = ..., notes: _Optional[str] = ..., created_at_ms: _Optional[int] = ..., website_login: _Optional[_Union[WebsiteLogin, _Mapping]] = ..., application_login: _Optional[_Union[ApplicationLogin, _Mapping]] = ..., bank_card: _Optional[_Union[BankCard, _Mapping]] = ..., document: _Optional[_Union[Document, _Mapping]] = ..., address: _Optional[_Union[Address, _Mapping]] = ..., note: _Optional[_Union[Note, _Mapping]] = ..., one_time_password: _Optional[_Union[OneTimePassword, _Mapping]] = ..., passkey: _Optional[_Union[Passkey, _Mapping]] = ..., folder: _Optional[_Union[Folder, _Mapping]] = ..., custom_fields: _Optional[_Iterable[_Union[CustomField, _Mapping]]] = ..., history: _Optional[_Iterable[_Union[HistoryEntry, _Mapping]]] = ..., kept_values: _Optional[_Iterable[_Union[KeptValue, _Mapping]]] = ...) -> None: ...

class KeptValue(_message.Message):
    __slots__ = ["device_id", "id", "kept_at_ms", "path", "value"]
    DEVICE_ID_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    KEPT_AT_MS_FIELD_NUMBER: _ClassVar[int]
    PATH_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    device_id: str
    id: str
    kept_at_ms: int
    path: str
    value: bytes
    def __init__(self, id: _Optional[str] = ..., path: _Optional[str] = ..., value: _Optional[bytes] = ..., device_id: _Optional[str] = ..., kept_at_ms: _Optional[int] = ...) -> None: ...

class Note(_message.Message):
    __slots__ = []
    def __init__(self) -> None: ...

class OneTimePassword(_message.Message):
    __slots__ = ["account_name", "algorithm", "digits", "issuer", "period_seconds", "secret"]
    ACCOUNT_NAME_FIELD_NUMBER: _ClassVar[int]
    ALGORITHM_FIELD_NUMBER: _ClassVar[int]
    DIGITS_FIELD_NUMBER: _ClassVar[int]
    ISSUER_FIELD_NUMBER: _ClassVar[int]
    PERIOD_SECONDS_FIELD_NUMBER: _ClassVar[int]
    SECRET_FIELD_NUMBER: _ClassVar[int]
    account_name: str
    algorithm: OneTimePasswordAlgorithm
    digits: int
    issuer: str
    period_seconds: int
    secret: bytes
    def __init__(self, secret: _Optional[bytes] = ..., issuer: _Optional[str] = ..., account_name: _Optional[str] = ..., digits: _Optional[int] = ..., period_seconds: _Optional[int] = ..., algorithm: _Optional[_Union[OneTimePasswordAlgorithm, str]] = ...) -> None: ...

class Passkey(_message.Message):
    __slots__ = ["cose_algorithm", "credential_id", "display_name", "private_key", "relying_party_id", "sign_count", "user_handle", "username"]
    COSE_ALGORITHM_FIELD_NUMBER: _ClassVar[int]
    CREDENTIAL_ID_FIELD_NUMBER: _ClassVar[int]
    DISPLAY_NAME_FIELD_NUMBER: _ClassVar[int]
    PRIVATE_KEY_FIELD_NUMBER: _ClassVar[int]
    RELYING_PARTY_ID_FIELD_NUMBER: _ClassVar[int]
    SIGN_COUNT_FIELD_NUMBER: _ClassVar[int]
    USERNAME_FIELD_NUMBER: _ClassVar[int]
    USER_HANDLE_FIELD_NUMBER: _ClassVar[int]
    cose_algorithm: int
    credential_id: bytes
    display_name: str
    private_key: bytes
    relying_party_id: str
    sign_count: int
    user_handle: bytes
    username: str
    def __init__(self, relying_party_id: _Optional[str] = ..., credential_id: _Optional[bytes] = ..., user_handle: _Optional[bytes] = ..., username: _Optional[str] = ..., display_name: _Optional[str] = ..., private_key: _Optional[bytes] = ..., cose_algorithm: _Optional[int] = ..., sign_count: _Optional[int] = ...) -> None: ...

class WebAddress(_message.Message):
    __slots__ = ["id", "url"]
    ID_FIELD_NUMBER: _ClassVar[int]
    URL_FIELD_NUMBER: _ClassVar[int]
    id: str
    url: str
    def __init__(self, id: _Optional[str] = ..., url: _Optional[str] = ...) -> None: ...

class WebsiteLogin(_message.Message):
    __slots__ = ["addresses", "password", "username"]
    ADDRESSES_FIELD_NUMBER: _ClassVar[int]
    PASSWORD_FIELD_NUMBER: _ClassVar[int]
    USERNAME_FIELD_NUMBER: _ClassVar[int]
    addresses: _containers.RepeatedCompositeFieldContainer[WebAddress]
    password: str
    username: str
    def __init__(self, addresses: _Optional[_Iterable[_Union[WebAddress, _Mapping]]] = ..., username: _Optional[str] = ..., password: _Optional[str] = ...) -> None: ...

class OneTimePasswordAlgorithm(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = []

class CustomFieldType(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = []
