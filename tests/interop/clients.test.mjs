// The TypeScript and Python clients against the running server: each example makes its whole walk, and both share a vault.
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { buildTypeScript, register, root, run, startServer, typeScript } from "./server.mjs";

let server;

before(async () => {
  await buildTypeScript();
  server = await startServer();
});

after(() => server?.stop());

/** What the walk must have said, in this order. */
const steps = [
  /^account .* created in /m,
  /^mail +activation mail read, account activated$/m,
  /^laptop +enrolled as ROOT, keyset written, stream open$/m,
  /^phone +signed in, vault opened and enrolled as KEYED, log verified up to \d+$/m,
  /^laptop +shows that a device joined with the main password$/m,
  /^laptop +saved "Example bank" as entry 4 of the log$/m,
  /^phone +shows "Example bank" \d+ ms later, decrypted and verified$/m,
  /^laptop +shows the phone's edit as revision 2$/m,
  /^both +hold the same 5 entries \(devices ROOT, KEYED\), chain [0-9a-f]{16}…$/m,
];

function assertWalked({ code, output }) {
  assert.equal(code, 0, output);
  let at = 0;
  for (const step of steps) {
    const found = step.exec(output.slice(at));
    assert.ok(found, `${step} is missing, or out of order:\n${output}`);
    at += found.index;
  }
}

/** Nothing that the walk encrypted may be in any file of the server. */
async function assertNoPlainText(folder) {
  const files = (await readdir(folder, { recursive: true, withFileTypes: true })).filter((entry) => entry.isFile());
  assert.ok(files.some(({ name }) => name.startsWith("kpm.db")));
  for (const file of files) {
    const content = await readFile(join(file.parentPath ?? file.path, file.name));
    for (const secret of ["Example bank", "bank.example", "four things that never leave", "Walk-to-the-server"]) {
      assert.equal(content.includes(secret), false, `${file.name} holds "${secret}"`);
    }
  }
}

test("the TypeScript example", { timeout: 300_000 }, async () => {
  const cwd = join(root, "clients/typescript");
  assertWalked(await run("node", ["dist/example/walk.js", "--server", server.address, "--mail", server.mail], { cwd }));
  await assertNoPlainText(server.data);
});

test("the Python example", { timeout: 300_000 }, async () => {
  const cwd = join(root, "clients/python");
  assertWalked(await run("/usr/bin/python3", ["-m", "example.walk", "--server", server.address, "--mail", server.mail], { cwd }));
  await assertNoPlainText(server.data);
});

test("TypeScript and Python share a vault", { timeout: 300_000 }, async () => {
  const sdk = await typeScript();
  const { applied, create, ItemSchema, SyncStream, Vault } = sdk;
  const [email, password, mainPassword] = [`both-${randomUUID()}@example.org`, "Share-the-vault-1", "Ein langes Hauptpaßwort ①"];
  const { client, device } = await register(server, sdk, email, password);
  try {
    const vault = await Vault.create(client, device, mainPassword);
    const stream = await SyncStream.open(vault);
    const item = create(ItemSchema, {
      name: "aus TypeScript: ключ 🔑",
      kind: { case: "bankCard", value: { holder: "Ada", number: "4111111111111111", expiryMonth: 7, expiryYear: 2031 } },
    });
    assert.equal(applied((await stream.push([await vault.put(item)]))[0]), 3n);

    const second = await run("/usr/bin/python3", [join(root, "tests/interop/second_device.py")], {
      env: { PYTHONPATH: join(root, "clients/python") },
      input: Buffer.from([server.address, email, password, mainPassword].join("\n")),
    });
    assert.equal(second.code, 0, second.output);
    const python = JSON.parse(second.output);
    assert.deepEqual(python.read, [
      { name: item.name, bankCard: { holder: "Ada", number: "4111111111111111", expiryMonth: 7, expiryYear: 2031 } },
    ]);

    for await (const event of stream) {
      if (event.type === "item" && event.author === python.device) {
        assert.equal(event.item.name, "von Python: 鍵 🔑");
        assert.equal(event.item.notes.length, 5000);
        assert.equal(event.seq, BigInt(python.seq));
        break;
      }
    }
    assert.deepEqual(vault.log.devices.map((entry) => entry.device), [device.id, python.device]);
  } finally {
    client.close();
  }
});

test("tokens are renewed by proof, and a revoked device's stream ends with a receipt", { timeout: 120_000 }, async () => {
  const sdk = await typeScript();
  const { Device, KpmClient, RpcError, StreamEnded, SyncStream, Vault } = sdk;
  const [email, password] = [`revoke-${randomUUID()}@example.org`, "Revoke-a-device-1"];
  const { client, device } = await register(server, sdk, email, password);
  const second = new KpmClient(server.address);
  try {
    await Vault.create(client, device, "a main password");
    const before = client.session;
    await client.refresh(device);
    assert.notEqual(client.session.accessToken, before.accessToken);
    assert.notEqual(client.session.refreshToken, before.refreshToken);

    const phone = await Device.create({ name: "phone" });
    second.connect((await second.accounts.signIn({ email, password, device: phone.info() })).outcome.value);
    const stream = await SyncStream.open(await Vault.open(second, phone, "a main password"));
    const ended = (async () => {
      for await (const event of stream) {
        assert.ok(event);
      }
    })();
    await client.accounts.revokeDevice({ requestId: randomUUID(), deviceId: phone.id });
    await assert.rejects(ended, (error) => error instanceof StreamEnded && error.reason === "revoked");
    await assert.rejects(second.vault.getVault({}), (error) => error instanceof RpcError && error.reasonName === "SESSION_INVALID");

    const { devices } = await client.accounts.listDevices({});
    const revoked = devices.find(({ deviceId }) => deviceId === phone.id);
    assert.ok(revoked.revokedAt);
    assert.ok(revoked.revocationAcknowledgedAt, "the receipt has not arrived");
    assert.equal(devices.find(({ deviceId }) => deviceId === device.id).revokedAt, undefined);
  } finally {
    client.close();
    second.close();
  }
});
