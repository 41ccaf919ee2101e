"""Files across cuts and lies, and support, against a foreign server in this process."""

from __future__ import annotations

import hashlib
import unittest
from concurrent import futures
from uuid import UUID

import grpc

from kpm import Device, KpmClient, RpcError, SupportClient, Vault, new_id
from kpm.item.v1.item_pb2 import Document, Item
from kpm.kpm1 import Header, VaultKeys
from kpm.rpc.error_details_pb2 import ErrorInfo, RetryInfo
from kpm.v1.error_reason_pb2 import ERROR_REASON_SECOND_OPERATOR_REQUIRED
from kpm.v1.security_pb2 import SecurityEvent
from kpm.v1.session_pb2 import Account, Session
from kpm.v1.sign_in_pb2 import SignedIn
from kpm.v1.support_service_pb2 import (
    ApproveTwoStepResetRequest, ListAuditLogResponse, ListSupportCasesResponse, SupportCase,
)
from kpm.v1.support_service_pb2_grpc import SupportServiceServicer, add_SupportServiceServicer_to_server
from kpm.v1.vault_service_pb2 import DownloadAttachmentResponse, GetAttachmentUploadResponse, UploadAttachmentResponse
from kpm.v1.vault_service_pb2_grpc import VaultServiceServicer, add_VaultServiceServicer_to_server
from support import refused
from test_rpc import fail


def cut(context: grpc.ServicerContext) -> None:
    retry = RetryInfo()
    retry.retry_delay.FromMilliseconds(1)
    fail(context, grpc.StatusCode.UNAVAILABLE, retry)


class FakeStore(VaultServiceServicer):
    """Attachments in this process; loses the connection when it is told to."""

    def __init__(self) -> None:
        self.upload = None
        self.data = b""
        self.cuts: list[int] = []
        """Calls that break once they have moved so many bytes; the first is the next call's."""
        self.offsets: list[int] = []
        self.show = lambda data: data

    def next_cut(self) -> int:
        return self.cuts.pop(0) if self.cuts else 1 << 40

    @property
    def complete(self) -> bool:
        return self.upload is not None and len(self.data) == self.upload.size

    def GetAttachmentUpload(self, request, context):
        if self.upload is None:
            fail(context, grpc.StatusCode.NOT_FOUND, ErrorInfo(reason="NOT_FOUND", domain="kpm"))
        return GetAttachmentUploadResponse(upload=self.upload, received=len(self.data), complete=self.complete)

    def UploadAttachment(self, request_iterator, context):
        budget = self.next_cut()
        for request in request_iterator:
            if request.WhichOneof("part") == "start":
                self.upload = request.start.upload
                self.offsets.append(request.start.offset)
                assert request.start.offset == len(self.data)
                continue
            self.data += request.data[:budget]
            budget -= len(request.data)
            if budget < 0:
                cut(context)
        return UploadAttachmentResponse(received=len(self.data), complete=self.complete)

    def DownloadAttachment(self, request, context):
        self.offsets.append(request.offset)
        end = min(len(self.data), request.offset + request.length)
        stop = request.offset + self.next_cut()
        for at in range(request.offset, end, 100_000):
            if at >= stop:
                cut(context)
            data = self.show(self.data[at : min(end, at + 100_000)])
            yield DownloadAttachmentResponse(offset=at, data=data, size=len(self.data))


class Support(SupportServiceServicer):
    def __init__(self) -> None:
        self.heard: list[str] = []

    def ListAuditLog(self, request, context):
        self.heard.append(dict(context.invocation_metadata())["authorization"])
        if not request.page_token:
            return ListAuditLogResponse(events=[SecurityEvent(seq=3), SecurityEvent(seq=2)], next_page_token="more")
        return ListAuditLogResponse(events=[SecurityEvent(seq=1)])

    def ListSupportCases(self, request, context):
        token = request.page_token
        return ListSupportCasesResponse(cases=[SupportCase(case_id=token or "a")], next_page_token="" if token else "b")

    def ApproveTwoStepReset(self, request, context):
        fail(context, grpc.StatusCode.FAILED_PRECONDITION, ErrorInfo(reason="SECOND_OPERATOR_REQUIRED", domain="kpm"))


CONTENT = (bytes(range(251)) * 4781)[:1_200_000]


class FilesTest(unittest.TestCase):
    def setUp(self) -> None:
        server = grpc.server(futures.ThreadPoolExecutor(4))
        self.store, self.support = FakeStore(), Support()
        add_VaultServiceServicer_to_server(self.store, server)
        add_SupportServiceServicer_to_server(self.support, server)
        self.address = f"http://127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
        server.start()
        self.addCleanup(lambda: server.stop(None).wait())
        client = KpmClient(self.address)
        self.addCleanup(client.close)
        client.connect(SignedIn(account=Account(account_id=str(new_id())), session=Session(access_token="token")))
        self.vault = Vault(client, Device("laptop"), VaultKeys.create())
        self.item = new_id()

    def uploaded(self, content: bytes = CONTENT):
        file = self.vault.files.seal(self.item, "passport.pdf", "application/pdf", content)
        self.vault.files.upload(file)
        return file

    def downloaded(self, attachment, item: UUID | None = None, **more: int) -> bytes:
        return b"".join(self.vault.files.download(item or self.item, attachment, **more))

    def test_a_file_arrives_whole_though_the_connection_is_cut_twice(self) -> None:
        self.store.cuts = [600_000, 1]
        file = self.uploaded()
        self.assertEqual(self.store.data, file.ciphertext)
        self.assertEqual(self.store.offsets, [0, 600_000, 600_001])
        self.assertEqual(self.store.upload.sha256, hashlib.sha256(file.ciphertext).digest())
        self.vault.files.upload(file)
        self.assertEqual(len(self.store.offsets), 3, "what is complete is not sent again")
        self.store.cuts = [550_000, 0]
        self.assertEqual(self.downloaded(file.attachment), CONTENT)
        self.assertEqual(self.store.offsets[3:], [0, 524_304, 524_304])

    def test_a_range_is_read_by_the_chunks_that_it_lies_in(self) -> None:
        attachment = self.uploaded().attachment
        ranges = [(0, 1), (524_287, 2), (524_288, 5), (1_199_999, 1), (1_000_000, 1_000_000), (10, 1_100_000), (5, 0), (1_200_000, 9)]
        for offset, length in ranges:
            with self.subTest(offset=offset, length=length):
                self.assertEqual(self.downloaded(attachment, offset=offset, length=length), CONTENT[offset : offset + length])
        self.assertEqual(self.store.offsets[1:], [0, 0, 524_304, 1_048_608, 524_304, 0])
        with self.assertRaises(ValueError):
            self.downloaded(attachment, offset=1_200_001)

    def test_an_empty_file_is_one_and_its_tag_is_checked(self) -> None:
        attachment = self.uploaded(b"").attachment
        self.assertEqual(self.downloaded(attachment), b"")
        self.store.data = bytes(16)
        with refused(self, "DECRYPTION_FAILED"):
            self.downloaded(attachment)

    def test_a_file_that_was_changed_or_cut_or_is_another_items_is_refused(self) -> None:
        attachment = self.uploaded().attachment
        with refused(self, "DECRYPTION_FAILED"):
            self.downloaded(attachment, item=new_id())
        self.store.show = lambda data: b"?" + data[1:]
        with refused(self, "DECRYPTION_FAILED"):
            self.downloaded(attachment)
        self.store.show = lambda data: data[1:]
        with refused(self, "ATTACHMENT_INVALID"):
            self.downloaded(attachment)
        self.store.show = lambda data: data
        self.store.data = self.store.data[:-1]
        with refused(self, "ATTACHMENT_INVALID"):
            self.downloaded(attachment)

    def test_a_server_that_stays_away_is_given_up_after_five_tries(self) -> None:
        self.store.cuts = [0] * 6
        with self.assertRaises(RpcError) as context:
            self.uploaded()
        self.assertEqual(context.exception.code, grpc.StatusCode.UNAVAILABLE)
        self.assertEqual(len(self.store.offsets), 6)

    def test_the_header_of_an_item_lists_its_files(self) -> None:
        files = [self.uploaded(b"1").attachment]
        files.append(self.vault.files.seal(self.item, "2", "text/plain", b"2").attachment)
        operation = self.vault.put(Item(document=Document(files=reversed(files))), self.item)
        self.assertEqual([str(file) for file in Header.parse(operation.header).attachments], sorted(file.id for file in files))

    def test_support_reads_all_pages_with_the_operators_credential_and_its_errors_are_typed(self) -> None:
        with SupportClient(self.address, "kpm-operator-1") as support:
            self.assertEqual([event.seq for event in support.audit_log(new_id())], [3, 2, 1])
            self.assertEqual([case.case_id for case in support.open_cases()], ["a", "b"])
            self.assertEqual(self.support.heard, ["Bearer kpm-operator-1"] * 2)
            with self.assertRaises(RpcError) as context:
                support.calls.ApproveTwoStepReset(ApproveTwoStepResetRequest(case_id=str(new_id())))
            self.assertEqual(context.exception.reason, ERROR_REASON_SECOND_OPERATOR_REQUIRED)


if __name__ == "__main__":
    unittest.main()
