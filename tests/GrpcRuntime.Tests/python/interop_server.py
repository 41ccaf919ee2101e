"""The server of gRPC's interoperability tests on grpcio. Prints its port; ends when its input does.

Usage: /usr/bin/python3 interop_server.py <file of descriptors>
"""
import sys
import time
from concurrent import futures

import grpc

from interop_messages import METHODS, load

M = load(sys.argv[1])
CODES = {code.value[0]: code for code in grpc.StatusCode}


def zeros(size):
    return M["Payload"](body=bytes(size))


def echo(context):
    metadata = dict(context.invocation_metadata())
    initial = metadata.get("x-grpc-test-echo-initial")
    context.send_initial_metadata([("x-grpc-test-echo-initial", initial)] if initial else [])
    trailing = metadata.get("x-grpc-test-echo-trailing-bin")
    if trailing:
        context.set_trailing_metadata([("x-grpc-test-echo-trailing-bin", trailing)])


def abort_if_asked(request, context):
    if request.HasField("response_status"):
        context.abort(CODES[request.response_status.code], request.response_status.message)


def empty(request, context):
    return M["Empty"]()


def unary(request, context):
    if request.HasField("response_compressed"):
        context.set_compression(grpc.Compression.Gzip)
        if not request.response_compressed.value:
            context.disable_next_message_compression()
    echo(context)
    abort_if_asked(request, context)
    return M["SimpleResponse"](payload=zeros(request.response_size))


def answer(request, context):
    abort_if_asked(request, context)
    for parameters in request.response_parameters:
        time.sleep(parameters.interval_us / 1e6)
        if parameters.HasField("compressed") and not parameters.compressed.value:
            context.disable_next_message_compression()
        yield M["StreamingOutputCallResponse"](payload=zeros(parameters.size))


def streaming_output(request, context):
    if any(parameters.HasField("compressed") for parameters in request.response_parameters):
        context.set_compression(grpc.Compression.Gzip)
    echo(context)
    yield from answer(request, context)


def streaming_input(requests, context):
    total = sum(len(request.payload.body) for request in requests)
    return M["StreamingInputCallResponse"](aggregated_payload_size=total)


def full_duplex(requests, context):
    echo(context)
    for request in requests:
        yield from answer(request, context)


BEHAVIOURS = {
    "EmptyCall": empty,
    "UnaryCall": unary,
    "CacheableUnaryCall": unary,
    "StreamingOutputCall": streaming_output,
    "StreamingInputCall": streaming_input,
    "FullDuplexCall": full_duplex,
}
KINDS = {
    (False, False): grpc.unary_unary_rpc_method_handler,
    (False, True): grpc.unary_stream_rpc_method_handler,
    (True, False): grpc.stream_unary_rpc_method_handler,
    (True, True): grpc.stream_stream_rpc_method_handler,
}
handlers = {
    name: KINDS[requests, responses](BEHAVIOURS[name], M[request].FromString, M[response].SerializeToString)
    for name, request, response, requests, responses in METHODS
    if name in BEHAVIOURS
}

server = grpc.server(futures.ThreadPoolExecutor(max_workers=16))
server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("grpc.testing.TestService", handlers),))
port = server.add_insecure_port("127.0.0.1:0")
server.start()
print(f"port {port}", flush=True)
sys.stdin.read()
server.stop(None)
