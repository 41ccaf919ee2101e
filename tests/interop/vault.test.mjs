// A vault of three languages: TypeScript makes it, Python joins by a snapshot, C# reads what both wrote, and TypeScript ends Python's part.
import assert from "node:assert/strict";
import { createHash, randomBytes, randomUUID } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { buildTypeScript, register, root, run, startServer, typeScript } from "./server.mjs";

let server;
let data;

before(async () => {
  await buildTypeScript();
  server = await startServer();
  data = await mkdtemp(join(tmpdir(), "kpm-interop-cli-"));
});

after(async () => {
  await server?.stop();
  await rm(data, { recursive: true, force: true });
});

/** The `kpm` of C#, on a device of its own. */
async function kpm(args, input = "") {
  const { code, output } = await run("dotnet", [
    join(root, "clients/cli/Kpm.Cli/bin", process.env.KPM_TEST_CONFIGURATION ?? "Release", "net10.0/kpm.dll"),
    ...args, "--server", server.address, "--data", data, "--shared-key", "off",
  ], { input: Buffer.from(input) });
  assert.equal(code, 0, `kpm ${args.join(" ")}:\n${output}`);
  return output;
}

async function until(stream, fits) {
  for await (const event of stream) {
    if (fits(event)) {
      return event;
    }
  }
  throw new Error("the stream ended");
}

test("TypeScript makes a vault, Python joins by its snapshot, C# reads both, and the keys change", { timeout: 300_000 }, async () => {
  const sdk = await typeScript();
  const { applied, create, ItemSchema, KpmClient, newId, Device, SyncStream, Vault } = sdk;
  const [email, password, mainPassword] = [`three-${randomUUID()}@example.org`, "Three-share-it-1", "a main password of three languages"];
  const { client, device } = await register(server, sdk, email, password);
  const phoneClient = new KpmClient(server.address);
  try {
    const vault = await Vault.create(client, device, mainPassword);
    const stream = await SyncStream.open(vault);
    await until(stream, ({ type }) => type === "caughtUp");
    const push = async (...operations) => {
      (await stream.push(operations)).forEach(applied);
      head += BigInt(operations.length);
      await until(stream, ({ seq }) => seq === head);
    };
    let head = vault.log.seq;
    const [item, gone, document] = [newId(), newId(), newId()];
    await push(await vault.put(create(ItemSchema, { name: "first" }), item), await vault.put(create(ItemSchema, { name: "gone" }), gone));
    await push(await vault.put(create(ItemSchema, { name: "second" }), item), await vault.remove(gone));
    const content = randomBytes(1_200_000);
    const sealed = await vault.files.seal(document, { name: "passport.pdf", mediaType: "application/pdf", content });
    await vault.files.upload(sealed, { pieceByPiece: true });
    await push(await vault.put(create(ItemSchema, { name: "passport", kind: { case: "document", value: { files: [sealed.attachment] } } }), document));
    assert.equal(await vault.publishCheckpoint(), 7n);

    const second = await run("/usr/bin/python3", [join(root, "tests/interop/snapshot_device.py")], {
      env: { PYTHONPATH: join(root, "clients/python") },
      input: Buffer.from([server.address, email, password, mainPassword, item, document].join("\n")),
    });
    assert.equal(second.code, 0, second.output);
    const python = JSON.parse(second.output);
    assert.deepEqual(python.items, ["from Python", "passport", "second"]);
    assert.equal(python.file, createHash("sha256").update(content).digest("hex"));
    assert.equal(python.range, content.subarray(524_280, 524_300).toString("hex"));
    assert.deepEqual([python.past, python.first, python.trash], [[[2, false], [1, false]], "first", [gone]]);
    // The server agrees with Python's statement of the log; the one before is new enough for it to keep.
    assert.deepEqual([python.seq, python.checkpoint], [9, 7]);

    const { item: own } = await until(stream, ({ type, id }) => type === "item" && id === python.own);
    const pieces = [];
    for await (const piece of vault.files.download(python.own, own.kind.value.files[0])) {
      pieces.push(piece);
    }
    assert.deepEqual(Buffer.concat(pieces), Buffer.alloc(1_280_000, Buffer.from(Array.from({ length: 256 }, (_, i) => i))));

    // A second device in TypeScript joins by the snapshot, and is to be there when the keys change.
    const phone = await Device.create({ name: "phone" });
    phoneClient.connect((await phoneClient.accounts.signIn({ email, password, device: phone.info() })).outcome.value);
    const phoneVault = await Vault.open(phoneClient, phone, mainPassword);
    phoneVault.log.checkChain(1n, new Uint8Array(32)); // would throw if it had read the log from its beginning
    assert.equal((await phoneVault.history.revision(item, 1n)).name, "first");
    await until(stream, ({ type, entry }) => type === "device" && entry.device === phone.id);

    const results = await stream.push(await vault.rekey(mainPassword, [python.device]), { atomic: true });
    assert.deepEqual(results.map(applied), [11n, 12n]);
    await until(stream, ({ type, keyEpoch }) => type === "keyset" && keyEpoch === 2);
    assert.equal((await client.vault.getVault({})).keyEpoch, 2);
    await stream.push([await vault.put(create(ItemSchema, { name: "third" }), item)]);
    for await (const event of phoneVault.watch()) {
      if (event.type === "caughtUp") break;
    }
    assert.deepEqual([phoneVault.items.get(item).name, phoneVault.keys.epoch, phoneVault.log.isCurrent(python.device)], ["third", 2, false]);

    await kpm(["sign-in", "--email", email], `${password}\n${mainPassword}\n`);
    const listed = JSON.parse(await kpm(["list", "--json"], `${mainPassword}\n`));
    assert.deepEqual(listed.map(({ name }) => name).sort(), ["from Python", "passport", "third"]);

    // C# is in the directory now, in the new epoch.
    await until(stream, ({ type, entry }) => type === "device" && ![device.id, phone.id, python.device].includes(entry.device));
    assert.deepEqual(vault.log.devices.map(({ keyEpoch }) => keyEpoch), [1, 1, 1, 2]);
    const { headSeq, chainHash } = await client.vault.getVault({});
    assert.deepEqual([headSeq, Buffer.from(chainHash)], [vault.log.seq, Buffer.from(vault.log.chainHash)]);
  } finally {
    client.close();
    phoneClient.close();
  }
});
