export { auditHash, verifyEvents } from "./audit.js";
export { KpmClient } from "./client.js";
export { Device, type DeviceOptions } from "./device.js";
export { type FieldViolation, RpcError } from "./errors.js";
export { idFromBytes, idToBytes, newId } from "./ids.js";
export { createProof, proofBytes } from "./proof.js";
export { SyncStream } from "./sync.js";
export { applied, OperationError, StreamEnded, Vault, type VaultEvent } from "./vault.js";
export * as kpm1 from "./kpm1/index.js";
