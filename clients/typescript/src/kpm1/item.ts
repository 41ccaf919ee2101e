import { fromBinary, toBinary } from "@bufbuild/protobuf";
import { OperationKind } from "../gen/kpm/v1/vault_pb.js";
import { type Item, ItemSchema } from "../gen/kpm/item/v1/item_pb.js";
import { concat, isZero, Reader, same, sameSecret, structures, utf8, Writer } from "./bytes.js";
import { Kpm1Error } from "./error.js";
import { type Header, itemSchema } from "./header.js";
import { gcmOpen, gcmSeal, hkdf, randomBytes, sha256, subkey } from "./primitives.js";

/** Largest padded plaintext, so that the envelope stays within the contract's 256 KiB. */
export const maxPaddedLength = 63 * 4096;

const minEnvelopeLength = 322;

/** The fields of a header that an item's ciphertext is bound to. */
export type ItemBinding = Pick<
  Header,
  "account" | "vault" | "subject" | "keyEpoch" | "schema" | "baseRev" | "device"
>;

/** The associated data of an item: 96 bytes. */
export function itemAad(binding: ItemBinding): Uint8Array {
  return Writer.structure(structures.item)
    .u8(OperationKind.PUT)
    .u8(0)
    .id(binding.account)
    .id(binding.vault)
    .id(binding.subject)
    .u32(binding.keyEpoch)
    .u32(binding.schema)
    .u64(binding.baseRev)
    .u64(binding.baseRev + 1n)
    .id(binding.device)
    .finish();
}

/** The key of one revision of an item, and the commitment to it that stands in the header. */
export async function itemKey(
  vaultKey: Uint8Array,
  salt: Uint8Array,
  aad: Uint8Array,
): Promise<{ key: Uint8Array; commitment: Uint8Array }> {
  const key = await hkdf(vaultKey, salt, concat(utf8("KPM1 item"), aad));
  return { key, commitment: await subkey(key, "KPM1 commit") };
}

/** Pads a message to its size class. Throws a RangeError where it is larger than the largest. */
export function pad(message: Uint8Array): Uint8Array {
  const length = paddedLength(message.length);
  if (length > maxPaddedLength) {
    throw new RangeError(`an item has at most ${maxPaddedLength - 4} bytes, this one has ${message.length}`);
  }
  const padded = new Uint8Array(length);
  padded.set(new Writer().u32(message.length).bytes(message).finish());
  return padded;
}

/** The message in its padding; PADDING_INVALID where that is not exactly what `pad` makes. */
export function unpad(padded: Uint8Array): Uint8Array {
  const length = padded.length < 4 ? Number.NaN : new DataView(padded.buffer, padded.byteOffset).getUint32(0);
  if (padded.length > maxPaddedLength || paddedLength(length) !== padded.length || !isZero(padded.subarray(4 + length))) {
    throw new Kpm1Error("PADDING_INVALID", "the item's padding is not the one of its length");
  }
  return padded.slice(4, 4 + length);
}

function paddedLength(length: number): number {
  return [256, 512, 1024, 2048].find((size) => 4 + length <= size) ?? Math.ceil((4 + length) / 4096) * 4096;
}

/** An encrypted item, and what its operation's header says of it. */
export interface SealedItem {
  readonly envelope: Uint8Array;
  readonly envelopeHash: Uint8Array;
  readonly commitment: Uint8Array;
}

/** Encrypts an item under the vault key of the binding's epoch. */
export async function sealItem(item: Item, vaultKey: Uint8Array, binding: ItemBinding): Promise<SealedItem> {
  return sealItemWith(toBinary(ItemSchema, item), vaultKey, binding, randomBytes(32), randomBytes(12));
}

/** `sealItem` with a salt and nonce of the caller's choice, for test vectors. Neither may ever be used twice. */
export async function sealItemWith(
  message: Uint8Array,
  vaultKey: Uint8Array,
  binding: ItemBinding,
  salt: Uint8Array,
  nonce: Uint8Array,
): Promise<SealedItem> {
  const aad = itemAad(binding);
  const { key, commitment } = await itemKey(vaultKey, salt, aad);
  const sealed = await gcmSeal(key, nonce, pad(message), aad);
  const envelope = Writer.structure(structures.item).bytes(salt).bytes(nonce).bytes(sealed).finish();
  return { envelope, envelopeHash: await sha256(envelope), commitment };
}

/**
 * Decrypts the envelope of a PUT. The header must have been verified before: its signature is what
 * says that the item is the author's.
 *
 * @param vaultKey gives the vault key of an epoch, or undefined
 * @throws Kpm1Error as docs/crypto.md lists, in its order
 */
export async function openItem(
  envelope: Uint8Array,
  header: Header,
  vaultKey: (epoch: number) => Uint8Array | undefined,
): Promise<Item> {
  const message = await openItemMessage(envelope, header, vaultKey);
  try {
    return fromBinary(ItemSchema, message);
  } catch (error) {
    throw new Kpm1Error("ITEM_INVALID", "the item is no valid message", { cause: error });
  }
}

/** `openItem` without the last step: the serialised message. */
export async function openItemMessage(
  envelope: Uint8Array,
  header: Header,
  vaultKey: (epoch: number) => Uint8Array | undefined,
): Promise<Uint8Array> {
  if (envelope.length < minEnvelopeLength) {
    throw new Kpm1Error("STRUCTURE_INVALID", "the item envelope is too short");
  }
  const reader = Reader.structure(envelope, structures.item, "item envelope");
  if (header.schema !== itemSchema) {
    throw new Kpm1Error("SCHEMA_UNKNOWN", `the item is of schema ${header.schema}; a newer client is needed to read it`);
  }
  if (!same(await sha256(envelope), header.envelopeHash)) {
    throw new Kpm1Error("ENVELOPE_HASH_MISMATCH", "the envelope is not the one that was signed");
  }
  const epochKey = vaultKey(header.keyEpoch);
  if (!epochKey) {
    throw new Kpm1Error("KEY_EPOCH_UNKNOWN", `there is no key for epoch ${header.keyEpoch}`);
  }
  const salt = reader.bytes(32);
  const nonce = reader.bytes(12);
  const aad = itemAad(header);
  const { key, commitment } = await itemKey(epochKey, salt, aad);
  if (!sameSecret(commitment, header.commitment)) {
    throw new Kpm1Error("COMMITMENT_MISMATCH", "the item's key is not the one that was signed");
  }
  const padded = await gcmOpen(key, nonce, envelope.subarray(50), aad);
  if (!padded) {
    throw new Kpm1Error("DECRYPTION_FAILED", "the item does not decrypt");
  }
  return unpad(padded);
}
