// The README's walk with the kpm command: create, activate with the mail, a second device watches, an item appears there.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { mkdtemp, readFile, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { configuration, root, run, startServer } from "./server.mjs";

const kpm = join(root, "clients/cli/Kpm.Cli/bin", configuration, "net10.0/kpm.dll");
const email = `ada-${randomUUID()}@example.com`;
const account = "Correct-Horse-7";
const main = "mauve tractor sings 9 arias";

let server;
let folder;

before(async () => {
  server = await startServer();
  folder = await mkdtemp(join(tmpdir(), "kpm-walk-"));
});

after(async () => {
  await server?.stop();
  await rm(folder, { recursive: true, force: true });
});

const environment = (device) => ({ ...process.env, KPM_DATA: join(folder, device), KPM_SERVER: server.address });

/** Runs kpm on a device; each secret is a line of standard input. */
async function on(device, args, ...secrets) {
  const input = Buffer.from(secrets.map((secret) => `${secret}\n`).join(""));
  const { code, output } = await run("dotnet", [kpm, ...args], { env: environment(device), input });
  assert.equal(code, 0, `kpm ${args.join(" ")}: ${output}`);
  return output;
}

/** Starts `kpm watch` on a device and waits until it has said that it watches. */
async function watch(device) {
  const child = spawn("dotnet", [kpm, "watch"], { env: environment(device), stdio: ["pipe", "pipe", "pipe"] });
  const ended = new Promise((resolve) => child.once("close", resolve));
  let output = "";
  const waiting = [];
  const read = (chunk) => {
    output += chunk;
    waiting.forEach((look) => look());
  };
  child.stdout.setEncoding("utf8").on("data", read);
  child.stderr.setEncoding("utf8").on("data", read);
  child.stdin.end(`${main}\n`);
  const shown = (pattern) =>
    new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`${pattern} did not come:\n${output}`)), 60_000);
      const look = () => {
        if (pattern.test(output)) {
          clearTimeout(timer);
          resolve(Date.now());
        }
      };
      waiting.push(look);
      look();
    });
  await shown(/^Watching as /m);
  return { shown, stop: async () => (child.kill("SIGINT"), ended) };
}

/** The code of the one activation mail, as a person reads it. */
async function mailedCode() {
  const [mail] = await readdir(server.mail);
  return /^ {4}(\d{6})$/m.exec((await readFile(join(server.mail, mail), "utf8")).replaceAll("\r", ""))[1];
}

test("the walk-through of the README", { timeout: 300_000 }, async () => {
  await on("first", ["create-account", "--email", email, "--region", "AT", "--language", "en"], account, main);
  await on("first", ["activate"], await mailedCode());
  await on("second", ["sign-in", "--email", email], account, main);
  const watching = await watch("second");

  await on("first", ["add", "login", "My Bank", "--username", "ada", "--url", "https://bank.example"], main, "s3cr3t-Zebra");
  await watching.shown(/My Bank/);
  assert.equal(await watching.stop(), 0);

  assert.match(await on("second", ["list"], main), /My Bank/);
  const hidden = await on("second", ["show", "My Bank"], main);
  assert.match(hidden, /https:\/\/bank\.example/);
  assert.doesNotMatch(hidden, /s3cr3t-Zebra/);
  const revealed = JSON.parse(await on("second", ["show", "My Bank", "--reveal", "--json"], main));
  assert.equal(revealed.fields.password, "s3cr3t-Zebra");

  await on("second", ["edit", "My Bank", "--name", "Our Bank"], main);
  assert.match(await on("first", ["list"], main), /Our Bank/);
  await on("first", ["remove", "Our Bank"], main);
  assert.doesNotMatch(await on("second", ["list"], main), /Bank/);
});

test("no file of the server or of a device holds the item in plain text", async () => {
  for (const place of [server.data, folder]) {
    const files = (await readdir(place, { recursive: true, withFileTypes: true })).filter((entry) => entry.isFile());
    assert.ok(files.length > 0);
    for (const file of files) {
      const content = await readFile(join(file.parentPath ?? file.path, file.name));
      for (const secret of ["My Bank", "Our Bank", "bank.example", "s3cr3t-Zebra", main, account]) {
        assert.equal(content.includes(secret), false, `${file.name} holds "${secret}"`);
      }
    }
  }
});

test("an edit without a server is kept and sent later", { timeout: 300_000 }, async () => {
  await server.halt();
  await on("first", ["add", "note", "Written on a plane"], main);
  assert.match(await on("first", ["list"], main), /Written on a plane/);

  server = await startServer(server);
  await on("first", ["sync"], main);
  assert.match(await on("second", ["list"], main), /Written on a plane/);
});

test("a wrong main password opens nothing and says so in one line", async () => {
  const { code, output } = await run("dotnet", [kpm, "list"], { env: environment("first"), input: Buffer.from("not the password\n") });
  assert.equal(code, 3, output);
  assert.equal(output.trim().split("\n").length, 1, output);
});
