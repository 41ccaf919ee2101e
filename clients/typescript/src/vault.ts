import { create } from "@bufbuild/protobuf";
import type { KpmClient } from "./client.js";
import type { Device } from "./device.js";
import type { Item } from "./gen/kpm/item/v1/item_pb.js";
import { type Operation, OperationKind, type OperationResult, OperationSchema, RejectionReason } from "./gen/kpm/v1/vault_pb.js";
import { type Changes, type GoAway, GoAwayReason, type ResyncRequired, ResyncReason } from "./gen/kpm/v1/vault_service_pb.js";
import { newId } from "./ids.js";
import { type DirectoryEntry, Enrolment, sealDirectoryEntry } from "./kpm1/directory.js";
import { Kpm1Error } from "./kpm1/error.js";
import { encodeHeader, type Header, itemSchema, parseHeader } from "./kpm1/header.js";
import { openItem, sealItem } from "./kpm1/item.js";
import { openKeyset, sealKeyset, VaultKeys } from "./kpm1/keyset.js";
import { VaultLog, type VerifiedEntry } from "./kpm1/log.js";
import { sha256, sign } from "./kpm1/primitives.js";

/** A verified step of the vault's history. */
export type VaultEvent =
  | { readonly type: "item"; readonly seq: bigint; readonly id: string; readonly rev: bigint; readonly author: string; readonly item: Item }
  /** An item that only a newer client can read; its ciphertext is left as it is. */
  | { readonly type: "unreadable"; readonly seq: bigint; readonly id: string; readonly rev: bigint; readonly author: string; readonly why: Kpm1Error }
  | { readonly type: "deleted"; readonly seq: bigint; readonly id: string; readonly rev: bigint; readonly author: string }
  /** A device joined. Show one that is KEYED to the person: somebody who knows the main password added it. */
  | { readonly type: "device"; readonly seq: bigint; readonly entry: DirectoryEntry }
  | { readonly type: "keyset"; readonly seq: bigint; readonly rev: bigint }
  /** Everything up to seq has been seen. */
  | { readonly type: "caughtUp"; readonly seq: bigint };

/** The server did not apply an operation. */
export class OperationError extends Error {
  override readonly name = "OperationError";

  constructor(
    /** The result: a conflict names the subject's revision now, a rejection its reason. */
    readonly result: OperationResult,
  ) {
    super(
      result.result.case === "conflict"
        ? `the subject is at revision ${result.result.value.rev} now`
        : `the server refused the operation: ${RejectionReason[result.result.case === "rejected" ? result.result.value.reason : 0]}`,
    );
  }
}

/** The server ended a stream. */
export class StreamEnded extends Error {
  override readonly name = "StreamEnded";

  constructor(
    /** GoAway: resume. ResyncRequired: keep the data and tell the person. "revoked": this device's access was ended. */
    readonly reason: GoAway | ResyncRequired | "revoked",
  ) {
    super(
      reason === "revoked" ? "the access of this device was ended"
      : reason.$typeName === "kpm.v1.GoAway" ? `the server ended the stream: ${GoAwayReason[reason.reason]}`
      : `the stream can't be resumed: ${ResyncReason[reason.reason]}`,
    );
  }
}

/**
 * One account's vault on one device: keys, verified log and items, in memory only. Everything it tells was verified
 * and decrypted here; everything it sends was encrypted and signed here.
 */
export class Vault {
  /** The verified log. */
  readonly log: VaultLog;
  /** The current items. */
  readonly items = new Map<string, Item>();
  readonly #made = new Set<string>();
  readonly #batch: VaultEvent[] = [];
  #inBatch = false;
  #lastOpSeq = 0n;

  private constructor(
    readonly client: KpmClient,
    readonly device: Device,
    readonly keys: VaultKeys,
  ) {
    this.log = new VaultLog({
      account: client.accountId,
      keys,
      own: { device: device.id, knows: (header) => this.#made.has(Buffer.from(header).toString("base64")) },
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
   * Opens the vault on another device: verifies the whole log, and enrols the device as KEYED if it is new.
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
    for await (const event of vault.watch()) {
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

  /** The last change belongs to an atomic batch whose rest has not come yet. */
  get inBatch(): boolean {
    return this.#inBatch;
  }

  /**
   * An operation that writes an item: a new one, or the next revision of `id`. Operations are to be sent in the order
   * in which they were made.
   */
  async put(item: Item, id: string = newId()): Promise<Operation> {
    const basis = this.#basis(OperationKind.PUT, id);
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

  /** Follows the log by the server's stream alone; ends with the access token. */
  async *watch(options: { signal?: AbortSignal } = {}): AsyncGenerator<VaultEvent, void> {
    const { log } = this;
    const request = { generation: log.seq === 0n ? 0n : log.generation, cursor: log.seq, chainHash: log.chainHash };
    for await (const { event } of this.client.vault.watch(request, options)) {
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
          log.bookmark(event.value.headSeq);
          break;
        case "resyncRequired":
        case "goAway":
          throw new StreamEnded(event.value);
      }
    }
  }

  /** Verifies changes of the server and takes them in; the events of an atomic batch come with its last change. */
  async apply(changes: Changes): Promise<VaultEvent[]> {
    if (changes.prevSeq !== this.log.seq) {
      throw new Kpm1Error("SEQ_GAP", `changes came after ${changes.prevSeq} where ${this.log.seq} is the last`);
    }
    const events: VaultEvent[] = [];
    for (const change of changes.entries) {
      const entry = await this.log.append(change);
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

  async #event({ seq, header, envelope, device }: VerifiedEntry): Promise<VaultEvent | undefined> {
    const common = { seq, id: header.subject, rev: header.baseRev + 1n, author: header.device };
    if (device) {
      return { type: "device", seq, entry: device };
    }
    switch (header.kind) {
      case OperationKind.KEYSET:
        return { type: "keyset", seq, rev: common.rev };
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

  /** What an operation is made on, taken in one step: the log may go on while the envelope is made. */
  #basis(kind: OperationKind, subject: string): Omit<Header, "envelopeHash" | "commitment"> {
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
    basis: Omit<Header, "envelopeHash" | "commitment">,
    envelope: Uint8Array,
    commitment: Uint8Array = new Uint8Array(32),
  ): Promise<Operation> {
    const { kind, opSeq, opId, subject, baseRev } = basis;
    const header = encodeHeader({ ...basis, envelopeHash: await sha256(envelope), commitment });
    this.#made.add(Buffer.from(header).toString("base64"));
    const signature = await sign(this.device.signing.privateKey, header);
    return create(OperationSchema, { opSeq, opId, subjectId: subject, baseRev, kind, header, signature, envelope });
  }
}

function known(key: Uint8Array | undefined): Uint8Array {
  if (!key) {
    throw new Kpm1Error("KEY_EPOCH_UNKNOWN", "the vault has new keys; open it again");
  }
  return key;
}

/** The seq of an operation that was applied. Throws OperationError where it was not. */
export function applied(result: OperationResult | undefined): bigint {
  if (result?.result.case !== "applied") {
    throw result ? new OperationError(result) : new Error("the server sent no result");
  }
  return result.result.value.seq;
}
