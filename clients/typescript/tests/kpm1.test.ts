import assert from "node:assert/strict";
import { test } from "node:test";
import { create } from "@bufbuild/protobuf";
import { ItemSchema } from "../src/gen/kpm/item/v1/item_pb.js";
import { OperationKind } from "../src/gen/kpm/v1/vault_pb.js";
import { Device, idFromBytes, idToBytes, kpm1, newId } from "../src/index.js";
import { pad, unpad } from "../src/kpm1/item.js";
import { LogWriter, refused } from "./support.js";

const sample: kpm1.Header = {
  kind: OperationKind.PUT,
  account: newId(),
  vault: newId(),
  generation: 1n,
  device: newId(),
  opSeq: 7n,
  opId: newId(),
  subject: newId(),
  baseRev: 3n,
  keyEpoch: 2,
  schema: 1,
  envelopeHash: new Uint8Array(32).fill(5),
  commitment: new Uint8Array(32).fill(6),
  observed: { seq: 9n, hash: new Uint8Array(32).fill(8) },
  attachments: [],
};

test("ids are UUIDv7, in the order of their bytes", () => {
  const id = newId(0x0123_4567_89ab);
  assert.match(id, /^01234567-89ab-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  assert.equal(idFromBytes(idToBytes(id)), id);
  assert.throws(() => idToBytes(id.toUpperCase().replace("7", "F")), RangeError);
  assert.throws(() => idFromBytes(new Uint8Array(15)), RangeError);
});

test("a header survives its bytes, with 64 attachments too", () => {
  const attachments = Array.from({ length: 64 }, () => newId()).sort();
  for (const header of [sample, { ...sample, attachments }]) {
    const bytes = kpm1.encodeHeader(header);
    assert.equal(bytes.length, 234 + 16 * header.attachments.length);
    assert.deepEqual(kpm1.parseHeader(bytes), header);
  }
});

const notWellFormed: Record<string, Partial<kpm1.Header>> = {
  "generation 0": { generation: 0n },
  "op_seq 0": { opSeq: 0n },
  "an epoch of 0": { keyEpoch: 0 },
  "an op_seq of 2^63": { opSeq: 2n ** 63n },
  "a base_rev without a successor": { baseRev: 2n ** 63n - 1n },
  "a chain hash of an empty log": { observed: { seq: 0n, hash: new Uint8Array(32).fill(1) } },
  "a PUT without a schema": { schema: 0 },
  "a kind of 6": { kind: 6 as OperationKind },
  "a DELETE with a schema": { kind: OperationKind.DELETE },
  "a DELETE of nothing": { kind: OperationKind.DELETE, schema: 0, commitment: new Uint8Array(32), baseRev: 0n },
  "a DEVICE_KEY about another device": { kind: OperationKind.DEVICE_KEY, schema: 0, commitment: new Uint8Array(32), baseRev: 0n },
  "a KEYSET about an item": { kind: OperationKind.KEYSET, schema: 0, commitment: new Uint8Array(32) },
  "attachments out of order": { attachments: [newId(), newId()].sort().reverse() },
  "an attachment twice": { attachments: [sample.account, sample.account] },
  "65 attachments": { attachments: Array.from({ length: 65 }, () => newId()).sort() },
};

for (const [name, fields] of Object.entries(notWellFormed)) {
  test(`a header is not well-formed with ${name}`, () => refused(() => kpm1.encodeHeader({ ...sample, ...fields }), "STRUCTURE_INVALID"));
}

test("a header of another length is refused", async () => {
  const bytes = kpm1.encodeHeader(sample);
  for (const length of [0, 4, 6, 233]) {
    await refused(() => kpm1.parseHeader(bytes.slice(0, length)), "STRUCTURE_INVALID");
  }
  await refused(() => kpm1.parseHeader(Uint8Array.of(...bytes, 0)), "STRUCTURE_INVALID");
});

test("padding has size classes, and only its own is read", async () => {
  const sizes = [[0, 256], [252, 256], [253, 512], [2044, 2048], [2045, 4096], [4093, 8192], [258_044, 258_048]] as const;
  for (const [length, padded] of sizes) {
    const message = new Uint8Array(length).fill(9);
    assert.equal(pad(message).length, padded);
    assert.deepEqual(unpad(pad(message)), message);
  }
  assert.throws(() => pad(new Uint8Array(258_045)), RangeError);
  await refused(() => unpad(pad(new Uint8Array(8)).slice(1)), "PADDING_INVALID");
  await refused(() => unpad(new Uint8Array(512)), "PADDING_INVALID");
  await refused(() => unpad(new Uint8Array(3)), "PADDING_INVALID");
  await refused(() => unpad(pad(new Uint8Array(8)).fill(1, 255)), "PADDING_INVALID");
});

test("an item opens only with its header and its key", async () => {
  const vaultKey = new Uint8Array(32).fill(3);
  const sealed = await kpm1.sealItem(create(ItemSchema, { name: "bank" }), vaultKey, sample);
  const header = { ...sample, ...sealed };
  const keys = (epoch: number) => (epoch === 2 ? vaultKey : undefined);
  assert.equal((await kpm1.openItem(sealed.envelope, header, keys)).name, "bank");
  await refused(kpm1.openItem(sealed.envelope, { ...header, schema: 2 }, keys), "SCHEMA_UNKNOWN");
  await refused(kpm1.openItem(sealed.envelope, { ...header, keyEpoch: 1 }, keys), "KEY_EPOCH_UNKNOWN");
  await refused(kpm1.openItem(sealed.envelope, { ...header, subject: newId() }, keys), "COMMITMENT_MISMATCH");
  await refused(kpm1.openItem(sealed.envelope, { ...header, baseRev: 4n }, keys), "COMMITMENT_MISMATCH");
  await refused(kpm1.openItem(sealed.envelope, header, () => new Uint8Array(32)), "COMMITMENT_MISMATCH");
  const cut = sealed.envelope.with(-1, sealed.envelope.at(-1)! ^ 1);
  await refused(kpm1.openItem(cut, header, keys), "ENVELOPE_HASH_MISMATCH");
  await refused(kpm1.openItem(cut, { ...header, envelopeHash: await kpm1.sha256(cut) }, keys), "DECRYPTION_FAILED");
  await refused(kpm1.openItem(sealed.envelope.slice(0, 321), header, keys), "STRUCTURE_INVALID");
});

test("a keyset opens with the main password in any Unicode form, and with the ECDH key of a device", async () => {
  const device = await Device.create({ name: "laptop" });
  const account = newId();
  const keys = await kpm1.VaultKeys.create();
  const header = { ...sample, kind: OperationKind.KEYSET, account, vault: account, subject: account, baseRev: 4n, keyEpoch: 1 };
  const bytes = await kpm1.sealKeyset({
    account, vault: account, rev: 5n, keys, mainPassword: "caf\u00e9 \u2460", iterations: kpm1.iterations.min,
    devices: [{ device: device.id, agreementKey: device.agreement.publicKey }],
  });
  const opened = await kpm1.openKeyset(bytes, header, "cafe\u0301 1");
  assert.deepEqual(opened.epochs, keys.epochs);
  assert.deepEqual(opened.accountKey, keys.accountKey);
  assert.deepEqual((await kpm1.openKeysetAsDevice(bytes, header, device.id, device.agreement)).epochs, keys.epochs);

  await refused(kpm1.openKeyset(bytes, header, "cafe 1"), "PASSWORD_WRONG");
  await refused(kpm1.openKeyset(bytes, header, "\ud800"), "PASSWORD_INVALID");
  await refused(kpm1.openKeyset(bytes, header, ""), "PASSWORD_INVALID");
  await refused(kpm1.openKeyset(bytes, header, "cafe 1", 1_000_000), "KDF_DOWNGRADE");
  await refused(kpm1.openKeyset(bytes, { ...header, baseRev: 5n }, "cafe\u0301 1"), "KEYSET_MISMATCH");
  await refused(kpm1.openKeysetAsDevice(bytes, header, newId(), device.agreement), "WRAP_INVALID");
  const other = await Device.create({ name: "other" });
  await refused(kpm1.openKeysetAsDevice(bytes, header, device.id, other.agreement), "WRAP_INVALID");
  await refused(kpm1.openKeysetWithRecovery(bytes, header, device.agreement), "WRAP_INVALID");
  const forged = bytes.with(-1, bytes.at(-1)! ^ 1);
  await refused(kpm1.openKeyset(forged, header, "cafe\u0301 1"), "KEYSET_MAC_INVALID");
});

test("iterations out of bounds are refused before one runs", async () => {
  const salt = new Uint8Array(32);
  await refused(kpm1.deriveUnlockKey("password", salt, 599_999), "KDF_TOO_WEAK");
  await refused(kpm1.deriveUnlockKey("password", salt, 10_000_001), "KDF_TOO_STRONG");
  await refused(kpm1.deriveUnlockKey("password", salt, 4_294_967_295), "KDF_TOO_STRONG");
});

test("a directory entry is read exactly", async () => {
  const writer = await LogWriter.create();
  const device = await Device.create({ name: "laptop" });
  const { envelope } = await writer.enrol(device, kpm1.Enrolment.Root);
  const entry = await kpm1.parseDirectoryEntry(envelope);
  assert.equal(envelope.length, 302);
  assert.equal(entry.device, device.id);
  await kpm1.verifyDirectoryEntry(entry, undefined, writer.keys.directoryKey);
  const flips = { "enrolment": 6, "flags": 7, "signing key": 70, "ECDH key": 130, "approver": 191, "approval": 207 };
  for (const [field, offset] of Object.entries(flips)) {
    await refused(kpm1.parseDirectoryEntry(envelope.with(offset, envelope[offset]! ^ 0x80)), "STRUCTURE_INVALID").catch((error) => {
      throw new Error(`flipped ${field}`, { cause: error });
    });
  }
  await refused(kpm1.parseDirectoryEntry(envelope.slice(1)), "STRUCTURE_INVALID");
  await refused(kpm1.parseDirectoryEntry(envelope.with(5, 2)), "SUITE_UNKNOWN");
});
