/** The names that docs/crypto.md gives to what a reader refuses. */
export type Kpm1ErrorCode =
  | "APPROVAL_INVALID"
  | "ATTACHMENT_INVALID"
  | "BOOKMARK_INVALID"
  | "CHAIN_MISMATCH"
  | "CHECKPOINT_MISMATCH"
  | "COMMITMENT_MISMATCH"
  | "DECRYPTION_FAILED"
  | "DEVICE_DUPLICATE"
  | "DEVICE_REVOKED"
  | "DEVICE_UNKNOWN"
  | "DIRECTORY_MAC_INVALID"
  | "ENVELOPE_HASH_MISMATCH"
  | "ENVELOPE_WITHHELD"
  | "EPOCH_MISMATCH"
  | "GENERATION_CHANGED"
  | "HEADER_MISMATCH"
  | "ITEM_INVALID"
  | "KDF_DOWNGRADE"
  | "KDF_TOO_STRONG"
  | "KDF_TOO_WEAK"
  | "KEYSET_MAC_INVALID"
  | "KEYSET_MISMATCH"
  | "KEY_EPOCH_UNKNOWN"
  | "OBSERVATION_MISMATCH"
  | "OP_SEQ_NOT_RISING"
  | "OWN_OPERATION_UNKNOWN"
  | "PADDING_INVALID"
  | "PASSWORD_INVALID"
  | "PASSWORD_WRONG"
  | "REVOCATION_INVALID"
  | "REV_MISMATCH"
  | "ROLLBACK"
  | "ROOT_INVALID"
  | "SCHEMA_UNKNOWN"
  | "SEQ_GAP"
  | "SIGNATURE_INVALID"
  | "STRUCTURE_INVALID"
  | "SUITE_UNKNOWN"
  | "WRAP_INVALID"
  | "WRONG_VAULT";

/** Something that KPM1 refuses to read: it is malformed, was tampered with, or needs a newer client. */
export class Kpm1Error extends Error {
  override readonly name = "Kpm1Error";

  constructor(
    /** Which check failed, by its name in docs/crypto.md. */
    readonly code: Kpm1ErrorCode,
    message: string,
    options?: ErrorOptions,
  ) {
    super(`${message} (${code})`, options);
  }
}

/** Throws Kpm1Error unless the condition holds. */
export function ensure(condition: boolean, code: Kpm1ErrorCode, message: string): asserts condition {
  if (!condition) {
    fail(code, message);
  }
}

/** Throws Kpm1Error. */
export function fail(code: Kpm1ErrorCode, message: string): never {
  throw new Kpm1Error(code, message);
}
