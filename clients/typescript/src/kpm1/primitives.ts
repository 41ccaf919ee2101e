// The primitives of KPM1, all from WebCrypto.
import { Kpm1Error } from "./error.js";
import { utf8 } from "./bytes.js";

/** WebCrypto's key, whose name not every TypeScript set-up knows globally. */
export type CryptoKey = import("node:crypto").webcrypto.CryptoKey;
/** WebCrypto's key pair. */
export type CryptoKeyPair = import("node:crypto").webcrypto.CryptoKeyPair;

const subtle = crypto.subtle;
const curve = "P-256";
const ecdsa = { name: "ECDSA", hash: "SHA-256" };

/** Fresh random bytes. */
export const randomBytes = (length: number): Uint8Array => crypto.getRandomValues(new Uint8Array(length));

/** SHA-256. */
export async function sha256(data: Uint8Array): Promise<Uint8Array> {
  return new Uint8Array(await subtle.digest("SHA-256", data));
}

/** HKDF-SHA256, extract and expand, 32 bytes. */
export async function hkdf(input: Uint8Array, salt: Uint8Array, info: Uint8Array): Promise<Uint8Array> {
  const key = await subtle.importKey("raw", input, "HKDF", false, ["deriveBits"]);
  return new Uint8Array(await subtle.deriveBits({ name: "HKDF", hash: "SHA-256", salt, info }, key, 256));
}

/** A subkey without a salt, named by a label. */
export const subkey = (input: Uint8Array, label: string): Promise<Uint8Array> => hkdf(input, new Uint8Array(0), utf8(label));

/** PBKDF2-HMAC-SHA256, 32 bytes. */
export async function pbkdf2(password: Uint8Array, salt: Uint8Array, iterations: number): Promise<Uint8Array> {
  const key = await subtle.importKey("raw", password, "PBKDF2", false, ["deriveBits"]);
  return new Uint8Array(await subtle.deriveBits({ name: "PBKDF2", hash: "SHA-256", salt, iterations }, key, 256));
}

/** HMAC-SHA256. */
export async function hmac(key: Uint8Array, data: Uint8Array): Promise<Uint8Array> {
  return new Uint8Array(await subtle.sign("HMAC", await hmacKey(key, "sign"), data));
}

/** Whether the tag is the data's, compared in constant time. */
export async function verifyHmac(key: Uint8Array, data: Uint8Array, tag: Uint8Array): Promise<boolean> {
  return subtle.verify("HMAC", await hmacKey(key, "verify"), tag, data);
}

const hmacKey = (key: Uint8Array, usage: "sign" | "verify") =>
  subtle.importKey("raw", key, { name: "HMAC", hash: "SHA-256" }, false, [usage]);

/** AES-256-GCM: ciphertext and tag. */
export async function gcmSeal(key: Uint8Array, nonce: Uint8Array, plain: Uint8Array, aad: Uint8Array): Promise<Uint8Array> {
  const aes = await subtle.importKey("raw", key, "AES-GCM", false, ["encrypt"]);
  return new Uint8Array(await subtle.encrypt({ name: "AES-GCM", iv: nonce, additionalData: aad }, aes, plain));
}

/** The plaintext, or undefined where the tag does not verify. */
export async function gcmOpen(
  key: Uint8Array,
  nonce: Uint8Array,
  sealed: Uint8Array,
  aad: Uint8Array,
): Promise<Uint8Array | undefined> {
  const aes = await subtle.importKey("raw", key, "AES-GCM", false, ["decrypt"]);
  try {
    return new Uint8Array(await subtle.decrypt({ name: "AES-GCM", iv: nonce, additionalData: aad }, aes, sealed));
  } catch (error) {
    // WebCrypto's answer to a wrong tag, and to a ciphertext that has no room for one.
    if (error instanceof Error && error.name === "OperationError") {
      return undefined;
    }
    throw error;
  }
}

/** A pair for ECDSA on P-256. */
export const generateSigningKey = (extractable = false): Promise<CryptoKeyPair> =>
  subtle.generateKey({ name: "ECDSA", namedCurve: curve }, extractable, ["sign", "verify"]);

/** A pair for ECDH on P-256. */
export const generateAgreementKey = (extractable = false): Promise<CryptoKeyPair> =>
  subtle.generateKey({ name: "ECDH", namedCurve: curve }, extractable, ["deriveBits"]);

/** The 65 bytes of a public key: an uncompressed point. */
export async function publicKeyBytes(key: CryptoKey): Promise<Uint8Array> {
  return new Uint8Array(await subtle.exportKey("raw", key));
}

/** A public key from its 65 bytes; STRUCTURE_INVALID where they are no uncompressed point on the curve. */
export async function importPublicKey(bytes: Uint8Array, use: "ECDSA" | "ECDH"): Promise<CryptoKey> {
  if (bytes.length === 65 && bytes[0] === 4) {
    try {
      return await subtle.importKey("raw", bytes, { name: use, namedCurve: curve }, true, use === "ECDSA" ? ["verify"] : []);
    } catch (error) {
      throw new Kpm1Error("STRUCTURE_INVALID", "a public key is no point on the curve", { cause: error });
    }
  }
  throw new Kpm1Error("STRUCTURE_INVALID", "a public key is no uncompressed point");
}

/** ECDSA with SHA-256: 64 bytes r || s. */
export async function sign(key: CryptoKey, data: Uint8Array): Promise<Uint8Array> {
  return new Uint8Array(await subtle.sign(ecdsa, key, data));
}

/** Whether 64 bytes r || s are the data's signature; every other form is not. */
export async function verify(key: CryptoKey, data: Uint8Array, signature: Uint8Array): Promise<boolean> {
  return signature.length === 64 && subtle.verify(ecdsa, key, signature, data);
}

/** ECDH: the x coordinate, 32 bytes. */
export async function agree(ownKey: CryptoKey, peerKey: CryptoKey): Promise<Uint8Array> {
  return new Uint8Array(await subtle.deriveBits({ name: "ECDH", public: peerKey }, ownKey, 256));
}
