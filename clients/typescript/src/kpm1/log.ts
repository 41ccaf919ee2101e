import { type Keyset as StoredKeyset, OperationKind } from "../gen/kpm/v1/vault_pb.js";
import { same, Writer } from "./bytes.js";
import { type Checkpoint, merkleRoot } from "./checkpoint.js";
import type { DirectoryEntry } from "./directory.js";
import { ensure, fail } from "./error.js";
import type { Header } from "./header.js";
import { checkKeyset, type Keyset, type VaultKeys } from "./keyset.js";
import { sha256 } from "./primitives.js";
import { Snapshot, type SnapshotStart } from "./snapshot.js";
import { type Checked, type LogEntry, LogState, subjectOf, type VerifiedEntry } from "./state.js";

export { Snapshot, type SnapshotStart } from "./snapshot.js";
export type { LogEntry, VerifiedEntry } from "./state.js";

/** h_0: the chain hash of an empty log. */
export const emptyChainHash: Uint8Array = new Uint8Array(32);

/** h_n from h_{n-1}. */
export async function chainHash(previous: Uint8Array, seq: bigint, header: Uint8Array): Promise<Uint8Array> {
  return sha256(new Writer().bytes(previous).u64(seq).bytes(await sha256(header)).finish());
}

/** What a VaultLog needs to know. */
export interface VaultLogOptions {
  readonly account: string;
  /** Opened with the main password, for the MACs of the directory and of keysets. */
  readonly keys: VaultKeys;
  /** The own device, and whether it made an operation with these header bytes. */
  readonly own?: { readonly device: string; readonly knows: (header: Uint8Array) => boolean };
}

/** Chain hashes one after the other, the first at `base`. */
interface Stretch {
  readonly base: bigint;
  readonly chain: Uint8Array[];
}

/**
 * The client's own copy of what an account's log said: it takes the entries one by one, from seq 1 or from a snapshot, and
 * refuses the first that does not fit. After a Kpm1Error the log must not be used any more: store nothing, close the
 * stream, tell the person.
 */
export class VaultLog {
  /** The vault's keys. Replace them by those of the new epoch where a keyset brings one. */
  keys: VaultKeys;
  readonly #options: VaultLogOptions;
  #state: LogState;
  /** The hashes of the chain since the newest snapshot, from its own on; from 0 without one. */
  #current: Stretch = { base: 0n, chain: [emptyChainHash] };
  /** Those before it that this device has seen itself. */
  readonly #earlier: Stretch[] = [];
  #vaultGeneration = 1n;

  constructor(options: VaultLogOptions) {
    this.#options = options;
    this.keys = options.keys;
    this.#state = this.#newState();
  }

  /** The last seq that was verified. */
  get seq(): bigint {
    return this.#current.base + BigInt(this.#current.chain.length - 1);
  }

  /** The chain hash at `seq`. */
  get chainHash(): Uint8Array {
    return this.#current.chain.at(-1)!;
  }

  /** The generation of the vault, as the server last told it. */
  get generation(): bigint {
    return this.#vaultGeneration;
  }

  /** The epoch of the vault key. */
  get keyEpoch(): number {
    return this.#state.keyEpoch;
  }

  /** The devices of the directory, revoked ones included. */
  get devices(): readonly DirectoryEntry[] {
    return [...this.#state.devices.values()].map(({ entry }) => entry);
  }

  /** Whether a device stands in the directory and was not revoked. */
  isCurrent(device: string): boolean {
    const known = this.#state.devices.get(device);
    return known !== undefined && known.revokedAt === undefined;
  }

  /** The revision of a subject; 0 where there is none. */
  rev(subject: string): bigint {
    return this.#state.subjects.get(subject)?.rev ?? 0n;
  }

  /** Takes the server's word for where the vault stands, at the start of a stream. */
  welcome(generation: bigint, head: bigint): void {
    if (generation !== this.#vaultGeneration && this.seq > 0n) {
      fail("GENERATION_CHANGED", "a backup was restored, or the server was rolled back");
    }
    if (head < this.seq) {
      fail("ROLLBACK", `the server's log ends at ${head}, the own copy at ${this.seq}`);
    }
    this.#vaultGeneration = generation;
  }

  /** Checks a bookmark of the server: everything up to seq has come. */
  bookmark(seq: bigint): void {
    if (seq < this.seq) {
      fail("ROLLBACK", `the server's log ends at ${seq}, the own copy at ${this.seq}`);
    }
    if (seq !== this.seq) {
      fail("BOOKMARK_INVALID", `the server says that everything up to ${seq} was sent, but ${this.seq} came last`);
    }
    if (this.#state.withheld.size > 0) {
      fail("ENVELOPE_WITHHELD", "an entry came without its content, and none came that replaces it");
    }
  }

  /** Checks the server's chain hash at a seq of the own copy. */
  checkChain(seq: bigint, hash: Uint8Array): void {
    const own = this.#hashAt(seq);
    if (own && !same(own, hash)) {
      fail("CHAIN_MISMATCH", `the server's log is another one at ${seq}`);
    }
  }

  /** Checks that a keyset which came outside the log is the newest of the log, or older than the own copy's. */
  checkKeyset({ seq, header }: Pick<StoredKeyset, "seq" | "header">): void {
    const own = this.#state.keyset;
    if (!own || seq > own.seq || (seq === own.seq && !same(header, own.header))) {
      fail("CHAIN_MISMATCH", "the keyset that the server sent is not the log's");
    }
  }

  /**
   * Checks that a keyset which came outside the log was signed by a device of the directory. It may be newer than the own
   * copy; once that has caught up, checkKeyset tells whether it is the log's.
   */
  async checkSignedKeyset({ seq, rev, header, signature, keyset }: StoredKeyset): Promise<Keyset> {
    const { account } = this.#options;
    const entry = { seq, rev, kind: OperationKind.KEYSET, subjectId: account, header, signature, envelope: keyset, superseded: false };
    const signed = await this.#state.checkPast(entry, this.#vaultGeneration);
    ensure(same(await sha256(keyset), signed.envelopeHash), "ENVELOPE_HASH_MISMATCH", "the keyset is not the one that was signed");
    return checkKeyset(keyset, signed, this.#state.iterations);
  }

  /** Checks an entry that came outside the log, such as an old revision: a device signed it, and the log has it where the own copy reaches. */
  async checkPast(entry: LogEntry): Promise<Header> {
    const header = await this.#state.checkPast(entry, this.#vaultGeneration);
    const [previous, own] = [this.#hashAt(entry.seq - 1n), this.#hashAt(entry.seq)];
    if (previous && own && !same(await chainHash(previous, entry.seq, entry.header), own)) {
      fail("CHAIN_MISMATCH", `the log has another entry at ${entry.seq}`);
    }
    return header;
  }

  /** Verifies the next entry and adds it. The numbers are those of docs/crypto.md, "Log". */
  async append(change: LogEntry): Promise<VerifiedEntry> {
    const state = this.#state;
    const seq = this.seq + 1n;
    ensure(change.seq === seq, "SEQ_GAP", `entry ${change.seq} came where ${seq} was due`); // 1
    const checked = await state.check(change, this.#vaultGeneration); // 2 to 8
    const { header, author } = checked;
    ensure(header.opSeq > author.lastOpSeq, "OP_SEQ_NOT_RISING", "the author's operation number does not rise"); // 9
    this.#checkRevision(header); // 10
    const raised = header.kind === OperationKind.KEYSET && header.keyEpoch === state.keyEpoch + 1;
    ensure(header.keyEpoch === state.keyEpoch || raised, "EPOCH_MISMATCH", "the entry is of another key epoch"); // 11
    this.#checkObservation(checked); // 12
    const iterations = await state.checkKeyset(checked); // 13
    const { own } = this.#options;
    ensure(
      header.device !== own?.device || own.knows(change.header),
      "OWN_OPERATION_UNKNOWN",
      "this device did not make the operation: it was cloned, or its key was stolen",
    ); // 14
    const hash = await chainHash(this.chainHash, seq, change.header);
    await state.add({ ...checked, iterations });
    this.#current.chain.push(hash);
    return checked.entry;
  }

  /** Begins to receive a snapshot, instead of all entries up to its seq. */
  beginSnapshot(start: SnapshotStart): Snapshot {
    const state = this.#newState();
    state.iterations = this.#state.iterations;
    return Snapshot.begin(start, state, this.#vaultGeneration);
  }

  /** Verifies the whole of a snapshot and goes on from it. Nothing that the own copy knew may be missing or older. */
  async endSnapshot(snapshot: Snapshot, asOf: bigint): Promise<void> {
    await snapshot.end(asOf);
    const { checkpoint, state } = snapshot;
    ensure(checkpoint.seq >= this.seq, "ROLLBACK", `the snapshot ends at ${checkpoint.seq}, the own copy at ${this.seq}`);
    snapshot.checkKnown(this.#state.leaves);
    this.checkChain(checkpoint.seq, checkpoint.chainHash);
    this.#state = state;
    this.#earlier.push(this.#current);
    this.#current = { base: checkpoint.seq, chain: [checkpoint.chainHash] };
  }

  /** What a checkpoint of the own copy says; never to be signed inside an atomic Push. */
  async checkpoint(device: string): Promise<Checkpoint> {
    const { seq, chainHash: hash, keyEpoch } = this;
    const { account } = this.#options;
    const { leaves } = this.#state;
    return {
      account, vault: account, generation: this.#vaultGeneration, device, seq, chainHash: hash, keyEpoch,
      leaves: BigInt(leaves.length), root: await merkleRoot(leaves),
    };
  }

  #newState(): LogState {
    return new LogState(this.#options.account, () => this.keys);
  }

  /** The own chain hash at a seq; undefined where a snapshot has spared the device the entry, and after the copy's end. */
  #hashAt(seq: bigint): Uint8Array | undefined {
    const stretch = [this.#current, ...this.#earlier].find(({ base, chain }) => seq >= base && seq < base + BigInt(chain.length));
    return stretch?.chain[Number(seq - stretch.base)];
  }

  #checkRevision(header: Header): void {
    const subject = this.#state.subjects.get(header.subject);
    ensure(
      header.baseRev === (subject?.rev ?? 0n) &&
        (subject === undefined || subject.of === subjectOf(header.kind)) &&
        !(header.kind === OperationKind.DELETE && subject?.deleted),
      "REV_MISMATCH",
      "the entry was not made on the subject's revision",
    );
  }

  #checkObservation({ header: { observed, generation }, author }: Checked): void {
    const own = this.#hashAt(observed.seq);
    // An entry that a snapshot has spared this device can't be checked.
    const known = own ? same(own, observed.hash) : observed.seq < this.#current.base;
    ensure(
      known && (observed.seq >= author.lastObserved || generation !== author.lastGeneration),
      "OBSERVATION_MISMATCH",
      "the author has seen another log than this one",
    );
  }
}
