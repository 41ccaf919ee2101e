import assert from "node:assert/strict";
import { createServer, type Http2Server } from "node:http2";
import { type AddressInfo } from "node:net";
import { after, before, test } from "node:test";
import { Code, ConnectError, type ServiceImpl } from "@connectrpc/connect";
import { connectNodeAdapter } from "@connectrpc/connect-node";
import { BadRequestSchema, ErrorInfoSchema, RetryInfoSchema } from "../src/gen/google/rpc/error_details_pb.js";
import { AccountService } from "../src/gen/kpm/v1/account_service_pb.js";
import { ErrorReason } from "../src/gen/kpm/v1/error_reason_pb.js";
import { VaultService } from "../src/gen/kpm/v1/vault_service_pb.js";
import { createProof, Device, KpmClient, kpm1, proofBytes, RpcError } from "../src/index.js";

// A foreign server in this process: what it answers is what the test wants the client to see.
let server: Http2Server;
let client: KpmClient;
let seen: Headers | undefined;

const accounts: Partial<ServiceImpl<typeof AccountService>> = {
  createAccount() {
    throw new ConnectError("the request is not valid", Code.InvalidArgument, undefined, [
      { desc: ErrorInfoSchema, value: { reason: "PASSWORD_REJECTED", domain: "kpm", metadata: { rules: "2" } } },
      {
        desc: BadRequestSchema,
        value: {
          fieldViolations: [
            { field: "password", description: "needs a digit", reason: "PASSWORD_DIGIT" },
            { field: "device.name", description: "is missing" },
          ],
        },
      },
    ]);
  },
  signIn() {
    throw new ConnectError("slow down", Code.ResourceExhausted, undefined, [
      { desc: ErrorInfoSchema, value: { reason: "FROM_THE_FUTURE", domain: "kpm" } },
      { desc: RetryInfoSchema, value: { retryDelay: { seconds: 1n, nanos: 500_000_000 } } },
    ]);
  },
  refreshSession: ({ refreshToken }) => ({ session: { accessToken: `after ${refreshToken}`, refreshToken: "next" } }),
  getAccount(_, context) {
    seen = context.requestHeader;
    return {};
  },
};
const vault: Partial<ServiceImpl<typeof VaultService>> = {
  async *watch() {
    yield { event: { case: "caughtUp", value: { seq: 0n } } };
    throw new ConnectError("ended", Code.Unauthenticated, undefined, [
      { desc: ErrorInfoSchema, value: { reason: "SESSION_INVALID", domain: "kpm" } },
    ]);
  },
};

before(async () => {
  server = createServer(connectNodeAdapter({ routes: (router) => router.service(AccountService, accounts).service(VaultService, vault) }));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  client = new KpmClient(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
});

after(() => {
  client.close();
  server.close();
});

async function failure(call: Promise<unknown>): Promise<RpcError> {
  return call.then(
    () => assert.fail("the call should have failed"),
    (error) => {
      assert.ok(error instanceof RpcError, String(error));
      return error;
    },
  );
}

test("an error has its reason, and every bad field", async () => {
  const error = await failure(client.accounts.createAccount({}));
  assert.equal(error.code, Code.InvalidArgument);
  assert.equal(error.reason, ErrorReason.PASSWORD_REJECTED);
  assert.equal(error.reasonName, "PASSWORD_REJECTED");
  assert.deepEqual({ ...error.info }, { rules: "2" });
  assert.deepEqual(error.fieldViolations, [
    { field: "password", description: "needs a digit", reason: "PASSWORD_DIGIT" },
    { field: "device.name", description: "is missing", reason: "" },
  ]);
  assert.equal(error.retryAfterMs, undefined);
});

test("a reason of a newer server is kept by name, and the time to wait is read", async () => {
  const error = await failure(client.accounts.signIn({}));
  assert.equal(error.reason, ErrorReason.UNSPECIFIED);
  assert.equal(error.reasonName, "FROM_THE_FUTURE");
  assert.equal(error.retryAfterMs, 1500);
});

test("a stream's error is typed, after the messages before it", async () => {
  const events: unknown[] = [];
  const error = await failure(
    (async () => {
      for await (const { event } of client.vault.watch({})) {
        events.push(event.case);
      }
    })(),
  );
  assert.deepEqual(events, ["caughtUp"]);
  assert.equal(error.reason, ErrorReason.SESSION_INVALID);
});

test("an error from below the handlers has no reason", async () => {
  const error = await failure(client.accounts.listDevices({}));
  assert.equal(error.code, Code.Unimplemented);
  assert.equal(error.reason, ErrorReason.UNSPECIFIED);
  assert.equal(error.reasonName, "");
});

test("the access token goes out with calls, and refresh replaces it", async () => {
  assert.throws(() => client.session, /no session/);
  await client.accounts.getAccount({});
  assert.equal(seen!.get("authorization"), null);
  const { outcome } = { outcome: { account: { accountId: "a" }, session: { accessToken: "one", refreshToken: "old" } } };
  client.connect(outcome as Parameters<KpmClient["connect"]>[0]);
  await client.accounts.getAccount({});
  assert.equal(seen!.get("authorization"), "Bearer one");
  await client.refresh(await Device.create({ name: "laptop" }));
  await client.accounts.getAccount({});
  assert.equal(seen!.get("authorization"), "Bearer after old");
  assert.equal(client.accountId, "a");
});

test("a proof has the layout of session.proto", async () => {
  const nonce = new Uint8Array(16).fill(9);
  const bytes = Buffer.from(await proofBytes("/a/B", "tök", 0x0102_0304_0506, nonce));
  const tokenHash = Buffer.from(await kpm1.sha256(Buffer.from("tök", "utf8"))).toString("hex");
  const expected = `4b504d312d50524f4f46${"0004"}${"2f612f42"}${tokenHash}0000010203040506${"09".repeat(16)}`;
  assert.equal(bytes.toString("hex"), expected);

  const device = await Device.create({ name: "laptop" });
  const proof = await createProof(device.signing.privateKey, "/a/B", "tök", 1_700_000_000_123);
  assert.deepEqual([proof.time!.seconds, proof.time!.nanos], [1_700_000_000n, 123_000_000]);
  const signed = await proofBytes("/a/B", "tök", 1_700_000_000_123, proof.nonce);
  assert.ok(await kpm1.verify(device.signing.publicKey, signed, proof.signature));
  assert.equal(proof.signature.length, 64);
});
