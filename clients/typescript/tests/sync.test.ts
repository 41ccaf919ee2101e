import assert from "node:assert/strict";
import { createServer, type Http2Server } from "node:http2";
import type { AddressInfo } from "node:net";
import { afterEach, beforeEach, test } from "node:test";
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { type ServiceImpl } from "@connectrpc/connect";
import { connectNodeAdapter } from "@connectrpc/connect-node";
import { ItemSchema } from "../src/gen/kpm/item/v1/item_pb.js";
import { AccountService } from "../src/gen/kpm/v1/account_service_pb.js";
import { SignedInSchema } from "../src/gen/kpm/v1/sign_in_pb.js";
import { type Change, ChangeSchema, type Operation, OperationKind, RejectionReason } from "../src/gen/kpm/v1/vault_pb.js";
import { GoAwayReason, ResyncReason, type SyncRequest, type SyncResponseSchema, VaultService } from "../src/gen/kpm/v1/vault_service_pb.js";
import { applied, Device, KpmClient, kpm1, newId, OperationError, proofBytes, StreamEnded, SyncStream, Vault, type VaultEvent } from "../src/index.js";
import { Queue } from "../src/queue.js";
import { refused } from "./support.js";

type Out = NonNullable<MessageInitShape<typeof SyncResponseSchema>["message"]>;

type Snapshotting = Extract<Out, { case: "resyncRequired" | "snapshotBegin" | "snapshotRows" | "snapshotEnd" | "ping" }>;

/** Stands for the snapshot's beginning, once more. */
const again: Out = { case: "snapshotEnd", value: {} };

/** A vault of one account in this process, which does as it is told: honestly, unless a test says otherwise. */
class FakeVault {
  readonly changes: Change[] = [];
  /** What devices said on their streams, first to last. */
  readonly heard: NonNullable<SyncRequest["message"]["case"]>[] = [];
  acknowledged = 0n;
  /** The last Reauth. */
  reauth: Extract<SyncRequest["message"], { case: "reauth" }>["value"] | undefined;
  /** What the server makes of its log before it shows it. */
  show = (changes: Change[]): Change[] => changes;
  lastOpSeq = 0n;
  refuse = false;
  /** Changes at or below are gone. */
  compacted = 0;
  checkpoint: { readonly checkpoint: Uint8Array; readonly signature: Uint8Array } | undefined;
  /** What the server shows before the rows of its snapshot: an earlier one that it gives up, for example. */
  prelude: Out[] = [];
  readonly #streams = new Set<Queue<Out>>();

  /** Says something to every open stream. */
  say(...messages: Out[]): void {
    this.#streams.forEach((stream) => messages.forEach((message) => stream.put(message)));
  }

  /** Ends every open stream. */
  end(): void {
    this.#streams.forEach((stream) => stream.end());
  }

  commit(operations: Operation[]) {
    const from = this.changes.length;
    const results = operations.map((operation) => {
      const { opId, opSeq, kind, subjectId, baseRev, header, signature, envelope } = operation;
      if (this.refuse) {
        return { opId, opSeq, result: { case: "rejected" as const, value: { reason: RejectionReason.QUOTA_EXCEEDED } } };
      }
      const seq = BigInt(this.changes.length + 1);
      const change = { seq, kind, subjectId, rev: baseRev + 1n, header, signature, envelope };
      this.changes.push(create(ChangeSchema, change));
      return { opId, opSeq, result: { case: "applied" as const, value: { seq, rev: baseRev + 1n } } };
    });
    if (this.changes.length > from) {
      this.say(this.#changesAfter(from), this.#caughtUp());
    }
    return results;
  }

  keyset = async () => {
    const { rev, seq, header, signature, envelope } = this.changes.findLast(({ kind }) => kind === OperationKind.KEYSET)!;
    return { rev, seq, header, signature, keyset: envelope };
  };

  service(): Partial<ServiceImpl<typeof VaultService>> {
    return {
      push: ({ operations }) => ({ results: this.commit(operations) }),
      publishDeviceKey: ({ operation }) => ({ result: this.commit([operation!])[0]! }),
      getVault: async () => {
        let chainHash = kpm1.emptyChainHash;
        for (const { seq, header } of this.changes) {
          chainHash = await kpm1.chainHash(chainHash, seq, header);
        }
        return {
          generation: 1n, headSeq: BigInt(this.changes.length), chainHash, keyEpoch: kpm1.parseHeader(this.changes.at(-1)!.header).keyEpoch,
          keyset: await this.keyset(),
        };
      },
      publishCheckpoint: ({ checkpoint, signature }) => {
        this.checkpoint = { checkpoint, signature };
        return { newestSeq: kpm1.parseCheckpoint(checkpoint).seq };
      },
      watch: ({ cursor, snapshot }) => this.#watch(Number(cursor), snapshot),
      sync: (requests) => this.#sync(requests),
    };
  }

  async *#watch(cursor: number, snapshot: boolean) {
    yield { event: { case: "welcome" as const, value: { generation: 1n, headSeq: BigInt(this.changes.length) } } };
    const { messages, from } = this.#snapshot(cursor, snapshot);
    for (const event of messages) {
      yield { event };
    }
    yield { event: this.#changesAfter(from) };
    yield { event: this.#caughtUp() };
  }

  /** The messages of a snapshot where one is due, and where the changes go on. */
  #snapshot(cursor: number, asked: boolean): { messages: Snapshotting[]; from: number } {
    const gone = cursor < this.compacted;
    if (!this.checkpoint || !(gone || asked)) {
      return { messages: [], from: cursor };
    }
    const { seq: asOf, leaves: rows } = kpm1.parseCheckpoint(this.checkpoint.checkpoint);
    const newest = new Map(this.changes.filter(({ seq }) => seq <= asOf).map((change) => [change.subjectId, change]));
    const shown = this.show([...newest.values()].sort((a, b) => Number(a.seq - b.seq)));
    const begin: Snapshotting = { case: "snapshotBegin", value: { asOf, rows, ...this.checkpoint } };
    const half = Math.ceil(shown.length / 2);
    return {
      messages: [
        ...(gone ? [{ case: "resyncRequired" as const, value: { reason: ResyncReason.COMPACTED } }] : []),
        begin,
        { case: "snapshotRows", value: { rows: shown.slice(0, half) } },
        ...this.prelude.map((message) => (message === again ? begin : message) as Snapshotting),
        ...(this.prelude.includes(again) ? [{ case: "snapshotRows" as const, value: { rows: shown.slice(0, half) } }] : []),
        { case: "snapshotRows", value: { rows: shown.slice(half) } },
        { case: "snapshotEnd", value: { asOf } },
      ],
      from: Number(asOf),
    };
  }

  async *#sync(requests: AsyncIterable<SyncRequest>) {
    const out = new Queue<Out>();
    this.#streams.add(out);
    void this.#listen(requests, out);
    for await (const message of out) {
      yield { message };
    }
    this.#streams.delete(out);
  }

  async #listen(requests: AsyncIterable<SyncRequest>, out: Queue<Out>): Promise<void> {
    try {
      for await (const { message } of requests) {
        this.heard.push(message.case!);
        if (message.case === "ack") {
          this.acknowledged = message.value.seq;
        }
        if (message.case === "hello") {
          const welcome = { version: 1, generation: 1n, headSeq: BigInt(this.changes.length), lastOpSeq: this.lastOpSeq };
          out.put({ case: "welcome", value: welcome });
          const { messages, from } = this.#snapshot(Number(message.value.cursor), message.value.snapshot);
          messages.forEach((part) => out.put(part));
          if (this.changes.length > from) {
            out.put(this.#changesAfter(from));
          }
          out.put(this.#caughtUp());
        } else if (message.case === "push") {
          this.commit(message.value.operations).forEach((result) => out.put({ case: "opResult", value: result }));
        } else if (message.case === "reauth") {
          this.reauth = message.value;
        }
      }
    } catch {
      // The client went away, which ends the stream like its last word does.
    }
    out.end();
  }

  #changesAfter(cursor: number) {
    const entries = this.show(this.changes.slice(cursor));
    return { case: "changes" as const, value: { prevSeq: BigInt(cursor), entries, lastSeq: entries.at(-1)?.seq ?? BigInt(cursor) } };
  }

  #caughtUp() {
    return { case: "caughtUp" as const, value: { seq: BigInt(this.changes.length) } };
  }
}

let fake: FakeVault;
let server: Http2Server;
let clients: KpmClient[];
const accountId = newId();

const accounts: Partial<ServiceImpl<typeof AccountService>> = {
  refreshSession: () => ({ session: { accessToken: "renewed", refreshToken: "next" } }),
};

beforeEach(async () => {
  fake = new FakeVault();
  clients = [];
  const service = fake.service();
  server = createServer(connectNodeAdapter({ routes: (router) => router.service(VaultService, service).service(AccountService, accounts) }));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
});

afterEach(() => {
  clients.forEach((client) => client.close());
  server.close();
});

function connected(account: string = accountId): KpmClient {
  const client = new KpmClient(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  client.connect(create(SignedInSchema, { account: { accountId: account }, session: { accessToken: "token", refreshToken: "refresh" } }));
  clients.push(client);
  return client;
}

const device = (name: string) => Device.create({ name });
const created = async () => Vault.create(connected(), await device("laptop"), "main password");

async function until(stream: SyncStream, type: VaultEvent["type"]): Promise<VaultEvent> {
  for await (const event of stream) {
    if (event.type === type) {
      return event;
    }
  }
  throw new Error("the stream ended");
}

async function ending(stream: SyncStream): Promise<unknown> {
  try {
    for await (const event of stream) {
      void event;
    }
  } catch (error) {
    return error;
  }
  return undefined;
}

test("two devices see each other's items", async () => {
  const laptop = await created();
  const stream = await SyncStream.open(laptop);
  await until(stream, "caughtUp");
  const phone = await Vault.open(connected(), await device("phone"), "main password");
  const phoneStream = await SyncStream.open(phone);

  const operation = await laptop.put(create(ItemSchema, { name: "bank" }));
  assert.equal(applied((await stream.push([operation]))[0]), 4n);
  const event = await until(phoneStream, "item");
  assert.ok(event.type === "item" && event.item.name === "bank" && event.author === laptop.device.id);
  await until(stream, "item");
  assert.deepEqual([...laptop.items.keys()], [operation.subjectId]);

  await phoneStream.push([await phone.remove(operation.subjectId)]);
  await until(stream, "deleted");
  assert.equal(laptop.items.size, 0);
  assert.deepEqual(laptop.log.chainHash, laptop.log.seq === phone.log.seq ? phone.log.chainHash : undefined);
  assert.ok(fake.heard.includes("ack"));
});

test("a wrong main password opens nothing and publishes nothing", async () => {
  await created();
  await refused(Vault.open(connected(), await device("phone"), "another password"), "PASSWORD_WRONG");
  assert.equal(fake.changes.length, 2);
});

test("a server that hides an entry is found out, and the stream is closed", async () => {
  const laptop = await created();
  const stream = await SyncStream.open(laptop);
  await until(stream, "caughtUp");
  fake.show = (changes) => changes.slice(1);
  const one = await laptop.put(create(ItemSchema, { name: "one" }));
  const two = await laptop.put(create(ItemSchema, { name: "two" }));
  const unanswered = stream.push([one, two]).catch((error: unknown) => error);
  const found = await ending(stream);
  assert.ok(found instanceof kpm1.Kpm1Error && found.code === "SEQ_GAP");
  assert.equal(await unanswered, found);
  await assert.rejects(stream.push([await laptop.put(create(ItemSchema, { name: "three" }))]), /the stream has ended/);
});

test("a server that shows a new device another log is found out", async () => {
  await created();
  fake.show = (changes) => changes.map((change) => ({ ...change, signature: change.signature.with(9, change.signature[9]! ^ 1) }));
  await refused(Vault.open(connected(), await device("phone"), "main password"), "SIGNATURE_INVALID");
});

test("a server that shows another account's vault is found out", async () => {
  await created();
  await refused(Vault.open(connected(newId()), await device("phone"), "main password"), "WRONG_VAULT");
});

test("a server that knows operations of this device which it did not make is found out", async () => {
  const laptop = await created();
  fake.lastOpSeq = 3n;
  await refused(SyncStream.open(laptop), "OWN_OPERATION_UNKNOWN");
});

test("a refused operation is a result, and the stream goes on", async () => {
  const laptop = await created();
  const stream = await SyncStream.open(laptop);
  fake.refuse = true;
  const [result] = await stream.push([await laptop.put(create(ItemSchema, { name: "one too many" }))]);
  assert.throws(() => applied(result), (error) => error instanceof OperationError && /QUOTA_EXCEEDED/.test(error.message));
  fake.refuse = false;
  const [second] = await stream.push([await laptop.put(create(ItemSchema, { name: "fits" }))]);
  assert.equal(applied(second), 3n);
});

test("a revocation is acknowledged, and ends the stream", async () => {
  const stream = await SyncStream.open(await created());
  await until(stream, "caughtUp");
  fake.say({ case: "revoked", value: {} });
  const error = await ending(stream);
  assert.ok(error instanceof StreamEnded && error.reason === "revoked");
  assert.equal(fake.heard.at(-1), "revokedAck");
});

test("after GoAway the results that are still due come, then the stream ends", async () => {
  const laptop = await created();
  const stream = await SyncStream.open(laptop);
  await until(stream, "caughtUp");
  const commit = fake.commit.bind(fake);
  fake.commit = (operations) => {
    fake.say({ case: "goAway", value: { reason: GoAwayReason.DRAINING } });
    return commit(operations);
  };
  const [result] = await stream.push([await laptop.put(create(ItemSchema, { name: "just in time" }))]);
  assert.equal(applied(result), 3n);
  fake.end();
  const error = await ending(stream);
  assert.ok(error instanceof StreamEnded && error.reason !== "revoked" && error.reason.$typeName === "kpm.v1.GoAway");
  assert.match(error.message, /DRAINING/);

  fake.commit = commit;
  const again = await SyncStream.open(laptop);
  await until(again, "caughtUp");
  assert.equal(laptop.log.seq, 3n);
});

test("a ping is answered, and a token that ends is renewed with a proof", async () => {
  const laptop = await created();
  const stream = await SyncStream.open(laptop);
  await until(stream, "caughtUp");
  fake.say({ case: "ping", value: { headSeq: 2n } }, { case: "tokenExpiring", value: {} });
  while (!fake.reauth) {
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  assert.deepEqual(fake.heard.filter((name) => name !== "ack"), ["hello", "pong", "reauth"]);
  assert.equal(laptop.client.session.accessToken, "renewed");
  const { accessToken, proof } = fake.reauth;
  assert.equal(accessToken, "renewed");
  const time = Number(proof!.time!.seconds) * 1000 + proof!.time!.nanos / 1_000_000;
  const signed = await proofBytes("/kpm.v1.VaultService/Sync", "renewed", time, proof!.nonce);
  assert.ok(await kpm1.verify(laptop.device.signing.publicKey, signed, proof!.signature));
});

test("closing ends the iteration without an error, and what is still due fails", async () => {
  const laptop = await created();
  const stream = await SyncStream.open(laptop);
  await until(stream, "caughtUp");
  fake.commit = () => [];
  const push = stream.push([await laptop.put(create(ItemSchema, { name: "lost" }))]);
  const failed = assert.rejects(push);
  stream.close();
  assert.equal(await ending(stream), undefined);
  await failed;
});

/** A vault whose first entries are gone: an item in three revisions, one that was deleted, and a checkpoint above. */
async function compacted() {
  const laptop = await created();
  for await (const event of laptop.watch()) {
    if (event.type === "caughtUp") break;
  }
  const [kept, gone] = [newId(), newId()];
  const follow = async (operations: Operation[]) => {
    (await laptop.push(operations)).forEach(applied);
    for await (const event of laptop.watch()) {
      if (event.type === "caughtUp") break;
    }
  };
  await follow([await laptop.put(create(ItemSchema, { name: "one" }), kept), await laptop.put(create(ItemSchema, { name: "bye" }), gone)]);
  await follow([await laptop.put(create(ItemSchema, { name: "two" }), kept), await laptop.remove(gone)]);
  return { laptop, kept, gone, follow };
}

test("a device that was away takes a snapshot once its changes are gone, acknowledges it and goes on", async () => {
  const { laptop, kept, gone, follow } = await compacted();
  const phone = await Vault.open(connected(), await device("phone"), "main password");
  const away = phone.log.seq;
  await follow([await laptop.put(create(ItemSchema, { name: "three" }), kept)]);
  assert.equal(await laptop.publishCheckpoint(), 8n);
  await follow([await laptop.put(create(ItemSchema, { name: "new" }))]);
  fake.compacted = 7;

  const stream = await SyncStream.open(phone);
  const seen: string[] = [];
  for await (const event of stream) {
    seen.push(event.type === "item" ? event.item.name : event.type);
    if (event.type === "caughtUp") break;
  }
  assert.equal(away, 6n);
  assert.deepEqual(seen, ["device", "three", "snapshot", "new", "caughtUp"]);
  assert.deepEqual([...phone.items.values()].map(({ name }) => name), ["three", "new"]);
  assert.equal(phone.items.has(gone), false);
  assert.deepEqual(phone.log.chainHash, laptop.log.chainHash);
  while (fake.acknowledged < 9n) {
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  assert.equal(applied((await stream.push([await phone.put(create(ItemSchema, { name: "four" }), kept)]))[0]), 10n);
});

test("a new device takes a snapshot though the changes are there, and a snapshot that begins anew replaces the first", async () => {
  const { laptop } = await compacted();
  await laptop.publishCheckpoint();
  fake.prelude = [again];
  const phone = await Vault.open(connected(), await device("phone"), "main password");
  assert.deepEqual(phone.log.chainHash, laptop.log.chainHash);
  assert.deepEqual([...phone.items.values()].map(({ name }) => name), ["two"]);
  assert.equal(fake.changes.at(-1)!.subjectId, phone.device.id);
});

test("a ping between the rows of a snapshot is answered and taken for no bookmark", async () => {
  const { laptop } = await compacted();
  const phone = await Vault.open(connected(), await device("phone"), "main password");
  await laptop.publishCheckpoint();
  fake.compacted = 8;
  phone.log.bookmark(6n);
  fake.prelude = [{ case: "ping", value: { headSeq: 3n } }];
  const other = await Vault.open(connected(), await device("tablet"), "main password").catch((error: unknown) => error);
  assert.ok(other instanceof Vault, String(other));
});

test("a snapshot that lacks a row is found out, and nothing of it is taken", async () => {
  const { laptop } = await compacted();
  await laptop.publishCheckpoint();
  fake.show = (rows) => rows.filter(({ kind }) => kind !== OperationKind.DELETE);
  await refused(Vault.open(connected(), await device("phone"), "main password"), "SEQ_GAP");
});

test("changes between the rows of a snapshot are refused", async () => {
  const { laptop } = await compacted();
  await laptop.publishCheckpoint();
  fake.prelude = [{ case: "changes", value: { prevSeq: 0n, entries: fake.changes.slice(0, 1), lastSeq: 1n } }];
  await refused(Vault.open(connected(), await device("phone"), "main password"), "SEQ_GAP");
});

test("a device publishes a checkpoint at a bookmark, once the head is 1,000 above the newest one", { timeout: 120_000 }, async () => {
  const laptop = await created();
  const stream = await SyncStream.open(laptop);
  await until(stream, "caughtUp");
  const item = create(ItemSchema, { name: "many" });
  for (let batch = 0; batch < 16; batch++) {
    assert.equal(fake.checkpoint, undefined);
    await stream.push(await Promise.all(Array.from({ length: 63 }, () => laptop.put(item))));
    while (laptop.log.seq < BigInt(fake.changes.length)) {
      await until(stream, "caughtUp");
    }
  }
  while (!fake.checkpoint) {
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  assert.equal(kpm1.parseCheckpoint(fake.checkpoint.checkpoint).seq, 1010n);
  stream.close();

  const phone = await Vault.open(connected(), await device("phone"), "main password");
  assert.equal(phone.items.size, 1008);
});

test("new keys reach every device but the revoked one, from the log and from a snapshot", async () => {
  const { laptop, kept, follow } = await compacted();
  const [phone, away, thief] = [
    await Vault.open(connected(), await device("phone"), "main password"),
    await Vault.open(connected(), await device("away"), "main password"),
    await Vault.open(connected(), await device("thief"), "main password"),
  ];
  await follow([]);
  await refused(laptop.rekey("another password", [thief.device.id]), "PASSWORD_WRONG");
  assert.equal(applied((await laptop.push(await laptop.rekey("main password", [thief.device.id]), { atomic: true })).at(-1)), 11n);
  await follow([]);
  assert.deepEqual([laptop.keys.epoch, laptop.log.isCurrent(thief.device.id), laptop.log.isCurrent(phone.device.id)], [2, false, true]);
  await follow([await laptop.put(create(ItemSchema, { name: "three" }), kept)]);
  const late = await Vault.open(connected(), await device("late"), "main password");

  for await (const event of phone.watch()) {
    if (event.type === "caughtUp") break;
  }
  assert.equal(phone.items.get(kept)!.name, "three");
  assert.equal(late.items.get(kept)!.name, "three");
  const shut = (async () => {
    for await (const event of thief.watch()) void event;
  })();
  await refused(shut, "KEY_EPOCH_UNKNOWN");
  assert.deepEqual([thief.keys.epoch, thief.items.get(kept)!.name], [1, "two"]);
  await refused(thief.put(create(ItemSchema, { name: "four" }), kept), "KEY_EPOCH_UNKNOWN");

  await follow([]);
  await laptop.publishCheckpoint();
  fake.compacted = fake.changes.length;
  for await (const event of away.watch()) {
    if (event.type === "caughtUp") break;
  }
  assert.equal(away.items.get(kept)!.name, "three");
  assert.equal(away.keys.epoch, 2);
});

test("keys of the server's making are not taken", async () => {
  const { laptop, follow } = await compacted();
  const phone = await Vault.open(connected(), await device("phone"), "main password");
  await follow([]);
  (await laptop.push(await laptop.rekey("main password"), { atomic: true })).forEach(applied);
  await follow([]);
  await laptop.publishCheckpoint();
  fake.compacted = fake.changes.length;
  const honest = fake.keyset;
  fake.keyset = async () => {
    const stored = await honest();
    const keys = await (await kpm1.VaultKeys.create()).next();
    const keyset = await kpm1.sealKeyset({
      account: accountId, vault: accountId, rev: stored.rev, keys, mainPassword: "x", devices: [{ device: phone.device.id, agreementKey: phone.device.agreement.publicKey }],
    });
    return { ...stored, keyset };
  };
  const error = await (async () => {
    for await (const event of phone.watch()) void event;
  })().catch((reason: unknown) => reason);
  assert.ok(error instanceof kpm1.Kpm1Error && error.code === "ENVELOPE_HASH_MISMATCH", String(error));
  assert.equal(phone.keys.epoch, 1);
});
