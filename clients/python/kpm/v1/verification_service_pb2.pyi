from kpm.v1 import constraints_pb2 as _constraints_pb2
from kpm.v1 import session_pb2 as _session_pb2
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Mapping as _Mapping, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

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

class DiscardPendingAccountRequest(_message.Message):
    __slots__ = ["token"]
    TOKEN_FIELD_NUMBER: _ClassVar[int]
    token: str
    def __init__(self, token: _Optional[str] = ...) -> None: ...

class DiscardPendingAccountResponse(_message.Message):
    __slots__ = []
    def __init__(self) -> None: ...

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
