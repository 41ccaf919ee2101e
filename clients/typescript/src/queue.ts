/** Values handed from a producer to one consumer, in order; ends or fails when the producer says so. */
export class Queue<T> implements AsyncIterable<T> {
  readonly #values: T[] = [];
  #ended: { error?: unknown } | undefined;
  #wake: (() => void) | undefined;

  /** Adds a value; ignored after the end. */
  put(value: T): void {
    if (!this.#ended) {
      this.#values.push(value);
      this.#wake?.();
    }
  }

  /** No value follows. The consumer still gets those before. */
  end(): void {
    this.#ended ??= {};
    this.#wake?.();
  }

  /** No value follows; the consumer gets the error after those before. */
  fail(error: unknown): void {
    this.#ended ??= { error };
    this.#wake?.();
  }

  async *[Symbol.asyncIterator](): AsyncIterator<T> {
    for (;;) {
      while (this.#values.length > 0) {
        yield this.#values.shift()!;
      }
      if (this.#ended) {
        if ("error" in this.#ended) {
          throw this.#ended.error;
        }
        return;
      }
      await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }
}
