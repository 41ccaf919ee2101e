import { create } from "@bufbuild/protobuf";
import type { KpmClient } from "./client.js";
import type { Device } from "./device.js";
import { applied, StreamEnded, type VaultEvent } from "./events.js";
import { Files } from "./files.js";
import type { Item } from "./gen/kpm/item/v1/item_pb.js";
import { type Operation, OperationKind, type OperationResult, OperationSchema } from "./gen/kpm/v1/vault_pb.js";
import { type Changes, ResyncReason, type SnapshotBegin, type SnapshotEnd, type SnapshotRows } from "./gen/kpm/v1/vault_service_pb.js";
import { History } from "./history.js";
import { newId } from "./ids.js";
import { hex } from "./kpm1/bytes.js";
import { encodeCheckpoint } from "./kpm1/checkpoint.js";
import { Enrolment, sealDirectoryEntry } from "./kpm1/directory.js";
import { ensure, Kpm1Error } from "./kpm1/error.js";
import { encodeHeader, type Header, itemSchema, parseHeader } from "./kpm1/header.js";
import { openItem, sealItem } from "./kpm1/item.js";
import { checkKeyset, iterations, openKeyset, openKeysetAsDevice, sealKeyset, VaultKeys } from "./kpm1/keyset.js";
import { type Snapshot, VaultLog, type VerifiedEntry } from "./kpm1/log.js";
import { importPublicKey, sha256, sign } from "./kpm1/primitives.js";
import { sealRevocation } from "./kpm1/revocation.js";

/** What an operation is made on, taken in one step: the log may go on while the envelope is made. */
type Basis = Omit<Header, "envelopeHash" | "commitment">;

/** A snapshot that is being received, and what its rows tell. */
interface Receiving {
  readonly snapshot: Snapshot;
  readonly events: VaultEvent[];
}

/**
 * One account's vault on one device: keys, verified log and items, in memory only. Everything it tells was verified
 * and decrypted here; everything it sends was encrypted and signed here.
 */
export class Vault {
  /** The verified log. */
  readonly log: VaultLog;
  /** Files that belong to items. */
  readonly files = new Files(this);
  /** What items were before. */
  readonly history = new History(this);
  /** The current items. */
  readonly items = new Map<string, Item>();
  readonly #made = new Set<string>();
  readonly #batch: VaultEvent[] = [];
  #inBatch = false;
  #lastOpSeq = 0n;
  #receiving: Receiving | undefined;

  private constructor(
    readonly client: KpmClient,
    readonly device: Device,
    keys: VaultKeys,
  ) {
    this.log = new VaultLog({
      account: client.accountId,
      keys,
      own: { device: device.id, knows: (header) => this.#made.has(hex(header)) },
    });
  }

  /**
   * Makes the vault of a new account: fresh keys, this device as ROOT of the directory, and the keyset.
   *
   * @param mainPassword never leaves the device. The caller sees to its strength, and that it is not the account password.
   */
  static async create(client: KpmClient, device: Device, mainPassword: string): Promise<Vault> {
    const vault = new Vault(client, device, await VaultKeys.create());
    const account = client.accountId;
    const root = await vault.#enrol(Enrolment.Root);
    const wrapped = await sealKeyset({
      account,
      vault: account,
      rev: 1n,
      keys: vault.keys,
      mainPassword,
      devices: [{ device: device.id, agreementKey: device.agreement.publicKey }],
    });
    const keyset = await vault.#operation(vault.#basis(OperationKind.KEYSET, account), wrapped);
    const { results } = await client.vault.push({ operations: [root, keyset], atomic: true });
    results.forEach(applied);
    return vault;
  }

  /**
   * Opens the vault on another device: verifies the whole log, or the newest snapshot and what follows it, and enrols the
   * device as KEYED if it is new.
   *
   * @throws Kpm1Error PASSWORD_WRONG, or what a check found
   */
  static async open(client: KpmClient, device: Device, mainPassword: string): Promise<Vault> {
    const state = await client.vault.getVault({});
    if (!state.keyset) {
      throw new Error("the vault has no keyset yet: its first device has not made it");
    }
    const header = parseHeader(state.keyset.header);
    const vault = new Vault(client, device, await openKeyset(state.keyset.keyset, header, mainPassword));
    for await (const event of vault.watch({ snapshot: true })) {
      if (event.type === "caughtUp" && event.seq >= state.headSeq) {
        break;
      }
    }
    vault.log.checkChain(state.headSeq, state.chainHash);
    vault.log.checkKeyset(state.keyset);
    if (!vault.log.devices.some((entry) => entry.device === device.id)) {
      const { result } = await client.vault.publishDeviceKey({ operation: await vault.#enrol(Enrolment.Keyed) });
      applied(result);
    }
    return vault;
  }

  /** The vault's keys. A keyset of a new epoch that has a wrap for this device brings newer ones. */
  get keys(): VaultKeys {
    return this.log.keys;
  }

  /** The last change belongs to an atomic batch whose rest has not come yet. */
  get inBatch(): boolean {
    return this.#inBatch;
  }

  /**
   * An operation that writes an item: a new one, or the next revision of `id`. Operations are to be sent in the order
   * in which they were made.
   */
  async put(item: Item, id: string = newId()): Promise<Operation> {
    const basis = { ...this.#basis(OperationKind.PUT, id), attachments: attachmentsOf(item) };
    const { envelope, commitment } = await sealItem(item, known(this.keys.vaultKey(basis.keyEpoch)), basis);
    return this.#operation(basis, envelope, commitment);
  }

  /** An operation that deletes an item. */
  remove(id: string): Promise<Operation> {
    return this.#operation(this.#basis(OperationKind.DELETE, id), new Uint8Array(0));
  }

  /** Sends operations by a single call. One call of a device may be in flight at a time. */
  async push(operations: Operation[], options: { atomic?: boolean } = {}): Promise<OperationResult[]> {
    const { results } = await this.client.vault.push({ operations, atomic: options.atomic ?? false });
    return results;
  }

  /**
   * Follows the log by the server's stream alone; ends with the access token.
   *
   * @param options.snapshot begin with a snapshot where there is one, though the changes could be replayed
   */
  async *watch(options: { signal?: AbortSignal; snapshot?: boolean } = {}): AsyncGenerator<VaultEvent, void> {
    const { log } = this;
    const { snapshot = false, ...call } = options;
    const request = { generation: log.seq === 0n ? 0n : log.generation, cursor: log.seq, chainHash: log.chainHash, snapshot };
    for await (const { event } of this.client.vault.watch(request, call)) {
      switch (event.case) {
        case "welcome":
          log.welcome(event.value.generation, event.value.headSeq);
          break;
        case "changes":
          yield* await this.apply(event.value);
          break;
        case "caughtUp":
          log.bookmark(event.value.seq);
          yield { type: "caughtUp", seq: log.seq };
          break;
        case "ping":
          this.heartbeat(event.value.headSeq);
          break;
        case "snapshotBegin":
          await this.beginSnapshot(event.value);
          break;
        case "snapshotRows":
          await this.addRows(event.value);
          break;
        case "snapshotEnd":
          yield* await this.endSnapshot(event.value);
          break;
        case "resyncRequired":
          if (event.value.reason === ResyncReason.COMPACTED) {
            break; // a snapshot follows
          }
          throw new StreamEnded(event.value);
        case "goAway":
          throw new StreamEnded(event.value);
      }
    }
  }

  /** Checks the bookmark of a Ping, which means nothing yet while a snapshot is on its way. */
  heartbeat(seq: bigint): void {
    if (!this.#receiving) {
      this.log.bookmark(seq);
    }
  }

  /** Begins to receive a snapshot; one that was on its way before is void. */
  async beginSnapshot(begin: SnapshotBegin): Promise<void> {
    const snapshot = this.log.beginSnapshot(begin);
    if (snapshot.checkpoint.keyEpoch > this.keys.epoch) {
      await this.#fetchKeys();
    }
    this.#receiving = { snapshot, events: [] };
  }

  /** Verifies rows of the snapshot. */
  async addRows({ rows }: SnapshotRows): Promise<void> {
    const { snapshot, events } = this.#received();
    for (const row of rows) {
      const event = await this.#event(await snapshot.add(row));
      if (event) {
        events.push(event);
      }
    }
  }

  /** Verifies the whole snapshot and takes it in; the events are those of what is new in it. */
  async endSnapshot({ asOf }: SnapshotEnd): Promise<VaultEvent[]> {
    const { snapshot, events } = this.#received();
    const { seq } = this.log;
    await this.log.endSnapshot(snapshot, asOf);
    this.#receiving = undefined;
    const news = events.filter((event) => event.seq > seq);
    news.forEach((event) => this.#keep(event));
    return [...news, { type: "snapshot", seq: asOf }];
  }

  #received(): Receiving {
    ensure(this.#receiving !== undefined, "SEQ_GAP", "rows came without the beginning of their snapshot");
    return this.#receiving;
  }

  /** Verifies changes of the server and takes them in; the events of an atomic batch come with its last change. */
  async apply(changes: Changes): Promise<VaultEvent[]> {
    if (changes.prevSeq !== this.log.seq) {
      throw new Kpm1Error("SEQ_GAP", `changes came after ${changes.prevSeq} where ${this.log.seq} is the last`);
    }
    ensure(!this.#receiving, "SEQ_GAP", "changes came before the end of a snapshot");
    const events: VaultEvent[] = [];
    for (const change of changes.entries) {
      const entry = await this.log.append(change);
      await this.#renewKeys(entry);
      const event = await this.#event(entry);
      if (event) {
        this.#batch.push(event);
      }
      this.#inBatch = change.moreInBatch;
      if (!this.#inBatch) {
        events.push(...this.#batch.splice(0));
      }
    }
    if (changes.lastSeq !== this.log.seq) {
      throw new Kpm1Error("SEQ_GAP", `changes up to ${changes.lastSeq} were said to come, the last was ${this.log.seq}`);
    }
    events.forEach((event) => this.#keep(event));
    return events;
  }

  /** Compares what the server remembers of this device; its numbers may not be ahead of its own. */
  checkOwnOperations(lastOpSeq: bigint): void {
    if (lastOpSeq > this.#lastOpSeq) {
      throw new Kpm1Error("OWN_OPERATION_UNKNOWN", "the server has operations of this device that it did not make");
    }
  }

  /**
   * Operations that end devices' parts in the log and give the vault new keys, which none of them gets: to be pushed
   * together, as one atomic Push.
   *
   * @param mainPassword is asked for anew: whoever holds an unlocked device must not take the vault from its owner
   * @param devices the devices to revoke; none for new keys alone
   * @throws Kpm1Error PASSWORD_WRONG, before anything is made
   */
  async rekey(mainPassword: string, devices: readonly string[] = []): Promise<Operation[]> {
    const { accountId: account, vault } = this.client;
    const stored = known((await vault.getVault({})).keyset);
    this.log.checkKeyset(stored);
    const old = await checkKeyset(stored.keyset, parseHeader(stored.header));
    await openKeyset(stored.keyset, parseHeader(stored.header), mainPassword);
    const remaining = this.log.devices.filter(({ device }) => this.log.isCurrent(device) && !devices.includes(device));
    const revocations: Operation[] = [];
    for (const device of devices) {
      const basis = this.#basis(OperationKind.DEVICE_REVOCATION, newId());
      const envelope = await sealRevocation({ account, vault: account, device }, known(this.keys.directoryKey(basis.keyEpoch)));
      revocations.push(await this.#operation(basis, envelope));
    }
    const keys = await this.keys.next();
    const basis = { ...this.#basis(OperationKind.KEYSET, account), keyEpoch: keys.epoch };
    const envelope = await sealKeyset({
      account,
      vault: account,
      rev: basis.baseRev + 1n,
      keys,
      mainPassword,
      iterations: Math.max(iterations.default, old.password.iterations),
      ...(old.recovery ? { recoveryKey: await importPublicKey(old.recovery.recipient, "ECDH") } : {}),
      devices: await Promise.all(
        remaining.map(async ({ device, agreementKey }) => ({ device, agreementKey: await importPublicKey(agreementKey, "ECDH") })),
      ),
    });
    return [...revocations, await this.#operation(basis, envelope)];
  }

  /** Publishes what this device has verified as a checkpoint, from which others can take a snapshot. */
  async publishCheckpoint(): Promise<bigint> {
    if (this.#inBatch) {
      throw new Error("a checkpoint can't be made inside an atomic Push");
    }
    const checkpoint = encodeCheckpoint(await this.log.checkpoint(this.device.id));
    const signature = await sign(this.device.signing.privateKey, checkpoint);
    return (await this.client.vault.publishCheckpoint({ checkpoint, signature })).newestSeq;
  }

  /** Takes the keys of a new epoch from the keyset that brings them, as far as that has a wrap for this device. */
  async #renewKeys({ header, envelope }: VerifiedEntry): Promise<void> {
    if (header.kind !== OperationKind.KEYSET || header.keyEpoch <= this.keys.epoch) {
      return;
    }
    if (envelope) {
      await this.#takeKeys(envelope, header);
    } else {
      await this.#fetchKeys();
    }
  }

  /** Asks for the keyset that a device of the directory signed last. The log's own check of it follows when the log has it. */
  async #fetchKeys(): Promise<void> {
    const { keyset } = await this.client.vault.getVault({});
    if (keyset) {
      await this.log.checkSignedKeyset(keyset);
      await this.#takeKeys(keyset.keyset, parseHeader(keyset.header));
    }
  }

  async #takeKeys(envelope: Uint8Array, header: Header): Promise<void> {
    const { devices } = await checkKeyset(envelope, header);
    if (header.keyEpoch > this.keys.epoch && devices.some(({ device }) => device === this.device.id)) {
      this.log.keys = await openKeysetAsDevice(envelope, header, this.device.id, this.device.agreement);
    }
  }

  async #event({ seq, header, envelope, device, revoked }: VerifiedEntry): Promise<VaultEvent | undefined> {
    const common = { seq, id: header.subject, rev: header.baseRev + 1n, author: header.device };
    if (device) {
      return { type: "device", seq, entry: device };
    }
    if (revoked !== undefined) {
      return { type: "revoked", seq, device: revoked, author: header.device };
    }
    switch (header.kind) {
      case OperationKind.KEYSET:
        return { type: "keyset", seq, rev: common.rev, keyEpoch: header.keyEpoch };
      case OperationKind.DELETE:
        return { type: "deleted", ...common };
    }
    if (!envelope) {
      return undefined;
    }
    try {
      return { type: "item", ...common, item: await openItem(envelope, header, this.keys.vaultKey) };
    } catch (error) {
      if (error instanceof Kpm1Error && ["SCHEMA_UNKNOWN", "SUITE_UNKNOWN", "KEY_EPOCH_UNKNOWN"].includes(error.code)) {
        return { type: "unreadable", ...common, why: error };
      }
      throw error;
    }
  }

  #keep(event: VaultEvent): void {
    if (event.type === "item") {
      this.items.set(event.id, event.item);
    } else if (event.type === "deleted" || event.type === "unreadable") {
      this.items.delete(event.id);
    }
  }

  async #enrol(enrolment: Enrolment): Promise<Operation> {
    const { id, signingKey, agreementKey } = this.device;
    const basis = this.#basis(OperationKind.DEVICE_KEY, id);
    const { account, vault, device, keyEpoch } = basis;
    const envelope = await sealDirectoryEntry(
      { enrolment, account, vault, device, keyEpoch, signingKey, agreementKey },
      known(this.keys.directoryKey(keyEpoch)),
    );
    return this.#operation(basis, envelope);
  }

  #basis(kind: OperationKind, subject: string): Basis {
    const { accountId } = this.client;
    const { generation, keyEpoch, seq, chainHash } = this.log;
    return {
      kind,
      account: accountId,
      vault: accountId,
      generation,
      device: this.device.id,
      opSeq: ++this.#lastOpSeq,
      opId: newId(),
      subject,
      baseRev: this.log.rev(subject),
      keyEpoch,
      schema: kind === OperationKind.PUT ? itemSchema : 0,
      observed: { seq, hash: chainHash },
      attachments: [],
    };
  }

  async #operation(
    basis: Basis,
    envelope: Uint8Array,
    commitment: Uint8Array = new Uint8Array(32),
  ): Promise<Operation> {
    const { kind, opSeq, opId, subject, baseRev } = basis;
    const header = encodeHeader({ ...basis, envelopeHash: await sha256(envelope), commitment });
    this.#made.add(hex(header));
    const signature = await sign(this.device.signing.privateKey, header);
    return create(OperationSchema, { opSeq, opId, subjectId: subject, baseRev, kind, header, signature, envelope });
  }
}

/** The ids of an item's files, as its header lists them. */
function attachmentsOf({ kind }: Item): string[] {
  const files = kind.case === "document" ? kind.value.files : [];
  return [...new Set(files.map(({ id }) => id))].sort();
}

function known<T>(key: T | undefined): T {
  if (key === undefined) {
    throw new Kpm1Error("KEY_EPOCH_UNKNOWN", "the vault has new keys; open it again");
  }
  return key;
}
