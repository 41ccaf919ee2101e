import assert from "node:assert/strict";
import { test } from "node:test";
import { type Change, OperationKind } from "../src/gen/kpm/v1/vault_pb.js";
import { Device, kpm1, newId } from "../src/index.js";
import { LogWriter, refused } from "./support.js";

const { Enrolment } = kpm1;

/**
 * ROOT laptop, keyset, KEYED phone and tablet, two items; the tablet writes and is revoked, the keys are new, the laptop deletes
 * an item, the phone writes the other in the new epoch.
 */
async function history() {
  const writer = await LogWriter.create();
  const [laptop, phone, tablet] = await Promise.all(["laptop", "phone", "tablet"].map((name) => Device.create({ name })));
  const [kept, deleted] = [newId(), newId()];
  await writer.enrol(laptop!, Enrolment.Root); // 1
  await writer.putKeyset(laptop!, "main password"); // 2
  await writer.enrol(phone!, Enrolment.Keyed); // 3
  await writer.enrol(tablet!, Enrolment.Keyed); // 4
  await writer.putItem(tablet!, kept, "first"); // 5
  await writer.putItem(phone!, deleted, "to be deleted"); // 6
  await writer.revoke(laptop!, tablet!.id); // 7
  await writer.rekey(laptop!); // 8
  await writer.write({ device: laptop!, kind: OperationKind.DELETE, subject: deleted }); // 9
  await writer.putItem(phone!, kept, "second"); // 10
  return { writer, laptop: laptop!, phone: phone!, tablet: tablet!, kept, deleted };
}

type History = Awaited<ReturnType<typeof history>>;
type Made = Awaited<ReturnType<LogWriter["snapshot"]>>;

async function receive(log: kpm1.VaultLog, { start, rows }: Made): Promise<kpm1.VerifiedEntry[]> {
  const snapshot = log.beginSnapshot(start);
  const entries = [];
  for (const row of rows) {
    entries.push(await snapshot.add(row));
  }
  await log.endSnapshot(snapshot, start.asOf);
  return entries;
}

async function read(log: kpm1.VaultLog, changes: readonly Change[]): Promise<void> {
  for (const change of changes) {
    await log.append(change);
  }
}

test("a log with a revocation and new keys is read", async () => {
  const { writer, tablet, phone } = await history();
  const log = writer.reader();
  const entries = [];
  for (const change of writer.changes) {
    entries.push(await log.append(change));
  }
  assert.equal(entries[6]!.revoked, tablet.id);
  assert.deepEqual([log.isCurrent(tablet.id), log.isCurrent(phone.id), log.isCurrent(newId())], [false, true, false]);
  assert.equal(log.keyEpoch, 2);
  assert.equal((await kpm1.openItem(entries[9]!.envelope!, entries[9]!.header, writer.keys.vaultKey)).name, "second");
  assert.equal((await kpm1.openItem(entries[4]!.envelope!, entries[4]!.header, writer.keys.vaultKey)).name, "first");
});

const forgeries: Record<string, { code: string; write: (h: History) => Promise<Change> }> = {
  "an operation of a revoked device": { code: "DEVICE_REVOKED", write: ({ writer, tablet, kept }) => writer.putItem(tablet, kept, "late") },
  "a revocation by a revoked device": { code: "DEVICE_REVOKED", write: ({ writer, tablet, phone }) => writer.revoke(tablet, phone.id) },
  "a second revocation": { code: "REVOCATION_INVALID", write: ({ writer, laptop, tablet }) => writer.revoke(laptop, tablet.id) },
  "a revocation of oneself": { code: "REVOCATION_INVALID", write: ({ writer, laptop }) => writer.revoke(laptop, laptop.id) },
  "a revocation of a stranger": { code: "REVOCATION_INVALID", write: ({ writer, laptop }) => writer.revoke(laptop, newId()) },
  "a revocation in another vault": {
    code: "HEADER_MISMATCH", write: ({ writer, laptop, phone }) => writer.revoke(laptop, phone.id, { revocation: { vault: newId() } }),
  },
  "a revocation under another key": {
    code: "DIRECTORY_MAC_INVALID", write: ({ writer, laptop, phone }) => writer.revoke(laptop, phone.id, { directoryKey: new Uint8Array(32) }),
  },
  "a revocation under the key of the epoch before": {
    code: "DIRECTORY_MAC_INVALID",
    write: ({ writer, laptop, phone }) => writer.revoke(laptop, phone.id, { directoryKey: writer.keys.directoryKey(1)! }),
  },
  "a revocation by a stranger": {
    code: "DEVICE_UNKNOWN", write: async ({ writer, phone }) => writer.revoke(await Device.create({ name: "stranger" }), phone.id),
  },
  "a device that a revoked one approved": {
    code: "APPROVAL_INVALID", write: async ({ writer, tablet }) => writer.enrol(await Device.create({ name: "fourth" }), Enrolment.Approved, { approver: tablet }),
  },
  "a revoked device that enrols again": {
    code: "DEVICE_DUPLICATE",
    write: ({ writer, tablet }) => {
      writer.revs.delete(tablet.id);
      return writer.enrol(tablet, Enrolment.Keyed);
    },
  },
  "an operation of the epoch before": {
    code: "EPOCH_MISMATCH", write: ({ writer, laptop, kept }) => writer.putItem(laptop, kept, "old", { keyEpoch: 1 }),
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

test("a snapshot is taken, and the log goes on from it", async () => {
  const { writer, laptop, phone, tablet, kept, deleted } = await history();
  const made = await writer.snapshot(phone);
  assert.deepEqual(made.rows.map(({ seq }) => seq), [1n, 3n, 4n, 7n, 8n, 9n, 10n]);
  const log = writer.reader();
  await receive(log, made);
  log.bookmark(10n);
  assert.deepEqual([log.rev(kept), log.rev(deleted), log.keyEpoch], [2n, 2n, 2]);
  assert.deepEqual([log.isCurrent(tablet.id), log.isCurrent(phone.id)], [false, true]);

  const whole = writer.reader();
  await read(whole, writer.changes);
  assert.deepEqual(log.chainHash, whole.chainHash);
  await writer.putItem(laptop, kept, "third");
  await log.append(writer.changes[10]!);
  await whole.append(writer.changes[10]!);
  assert.deepEqual(await log.checkpoint(phone.id), await whole.checkpoint(phone.id));
});

test("a device that was away goes on by a snapshot, and what it replaces may be withheld until then", async () => {
  const { writer, laptop, kept } = await history();
  const log = writer.reader();
  await read(log, writer.changes.slice(0, 6));
  await writer.putItem(laptop, kept, "third");
  const made = await writer.snapshot(laptop, 10);
  assert.ok(made.rows.at(-1)!.superseded);
  const entries = await receive(log, made);
  assert.equal(entries.at(-1)!.envelope, undefined);
  await refused(() => log.bookmark(10n), "ENVELOPE_WITHHELD");
  await log.append(writer.changes[10]!);
  log.bookmark(11n);
});

test("an observation from before the snapshot is accepted, one that falls is not, and one of another log after it is not", async () => {
  const { writer, laptop, phone, kept } = await history();
  const made = await writer.snapshot(laptop);
  const change = await writer.putItem(phone, kept, "third", { observed: { seq: 9n, hash: new Uint8Array(32).fill(7) } });
  const log = writer.reader();
  await receive(log, made);
  await log.append(change);
  await refused(
    log.append(await writer.putItem(laptop, kept, "forged", { observed: { seq: 10n, hash: new Uint8Array(32).fill(7) } })),
    "OBSERVATION_MISMATCH",
  );
  writer.changes.pop();
  writer.revs.set(kept, 3n);
  await refused(
    log.append(await writer.putItem(laptop, kept, "forged", { observed: { seq: 2n, hash: new Uint8Array(32).fill(7) } })),
    "OBSERVATION_MISMATCH",
  );
});

test("an observation of an entry that this device has seen before the snapshot is checked", async () => {
  const { writer, laptop, phone, kept } = await history();
  const log = writer.reader();
  await read(log, writer.changes.slice(0, 9));
  await writer.putItem(laptop, newId(), "new");
  await receive(log, await writer.snapshot(laptop));
  const other = { hash: new Uint8Array(32).fill(7) };
  await refused(log.append(await writer.putItem(phone, kept, "forged", { observed: { ...other, seq: 9n } })), "OBSERVATION_MISMATCH");
  writer.changes.pop();
  writer.revs.set(kept, 2n);
  await log.append(await writer.putItem(phone, kept, "third", { observed: { ...other, seq: 10n } }));
});

test("a replay of what the checkpoint has swallowed is refused", async () => {
  const { writer, laptop } = await history();
  const log = writer.reader();
  await receive(log, await writer.snapshot(laptop));
  await refused(log.append({ ...writer.changes[9]!, seq: 11n }), "OP_SEQ_NOT_RISING");
  await refused(log.append({ ...writer.changes[5]!, seq: 11n }), "OP_SEQ_NOT_RISING");
});

/** What a hostile server makes of an honest snapshot. */
const attacks: Record<string, { code: string; make: (h: History) => Promise<Made> }> = {
  "a row is left out": { code: "SEQ_GAP", make: async (h) => edited(await h.writer.snapshot(h.phone), (rows) => rows.slice(0, -1)) },
  "a row is left out, and the count follows": {
    code: "SEQ_GAP",
    make: async (h) => {
      const made = await h.writer.snapshot(h.phone);
      return { start: { ...made.start, rows: made.start.rows - 1n }, rows: made.rows.slice(0, -1) };
    },
  },
  "an older revision is shown": {
    code: "CHECKPOINT_MISMATCH",
    make: async (h) => edited(await h.writer.snapshot(h.phone), (rows) => [...rows.slice(0, 3), h.writer.changes[4]!, ...rows.slice(3, -1)]),
  },
  "a deletion is withheld": {
    code: "CHECKPOINT_MISMATCH",
    make: async (h) =>
      edited(await h.writer.snapshot(h.phone), (rows) => [...rows.slice(0, 3), h.writer.changes[5]!, ...rows.slice(3).filter(({ seq }) => seq !== 9n)]),
  },
  "a row comes twice": { code: "SEQ_GAP", make: async (h) => edited(await h.writer.snapshot(h.phone), (rows) => [...rows, rows.at(-1)!]) },
  "a row more than there are leaves": {
    code: "SEQ_GAP",
    make: async (h) => edited(await h.writer.snapshot(h.phone, 9), (rows) => [...rows, h.writer.changes[9]!]),
  },
  "a subject has two rows": {
    code: "CHECKPOINT_MISMATCH",
    make: async (h) => edited(await h.writer.snapshot(h.phone), (rows) => [...rows.slice(0, 3), h.writer.changes[4]!, ...rows.slice(3)].filter(({ seq }) => seq !== 9n)),
  },
  "rows are out of order": { code: "SEQ_GAP", make: async (h) => edited(await h.writer.snapshot(h.phone), (rows) => [rows[0]!, rows[2]!, rows[1]!]) },
  "a row's signature is changed": {
    code: "SIGNATURE_INVALID",
    make: async (h) => edited(await h.writer.snapshot(h.phone), (rows) => rows.map((row, i) => (i === 4 ? { ...row, signature: row.signature.with(5, row.signature[5]! ^ 1) } : row))),
  },
  "a row's envelope is changed": {
    code: "ENVELOPE_HASH_MISMATCH",
    make: async (h) => edited(await h.writer.snapshot(h.phone), (rows) => rows.map((row, i) => (i === 6 ? { ...row, envelope: row.envelope.with(99, row.envelope[99]! ^ 1) } : row))),
  },
  "a device is withheld": {
    code: "DEVICE_UNKNOWN", make: async (h) => edited(await h.writer.snapshot(h.phone), (rows) => rows.filter(({ seq }) => seq !== 3n)),
  },
  "a revocation is moved to the front": {
    code: "DEVICE_REVOKED",
    make: async (h) => {
      await h.writer.putItem(h.phone, newId(), "after");
      await h.writer.revoke(h.laptop, h.phone.id);
      const late = await h.writer.putItem(h.phone, newId(), "late");
      assert.equal(late.seq, 13n);
      return h.writer.snapshot(h.laptop);
    },
  },
  "its author is a stranger": { code: "DEVICE_UNKNOWN", make: async (h) => h.writer.snapshot(await Device.create({ name: "stranger" })) },
  "its author was revoked": { code: "DEVICE_REVOKED", make: (h) => h.writer.snapshot(h.tablet) },
  "its signature is another device's": {
    code: "SIGNATURE_INVALID", make: async (h) => ({ ...(await h.writer.snapshot(h.laptop, 10, { device: h.phone.id })) }),
  },
  "its chain hash is changed": {
    code: "SIGNATURE_INVALID",
    make: async (h) => {
      const made = await h.writer.snapshot(h.laptop);
      return { ...made, start: { ...made.start, checkpoint: made.start.checkpoint.with(80, made.start.checkpoint[80]! ^ 1) } };
    },
  },
  "its root is another": { code: "CHECKPOINT_MISMATCH", make: (h) => h.writer.snapshot(h.laptop, 10, { root: new Uint8Array(32) }) },
  "it is of another vault": { code: "WRONG_VAULT", make: (h) => h.writer.snapshot(h.laptop, 10, { account: newId() }) },
  "it is of another generation": { code: "GENERATION_CHANGED", make: (h) => h.writer.snapshot(h.laptop, 10, { generation: 2n }) },
  "it is of another seq than it says": { code: "SEQ_GAP", make: (h) => h.writer.snapshot(h.laptop, 10, { seq: 9n }) },
  "it is of a newer suite": {
    code: "SUITE_UNKNOWN",
    make: async (h) => {
      const made = await h.writer.snapshot(h.laptop);
      return { ...made, start: { ...made.start, checkpoint: made.start.checkpoint.with(5, 2) } };
    },
  },
  "it is cut": {
    code: "STRUCTURE_INVALID",
    make: async (h) => {
      const made = await h.writer.snapshot(h.laptop);
      return { ...made, start: { ...made.start, checkpoint: made.start.checkpoint.slice(0, 151) } };
    },
  },
};

const edited = ({ start, rows }: Made, edit: (rows: Change[]) => Change[]): Made => ({ start, rows: edit(rows) });

for (const [name, { code, make }] of Object.entries(attacks)) {
  test(`a snapshot is refused: ${name}`, async () => {
    const written = await history();
    const made = await make(written);
    const log = written.writer.reader();
    await refused(receive(log, made), code);
    assert.equal(log.seq, 0n, "nothing of it was taken");
  });
}

test("a snapshot that lacks what this device knows is a rollback", async () => {
  const { writer, laptop, kept } = await history();
  const made = await writer.snapshot(laptop);
  const log = writer.reader();
  await read(log, writer.changes);
  const older = await writer.snapshot(laptop, 9);
  await refused(receive(log, older), "ROLLBACK");

  // Another log that the same devices signed: an item that this device has seen is not in it.
  const unseen = await history();
  const fork = unseen.writer.reader();
  await read(fork, unseen.writer.changes.slice(0, 8));
  const without = unseen.writer.changes.filter(({ subjectId }) => subjectId !== unseen.deleted);
  unseen.writer.changes.splice(0, 10, ...without);
  unseen.writer.changes.forEach((change, i) => (change.seq = BigInt(i + 1)));
  const forged = await unseen.writer.snapshot(unseen.laptop, 8);
  await refused(receive(fork, forged), "ROLLBACK");

  await receive(writer.reader(), made);
  assert.equal(log.rev(kept), 2n);
});

test("a keyset of the snapshot is checked, and may not have fewer iterations than the vault had", async () => {
  const { writer, laptop } = await history();
  const log = writer.reader();
  await writer.putKeyset(laptop, "main password", 700_000);
  await read(log, writer.changes);
  await writer.putKeyset(laptop, "main password", 650_000);
  await refused(receive(log, await writer.snapshot(laptop)), "KDF_DOWNGRADE");
});

test("an entry of the past is checked against the own copy", async () => {
  const { writer, tablet, laptop, kept } = await history();
  const log = writer.reader();
  await read(log, writer.changes);
  const old = writer.changes[4]!;
  assert.equal((await log.checkPast(old)).subject, kept);
  await refused(log.checkPast({ ...old, seq: 6n }), "CHAIN_MISMATCH");
  await refused(log.checkPast({ ...old, seq: 11n }), "DEVICE_REVOKED");
  await refused(log.checkPast({ ...old, rev: 2n }), "HEADER_MISMATCH");
  await refused(log.checkPast({ ...old, signature: new Uint8Array(64) }), "SIGNATURE_INVALID");
  await refused(log.checkPast(await writer.putItem(await Device.create({ name: "stranger" }), kept, "forged")), "DEVICE_UNKNOWN");
  writer.changes.pop();

  // Behind a snapshot the chain is not at hand, but the signature and the place of the revocation are.
  const snapshot = writer.reader();
  await receive(snapshot, await writer.snapshot(laptop));
  await snapshot.checkPast(old);
  await refused(snapshot.checkPast({ ...old, seq: 8n }), "DEVICE_REVOKED");
  assert.equal(snapshot.isCurrent(tablet.id), false);
});

test("the tree over 1 to 9 leaves is the one of the definition", async () => {
  const leaves = Array.from({ length: 9 }, (_, i) => ({ subject: newId(), rev: BigInt(i + 1), seq: BigInt(2 * i + 1), headerHash: new Uint8Array(32).fill(i) }));
  const node = (left: Uint8Array, right: Uint8Array) => kpm1.sha256(Uint8Array.of(1, ...left, ...right));
  const tree = async (hashes: Uint8Array[]): Promise<Uint8Array> => {
    if (hashes.length === 1) {
      return hashes[0]!;
    }
    // The greatest power of two below the number of leaves stands on the left, as joining in pairs makes it.
    const left = 2 ** Math.floor(Math.log2(hashes.length - 1));
    return node(await tree(hashes.slice(0, left)), await tree(hashes.slice(left)));
  };
  for (let count = 1; count <= leaves.length; count++) {
    const some = leaves.slice(0, count).sort((a, b) => (a.subject < b.subject ? -1 : 1));
    const hashes = await Promise.all(some.map(kpm1.leafHash));
    assert.deepEqual(await kpm1.merkleRoot(some.reverse()), await tree(hashes));
  }
});
