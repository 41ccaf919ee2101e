"""Calls the echo service with grpcio and prints one line per check: "ok <name>" or "FAILED <name>: <why>".

Usage: /usr/bin/python3 echo_client.py <host:port>. The messages are written by hand, so that nothing needs generating.
"""
import sys
import threading

import grpc


def varint(value):
    out = bytearray()
    while value > 0x7F:
        out.append(0x80 | value & 0x7F)
        value >>= 7
    out.append(value)
    return bytes(out)


def request(text="", payload=b"", count=0, status_code=0, status_detail="", delay_milliseconds=0):
    out = b""
    for number, value in ((1, text.encode()), (2, payload), (5, status_detail.encode())):
        if value:
            out += varint(number << 3 | 2) + varint(len(value)) + value
    for number, value in ((3, count), (4, status_code), (6, delay_milliseconds)):
        if value:
            out += varint(number << 3) + varint(value)
    return out


def read_varint(data, position):
    value = shift = 0
    while True:
        byte = data[position]
        position += 1
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return value, position


def reply(data):
    fields = {1: b"", 2: b"", 3: 0}
    position = 0
    while position < len(data):
        tag, position = read_varint(data, position)
        value, position = read_varint(data, position)
        if tag & 7 == 2:
            value, position = data[position:position + value], position + value
        fields[tag >> 3] = value
    return fields[1].decode(), fields[2], fields[3]


SERVICE = "/grpcruntime.tests.Echo/"
channel = grpc.insecure_channel(sys.argv[1])
unary = channel.unary_unary(SERVICE + "Unary", None, reply)
collect = channel.stream_unary(SERVICE + "Collect", None, reply)
expand = channel.unary_stream(SERVICE + "Expand", None, reply)
chat = channel.stream_stream(SERVICE + "Chat", None, reply)


def failure(call):
    try:
        call()
    except grpc.RpcError as error:
        return error
    raise AssertionError("the call did not fail")


def check_unary():
    assert unary(request("hello", b"\x00\xff"), timeout=20) == ("hello", b"\x00\xff", 0)


def check_client_stream():
    assert collect(iter([request("a"), request("b"), request("c")]), timeout=20) == ("abc", b"", 3)


def check_server_stream():
    assert [index for _, _, index in expand(request("x", count=1000), timeout=20)] == list(range(1000))


def check_duplex():
    got = []
    ready = threading.Semaphore(1)

    def requests():
        for i in range(5):
            ready.acquire(timeout=20)
            yield request(f"m{i}")

    for text, _, _ in chat(requests(), timeout=20):
        got.append(text)
        ready.release()
    assert got == ["m0", "m1", "m2", "m3", "m4"], got


def check_large_message():
    payload = bytes(range(256)) * 12_000
    assert unary(request(payload=payload), timeout=20)[1] == payload


def check_gzip():
    text = "again and again " * 5000
    assert unary(request(text), timeout=20, compression=grpc.Compression.Gzip)[0] == text
    assert unary(request(text), timeout=20, compression=grpc.Compression.Deflate)[0] == text


def check_metadata():
    sent = (("x-echo-text", "one"), ("x-echo-data-bin", b"\x00\xff"), ("x-trail-text", "tail"), ("x-trail-data-bin", b"\x01\x02"))
    _, call = unary.with_call(request("m"), timeout=20, metadata=sent)
    headers = dict(call.initial_metadata())
    trailers = dict(call.trailing_metadata())
    assert (headers["x-echo-text"], headers["x-echo-data-bin"]) == ("one", b"\x00\xff"), headers
    assert (trailers["x-trail-text"], trailers["x-trail-data-bin"]) == ("tail", b"\x01\x02"), trailers


def check_error_details():
    detail = "not so: 100 % of it, ünïcode"
    error = failure(lambda: unary(request(payload=b"any bytes", status_code=9, status_detail=detail), timeout=20))
    assert (error.code(), error.details()) == (grpc.StatusCode.FAILED_PRECONDITION, detail)
    assert dict(error.trailing_metadata())["grpc-status-details-bin"] == b"any bytes"


def check_deadline():
    error = failure(lambda: unary(request(delay_milliseconds=30_000), timeout=0.3))
    assert error.code() == grpc.StatusCode.DEADLINE_EXCEEDED


def check_cancel():
    call = unary.future(request(delay_milliseconds=30_000), timeout=20)
    threading.Timer(0.1, call.cancel).start()
    try:
        call.result()
    except grpc.FutureCancelledError:
        return
    raise AssertionError("the call was not cancelled")


def check_unknown_method():
    nothing = channel.unary_unary(SERVICE + "Nothing", None, reply)
    assert failure(lambda: nothing(b"", timeout=20)).code() == grpc.StatusCode.UNIMPLEMENTED


failed = 0
checks = [(name, function) for name, function in globals().items() if name.startswith("check_")]
for name, function in checks:
    try:
        function()
        print("ok", name[6:])
    except Exception as error:  # noqa: BLE001: each check stands for itself
        failed += 1
        print(f"FAILED {name[6:]}: {type(error).__name__}: {error}".replace("\n", " "))
channel.close()
print(f"{len(checks) - failed} passed, {failed} failed")
sys.exit(1 if failed else 0)
