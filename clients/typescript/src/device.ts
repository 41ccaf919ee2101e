import { create } from "@bufbuild/protobuf";
import { type DeviceInfo, DeviceInfoSchema, type DeviceProof, Platform } from "./gen/kpm/v1/session_pb.js";
import { newId } from "./ids.js";
import { type CryptoKeyPair, generateAgreementKey, generateSigningKey, publicKeyBytes } from "./kpm1/primitives.js";
import { createProof } from "./proof.js";

/** How a device presents itself; the server shows it to the owner. */
export interface DeviceOptions {
  /** What the person sees in the list of devices. */
  readonly name: string;
  /** Default: SERVICE. */
  readonly platform?: Platform;
  /** From the catalogue of applications. Default: "kpm-sdk". */
  readonly applicationId?: string;
  /** Default: "0.1.0". */
  readonly applicationVersion?: string;
}

/** A device with its keys. Its id belongs to one account and to these keys. */
export class Device {
  private constructor(
    readonly id: string,
    readonly options: DeviceOptions,
    /** ECDSA: proves the device to the server, and signs its operations. */
    readonly signing: CryptoKeyPair,
    /** ECDH: the vault's key can be wrapped to it. */
    readonly agreement: CryptoKeyPair,
    /** The public half of `signing`, 65 bytes. */
    readonly signingKey: Uint8Array,
    /** The public half of `agreement`, 65 bytes. */
    readonly agreementKey: Uint8Array,
  ) {}

  /** A new device with new keys, which can't be exported. */
  static async create(options: DeviceOptions): Promise<Device> {
    const [signing, agreement] = await Promise.all([generateSigningKey(), generateAgreementKey()]);
    return new Device(
      newId(), options, signing, agreement,
      await publicKeyBytes(signing.publicKey), await publicKeyBytes(agreement.publicKey),
    );
  }

  /** What registration and sign-in tell the server. */
  info(): DeviceInfo {
    return create(DeviceInfoSchema, {
      deviceId: this.id,
      name: this.options.name,
      platform: this.options.platform ?? Platform.SERVICE,
      applicationId: this.options.applicationId ?? "kpm-sdk",
      applicationVersion: this.options.applicationVersion ?? "0.1.0",
      signingKey: this.signingKey,
    });
  }

  /** Proves the device's key for one method and one token. */
  prove(method: string, token: string): Promise<DeviceProof> {
    return createProof(this.signing.privateKey, method, token);
  }
}
