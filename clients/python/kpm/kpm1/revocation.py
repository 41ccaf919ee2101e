"""Device revocations: the end of a device's part in the log."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID

from kpm.kpm1.error import Kpm1Error, ensure
from kpm.kpm1.primitives import equal, hmac
from kpm.kpm1.structure import REVOCATION, Reader, begin

_LENGTH = 88


@dataclass(frozen=True)
class Revocation:
    """A revocation as it was read; what it claims is not verified."""

    account: UUID
    vault: UUID
    device: UUID
    """The device of which nothing later is accepted."""
    authenticated: bytes
    """The bytes that the MAC is over."""
    mac: bytes

    @staticmethod
    def parse(data: bytes) -> Revocation:
        """Takes a revocation apart."""
        reader = Reader(data, REVOCATION, "device revocation")
        reader.check(len(data) == _LENGTH, "has another length")
        reader.check(reader.u16() == 0, "has flags")
        account, vault, device, mac = reader.id(), reader.id(), reader.id(), reader.bytes(32)
        reader.end()
        return Revocation(account, vault, device, data[:-32], mac)

    def verify(self, epoch: int, directory_key: Callable[[int], bytes | None]) -> None:
        """Verifies the MAC.

        epoch is that of the header which carries the revocation; directory_key gives the directory key of an epoch, or
        None. Raises KEY_EPOCH_UNKNOWN or DIRECTORY_MAC_INVALID.
        """
        key = directory_key(epoch)
        if key is None:
            raise Kpm1Error("KEY_EPOCH_UNKNOWN", f"there is no key for epoch {epoch}")
        ensure(
            equal(hmac(key, self.authenticated), self.mac),
            "DIRECTORY_MAC_INVALID",
            "the revocation was not made with the account key",
        )


def seal_revocation(account: UUID, vault: UUID, device: UUID, directory_key: bytes) -> bytes:
    """The bytes of a revocation, under the directory key of its operation's epoch."""
    authenticated = begin(REVOCATION) + bytes(2) + account.bytes + vault.bytes + device.bytes
    return authenticated + hmac(directory_key, authenticated)
