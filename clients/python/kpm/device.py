"""A device and its keys."""

from __future__ import annotations

from dataclasses import dataclass, field
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric import ec

from kpm.ids import new_id
from kpm.kpm1.primitives import generate_key, public_key_bytes
from kpm.proof import create_proof
from kpm.v1.session_pb2 import PLATFORM_SERVICE, DeviceInfo, DeviceProof


@dataclass(frozen=True)
class Device:
    """A device with its keys, new by default. Its id belongs to one account and to these keys."""

    name: str
    """What the person sees in the list of devices."""
    platform: int = PLATFORM_SERVICE
    application_id: str = "kpm-sdk"
    """From the catalogue of applications."""
    application_version: str = "0.1.0"
    id: UUID = field(default_factory=new_id)
    signing: ec.EllipticCurvePrivateKey = field(default_factory=generate_key, repr=False)
    """ECDSA: proves the device to the server, and signs its operations."""
    agreement: ec.EllipticCurvePrivateKey = field(default_factory=generate_key, repr=False)
    """ECDH: the vault's key can be wrapped to it."""

    @property
    def signing_key(self) -> bytes:
        """The public half of `signing`, 65 bytes."""
        return public_key_bytes(self.signing.public_key())

    @property
    def agreement_key(self) -> bytes:
        """The public half of `agreement`, 65 bytes."""
        return public_key_bytes(self.agreement.public_key())

    def info(self) -> DeviceInfo:
        """What registration and sign-in tell the server."""
        return DeviceInfo(
            device_id=str(self.id),
            name=self.name,
            platform=self.platform,
            application_id=self.application_id,
            application_version=self.application_version,
            signing_key=self.signing_key,
        )

    def prove(self, method: str, token: str) -> DeviceProof:
        """Proves the device's key for one method and one token."""
        return create_proof(self.signing, method, token)
