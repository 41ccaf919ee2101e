import { concat, isZero, Reader, structures, Writer } from "./bytes.js";
import { nilId } from "../ids.js";
import { Kpm1Error } from "./error.js";
import { type CryptoKey, hmac, importPublicKey, sign, verify, verifyHmac } from "./primitives.js";

/** How a device came into the directory. */
export enum Enrolment {
  /** The first device, together with the keyset. */
  Root = 1,
  /** A device of the directory vouched for it. */
  Approved = 2,
  /** It was given the main password. */
  Keyed = 3,
}

const approvedLength = 206;
const entryLength = 302;

/** A device of the directory. */
export interface DirectoryEntry {
  readonly enrolment: Enrolment;
  readonly account: string;
  readonly vault: string;
  readonly device: string;
  readonly keyEpoch: number;
  /** The device's ECDSA key, 65 bytes. */
  readonly signingKey: Uint8Array;
  /** The device's ECDH key, 65 bytes. */
  readonly agreementKey: Uint8Array;
  /** The device that vouched for it; of an APPROVED entry only. */
  readonly approver?: string;
}

/** An entry as it was read. */
export interface ParsedEntry extends DirectoryEntry {
  /** The approver's signature over `approved`. */
  readonly approval: Uint8Array;
  /** The bytes that an approval signs. */
  readonly approved: Uint8Array;
  /** The bytes that the MAC is over. */
  readonly authenticated: Uint8Array;
  readonly mac: Uint8Array;
}

/** The bytes that an approver signs: bytes 0 to 205 of the entry. */
export function approvedBytes(entry: DirectoryEntry): Uint8Array {
  return Writer.structure(structures.directoryEntry)
    .u8(entry.enrolment)
    .u8(0)
    .id(entry.account)
    .id(entry.vault)
    .id(entry.device)
    .u32(entry.keyEpoch)
    .bytes(entry.signingKey)
    .bytes(entry.agreementKey)
    .id(entry.approver ?? nilId)
    .finish();
}

/** The bytes of an entry. An APPROVED one needs the approver's private signing key. */
export async function sealDirectoryEntry(
  entry: DirectoryEntry,
  directoryKey: Uint8Array,
  approverKey?: CryptoKey,
): Promise<Uint8Array> {
  const approved = approvedBytes(entry);
  const approval = approverKey ? await sign(approverKey, approved) : new Uint8Array(64);
  const authenticated = concat(approved, approval);
  const bytes = concat(authenticated, await hmac(directoryKey, authenticated));
  await parseDirectoryEntry(bytes);
  return bytes;
}

/** Takes an entry apart; what it claims is not verified. */
export async function parseDirectoryEntry(bytes: Uint8Array): Promise<ParsedEntry> {
  const reader = Reader.structure(bytes, structures.directoryEntry, "directory entry");
  reader.check(bytes.length === entryLength, "has another length");
  const enrolment = reader.u8();
  reader.check(enrolment >= Enrolment.Root && enrolment <= Enrolment.Keyed, "is of an unknown enrolment");
  reader.check(reader.u8() === 0, "has flags");
  const account = reader.id();
  const vault = reader.id();
  const device = reader.id();
  const keyEpoch = reader.u32();
  const signingKey = reader.bytes(65);
  const agreementKey = reader.bytes(65);
  const approver = reader.id();
  const approval = reader.bytes(64);
  const mac = reader.bytes(32);
  reader.end();
  const approvedEntry = enrolment === Enrolment.Approved;
  reader.check(approvedEntry || (approver === nilId && isZero(approval)), "has an approver that its enrolment does not have");
  reader.check(keyEpoch >= 1, "is of epoch 0");
  await importPublicKey(signingKey, "ECDSA");
  await importPublicKey(agreementKey, "ECDH");
  return {
    enrolment, account, vault, device, keyEpoch, signingKey, agreementKey,
    ...(approvedEntry ? { approver } : {}),
    approval,
    approved: bytes.slice(0, approvedLength),
    authenticated: bytes.slice(0, entryLength - 32),
    mac,
  };
}

/**
 * Verifies what an entry claims: its approval, then its MAC.
 *
 * @param approver the signing key of a device of the directory; undefined where it does not have that device
 * @param directoryKey gives the directory key of an epoch, or undefined
 * @throws Kpm1Error APPROVAL_INVALID, KEY_EPOCH_UNKNOWN or DIRECTORY_MAC_INVALID
 */
export async function verifyDirectoryEntry(
  entry: ParsedEntry,
  approver: CryptoKey | undefined,
  directoryKey: (epoch: number) => Uint8Array | undefined,
): Promise<void> {
  if (entry.enrolment === Enrolment.Approved && !(approver && (await verify(approver, entry.approved, entry.approval)))) {
    throw new Kpm1Error("APPROVAL_INVALID", "no device of the directory vouched for this one");
  }
  const key = directoryKey(entry.keyEpoch);
  if (!key) {
    throw new Kpm1Error("KEY_EPOCH_UNKNOWN", `there is no key for epoch ${entry.keyEpoch}`);
  }
  if (!(await verifyHmac(key, entry.authenticated, entry.mac))) {
    throw new Kpm1Error("DIRECTORY_MAC_INVALID", "the directory entry was not made with the account key");
  }
}
