"""KPM1, the ciphertext format and signed log of the vault; docs/crypto.md defines it byte by byte."""

from kpm.kpm1.checkpoint import Checkpoint
from kpm.kpm1.directory import DirectoryEntry, Enrolment
from kpm.kpm1.error import Kpm1Error
from kpm.kpm1.header import Header
from kpm.kpm1.keyset import VaultKeys
from kpm.kpm1.log import VaultLog, VerifiedEntry
from kpm.kpm1.revocation import Revocation
from kpm.kpm1.snapshot import Snapshot

__all__ = [
    "Checkpoint", "DirectoryEntry", "Enrolment", "Header", "Kpm1Error", "Revocation", "Snapshot", "VaultKeys", "VaultLog",
    "VerifiedEntry",
]
