"""Proofs, tokens and typed errors, against a foreign server in this process."""

from __future__ import annotations

import unittest
from concurrent import futures

import grpc
from google.protobuf.any_pb2 import Any

from kpm import Device, FieldViolation, KpmClient, RpcError, new_id
from kpm.kpm1.primitives import sha256, verify
from kpm.proof import create_proof, proof_bytes
from kpm.rpc.error_details_pb2 import BadRequest, ErrorInfo, RetryInfo
from kpm.rpc.status_pb2 import Status
from kpm.v1.account_service_pb2 import GetAccountRequest, GetAccountResponse, ListDevicesRequest, RefreshSessionResponse
from kpm.v1.account_service_pb2_grpc import AccountServiceServicer, add_AccountServiceServicer_to_server
from kpm.v1.error_reason_pb2 import ERROR_REASON_PASSWORD_REJECTED, ERROR_REASON_SESSION_INVALID, ERROR_REASON_UNSPECIFIED
from kpm.v1.session_pb2 import Account, Session
from kpm.v1.sign_in_pb2 import CreateAccountRequest, SignedIn, SignInRequest
from kpm.v1.vault_service_pb2 import CaughtUp, WatchRequest, WatchResponse
from kpm.v1.vault_service_pb2_grpc import VaultServiceServicer, add_VaultServiceServicer_to_server


def fail(context: grpc.ServicerContext, code: grpc.StatusCode, *details: object) -> None:
    """Ends the call as the server does: with google.rpc.Status in the trailers."""
    status = Status(code=code.value[0], message="no")
    for detail in details:
        name = detail.DESCRIPTOR.name
        status.details.append(Any(type_url=f"type.googleapis.com/google.rpc.{name}", value=detail.SerializeToString()))
    context.set_trailing_metadata([("grpc-status-details-bin", status.SerializeToString())])
    context.abort(code, "no")


class Accounts(AccountServiceServicer):
    authorization: str | None = None

    def CreateAccount(self, request, context):
        bad = BadRequest()
        bad.field_violations.add(field="password", description="needs a digit", reason="PASSWORD_DIGIT")
        bad.field_violations.add(field="device.name", description="is missing")
        info = ErrorInfo(reason="PASSWORD_REJECTED", domain="kpm", metadata={"rules": "2"})
        fail(context, grpc.StatusCode.INVALID_ARGUMENT, info, bad)

    def SignIn(self, request, context):
        retry = RetryInfo()
        retry.retry_delay.FromMilliseconds(1500)
        fail(context, grpc.StatusCode.RESOURCE_EXHAUSTED, ErrorInfo(reason="FROM_THE_FUTURE", domain="kpm"), retry)

    def RefreshSession(self, request, context):
        return RefreshSessionResponse(session=Session(access_token=f"after {request.refresh_token}"))

    def GetAccount(self, request, context):
        self.authorization = dict(context.invocation_metadata()).get("authorization")
        return GetAccountResponse()


class Vaults(VaultServiceServicer):
    def Watch(self, request, context):
        yield WatchResponse(caught_up=CaughtUp())
        fail(context, grpc.StatusCode.UNAUTHENTICATED, ErrorInfo(reason="SESSION_INVALID", domain="kpm"))


class RpcTest(unittest.TestCase):
    def setUp(self) -> None:
        server = grpc.server(futures.ThreadPoolExecutor(4))
        self.accounts = Accounts()
        add_AccountServiceServicer_to_server(self.accounts, server)
        add_VaultServiceServicer_to_server(Vaults(), server)
        port = server.add_insecure_port("127.0.0.1:0")
        server.start()
        self.addCleanup(server.stop, None)
        self.client = KpmClient(f"http://127.0.0.1:{port}")
        self.addCleanup(self.client.close)

    def test_an_error_has_its_reason_and_every_bad_field(self) -> None:
        with self.assertRaises(RpcError) as context:
            self.client.accounts.CreateAccount(CreateAccountRequest())
        error = context.exception
        self.assertEqual((error.code, error.message), (grpc.StatusCode.INVALID_ARGUMENT, "no"))
        self.assertEqual((error.reason, error.reason_name), (ERROR_REASON_PASSWORD_REJECTED, "PASSWORD_REJECTED"))
        self.assertEqual(error.info, {"rules": "2"})
        self.assertEqual(error.field_violations, (
            FieldViolation("password", "needs a digit", "PASSWORD_DIGIT"),
            FieldViolation("device.name", "is missing", ""),
        ))
        self.assertIsNone(error.retry_after)

    def test_a_reason_of_a_newer_server_is_kept_by_name_and_the_time_to_wait_is_read(self) -> None:
        with self.assertRaises(RpcError) as context:
            self.client.accounts.SignIn(SignInRequest())
        error = context.exception
        self.assertEqual((error.reason, error.reason_name), (ERROR_REASON_UNSPECIFIED, "FROM_THE_FUTURE"))
        self.assertEqual(error.retry_after, 1.5)

    def test_a_streams_error_is_typed_after_the_messages_before_it(self) -> None:
        responses = self.client.vault.Watch(WatchRequest())
        self.assertEqual(next(responses).WhichOneof("event"), "caught_up")
        with self.assertRaises(RpcError) as context:
            next(responses)
        self.assertEqual(context.exception.reason, ERROR_REASON_SESSION_INVALID)

    def test_an_error_from_below_the_handlers_has_no_reason(self) -> None:
        with self.assertRaises(RpcError) as context:
            self.client.accounts.ListDevices(ListDevicesRequest())
        self.assertEqual(context.exception.code, grpc.StatusCode.UNIMPLEMENTED)
        self.assertEqual((context.exception.reason, context.exception.reason_name), (ERROR_REASON_UNSPECIFIED, ""))

    def test_the_access_token_goes_out_with_calls_and_refresh_replaces_it(self) -> None:
        account_id = new_id()
        self.assertRaises(RuntimeError, lambda: self.client.session)
        self.client.accounts.GetAccount(GetAccountRequest())
        self.assertIsNone(self.accounts.authorization)
        session = Session(access_token="one", refresh_token="old")
        self.client.connect(SignedIn(account=Account(account_id=str(account_id)), session=session))
        self.client.accounts.GetAccount(GetAccountRequest())
        self.assertEqual(self.accounts.authorization, "Bearer one")
        self.client.refresh(Device("laptop"))
        self.client.accounts.GetAccount(GetAccountRequest())
        self.assertEqual(self.accounts.authorization, "Bearer after old")
        self.assertEqual(self.client.account_id, account_id)


class ProofTest(unittest.TestCase):
    def test_a_proof_has_the_layout_of_session_proto(self) -> None:
        data = proof_bytes("/a/B", "tök", 0x0102_0304_0506, b"\x09" * 16)
        expected = f"4b504d312d50524f4f4600042f612f42{sha256('tök'.encode()).hex()}0000010203040506{'09' * 16}"
        self.assertEqual(data.hex(), expected)

    def test_a_proof_is_signed_by_the_device(self) -> None:
        device = Device("laptop")
        proof = create_proof(device.signing, "/a/B", "tök", 1_700_000_000_123)
        self.assertEqual((proof.time.seconds, proof.time.nanos), (1_700_000_000, 123_000_000))
        data = proof_bytes("/a/B", "tök", 1_700_000_000_123, proof.nonce)
        self.assertTrue(verify(device.signing.public_key(), data, proof.signature))

    def test_an_address_needs_its_scheme(self) -> None:
        for address in ("127.0.0.1:5080", "ftp://kpm.example", "http://"):
            with self.subTest(address), self.assertRaises(ValueError):
                KpmClient(address)


if __name__ == "__main__":
    unittest.main()
