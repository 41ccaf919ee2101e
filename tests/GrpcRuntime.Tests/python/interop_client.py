"""The interoperability cases of gRPC on grpcio, against the server at an address. Prints one line per case:
"ok <name>" or "FAILED <name>: <why>".

Usage: /usr/bin/python3 interop_client.py <file of descriptors> <host:port>
"""
import sys
import threading
import traceback

import grpc

from interop_messages import METHODS, load

M = load(sys.argv[1])
ADDRESS = sys.argv[2]
Payload, BoolValue, EchoStatus = M["Payload"], M["BoolValue"], M["EchoStatus"]
SimpleRequest, Empty = M["SimpleRequest"], M["Empty"]
InputRequest, OutputRequest, Parameters = M["StreamingInputCallRequest"], M["StreamingOutputCallRequest"], M["ResponseParameters"]
Code = grpc.StatusCode
YES, NO = BoolValue(value=True), BoolValue(value=False)
current = None


class Stub:
    def __init__(self, service):
        channel = grpc.insecure_channel(ADDRESS)
        for name, request, response, requests, responses in METHODS:
            kind = f"{'stream' if requests else 'unary'}_{'stream' if responses else 'unary'}"
            make = getattr(channel, kind)
            setattr(self, name, make(f"/grpc.testing.{service}/{name}", M[request].SerializeToString, M[response].FromString))


stub = Stub("TestService")


def options(*metadata, timeout=20):
    return {"metadata": (("x-case", current), *metadata), "timeout": timeout}


def zeros(size):
    return Payload(body=bytes(size))


def is_zeros(payload, size):
    assert payload.body == bytes(size), f"payload of {len(payload.body)} bytes"


def fails(code, run):
    try:
        run()
    except grpc.RpcError as error:
        assert error.code() == code, error
        return error
    raise AssertionError(f"no {code}")


class Requests:
    """Requests that are sent when they are given."""

    def __init__(self):
        self._ready = threading.Semaphore(0)
        self._all = []

    def __iter__(self):
        return self

    def __next__(self):
        self._ready.acquire()
        request = self._all.pop(0)
        if request is None:
            raise StopIteration
        return request

    def send(self, request):
        self._all.append(request)
        self._ready.release()


def ask(request_size, response_size):
    return OutputRequest(response_parameters=[Parameters(size=response_size)], payload=zeros(request_size))


def empty_unary():
    assert stub.EmptyCall(Empty(), **options()) == Empty()


def cacheable_unary():
    request = SimpleRequest(response_size=100, payload=Payload(body=b"0"))
    user = ("x-user-ip", "1.2.3.4")
    assert stub.CacheableUnaryCall(request, **options(user)) == stub.CacheableUnaryCall(request, **options(user))


def large_unary():
    is_zeros(stub.UnaryCall(SimpleRequest(response_size=314159, payload=zeros(271828)), **options()).payload, 314159)


def client_compressed_unary():
    def request(expected):
        return SimpleRequest(response_size=314159, payload=zeros(271828), expect_compressed=expected)

    fails(Code.INVALID_ARGUMENT, lambda: stub.UnaryCall(request(YES), **options()))
    is_zeros(stub.UnaryCall(request(YES), compression=grpc.Compression.Gzip, **options()).payload, 314159)
    is_zeros(stub.UnaryCall(request(NO), **options()).payload, 314159)


def server_compressed_unary():
    for compressed in (YES, NO):
        request = SimpleRequest(response_size=314159, payload=zeros(271828), response_compressed=compressed)
        is_zeros(stub.UnaryCall(request, **options()).payload, 314159)


def client_streaming():
    requests = iter([InputRequest(payload=zeros(size)) for size in (27182, 8, 1828, 45904)])
    assert stub.StreamingInputCall(requests, **options()).aggregated_payload_size == 74922


def server_streaming():
    sizes = [31415, 9, 2653, 58979]
    request = OutputRequest(response_parameters=[Parameters(size=size) for size in sizes])
    replies = list(stub.StreamingOutputCall(request, **options()))
    assert len(replies) == len(sizes)
    for reply, size in zip(replies, sizes):
        is_zeros(reply.payload, size)


def server_compressed_streaming():
    request = OutputRequest(response_parameters=[Parameters(size=31415, compressed=YES), Parameters(size=92653, compressed=NO)])
    first, second = stub.StreamingOutputCall(request, **options())
    is_zeros(first.payload, 31415)
    is_zeros(second.payload, 92653)


def ping_pong():
    requests = Requests()
    call = stub.FullDuplexCall(requests, **options())
    for request, response in zip((27182, 8, 1828, 45904), (31415, 9, 2653, 58979)):
        requests.send(ask(request, response))
        is_zeros(next(call).payload, response)
    requests.send(None)
    assert list(call) == [] and call.code() == Code.OK


def empty_stream():
    call = stub.FullDuplexCall(iter(()), **options())
    assert list(call) == [] and call.code() == Code.OK


def custom_metadata():
    echoed = (("x-grpc-test-echo-initial", "test_initial_metadata_value"), ("x-grpc-test-echo-trailing-bin", b"\xab\xab\xab"))

    def check(call):
        assert dict(call.initial_metadata())["x-grpc-test-echo-initial"] == "test_initial_metadata_value"
        assert dict(call.trailing_metadata())["x-grpc-test-echo-trailing-bin"] == b"\xab\xab\xab"

    _, call = stub.UnaryCall.with_call(SimpleRequest(response_size=314159, payload=zeros(271828)), **options(*echoed))
    check(call)
    call = stub.FullDuplexCall(iter([ask(271828, 314159)]), **options(*echoed))
    (reply,) = call
    is_zeros(reply.payload, 314159)
    check(call)


def answers_with(message):
    status = EchoStatus(code=2, message=message)
    error = fails(Code.UNKNOWN, lambda: stub.UnaryCall(SimpleRequest(response_status=status), **options()))
    assert error.details() == message, error.details()
    error = fails(Code.UNKNOWN, lambda: list(stub.FullDuplexCall(iter([OutputRequest(response_status=status)]), **options())))
    assert error.details() == message, error.details()


def status_code_and_message():
    answers_with("test status message")


def special_status_message():
    answers_with("\t\ntest with whitespace\r\nand Unicode BMP \u263a and non-BMP \U0001f608\t\n")


def unimplemented_method():
    fails(Code.UNIMPLEMENTED, lambda: stub.UnimplementedCall(Empty(), **options()))


def unimplemented_service():
    fails(Code.UNIMPLEMENTED, lambda: Stub("UnimplementedService").UnimplementedCall(Empty(), **options()))


def cancel_after_begin():
    requests = Requests()
    call = stub.StreamingInputCall.future(requests, **options())
    # The server is to see the call.
    threading.Timer(0.05, call.cancel).start()
    try:
        call.result()
        raise AssertionError("not cancelled")
    except grpc.FutureCancelledError:
        assert call.code() == Code.CANCELLED
    finally:
        requests.send(None)


def cancel_after_first_response():
    requests = Requests()
    call = stub.FullDuplexCall(requests, **options())
    requests.send(ask(27182, 31415))
    is_zeros(next(call).payload, 31415)
    call.cancel()
    fails(Code.CANCELLED, lambda: next(call))
    requests.send(None)


def timeout_on_sleeping_server():
    requests = Requests()
    call = stub.FullDuplexCall(requests, **options(timeout=0.05))
    requests.send(OutputRequest(payload=zeros(27182)))
    fails(Code.DEADLINE_EXCEEDED, lambda: next(call))
    requests.send(None)


failed = 0
for case in (
    empty_unary, cacheable_unary, large_unary, client_compressed_unary, server_compressed_unary, client_streaming, server_streaming,
    server_compressed_streaming, ping_pong, empty_stream, custom_metadata, status_code_and_message, special_status_message,
    unimplemented_method, unimplemented_service, cancel_after_begin, cancel_after_first_response, timeout_on_sleeping_server,
):
    current = case.__name__
    try:
        case()
        print(f"ok {current}", flush=True)
    except Exception:
        failed += 1
        print(f"FAILED {current}: {traceback.format_exc()}", flush=True)
sys.exit(1 if failed else 0)
