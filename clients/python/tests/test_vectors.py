"""The vectors that every language passes; docs/crypto.md says how to read them."""

from __future__ import annotations

import json
import unicodedata
import unittest
import warnings
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric import ec

from kpm.item.v1.item_pb2 import Item
from kpm.kpm1 import attachment
from kpm.kpm1.checkpoint import Checkpoint, Leaf, merkle_root
from kpm.kpm1.directory import Enrolment, ParsedEntry, parse_directory_entry, seal_directory_entry
from kpm.kpm1.error import Kpm1Error, ensure
from kpm.kpm1.header import Header
from kpm.kpm1.item import ItemBinding, item_aad, item_key, open_item, open_item_message, pad, seal_item_with
from kpm.kpm1.keyset import (
    AccountSubkeys, EcdhWrap, EpochKeys, Keyset, VaultKeys, WrapBinding, WrapKind, check_keyset, derive_unlock_key,
    open_ecdh_wrap, open_epoch_wrap, open_keyset, open_keyset_as_device, open_keyset_with_recovery, open_password_wrap,
    wrap_aad,
)
from kpm.kpm1.log import VaultLog
from kpm.kpm1.primitives import gcm_open, gcm_seal, import_public_key, sha256, verify
from kpm.kpm1.revocation import Revocation, seal_revocation
from kpm.proof import proof_bytes
from kpm.v1.vault_pb2 import OPERATION_KIND_KEYSET, Change
from kpm.v1.vault_service_pb2 import SnapshotBegin

FOLDER = Path(__file__).resolve().parents[2] / "testvectors"

Vector = dict[str, Any]


def load(subject: str) -> Vector:
    return json.loads((FOLDER / f"{subject}.json").read_bytes())


def unhex(vector: Vector, *names: str) -> list[bytes]:
    return [bytes.fromhex(vector[name]) for name in names]


def flipped(vector: Vector, name: str, flip: Vector) -> bytes:
    data = bytearray.fromhex(vector[name])
    data[flip["offset"]] ^= flip["xor"]
    return bytes(data)


def agreement_key(scalar: str) -> ec.EllipticCurvePrivateKey:
    return ec.derive_private_key(int(scalar, 16), ec.SECP256R1())


def by_epoch(keys: dict[str, str]) -> Callable[[int], bytes | None]:
    return lambda epoch: bytes.fromhex(keys[str(epoch)]) if str(epoch) in keys else None


class Subject:
    """How the vectors of one file are read: `accept` checks all that a positive states, `refuse` does what a negative must make fail."""

    def __init__(self, test: unittest.TestCase) -> None:
        self.equal = test.assertEqual

    def accept(self, vector: Vector) -> None:
        raise NotImplementedError

    def refuse(self, vector: Vector, first: Vector) -> None:
        raise NotImplementedError


def password(vector: Vector) -> str:
    if "password" in vector:
        return vector["password"]
    return bytes.fromhex(vector["password_utf16"]).decode("utf-16-be", "surrogatepass")


class Kdf(Subject):
    def accept(self, vector: Vector) -> None:
        self.equal(unicodedata.normalize("NFKC", password(vector)).encode().hex(), vector["normalised"])
        key = derive_unlock_key(password(vector), bytes.fromhex(vector["salt"]), vector["iterations"])
        self.equal(key.hex(), vector["user_key"])

    def refuse(self, vector: Vector, first: Vector) -> None:
        derive_unlock_key(password(vector), bytes.fromhex(vector["salt"]), vector["iterations"])


class Wraps(Subject):
    def accept(self, vector: Vector) -> None:
        if "account_key" in vector:
            for name, key in asdict(AccountSubkeys.of(bytes.fromhex(vector["account_key"]))).items():
                self.equal(key.hex(), vector[f"{name}_key"])
            return
        self.equal(wrap_aad(WrapKind[vector["wrap"].upper()], self.binding(vector)).hex(), vector["aad"])
        self.equal(self.open(vector).hex(), vector["plaintext"])

    def refuse(self, vector: Vector, first: Vector) -> None:
        self.open(vector)

    @staticmethod
    def binding(vector: Vector) -> WrapBinding:
        return WrapBinding(
            account=UUID(vector["account"]), vault=UUID(vector["vault"]), key_epoch=vector["key_epoch"],
            device=UUID(vector["device"]), iterations=vector["iterations"], salt=bytes.fromhex(vector["kdf_salt"]),
        )

    def open(self, vector: Vector) -> bytes:
        kind, binding = WrapKind[vector["wrap"].upper()], self.binding(vector)
        nonce, wrap = unhex(vector, "nonce", "wrapped")
        if kind == WrapKind.PASSWORD:
            return open_password_wrap(bytes.fromhex(vector["kek"]), nonce, wrap, binding)
        if kind == WrapKind.EPOCH:
            keys = open_epoch_wrap(bytes.fromhex(vector["kek"]), nonce, wrap, binding)
            return keys.vault + keys.directory
        recipient, ephemeral = unhex(vector, "recipient", "ephemeral")
        key = agreement_key(vector["recipient_private"])
        return open_ecdh_wrap(kind, EcdhWrap(recipient, ephemeral, nonce, wrap), binding, key)


def item_binding(vector: Vector) -> ItemBinding:
    return ItemBinding(
        account=UUID(vector["account"]), vault=UUID(vector["vault"]), subject=UUID(vector["subject"]),
        key_epoch=vector["key_epoch"], schema=vector["schema"], base_rev=int(vector["base_rev"]),
        device=UUID(vector["device"]),
    )


class Aad(Subject):
    def accept(self, vector: Vector) -> None:
        key, nonce, plain, aad, sealed = unhex(vector, "key", "nonce", "plaintext", "aad", "ciphertext")
        self.equal(item_aad(item_binding(vector)), aad)
        self.equal(gcm_seal(key, nonce, plain, aad), sealed)
        self.equal(gcm_open(key, nonce, sealed, aad), plain)

    def refuse(self, vector: Vector, first: Vector) -> None:
        key, nonce, sealed = unhex(first, "key", "nonce", "ciphertext")
        opened = gcm_open(key, nonce, sealed, flipped(first, "aad", vector["flip"]))
        ensure(opened is not None, "DECRYPTION_FAILED", "it does not open")


def verify_signed(key: str, data: bytes, signature: str | bytes) -> None:
    raw = bytes.fromhex(signature) if isinstance(signature, str) else signature
    ensure(verify(import_public_key(bytes.fromhex(key)), data, raw), "SIGNATURE_INVALID", "the signature does not verify")


class HeaderVectors(Subject):
    def accept(self, vector: Vector) -> None:
        expected = Header(
            kind=vector["kind"], account=UUID(vector["account"]), vault=UUID(vector["vault"]),
            generation=int(vector["generation"]), device=UUID(vector["device"]), op_seq=int(vector["op_seq"]),
            op_id=UUID(vector["op_id"]), subject=UUID(vector["subject"]), base_rev=int(vector["base_rev"]),
            key_epoch=vector["key_epoch"], schema=vector["schema"], envelope_hash=bytes.fromhex(vector["envelope_hash"]),
            commitment=bytes.fromhex(vector["commitment"]), observed_seq=int(vector["observed_seq"]),
            observed_hash=bytes.fromhex(vector["observed_hash"]), attachments=tuple(map(UUID, vector["attachments"])),
        )
        data = bytes.fromhex(vector["header"])
        self.equal(Header.parse(data), expected)
        self.equal(expected.encode(), data)
        self.equal(expected.rev, int(vector["rev"]))
        self.equal(sha256(data).hex(), vector["header_hash"])
        verify_signed(vector["signing_key"], data, vector["signature"])

    def refuse(self, vector: Vector, first: Vector) -> None:
        data = flipped(first, "header", vector["flip"]) if "flip" in vector else bytes.fromhex(vector["header"])
        Header.parse(data)
        verify_signed(first["signing_key"], data, first["signature"])


class Signature(Subject):
    def accept(self, vector: Vector) -> None:
        verify_signed(vector["signing_key"], bytes.fromhex(vector["data"]), vector["signature"])
        if "method" in vector:
            proof = proof_bytes(
                vector["method"], vector["token"], int(vector["time_ms"]), bytes.fromhex(vector["nonce"])
            )
            self.equal(proof.hex(), vector["data"])

    def refuse(self, vector: Vector, first: Vector) -> None:
        if "flip" in vector:
            data, signature = bytes.fromhex(first["data"]), flipped(first, "signature", vector["flip"])
            verify_signed(first["signing_key"], data, signature)
        else:
            verify_signed(vector["signing_key"], bytes.fromhex(vector["data"]), vector["signature"])


class ItemVectors(Subject):
    def accept(self, vector: Vector) -> None:
        header = Header.parse(bytes.fromhex(vector["header"]))
        keys = by_epoch(vector["vault_keys"])
        vault_key = keys(header.key_epoch)
        salt, nonce, message, envelope = unhex(vector, "salt", "nonce", "message", "envelope")
        self.equal(pad(message).hex(), vector["padded"])
        self.equal(item_aad(header).hex(), vector["aad"])
        key, commitment = item_key(vault_key, salt, item_aad(header))
        self.equal((key.hex(), commitment.hex()), (vector["item_key"], vector["commitment"]))
        self.equal(seal_item_with(message, vault_key, header, salt, nonce).envelope, envelope)
        self.equal(open_item_message(envelope, header, keys), message)

    def refuse(self, vector: Vector, first: Vector) -> None:
        source = first if "flip" in vector else vector
        envelope = flipped(first, "envelope", vector["flip"]) if "flip" in vector else bytes.fromhex(vector["envelope"])
        open_item(envelope, Header.parse(bytes.fromhex(source["header"])), by_epoch(source["vault_keys"]))


class Directory(Subject):
    def accept(self, vector: Vector) -> None:
        parsed = self.verified(vector, bytes.fromhex(vector["entry"]))
        entry = parsed.entry
        for name in ("account", "vault", "device", "approver"):
            self.equal(str(getattr(entry, name)), vector[name])
        self.equal((entry.enrolment, entry.key_epoch), (vector["enrolment"], vector["key_epoch"]))
        self.equal(
            [value.hex() for value in (entry.signing_key, entry.agreement_key, parsed.approval, parsed.approved)],
            [vector[name] for name in ("signing_key", "ecdh_key", "approval", "to_approve")],
        )
        self.equal(entry.approved_bytes(), parsed.approved)
        if entry.enrolment != Enrolment.APPROVED:
            self.equal(seal_directory_entry(entry, bytes.fromhex(vector["directory_key"])).hex(), vector["entry"])

    def refuse(self, vector: Vector, first: Vector) -> None:
        if "flip" in vector:
            self.verified(first, flipped(first, "entry", vector["flip"]))
        else:
            self.verified(vector, bytes.fromhex(vector["entry"]))

    @staticmethod
    def verified(vector: Vector, data: bytes) -> ParsedEntry:
        parsed = parse_directory_entry(data)
        approver = vector.get("approver_signing_key")
        parsed.verify(
            approver and import_public_key(bytes.fromhex(approver)),
            by_epoch({str(vector["key_epoch"]): vector["directory_key"]}),
        )
        return parsed


class KeysetVectors(Subject):
    def accept(self, vector: Vector) -> None:
        keys = self.opened(vector)
        self.equal(keys.account_key.hex(), vector["account_key"])
        self.equal({str(epoch): key.vault.hex() for epoch, key in keys.epochs.items()}, vector["vault_keys"])
        self.equal({str(epoch): key.directory.hex() for epoch, key in keys.epochs.items()}, vector["directory_keys"])
        keyset = Keyset.parse(bytes.fromhex(vector["keyset"]))
        self.equal(
            (str(keyset.account), keyset.rev, keyset.key_epoch, keyset.iterations),
            (vector["account"], int(vector["rev"]), vector["key_epoch"], vector["iterations"]),
        )

    def refuse(self, vector: Vector, first: Vector) -> None:
        if "flip" not in vector:
            self.opened(vector)
            return
        header = Header.parse(bytes.fromhex(first["header"]))
        keyset = check_keyset(flipped(first, "keyset", vector["flip"]), header)
        VaultKeys.from_keyset(keyset, bytes.fromhex(first["account_key"]))

    @staticmethod
    def opened(vector: Vector) -> VaultKeys:
        keyset, header = bytes.fromhex(vector["keyset"]), Header.parse(bytes.fromhex(vector["header"]))
        if "device" in vector:
            return open_keyset_as_device(keyset, header, UUID(vector["device"]), agreement_key(vector["device_private"]))
        if "recovery_private" in vector:
            return open_keyset_with_recovery(keyset, header, agreement_key(vector["recovery_private"]))
        return open_keyset(keyset, header, vector["password"], vector.get("least_iterations", 0))


def change(entry: Vector) -> Change:
    return Change(
        seq=int(entry["seq"]), kind=entry["kind"], subject_id=entry["subject"], rev=int(entry["rev"]),
        header=bytes.fromhex(entry["header"]), signature=bytes.fromhex(entry["signature"]),
        envelope=bytes.fromhex(entry["envelope"]), superseded=entry["superseded"],
    )


class Chain(Subject):
    def accept(self, vector: Vector) -> None:
        log = self.reader(vector)
        for entry in vector["entries"]:
            verified = log.append(change(entry))
            self.equal(log.chain_hash.hex(), entry["chain_hash"])
            if "message" in entry:
                message = open_item_message(verified.envelope, verified.header, by_epoch(vector["vault_keys"]))
                self.equal(message.hex(), entry["message"])
                Item.FromString(message)
        log.bookmark(len(vector["entries"]))

    def refuse(self, vector: Vector, first: Vector) -> None:
        log = self.reader(first)
        *before, last = (first["entries"][entry - 1] if isinstance(entry, int) else entry for entry in vector["log"])
        try:
            for entry in before:
                log.append(change(entry))
        except Kpm1Error as error:
            raise AssertionError("an entry before the last was refused") from error
        log.append(change(last))

    @staticmethod
    def reader(vector: Vector) -> VaultLog:
        epochs = {
            int(epoch): EpochKeys(bytes.fromhex(key), bytes.fromhex(vector["directory_keys"][epoch]))
            for epoch, key in vector["vault_keys"].items()
        }
        log = VaultLog(UUID(vector["account"]), VaultKeys(bytes.fromhex(vector["account_key"]), epochs))
        log.welcome(int(vector["generation"]), 1000)
        return log


class RevocationVectors(Subject):
    def accept(self, vector: Vector) -> None:
        revocation, directory_key = unhex(vector, "revocation", "directory_key")
        parsed = self.verified(vector, revocation)
        self.equal([str(parsed.account), str(parsed.vault), str(parsed.device)], [vector[n] for n in ("account", "vault", "device")])
        self.equal(seal_revocation(parsed.account, parsed.vault, parsed.device, directory_key), revocation)

    def refuse(self, vector: Vector, first: Vector) -> None:
        if "flip" in vector:
            self.verified(first, flipped(first, "revocation", vector["flip"]))
        else:
            self.verified(vector, bytes.fromhex(vector["revocation"]))

    @staticmethod
    def verified(vector: Vector, data: bytes) -> Revocation:
        parsed = Revocation.parse(data)
        parsed.verify(vector["key_epoch"], by_epoch({"1": vector["directory_key"]} if vector["key_epoch"] == 1 else {}))
        return parsed


def newest(vector: Vector) -> Vector:
    """The vector with the account key of the latest epoch."""
    return {**vector, "account_key": list(vector["account_keys"].values())[-1]}


class Rekey(Chain):
    """A log like those of Chain, where the keys change."""

    def accept(self, vector: Vector) -> None:
        super().accept(newest(vector))
        # The device that stays opens the new keys by its wrap.
        entry = [entry for entry in vector["entries"] if entry["kind"] == OPERATION_KIND_KEYSET][-1]
        envelope, header = unhex(entry, "envelope", "header")
        device = vector["device"]
        keys = open_keyset_as_device(
            envelope, Header.parse(header), UUID(device["id"]), agreement_key(device["agreement_private"])
        )
        self.equal(keys.account_key.hex(), vector["account_keys"][str(keys.epoch)])
        self.equal({str(epoch): key.vault.hex() for epoch, key in keys.epochs.items()}, vector["vault_keys"])

    def refuse(self, vector: Vector, first: Vector) -> None:
        super().refuse(vector, newest(first))


class CheckpointVectors(Subject):
    def accept(self, vector: Vector) -> None:
        getattr(self, vector["part"])(vector)

    def layout(self, vector: Vector) -> None:
        data, chain_hash, root = unhex(vector, "checkpoint", "chain_hash", "root")
        expected = Checkpoint(
            account=UUID(vector["account"]), vault=UUID(vector["vault"]), generation=int(vector["generation"]),
            device=UUID(vector["device"]), seq=int(vector["seq"]), chain_hash=chain_hash, key_epoch=vector["key_epoch"],
            leaves=int(vector["leaf_count"]), root=root,
        )
        self.equal(Checkpoint.parse(data), expected)
        self.equal(expected.encode(), data)
        verify_signed(vector["signing_key"], data, vector["signature"])

    def tree(self, vector: Vector) -> None:
        leaves = self.leaves(vector["leaves"])
        self.equal([leaf.hash.hex() for leaf in leaves], [leaf["leaf"] for leaf in vector["leaves"]])
        self.equal(merkle_root(leaves).hex(), vector["root"])

    def snapshot(self, vector: Vector) -> None:
        log = self.received(vector)
        parsed = Checkpoint.parse(bytes.fromhex(vector["checkpoint"]))
        self.equal((log.seq, log.key_epoch, log.chain_hash), (parsed.seq, parsed.key_epoch, parsed.chain_hash))
        # What was received states what was signed, but in the vault's own generation.
        self.equal(log.checkpoint(parsed.device), replace(parsed, generation=int(vector["generation"])))

    def refuse(self, vector: Vector, first: Vector) -> None:
        if vector["part"] == "layout":
            data = flipped(first, "checkpoint", vector["flip"]) if "flip" in vector else bytes.fromhex(vector["checkpoint"])
            Checkpoint.parse(data)
            verify_signed(first["signing_key"], data, first["signature"])
            return
        honest = next(positive for positive in load("checkpoint")["positive"] if positive["part"] == "snapshot")
        rows = [honest["rows"][row - 1] if isinstance(row, int) else row for row in vector.get("rows", honest["rows"])]
        self.received({**honest, **vector, "rows": rows})

    @staticmethod
    def leaves(leaves: list[Vector]) -> list[Leaf]:
        return [
            Leaf(UUID(leaf["subject"]), int(leaf["rev"]), int(leaf["seq"]), bytes.fromhex(leaf["header_hash"]))
            for leaf in leaves
        ]

    @classmethod
    def received(cls, vector: Vector) -> VaultLog:
        log = Chain.reader(newest(vector))
        checkpoint, signature = unhex(vector, "checkpoint", "signature")
        as_of = int(vector["as_of"])
        snapshot = log.begin_snapshot(
            SnapshotBegin(as_of=as_of, checkpoint=checkpoint, signature=signature, rows=int(vector["row_count"]))
        )
        for row in vector["rows"]:
            snapshot.add(change(row))
        log.end_snapshot(snapshot, as_of)
        snapshot.check_known(cls.leaves(vector["known"]))
        return log


class Attachment(Subject):
    """Byte i of the plaintext is i mod 251."""

    def accept(self, vector: Vector) -> None:
        binding, key, content = self.binding(vector), bytes.fromhex(vector["key"]), self.content(vector)
        sealed = attachment.seal_attachment(content, binding, key)
        self.equal(
            (sealed.chunk_count, str(sealed.length), str(len(sealed.ciphertext)), sealed.sha256.hex()),
            (vector["chunk_count"], vector["length"], vector["ciphertext_length"], vector["sha256"]),
        )
        self.equal(sealed.ciphertext.hex(), vector.get("ciphertext", sealed.ciphertext.hex()))
        for chunk in vector["chunks"]:
            index = chunk["index"]
            self.equal(binding.aad(index, chunk["final"]).hex(), chunk["aad"])
            self.equal(attachment.chunk_nonce(index).hex(), chunk["nonce"])
            part = sealed.ciphertext[index * attachment.SEALED_CHUNK :][: attachment.SEALED_CHUNK]
            self.equal((len(part), part[-16:].hex()), (chunk["size"], chunk["tag"]))
        keys = attachment.AttachmentKeys(key, sealed.length, sealed.chunk_count)
        self.equal(attachment.open_attachment(sealed.ciphertext, binding, keys), content)

    def refuse(self, vector: Vector, first: Vector) -> None:
        of = next(positive for positive in load("attachment")["positive"] if positive["name"] == vector["of"])
        sealed = attachment.seal_attachment(self.content(of), self.binding(of), bytes.fromhex(of["key"]))
        put = bytearray(b"".join(sealed.ciphertext[start:end] for start, end in vector["pieces"]))
        if "flip" in vector:
            put[vector["flip"]["offset"]] ^= vector["flip"]["xor"]
        read = {**of, **vector}
        keys = attachment.AttachmentKeys(bytes.fromhex(read["key"]), int(read["length"]), read["chunk_count"])
        attachment.open_attachment(bytes(put), self.binding(read), keys)

    @staticmethod
    def binding(vector: Vector) -> attachment.AttachmentBinding:
        return attachment.AttachmentBinding(*(UUID(vector[name]) for name in ("account", "vault", "item", "attachment")))

    @staticmethod
    def content(vector: Vector) -> bytes:
        length = int(vector["length"])
        return (bytes(range(251)) * (length // 251 + 1))[:length]


SUBJECTS: dict[str, type[Subject]] = {
    "aad": Aad, "attachment": Attachment, "chain": Chain, "checkpoint": CheckpointVectors, "directory": Directory,
    "header": HeaderVectors, "item": ItemVectors, "kdf": Kdf, "keyset": KeysetVectors, "rekey": Rekey,
    "revocation": RevocationVectors, "signature": Signature, "wraps": Wraps,
}


class VectorsTest(unittest.TestCase):
    """One test for the positives and one for the negatives of each subject."""

    maxDiff = None

    def test_every_file_has_its_test_and_there_are_300_refusals(self) -> None:
        files = sorted(path.stem for path in FOLDER.glob("*.json"))
        self.assertEqual(files, sorted(SUBJECTS))
        self.assertGreaterEqual(sum(len(load(name)["negative"]) for name in files), 300)

    def accepts(self, name: str) -> None:
        positive = load(name)["positive"]
        self.assertTrue(positive)
        for vector in positive:
            with self.subTest(vector["name"]):
                SUBJECTS[name](self).accept(vector)

    def refuses(self, name: str) -> None:
        vectors = load(name)
        self.assertTrue(vectors["negative"])
        for vector in vectors["negative"]:
            with self.subTest(vector["name"]), warnings.catch_warnings():
                warnings.simplefilter("ignore", RuntimeWarning)  # of protobuf's C++ parser, about malformed input
                with self.assertRaises(Kpm1Error) as refused:
                    SUBJECTS[name](self).refuse(vector, vectors["positive"][0])
                self.assertEqual(refused.exception.code, vector["error"])


for _name in SUBJECTS:
    setattr(VectorsTest, f"test_{_name}_is_read_as_it_says", lambda self, name=_name: self.accepts(name))
    setattr(VectorsTest, f"test_{_name}_is_refused_as_it_says", lambda self, name=_name: self.refuses(name))


if __name__ == "__main__":
    unittest.main()
