import { create } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { type DeviceProof, DeviceProofSchema } from "./gen/kpm/v1/session_pb.js";
import { utf8, Writer } from "./kpm1/bytes.js";
import { type CryptoKey, sha256, sign } from "./kpm1/primitives.js";

/** The bytes that a device signs to prove its key for one method and one token; session.proto has the layout. */
export async function proofBytes(method: string, token: string, timeMs: number, nonce: Uint8Array): Promise<Uint8Array> {
  const name = utf8(method);
  return new Writer()
    .bytes(utf8("KPM1-PROOF"))
    .u16(name.length)
    .bytes(name)
    .bytes(await sha256(utf8(token)))
    .u64(BigInt(timeMs))
    .bytes(nonce)
    .finish();
}

/**
 * Proves to the server that the caller holds the device's signing key.
 *
 * @param signingKey the device's private ECDSA P-256 key
 * @param method the full name of the rpc, such as "/kpm.v1.VaultService/Sync"
 * @param token the token that the proof is for: the access token, or the refresh token of RefreshSession
 * @param now the device's clock, in milliseconds since 1970; the server allows 60 s of difference
 */
export async function createProof(
  signingKey: CryptoKey,
  method: string,
  token: string,
  now: number = Date.now(),
): Promise<DeviceProof> {
  const nonce = crypto.getRandomValues(new Uint8Array(16));
  const signature = await sign(signingKey, await proofBytes(method, token, now, nonce));
  return create(DeviceProofSchema, { time: timestampFromMs(now), nonce, signature });
}
