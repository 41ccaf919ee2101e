import { Code } from "@connectrpc/connect";
import { RpcError } from "./errors.js";

const mostFailures = 5;
const firstDelayMs = 500;
const longestDelayMs = 60_000;

/**
 * For a transfer that goes on where it stood while the server is out of reach: pauses that double from 0.5 s to 60 s with full
 * jitter, or as long as the server says. Five failures without progress in between are the end.
 */
export class Patience {
  #failures = 0;

  constructor(private readonly signal: AbortSignal | undefined) {}

  /** Something has arrived. */
  progress(): void {
    this.#failures = 0;
  }

  /** Waits until the next try is due. Throws the error where no try would help. */
  async after(error: unknown): Promise<void> {
    this.#failures++;
    if (!(error instanceof RpcError) || error.code !== Code.Unavailable || this.signal?.aborted || this.#failures > mostFailures) {
      throw error;
    }
    const most = Math.min(firstDelayMs * 2 ** (this.#failures - 1), longestDelayMs);
    await new Promise<void>((resolve) => setTimeout(resolve, error.retryAfterMs ?? most * Math.random()));
  }
}
