// `buf curl`, which knows nothing of this server, lists its services by reflection, creates an account and syncs.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { createHash, randomBytes, randomUUID } from "node:crypto";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { root, run, startServer } from "./server.mjs";

const buf = join(root, "tests/interop/node_modules/.bin/buf");
const options = ["curl", "--protocol", "grpc", "--http2-prior-knowledge"];
const { subtle } = globalThis.crypto;

let server;

before(async () => {
  server = await startServer();
});

after(() => server?.stop());

async function call(method, request) {
  const { code, output } = await run(buf, [...options, "-d", JSON.stringify(request), `${server.address}/${method}`]);
  return { code, output, response: code === 0 ? JSON.parse(output) : undefined };
}

/** A device with its key, as a program without our SDK would make it. */
async function newDevice() {
  const pair = await subtle.generateKey({ name: "ECDSA", namedCurve: "P-256" }, false, ["sign"]);
  const signingKey = Buffer.from(await subtle.exportKey("raw", pair.publicKey)).toString("base64");
  const info = {
    deviceId: randomUUID(), name: "buf curl", platform: "PLATFORM_LINUX", applicationId: "kpm-sdk", applicationVersion: "1", signingKey,
  };
  return { info, privateKey: pair.privateKey };
}

/** The proof of session.proto, from its description alone. */
async function proof(device, method, token) {
  const now = Date.now();
  const nonce = randomBytes(16);
  const length = Buffer.alloc(2);
  length.writeUInt16BE(method.length);
  const time = Buffer.alloc(8);
  time.writeBigUInt64BE(BigInt(now));
  const tokenHash = createHash("sha256").update(token).digest();
  const data = Buffer.concat([Buffer.from("KPM1-PROOF"), length, Buffer.from(method), tokenHash, time, nonce]);
  const signature = Buffer.from(await subtle.sign({ name: "ECDSA", hash: "SHA-256" }, device.privateKey, data));
  return { time: new Date(now).toISOString(), nonce: nonce.toString("base64"), signature: signature.toString("base64") };
}

async function createAccount(device, changes = {}) {
  const { response: offer } = await call("kpm.v1.AccountService/GetSignInOptions", { locale: "de-AT" });
  assert.equal(offer.selectedRegion, "AT");
  const region = offer.regions.find(({ code }) => code === "AT");
  return call("kpm.v1.AccountService/CreateAccount", {
    email: `curl-${randomUUID()}@example.org`,
    password: "Curl-the-server-1",
    passwordConfirmation: "Curl-the-server-1",
    region: "AT",
    language: region.languages[0],
    consentVersion: offer.marketingConsent.version,
    device: device.info,
    ...changes,
  });
}

/** A detail of an error, whose type reflection does not know: the contract does not import it. */
async function detail(error, type) {
  const found = error.details.find((candidate) => candidate.type === type);
  assert.ok(found, `${type} is missing in ${JSON.stringify(error)}`);
  const input = Buffer.from(found.value, "base64");
  const { code, output } = await run(buf, ["convert", "protos", "--type", type, "--from", "-#format=binpb", "--to", "-#format=json"], { cwd: root, input });
  assert.equal(code, 0, output);
  return JSON.parse(output);
}

test("the services are listed by reflection", async () => {
  const { code, output } = await run(buf, [...options, "--list-services", server.address]);
  assert.equal(code, 0, output);
  const services = output.trim().split("\n");
  for (const service of ["kpm.v1.AccountService", "kpm.v1.VerificationService", "kpm.v1.VaultService", "grpc.health.v1.Health"]) {
    assert.ok(services.includes(service), `${service} is missing in ${services.join(", ")}`);
  }
});

test("an account is created", async () => {
  const device = await newDevice();
  const { code, output, response } = await createAccount(device);
  assert.equal(code, 0, output);
  assert.equal(response.created.account.state, "ACCOUNT_STATE_PENDING");
  assert.match(response.created.account.accountId, /^[0-9a-f-]{36}$/);
  assert.ok(response.created.session.accessToken);
});

test("a bad request is refused with its typed error, which names every field", async () => {
  const device = await newDevice();
  device.info.name = "";
  const { code, output } = await createAccount(device, { email: "not an address" });
  assert.notEqual(code, 0);
  const error = JSON.parse(output);
  assert.equal(error.code, "invalid_argument");
  const info = await detail(error, "google.rpc.ErrorInfo");
  assert.deepEqual([info.domain, info.reason], ["kpm", "INVALID_REQUEST"]);
  const { fieldViolations } = await detail(error, "google.rpc.BadRequest");
  const fields = fieldViolations.map(({ field }) => field);
  assert.deepEqual(fields.sort(), ["device.name", "email"]);
});

test("a Sync stream opens, says where the vault stands, and ends when the client is done", { timeout: 60_000 }, async () => {
  const device = await newDevice();
  const { response } = await createAccount(device);
  const token = response.created.session.accessToken;
  const method = "/kpm.v1.VaultService/Sync";
  const child = spawn(buf, [...options, "-H", `authorization: Bearer ${token}`, "-d", "@-", `${server.address}${method}`], {
    stdio: ["pipe", "pipe", "pipe"],
  });
  let output = "";
  let problems = "";
  const ended = new Promise((resolve) => child.once("close", resolve));
  child.stderr.setEncoding("utf8").on("data", (chunk) => (problems += chunk));
  child.stdin.write(`${JSON.stringify({ hello: { versions: [1], proof: await proof(device, method, token) } })}\n`);
  child.stdout.setEncoding("utf8").on("data", (chunk) => {
    output += chunk;
    if (output.includes("caughtUp")) {
      child.stdin.end();
    }
  });
  assert.equal(await ended, 0, `${output}\n${problems}`);
  const messages = output.trim().split(/\n(?=\{)/).map((text) => JSON.parse(text));
  assert.equal(messages[0].welcome.version, 1);
  assert.equal(messages[0].welcome.generation, "1");
  assert.ok("caughtUp" in messages[1], output);
});

test("a Sync stream without a proof of the device's key is refused", async () => {
  const [device, thief] = [await newDevice(), await newDevice()];
  const { response } = await createAccount(device);
  const token = response.created.session.accessToken;
  const method = "/kpm.v1.VaultService/Sync";
  const hello = { hello: { versions: [1], proof: await proof(thief, method, token) } };
  const { code, output } = await run(buf, [
    ...options, "-H", `authorization: Bearer ${token}`, "-d", JSON.stringify(hello), `${server.address}${method}`,
  ]);
  assert.notEqual(code, 0);
  assert.doesNotMatch(output, /welcome/);
  const error = JSON.parse(output);
  assert.equal(error.code, "unauthenticated");
  assert.equal((await detail(error, "google.rpc.ErrorInfo")).reason, "DEVICE_PROOF_INVALID");
});
