import { type Change, type Keyset as StoredKeyset, OperationKind } from "../gen/kpm/v1/vault_pb.js";
import { same, Writer } from "./bytes.js";
import { type DirectoryEntry, Enrolment, parseDirectoryEntry, verifyDirectoryEntry } from "./directory.js";
import { Kpm1Error, type Kpm1ErrorCode } from "./error.js";
import { type Header, parseHeader, revOf } from "./header.js";
import { checkKeyset, iterations, VaultKeys } from "./keyset.js";
import { type CryptoKey, importPublicKey, sha256, verify } from "./primitives.js";

/** h_0: the chain hash of an empty log. */
export const emptyChainHash: Uint8Array = new Uint8Array(32);

/** h_n from h_{n-1}. */
export async function chainHash(previous: Uint8Array, seq: bigint, header: Uint8Array): Promise<Uint8Array> {
  return sha256(new Writer().bytes(previous).u64(seq).bytes(await sha256(header)).finish());
}

/** What a change says, without the times that nobody signed. */
export type LogEntry = Pick<Change, "seq" | "kind" | "subjectId" | "rev" | "header" | "signature" | "envelope" | "superseded">;

/** A change that passed every check. */
export interface VerifiedEntry {
  readonly seq: bigint;
  readonly header: Header;
  /** Absent for a deletion, and where a later revision replaced it. */
  readonly envelope?: Uint8Array;
  /** The directory entry of a DEVICE_KEY. */
  readonly device?: DirectoryEntry;
}

/** A device of the directory, and how far its operations go. */
interface KnownDevice {
  readonly entry: DirectoryEntry;
  readonly key: CryptoKey;
  lastOpSeq: bigint;
  lastObserved: bigint;
  lastGeneration: bigint;
}

/** A subject's revision in the own copy. */
interface Subject {
  readonly of: "item" | "device" | "vault";
  readonly rev: bigint;
  readonly deleted: boolean;
}

/** What a VaultLog needs to know. */
export interface VaultLogOptions {
  readonly account: string;
  /** Opened with the main password, for the MACs of the directory and of keysets. */
  readonly keys: VaultKeys;
  /** The own device, and whether it made an operation with these header bytes. */
  readonly own?: { readonly device: string; readonly knows: (header: Uint8Array) => boolean };
}

/**
 * The client's own copy of what an account's log said: it takes the entries one by one, from seq 1, and refuses the
 * first that does not fit. After a Kpm1Error the log must not be used any more: store nothing, close the stream, tell
 * the person.
 */
export class VaultLog {
  readonly #options: VaultLogOptions;
  readonly #chain: Uint8Array[] = [emptyChainHash];
  readonly #devices = new Map<string, KnownDevice>();
  readonly #subjects = new Map<string, Subject>();
  readonly #withheld = new Set<string>();
  #generation = 1n;
  #vaultGeneration = 1n;
  #keyEpoch = 1;
  #iterations: number = iterations.min;
  #keyset: { readonly seq: bigint; readonly header: Uint8Array } | undefined;

  constructor(options: VaultLogOptions) {
    this.#options = options;
  }

  /** The last seq that was verified. */
  get seq(): bigint {
    return BigInt(this.#chain.length - 1);
  }

  /** The chain hash at `seq`. */
  get chainHash(): Uint8Array {
    return this.#chain.at(-1)!;
  }

  /** The generation of the vault, as the server last told it. */
  get generation(): bigint {
    return this.#vaultGeneration;
  }

  /** The epoch of the vault key. */
  get keyEpoch(): number {
    return this.#keyEpoch;
  }

  /** The devices of the directory. */
  get devices(): readonly DirectoryEntry[] {
    return [...this.#devices.values()].map(({ entry }) => entry);
  }

  /** The revision of a subject; 0 where there is none. */
  rev(subject: string): bigint {
    return this.#subjects.get(subject)?.rev ?? 0n;
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
    if (this.#withheld.size > 0) {
      fail("ENVELOPE_WITHHELD", "an entry came without its content, and none came that replaces it");
    }
  }

  /** Checks the server's chain hash at a seq of the own copy. */
  checkChain(seq: bigint, hash: Uint8Array): void {
    const own = this.#chain[Number(seq)];
    if (own && !same(own, hash)) {
      fail("CHAIN_MISMATCH", `the server's log is another one at ${seq}`);
    }
  }

  /** Checks that a keyset which came outside the log is the newest of the log, or older than the own copy's. */
  checkKeyset({ seq, header }: Pick<StoredKeyset, "seq" | "header">): void {
    if (!this.#keyset || seq > this.#keyset.seq || (seq === this.#keyset.seq && !same(header, this.#keyset.header))) {
      fail("CHAIN_MISMATCH", "the keyset that the server sent is not the log's");
    }
  }

  /** Verifies the next entry and adds it. The numbers are those of docs/crypto.md, "Log". */
  async append(change: LogEntry): Promise<VerifiedEntry> {
    const seq = this.seq + 1n;
    ensure(change.seq === seq, "SEQ_GAP", `entry ${change.seq} came where ${seq} was due`); // 1
    const header = parseHeader(change.header); // 2
    ensure(
      header.kind === change.kind && header.subject === change.subjectId && revOf(header) === change.rev,
      "HEADER_MISMATCH",
      "the entry is not what its header says",
    ); // 3
    const { account } = this.#options;
    ensure(header.account === account && header.vault === account, "WRONG_VAULT", "the entry is of another vault"); // 4
    ensure(
      header.generation >= this.#generation && header.generation <= this.#vaultGeneration,
      "GENERATION_CHANGED",
      "the entry is of another generation",
    ); // 5
    const withheld = await this.#checkEnvelope(change, header); // 6
    const author = await this.#author(seq, header, change.envelope); // 7
    ensure(await verify(author.key, change.header, change.signature), "SIGNATURE_INVALID", "the signature is not its author's"); // 8
    ensure(header.opSeq > author.lastOpSeq, "OP_SEQ_NOT_RISING", "the author's operation number does not rise"); // 9
    this.#checkRevision(header); // 10
    this.#checkEpoch(header); // 11
    this.#checkObservation(header, author); // 12
    const iterationsNow = withheld ? this.#iterations : await this.#checkKeyset(header, change.envelope); // 13
    const { own } = this.#options;
    ensure(
      header.device !== own?.device || own.knows(change.header),
      "OWN_OPERATION_UNKNOWN",
      "this device did not make the operation: it was cloned, or its key was stolen",
    ); // 14

    this.#chain.push(await chainHash(this.chainHash, seq, change.header));
    this.#generation = header.generation;
    this.#keyEpoch = header.keyEpoch;
    this.#iterations = iterationsNow;
    author.lastOpSeq = header.opSeq;
    author.lastObserved = header.observed.seq;
    author.lastGeneration = header.generation;
    this.#devices.set(header.device, author);
    this.#subjects.set(header.subject, {
      of: subjectOf(header.kind),
      rev: revOf(header),
      deleted: header.kind === OperationKind.DELETE,
    });
    if (header.kind === OperationKind.KEYSET) {
      this.#keyset = { seq, header: change.header };
    }
    if (withheld) {
      this.#withheld.add(header.subject);
    } else {
      this.#withheld.delete(header.subject);
    }
    return {
      seq,
      header,
      ...(withheld || header.kind === OperationKind.DELETE ? {} : { envelope: change.envelope }),
      ...(header.kind === OperationKind.DEVICE_KEY ? { device: author.entry } : {}),
    };
  }

  /** Whether the envelope is missing because a later entry replaced it. */
  async #checkEnvelope(change: LogEntry, header: Header): Promise<boolean> {
    const droppable = header.kind === OperationKind.PUT || header.kind === OperationKind.KEYSET;
    if (change.superseded && droppable) {
      ensure(change.envelope.length === 0, "ENVELOPE_HASH_MISMATCH", "a superseded entry came with an envelope");
      return true;
    }
    ensure(
      same(await sha256(change.envelope), header.envelopeHash),
      "ENVELOPE_HASH_MISMATCH",
      "the envelope is not the one that was signed",
    );
    return false;
  }

  async #author(seq: bigint, header: Header, envelope: Uint8Array): Promise<KnownDevice> {
    if (header.kind === OperationKind.DEVICE_KEY) {
      return this.#enrolled(seq, header, envelope);
    }
    return this.#devices.get(header.device) ?? fail("DEVICE_UNKNOWN", "the author is no device of the directory");
  }

  async #enrolled(seq: bigint, header: Header, envelope: Uint8Array): Promise<KnownDevice> {
    const entry = await parseDirectoryEntry(envelope);
    ensure(
      entry.account === header.account &&
        entry.vault === header.vault &&
        entry.device === header.device &&
        entry.keyEpoch === header.keyEpoch,
      "HEADER_MISMATCH",
      "the directory entry is not the one that its header names",
    );
    ensure(!this.#devices.has(entry.device), "DEVICE_DUPLICATE", "the device is in the directory already");
    ensure((entry.enrolment === Enrolment.Root) === (seq === 1n), "ROOT_INVALID", "the first entry and no other is ROOT");
    const approver = entry.approver === undefined ? undefined : this.#devices.get(entry.approver);
    await verifyDirectoryEntry(entry, approver?.key, this.#options.keys.directoryKey);
    const key = await importPublicKey(entry.signingKey, "ECDSA");
    return { entry, key, lastOpSeq: 0n, lastObserved: 0n, lastGeneration: header.generation };
  }

  #checkRevision(header: Header): void {
    const subject = this.#subjects.get(header.subject);
    ensure(
      header.baseRev === (subject?.rev ?? 0n) &&
        (subject === undefined || subject.of === subjectOf(header.kind)) &&
        !(header.kind === OperationKind.DELETE && subject?.deleted),
      "REV_MISMATCH",
      "the entry was not made on the subject's revision",
    );
  }

  #checkEpoch(header: Header): void {
    const raised = header.kind === OperationKind.KEYSET && header.keyEpoch === this.#keyEpoch + 1;
    ensure(header.keyEpoch === this.#keyEpoch || raised, "EPOCH_MISMATCH", "the entry is of another key epoch");
  }

  #checkObservation({ observed, generation }: Header, author: KnownDevice): void {
    const own = observed.seq <= this.seq ? this.#chain[Number(observed.seq)] : undefined;
    ensure(
      own !== undefined &&
        same(own, observed.hash) &&
        (observed.seq >= author.lastObserved || generation !== author.lastGeneration),
      "OBSERVATION_MISMATCH",
      "the author has seen another log than this one",
    );
  }

  /** The iterations that the vault has now. */
  async #checkKeyset(header: Header, envelope: Uint8Array): Promise<number> {
    if (header.kind !== OperationKind.KEYSET) {
      return this.#iterations;
    }
    const keyset = await checkKeyset(envelope, header, this.#iterations);
    // Only the newest account key is at hand; the keyset of an older epoch had another.
    if (keyset.keyEpoch === this.#options.keys.epoch) {
      await VaultKeys.fromKeyset(keyset, this.#options.keys.accountKey);
    }
    return keyset.password.iterations;
  }
}

const subjectOf = (kind: OperationKind): Subject["of"] =>
  kind === OperationKind.DEVICE_KEY ? "device" : kind === OperationKind.KEYSET ? "vault" : "item";

function ensure(condition: boolean, code: Kpm1ErrorCode, message: string): void {
  if (!condition) {
    fail(code, message);
  }
}

function fail(code: Kpm1ErrorCode, message: string): never {
  throw new Kpm1Error(code, message);
}
