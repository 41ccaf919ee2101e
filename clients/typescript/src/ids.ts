const pattern = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/** The id of all zeros, which names nothing. */
export const nilId = "00000000-0000-0000-0000-000000000000";

/** A new id: a lower-case UUIDv7, as the contract wants them. */
export function newId(now: number = Date.now()): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  const view = new DataView(bytes.buffer);
  view.setUint16(0, Math.floor(now / 2 ** 32));
  view.setUint32(2, now % 2 ** 32);
  view.setUint8(6, 0x70 | (view.getUint8(6) & 0x0f));
  view.setUint8(8, 0x80 | (view.getUint8(8) & 0x3f));
  return idFromBytes(bytes);
}

/** The 16 bytes of an id, in the order of RFC 9562. Throws a RangeError where it is not a lower-case UUID. */
export function idToBytes(id: string): Uint8Array {
  if (!pattern.test(id)) {
    throw new RangeError("an id is a lower-case UUID of 36 characters");
  }
  return Uint8Array.from(id.replaceAll("-", "").match(/../g)!, (byte) => parseInt(byte, 16));
}

/** The id that 16 bytes in the order of RFC 9562 stand for. */
export function idFromBytes(bytes: Uint8Array): string {
  if (bytes.length !== 16) {
    throw new RangeError("an id has 16 bytes");
  }
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-");
}
