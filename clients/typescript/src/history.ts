import { timestampDate } from "@bufbuild/protobuf/wkt";
import type { CallOptions } from "@connectrpc/connect";
import type { Item } from "./gen/kpm/item/v1/item_pb.js";
import { OperationKind, type TrashedItem } from "./gen/kpm/v1/vault_pb.js";
import { ensure } from "./kpm1/error.js";
import { openItem } from "./kpm1/item.js";
import type { Vault } from "./vault.js";

/** A revision of an item, which a device of the vault has signed. */
export interface Revision {
  readonly rev: bigint;
  readonly seq: bigint;
  /** The device that made it. */
  readonly author: string;
  /** It is a deletion. */
  readonly deleted: boolean;
  /** Its content is still kept. */
  readonly readable: boolean;
  /** When the server committed it; its word alone. */
  readonly committedAt: Date | undefined;
}

/** What items were before: their revisions, and the trash. To bring one back, put it again under its id. */
export class History {
  readonly #vault: Vault;

  /** For Vault, which has one. */
  constructor(vault: Vault) {
    this.#vault = vault;
  }

  /** The revisions of an item, newest first; each one's signature was checked. */
  async *revisions(itemId: string, call: CallOptions = {}): AsyncGenerator<Revision, void> {
    const { client, log } = this.#vault;
    let above: bigint | undefined;
    for (let pageToken = ""; ; ) {
      const page = await client.vault.listRevisions({ itemId, pageToken }, call);
      for (const { rev, seq, kind, header: bytes, signature, envelopeBytes, committedAt } of page.revisions) {
        const entry = { seq, rev, kind, subjectId: itemId, header: bytes, signature, envelope: new Uint8Array(0), superseded: true };
        const header = await log.checkPast(entry);
        ensure(above === undefined || rev < above, "SEQ_GAP", "the revisions are not in the order of their numbers");
        above = rev;
        yield {
          rev, seq, author: header.device, deleted: kind === OperationKind.DELETE, readable: envelopeBytes > 0,
          committedAt: committedAt && timestampDate(committedAt),
        };
      }
      if (page.nextPageToken === "") {
        return;
      }
      pageToken = page.nextPageToken;
    }
  }

  /** The item as a revision had it, verified and decrypted; undefined for a deletion, and where its content is no longer kept. */
  async revision(itemId: string, rev: bigint, call: CallOptions = {}): Promise<Item | undefined> {
    const { client, log, keys } = this.#vault;
    const { revision } = await client.vault.getRevision({ itemId, rev }, call);
    ensure(revision?.subjectId === itemId && revision.rev === rev, "HEADER_MISMATCH", "the server sent another revision");
    const header = await log.checkPast(revision);
    return revision.superseded || header.kind === OperationKind.DELETE ? undefined : openItem(revision.envelope, header, keys.vaultKey);
  }

  /** Deleted items that can still be brought back, newest first; the server's word. */
  async *trash(call: CallOptions = {}): AsyncGenerator<TrashedItem, void> {
    for (let pageToken = ""; ; ) {
      const page = await this.#vault.client.vault.listTrash({ pageToken }, call);
      yield* page.items;
      if (page.nextPageToken === "") {
        return;
      }
      pageToken = page.nextPageToken;
    }
  }
}
