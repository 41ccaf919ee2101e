import { type Change, OperationKind } from "../gen/kpm/v1/vault_pb.js";
import { same } from "./bytes.js";
import type { Leaf } from "./checkpoint.js";
import { type DirectoryEntry, Enrolment, parseDirectoryEntry, verifyDirectoryEntry } from "./directory.js";
import { ensure, fail } from "./error.js";
import { type Header, parseHeader, revOf } from "./header.js";
import { checkKeyset, iterations, VaultKeys } from "./keyset.js";
import { type CryptoKey, importPublicKey, sha256, verify } from "./primitives.js";
import { parseRevocation, verifyRevocation } from "./revocation.js";

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
  /** The device whose part a DEVICE_REVOCATION ends. */
  readonly revoked?: string;
}

/** A device of the directory, and how far its operations go. */
export interface KnownDevice {
  readonly entry: DirectoryEntry;
  readonly key: CryptoKey;
  readonly lastOpSeq: bigint;
  readonly lastObserved: bigint;
  readonly lastGeneration: bigint;
  /** The seq of its revocation. */
  readonly revokedAt?: bigint;
}

/** A subject's revision in the own copy. */
export interface KnownSubject {
  readonly of: "item" | "device" | "vault" | "revocation";
  readonly rev: bigint;
  readonly deleted: boolean;
  readonly seq: bigint;
  readonly headerHash: Uint8Array;
}

/** An entry that has passed rules 2 to 8 of docs/crypto.md, "Log", and is not part of a state yet. */
export interface Checked {
  readonly seq: bigint;
  readonly header: Header;
  readonly headerBytes: Uint8Array;
  /** Its author as it stood before. */
  readonly author: KnownDevice;
  /** The envelope is missing, since a later entry replaces it. */
  readonly withheld: boolean;
  /** PBKDF2's iterations of the keyset after it. */
  readonly iterations: number;
  readonly entry: VerifiedEntry;
}

/** What the kind of an operation is about. */
export function subjectOf(kind: OperationKind): KnownSubject["of"] {
  switch (kind) {
    case OperationKind.DEVICE_KEY:
      return "device";
    case OperationKind.KEYSET:
      return "vault";
    case OperationKind.DEVICE_REVOCATION:
      return "revocation";
    default:
      return "item";
  }
}

/** What entries add up to: the directory, the subjects and their revisions. A log has one, a snapshot builds one of its own. */
export class LogState {
  readonly devices = new Map<string, KnownDevice>();
  readonly subjects = new Map<string, KnownSubject>();
  /** Subjects whose envelope was withheld; a later entry must bring the next one. */
  readonly withheld = new Set<string>();
  /** The generation of the last entry. */
  generation = 1n;
  keyEpoch = 1;
  iterations: number = iterations.min;
  keyset: { readonly seq: bigint; readonly header: Uint8Array } | undefined;

  constructor(
    readonly account: string,
    /** The vault's keys, as far as they are known by now. */
    readonly keys: () => VaultKeys,
  ) {}

  /** A checkpoint's leaves. */
  get leaves(): Leaf[] {
    return [...this.subjects].map(([subject, { rev, seq, headerHash }]) => ({ subject, rev, seq, headerHash }));
  }

  /** Rules 2 to 8 of the log for an entry at a seq. */
  async check(change: LogEntry, vaultGeneration: bigint): Promise<Checked> {
    const { seq } = change;
    const header = parseHeader(change.header); // 2
    this.#checkMessage(change, header); // 3 and 4
    ensure(
      header.generation >= this.generation && header.generation <= vaultGeneration,
      "GENERATION_CHANGED",
      "the entry is of another generation",
    ); // 5
    const withheld = await this.#checkEnvelope(change, header); // 6
    const author =
      header.kind === OperationKind.DEVICE_KEY ? await this.#enrolled(seq, header, change.envelope) : this.#author(header.device); // 7
    const revoked = header.kind === OperationKind.DEVICE_REVOCATION ? await this.#revoked(header, change.envelope) : undefined;
    ensure(await verify(author.key, change.header, change.signature), "SIGNATURE_INVALID", "the signature is not its author's"); // 8
    const entry: VerifiedEntry = {
      seq,
      header,
      ...(withheld || header.kind === OperationKind.DELETE ? {} : { envelope: change.envelope }),
      ...(header.kind === OperationKind.DEVICE_KEY ? { device: author.entry } : {}),
      ...(revoked ? { revoked } : {}),
    };
    return { seq, header, headerBytes: change.header, author, withheld, iterations: this.iterations, entry };
  }

  /** Rule 13, as far as the account key is at hand: the iterations that the vault has with the entry. */
  async checkKeyset({ header, withheld, entry }: Checked): Promise<number> {
    if (header.kind !== OperationKind.KEYSET || withheld) {
      return this.iterations;
    }
    const keyset = await checkKeyset(entry.envelope!, header, this.iterations);
    // Only the newest account key is at hand; the keyset of an older epoch had another.
    const keys = this.keys();
    if (keyset.keyEpoch === keys.epoch) {
      await VaultKeys.fromKeyset(keyset, keys.accountKey);
    }
    return keyset.password.iterations;
  }

  /** Takes an entry in that has passed its checks. */
  async add({ seq, header, headerBytes, author, withheld, iterations: iterationsNow, entry }: Checked): Promise<void> {
    const headerHash = await sha256(headerBytes);
    this.generation = header.generation;
    this.keyEpoch = header.keyEpoch;
    this.iterations = iterationsNow;
    const latest = header.opSeq > author.lastOpSeq;
    this.devices.set(header.device, {
      ...author,
      ...(latest ? { lastOpSeq: header.opSeq, lastObserved: header.observed.seq, lastGeneration: header.generation } : {}),
    });
    if (entry.revoked !== undefined) {
      this.devices.set(entry.revoked, { ...this.devices.get(entry.revoked)!, revokedAt: seq });
    }
    this.subjects.set(header.subject, {
      of: subjectOf(header.kind), rev: revOf(header), deleted: header.kind === OperationKind.DELETE, seq, headerHash,
    });
    if (header.kind === OperationKind.KEYSET) {
      this.keyset = { seq, header: headerBytes };
    }
    if (withheld) {
      this.withheld.add(header.subject);
    } else {
      this.withheld.delete(header.subject);
    }
  }

  /** Verifies an entry of the past that came outside the log: that a device of the directory signed it, before it was revoked. */
  async checkPast(change: LogEntry, vaultGeneration: bigint): Promise<Header> {
    const header = parseHeader(change.header);
    this.#checkMessage(change, header);
    ensure(header.generation <= vaultGeneration, "GENERATION_CHANGED", "the entry is of a later generation");
    const author = this.devices.get(header.device) ?? fail("DEVICE_UNKNOWN", "the author is no device of the directory");
    ensure(author.revokedAt === undefined || change.seq < author.revokedAt, "DEVICE_REVOKED", "the author had been revoked before");
    ensure(await verify(author.key, change.header, change.signature), "SIGNATURE_INVALID", "the signature is not its author's");
    return header;
  }

  #checkMessage(change: LogEntry, header: Header): void {
    ensure(
      header.kind === change.kind && header.subject === change.subjectId && revOf(header) === change.rev,
      "HEADER_MISMATCH",
      "the entry is not what its header says",
    );
    ensure(header.account === this.account && header.vault === this.account, "WRONG_VAULT", "the entry is of another vault");
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

  #author(device: string): KnownDevice {
    const author = this.devices.get(device) ?? fail("DEVICE_UNKNOWN", "the author is no device of the directory");
    ensure(author.revokedAt === undefined, "DEVICE_REVOKED", "the author has been revoked");
    return author;
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
    ensure(!this.devices.has(entry.device), "DEVICE_DUPLICATE", "the device is in the directory already");
    ensure((entry.enrolment === Enrolment.Root) === (seq === 1n), "ROOT_INVALID", "the first entry and no other is ROOT");
    const approver = entry.approver === undefined ? undefined : this.devices.get(entry.approver);
    // A revoked device vouches for nobody.
    await verifyDirectoryEntry(entry, approver?.revokedAt === undefined ? approver?.key : undefined, this.keys().directoryKey);
    const key = await importPublicKey(entry.signingKey, "ECDSA");
    return { entry, key, lastOpSeq: 0n, lastObserved: 0n, lastGeneration: header.generation };
  }

  /** The device that is revoked. */
  async #revoked(header: Header, envelope: Uint8Array): Promise<string> {
    const revocation = parseRevocation(envelope);
    ensure(
      revocation.account === header.account && revocation.vault === header.vault,
      "HEADER_MISMATCH",
      "the revocation is not the one that its header names",
    );
    const device = this.devices.get(revocation.device);
    ensure(
      device !== undefined && device.revokedAt === undefined && revocation.device !== header.device,
      "REVOCATION_INVALID",
      "the revocation names no other device that is in the directory",
    );
    await verifyRevocation(revocation, header.keyEpoch, this.keys().directoryKey);
    return revocation.device;
  }
}
