"""The vault's keys, and the keyset that wraps them."""

from __future__ import annotations

import enum
import secrets
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric import ec

from kpm.ids import NIL_ID
from kpm.kpm1.error import Kpm1Error, ensure
from kpm.kpm1.header import Header
from kpm.kpm1.primitives import (
    agree, equal, gcm_open, gcm_seal, generate_key, hkdf, hmac, import_public_key, pbkdf2, public_key_bytes, subkey,
)
from kpm.kpm1.structure import KEYSET, WRAP, Reader, begin, u16, u32, u64

MIN_ITERATIONS = 600_000
MAX_ITERATIONS = 10_000_000
DEFAULT_ITERATIONS = 1_000_000
"""Bounds of PBKDF2's iterations. They are the client's own: a server may neither weaken nor exhaust it."""

_MAX_DEVICE_WRAPS = 256
_MAX_EPOCHS = 1024


class WrapKind(enum.IntEnum):
    """What a wrap protects the account key with."""

    PASSWORD = 1
    RECOVERY = 2
    DEVICE = 3
    EPOCH = 4


@dataclass(frozen=True, kw_only=True)
class WrapBinding:
    """What a wrapped key is bound to."""

    account: UUID
    vault: UUID
    key_epoch: int
    device: UUID = NIL_ID
    """The recipient of a device wrap."""
    iterations: int = 0
    """Of a password wrap."""
    salt: bytes = bytes(32)
    """Of a password wrap."""


def wrap_aad(kind: WrapKind, binding: WrapBinding) -> bytes:
    """The associated data of a wrapped key: 96 bytes."""
    return b"".join((
        begin(WRAP),
        bytes((kind, 0)),
        binding.account.bytes,
        binding.vault.bytes,
        u32(binding.key_epoch),
        binding.device.bytes,
        u32(binding.iterations),
        binding.salt,
    ))


@dataclass(frozen=True)
class AccountSubkeys:
    """The subkeys of an account key; the account key itself protects nothing."""

    wrap: bytes
    directory: bytes
    keyset: bytes
    local: bytes

    @staticmethod
    def of(account_key: bytes) -> AccountSubkeys:
        """Derives them."""
        return AccountSubkeys(*(subkey(account_key, b"KPM1 AK " + label) for label in (b"wrap", b"directory", b"keyset", b"local")))


def derive_unlock_key(main_password: str, salt: bytes, iterations: int, least: int = MIN_ITERATIONS) -> bytes:
    """The key that the main password opens the vault with.

    least is the least number of iterations to accept: more than the fixed bound where this vault has had more. Raises
    PASSWORD_INVALID, KDF_TOO_WEAK, KDF_TOO_STRONG or KDF_DOWNGRADE, before a single iteration runs.
    """
    _check_iterations(iterations, least)
    ensure(len(salt) == 32, "STRUCTURE_INVALID", "a salt has 32 bytes")
    return pbkdf2(_password_bytes(main_password), salt, iterations)


def _password_bytes(main_password: str) -> bytes:
    try:
        data = unicodedata.normalize("NFKC", main_password).encode()
    except UnicodeEncodeError:
        data = b""
    ensure(1 <= len(data) <= 1024, "PASSWORD_INVALID", "a main password is Unicode text of 1 to 1,024 bytes in UTF-8")
    return data


def _check_iterations(iterations: int, least: int) -> None:
    ensure(iterations >= MIN_ITERATIONS, "KDF_TOO_WEAK", f"{iterations} iterations are fewer than {MIN_ITERATIONS}")
    ensure(iterations <= MAX_ITERATIONS, "KDF_TOO_STRONG", f"{iterations} iterations are more than {MAX_ITERATIONS}")
    ensure(iterations >= least, "KDF_DOWNGRADE", f"{iterations} iterations are fewer than the {least} that this vault had before")


@dataclass(frozen=True)
class EcdhWrap:
    """The account key, wrapped to the holder of an ECDH key."""

    recipient: bytes
    """The recipient's public key."""
    ephemeral: bytes
    """The public key of the pair that was made for this wrap."""
    nonce: bytes
    wrap: bytes

    def encode(self) -> bytes:
        """Its bytes in a keyset."""
        return self.recipient + self.ephemeral + self.nonce + self.wrap


@dataclass(frozen=True)
class EpochWrap:
    """The keys of one epoch, wrapped by the account key."""

    epoch: int
    nonce: bytes
    wrap: bytes


@dataclass(frozen=True, kw_only=True)
class Keyset:
    """The wrapped keys of a vault, as they stand in the log."""

    account: UUID
    vault: UUID
    rev: int
    key_epoch: int
    iterations: int
    salt: bytes
    nonce: bytes
    wrap: bytes
    """The password wrap."""
    recovery: EcdhWrap | None
    devices: Mapping[UUID, EcdhWrap]
    epochs: tuple[EpochWrap, ...]
    authenticated: bytes
    """All bytes before the MAC."""
    mac: bytes

    def binding(self, **more: object) -> WrapBinding:
        """What the wraps of this keyset are bound to."""
        return WrapBinding(account=self.account, vault=self.vault, **{"key_epoch": self.key_epoch, **more})  # type: ignore[arg-type]

    @staticmethod
    def parse(data: bytes) -> Keyset:
        """Takes a keyset apart; opens nothing."""
        reader = Reader(data, KEYSET, "keyset")
        account, vault, rev, key_epoch = reader.id(), reader.id(), reader.u64(), reader.u32()
        iterations, salt, nonce, wrap = reader.u32(), reader.bytes(32), reader.bytes(12), reader.bytes(48)

        def ecdh_wrap() -> EcdhWrap:
            return EcdhWrap(reader.bytes(65), reader.bytes(65), reader.bytes(12), reader.bytes(48))

        recovery_count = reader.u8()
        reader.check(recovery_count <= 1, "has more than one recovery wrap")
        recovery = ecdh_wrap() if recovery_count else None
        device_count = reader.u16()
        reader.check(device_count <= _MAX_DEVICE_WRAPS, "has too many device wraps")
        devices = [(reader.id(), ecdh_wrap()) for _ in range(device_count)]
        epoch_count = reader.u16()
        reader.check(1 <= epoch_count <= _MAX_EPOCHS, "has no epoch or too many")
        epochs = tuple(EpochWrap(reader.u32(), reader.bytes(12), reader.bytes(80)) for _ in range(epoch_count))
        mac = reader.bytes(32)
        reader.end()

        reader.check(rev >= 1 and key_epoch >= 1, "has a zero where numbers start at 1")
        reader.check(
            all(one.bytes < next_one.bytes for (one, _), (next_one, _) in zip(devices, devices[1:])),
            "has device wraps out of order",
        )
        numbers = [0, *(epoch.epoch for epoch in epochs)]
        reader.check(all(one < next_one for one, next_one in zip(numbers, numbers[1:])), "has epochs out of order")
        reader.check(numbers[-1] == key_epoch, "has another last epoch than its own")
        for ecdh in ([recovery] if recovery else []) + [wrap for _, wrap in devices]:
            import_public_key(ecdh.recipient)
            import_public_key(ecdh.ephemeral)
        return Keyset(
            account=account, vault=vault, rev=rev, key_epoch=key_epoch, iterations=iterations, salt=salt, nonce=nonce,
            wrap=wrap, recovery=recovery, devices=dict(devices), epochs=epochs, authenticated=data[:-32], mac=mac,
        )


@dataclass(frozen=True)
class EpochKeys:
    """The keys of one epoch."""

    vault: bytes
    """For items."""
    directory: bytes
    """For the MACs of directory entries."""


class VaultKeys:
    """The secret keys of a vault, in memory only."""

    def __init__(self, account_key: bytes, epochs: Mapping[int, EpochKeys]) -> None:
        self.account_key = account_key
        """The account key of the newest epoch, 32 bytes."""
        self.epochs = dict(sorted(epochs.items()))
        """The keys of each epoch, ascending."""

    @property
    def epoch(self) -> int:
        """The newest epoch."""
        return max(self.epochs)

    def vault_key(self, epoch: int) -> bytes | None:
        """The key of an epoch's items, or None."""
        keys = self.epochs.get(epoch)
        return keys and keys.vault

    def directory_key(self, epoch: int) -> bytes | None:
        """The key of an epoch's directory entries, or None."""
        keys = self.epochs.get(epoch)
        return keys and keys.directory

    @staticmethod
    def create() -> VaultKeys:
        """Fresh keys for a new vault, of epoch 1."""
        account_key = secrets.token_bytes(32)
        return VaultKeys(account_key, {1: EpochKeys(secrets.token_bytes(32), AccountSubkeys.of(account_key).directory)})

    def next(self) -> VaultKeys:
        """The keys of the next epoch: a new account key and vault key, and those of all epochs before."""
        account_key = secrets.token_bytes(32)
        directory = AccountSubkeys.of(account_key).directory
        return VaultKeys(account_key, {**self.epochs, self.epoch + 1: EpochKeys(secrets.token_bytes(32), directory)})

    @staticmethod
    def from_keyset(keyset: Keyset, account_key: bytes) -> VaultKeys:
        """Opens the epochs of a keyset whose account key is known; checks its MAC first."""
        subkeys = AccountSubkeys.of(account_key)
        ensure(
            equal(hmac(subkeys.keyset, keyset.authenticated), keyset.mac),
            "KEYSET_MAC_INVALID",
            "the keyset was not made with the account key",
        )
        epochs = {
            wrapped.epoch: open_epoch_wrap(
                subkeys.wrap, wrapped.nonce, wrapped.wrap, keyset.binding(key_epoch=wrapped.epoch)
            )
            for wrapped in keyset.epochs
        }
        ensure(
            equal(epochs[keyset.key_epoch].directory, subkeys.directory),
            "WRAP_INVALID",
            "the directory key of the newest epoch is not the account key's",
        )
        return VaultKeys(account_key, epochs)


def check_keyset(data: bytes, header: Header, least: int = MIN_ITERATIONS) -> Keyset:
    """Checks what can be checked of a keyset without a key: layout, that it is the header's, and its KDF.

    least is the greatest number of iterations that this vault has had.
    """
    keyset = Keyset.parse(data)
    ensure(
        (keyset.account, keyset.vault, keyset.rev, keyset.key_epoch)
        == (header.account, header.vault, header.rev, header.key_epoch),
        "KEYSET_MISMATCH",
        "the keyset is not the one that its header names",
    )
    _check_iterations(keyset.iterations, least)
    return keyset


def open_keyset(data: bytes, header: Header, main_password: str, least: int = MIN_ITERATIONS) -> VaultKeys:
    """Opens a keyset with the main password. Raises PASSWORD_WRONG where that is another one."""
    keyset = check_keyset(data, header, least)
    unlock_key = derive_unlock_key(main_password, keyset.salt, keyset.iterations, least)
    binding = keyset.binding(iterations=keyset.iterations, salt=keyset.salt)
    return VaultKeys.from_keyset(keyset, open_password_wrap(unlock_key, keyset.nonce, keyset.wrap, binding))


def open_password_wrap(unlock_key: bytes, nonce: bytes, wrap: bytes, binding: WrapBinding) -> bytes:
    """Opens the password wrap of the account key.

    Raises PASSWORD_WRONG: a wrong password and a changed wrap look the same.
    """
    account_key = gcm_open(unlock_key, nonce, wrap, wrap_aad(WrapKind.PASSWORD, binding))
    if account_key is None:
        raise Kpm1Error("PASSWORD_WRONG", "the main password is wrong")
    return account_key


def open_epoch_wrap(wrap_key: bytes, nonce: bytes, wrap: bytes, binding: WrapBinding) -> EpochKeys:
    """Opens the wrap of an epoch's keys with the account key's wrap key."""
    keys = gcm_open(wrap_key, nonce, wrap, wrap_aad(WrapKind.EPOCH, binding))
    if keys is None:
        raise Kpm1Error("WRAP_INVALID", f"the key of epoch {binding.key_epoch} does not open")
    return EpochKeys(keys[:32], keys[32:])


def open_keyset_as_device(
    data: bytes, header: Header, device: UUID, agreement_key: ec.EllipticCurvePrivateKey
) -> VaultKeys:
    """Opens a keyset with the ECDH key of a device that it has a wrap for. Raises WRAP_INVALID where it has none."""
    keyset = check_keyset(data, header)
    binding = keyset.binding(device=device)
    return VaultKeys.from_keyset(keyset, open_ecdh_wrap(WrapKind.DEVICE, keyset.devices.get(device), binding, agreement_key))


def open_keyset_with_recovery(data: bytes, header: Header, recovery_key: ec.EllipticCurvePrivateKey) -> VaultKeys:
    """Opens a keyset with the recovery key. Raises WRAP_INVALID where it has no wrap for it."""
    keyset = check_keyset(data, header)
    return VaultKeys.from_keyset(keyset, open_ecdh_wrap(WrapKind.RECOVERY, keyset.recovery, keyset.binding(), recovery_key))


def open_ecdh_wrap(
    kind: WrapKind, wrap: EcdhWrap | None, binding: WrapBinding, recipient: ec.EllipticCurvePrivateKey
) -> bytes:
    """Opens an ECDH wrap of the account key."""
    own = public_key_bytes(recipient.public_key())
    if wrap is not None and wrap.recipient == own:
        aad = wrap_aad(kind, binding)
        key = hkdf(agree(recipient, import_public_key(wrap.ephemeral)), wrap.ephemeral + own, b"KPM1 wrap" + aad)
        account_key = gcm_open(key, wrap.nonce, wrap.wrap, aad)
        if account_key is not None:
            return account_key
    raise Kpm1Error("WRAP_INVALID", "the keyset has no wrap that this key opens")


def seal_ecdh_wrap(
    kind: WrapKind, account_key: bytes, binding: WrapBinding, recipient: ec.EllipticCurvePublicKey
) -> EcdhWrap:
    """Wraps the account key to the holder of an ECDH key."""
    pair = generate_key()
    ephemeral, own = public_key_bytes(pair.public_key()), public_key_bytes(recipient)
    nonce = secrets.token_bytes(12)
    aad = wrap_aad(kind, binding)
    key = hkdf(agree(pair, recipient), ephemeral + own, b"KPM1 wrap" + aad)
    return EcdhWrap(own, ephemeral, nonce, gcm_seal(key, nonce, account_key, aad))


def seal_keyset(
    *,
    account: UUID,
    vault: UUID,
    rev: int,
    keys: VaultKeys,
    main_password: str,
    iterations: int = DEFAULT_ITERATIONS,
    recovery_key: ec.EllipticCurvePublicKey | None = None,
    devices: Iterable[tuple[UUID, ec.EllipticCurvePublicKey]] = (),
) -> bytes:
    """The bytes of a new keyset: the vault's keys, wrapped by the main password, to a recovery key and to devices.

    rev is one more than the keyset that it replaces, 1 for the first.
    """
    subkeys = AccountSubkeys.of(keys.account_key)
    salt, nonce = secrets.token_bytes(32), secrets.token_bytes(12)
    binding = WrapBinding(account=account, vault=vault, key_epoch=keys.epoch, iterations=iterations, salt=salt)
    unlock_key = derive_unlock_key(main_password, salt, iterations)
    recovery_wrap = b""
    if recovery_key:
        recovery_binding = WrapBinding(account=account, vault=vault, key_epoch=keys.epoch)
        recovery_wrap = seal_ecdh_wrap(WrapKind.RECOVERY, keys.account_key, recovery_binding, recovery_key).encode()
    device_wraps = b""
    recipients = sorted(devices, key=lambda recipient: recipient[0].bytes)
    for device, agreement_key in recipients:
        device_binding = WrapBinding(account=account, vault=vault, key_epoch=keys.epoch, device=device)
        wrap = seal_ecdh_wrap(WrapKind.DEVICE, keys.account_key, device_binding, agreement_key)
        device_wraps += device.bytes + wrap.encode()
    epoch_wraps = b""
    for epoch, epoch_keys in keys.epochs.items():
        epoch_nonce = secrets.token_bytes(12)
        aad = wrap_aad(WrapKind.EPOCH, WrapBinding(account=account, vault=vault, key_epoch=epoch))
        epoch_wraps += u32(epoch) + epoch_nonce + gcm_seal(subkeys.wrap, epoch_nonce, epoch_keys.vault + epoch_keys.directory, aad)
    authenticated = b"".join((
        begin(KEYSET),
        account.bytes,
        vault.bytes,
        u64(rev),
        u32(keys.epoch),
        u32(iterations),
        salt,
        nonce,
        gcm_seal(unlock_key, nonce, keys.account_key, wrap_aad(WrapKind.PASSWORD, binding)),
        b"\1" + recovery_wrap if recovery_wrap else b"\0",
        u16(len(recipients)),
        device_wraps,
        u16(len(keys.epochs)),
        epoch_wraps,
    ))
    data = authenticated + hmac(subkeys.keyset, authenticated)
    Keyset.parse(data)
    return data
