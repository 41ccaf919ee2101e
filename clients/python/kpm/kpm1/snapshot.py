"""Snapshots: the newest revision of each subject at a checkpoint, instead of all entries up to there."""

from __future__ import annotations

from collections.abc import Iterable

from kpm.kpm1.checkpoint import Checkpoint, Leaf, merkle_root
from kpm.kpm1.error import Kpm1Error, ensure
from kpm.kpm1.primitives import verify
from kpm.kpm1.state import Checked, LogState, VerifiedEntry
from kpm.v1.vault_pb2 import OPERATION_KIND_KEYSET, Change
from kpm.v1.vault_service_pb2 import SnapshotBegin


class Snapshot:
    """A snapshot that is being received: rows one by one, then its end.

    Nothing of it counts before VaultLog.end_snapshot has accepted the whole. The checks are those of docs/crypto.md,
    "Checkpoint", in their order.
    """

    def __init__(self, begin: SnapshotBegin, state: LogState, generation: int) -> None:
        """Checks what a snapshot begins with.

        state is an empty one of the vault that is followed, generation the vault's as the person has accepted it.
        """
        checkpoint = Checkpoint.parse(begin.checkpoint)
        ensure(checkpoint.account == checkpoint.vault == state.account, "WRONG_VAULT", "the checkpoint is of another vault")
        ensure(checkpoint.generation <= generation, "GENERATION_CHANGED", "the checkpoint is of a later generation")
        ensure(
            (checkpoint.seq, checkpoint.leaves) == (begin.as_of, begin.rows),
            "SEQ_GAP",
            "the snapshot is not the one that its checkpoint names",
        )
        self.checkpoint = checkpoint
        """What its author says of the vault; verified with the end."""
        self.state = state
        """What the rows add up to so far."""
        self._begin = begin
        self._generation = generation
        self._last = 0
        self._rows = 0
        self._keyset: Checked | None = None

    def add(self, row: Change) -> VerifiedEntry:
        """Verifies the next row: rules 2 to 8 of the log."""
        ensure(self._last < row.seq <= self.checkpoint.seq, "SEQ_GAP", f"row {row.seq} came after {self._last}")
        ensure(
            self._rows < self.checkpoint.leaves, "SEQ_GAP", "the snapshot has more rows than its checkpoint has leaves"
        )
        checked = self.state.check(row, self._generation)
        ensure(checked.header.subject not in self.state.subjects, "CHECKPOINT_MISMATCH", "a subject has two rows")
        self.state.add(checked)
        self._last = row.seq
        self._rows += 1
        if checked.header.kind == OPERATION_KIND_KEYSET:
            self._keyset = checked
        return checked.entry

    def end(self, as_of: int) -> None:
        """Verifies the whole: the root, the author and its signature, the keyset."""
        checkpoint, state = self.checkpoint, self.state
        ensure(
            (as_of, self._rows) == (checkpoint.seq, checkpoint.leaves), "SEQ_GAP", f"the snapshot ended after {self._rows} rows"
        )
        ensure(
            merkle_root(state.leaves) == checkpoint.root,
            "CHECKPOINT_MISMATCH",
            "the rows do not add up to the checkpoint's root",
        )
        author = state.devices.get(checkpoint.device)
        if author is None:
            raise Kpm1Error("DEVICE_UNKNOWN", "the checkpoint's author is no device of the directory")
        ensure(author.revoked_at is None, "DEVICE_REVOKED", "the checkpoint's author has been revoked")
        ensure(
            verify(author.key, self._begin.checkpoint, self._begin.signature),
            "SIGNATURE_INVALID",
            "the checkpoint's signature is not its author's",
        )
        if self._keyset:
            state.iterations = state.check_keyset(self._keyset)
        state.key_epoch = checkpoint.key_epoch

    def check_known(self, known: Iterable[Leaf]) -> None:
        """Refuses a snapshot that lacks a revision which this device knows: ROLLBACK."""
        for leaf in known:
            now = self.state.subjects.get(leaf.subject)
            ensure(
                now is not None
                and (now.rev > leaf.rev or (now.rev, now.header_hash) == (leaf.rev, leaf.header_hash)),
                "ROLLBACK",
                "the snapshot lacks a revision that this device knows",
            )
