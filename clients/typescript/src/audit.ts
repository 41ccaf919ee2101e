import { timestampMs } from "@bufbuild/protobuf/wkt";
import type { SecurityEvent } from "./gen/kpm/v1/security_pb.js";
import { idToBytes } from "./ids.js";
import { sha256 } from "./kpm1/primitives.js";

/** The hash that an event of the account must have, after the hash before it; security.proto has the layout. */
export async function auditHash(before: Uint8Array, accountId: string, event: SecurityEvent): Promise<Uint8Array> {
  if (!event.time) {
    throw new Error("the event has no time");
  }
  const detail = Buffer.from(event.detail, "utf8");
  const numbers = Buffer.alloc(21);
  numbers.writeBigUInt64BE(event.seq);
  numbers.writeBigInt64BE(BigInt(timestampMs(event.time)), 8);
  numbers.writeInt32BE(event.kind, 16);
  numbers.writeUInt8(event.actor, 20);
  const length = Buffer.alloc(4);
  length.writeInt32BE(detail.length);
  const device = event.deviceId === "" ? Buffer.alloc(16) : idToBytes(event.deviceId);
  return sha256(Buffer.concat([Buffer.from("KPM1-AUDIT", "ascii"), before, idToBytes(accountId), numbers, device, length, detail]));
}

/**
 * Verifies the security events of an account, oldest first from the first one, such as ExportAccountData sends them. Throws at
 * the first event that does not follow from the one before it.
 *
 * @returns the hash of the last event, to compare with ExportEnd.headHash and with what was kept from before
 */
export async function verifyEvents(accountId: string, events: Iterable<SecurityEvent>): Promise<Uint8Array> {
  let head: Uint8Array = new Uint8Array(32);
  let seq = 0n;
  for (const event of events) {
    const hash = await auditHash(head, accountId, event);
    if (event.seq !== seq + 1n || Buffer.compare(hash, event.hash) !== 0) {
      throw new Error(`event ${event.seq} does not follow from event ${seq}`);
    }
    [head, seq] = [hash, event.seq];
  }
  return head;
}
