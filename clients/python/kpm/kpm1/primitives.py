"""The primitives of KPM1, all from python3-cryptography and the standard library."""

from __future__ import annotations

import hashlib
import hmac as standard_hmac

from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.kdf.pbkdf2 import PBKDF2HMAC
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from kpm.kpm1.error import Kpm1Error

_CURVE = ec.SECP256R1()
_ECDSA = ec.ECDSA(SHA256())


def sha256(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


def hkdf(key: bytes, salt: bytes, info: bytes) -> bytes:
    """HKDF-SHA256, extract and expand, 32 bytes."""
    return HKDF(SHA256(), 32, salt, info).derive(key)


def subkey(key: bytes, label: bytes) -> bytes:
    """A subkey without a salt, named by a label."""
    return hkdf(key, b"", label)


def pbkdf2(password: bytes, salt: bytes, iterations: int) -> bytes:
    """PBKDF2-HMAC-SHA256, 32 bytes."""
    return PBKDF2HMAC(SHA256(), 32, salt, iterations).derive(password)


def hmac(key: bytes, data: bytes) -> bytes:
    """HMAC-SHA256."""
    return standard_hmac.digest(key, data, "sha256")


def equal(a: bytes, b: bytes) -> bool:
    """Compares in constant time."""
    return standard_hmac.compare_digest(a, b)


def gcm_seal(key: bytes, nonce: bytes, plain: bytes, aad: bytes) -> bytes:
    """AES-256-GCM: ciphertext and tag."""
    return AESGCM(key).encrypt(nonce, plain, aad)


def gcm_open(key: bytes, nonce: bytes, sealed: bytes, aad: bytes) -> bytes | None:
    """The plaintext, or None where the tag does not verify."""
    try:
        return AESGCM(key).decrypt(nonce, sealed, aad)
    except InvalidTag:
        return None


def generate_key() -> ec.EllipticCurvePrivateKey:
    """A key on P-256, for ECDSA or ECDH; never for both."""
    return ec.generate_private_key(_CURVE)


def public_key_bytes(key: ec.EllipticCurvePublicKey) -> bytes:
    """The 65 bytes of a public key: an uncompressed point."""
    return key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)


def import_public_key(data: bytes) -> ec.EllipticCurvePublicKey:
    """A public key from its 65 bytes; STRUCTURE_INVALID where they are no uncompressed point on the curve."""
    if len(data) != 65 or data[0] != 4:
        raise Kpm1Error("STRUCTURE_INVALID", "a public key is no uncompressed point")
    try:
        return ec.EllipticCurvePublicKey.from_encoded_point(_CURVE, data)
    except ValueError as error:
        raise Kpm1Error("STRUCTURE_INVALID", "a public key is no point on the curve") from error


def sign(key: ec.EllipticCurvePrivateKey, data: bytes) -> bytes:
    """ECDSA with SHA-256: 64 bytes r || s."""
    r, s = decode_dss_signature(key.sign(data, _ECDSA))
    return r.to_bytes(32, "big") + s.to_bytes(32, "big")


def verify(key: ec.EllipticCurvePublicKey, data: bytes, signature: bytes) -> bool:
    """Whether 64 bytes r || s are the data's signature; every other form is not."""
    if len(signature) != 64:
        return False
    r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big")
    try:
        key.verify(encode_dss_signature(r, s), data, _ECDSA)
    except InvalidSignature:
        return False
    return True


def agree(own: ec.EllipticCurvePrivateKey, peer: ec.EllipticCurvePublicKey) -> bytes:
    """ECDH: the x coordinate, 32 bytes."""
    return own.exchange(ec.ECDH(), peer)
