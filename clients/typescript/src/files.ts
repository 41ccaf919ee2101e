import { create } from "@bufbuild/protobuf";
import type { CallOptions } from "@connectrpc/connect";
import { RpcError } from "./errors.js";
import { type Attachment, AttachmentSchema } from "./gen/kpm/item/v1/item_pb.js";
import { ErrorReason } from "./gen/kpm/v1/error_reason_pb.js";
import type { DownloadAttachmentResponse } from "./gen/kpm/v1/vault_service_pb.js";
import { newId } from "./ids.js";
import {
  attachmentChunk, type AttachmentBinding, type AttachmentKeys, checkAttachment, openChunk, sealAttachment, sealedChunk, sealedLength,
} from "./kpm1/attachment.js";
import { concat } from "./kpm1/bytes.js";
import { Kpm1Error } from "./kpm1/error.js";
import { Patience } from "./patience.js";
import type { Vault } from "./vault.js";

/** A file as a person has it. */
export interface NewFile {
  readonly name: string;
  /** Such as "application/pdf". */
  readonly mediaType: string;
  /** At most 50 MiB. */
  readonly content: Uint8Array;
}

/** An encrypted file that is ready to be uploaded, as often as that takes. */
export interface SealedFile {
  /** What its item keeps of it; the key stands in it. */
  readonly attachment: Attachment;
  readonly ciphertext: Uint8Array;
}

/** Files that belong to items: encrypted here, uploaded before the item that names them is written. */
export class Files {
  readonly #vault: Vault;

  /** For Vault, which has one. */
  constructor(vault: Vault) {
    this.#vault = vault;
  }

  /** Encrypts a file for the item that it will belong to. */
  async seal(itemId: string, file: NewFile): Promise<SealedFile> {
    const id = newId();
    const { ciphertext, key, length, chunkCount, sha256 } = await sealAttachment(file.content, this.#binding(itemId, id));
    const attachment = create(AttachmentSchema, {
      id, fileName: file.name, mediaType: file.mediaType, length: BigInt(length), chunkCount, key, sha256,
    });
    return { attachment, ciphertext };
  }

  /**
   * Uploads a file, or the rest of it: what has arrived before a cut is not sent again. Then its attachment can be put into
   * the item.
   *
   * @param options.pieceByPiece by single calls, for a transport that can't stream what it sends, as those of browsers
   */
  async upload({ attachment, ciphertext }: SealedFile, options: CallOptions & { pieceByPiece?: boolean } = {}): Promise<void> {
    const { pieceByPiece = false, ...call } = options;
    const { vault } = this.#vault.client;
    const upload = { attachmentId: attachment.id, size: BigInt(ciphertext.length), sha256: attachment.sha256 };
    const patience = new Patience(call.signal);
    for (let before = -1, complete = false; !complete; ) {
      try {
        let arrived: number;
        ({ arrived, complete } = await this.#arrived(attachment.id, call));
        if (arrived > before) {
          patience.progress();
        }
        before = arrived;
        while (!complete && pieceByPiece) {
          const data = ciphertext.subarray(arrived, arrived + sealedChunk);
          const response = await vault.putAttachmentChunk({ upload, offset: BigInt(arrived), data }, call);
          [arrived, complete] = [took(arrived, response), response.complete];
        }
        if (!complete) {
          const response = await vault.uploadAttachment(pieces(upload, ciphertext, arrived), call);
          [arrived, complete] = [took(arrived, response), response.complete];
        }
      } catch (error) {
        await patience.after(error);
      }
    }
  }

  /**
   * The content of a file, or a range of it, in pieces of at most 512 KiB; no byte of a piece is given out before its tag was
   * checked. Goes on by itself after a cut.
   *
   * @throws Kpm1Error ATTACHMENT_INVALID or DECRYPTION_FAILED
   */
  async *download(
    itemId: string,
    attachment: Attachment,
    options: CallOptions & { offset?: number; length?: number } = {},
  ): AsyncGenerator<Uint8Array, void> {
    const { offset = 0, length: wanted = Infinity, ...call } = options;
    const keys: AttachmentKeys = { key: attachment.key, length: Number(attachment.length), chunkCount: attachment.chunkCount };
    if (offset < 0 || wanted < 0 || offset > keys.length) {
      throw new RangeError(`the file has ${keys.length} bytes`);
    }
    checkAttachment(sealedLength(keys.length), keys);
    const end = Math.min(keys.length, offset + wanted);
    if (end === offset && keys.length > 0) {
      return;
    }
    const binding = this.#binding(itemId, attachment.id);
    const last = Math.max(0, Math.ceil(end / attachmentChunk) - 1);
    let index = Math.floor(offset / attachmentChunk);
    const patience = new Patience(call.signal);
    while (index <= last) {
      try {
        for await (const sealed of this.#chunks(attachment.id, keys, index, last, call)) {
          const plain = await openChunk(keys.key, binding, index, index === keys.chunkCount - 1, sealed);
          const start = index * attachmentChunk;
          index++;
          patience.progress();
          yield plain.subarray(Math.max(0, offset - start), end - start);
        }
      } catch (error) {
        await patience.after(error);
      }
    }
  }

  async #arrived(attachmentId: string, call: CallOptions): Promise<{ arrived: number; complete: boolean }> {
    try {
      const { received, complete } = await this.#vault.client.vault.getAttachmentUpload({ attachmentId }, call);
      return { arrived: Number(received), complete };
    } catch (error) {
      if (error instanceof RpcError && error.reason === ErrorReason.NOT_FOUND) {
        return { arrived: 0, complete: false };
      }
      throw error;
    }
  }

  /** The sealed chunks from one index to another, as they come. */
  async *#chunks(attachmentId: string, keys: AttachmentKeys, first: number, last: number, call: CallOptions): AsyncGenerator<Uint8Array, void> {
    const size = sealedLength(keys.length);
    const [from, to] = [first * sealedChunk, Math.min(size, (last + 1) * sealedChunk)];
    let at = from;
    let parts: Uint8Array[] = [];
    let held = 0;
    const responses: AsyncIterable<DownloadAttachmentResponse> = this.#vault.client.vault.downloadAttachment(
      { attachmentId, offset: BigInt(from), length: BigInt(to - from) }, call,
    );
    for await (const { offset, data, size: said } of responses) {
      checkAttachment(Number(said), keys);
      if (Number(offset) !== at || at + data.length > to) {
        throw new Kpm1Error("ATTACHMENT_INVALID", "the server sent other bytes than those that were asked for");
      }
      at += data.length;
      for (let rest = data; rest.length > 0; ) {
        const due = Math.min(sealedChunk, to - (at - rest.length - held)) - held;
        const part = rest.subarray(0, due);
        parts.push(part);
        held += part.length;
        rest = rest.subarray(part.length);
        if (part.length === due) {
          yield concat(...parts);
          [parts, held] = [[], 0];
        }
      }
    }
    if (at !== to) {
      throw new Kpm1Error("ATTACHMENT_INVALID", "the server sent fewer bytes than there are");
    }
  }

  #binding(item: string, attachment: string): AttachmentBinding {
    const { accountId } = this.#vault.client;
    return { account: accountId, vault: accountId, item, attachment };
  }
}

/** How much has arrived now. Throws where a call without an error has brought nothing. */
function took(arrived: number, { received, complete }: { received: bigint; complete: boolean }): number {
  if (!complete && received <= arrived) {
    throw new Error("the server took nothing of the upload");
  }
  return Number(received);
}

async function* pieces(upload: { attachmentId: string; size: bigint; sha256: Uint8Array }, ciphertext: Uint8Array, from: number) {
  yield { part: { case: "start" as const, value: { upload, offset: BigInt(from) } } };
  for (let at = from; at < ciphertext.length; at += sealedChunk) {
    yield { part: { case: "data" as const, value: ciphertext.subarray(at, at + sealedChunk) } };
  }
}
