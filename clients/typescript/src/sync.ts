import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { Code } from "@connectrpc/connect";
import { RpcError } from "./errors.js";
import { StreamEnded, type VaultEvent } from "./events.js";
import type { Operation, OperationResult } from "./gen/kpm/v1/vault_pb.js";
import { ResyncReason, SyncRequestSchema, type SyncResponse, VaultService, type Welcome } from "./gen/kpm/v1/vault_service_pb.js";
import { Queue } from "./queue.js";
import type { Vault } from "./vault.js";

const method = `/${VaultService.typeName}/${VaultService.method.sync.name}`;
const protocolVersion = 1;

/** A device publishes a checkpoint once the head is this far above the newest one. */
const checkpointDistance = 1000n;

type Outgoing = NonNullable<MessageInitShape<typeof SyncRequestSchema>["message"]>;

/** A result that is due. */
interface Waiting {
  readonly resolve: (result: OperationResult) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * A device's open stream. Iterating gives verified events; the iteration ends after `close`, and throws StreamEnded
 * where the server ended the stream, RpcError where it broke, Kpm1Error where a check failed. To go on after the
 * first two, open another: it resumes where the vault's log ends.
 */
export class SyncStream implements AsyncIterable<VaultEvent> {
  readonly #outgoing = new Queue<ReturnType<typeof request>>();
  readonly #events = new Queue<VaultEvent>();
  readonly #waiting = new Map<string, Waiting>();
  readonly #abort = new AbortController();
  readonly #vault: Vault;
  #welcomed!: (welcome: Welcome) => void;
  #failed!: (error: unknown) => void;
  #welcome: Welcome | undefined;
  #checkpointSeq = 0n;
  #closed = false;
  #ending: StreamEnded | undefined;

  private constructor(vault: Vault) {
    this.#vault = vault;
  }

  /**
   * Opens the stream and waits for the server's Welcome.
   *
   * @param options.snapshot begin with a snapshot where there is one, though the changes could be replayed
   */
  static async open(vault: Vault, options: { snapshot?: boolean } = {}): Promise<SyncStream> {
    const { client, device, log } = vault;
    const stream = new SyncStream(vault);
    const welcome = new Promise<Welcome>((resolve, reject) => {
      stream.#welcomed = resolve;
      stream.#failed = reject;
    });
    stream.#send({
      case: "hello",
      value: {
        versions: [protocolVersion],
        generation: log.seq === 0n ? 0n : log.generation,
        cursor: log.seq,
        chainHash: log.chainHash,
        snapshot: options.snapshot ?? false,
        proof: await device.prove(method, client.session.accessToken),
      },
    });
    void stream.#run();
    stream.#welcome = await welcome;
    return stream;
  }

  /** Where the vault stood when the stream opened, and whether its quota is nearly used up. */
  get welcome(): Welcome {
    return this.#welcome!;
  }

  /** Sends operations; resolves with one result for each, in their order, once all are durable. */
  push(operations: Operation[], options: { atomic?: boolean } = {}): Promise<OperationResult[]> {
    const results = operations.map(
      ({ opId }) => new Promise<OperationResult>((resolve, reject) => this.#waiting.set(opId, { resolve, reject })),
    );
    if (this.#closed || this.#ending) {
      this.#rejectWaiting(this.#ending ?? new Error("the stream has ended"));
    } else {
      this.#send({ case: "push", value: { operations, atomic: options.atomic ?? false } });
    }
    return Promise.all(results);
  }

  /** Ends the stream. */
  close(): void {
    this.#closed = true;
    this.#outgoing.end();
    this.#abort.abort();
  }

  [Symbol.asyncIterator](): AsyncIterator<VaultEvent> {
    return this.#events[Symbol.asyncIterator]();
  }

  #send(message: Outgoing): void {
    this.#outgoing.put(request(message));
  }

  async #run(): Promise<void> {
    try {
      const responses = this.#vault.client.vault.sync(this.#outgoing, { signal: this.#abort.signal });
      for await (const response of responses) {
        await this.#take(response);
      }
      this.#finish(this.#ending ?? new Error("the server ended the stream without a reason"));
    } catch (error) {
      this.#finish(this.#ending ?? error);
    }
  }

  #finish(error: unknown): void {
    // Closing aborts the call, which is no failure; whatever else ends it is one.
    if (this.#closed) {
      this.#events.end();
    } else {
      this.#events.fail(error);
    }
    this.close();
    this.#failed(error);
    this.#rejectWaiting(error);
  }

  async #take({ message }: SyncResponse): Promise<void> {
    const vault = this.#vault;
    const { log } = vault;
    switch (message.case) {
      case "welcome":
        log.welcome(message.value.generation, message.value.headSeq);
        vault.checkOwnOperations(message.value.lastOpSeq);
        this.#checkpointSeq = message.value.checkpointSeq;
        this.#welcomed(message.value);
        break;
      case "changes":
        for (const event of await vault.apply(message.value)) {
          this.#events.put(event);
        }
        if (!vault.inBatch) {
          this.#send({ case: "ack", value: { seq: log.seq } });
        }
        break;
      case "caughtUp":
        log.bookmark(message.value.seq);
        this.#events.put({ type: "caughtUp", seq: log.seq });
        await this.#publishCheckpoint();
        break;
      case "opResult":
        this.#waiting.get(message.value.opId)?.resolve(message.value);
        this.#waiting.delete(message.value.opId);
        break;
      case "ping":
        vault.heartbeat(message.value.headSeq);
        this.#send({ case: "pong", value: {} });
        break;
      case "snapshotBegin":
        await vault.beginSnapshot(message.value);
        break;
      case "snapshotRows":
        await vault.addRows(message.value);
        break;
      case "snapshotEnd":
        for (const event of await vault.endSnapshot(message.value)) {
          this.#events.put(event);
        }
        this.#send({ case: "ack", value: { seq: log.seq } });
        break;
      case "tokenExpiring":
        await this.#renew();
        break;
      case "revoked":
        this.#send({ case: "revokedAck", value: {} });
        this.#halfClose(new StreamEnded("revoked"));
        break;
      case "resyncRequired":
        if (message.value.reason !== ResyncReason.COMPACTED) {
          this.#halfClose(new StreamEnded(message.value));
        }
        break; // after COMPACTED a snapshot follows
      case "goAway":
        this.#halfClose(new StreamEnded(message.value));
        break;
    }
  }

  /** Sends nothing more, and takes what the server still sends: results of what it had read, then the end. */
  #halfClose(why: StreamEnded): void {
    this.#ending = why;
    this.#outgoing.end();
  }

  /** At a bookmark: what this device has verified, once enough has come since the newest checkpoint. */
  async #publishCheckpoint(): Promise<void> {
    const { log, device } = this.#vault;
    if (log.seq - this.#checkpointSeq < checkpointDistance || !log.isCurrent(device.id)) {
      return;
    }
    try {
      this.#checkpointSeq = await this.#vault.publishCheckpoint();
    } catch (error) {
      // Busy or out of reach: the next bookmark tries again. Whatever else the server says against its own log ends the stream.
      if (!(error instanceof RpcError) || ![Code.Unavailable, Code.DeadlineExceeded, Code.ResourceExhausted].includes(error.code)) {
        throw error;
      }
    }
  }

  async #renew(): Promise<void> {
    const { client, device } = this.#vault;
    await client.refresh(device);
    const { accessToken } = client.session;
    this.#send({ case: "reauth", value: { accessToken, proof: await device.prove(method, accessToken) } });
  }

  #rejectWaiting(error: unknown): void {
    for (const { reject } of this.#waiting.values()) {
      reject(error);
    }
    this.#waiting.clear();
  }
}

const request = (message: Outgoing) => create(SyncRequestSchema, { message });
