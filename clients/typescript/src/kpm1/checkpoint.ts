import { Reader, structures, Writer } from "./bytes.js";
import { sha256 } from "./primitives.js";

const checkpointLength = 152;

/** A device's statement of what the vault is at a seq; it signs the bytes. */
export interface Checkpoint {
  readonly account: string;
  readonly vault: string;
  readonly generation: bigint;
  /** The author. */
  readonly device: string;
  readonly seq: bigint;
  /** The chain hash at seq. */
  readonly chainHash: Uint8Array;
  /** The key epoch at seq. */
  readonly keyEpoch: number;
  /** The number of leaves: one for each subject. */
  readonly leaves: bigint;
  /** The root of the tree over them. */
  readonly root: Uint8Array;
}

/** The newest revision of a subject. */
export interface Leaf {
  readonly subject: string;
  readonly rev: bigint;
  readonly seq: bigint;
  /** SHA-256 of the header. */
  readonly headerHash: Uint8Array;
}

/** The bytes of a checkpoint. Throws STRUCTURE_INVALID where its fields are not well-formed. */
export function encodeCheckpoint(checkpoint: Checkpoint): Uint8Array {
  const bytes = Writer.structure(structures.checkpoint)
    .u16(0)
    .id(checkpoint.account)
    .id(checkpoint.vault)
    .u64(checkpoint.generation)
    .id(checkpoint.device)
    .u64(checkpoint.seq)
    .bytes(checkpoint.chainHash)
    .u32(checkpoint.keyEpoch)
    .u32(0)
    .u64(checkpoint.leaves)
    .bytes(checkpoint.root)
    .finish();
  parseCheckpoint(bytes);
  return bytes;
}

/** The fields of a checkpoint; what they claim is not verified. */
export function parseCheckpoint(bytes: Uint8Array): Checkpoint {
  const reader = Reader.structure(bytes, structures.checkpoint, "checkpoint");
  reader.check(bytes.length === checkpointLength, "has another length");
  reader.check(reader.u16() === 0, "has flags");
  const [account, vault, generation, device] = [reader.id(), reader.id(), reader.u64(), reader.id()];
  const [seq, chainHash, keyEpoch] = [reader.u64(), reader.bytes(32), reader.u32()];
  reader.check(reader.u32() === 0, "has flags");
  const [leaves, root] = [reader.u64(), reader.bytes(32)];
  reader.end();
  reader.check(generation >= 1n && seq >= 1n && keyEpoch >= 1, "has a zero where numbers start at 1");
  reader.check(leaves >= 1n && leaves <= seq, "has no leaf, or more than there are entries");
  return { account, vault, generation, device, seq, chainHash, keyEpoch, leaves, root };
}

/** The hash of a leaf. */
export function leafHash({ subject, rev, seq, headerHash }: Leaf): Promise<Uint8Array> {
  return sha256(new Writer().u8(0).id(subject).u64(rev).u64(seq).bytes(headerHash).finish());
}

/** The root of the tree over leaves, of which there is one at least, in any order. */
export async function merkleRoot(leaves: Iterable<Leaf>): Promise<Uint8Array> {
  // Ids of equal length in lower-case hex order as their bytes do.
  const ordered = [...leaves].sort((a, b) => (a.subject < b.subject ? -1 : a.subject > b.subject ? 1 : 0));
  let level = await Promise.all(ordered.map(leafHash));
  while (level.length > 1) {
    const above: Promise<Uint8Array>[] = [];
    for (let i = 0; i < level.length; i += 2) {
      const [left, right] = [level[i]!, level[i + 1]];
      above.push(right ? sha256(new Writer().u8(1).bytes(left).bytes(right).finish()) : Promise.resolve(left));
    }
    level = await Promise.all(above);
  }
  return level[0]!;
}
