import { type OperationResult, RejectionReason } from "./gen/kpm/v1/vault_pb.js";
import { type GoAway, GoAwayReason, type ResyncRequired, ResyncReason } from "./gen/kpm/v1/vault_service_pb.js";
import type { Item } from "./gen/kpm/item/v1/item_pb.js";
import type { DirectoryEntry } from "./kpm1/directory.js";
import type { Kpm1Error } from "./kpm1/error.js";

/** A verified step of the vault's history. */
export type VaultEvent =
  | { readonly type: "item"; readonly seq: bigint; readonly id: string; readonly rev: bigint; readonly author: string; readonly item: Item }
  /** An item that only a newer client can read; its ciphertext is left as it is. */
  | { readonly type: "unreadable"; readonly seq: bigint; readonly id: string; readonly rev: bigint; readonly author: string; readonly why: Kpm1Error }
  | { readonly type: "deleted"; readonly seq: bigint; readonly id: string; readonly rev: bigint; readonly author: string }
  /** A device joined. Show one that is KEYED to the person: somebody who knows the main password added it. */
  | { readonly type: "device"; readonly seq: bigint; readonly entry: DirectoryEntry }
  /** A device's part in the log has ended. */
  | { readonly type: "revoked"; readonly seq: bigint; readonly device: string; readonly author: string }
  /** The main password was changed, or with a new epoch all keys. */
  | { readonly type: "keyset"; readonly seq: bigint; readonly rev: bigint; readonly keyEpoch: number }
  /** The vault was taken over as a device's checkpoint states it; what is new in it comes first, what was in between does not. */
  | { readonly type: "snapshot"; readonly seq: bigint }
  /** Everything up to seq has been seen. */
  | { readonly type: "caughtUp"; readonly seq: bigint };

/** The server did not apply an operation. */
export class OperationError extends Error {
  override readonly name = "OperationError";

  constructor(
    /** The result: a conflict names the subject's revision now, a rejection its reason. */
    readonly result: OperationResult,
  ) {
    super(
      result.result.case === "conflict"
        ? `the subject is at revision ${result.result.value.rev} now`
        : `the server refused the operation: ${RejectionReason[result.result.case === "rejected" ? result.result.value.reason : 0]}`,
    );
  }
}

/** The server ended a stream. */
export class StreamEnded extends Error {
  override readonly name = "StreamEnded";

  constructor(
    /** GoAway: resume. ResyncRequired: keep the data and tell the person; who agrees begins anew. "revoked": this device's access was ended. */
    readonly reason: GoAway | ResyncRequired | "revoked",
  ) {
    super(
      reason === "revoked" ? "the access of this device was ended"
      : reason.$typeName === "kpm.v1.GoAway" ? `the server ended the stream: ${GoAwayReason[reason.reason]}`
      : `the stream can't be resumed: ${ResyncReason[reason.reason]}`,
    );
  }
}

/** The seq of an operation that was applied. Throws OperationError where it was not. */
export function applied(result: OperationResult | undefined): bigint {
  if (result?.result.case !== "applied") {
    throw result ? new OperationError(result) : new Error("the server sent no result");
  }
  return result.result.value.seq;
}
