import assert from "node:assert/strict";
import { test } from "node:test";
import { clone, create } from "@bufbuild/protobuf";
import { type Change, ChangeSchema, KeysetSchema, OperationKind } from "../src/gen/kpm/v1/vault_pb.js";
import { Device, kpm1, newId } from "../src/index.js";
import { LogWriter, refused } from "./support.js";

const { Enrolment } = kpm1;

/** ROOT laptop, keyset, KEYED phone, an item with two revisions by both. */
async function history() {
  const writer = await LogWriter.create();
  const [laptop, phone] = await Promise.all([Device.create({ name: "laptop" }), Device.create({ name: "phone" })]);
  const item = newId();
  await writer.enrol(laptop, Enrolment.Root);
  await writer.putKeyset(laptop, "main password");
  await writer.enrol(phone, Enrolment.Keyed);
  await writer.putItem(laptop, item, "first");
  await writer.putItem(phone, item, "second");
  return { writer, laptop, phone, item };
}

async function read(log: kpm1.VaultLog, changes: readonly Change[]): Promise<kpm1.VerifiedEntry[]> {
  const entries = [];
  for (const change of changes) {
    entries.push(await log.append(change));
  }
  return entries;
}

/** The change with some of its bytes changed. */
function tampered(change: Change, edit: (copy: Change) => void): Change {
  const copy = clone(ChangeSchema, change);
  edit(copy);
  return copy;
}

test("an honest log is read, and its items decrypt", async () => {
  const { writer, laptop, phone, item } = await history();
  const log = writer.reader();
  const entries = await read(log, writer.changes);
  log.bookmark(5n);
  assert.equal(log.seq, 5n);
  assert.equal(log.rev(item), 2n);
  assert.deepEqual(log.devices.map(({ device }) => device), [laptop.id, phone.id]);
  const opened = await kpm1.openItem(entries[4]!.envelope!, entries[4]!.header, writer.keys.vaultKey);
  assert.equal(opened.name, "second");
  assert.equal(entries[4]!.header.device, phone.id);
});

test("a refused entry leaves the log where it was", async () => {
  const { writer } = await history();
  const log = writer.reader();
  await read(log, writer.changes.slice(0, 3));
  const before = log.chainHash;
  await refused(log.append(tampered(writer.changes[3]!, (copy) => (copy.signature[3]! ^= 1))), "SIGNATURE_INVALID");
  assert.equal(log.seq, 3n);
  assert.equal(log.chainHash, before);
  await log.append(writer.changes[3]!);
});

/** r || s as ASN.1, the form that most libraries write by themselves. */
function der(signature: Uint8Array): Uint8Array {
  const integer = (bytes: Uint8Array) => {
    const digits = bytes.slice(bytes.findIndex((byte) => byte !== 0));
    const positive = digits[0]! & 0x80 ? [0, ...digits] : [...digits];
    return [2, positive.length, ...positive];
  };
  const content = [...integer(signature.slice(0, 32)), ...integer(signature.slice(32))];
  return Uint8Array.of(0x30, content.length, ...content);
}

const attacks: Record<string, { code: string; changes: (changes: Change[]) => Change[] }> = {
  "an entry is left out": { code: "SEQ_GAP", changes: (c) => [c[0]!, c[1]!, c[2]!, c[4]!] },
  "an entry is left out and the rest renumbered": {
    code: "REV_MISMATCH",
    changes: (c) => [c[0]!, c[1]!, c[2]!, tampered(c[4]!, (copy) => (copy.seq = 4n))],
  },
  "an entry is replayed": { code: "OP_SEQ_NOT_RISING", changes: (c) => [...c.slice(0, 4), tampered(c[3]!, (copy) => (copy.seq = 5n))] },
  "the message names another item": { code: "HEADER_MISMATCH", changes: (c) => [...c.slice(0, 3), tampered(c[3]!, (copy) => (copy.subjectId = newId()))] },
  "the message names another revision": { code: "HEADER_MISMATCH", changes: (c) => [...c.slice(0, 3), tampered(c[3]!, (copy) => (copy.rev = 2n))] },
  "the message names another kind": { code: "HEADER_MISMATCH", changes: (c) => [...c.slice(0, 3), tampered(c[3]!, (copy) => (copy.kind = OperationKind.DELETE))] },
  "the header is cut": { code: "STRUCTURE_INVALID", changes: (c) => [tampered(c[0]!, (copy) => (copy.header = copy.header.slice(1)))] },
  "the header is changed": { code: "SIGNATURE_INVALID", changes: (c) => [...c.slice(0, 3), tampered(c[3]!, (copy) => (copy.header[80]! ^= 1))] },
  "the header is of a newer suite": { code: "SUITE_UNKNOWN", changes: (c) => [tampered(c[0]!, (copy) => (copy.header[5] = 2))] },
  "the envelope is changed": { code: "ENVELOPE_HASH_MISMATCH", changes: (c) => [...c.slice(0, 3), tampered(c[3]!, (copy) => (copy.envelope[99]! ^= 1))] },
  "envelopes are swapped": {
    code: "ENVELOPE_HASH_MISMATCH",
    changes: (c) => [...c.slice(0, 3), tampered(c[3]!, (copy) => (copy.envelope = c[4]!.envelope))],
  },
  "the envelope is left out": { code: "ENVELOPE_HASH_MISMATCH", changes: (c) => [...c.slice(0, 3), tampered(c[3]!, (copy) => (copy.envelope = new Uint8Array(0)))] },
  "a directory entry is withheld": {
    code: "ENVELOPE_HASH_MISMATCH",
    changes: (c) => [tampered(c[0]!, (copy) => { copy.envelope = new Uint8Array(0); copy.superseded = true; })],
  },
  "the log begins without its root": { code: "DEVICE_UNKNOWN", changes: (c) => [tampered(c[1]!, (copy) => (copy.seq = 1n))] },
  "a signature is of DER form": {
    code: "SIGNATURE_INVALID",
    changes: (c) => [tampered(c[0]!, (copy) => (copy.signature = der(copy.signature)))],
  },
  "a signature is cut": { code: "SIGNATURE_INVALID", changes: (c) => [tampered(c[0]!, (copy) => (copy.signature = copy.signature.slice(0, 63)))] },
};

for (const [name, { code, changes }] of Object.entries(attacks)) {
  test(`detected: ${name}`, async () => {
    const { writer } = await history();
    const hostile = changes(writer.changes);
    const log = writer.reader();
    await read(log, hostile.slice(0, -1));
    await refused(log.append(hostile.at(-1)!), code);
  });
}

const forgeries: Record<string, { code: string; write: (h: Awaited<ReturnType<typeof history>>) => Promise<Change> }> = {
  "a device that nobody enrolled": {
    code: "DEVICE_UNKNOWN",
    write: async ({ writer, item }) => writer.putItem(await Device.create({ name: "stranger" }), item, "forged"),
  },
  "a device of the server's making": {
    code: "DIRECTORY_MAC_INVALID",
    write: async ({ writer }) =>
      writer.enrol(await Device.create({ name: "stranger" }), Enrolment.Keyed, { directoryKey: new Uint8Array(32) }),
  },
  "a second root": {
    code: "ROOT_INVALID",
    write: async ({ writer }) => writer.enrol(await Device.create({ name: "stranger" }), Enrolment.Root),
  },
  "an approval by a device that is not in the directory": {
    code: "APPROVAL_INVALID",
    write: async ({ writer }) =>
      writer.enrol(await Device.create({ name: "third" }), Enrolment.Approved, { approver: await Device.create({ name: "stranger" }) }),
  },
  "an approval that another device signed": {
    code: "APPROVAL_INVALID",
    write: async ({ writer, phone, laptop }) =>
      writer.enrol(await Device.create({ name: "third" }), Enrolment.Approved, { approver: phone, entry: { approver: laptop.id } }),
  },
  "an entry with another device's key": {
    code: "SIGNATURE_INVALID",
    write: async ({ writer, phone }) =>
      writer.enrol(await Device.create({ name: "third" }), Enrolment.Keyed, { entry: { signingKey: phone.signingKey } }),
  },
  "an entry for another epoch than its header's": {
    code: "HEADER_MISMATCH",
    write: async ({ writer }) => writer.enrol(await Device.create({ name: "third" }), Enrolment.Keyed, { entry: { keyEpoch: 2 } }),
  },
  "an operation of another vault": {
    code: "WRONG_VAULT",
    write: async ({ writer, laptop, item }) => writer.putItem(laptop, item, "forged", { account: newId() }),
  },
  "an operation of a later generation": {
    code: "GENERATION_CHANGED",
    write: async ({ writer, laptop, item }) => writer.putItem(laptop, item, "forged", { generation: 2n }),
  },
  "an operation of another epoch": {
    code: "EPOCH_MISMATCH",
    write: async ({ writer, laptop, item }) => writer.putItem(laptop, item, "forged", { keyEpoch: 2 }),
  },
  "an operation number that does not rise": {
    code: "OP_SEQ_NOT_RISING",
    write: async ({ writer, laptop, item }) => writer.putItem(laptop, item, "forged", { opSeq: 3n }),
  },
  "an operation on a stale revision": {
    code: "REV_MISMATCH",
    write: async ({ writer, laptop, item }) => writer.putItem(laptop, item, "forged", { baseRev: 1n }),
  },
  "an item under the id of the vault": {
    code: "REV_MISMATCH",
    write: async ({ writer, laptop }) => writer.putItem(laptop, writer.account, "forged"),
  },
  "an operation that has seen another log": {
    code: "OBSERVATION_MISMATCH",
    write: async ({ writer, laptop, item }) =>
      writer.putItem(laptop, item, "forged", { observed: { seq: 4n, hash: new Uint8Array(32).fill(7) } }),
  },
  "an operation that has seen the future": {
    code: "OBSERVATION_MISMATCH",
    write: async ({ writer, laptop, item }) =>
      writer.putItem(laptop, item, "forged", { observed: { seq: 6n, hash: new Uint8Array(32).fill(7) } }),
  },
  "an operation that has seen less than one before": {
    code: "OBSERVATION_MISMATCH",
    write: async ({ writer, laptop, item }) =>
      writer.putItem(laptop, item, "forged", { observed: { seq: 0n, hash: new Uint8Array(32) } }),
  },
};

for (const [name, { code, write }] of Object.entries(forgeries)) {
  test(`detected: ${name}`, async () => {
    const written = await history();
    const log = written.writer.reader();
    await read(log, written.writer.changes);
    await refused(log.append(await write(written)), code);
  });
}

test("a device that another one approved is accepted", async () => {
  const { writer, phone } = await history();
  const tablet = await Device.create({ name: "tablet" });
  await writer.enrol(tablet, Enrolment.Approved, { approver: phone });
  const log = writer.reader();
  await read(log, writer.changes);
  assert.equal(log.devices[2]!.approver, phone.id);
});

test("a second entry of one device is refused", async () => {
  const { writer, phone } = await history();
  writer.revs.delete(phone.id);
  await writer.enrol(phone, Enrolment.Keyed);
  const log = writer.reader();
  await read(log, writer.changes.slice(0, 5));
  await refused(log.append(writer.changes[5]!), "DEVICE_DUPLICATE");
});

test("a deletion, and the item comes back", async () => {
  const { writer, laptop, phone, item } = await history();
  await writer.write({ device: laptop, kind: OperationKind.DELETE, subject: item });
  await writer.putItem(phone, item, "back");
  const log = writer.reader();
  const entries = await read(log, writer.changes);
  assert.equal(entries[5]!.envelope, undefined);
  assert.equal(entries[6]!.header.baseRev, 3n);
  assert.equal(log.rev(item), 4n);
});

test("a second deletion of one item is refused", async () => {
  const { writer, laptop, item } = await history();
  await writer.write({ device: laptop, kind: OperationKind.DELETE, subject: item });
  await writer.write({ device: laptop, kind: OperationKind.DELETE, subject: item });
  const log = writer.reader();
  await read(log, writer.changes.slice(0, 6));
  await refused(log.append(writer.changes[6]!), "REV_MISMATCH");
});

test("a superseded envelope needs its successor before the next bookmark", async () => {
  const { writer } = await history();
  const superseded = tampered(writer.changes[3]!, (copy) => {
    copy.envelope = new Uint8Array(0);
    copy.superseded = true;
  });
  const log = writer.reader();
  const entries = await read(log, [...writer.changes.slice(0, 3), superseded]);
  assert.equal(entries[3]!.envelope, undefined);
  await refused(() => log.bookmark(4n), "ENVELOPE_WITHHELD");
  await log.append(writer.changes[4]!);
  log.bookmark(5n);
});

test("bookmarks, heads, generations and chain hashes of the server are held against the own copy", async () => {
  const { writer } = await history();
  const log = writer.reader();
  await read(log, writer.changes);
  await refused(() => log.bookmark(4n), "ROLLBACK");
  await refused(() => log.bookmark(6n), "BOOKMARK_INVALID");
  await refused(() => log.welcome(1n, 4n), "ROLLBACK");
  await refused(() => log.welcome(2n, 5n), "GENERATION_CHANGED");
  log.welcome(1n, 9n);
  log.checkChain(5n, log.chainHash);
  await refused(() => log.checkChain(5n, new Uint8Array(32)), "CHAIN_MISMATCH");
});

test("a keyset from outside the log is held against it", async () => {
  const { writer } = await history();
  const log = writer.reader();
  const stored = create(KeysetSchema, { seq: 2n, header: writer.changes[1]!.header });
  await read(log, writer.changes.slice(0, 1));
  await refused(() => log.checkKeyset(stored), "CHAIN_MISMATCH");
  await read(log, writer.changes.slice(1));
  log.checkKeyset(stored);
  await refused(() => log.checkKeyset({ ...stored, header: writer.changes[3]!.header }), "CHAIN_MISMATCH");
  await refused(() => log.checkKeyset({ ...stored, seq: 3n }), "CHAIN_MISMATCH");
});

test("a keyset with fewer iterations than the one before is refused", async () => {
  const { writer, laptop } = await history();
  await writer.putKeyset(laptop, "main password", 700_000);
  await writer.putKeyset(laptop, "main password", 650_000);
  const log = writer.reader();
  await read(log, writer.changes.slice(0, 6));
  await refused(log.append(writer.changes[6]!), "KDF_DOWNGRADE");
});

test("a keyset that was not made with the account key is refused", async () => {
  const { writer, laptop } = await history();
  const { account } = writer;
  const keys = await kpm1.VaultKeys.create();
  const envelope = await kpm1.sealKeyset({ account, vault: account, rev: 2n, keys, mainPassword: "other", iterations: kpm1.iterations.min });
  await writer.write({ device: laptop, kind: OperationKind.KEYSET, subject: account, envelope });
  const log = writer.reader();
  await read(log, writer.changes.slice(0, 5));
  await refused(log.append(writer.changes[5]!), "KEYSET_MAC_INVALID");
});

test("an operation of the own device that it did not make is refused", async () => {
  const { writer, phone } = await history();
  const made = Buffer.from(writer.changes[2]!.header);
  const log = writer.reader({ device: phone.id, knows: (header) => made.equals(header) });
  await read(log, writer.changes.slice(0, 4));
  await refused(log.append(writer.changes[4]!), "OWN_OPERATION_UNKNOWN");
});
