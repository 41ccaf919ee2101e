import { type Client, createClient, type Interceptor } from "@connectrpc/connect";
import { createGrpcTransport, Http2SessionManager } from "@connectrpc/connect-node";
import type { Device } from "./device.js";
import { typedErrors } from "./errors.js";
import { AccountService } from "./gen/kpm/v1/account_service_pb.js";
import type { Session } from "./gen/kpm/v1/session_pb.js";
import type { AccountCreated, SignedIn } from "./gen/kpm/v1/sign_in_pb.js";
import { VaultService } from "./gen/kpm/v1/vault_service_pb.js";
import { VerificationService } from "./gen/kpm/v1/verification_service_pb.js";

const refreshMethod = `/${AccountService.typeName}/${AccountService.method.refreshSession.name}`;

/**
 * One connection to a server, with at most one session. Calls throw RpcError. The access token of `session`
 * goes out with every call; `refresh` trades it before it ends.
 */
export class KpmClient {
  readonly accounts: Client<typeof AccountService>;
  readonly verification: Client<typeof VerificationService>;
  readonly vault: Client<typeof VaultService>;
  #session: Session | undefined;
  #accountId: string | undefined;
  readonly #connection: Http2SessionManager;

  /** @param server the server's address, such as "http://127.0.0.1:5080" or "https://kpm.example" */
  constructor(server: string) {
    this.#connection = new Http2SessionManager(server);
    const authorization: Interceptor = (next) => (request) => {
      if (this.#session) {
        request.header.set("authorization", `Bearer ${this.#session.accessToken}`);
      }
      return next(request);
    };
    const transport = createGrpcTransport({
      baseUrl: server,
      sessionManager: this.#connection,
      interceptors: [typedErrors, authorization],
    });
    this.accounts = createClient(AccountService, transport);
    this.verification = createClient(VerificationService, transport);
    this.vault = createClient(VaultService, transport);
  }

  /** The session, once `connect` was called. Throws before. */
  get session(): Session {
    return this.#session ?? missing();
  }

  /** The account of the session. Throws before `connect` was called. */
  get accountId(): string {
    return this.#accountId ?? missing();
  }

  /** Uses the session that CreateAccount or SignIn answered with. */
  connect(outcome: AccountCreated | SignedIn): void {
    this.#accountId = outcome.account?.accountId;
    this.#session = outcome.session;
  }

  /** Trades the refresh token for the next pair of tokens. */
  async refresh(device: Device): Promise<void> {
    const { refreshToken } = this.session;
    const proof = await device.prove(refreshMethod, refreshToken);
    this.#session = (await this.accounts.refreshSession({ refreshToken, proof })).session;
  }

  /** Ends the connection with everything that is under way on it. */
  close(): void {
    this.#connection.abort();
  }
}

function missing(): never {
  throw new Error("there is no session yet: create an account or sign in, then connect");
}
