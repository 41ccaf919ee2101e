// A real SMTP server for the tests: takes mails with smtp-server, reads them with mailparser, and prints each as one JSON line after a first
// line that tells its port. Ends when standard input ends.
//
//   node smtp.mjs [--certificate FILE --key FILE] [--user NAME --password PASSWORD]
//
// With a certificate it offers STARTTLS and takes nothing without it; with a user it takes nothing without logging in.
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { simpleParser } from 'mailparser';
import { SMTPServer } from 'smtp-server';

const { values: options } = parseArgs({
  options: { certificate: { type: 'string' }, key: { type: 'string' }, user: { type: 'string' }, password: { type: 'string' } },
});
const tls = options.certificate !== undefined;

const server = new SMTPServer({
  name: 'mail.test',
  ...(tls ? { cert: readFileSync(options.certificate), key: readFileSync(options.key) } : { hideSTARTTLS: true }),
  authOptional: options.user === undefined,
  disabledCommands: options.user === undefined ? ['AUTH'] : [],
  onAuth: ({ username, password }, session, done) =>
    username === options.user && password === options.password ? done(null, { user: username }) : done(new Error('wrong credentials')),
  onMailFrom: (address, session, done) => done(tls && !session.secure ? Object.assign(new Error('STARTTLS first'), { responseCode: 530 }) : null),
  onData: (stream, session, done) => {
    const chunks = [];
    stream.on('data', (chunk) => chunks.push(chunk));
    stream.on('end', () => take(Buffer.concat(chunks), session).then(() => done(), done));
  },
});
server.on('error', (e) => console.error(String(e)));
server.listen(0, '127.0.0.1', () => console.log(JSON.stringify({ port: server.server.address().port })));
process.stdin.on('end', () => server.close(() => process.exit(0))).resume();

async function take(raw, session) {
  const mail = await simpleParser(raw);
  console.log(JSON.stringify({
    envelopeFrom: session.envelope.mailFrom.address,
    envelopeTo: session.envelope.rcptTo.map((r) => r.address),
    secure: session.secure,
    user: session.user ?? null,
    utf8: session.envelope.smtpUtf8 === true,
    from: mail.from.text,
    to: mail.to.text,
    subject: mail.subject,
    date: mail.date.toISOString(),
    messageId: mail.messageId,
    headers: Object.fromEntries(mail.headerLines.map((h) => [h.key, h.line.slice(h.line.indexOf(':') + 1).trim()])),
    text: mail.text,
    html: mail.html,
    attachments: mail.attachments.length,
    raw: raw.toString('latin1'),
  }));
}
