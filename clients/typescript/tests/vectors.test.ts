// The vectors that every language passes; docs/crypto.md says how to read them.
import assert from "node:assert/strict";
import { createECDH } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { create, fromBinary } from "@bufbuild/protobuf";
import { ItemSchema } from "../src/gen/kpm/item/v1/item_pb.js";
import { ChangeSchema, OperationKind } from "../src/gen/kpm/v1/vault_pb.js";
import { kpm1, proofBytes } from "../src/index.js";
import { itemAad, itemKey, openItemMessage, pad, sealItemWith } from "../src/kpm1/item.js";
import { accountSubkeys, openEcdhWrap, openEpochWrap, openPasswordWrap, wrapAad, WrapKind } from "../src/kpm1/keyset.js";

// The files are data of the tests' own; a field that is missing fails the test that reads it.
// eslint-disable-next-line @typescript-eslint/no-explicit-any
type Vector = Record<string, any>;

const folder = new URL("../../../testvectors/", import.meta.url);
const load = (subject: string): { subject: string; positive: Vector[]; negative: Vector[] } =>
  JSON.parse(readFileSync(new URL(`${subject}.json`, folder), "utf8"));

const bytes = (hex: string): Uint8Array => Uint8Array.from(Buffer.from(hex, "hex"));
const hex = (value: Uint8Array): string => Buffer.from(value).toString("hex");
const flipped = (value: Uint8Array, { offset, xor }: { offset: number; xor: number }) => value.with(offset, value[offset]! ^ xor);

/** An ECDH pair from its private scalar. */
async function agreementPair(scalar: string): Promise<kpm1.CryptoKeyPair> {
  const ecdh = createECDH("prime256v1");
  ecdh.setPrivateKey(scalar, "hex");
  const point = ecdh.getPublicKey();
  const jwk = { kty: "EC", crv: "P-256", x: point.toString("base64url", 1, 33), y: point.toString("base64url", 33) };
  const algorithm = { name: "ECDH", namedCurve: "P-256" };
  return {
    publicKey: await crypto.subtle.importKey("jwk", jwk, algorithm, true, []),
    privateKey: await crypto.subtle.importKey(
      "jwk", { ...jwk, d: Buffer.from(scalar, "hex").toString("base64url") }, algorithm, false, ["deriveBits"],
    ),
  };
}

/** Keys by epoch, from the fields vault_keys and directory_keys. */
const byEpoch = (keys: Record<string, string>) => (epoch: number) => (keys[epoch] === undefined ? undefined : bytes(keys[epoch]));

interface Subject {
  /** Checks everything that the vector states. */
  accept(vector: Vector): Promise<void>;
  /** Does what the negative vector must make fail. `first` is the first positive. */
  refuse(vector: Vector, first: Vector): Promise<unknown>;
}

const password = (vector: Vector): string =>
  vector["password"] ?? String.fromCharCode(...(vector["password_utf16"].match(/.{4}/g) as string[]).map((unit) => parseInt(unit, 16)));

const kdf: Subject = {
  async accept(vector) {
    assert.equal(hex(Buffer.from(password(vector).normalize("NFKC"), "utf8")), vector["normalised"]);
    const key = await kpm1.deriveUnlockKey(password(vector), bytes(vector["salt"]), vector["iterations"]);
    assert.equal(hex(key), vector["user_key"]);
  },
  refuse: (vector) => kpm1.deriveUnlockKey(password(vector), bytes(vector["salt"]), vector["iterations"]),
};

const kinds: Record<string, WrapKind> = {
  password: WrapKind.Password, recovery: WrapKind.Recovery, device: WrapKind.Device, epoch: WrapKind.Epoch,
};

const wrapBinding = (vector: Vector) => ({
  account: vector["account"] as string,
  vault: vector["vault"] as string,
  keyEpoch: vector["key_epoch"] as number,
  device: vector["device"] as string,
  kdf: { iterations: vector["iterations"] as number, salt: bytes(vector["kdf_salt"]) },
});

async function openWrap(vector: Vector): Promise<Uint8Array> {
  const kind = kinds[vector["wrap"]]!;
  const [nonce, wrap] = [bytes(vector["nonce"]), bytes(vector["wrapped"])];
  const binding = wrapBinding(vector);
  switch (kind) {
    case WrapKind.Password:
      return openPasswordWrap(bytes(vector["kek"]), nonce, wrap, binding);
    case WrapKind.Epoch: {
      const keys = await openEpochWrap(bytes(vector["kek"]), nonce, wrap, binding);
      return Uint8Array.of(...keys.vault, ...keys.directory);
    }
    default: {
      const ecdh = { recipient: bytes(vector["recipient"]), ephemeral: bytes(vector["ephemeral"]), nonce, wrap };
      return openEcdhWrap(kind, ecdh, binding, await agreementPair(vector["recipient_private"]));
    }
  }
}

const wraps: Subject = {
  async accept(vector) {
    if (vector["account_key"]) {
      const { wrap, directory, keyset, local } = await accountSubkeys(bytes(vector["account_key"]));
      const expected = ["wrap_key", "directory_key", "keyset_key", "local_key"].map((name) => vector[name]);
      assert.deepEqual([wrap, directory, keyset, local].map(hex), expected);
      return;
    }
    assert.equal(hex(wrapAad(kinds[vector["wrap"]]!, wrapBinding(vector))), vector["aad"]);
    assert.equal(hex(await openWrap(vector)), vector["plaintext"]);
  },
  refuse: openWrap,
};

const binding = (vector: Vector) => ({
  account: vector["account"], vault: vector["vault"], subject: vector["subject"], keyEpoch: vector["key_epoch"],
  schema: vector["schema"], baseRev: BigInt(vector["base_rev"]), device: vector["device"],
});

const aad: Subject = {
  async accept(vector) {
    assert.equal(hex(itemAad(binding(vector))), vector["aad"]);
    const [key, nonce] = [bytes(vector["key"]), bytes(vector["nonce"])];
    assert.equal(hex(await kpm1.gcmSeal(key, nonce, bytes(vector["plaintext"]), bytes(vector["aad"]))), vector["ciphertext"]);
    assert.equal(hex((await kpm1.gcmOpen(key, nonce, bytes(vector["ciphertext"]), bytes(vector["aad"])))!), vector["plaintext"]);
  },
  async refuse(vector, first) {
    const [key, nonce, sealed] = [bytes(first["key"]), bytes(first["nonce"]), bytes(first["ciphertext"])];
    if (!(await kpm1.gcmOpen(key, nonce, sealed, flipped(bytes(first["aad"]), vector["flip"])))) {
      throw new kpm1.Kpm1Error("DECRYPTION_FAILED", "it does not open");
    }
  },
};

async function verifySigned(key: string, data: Uint8Array, signature: Uint8Array): Promise<void> {
  if (!(await kpm1.verify(await kpm1.importPublicKey(bytes(key), "ECDSA"), data, signature))) {
    throw new kpm1.Kpm1Error("SIGNATURE_INVALID", "the signature does not verify");
  }
}

const header: Subject = {
  async accept(vector) {
    const expected: kpm1.Header = {
      ...binding(vector),
      kind: vector["kind"],
      generation: BigInt(vector["generation"]),
      opSeq: BigInt(vector["op_seq"]),
      opId: vector["op_id"],
      envelopeHash: bytes(vector["envelope_hash"]),
      commitment: bytes(vector["commitment"]),
      observed: { seq: BigInt(vector["observed_seq"]), hash: bytes(vector["observed_hash"]) },
      attachments: vector["attachments"],
    };
    assert.deepEqual(kpm1.parseHeader(bytes(vector["header"])), expected);
    assert.equal(hex(kpm1.encodeHeader(expected)), vector["header"]);
    assert.equal(kpm1.revOf(expected), BigInt(vector["rev"]));
    assert.equal(hex(await kpm1.sha256(bytes(vector["header"]))), vector["header_hash"]);
    await verifySigned(vector["signing_key"], bytes(vector["header"]), bytes(vector["signature"]));
  },
  async refuse(vector, first) {
    const changed = vector["flip"] ? flipped(bytes(first["header"]), vector["flip"]) : bytes(vector["header"]);
    kpm1.parseHeader(changed);
    await verifySigned(first["signing_key"], changed, bytes(first["signature"]));
  },
};

const signature: Subject = {
  async accept(vector) {
    await verifySigned(vector["signing_key"], bytes(vector["data"]), bytes(vector["signature"]));
    if (vector["method"]) {
      const { method, token, time_ms: time, nonce } = vector;
      assert.equal(hex(await proofBytes(method, token, Number(time), bytes(nonce))), vector["data"]);
    }
  },
  refuse: (vector, first) =>
    vector["flip"]
      ? verifySigned(first["signing_key"], bytes(first["data"]), flipped(bytes(first["signature"]), vector["flip"]))
      : verifySigned(vector["signing_key"], bytes(vector["data"]), bytes(vector["signature"])),
};

const item: Subject = {
  async accept(vector) {
    const parsed = kpm1.parseHeader(bytes(vector["header"]));
    const keys = byEpoch(vector["vault_keys"]);
    const vaultKey = keys(parsed.keyEpoch)!;
    const [salt, nonce, message] = [bytes(vector["salt"]), bytes(vector["nonce"]), bytes(vector["message"])];
    assert.equal(hex(pad(message)), vector["padded"]);
    assert.equal(hex(itemAad(parsed)), vector["aad"]);
    const { key, commitment } = await itemKey(vaultKey, salt, itemAad(parsed));
    assert.equal(hex(key), vector["item_key"]);
    assert.equal(hex(commitment), vector["commitment"]);
    const sealed = await sealItemWith(message, vaultKey, parsed, salt, nonce);
    assert.equal(hex(sealed.envelope), vector["envelope"]);
    assert.deepEqual(sealed.envelopeHash, parsed.envelopeHash);
    assert.equal(hex(await openItemMessage(bytes(vector["envelope"]), parsed, keys)), vector["message"]);
  },
  refuse(vector, first) {
    const source = vector["flip"] ? first : vector;
    const envelope = bytes(source["envelope"]);
    return kpm1.openItem(
      vector["flip"] ? flipped(envelope, vector["flip"]) : envelope,
      kpm1.parseHeader(bytes(source["header"])),
      byEpoch(source["vault_keys"]),
    );
  },
};

async function verifyEntry(vector: Vector, entry: Uint8Array): Promise<kpm1.ParsedEntry> {
  const parsed = await kpm1.parseDirectoryEntry(entry);
  const approver = vector["approver_signing_key"] && (await kpm1.importPublicKey(bytes(vector["approver_signing_key"]), "ECDSA"));
  await kpm1.verifyDirectoryEntry(parsed, approver, byEpoch({ [vector["key_epoch"]]: vector["directory_key"] }));
  return parsed;
}

const directory: Subject = {
  async accept(vector) {
    const entry = await verifyEntry(vector, bytes(vector["entry"]));
    const { enrolment, account, vault, device, keyEpoch, approver = "00000000-0000-0000-0000-000000000000" } = entry;
    assert.deepEqual(
      { enrolment, account, vault, device, key_epoch: keyEpoch, approver },
      Object.fromEntries(["enrolment", "account", "vault", "device", "key_epoch", "approver"].map((name) => [name, vector[name]])),
    );
    assert.deepEqual(
      [entry.signingKey, entry.agreementKey, entry.approval, entry.approved, kpm1.approvedBytes(entry)].map(hex),
      [vector["signing_key"], vector["ecdh_key"], vector["approval"], vector["to_approve"], vector["to_approve"]],
    );
    if (enrolment !== kpm1.Enrolment.Approved) {
      assert.equal(hex(await kpm1.sealDirectoryEntry(entry, bytes(vector["directory_key"]))), vector["entry"]);
    }
  },
  refuse: (vector, first) =>
    vector["flip"]
      ? verifyEntry(first, flipped(bytes(first["entry"]), vector["flip"]))
      : verifyEntry(vector, bytes(vector["entry"])),
};

async function openKeyset(vector: Vector): Promise<kpm1.VaultKeys> {
  const [keyset, parsed] = [bytes(vector["keyset"]), kpm1.parseHeader(bytes(vector["header"]))];
  if (vector["device"]) {
    return kpm1.openKeysetAsDevice(keyset, parsed, vector["device"], await agreementPair(vector["device_private"]));
  }
  if (vector["recovery_private"]) {
    return kpm1.openKeysetWithRecovery(keyset, parsed, await agreementPair(vector["recovery_private"]));
  }
  return kpm1.openKeyset(keyset, parsed, vector["password"], vector["least_iterations"]);
}

const keyset: Subject = {
  async accept(vector) {
    const keys = await openKeyset(vector);
    assert.equal(hex(keys.accountKey), vector["account_key"]);
    const expected = Object.keys(vector["vault_keys"]).map((epoch) => ({
      epoch: Number(epoch), vault: vector["vault_keys"][epoch], directory: vector["directory_keys"][epoch],
    }));
    assert.deepEqual(keys.epochs.map(({ epoch, vault, directory: key }) => ({ epoch, vault: hex(vault), directory: hex(key) })), expected);
    const parsed = await kpm1.parseKeyset(bytes(vector["keyset"]));
    assert.deepEqual(
      [parsed.account, parsed.rev, parsed.keyEpoch, parsed.password.iterations],
      [vector["account"], BigInt(vector["rev"]), vector["key_epoch"], vector["iterations"]],
    );
  },
  async refuse(vector, first) {
    if (!vector["flip"]) {
      return openKeyset(vector);
    }
    const changed = flipped(bytes(first["keyset"]), vector["flip"]);
    const checked = await kpm1.checkKeyset(changed, kpm1.parseHeader(bytes(first["header"])));
    return kpm1.VaultKeys.fromKeyset(checked, bytes(first["account_key"]));
  },
};

function reader(vector: Vector): kpm1.VaultLog {
  const epochs = Object.keys(vector["vault_keys"]).map((epoch) => {
    const keys = { vault: bytes(vector["vault_keys"][epoch]), directory: bytes(vector["directory_keys"][epoch]) };
    return [Number(epoch), keys] as const;
  });
  const newest = Math.max(...epochs.map(([epoch]) => epoch));
  const log = new kpm1.VaultLog({
    account: vector["account"],
    keys: new kpm1.VaultKeys(bytes(vector["account_key"]), newest, new Map(epochs)),
  });
  log.welcome(BigInt(vector["generation"]), 1000n);
  return log;
}

const change = (entry: Vector) =>
  create(ChangeSchema, {
    seq: BigInt(entry["seq"]),
    kind: entry["kind"],
    subjectId: entry["subject"],
    rev: BigInt(entry["rev"]),
    header: bytes(entry["header"]),
    signature: bytes(entry["signature"]),
    envelope: bytes(entry["envelope"]),
    superseded: entry["superseded"],
  });

const chain: Subject = {
  async accept(vector) {
    const log = reader(vector);
    for (const entry of vector["entries"] as Vector[]) {
      const verified = await log.append(change(entry));
      assert.equal(hex(log.chainHash), entry["chain_hash"]);
      if (entry["message"] !== undefined) {
        const message = await openItemMessage(verified.envelope!, verified.header, byEpoch(vector["vault_keys"]));
        assert.equal(hex(message), entry["message"]);
        fromBinary(ItemSchema, message);
      }
    }
    log.bookmark(BigInt(vector["entries"].length));
  },
  async refuse(vector, first) {
    const log = reader(first);
    const entries = (vector["log"] as (number | Vector)[]).map((entry) => (typeof entry === "number" ? first["entries"][entry - 1] : entry));
    for (const entry of entries.slice(0, -1)) {
      await log.append(change(entry)).catch((error) => {
        throw new Error("an entry before the last was refused", { cause: error });
      });
    }
    await log.append(change(entries.at(-1)));
  },
};

async function verifyRevocation(vector: Vector, revocation: Uint8Array): Promise<kpm1.ParsedRevocation> {
  const parsed = kpm1.parseRevocation(revocation);
  const known = vector["key_epoch"] === 1 ? { 1: vector["directory_key"] } : {};
  await kpm1.verifyRevocation(parsed, vector["key_epoch"], byEpoch(known));
  return parsed;
}

const revocation: Subject = {
  async accept(vector) {
    const { account, vault, device } = await verifyRevocation(vector, bytes(vector["revocation"]));
    assert.deepEqual([account, vault, device], [vector["account"], vector["vault"], vector["device"]]);
    assert.equal(hex(await kpm1.sealRevocation({ account, vault, device }, bytes(vector["directory_key"]))), vector["revocation"]);
  },
  refuse: (vector, first) =>
    vector["flip"]
      ? verifyRevocation(first, flipped(bytes(first["revocation"]), vector["flip"]))
      : verifyRevocation(vector, bytes(vector["revocation"])),
};

/** A log like those of `chain`, where the keys change. */
const rekey: Subject = {
  async accept(vector) {
    await chain.accept(newest(vector));
    // The device that stays opens the new keys by its wrap.
    const entry = (vector["entries"] as Vector[]).findLast(({ kind }) => kind === OperationKind.KEYSET)!;
    const { id, agreement_private: scalar } = vector["device"];
    const keys = await kpm1.openKeysetAsDevice(bytes(entry["envelope"]), kpm1.parseHeader(bytes(entry["header"])), id, await agreementPair(scalar));
    assert.equal(hex(keys.accountKey), vector["account_keys"][keys.epoch]);
    assert.deepEqual(Object.fromEntries(keys.epochs.map(({ epoch, vault }) => [epoch, hex(vault)])), vector["vault_keys"]);
  },
  refuse: (vector, first) => chain.refuse(vector, newest(first)),
};

/** The vector with the account key of the latest epoch. */
const newest = (vector: Vector): Vector => ({ ...vector, account_key: Object.values(vector["account_keys"]).at(-1) });

const leavesOf = (leaves: Vector[]): kpm1.Leaf[] =>
  leaves.map(({ subject, rev, seq, header_hash }) => ({ subject, rev: BigInt(rev), seq: BigInt(seq), headerHash: bytes(header_hash) }));

async function receive(vector: Vector): Promise<kpm1.VaultLog> {
  const log = reader(newest(vector));
  const snapshot = log.beginSnapshot({
    asOf: BigInt(vector["as_of"]), checkpoint: bytes(vector["checkpoint"]), signature: bytes(vector["signature"]), rows: BigInt(vector["row_count"]),
  });
  for (const row of vector["rows"]) {
    await snapshot.add(change(row));
  }
  await log.endSnapshot(snapshot, BigInt(vector["as_of"]));
  snapshot.checkKnown(leavesOf(vector["known"]));
  return log;
}

const checkpoint: Subject = {
  async accept(vector) {
    switch (vector["part"]) {
      case "layout": {
        const parsed = kpm1.parseCheckpoint(bytes(vector["checkpoint"]));
        assert.deepEqual(parsed, {
          account: vector["account"], vault: vector["vault"], generation: BigInt(vector["generation"]), device: vector["device"],
          seq: BigInt(vector["seq"]), chainHash: bytes(vector["chain_hash"]), keyEpoch: vector["key_epoch"],
          leaves: BigInt(vector["leaf_count"]), root: bytes(vector["root"]),
        });
        assert.equal(hex(kpm1.encodeCheckpoint(parsed)), vector["checkpoint"]);
        return verifySigned(vector["signing_key"], bytes(vector["checkpoint"]), bytes(vector["signature"]));
      }
      case "tree": {
        const leaves = leavesOf(vector["leaves"]);
        const expected = (vector["leaves"] as Vector[]).map(({ leaf }) => leaf);
        assert.deepEqual((await Promise.all(leaves.map(kpm1.leafHash))).map(hex), expected);
        return assert.equal(hex(await kpm1.merkleRoot(leaves)), vector["root"]);
      }
      default: {
        const log = await receive(vector);
        const parsed = kpm1.parseCheckpoint(bytes(vector["checkpoint"]));
        assert.deepEqual([log.seq, log.keyEpoch, log.chainHash], [parsed.seq, parsed.keyEpoch, parsed.chainHash]);
        // What was received states what was signed, but in the vault's own generation.
        assert.deepEqual(await log.checkpoint(parsed.device), { ...parsed, generation: BigInt(vector["generation"]) });
      }
    }
  },
  async refuse(vector, first) {
    if (vector["part"] === "layout") {
      const changed = vector["flip"] ? flipped(bytes(first["checkpoint"]), vector["flip"]) : bytes(vector["checkpoint"]);
      kpm1.parseCheckpoint(changed);
      return verifySigned(first["signing_key"], changed, bytes(first["signature"]));
    }
    const honest = load("checkpoint").positive.find(({ part }) => part === "snapshot")!;
    const rows = vector["rows"]?.map((row: number | Vector) => (typeof row === "number" ? honest["rows"][row - 1] : row));
    return receive({ ...honest, ...vector, rows: rows ?? honest["rows"] });
  },
};

const attachmentBinding = ({ account, vault, item: itemId, attachment: id }: Vector) => ({ account, vault, item: itemId, attachment: id });

/** The plaintext of the attachments' vectors. */
const counting = (length: string) => Uint8Array.from({ length: Number(length) }, (_, i) => i % 251);

const attachment: Subject = {
  async accept(vector) {
    const [binding, key, content] = [attachmentBinding(vector), bytes(vector["key"]), counting(vector["length"])];
    const sealed = await kpm1.sealAttachment(content, binding as kpm1.AttachmentBinding, key);
    assert.deepEqual(
      [sealed.chunkCount, String(sealed.length), String(sealed.ciphertext.length), hex(sealed.sha256)],
      [vector["chunk_count"], vector["length"], vector["ciphertext_length"], vector["sha256"]],
    );
    if (vector["ciphertext"] !== undefined) {
      assert.equal(hex(sealed.ciphertext), vector["ciphertext"]);
    }
    for (const { index, final, aad: expected, nonce, size, tag } of vector["chunks"]) {
      assert.equal(hex(kpm1.chunkAad(binding as kpm1.AttachmentBinding, index, final)), expected);
      assert.equal(hex(kpm1.chunkNonce(index)), nonce);
      const chunk = sealed.ciphertext.subarray(index * kpm1.sealedChunk, (index + 1) * kpm1.sealedChunk);
      assert.deepEqual([chunk.length, hex(chunk.subarray(-16))], [size, tag]);
    }
    const { chunkCount, length } = sealed;
    assert.deepEqual(await kpm1.openAttachment(sealed.ciphertext, binding as kpm1.AttachmentBinding, { key, length, chunkCount }), content);
  },
  async refuse(vector) {
    const of = load("attachment").positive.find(({ name }) => name === vector["of"])!;
    const { ciphertext } = await kpm1.sealAttachment(counting(of["length"]), attachmentBinding(of) as kpm1.AttachmentBinding, bytes(of["key"]));
    const pieces = (vector["pieces"] as [number, number][]).map(([from, to]) => ciphertext.subarray(from, to));
    const put = Uint8Array.from(Buffer.concat(pieces));
    const read = { ...of, ...vector };
    return kpm1.openAttachment(
      vector["flip"] ? flipped(put, vector["flip"]) : put,
      attachmentBinding(read) as kpm1.AttachmentBinding,
      { key: bytes(read["key"]), length: Number(read["length"]), chunkCount: read["chunk_count"] },
    );
  },
};

const subjects: Record<string, Subject> = {
  aad, attachment, chain, checkpoint, directory, header, item, kdf, keyset, rekey, revocation, signature, wraps,
};

for (const [name, subject] of Object.entries(subjects)) {
  const { positive, negative } = load(name);

  test(`${name}: ${positive.length} vectors are read as they say`, async () => {
    assert.ok(positive.length > 0);
    for (const vector of positive) {
      await assert.doesNotReject(subject.accept(vector), `${name}: ${vector["name"]}`);
    }
  });

  test(`${name}: ${negative.length} vectors are refused as they say`, async () => {
    assert.ok(negative.length > 0);
    for (const vector of negative) {
      const error = await subject.refuse(vector, positive[0]!).then(
        () => assert.fail(`${name}: ${vector["name"]} was accepted`),
        (reason: unknown) => reason,
      );
      assert.ok(error instanceof kpm1.Kpm1Error, `${name}: ${vector["name"]}: ${error}`);
      assert.equal(error.code, vector["error"], `${name}: ${vector["name"]}`);
    }
  });
}

test("every file of vectors has its test, and there are 300 refusals at least", () => {
  const files = readdirSync(folder).filter((file) => file.endsWith(".json")).map((file) => file.slice(0, -5));
  assert.deepEqual(files.sort(), Object.keys(subjects).sort());
  assert.ok(files.reduce((sum, file) => sum + load(file).negative.length, 0) >= 300);
});
