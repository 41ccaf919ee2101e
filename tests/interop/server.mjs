// Starts the real server for a test: a free port, a folder of its own.
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** The project's root folder. */
export const root = fileURLToPath(new URL("../../", import.meta.url));

const configuration = process.env.KPM_TEST_CONFIGURATION ?? "Release";
const program = join(root, "src/Kpm.Server/bin", configuration, "net10.0/Kpm.Server.dll");

/**
 * Starts a server and waits until it listens.
 *
 * @returns {Promise<{ address: string, data: string, mail: string, stop: () => Promise<void> }>}
 */
export async function startServer() {
  const data = await mkdtemp(join(tmpdir(), "kpm-interop-"));
  const child = spawn("dotnet", [program, "--data", data, "--listen", "127.0.0.1:0", "--reflection", "true"], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  const exited = new Promise((resolve) => child.once("exit", resolve));
  const stop = async () => {
    child.kill("SIGTERM");
    await exited;
    await rm(data, { recursive: true, force: true });
  };
  let output = "";
  const address = await new Promise((resolve, reject) => {
    const give = (error) => reject(new Error(`${error}:\n${output}`));
    const timer = setTimeout(() => give("the server did not start within 60 seconds"), 60_000);
    const read = (chunk) => {
      output += chunk;
      const listening = /listens at (http:\/\/[^\s,]+)/.exec(output);
      if (listening) {
        clearTimeout(timer);
        resolve(listening[1]);
      }
    };
    child.stdout.setEncoding("utf8").on("data", read);
    child.stderr.setEncoding("utf8").on("data", read);
    child.once("error", give);
    child.once("exit", (code) => give(`the server ended with ${code}`));
  }).catch(async (error) => {
    await stop();
    throw error;
  });
  return { address, data, mail: join(data, "mail"), stop };
}

/** Installs what the TypeScript client needs, if that is not there yet, and compiles it. */
export async function buildTypeScript() {
  const cwd = join(root, "clients/typescript");
  const steps = [["run", "--silent", "build"]];
  if (!existsSync(join(cwd, "node_modules"))) {
    steps.unshift(["ci", "--no-audit", "--no-fund", "--loglevel=error"]);
  }
  for (const step of steps) {
    const { code, output } = await run("npm", step, { cwd });
    if (code !== 0) {
      throw new Error(`npm ${step.join(" ")} failed:\n${output}`);
    }
  }
}

/**
 * Runs a program to its end.
 *
 * @param {{ cwd?: string, env?: object, input?: Uint8Array }} [options] the folder it runs in, what it has in its
 *   environment beside this process's, and what it reads from standard input
 * @returns {Promise<{ code: number | null, output: string }>} its exit code and what it printed
 */
export async function run(command, args, { cwd, env, input } = {}) {
  const child = spawn(command, args, { cwd, env: { ...process.env, ...env }, stdio: ["pipe", "pipe", "pipe"] });
  child.stdin.end(input);
  let output = "";
  child.stdout.setEncoding("utf8").on("data", (chunk) => (output += chunk));
  child.stderr.setEncoding("utf8").on("data", (chunk) => (output += chunk));
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code) => resolve({ code, output }));
  });
}

/** The TypeScript client as it was compiled, with the few things of protobuf that the tests need. */
export async function typeScript() {
  const compiled = (path) => import(join(root, "clients/typescript/dist", path));
  const [sdk, items, mail, protobuf] = await Promise.all([
    compiled("src/index.js"),
    compiled("src/gen/kpm/item/v1/item_pb.js"),
    compiled("example/mail.js"),
    import(join(root, "clients/typescript/node_modules/@bufbuild/protobuf/dist/esm/index.js")),
  ]);
  return { ...sdk, ...items, ...mail, create: protobuf.create };
}

/** A client with an activated account, and its device. */
export async function register(server, { KpmClient, Device, activationCode }, email, password) {
  const client = new KpmClient(server.address);
  const device = await Device.create({ name: "TypeScript" });
  const offer = await client.accounts.getSignInOptions({ locale: "en-GB" });
  const { outcome } = await client.accounts.createAccount({
    email, password, passwordConfirmation: password, region: "GB", language: "en",
    consentVersion: offer.marketingConsent.version, device: device.info(),
  });
  client.connect(outcome.value);
  await client.verification.activateAccount({ proof: { case: "code", value: await activationCode(server.mail, email) } });
  return { client, device };
}
