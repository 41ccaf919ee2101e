import { type Client, createClient, type Interceptor } from "@connectrpc/connect";
import { createGrpcTransport, Http2SessionManager } from "@connectrpc/connect-node";
import { typedErrors } from "./errors.js";
import type { SecurityEvent } from "./gen/kpm/v1/security_pb.js";
import { type SupportCase, SupportService } from "./gen/kpm/v1/support_service_pb.js";

/**
 * What an operator of support can do, on the server's own listener for it. Calls throw RpcError. docs/support.md says what
 * each one does; where it names two operators, the second needs a client with a credential of their own.
 */
export class SupportClient {
  /** Every rpc of the service. */
  readonly calls: Client<typeof SupportService>;
  readonly #connection: Http2SessionManager;

  /**
   * @param server the address of the listener for support, such as "https://10.0.0.5:5090"
   * @param credential the operator's: "kpm-operator-" and what follows
   */
  constructor(server: string, credential: string) {
    this.#connection = new Http2SessionManager(server);
    const authorization: Interceptor = (next) => (request) => {
      request.header.set("authorization", `Bearer ${credential}`);
      return next(request);
    };
    const transport = createGrpcTransport({ baseUrl: server, sessionManager: this.#connection, interceptors: [typedErrors, authorization] });
    this.calls = createClient(SupportService, transport);
  }

  /** The account's security events with what proves them, newest first. */
  async *auditLog(accountId: string): AsyncGenerator<SecurityEvent, void> {
    for (let pageToken = ""; ; ) {
      const page = await this.calls.listAuditLog({ accountId, pageToken });
      yield* page.events;
      if (page.nextPageToken === "") {
        return;
      }
      pageToken = page.nextPageToken;
    }
  }

  /** The open cases of all accounts, oldest first. */
  async *openCases(): AsyncGenerator<SupportCase, void> {
    for (let pageToken = ""; ; ) {
      const page = await this.calls.listSupportCases({ pageToken });
      yield* page.cases;
      if (page.nextPageToken === "") {
        return;
      }
      pageToken = page.nextPageToken;
    }
  }

  /** Ends the connection with everything that is under way on it. */
  close(): void {
    this.#connection.abort();
  }
}
