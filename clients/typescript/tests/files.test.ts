import assert from "node:assert/strict";
import { createServer, type Http2Server } from "node:http2";
import type { AddressInfo } from "node:net";
import { afterEach, beforeEach, test } from "node:test";
import { create, clone } from "@bufbuild/protobuf";
import { Code, ConnectError, type ServiceImpl } from "@connectrpc/connect";
import { connectNodeAdapter } from "@connectrpc/connect-node";
import { AttachmentSchema, ItemSchema } from "../src/gen/kpm/item/v1/item_pb.js";
import { ErrorInfoSchema, RetryInfoSchema } from "../src/gen/google/rpc/error_details_pb.js";
import { SignedInSchema } from "../src/gen/kpm/v1/sign_in_pb.js";
import { type Operation } from "../src/gen/kpm/v1/vault_pb.js";
import { type AttachmentUpload, VaultService } from "../src/gen/kpm/v1/vault_service_pb.js";
import { Device, KpmClient, kpm1, newId, RpcError, Vault } from "../src/index.js";
import { refused } from "./support.js";

/** A store of attachments in this process, which loses the connection when it is told to. */
class FakeStore {
  upload: AttachmentUpload | undefined;
  bytes = new Uint8Array(0);
  /** Calls that break once they have moved so many bytes; the first is the next call's. */
  cuts: number[] = [];
  readonly offsets: number[] = [];
  /** What becomes of bytes that are sent to the client. */
  show = (data: Uint8Array): Uint8Array => data;
  pushed: Operation[] = [];

  get complete(): boolean {
    return this.upload !== undefined && this.bytes.length === Number(this.upload.size);
  }

  #take(offset: bigint, data: Uint8Array, budget: number): void {
    assert.equal(Number(offset), this.bytes.length);
    this.bytes = Uint8Array.from([...this.bytes, ...data.subarray(0, budget)]);
    if (data.length > budget) {
      throw unavailable();
    }
  }

  service(): Partial<ServiceImpl<typeof VaultService>> {
    return {
      push: ({ operations }) => {
        this.pushed.push(...operations);
        return { results: operations.map(({ opId, opSeq }) => ({ opId, opSeq, result: { case: "applied", value: { seq: 1n } } })) };
      },
      getAttachmentUpload: () => {
        if (!this.upload) {
          throw new ConnectError("none", Code.NotFound, undefined, [{ desc: ErrorInfoSchema, value: { reason: "NOT_FOUND", domain: "kpm" } }]);
        }
        return { upload: this.upload, received: BigInt(this.bytes.length), complete: this.complete };
      },
      uploadAttachment: async (requests) => {
        let budget = this.cuts.shift() ?? Infinity;
        for await (const { part } of requests) {
          if (part.case === "start") {
            this.upload = part.value.upload!;
            this.offsets.push(Number(part.value.offset));
          } else if (part.case === "data") {
            assert.ok(part.value.length <= 524_304);
            this.#take(BigInt(this.bytes.length), part.value, budget);
            budget -= part.value.length;
          }
        }
        return { received: BigInt(this.bytes.length), complete: this.complete };
      },
      putAttachmentChunk: ({ upload, offset, data }) => {
        this.upload = upload!;
        this.offsets.push(Number(offset));
        this.#take(offset, data, this.cuts.shift() ?? Infinity);
        return { received: BigInt(this.bytes.length), complete: this.complete };
      },
      downloadAttachment: ({ offset, length }) => this.#download(Number(offset), Number(length)),
    };
  }

  async *#download(offset: number, length: number) {
    this.offsets.push(offset);
    const end = length === 0 ? this.bytes.length : Math.min(this.bytes.length, offset + length);
    const cut = offset + (this.cuts.shift() ?? Infinity);
    for (let at = offset; at < end; at += 100_000) {
      if (at >= cut) {
        throw unavailable();
      }
      yield { offset: BigInt(at), data: this.show(this.bytes.slice(at, Math.min(end, at + 100_000))), size: BigInt(this.bytes.length) };
    }
  }
}

const unavailable = () =>
  new ConnectError("cut", Code.Unavailable, undefined, [{ desc: RetryInfoSchema, value: { retryDelay: { nanos: 1_000_000 } } }]);

let store: FakeStore;
let server: Http2Server;
let client: KpmClient;
let vault: Vault;

beforeEach(async () => {
  store = new FakeStore();
  server = createServer(connectNodeAdapter({ routes: (router) => router.service(VaultService, store.service()) }));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  client = new KpmClient(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  client.connect(create(SignedInSchema, { account: { accountId: newId() }, session: { accessToken: "token" } }));
  vault = await Vault.create(client, await Device.create({ name: "laptop" }), "main password");
});

afterEach(() => {
  client.close();
  server.close();
});

const itemId = newId();
const content = Uint8Array.from({ length: 1_200_000 }, (_, i) => i % 251);
const file = { name: "passport.pdf", mediaType: "application/pdf", content };

async function downloaded(...args: Parameters<Vault["files"]["download"]>): Promise<Uint8Array> {
  const pieces = [];
  for await (const piece of vault.files.download(...args)) {
    pieces.push(piece);
  }
  return Uint8Array.from(Buffer.concat(pieces));
}

for (const pieceByPiece of [false, true]) {
  test(`a file arrives whole though the connection is cut twice, ${pieceByPiece ? "piece by piece" : "by a stream"}`, async () => {
    const sealed = await vault.files.seal(itemId, file);
    store.cuts = pieceByPiece ? [100_000, Infinity, 7] : [600_000, 1];
    await vault.files.upload(sealed, { pieceByPiece });
    assert.deepEqual(store.bytes, sealed.ciphertext);
    assert.deepEqual(store.offsets.slice(0, 3), pieceByPiece ? [0, 100_000, 624_304] : [0, 600_000, 600_001]);
    assert.deepEqual(Buffer.from(await kpm1.sha256(store.bytes)), Buffer.from(store.upload!.sha256));

    const before = store.offsets.length;
    await vault.files.upload(sealed, { pieceByPiece });
    assert.equal(store.offsets.length, before, "what is complete is not sent again");

    store.cuts = [550_000, 0];
    assert.deepEqual(await downloaded(itemId, sealed.attachment), content);
    assert.deepEqual(store.offsets.slice(before), [0, 524_304, 524_304]);
  });
}

test("a range is read by the chunks that it lies in", async () => {
  const { attachment, ciphertext } = await vault.files.seal(itemId, file);
  await vault.files.upload({ attachment, ciphertext });
  for (const [offset, length] of [[0, 1], [524_287, 2], [524_288, 5], [1_199_999, 1], [1_000_000, 1_000_000], [10, 1_100_000], [5, 0], [1_200_000, 9]] as const) {
    assert.deepEqual(await downloaded(itemId, attachment, { offset, length }), content.slice(offset, offset + length), `${offset} ${length}`);
  }
  assert.deepEqual(store.offsets.slice(1), [0, 0, 524_304, 1_048_608, 524_304, 0]);
  await assert.rejects(downloaded(itemId, attachment, { offset: 1_200_001 }), RangeError);
});

test("an empty file is one, and its tag is checked", async () => {
  const { attachment, ciphertext } = await vault.files.seal(itemId, { ...file, content: new Uint8Array(0) });
  await vault.files.upload({ attachment, ciphertext });
  assert.equal((await downloaded(itemId, attachment)).length, 0);
  store.bytes = store.bytes.with(3, store.bytes[3]! ^ 1);
  await refused(downloaded(itemId, attachment), "DECRYPTION_FAILED");
});

test("a file that was changed, cut, or is another item's is refused", async () => {
  const { attachment, ciphertext } = await vault.files.seal(itemId, file);
  await vault.files.upload({ attachment, ciphertext });
  await refused(downloaded(newId(), attachment), "DECRYPTION_FAILED");
  const other = clone(AttachmentSchema, attachment);
  other.length--;
  await refused(downloaded(itemId, other), "ATTACHMENT_INVALID");
  store.show = (data) => data.with(7, data[7]! ^ 1);
  await refused(downloaded(itemId, attachment), "DECRYPTION_FAILED");
  store.show = (data) => data.slice(1);
  await refused(downloaded(itemId, attachment), "ATTACHMENT_INVALID");
  store.show = (data) => data;
  store.bytes = store.bytes.slice(0, -1);
  await refused(downloaded(itemId, attachment), "ATTACHMENT_INVALID");
});

test("a server that stays away is given up after five tries", async () => {
  store.cuts = [0, 0, 0, 0, 0, 0];
  await assert.rejects(vault.files.upload(await vault.files.seal(itemId, file)), (error) => error instanceof RpcError && error.code === Code.Unavailable);
  assert.equal(store.cuts.length, 0);
  assert.equal(store.offsets.length, 6);
});

test("the header of an item lists its files", async () => {
  const files = [await vault.files.seal(itemId, file), await vault.files.seal(itemId, file)].map(({ attachment }) => attachment);
  const { header } = await vault.put(create(ItemSchema, { kind: { case: "document", value: { files: files.reverse() } } }), itemId);
  assert.deepEqual(kpm1.parseHeader(header).attachments, files.map(({ id }) => id).sort());
});
