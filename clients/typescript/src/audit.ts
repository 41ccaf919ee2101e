import { timestampMs } from "@bufbuild/protobuf/wkt";
import type { SecurityEvent } from "./gen/kpm/v1/security_pb.js";
import { nilId } from "./ids.js";
import { same, utf8, Writer } from "./kpm1/bytes.js";
import { sha256 } from "./kpm1/primitives.js";

/** The hash that an event of the account must have, after the hash before it; security.proto has the layout. */
export async function auditHash(before: Uint8Array, accountId: string, event: SecurityEvent): Promise<Uint8Array> {
  if (!event.time) {
    throw new Error("the event has no time");
  }
  const detail = utf8(event.detail);
  return sha256(
    new Writer()
      .bytes(utf8("KPM1-AUDIT"))
      .bytes(before)
      .id(accountId)
      .u64(event.seq)
      .u64(BigInt(timestampMs(event.time)))
      .u32(event.kind)
      .u8(event.actor)
      .id(event.deviceId || nilId)
      .u32(detail.length)
      .bytes(detail)
      .finish(),
  );
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
    if (event.seq !== seq + 1n || !same(hash, event.hash)) {
      throw new Error(`event ${event.seq} does not follow from event ${seq}`);
    }
    [head, seq] = [hash, event.seq];
  }
  return head;
}
