"""Ids: UUIDs, which the contract writes in lower case."""

import secrets
import time
from uuid import UUID

NIL_ID = UUID(int=0)
"""The id of all zeros, which names nothing."""


def new_id(now_ms: int | None = None) -> UUID:
    """A new UUIDv7."""
    if now_ms is None:
        now_ms = time.time_ns() // 1_000_000
    value = (now_ms << 80) | secrets.randbits(80)
    value = (value & ~(0xF << 76)) | (0x7 << 76)
    value = (value & ~(0x3 << 62)) | (0x2 << 62)
    return UUID(int=value)
