import { OperationKind } from "../gen/kpm/v1/vault_pb.js";
import type { SnapshotBegin } from "../gen/kpm/v1/vault_service_pb.js";
import { same } from "./bytes.js";
import { type Checkpoint, type Leaf, merkleRoot, parseCheckpoint } from "./checkpoint.js";
import { ensure } from "./error.js";
import { verify } from "./primitives.js";
import type { Checked, LogEntry, LogState, VerifiedEntry } from "./state.js";

/** What a snapshot begins with. */
export type SnapshotStart = Pick<SnapshotBegin, "asOf" | "checkpoint" | "signature" | "rows">;

/**
 * A snapshot that is being received: rows one by one, then its end. Nothing of it counts before VaultLog.take has
 * accepted the whole. The checks are those of docs/crypto.md, "Checkpoint", in their order.
 */
export class Snapshot {
  /** What the rows add up to so far. */
  readonly state: LogState;
  readonly #start: SnapshotStart;
  readonly #generation: bigint;
  #last = 0n;
  #rows = 0n;
  #keyset: Checked | undefined;

  private constructor(
    /** What its author says of the vault; verified with the end. */
    readonly checkpoint: Checkpoint,
    state: LogState,
    start: SnapshotStart,
    generation: bigint,
  ) {
    this.state = state;
    this.#start = start;
    this.#generation = generation;
  }

  /**
   * Checks what a snapshot begins with.
   *
   * @param state an empty state of the vault that is followed
   * @param generation the vault's generation, as the person has accepted it
   */
  static begin(start: SnapshotStart, state: LogState, generation: bigint): Snapshot {
    const checkpoint = parseCheckpoint(start.checkpoint);
    const { account } = state;
    ensure(checkpoint.account === account && checkpoint.vault === account, "WRONG_VAULT", "the checkpoint is of another vault");
    ensure(checkpoint.generation <= generation, "GENERATION_CHANGED", "the checkpoint is of a later generation");
    ensure(
      checkpoint.seq === start.asOf && checkpoint.leaves === start.rows,
      "SEQ_GAP",
      "the snapshot is not the one that its checkpoint names",
    );
    return new Snapshot(checkpoint, state, start, generation);
  }

  /** Verifies the next row: rules 2 to 8 of the log. */
  async add(row: LogEntry): Promise<VerifiedEntry> {
    ensure(row.seq > this.#last && row.seq <= this.#start.asOf, "SEQ_GAP", `row ${row.seq} came after ${this.#last}`);
    ensure(this.#rows < this.checkpoint.leaves, "SEQ_GAP", "the snapshot has more rows than its checkpoint has leaves");
    const checked = await this.state.check(row, this.#generation);
    ensure(!this.state.subjects.has(checked.header.subject), "CHECKPOINT_MISMATCH", "a subject has two rows");
    await this.state.add(checked);
    this.#last = row.seq;
    this.#rows++;
    if (checked.header.kind === OperationKind.KEYSET) {
      this.#keyset = checked;
    }
    return checked.entry;
  }

  /** Verifies the whole: the root, the author and its signature, the keyset. */
  async end(asOf: bigint): Promise<void> {
    const { checkpoint, state } = this;
    ensure(asOf === checkpoint.seq && this.#rows === checkpoint.leaves, "SEQ_GAP", `the snapshot ended after ${this.#rows} rows`);
    ensure(
      same(await merkleRoot(state.leaves), checkpoint.root),
      "CHECKPOINT_MISMATCH",
      "the rows do not add up to the checkpoint's root",
    );
    const author = state.devices.get(checkpoint.device);
    ensure(author !== undefined, "DEVICE_UNKNOWN", "the checkpoint's author is no device of the directory");
    ensure(author.revokedAt === undefined, "DEVICE_REVOKED", "the checkpoint's author has been revoked");
    ensure(
      await verify(author.key, this.#start.checkpoint, this.#start.signature),
      "SIGNATURE_INVALID",
      "the checkpoint's signature is not its author's",
    );
    if (this.#keyset) {
      state.iterations = await state.checkKeyset(this.#keyset);
    }
    state.keyEpoch = checkpoint.keyEpoch;
  }

  /** Refuses a snapshot that lacks a revision which this device knows: ROLLBACK. */
  checkKnown(known: Iterable<Leaf>): void {
    for (const { subject, rev, headerHash } of known) {
      const now = this.state.subjects.get(subject);
      ensure(
        now !== undefined && (now.rev > rev || (now.rev === rev && same(now.headerHash, headerHash))),
        "ROLLBACK",
        "the snapshot lacks a revision that this device knows",
      );
    }
  }
}
