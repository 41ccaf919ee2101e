"""Reading and writing KPM1's structures; all integers are big-endian."""

from __future__ import annotations

from uuid import UUID

from kpm.kpm1.error import Kpm1Error, ensure

MAGIC = b"KPM1"
SUITE = 1
MAX_U64 = 2**63 - 1

HEADER, ITEM, KEYSET, WRAP, DIRECTORY_ENTRY, CHECKPOINT, REVOCATION, ATTACHMENT = range(1, 9)
"""The numbers of the structures."""


def begin(structure: int) -> bytes:
    """The first six bytes of a structure: magic, its number, the suite."""
    return MAGIC + bytes((structure, SUITE))


def u16(value: int) -> bytes:
    return value.to_bytes(2, "big")


def u32(value: int) -> bytes:
    return value.to_bytes(4, "big")


def u64(value: int) -> bytes:
    return value.to_bytes(8, "big")


class Reader:
    """Takes a structure apart; everything that does not fit is STRUCTURE_INVALID."""

    def __init__(self, source: bytes, structure: int, what: str) -> None:
        self._source = source
        self._offset = 0
        self._what = what
        self.check(self.bytes(4) == MAGIC, "has another magic")
        self.check(self.u8() == structure, "is another structure")
        suite = self.u8()
        if suite != SUITE:
            raise Kpm1Error("SUITE_UNKNOWN", f"the {what} is of suite {suite}; a newer client is needed to read it")

    def bytes(self, length: int) -> bytes:
        end = self._offset + length
        self.check(end <= len(self._source), "is too short")
        part = self._source[self._offset : end]
        self._offset = end
        return part

    def u8(self) -> int:
        return self.bytes(1)[0]

    def u16(self) -> int:
        return int.from_bytes(self.bytes(2), "big")

    def u32(self) -> int:
        return int.from_bytes(self.bytes(4), "big")

    def u64(self) -> int:
        value = int.from_bytes(self.bytes(8), "big")
        self.check(value <= MAX_U64, "has an integer above 2^63 - 1")
        return value

    def id(self) -> UUID:
        return UUID(bytes=self.bytes(16))

    def end(self) -> None:
        """Everything was read."""
        self.check(self._offset == len(self._source), "is too long")

    def check(self, condition: bool, problem: str) -> None:
        """Refuses the structure unless the condition holds."""
        ensure(condition, "STRUCTURE_INVALID", f"the {self._what} {problem}")
