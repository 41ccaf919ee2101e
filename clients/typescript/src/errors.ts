import { ConnectError, type Interceptor } from "@connectrpc/connect";
import { durationMs } from "@bufbuild/protobuf/wkt";
import { BadRequestSchema, ErrorInfoSchema, RetryInfoSchema } from "./gen/google/rpc/error_details_pb.js";
import { ErrorReason } from "./gen/kpm/v1/error_reason_pb.js";

/** A field of a request that the server refused. */
export interface FieldViolation {
  /** Path of the field, such as "device.name". */
  readonly field: string;
  /** What is wrong with it, in English. */
  readonly description: string;
  /** The machine-readable reason; empty where the server gives none. */
  readonly reason: string;
}

/**
 * An error status of the server with its typed details. Statuses that come from below the
 * server's handlers (a lost connection, a deadline) have the reason UNSPECIFIED.
 */
export class RpcError extends ConnectError {
  /** Why the call failed. A value that this version does not know is UNSPECIFIED; see reasonName. */
  readonly reason: ErrorReason;
  /** The reason as the server wrote it, such as "EMAIL_IN_USE"; empty without one. */
  readonly reasonName: string;
  /** The ErrorInfo's metadata, such as the rejection of an operation. */
  readonly info: Readonly<Record<string, string>>;
  /** Every field that the server refused. */
  readonly fieldViolations: readonly FieldViolation[];
  /** How long to wait before the next try, in milliseconds; undefined where the server does not say. */
  readonly retryAfterMs: number | undefined;

  private constructor(error: ConnectError) {
    super(error.rawMessage, error.code, error.metadata, undefined, error.cause);
    this.details = error.details;
    const info = error.findDetails(ErrorInfoSchema).find((candidate) => candidate.domain === "kpm");
    this.reasonName = info?.reason ?? "";
    this.reason = ErrorReason[this.reasonName as keyof typeof ErrorReason] ?? ErrorReason.UNSPECIFIED;
    this.info = info?.metadata ?? {};
    this.fieldViolations = error
      .findDetails(BadRequestSchema)
      .flatMap((detail) => detail.fieldViolations)
      .map(({ field, description, reason }) => ({ field, description, reason }));
    const retryDelay = error.findDetails(RetryInfoSchema)[0]?.retryDelay;
    this.retryAfterMs = retryDelay && durationMs(retryDelay);
  }

  /** ConnectError takes for its own whatever looks like one; this takes none but its own. */
  static override [Symbol.hasInstance](value: unknown): boolean {
    return typeof value === "object" && value !== null && RpcError.prototype.isPrototypeOf(value);
  }

  /** The typed form of whatever a call threw. */
  static override from(error: unknown): RpcError {
    return error instanceof RpcError ? error : new RpcError(ConnectError.from(error));
  }
}

/** Makes unary calls and streams throw RpcError. */
export const typedErrors: Interceptor = (next) => async (request) => {
  try {
    const response = await next(request);
    return response.stream ? { ...response, message: typed(response.message) } : response;
  } catch (error) {
    throw RpcError.from(error);
  }
};

async function* typed<T>(messages: AsyncIterable<T>): AsyncIterable<T> {
  try {
    yield* messages;
  } catch (error) {
    throw RpcError.from(error);
  }
}
