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
import { GoAwayReason, type SyncRequest, type SyncResponseSchema, VaultService } from "../src/gen/kpm/v1/vault_service_pb.js";
import { applied, Device, KpmClient, kpm1, newId, OperationError, proofBytes, StreamEnded, SyncStream, Vault, type VaultEvent } from "../src/index.js";
import { Queue } from "../src/queue.js";
import { refused } from "./support.js";

type Out = NonNullable<MessageInitShape<typeof SyncResponseSchema>["message"]>;

/** A vault of one account in this process, which does as it is told: honestly, unless a test says otherwise. */
class FakeVault {
  readonly changes: Change[] = [];
  /** What devices said on their streams, first to last. */
  readonly heard: NonNullable<SyncRequest["message"]["case"]>[] = [];
  /** The last Reauth. */
  reauth: Extract<SyncRequest["message"], { case: "reauth" }>["value"] | undefined;
  /** What the server makes of its log before it shows it. */
  show = (changes: Change[]): Change[] => changes;
  lastOpSeq = 0n;
  refuse = false;
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

  service(): Partial<ServiceImpl<typeof VaultService>> {
    return {
      push: ({ operations }) => ({ results: this.commit(operations) }),
      publishDeviceKey: ({ operation }) => ({ result: this.commit([operation!])[0]! }),
      getVault: async () => {
        const keyset = this.changes.findLast(({ kind }) => kind === OperationKind.KEYSET)!;
        let chainHash = kpm1.emptyChainHash;
        for (const { seq, header } of this.changes) {
          chainHash = await kpm1.chainHash(chainHash, seq, header);
        }
        return {
          generation: 1n, headSeq: BigInt(this.changes.length), chainHash, keyEpoch: 1,
          keyset: { rev: keyset.rev, seq: keyset.seq, header: keyset.header, signature: keyset.signature, keyset: keyset.envelope },
        };
      },
      watch: ({ cursor }) => this.#watch(Number(cursor)),
      sync: (requests) => this.#sync(requests),
    };
  }

  async *#watch(cursor: number) {
    yield { event: { case: "welcome" as const, value: { generation: 1n, headSeq: BigInt(this.changes.length) } } };
    yield { event: this.#changesAfter(cursor) };
    yield { event: this.#caughtUp() };
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
        if (message.case === "hello") {
          const welcome = { version: 1, generation: 1n, headSeq: BigInt(this.changes.length), lastOpSeq: this.lastOpSeq };
          out.put({ case: "welcome", value: welcome });
          if (BigInt(this.changes.length) > message.value.cursor) {
            out.put(this.#changesAfter(Number(message.value.cursor)));
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
