"""The messages of the interoperability tests, out of a file of descriptors."""
from google.protobuf import descriptor_pb2, message_factory


def load(path):
    """The message classes by their names without the package."""
    with open(path, "rb") as file:
        files = descriptor_pb2.FileDescriptorSet.FromString(file.read())
    classes = message_factory.GetMessages(files.file)
    return {name.rsplit(".", 1)[1]: cls for name, cls in classes.items()}


# Name, request, response, whether each is a stream.
METHODS = [
    ("EmptyCall", "Empty", "Empty", False, False),
    ("UnaryCall", "SimpleRequest", "SimpleResponse", False, False),
    ("CacheableUnaryCall", "SimpleRequest", "SimpleResponse", False, False),
    ("StreamingOutputCall", "StreamingOutputCallRequest", "StreamingOutputCallResponse", False, True),
    ("StreamingInputCall", "StreamingInputCallRequest", "StreamingInputCallResponse", True, False),
    ("FullDuplexCall", "StreamingOutputCallRequest", "StreamingOutputCallResponse", True, True),
    ("UnimplementedCall", "Empty", "Empty", False, False),
]
