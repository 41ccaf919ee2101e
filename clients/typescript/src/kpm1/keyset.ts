import { concat, Reader, same, sameSecret, structures, utf8, Writer } from "./bytes.js";
import { Kpm1Error } from "./error.js";
import { type Header, revOf } from "./header.js";
import { nilId } from "../ids.js";
import {
  agree, type CryptoKey, type CryptoKeyPair, gcmOpen, gcmSeal, generateAgreementKey, hkdf, hmac,
  importPublicKey, pbkdf2, publicKeyBytes, randomBytes, subkey, verifyHmac,
} from "./primitives.js";

/** Bounds of PBKDF2's iterations. They are the client's own: a server may neither weaken nor exhaust it. */
export const iterations = { min: 600_000, max: 10_000_000, default: 1_000_000 } as const;

const limits = { deviceWraps: 256, epochs: 1024 } as const;

/** What a wrap protects the account key with. */
export enum WrapKind {
  Password = 1,
  Recovery = 2,
  Device = 3,
  Epoch = 4,
}

/** What a wrapped key is bound to. */
export interface WrapBinding {
  readonly account: string;
  readonly vault: string;
  readonly keyEpoch: number;
  /** The recipient of a device wrap. */
  readonly device?: string;
  /** The KDF of a password wrap. */
  readonly kdf?: { readonly iterations: number; readonly salt: Uint8Array };
}

/** The associated data of a wrapped key: 96 bytes. */
export function wrapAad(kind: WrapKind, binding: WrapBinding): Uint8Array {
  return Writer.structure(structures.wrap)
    .u8(kind)
    .u8(0)
    .id(binding.account)
    .id(binding.vault)
    .u32(binding.keyEpoch)
    .id(binding.device ?? nilId)
    .u32(binding.kdf?.iterations ?? 0)
    .bytes(binding.kdf?.salt ?? new Uint8Array(32))
    .finish();
}

/** The subkeys of an account key; the account key itself protects nothing. */
export async function accountSubkeys(accountKey: Uint8Array) {
  const [wrap, directory, keyset, local] = await Promise.all(
    ["wrap", "directory", "keyset", "local"].map((label) => subkey(accountKey, `KPM1 AK ${label}`)),
  );
  return { wrap: wrap!, directory: directory!, keyset: keyset!, local: local! };
}

/**
 * The key that the main password opens the vault with.
 *
 * @param least the least iterations to accept; more than the fixed bound where this vault has had more
 * @throws Kpm1Error PASSWORD_INVALID, KDF_TOO_WEAK, KDF_TOO_STRONG or KDF_DOWNGRADE, before a single iteration runs
 */
export async function deriveUnlockKey(
  mainPassword: string,
  salt: Uint8Array,
  count: number,
  least: number = iterations.min,
): Promise<Uint8Array> {
  checkIterations(count, least);
  if (salt.length !== 32) {
    throw new Kpm1Error("STRUCTURE_INVALID", "a salt has 32 bytes");
  }
  return pbkdf2(passwordBytes(mainPassword), salt, count);
}

function passwordBytes(mainPassword: string): Uint8Array {
  const normalised = mainPassword.normalize("NFKC");
  const bytes = utf8(normalised);
  if (!normalised.isWellFormed() || bytes.length === 0 || bytes.length > 1024) {
    throw new Kpm1Error("PASSWORD_INVALID", "a main password is Unicode text of 1 to 1,024 bytes in UTF-8");
  }
  return bytes;
}

function checkIterations(count: number, least: number): void {
  if (count < iterations.min) {
    throw new Kpm1Error("KDF_TOO_WEAK", `${count} iterations are fewer than ${iterations.min}`);
  }
  if (count > iterations.max) {
    throw new Kpm1Error("KDF_TOO_STRONG", `${count} iterations are more than ${iterations.max}`);
  }
  if (count < least) {
    throw new Kpm1Error("KDF_DOWNGRADE", `${count} iterations are fewer than the ${least} that this vault had before`);
  }
}

/** The keys of one epoch: for items, and for the MACs of directory entries. */
export interface EpochKeys {
  readonly vault: Uint8Array;
  readonly directory: Uint8Array;
}

/** The secret keys of a vault, in memory only. */
export class VaultKeys {
  readonly #epochs: ReadonlyMap<number, EpochKeys>;

  /** Keys from their parts; `create` and `openKeyset` are the usual ways to get them. */
  constructor(
    /** The account key of the newest epoch, 32 bytes. */
    readonly accountKey: Uint8Array,
    /** The newest epoch. */
    readonly epoch: number,
    epochs: ReadonlyMap<number, EpochKeys>,
  ) {
    this.#epochs = epochs;
  }

  /** Fresh keys for a new vault, of epoch 1. */
  static async create(): Promise<VaultKeys> {
    const accountKey = randomBytes(32);
    const { directory } = await accountSubkeys(accountKey);
    return new VaultKeys(accountKey, 1, new Map([[1, { vault: randomBytes(32), directory }]]));
  }

  /** The keys of the next epoch: a new account key and vault key, and those of all epochs before. */
  async next(): Promise<VaultKeys> {
    const accountKey = randomBytes(32);
    const { directory } = await accountSubkeys(accountKey);
    return new VaultKeys(accountKey, this.epoch + 1, new Map([...this.#epochs, [this.epoch + 1, { vault: randomBytes(32), directory }]]));
  }

  /** Opens the epochs of a keyset whose account key is known; checks its MAC first. */
  static async fromKeyset(keyset: Keyset, accountKey: Uint8Array): Promise<VaultKeys> {
    const subkeys = await accountSubkeys(accountKey);
    if (!(await verifyHmac(subkeys.keyset, keyset.authenticated, keyset.mac))) {
      throw new Kpm1Error("KEYSET_MAC_INVALID", "the keyset was not made with the account key");
    }
    const epochs = new Map<number, EpochKeys>();
    for (const { epoch, nonce, wrap } of keyset.epochs) {
      const binding = { account: keyset.account, vault: keyset.vault, keyEpoch: epoch };
      epochs.set(epoch, await openEpochWrap(subkeys.wrap, nonce, wrap, binding));
    }
    if (!sameSecret(epochs.get(keyset.keyEpoch)!.directory, subkeys.directory)) {
      throw new Kpm1Error("WRAP_INVALID", "the directory key of the newest epoch is not the account key's");
    }
    return new VaultKeys(accountKey, keyset.keyEpoch, epochs);
  }

  /** The key of an epoch's items, or undefined. */
  readonly vaultKey = (epoch: number): Uint8Array | undefined => this.#epochs.get(epoch)?.vault;

  /** The key of an epoch's directory entries, or undefined. */
  readonly directoryKey = (epoch: number): Uint8Array | undefined => this.#epochs.get(epoch)?.directory;

  /** Epochs, ascending, with their keys. */
  get epochs(): readonly ({ readonly epoch: number } & EpochKeys)[] {
    return [...this.#epochs].map(([epoch, keys]) => ({ epoch, ...keys })).sort((a, b) => a.epoch - b.epoch);
  }
}

/** The account key, wrapped to the holder of an ECDH key. */
export interface EcdhWrap {
  /** The recipient's public key. */
  readonly recipient: Uint8Array;
  /** The public key of the pair that was made for this wrap. */
  readonly ephemeral: Uint8Array;
  readonly nonce: Uint8Array;
  readonly wrap: Uint8Array;
}

/** The wrapped keys of a vault, as they stand in the log. */
export interface Keyset {
  readonly account: string;
  readonly vault: string;
  readonly rev: bigint;
  readonly keyEpoch: number;
  readonly password: {
    readonly iterations: number;
    readonly salt: Uint8Array;
    readonly nonce: Uint8Array;
    readonly wrap: Uint8Array;
  };
  readonly recovery: EcdhWrap | undefined;
  readonly devices: readonly (EcdhWrap & { readonly device: string })[];
  readonly epochs: readonly { readonly epoch: number; readonly nonce: Uint8Array; readonly wrap: Uint8Array }[];
  /** All bytes before the MAC. */
  readonly authenticated: Uint8Array;
  readonly mac: Uint8Array;
}

/** Takes a keyset apart; opens nothing. */
export async function parseKeyset(bytes: Uint8Array): Promise<Keyset> {
  const reader = Reader.structure(bytes, structures.keyset, "keyset");
  const account = reader.id();
  const vault = reader.id();
  const rev = reader.u64();
  const keyEpoch = reader.u32();
  const password = { iterations: reader.u32(), salt: reader.bytes(32), nonce: reader.bytes(12), wrap: reader.bytes(48) };
  const ecdhWrap = (): EcdhWrap => ({
    recipient: reader.bytes(65), ephemeral: reader.bytes(65), nonce: reader.bytes(12), wrap: reader.bytes(48),
  });
  const recoveryCount = reader.u8();
  reader.check(recoveryCount <= 1, "has more than one recovery wrap");
  const recovery = recoveryCount === 1 ? ecdhWrap() : undefined;
  const deviceCount = reader.u16();
  reader.check(deviceCount <= limits.deviceWraps, "has too many device wraps");
  const devices = Array.from({ length: deviceCount }, () => ({ device: reader.id(), ...ecdhWrap() }));
  const epochCount = reader.u16();
  reader.check(epochCount >= 1 && epochCount <= limits.epochs, "has no epoch or too many");
  const epochs = Array.from({ length: epochCount }, () => ({ epoch: reader.u32(), nonce: reader.bytes(12), wrap: reader.bytes(80) }));
  const mac = reader.bytes(32);
  reader.end();

  reader.check(rev >= 1n && keyEpoch >= 1, "has a zero where numbers start at 1");
  reader.check(devices.every(({ device }, i) => i === 0 || devices[i - 1]!.device < device), "has device wraps out of order");
  reader.check(epochs.every(({ epoch }, i) => epoch > (epochs[i - 1]?.epoch ?? 0)), "has epochs out of order");
  reader.check(epochs.at(-1)!.epoch === keyEpoch, "has another last epoch than its own");
  for (const { recipient, ephemeral } of recovery ? [recovery, ...devices] : devices) {
    await importPublicKey(recipient, "ECDH");
    await importPublicKey(ephemeral, "ECDH");
  }
  return {
    account, vault, rev, keyEpoch, password, recovery, devices, epochs,
    authenticated: bytes.slice(0, bytes.length - 32), mac,
  };
}

/**
 * Checks what can be checked of a keyset without a key: layout, that it is the header's, and its KDF.
 *
 * @param least the greatest iterations that this vault has had
 */
export async function checkKeyset(bytes: Uint8Array, header: Header, least: number = iterations.min): Promise<Keyset> {
  const keyset = await parseKeyset(bytes);
  if (
    keyset.account !== header.account ||
    keyset.vault !== header.vault ||
    keyset.rev !== revOf(header) ||
    keyset.keyEpoch !== header.keyEpoch
  ) {
    throw new Kpm1Error("KEYSET_MISMATCH", "the keyset is not the one that its header names");
  }
  checkIterations(keyset.password.iterations, least);
  return keyset;
}

/** Opens a keyset with the main password. Throws PASSWORD_WRONG where that is another one. */
export async function openKeyset(
  bytes: Uint8Array,
  header: Header,
  mainPassword: string,
  least: number = iterations.min,
): Promise<VaultKeys> {
  const keyset = await checkKeyset(bytes, header, least);
  const { password } = keyset;
  const unlockKey = await deriveUnlockKey(mainPassword, password.salt, password.iterations, least);
  const accountKey = await openPasswordWrap(unlockKey, password.nonce, password.wrap, { ...keyset, kdf: password });
  return VaultKeys.fromKeyset(keyset, accountKey);
}

/** Opens the password wrap of the account key. Throws PASSWORD_WRONG: a wrong password and a changed wrap look the same. */
export async function openPasswordWrap(
  unlockKey: Uint8Array,
  nonce: Uint8Array,
  wrap: Uint8Array,
  binding: WrapBinding,
): Promise<Uint8Array> {
  const accountKey = await gcmOpen(unlockKey, nonce, wrap, wrapAad(WrapKind.Password, binding));
  if (!accountKey) {
    throw new Kpm1Error("PASSWORD_WRONG", "the main password is wrong");
  }
  return accountKey;
}

/** Opens the wrap of an epoch's keys with the account key's wrap key. */
export async function openEpochWrap(
  wrapKey: Uint8Array,
  nonce: Uint8Array,
  wrap: Uint8Array,
  binding: WrapBinding,
): Promise<EpochKeys> {
  const keys = await gcmOpen(wrapKey, nonce, wrap, wrapAad(WrapKind.Epoch, binding));
  if (!keys) {
    throw new Kpm1Error("WRAP_INVALID", `the key of epoch ${binding.keyEpoch} does not open`);
  }
  return { vault: keys.slice(0, 32), directory: keys.slice(32) };
}

/** Opens a keyset with the ECDH key of a device that it has a wrap for. Throws WRAP_INVALID where it has none. */
export async function openKeysetAsDevice(
  bytes: Uint8Array,
  header: Header,
  device: string,
  agreementKey: CryptoKeyPair,
): Promise<VaultKeys> {
  const keyset = await checkKeyset(bytes, header);
  const wrap = keyset.devices.find((candidate) => candidate.device === device);
  return VaultKeys.fromKeyset(keyset, await openEcdhWrap(WrapKind.Device, wrap, { ...keyset, device }, agreementKey));
}

/** Opens a keyset with the recovery key. Throws WRAP_INVALID where it has no wrap for it. */
export async function openKeysetWithRecovery(bytes: Uint8Array, header: Header, recoveryKey: CryptoKeyPair): Promise<VaultKeys> {
  const keyset = await checkKeyset(bytes, header);
  return VaultKeys.fromKeyset(keyset, await openEcdhWrap(WrapKind.Recovery, keyset.recovery, keyset, recoveryKey));
}

/** Opens an ECDH wrap of the account key. */
export async function openEcdhWrap(
  kind: WrapKind.Device | WrapKind.Recovery,
  wrap: EcdhWrap | undefined,
  binding: WrapBinding,
  recipient: CryptoKeyPair,
): Promise<Uint8Array> {
  const own = await publicKeyBytes(recipient.publicKey);
  if (wrap && same(wrap.recipient, own)) {
    const aad = wrapAad(kind, binding);
    const shared = await agree(recipient.privateKey, await importPublicKey(wrap.ephemeral, "ECDH"));
    const key = await hkdf(shared, concat(wrap.ephemeral, own), concat(utf8("KPM1 wrap"), aad));
    const accountKey = await gcmOpen(key, wrap.nonce, wrap.wrap, aad);
    if (accountKey) {
      return accountKey;
    }
  }
  throw new Kpm1Error("WRAP_INVALID", "the keyset has no wrap that this key opens");
}

/** Wraps the account key to the holder of an ECDH key. */
export async function sealEcdhWrap(
  kind: WrapKind.Device | WrapKind.Recovery,
  accountKey: Uint8Array,
  binding: WrapBinding,
  recipient: CryptoKey,
): Promise<EcdhWrap> {
  const pair = await generateAgreementKey();
  const ephemeral = await publicKeyBytes(pair.publicKey);
  const own = await publicKeyBytes(recipient);
  const nonce = randomBytes(12);
  const aad = wrapAad(kind, binding);
  const shared = await agree(pair.privateKey, recipient);
  const key = await hkdf(shared, concat(ephemeral, own), concat(utf8("KPM1 wrap"), aad));
  return { recipient: own, ephemeral, nonce, wrap: await gcmSeal(key, nonce, accountKey, aad) };
}

/** What a new keyset is made of. */
export interface NewKeyset {
  readonly account: string;
  readonly vault: string;
  /** One more than the keyset that it replaces; 1 for the first. */
  readonly rev: bigint;
  readonly keys: VaultKeys;
  readonly mainPassword: string;
  /** PBKDF2's iterations; default 1,000,000. */
  readonly iterations?: number;
  /** The public half of the recovery key; none where it is absent. */
  readonly recoveryKey?: CryptoKey;
  /** Devices that can open the vault with their ECDH key. */
  readonly devices?: readonly { readonly device: string; readonly agreementKey: CryptoKey }[];
}

/** The bytes of a new keyset: the vault's keys, wrapped by the main password and to devices. */
export async function sealKeyset(options: NewKeyset): Promise<Uint8Array> {
  const { account, vault, rev, keys, mainPassword } = options;
  const binding = { account, vault, keyEpoch: keys.epoch };
  const subkeys = await accountSubkeys(keys.accountKey);
  const kdf = { iterations: options.iterations ?? iterations.default, salt: randomBytes(32) };
  const unlockKey = await deriveUnlockKey(mainPassword, kdf.salt, kdf.iterations);
  const nonce = randomBytes(12);
  const devices = [...(options.devices ?? [])].sort((a, b) => (a.device < b.device ? -1 : 1));

  const writer = Writer.structure(structures.keyset)
    .id(account)
    .id(vault)
    .u64(rev)
    .u32(keys.epoch)
    .u32(kdf.iterations)
    .bytes(kdf.salt)
    .bytes(nonce)
    .bytes(await gcmSeal(unlockKey, nonce, keys.accountKey, wrapAad(WrapKind.Password, { ...binding, kdf })))
    .u8(options.recoveryKey ? 1 : 0);
  const ecdhWrap = ({ recipient, ephemeral, nonce, wrap }: EcdhWrap) => writer.bytes(recipient).bytes(ephemeral).bytes(nonce).bytes(wrap);
  if (options.recoveryKey) {
    ecdhWrap(await sealEcdhWrap(WrapKind.Recovery, keys.accountKey, binding, options.recoveryKey));
  }
  writer.u16(devices.length);
  for (const { device, agreementKey } of devices) {
    writer.id(device);
    ecdhWrap(await sealEcdhWrap(WrapKind.Device, keys.accountKey, { ...binding, device }, agreementKey));
  }
  writer.u16(keys.epochs.length);
  for (const { epoch, vault: vaultKey, directory } of keys.epochs) {
    const epochNonce = randomBytes(12);
    const aad = wrapAad(WrapKind.Epoch, { account, vault, keyEpoch: epoch });
    writer.u32(epoch).bytes(epochNonce).bytes(await gcmSeal(subkeys.wrap, epochNonce, concat(vaultKey, directory), aad));
  }
  const authenticated = writer.finish();
  const bytes = concat(authenticated, await hmac(subkeys.keyset, authenticated));
  await parseKeyset(bytes);
  return bytes;
}
