import assert from "node:assert/strict";
import { test } from "node:test";
import { create } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { auditHash, verifyEvents } from "../src/audit.js";
import { Actor, type SecurityEvent, SecurityEventKind, SecurityEventSchema } from "../src/gen/kpm/v1/security_pb.js";

const account = "0190b3a0-0000-7000-8000-000000000001";

const event = (seq: number, detail: string): SecurityEvent => create(SecurityEventSchema, {
  seq: BigInt(seq),
  time: timestampFromMs(1_800_000_000_123),
  kind: SecurityEventKind.DEVICE_LINKED,
  actor: Actor.ANONYMOUS,
  deviceId: "0190b3a0-0000-7000-8000-0000000000dd",
  detail,
});

async function chain(count: number): Promise<SecurityEvent[]> {
  const events = [];
  let head: Uint8Array = new Uint8Array(32);
  for (let seq = 1; seq <= count; seq++) {
    const made = event(seq, `name=${seq}`);
    head = made.hash = await auditHash(head, account, made);
    events.push(made);
  }
  return events;
}

test("the hash of an event is the one of the other languages", async () => {
  const hash = await auditHash(new Uint8Array(32), account, event(1, "name=Küche"));
  assert.equal(Buffer.from(hash).toString("hex"), "0422c9d6abdbde8c76ec83ab941a8f2ccb37f6d956d46b67e307ee13a0da577b");
});

test("a chain of events verifies, and its end is the last hash", async () => {
  const events = await chain(5);
  assert.deepEqual(await verifyEvents(account, events), events[4]!.hash);
  assert.deepEqual(await verifyEvents(account, []), new Uint8Array(32));
});

test("an event that was changed, taken out or moved is refused", async () => {
  const changed = await chain(5);
  changed[2]!.detail = "name=other";
  const events = await chain(5);
  const moved = [events[0]!, events[2]!, events[1]!, events[3]!, events[4]!];
  for (const tampered of [changed, events.slice(1), events.toSpliced(2, 1), moved]) {
    await assert.rejects(verifyEvents(account, tampered), /does not follow/);
  }
  await assert.rejects(verifyEvents("0190b3a0-0000-7000-8000-000000000002", events), /does not follow/);
});
