// Reads the activation mail from the server's mail folder, as a person would read it in a mail program.
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";

/** Waits for the mail to an address and gives the six digits of its text. */
export async function activationCode(folder: string, address: string): Promise<string> {
  for (let tries = 0; tries < 300; tries++) {
    for (const name of (await readdir(folder)).filter((file) => file.endsWith(".eml"))) {
      const mail = part(await readFile(join(folder, name), "latin1"));
      if (mail.header("to").includes(address)) {
        const code = /(?<![\w-])\d{6}(?![\w-])/.exec(plainText(mail))?.[0];
        if (!code) {
          throw new Error(`the mail ${name} has no code`);
        }
        return code;
      }
    }
    await delay(100);
  }
  throw new Error(`no mail to ${address} in ${folder} for 30 seconds`);
}

interface Part {
  header(name: string): string;
  readonly body: string;
}

function part(source: string): Part {
  const [head = "", ...rest] = source.split(/\r?\n\r?\n/);
  const fields = head.replace(/\r?\n[ \t]+/g, " ").split(/\r?\n/);
  return {
    header: (name) => fields.find((field) => field.toLowerCase().startsWith(`${name}:`))?.slice(name.length + 1).trim() ?? "",
    body: rest.join("\n\n"),
  };
}

function plainText(mail: Part): string {
  const type = mail.header("content-type");
  const boundary = /boundary="?([^";]+)"?/i.exec(type)?.[1];
  if (boundary) {
    return mail.body.split(`--${boundary}`).slice(1).map((piece) => plainText(part(piece.replace(/^\r?\n/, "")))).join("");
  }
  if (!/^text\/plain/i.test(type)) {
    return "";
  }
  switch (mail.header("content-transfer-encoding").toLowerCase()) {
    case "base64":
      return Buffer.from(mail.body, "base64").toString("utf8");
    case "quoted-printable":
      return mail.body.replace(/=\r?\n/g, "").replace(/=([0-9A-F]{2})/gi, (_, hex: string) => String.fromCharCode(parseInt(hex, 16)));
    default:
      return mail.body;
  }
}
