from google.protobuf import descriptor_pb2 as _descriptor_pb2
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Optional as _Optional

AUTHENTICATION_ACTIVATED_SESSION: Authentication
AUTHENTICATION_ANONYMOUS: Authentication
AUTHENTICATION_FIELD_NUMBER: _ClassVar[int]
AUTHENTICATION_OPERATOR: Authentication
AUTHENTICATION_OPTIONAL_SESSION: Authentication
AUTHENTICATION_SESSION: Authentication
AUTHENTICATION_UNSPECIFIED: Authentication
DESCRIPTOR: _descriptor.FileDescriptor
FIELD_FIELD_NUMBER: _ClassVar[int]
ONEOF_REQUIRED_FIELD_NUMBER: _ClassVar[int]
authentication: _descriptor.FieldDescriptor
field: _descriptor.FieldDescriptor
oneof_required: _descriptor.FieldDescriptor

class FieldConstraints(_message.Message):
    __slots__ = ["any_character", "email", "language", "max", "max_items", "max_length", "min", "min_length", "p256_public_key", "required", "uuid"]
    ANY_CHARACTER_FIELD_NUMBER: _ClassVar[int]
    EMAIL_FIELD_NUMBER: _ClassVar[int]
    LANGUAGE_FIELD_NUMBER: _ClassVar[int]
    MAX_FIELD_NUMBER: _ClassVar[int]
    MAX_ITEMS_FIELD_NUMBER: _ClassVar[int]
    MAX_LENGTH_FIELD_NUMBER: _ClassVar[int]
    MIN_FIELD_NUMBER: _ClassVar[int]
    MIN_LENGTH_FIELD_NUMBER: _ClassVar[int]
    P256_PUBLIC_KEY_FIELD_NUMBER: _ClassVar[int]
    REQUIRED_FIELD_NUMBER: _ClassVar[int]
    UUID_FIELD_NUMBER: _ClassVar[int]
    any_character: bool
    email: bool
    language: bool
    max: int
    max_items: int
    max_length: int
    min: int
    min_length: int
    p256_public_key: bool
    required: bool
    uuid: bool
    def __init__(self, required: bool = ..., uuid: bool = ..., min_length: _Optional[int] = ..., max_length: _Optional[int] = ..., max_items: _Optional[int] = ..., email: bool = ..., min: _Optional[int] = ..., max: _Optional[int] = ..., language: bool = ..., p256_public_key: bool = ..., any_character: bool = ...) -> None: ...

class Authentication(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = []
