import { concat, structures, Writer } from "./bytes.js";
import { Kpm1Error } from "./error.js";
import { gcmOpen, gcmSeal, randomBytes, sha256 } from "./primitives.js";

/** Bytes of plaintext in every chunk but the last. */
export const attachmentChunk = 524_288;

/** Most bytes of an attachment: 100 chunks. */
export const maxAttachmentLength = 100 * attachmentChunk;

const tagLength = 16;

/** Bytes of ciphertext of every chunk but the last. */
export const sealedChunk = attachmentChunk + tagLength;

/** What the ciphertext of an attachment is bound to. */
export interface AttachmentBinding {
  readonly account: string;
  readonly vault: string;
  /** The item that it belongs to. */
  readonly item: string;
  readonly attachment: string;
}

/** An encrypted attachment, and what its item keeps of it. */
export interface SealedAttachment {
  /** The chunks, one behind the other. */
  readonly ciphertext: Uint8Array;
  /** SHA-256 of the ciphertext. */
  readonly sha256: Uint8Array;
  /** The attachment's own key, 32 bytes. */
  readonly key: Uint8Array;
  /** Bytes of plaintext. */
  readonly length: number;
  readonly chunkCount: number;
}

/** How many chunks an attachment of some length has; an empty one has one. */
export const chunkCount = (length: number): number => Math.max(1, Math.ceil(length / attachmentChunk));

/** Bytes of ciphertext of an attachment of some length. */
export const sealedLength = (length: number): number => length + tagLength * chunkCount(length);

/** The associated data of a chunk: 80 bytes. */
export function chunkAad(binding: AttachmentBinding, index: number, final: boolean): Uint8Array {
  return Writer.structure(structures.attachment)
    .u8(final ? 1 : 0)
    .u8(0)
    .id(binding.account)
    .id(binding.vault)
    .id(binding.item)
    .id(binding.attachment)
    .u64(BigInt(index))
    .finish();
}

/** The nonce of a chunk. */
export const chunkNonce = (index: number): Uint8Array => new Writer().u32(0).u64(BigInt(index)).finish();

/** Encrypts one chunk. The key must be the attachment's own: the nonce is no more than the index. */
export function sealChunk(
  key: Uint8Array,
  binding: AttachmentBinding,
  index: number,
  final: boolean,
  plain: Uint8Array,
): Promise<Uint8Array> {
  return gcmSeal(key, chunkNonce(index), plain, chunkAad(binding, index, final));
}

/** Decrypts one chunk. Throws DECRYPTION_FAILED where it is another one, or was changed. */
export async function openChunk(
  key: Uint8Array,
  binding: AttachmentBinding,
  index: number,
  final: boolean,
  sealed: Uint8Array,
): Promise<Uint8Array> {
  const plain = await gcmOpen(key, chunkNonce(index), sealed, chunkAad(binding, index, final));
  if (!plain) {
    throw new Kpm1Error("DECRYPTION_FAILED", `chunk ${index} of the attachment does not decrypt`);
  }
  return plain;
}

/**
 * Encrypts an attachment.
 *
 * @param key the attachment's own key: a fresh one, unless an upload of the very same content is to go on
 */
export async function sealAttachment(
  content: Uint8Array,
  binding: AttachmentBinding,
  key: Uint8Array = randomBytes(32),
): Promise<SealedAttachment> {
  if (content.length > maxAttachmentLength) {
    throw new RangeError(`an attachment has at most ${maxAttachmentLength} bytes, this one has ${content.length}`);
  }
  const count = chunkCount(content.length);
  const chunks: Uint8Array[] = [];
  for (let index = 0; index < count; index++) {
    const plain = content.subarray(index * attachmentChunk, (index + 1) * attachmentChunk);
    chunks.push(await sealChunk(key, binding, index, index === count - 1, plain));
  }
  const ciphertext = concat(...chunks);
  return { ciphertext, sha256: await sha256(ciphertext), key, length: content.length, chunkCount: count };
}

/** What an item keeps of an attachment. */
export interface AttachmentKeys {
  readonly key: Uint8Array;
  /** Bytes of plaintext. */
  readonly length: number;
  readonly chunkCount: number;
}

/**
 * Refuses a ciphertext that has not the length which the item promises, and a promise that is none: ATTACHMENT_INVALID.
 *
 * @param size bytes of the whole ciphertext
 */
export function checkAttachment(size: number, { key, length, chunkCount: count }: AttachmentKeys): void {
  if (key.length !== 32 || length > maxAttachmentLength || count !== chunkCount(length) || size !== sealedLength(length)) {
    throw new Kpm1Error("ATTACHMENT_INVALID", `an attachment of ${length} bytes has no ciphertext of ${size}`);
  }
}

/** Decrypts a whole attachment. Throws ATTACHMENT_INVALID or DECRYPTION_FAILED. */
export async function openAttachment(
  ciphertext: Uint8Array,
  binding: AttachmentBinding,
  attachment: AttachmentKeys,
): Promise<Uint8Array> {
  checkAttachment(ciphertext.length, attachment);
  const plain: Uint8Array[] = [];
  for (let index = 0; index < attachment.chunkCount; index++) {
    const sealed = ciphertext.subarray(index * sealedChunk, (index + 1) * sealedChunk);
    plain.push(await openChunk(attachment.key, binding, index, index === attachment.chunkCount - 1, sealed));
  }
  return concat(...plain);
}
