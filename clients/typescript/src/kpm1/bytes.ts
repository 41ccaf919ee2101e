import { idFromBytes, idToBytes } from "../ids.js";
import { Kpm1Error } from "./error.js";

/** The suite of all structures that this version writes and reads. */
export const suite = 1;

/** The numbers of the structures. */
export const structures = {
  header: 1, item: 2, keyset: 3, wrap: 4, directoryEntry: 5, checkpoint: 6, revocation: 7, attachment: 8,
} as const;

/** No u64 of KPM1 is above this. */
export const maxU64 = 2n ** 63n - 1n;

const magic = Uint8Array.of(0x4b, 0x50, 0x4d, 0x31);

/** Text as its bytes in UTF-8; the labels of KPM1 are ASCII. */
export const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text);

/** Bytes as lower-case hex: a key for maps. */
export const hex = (bytes: Uint8Array): string => Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");

/** All parts, one behind the other. */
export function concat(...parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let offset = 0;
  for (const part of parts) {
    whole.set(part, offset);
    offset += part.length;
  }
  return whole;
}

/** Whether two values that are not secret have the same bytes. */
export const same = (a: Uint8Array, b: Uint8Array): boolean => a.length === b.length && a.every((byte, i) => byte === b[i]);

/** Whether two secrets have the same bytes, in a time that does not depend on where they differ. */
export const sameSecret = (a: Uint8Array, b: Uint8Array): boolean =>
  a.length === b.length && a.reduce((different, byte, i) => different | (byte ^ b[i]!), 0) === 0;

/** Whether all bytes are zero. */
export const isZero = (bytes: Uint8Array): boolean => bytes.every((byte) => byte === 0);

/** Builds a structure; integers are big-endian. */
export class Writer {
  readonly #parts: Uint8Array[] = [];

  /** Begins a structure: magic, its number, the suite. */
  static structure(number: number): Writer {
    return new Writer().bytes(magic).u8(number).u8(suite);
  }

  u8(value: number): this {
    return this.bytes(Uint8Array.of(value));
  }

  u16(value: number): this {
    return this.#number(2, (view) => view.setUint16(0, value));
  }

  u32(value: number): this {
    return this.#number(4, (view) => view.setUint32(0, value));
  }

  u64(value: bigint): this {
    return this.#number(8, (view) => view.setBigUint64(0, value));
  }

  id(value: string): this {
    return this.bytes(idToBytes(value));
  }

  bytes(value: Uint8Array): this {
    this.#parts.push(value);
    return this;
  }

  #number(length: number, write: (view: DataView) => void): this {
    const part = new Uint8Array(length);
    write(new DataView(part.buffer));
    return this.bytes(part);
  }

  /** What was written so far. */
  finish(): Uint8Array {
    return concat(...this.#parts);
  }
}

/** Takes a structure apart; everything that does not fit is STRUCTURE_INVALID. */
export class Reader {
  #offset = 0;

  constructor(
    private readonly source: Uint8Array,
    private readonly what: string,
  ) {}

  /** Begins a structure: checks magic and number, then the suite. */
  static structure(source: Uint8Array, number: number, what: string): Reader {
    const reader = new Reader(source, what);
    reader.check(same(reader.bytes(4), magic), "has another magic");
    reader.check(reader.u8() === number, "is another structure");
    const found = reader.u8();
    if (found !== suite) {
      throw new Kpm1Error("SUITE_UNKNOWN", `the ${what} is of suite ${found}; a newer client is needed to read it`);
    }
    return reader;
  }

  u8(): number {
    return this.bytes(1)[0]!;
  }

  u16(): number {
    return this.#view(2).getUint16(0);
  }

  u32(): number {
    return this.#view(4).getUint32(0);
  }

  u64(): bigint {
    const value = this.#view(8).getBigUint64(0);
    this.check(value <= maxU64, "has an integer above 2^63 - 1");
    return value;
  }

  id(): string {
    return idFromBytes(this.bytes(16));
  }

  bytes(length: number): Uint8Array {
    this.check(this.#offset + length <= this.source.length, "is too short");
    return this.source.slice(this.#offset, (this.#offset += length));
  }

  /** Everything was read. */
  end(): void {
    this.check(this.#offset === this.source.length, "is too long");
  }

  /** Refuses the structure unless the condition holds. */
  check(condition: boolean, problem: string): void {
    if (!condition) {
      throw new Kpm1Error("STRUCTURE_INVALID", `the ${this.what} ${problem}`);
    }
  }

  #view(length: number): DataView {
    const part = this.bytes(length);
    return new DataView(part.buffer, part.byteOffset, length);
  }
}
