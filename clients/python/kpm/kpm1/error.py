"""What KPM1 refuses to read."""


class Kpm1Error(Exception):
    """A structure that is malformed, was tampered with, or needs a newer client.

    code names the check that failed, as docs/crypto.md does.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{message} ({code})")
        self.code = code


def ensure(condition: bool, code: str, message: str) -> None:
    """Raises Kpm1Error unless the condition holds."""
    if not condition:
        raise Kpm1Error(code, message)
