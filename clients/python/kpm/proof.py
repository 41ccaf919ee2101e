"""The proof that the caller holds a device's signing key."""

import secrets
import time

from cryptography.hazmat.primitives.asymmetric import ec

from kpm.kpm1.primitives import sha256, sign
from kpm.v1.session_pb2 import DeviceProof


def proof_bytes(method: str, token: str, time_ms: int, nonce: bytes) -> bytes:
    """The bytes that a device signs for one method and one token; session.proto has the layout."""
    name = method.encode()
    return b"".join((
        b"KPM1-PROOF",
        len(name).to_bytes(2, "big"),
        name,
        sha256(token.encode()),
        time_ms.to_bytes(8, "big"),
        nonce,
    ))


def create_proof(
    signing_key: ec.EllipticCurvePrivateKey, method: str, token: str, now_ms: int | None = None
) -> DeviceProof:
    """Proves to the server that the caller holds the device's signing key.

    method is the full name of the rpc, such as "/kpm.v1.VaultService/Sync"; token is what the proof is for: the access
    token, or the refresh token of RefreshSession; now_ms is the device's clock in milliseconds since 1970, of which
    the server allows 60 s of difference.
    """
    if now_ms is None:
        now_ms = time.time_ns() // 1_000_000
    nonce = secrets.token_bytes(16)
    proof = DeviceProof(nonce=nonce, signature=sign(signing_key, proof_bytes(method, token, now_ms, nonce)))
    proof.time.FromMilliseconds(now_ms)
    return proof
