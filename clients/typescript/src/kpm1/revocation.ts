import { concat, Reader, structures, Writer } from "./bytes.js";
import { Kpm1Error } from "./error.js";
import { hmac, verifyHmac } from "./primitives.js";

const revocationLength = 88;

/** The end of a device's part in the log. */
export interface Revocation {
  readonly account: string;
  readonly vault: string;
  /** The device of which nothing later is accepted. */
  readonly device: string;
}

/** A revocation as it was read. */
export interface ParsedRevocation extends Revocation {
  /** The bytes that the MAC is over. */
  readonly authenticated: Uint8Array;
  readonly mac: Uint8Array;
}

/** The bytes of a revocation, under the directory key of its operation's epoch. */
export async function sealRevocation({ account, vault, device }: Revocation, directoryKey: Uint8Array): Promise<Uint8Array> {
  const authenticated = Writer.structure(structures.revocation).u16(0).id(account).id(vault).id(device).finish();
  return concat(authenticated, await hmac(directoryKey, authenticated));
}

/** Takes a revocation apart; what it claims is not verified. */
export function parseRevocation(bytes: Uint8Array): ParsedRevocation {
  const reader = Reader.structure(bytes, structures.revocation, "device revocation");
  reader.check(bytes.length === revocationLength, "has another length");
  reader.check(reader.u16() === 0, "has flags");
  const [account, vault, device, mac] = [reader.id(), reader.id(), reader.id(), reader.bytes(32)];
  reader.end();
  return { account, vault, device, authenticated: bytes.slice(0, revocationLength - 32), mac };
}

/**
 * Verifies the MAC of a revocation.
 *
 * @param epoch the key epoch of the header that carries it
 * @param directoryKey gives the directory key of an epoch, or undefined
 * @throws Kpm1Error KEY_EPOCH_UNKNOWN or DIRECTORY_MAC_INVALID
 */
export async function verifyRevocation(
  revocation: ParsedRevocation,
  epoch: number,
  directoryKey: (epoch: number) => Uint8Array | undefined,
): Promise<void> {
  const key = directoryKey(epoch);
  if (!key) {
    throw new Kpm1Error("KEY_EPOCH_UNKNOWN", `there is no key for epoch ${epoch}`);
  }
  if (!(await verifyHmac(key, revocation.authenticated, revocation.mac))) {
    throw new Kpm1Error("DIRECTORY_MAC_INVALID", "the revocation was not made with the account key");
  }
}
