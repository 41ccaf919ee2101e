import { OperationKind } from "../gen/kpm/v1/vault_pb.js";
import { hex, isZero, maxU64, Reader, structures, Writer } from "./bytes.js";

/** The version of the plaintext schema of items that this client writes. */
export const itemSchema = 1;

/** Most attachments of one item. */
export const maxAttachments = 64;

const fixedLength = 234;
const emptyHash = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

/** What a device signs of each operation. */
export interface Header {
  readonly kind: OperationKind;
  readonly account: string;
  readonly vault: string;
  /** Changes only when a backup is restored; at least 1. */
  readonly generation: bigint;
  /** The author. */
  readonly device: string;
  /** The author's operation number, at least 1. */
  readonly opSeq: bigint;
  readonly opId: string;
  /** The item, the device or the vault, by kind; a revocation has an id of its own. */
  readonly subject: string;
  /** The subject's revision that the operation was made on; its new revision is one more. */
  readonly baseRev: bigint;
  /** The epoch of the vault key, at least 1. */
  readonly keyEpoch: number;
  /** The plaintext schema of a PUT; 0 for other kinds. */
  readonly schema: number;
  /** SHA-256 of the envelope. */
  readonly envelopeHash: Uint8Array;
  /** The commitment of a PUT to its key; zeros for other kinds. */
  readonly commitment: Uint8Array;
  /** The last seq of the log that the author had verified, and the chain hash there. */
  readonly observed: { readonly seq: bigint; readonly hash: Uint8Array };
  /** Ids of a PUT's attachments, ascending. */
  readonly attachments: readonly string[];
}

/** The new revision of the header's subject. */
export const revOf = (header: Header): bigint => header.baseRev + 1n;

/** The header's bytes: 234, and 16 more for each attachment. Throws STRUCTURE_INVALID where its fields are not well-formed. */
export function encodeHeader(header: Header): Uint8Array {
  const writer = Writer.structure(structures.header)
    .u8(header.kind)
    .u8(0)
    .id(header.account)
    .id(header.vault)
    .u64(header.generation)
    .id(header.device)
    .u64(header.opSeq)
    .id(header.opId)
    .id(header.subject)
    .u64(header.baseRev)
    .u64(revOf(header))
    .u32(header.keyEpoch)
    .u32(header.schema)
    .bytes(header.envelopeHash)
    .bytes(header.commitment)
    .u64(header.observed.seq)
    .bytes(header.observed.hash)
    .u16(header.attachments.length);
  for (const attachment of header.attachments) {
    writer.id(attachment);
  }
  const bytes = writer.finish();
  parseHeader(bytes);
  return bytes;
}

/** The header's fields. Throws STRUCTURE_INVALID where the bytes are not well-formed, SUITE_UNKNOWN for another suite. */
export function parseHeader(bytes: Uint8Array): Header {
  const reader = Reader.structure(bytes, structures.header, "operation header");
  const kind = reader.u8() as OperationKind;
  reader.check(kind >= OperationKind.PUT && kind <= OperationKind.DEVICE_REVOCATION, "is of an unknown kind");
  reader.check(reader.u8() === 0, "has flags");
  const account = reader.id();
  const vault = reader.id();
  const generation = reader.u64();
  const device = reader.id();
  const opSeq = reader.u64();
  const opId = reader.id();
  const subject = reader.id();
  const baseRev = reader.u64();
  const rev = reader.u64();
  const keyEpoch = reader.u32();
  const schema = reader.u32();
  const envelopeHash = reader.bytes(32);
  const commitment = reader.bytes(32);
  const observed = { seq: reader.u64(), hash: reader.bytes(32) };
  const count = reader.u16();
  reader.check(count <= maxAttachments, "has too many attachments");
  reader.check(bytes.length === fixedLength + 16 * count, "has another length than its attachments say");
  const attachments = Array.from({ length: count }, () => reader.id());
  reader.end();

  reader.check(generation >= 1n && opSeq >= 1n && keyEpoch >= 1, "has a zero where numbers start at 1");
  reader.check(baseRev < maxU64 && rev === baseRev + 1n, "has a rev that is not base_rev + 1");
  reader.check(observed.seq > 0n || isZero(observed.hash), "has a chain hash for an empty log");
  // Ids of equal length in lower-case hex order as their bytes do.
  reader.check(attachments.every((id, i) => i === 0 || attachments[i - 1]! < id), "has attachments out of order");
  if (kind === OperationKind.PUT) {
    reader.check(schema >= 1, "has no schema");
  } else {
    reader.check(schema === 0 && isZero(commitment) && count === 0, "has fields of an item for another kind");
  }
  switch (kind) {
    case OperationKind.DELETE:
      reader.check(baseRev >= 1n && hex(envelopeHash) === emptyHash, "is no deletion of a revision");
      break;
    case OperationKind.DEVICE_KEY:
      reader.check(subject === device && baseRev === 0n, "is no first entry of its own device");
      break;
    case OperationKind.KEYSET:
      reader.check(subject === vault, "has a keyset of something else than the vault");
      break;
    case OperationKind.DEVICE_REVOCATION:
      reader.check(baseRev === 0n, "is no first entry of a revocation");
      break;
  }
  return {
    kind, account, vault, generation, device, opSeq, opId, subject, baseRev,
    keyEpoch, schema, envelopeHash, commitment, observed, attachments,
  };
}
