// The whole walk: an account, its activation, two devices, one item that appears on the second as the first saves it.
//
//   npm run example -- --server http://127.0.0.1:5080 --mail ../../data/mail
//
// KPM_SERVER and KPM_MAIL say the same.
import { randomUUID } from "node:crypto";
import { parseArgs } from "node:util";
import { create, equals } from "@bufbuild/protobuf";
import { applied, Device, KpmClient, kpm1, newId, SyncStream, Vault, type VaultEvent } from "../src/index.js";
import { type Item, ItemSchema } from "../src/gen/kpm/item/v1/item_pb.js";
import { activationCode } from "./mail.js";

const { values: options } = parseArgs({
  options: {
    server: { type: "string", default: process.env["KPM_SERVER"] ?? "http://127.0.0.1:5080" },
    mail: { type: "string", default: process.env["KPM_MAIL"] ?? "data/mail" },
  },
});
const email = `walk-${randomUUID()}@example.org`;
const password = "Walk-to-the-server-1";
const mainPassword = "four things that never leave this device";

const say = (step: string, text: string) => console.log(`${step.padEnd(10)} ${text}`);

function expect(condition: boolean, what: string): void {
  if (!condition) {
    throw new Error(`not so: ${what}`);
  }
}

/** The next event that fits; everything before it was verified too. */
async function until<T extends VaultEvent>(stream: SyncStream, fits: (event: VaultEvent) => event is T): Promise<T> {
  for await (const event of stream) {
    if (fits(event)) {
      return event;
    }
  }
  throw new Error("the stream ended");
}

type ItemEvent = Extract<VaultEvent, { type: "item" }>;

const isItem = (id: string, rev: bigint) => (event: VaultEvent): event is ItemEvent =>
  event.type === "item" && event.id === id && event.rev === rev;

async function register(client: KpmClient, device: Device): Promise<void> {
  const offer = await client.accounts.getSignInOptions({ locale: "en-GB" });
  const region = offer.regions.find(({ code }) => code === offer.selectedRegion)!;
  const { outcome } = await client.accounts.createAccount({
    email,
    password,
    passwordConfirmation: password,
    region: region.code,
    language: region.languages[0]!,
    marketingConsent: false,
    consentVersion: offer.marketingConsent!.version,
    device: device.info(),
  });
  if (outcome.case !== "created") {
    throw new Error("the account was not created");
  }
  client.connect(outcome.value);
  say("account", `${client.accountId} created in ${region.name} for ${email}`);
}

async function signIn(client: KpmClient, device: Device): Promise<void> {
  const { outcome } = await client.accounts.signIn({ email, password, device: device.info() });
  if (outcome.case !== "signedIn") {
    throw new Error("the device was not signed in");
  }
  client.connect(outcome.value);
}

async function walk(first: KpmClient, second: KpmClient): Promise<void> {
  const laptop = await Device.create({ name: "laptop (TypeScript)" });
  await register(first, laptop);
  const code = await activationCode(options.mail, email);
  await first.verification.activateAccount({ proof: { case: "code", value: code } });
  say("mail", "activation mail read, account activated");

  const vault = await Vault.create(first, laptop, mainPassword);
  const stream = await SyncStream.open(vault);
  say("laptop", "enrolled as ROOT, keyset written, stream open");

  const phone = await Device.create({ name: "phone (TypeScript)" });
  await signIn(second, phone);
  const phoneVault = await Vault.open(second, phone, mainPassword);
  const phoneStream = await SyncStream.open(phoneVault);
  await until(phoneStream, (event): event is VaultEvent => event.type === "caughtUp");
  say("phone", `signed in, vault opened and enrolled as KEYED, log verified up to ${phoneVault.log.seq}`);
  await until(stream, (event): event is VaultEvent => event.type === "device" && event.entry.device === phone.id);
  say("laptop", "shows that a device joined with the main password");

  const item: Item = create(ItemSchema, {
    name: "Example bank",
    createdAtMs: BigInt(Date.now()),
    kind: {
      case: "websiteLogin",
      value: { username: "ada", password: randomUUID(), addresses: [{ id: newId(), url: "https://bank.example" }] },
    },
  });
  const saved = await vault.put(item);
  const started = performance.now();
  const [event, [result]] = await Promise.all([until(phoneStream, isItem(saved.subjectId, 1n)), stream.push([saved])]);
  const elapsed = performance.now() - started;
  expect(equals(ItemSchema, event.item, item), "the phone reads what the laptop wrote");
  expect(event.author === laptop.id, "the laptop signed it");
  say("laptop", `saved "${item.name}" as entry ${applied(result)} of the log`);
  say("phone", `shows "${event.item.name}" ${elapsed.toFixed(0)} ms later, decrypted and verified`);

  const edited = await phoneVault.put({ ...event.item, favourite: true }, event.id);
  const [back] = await Promise.all([
    until(stream, isItem(event.id, 2n)),
    until(phoneStream, isItem(event.id, 2n)),
    phoneStream.push([edited]),
  ]);
  expect(back.item.favourite, "the laptop reads what the phone wrote");
  say("laptop", `shows the phone's edit as revision ${back.rev}`);

  expect(vault.log.seq === phoneVault.log.seq, "both devices hold the same number of entries");
  expect(Buffer.compare(vault.log.chainHash, phoneVault.log.chainHash) === 0, "both devices hold the same chain");
  const stored = await first.vault.getVault({});
  vault.log.checkChain(stored.headSeq, stored.chainHash);
  const devices = vault.log.devices.map(({ enrolment }) => kpm1.Enrolment[enrolment].toUpperCase()).join(", ");
  const chain = Buffer.from(vault.log.chainHash).toString("hex").slice(0, 16);
  say("both", `hold the same ${vault.log.seq} entries (devices ${devices}), chain ${chain}…`);
  stream.close();
  phoneStream.close();
}

const timeLimit = setTimeout(() => {
  console.error("the walk did not end within two minutes");
  process.exit(1);
}, 120_000);
const clients = [new KpmClient(options.server), new KpmClient(options.server)] as const;
say("server", options.server);
try {
  await walk(...clients);
} finally {
  clearTimeout(timeLimit);
  clients.forEach((client) => client.close());
}
