"""Transfers that go on where they stood."""

from __future__ import annotations

import random
import time

import grpc

from kpm.errors import RpcError

_MOST_FAILURES = 5
_FIRST_DELAY = 0.5
_LONGEST_DELAY = 60.0


class Patience:
    """For a transfer that goes on where it stood while the server is out of reach.

    Pauses double from 0.5 s to 60 s with full jitter, or last as long as the server says. Five failures without progress
    in between are the end.
    """

    def __init__(self) -> None:
        self._failures = 0

    def progress(self) -> None:
        """Something has arrived."""
        self._failures = 0

    def after(self, error: RpcError) -> None:
        """Waits until the next try is due. Raises the error where no try would help."""
        self._failures += 1
        if error.code != grpc.StatusCode.UNAVAILABLE or self._failures > _MOST_FAILURES:
            raise error
        most = min(_FIRST_DELAY * 2 ** (self._failures - 1), _LONGEST_DELAY)
        time.sleep(random.uniform(0, most) if error.retry_after is None else error.retry_after)
