// A vault's log as an honest server would hold it, for tests to read and to tamper with.
import assert from "node:assert/strict";
import { create } from "@bufbuild/protobuf";
import { ItemSchema } from "../src/gen/kpm/item/v1/item_pb.js";
import { type Change, ChangeSchema, OperationKind } from "../src/gen/kpm/v1/vault_pb.js";
import { Device, kpm1, newId } from "../src/index.js";

/** Asserts that something is refused with one error of KPM1. */
export const refused = (work: Promise<unknown> | (() => unknown), code: string): Promise<void> =>
  assert.rejects(async () => (typeof work === "function" ? work() : work), (error) => {
    assert.ok(error instanceof kpm1.Kpm1Error, String(error));
    assert.equal(error.code, code);
    return true;
  });

export interface Write {
  readonly device: Device;
  readonly kind: OperationKind;
  readonly subject: string;
  readonly envelope?: Uint8Array;
  readonly commitment?: Uint8Array;
  /** What the header says instead of what would be right. */
  readonly header?: Partial<kpm1.Header>;
}

/** Writes entries as devices do. */
export class LogWriter {
  readonly account = newId();
  readonly changes: Change[] = [];
  readonly revs = new Map<string, bigint>();
  readonly #opSeqs = new Map<string, bigint>();
  #head: Uint8Array = kpm1.emptyChainHash;

  constructor(public keys: kpm1.VaultKeys) {}

  static async create(): Promise<LogWriter> {
    return new LogWriter(await kpm1.VaultKeys.create());
  }

  /** A log that reads what was written. */
  reader(own?: { device: string; knows: (header: Uint8Array) => boolean }): kpm1.VaultLog {
    return new kpm1.VaultLog({ account: this.account, keys: this.keys, ...(own ? { own } : {}) });
  }

  /** What a header says of an entry that comes next. */
  nextHeader({ device, kind, subject }: Pick<Write, "device" | "kind" | "subject">): kpm1.Header {
    return {
      kind,
      account: this.account,
      vault: this.account,
      generation: 1n,
      device: device.id,
      opSeq: (this.#opSeqs.get(device.id) ?? 0n) + 1n,
      opId: newId(),
      subject,
      baseRev: this.revs.get(subject) ?? 0n,
      keyEpoch: this.keys.epoch,
      schema: kind === OperationKind.PUT ? kpm1.itemSchema : 0,
      envelopeHash: new Uint8Array(32),
      commitment: new Uint8Array(32),
      observed: { seq: BigInt(this.changes.length), hash: this.#head },
      attachments: [],
    };
  }

  async write(write: Write): Promise<Change> {
    const { device, kind, subject, envelope = new Uint8Array(0), commitment = new Uint8Array(32) } = write;
    const header: kpm1.Header = {
      ...this.nextHeader(write),
      envelopeHash: await kpm1.sha256(envelope),
      commitment,
      ...write.header,
    };
    const bytes = kpm1.encodeHeader(header);
    const seq = BigInt(this.changes.length + 1);
    const change = create(ChangeSchema, {
      seq,
      kind,
      subjectId: subject,
      rev: kpm1.revOf(header),
      header: bytes,
      signature: await kpm1.sign(device.signing.privateKey, bytes),
      envelope,
    });
    this.#head = await kpm1.chainHash(this.#head, seq, bytes);
    this.#opSeqs.set(device.id, header.opSeq);
    this.revs.set(subject, kpm1.revOf(header));
    this.changes.push(change);
    return change;
  }

  async enrol(device: Device, enrolment: kpm1.Enrolment, more: { approver?: Device; entry?: Partial<kpm1.DirectoryEntry>; directoryKey?: Uint8Array } = {}): Promise<Change> {
    const { account } = this;
    const { signingKey, agreementKey } = device;
    const envelope = await kpm1.sealDirectoryEntry(
      {
        enrolment, account, vault: account, device: device.id, keyEpoch: this.keys.epoch, signingKey, agreementKey,
        ...(more.approver ? { approver: more.approver.id } : {}),
        ...more.entry,
      },
      more.directoryKey ?? this.keys.directoryKey(this.keys.epoch)!,
      more.approver?.signing.privateKey,
    );
    return this.write({ device, kind: OperationKind.DEVICE_KEY, subject: device.id, envelope });
  }

  async putKeyset(device: Device, mainPassword: string, iterations: number = kpm1.iterations.min): Promise<Change> {
    const { account, keys } = this;
    const rev = (this.revs.get(account) ?? 0n) + 1n;
    const envelope = await kpm1.sealKeyset({ account, vault: account, rev, keys, mainPassword, iterations });
    return this.write({ device, kind: OperationKind.KEYSET, subject: account, envelope });
  }

  async putItem(device: Device, subject: string, name: string, header: Partial<kpm1.Header> = {}): Promise<Change> {
    const next = this.nextHeader({ device, kind: OperationKind.PUT, subject });
    const sealed = await kpm1.sealItem(create(ItemSchema, { name }), this.keys.vaultKey(this.keys.epoch)!, { ...next, ...header });
    return this.write({ device, kind: OperationKind.PUT, subject, ...sealed, header });
  }

  /** Ends a device's part in the log; `more` says what the revocation or its header says instead of what would be right. */
  async revoke(author: Device, device: string, more: { revocation?: Partial<kpm1.Revocation>; directoryKey?: Uint8Array; header?: Partial<kpm1.Header> } = {}): Promise<Change> {
    const { account } = this;
    const directoryKey = more.directoryKey ?? this.keys.directoryKey(this.keys.epoch)!;
    const envelope = await kpm1.sealRevocation({ account, vault: account, device, ...more.revocation }, directoryKey);
    return this.write({ device: author, kind: OperationKind.DEVICE_REVOCATION, subject: newId(), envelope, ...(more.header ? { header: more.header } : {}) });
  }

  /** Gives the vault the keys of the next epoch. */
  async rekey(device: Device): Promise<Change> {
    this.keys = await this.keys.next();
    return this.putKeyset(device, "main password");
  }

  /** The snapshot at a seq; `edit` says what its checkpoint says instead of what would be right. */
  async snapshot(author: Device, asOf: number = this.changes.length, edit: Partial<kpm1.Checkpoint> = {}): Promise<{ start: kpm1.SnapshotStart; rows: Change[] }> {
    const { account } = this;
    const newest = new Map(this.changes.slice(0, asOf).map((change) => [change.subjectId, change]));
    const replaced = new Set(this.changes.slice(asOf).map(({ subjectId }) => subjectId));
    const rows = [...newest.values()].sort((a, b) => Number(a.seq - b.seq)).map((row) =>
      replaced.has(row.subjectId) && row.kind !== OperationKind.DELETE ? { ...row, envelope: new Uint8Array(0), superseded: true } : row);
    let hash = kpm1.emptyChainHash;
    for (const { seq, header } of this.changes.slice(0, asOf)) {
      hash = await kpm1.chainHash(hash, seq, header);
    }
    const leaves = await Promise.all(
      rows.map(async ({ subjectId: subject, rev, seq, header }) => ({ subject, rev, seq, headerHash: await kpm1.sha256(header) })),
    );
    const checkpoint = kpm1.encodeCheckpoint({
      account, vault: account, generation: 1n, device: author.id, seq: BigInt(asOf), chainHash: hash,
      keyEpoch: kpm1.parseHeader(this.changes[asOf - 1]!.header).keyEpoch, leaves: BigInt(rows.length), root: await kpm1.merkleRoot(leaves), ...edit,
    });
    const signature = await kpm1.sign(author.signing.privateKey, checkpoint);
    return { start: { asOf: BigInt(asOf), checkpoint, signature, rows: BigInt(rows.length) }, rows };
  }
}
