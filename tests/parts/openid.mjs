// Real OpenID providers for the tests: one certified oidc-provider for each kind, with the claims that the kind is documented to send.
// Prints one JSON line when ready, answers each JSON line of standard input with one, and ends when standard input closes.
//
//   {"do": "person", "sub": "…", "claims": {…}}   what the providers tell about a person
//   {"do": "rotate", "provider": "google"}        a new signing key; the former one is no longer published
//   {"do": "mode", "provider": "google", "mode": "ok" | "down" | "hang" | "redirect" | "huge" | "broken"}
//
// A login_hint in the authorization request signs that person in without a form; without one there is a form to fill in.
import { createPublicKey, generateKeyPairSync, randomBytes, verify } from 'node:crypto';
import { createServer } from 'node:http';
import { createInterface } from 'node:readline';

// Its notices would stand between our lines.
console.info = console.error;
console.warn = console.error;
const { default: Provider, interactionPolicy } = await import('oidc-provider');

const people = new Map();
const appleKey = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const applePem = appleKey.privateKey.export({ type: 'pkcs8', format: 'pem' });

function signingKeys() {
  const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey.export({ format: 'jwk' });
  const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ format: 'jwk' });
  const kid = () => randomBytes(8).toString('hex');
  return [{ ...rsa, kid: kid(), use: 'sig', alg: 'RS256' }, { ...ec, kid: kid(), use: 'sig', alg: 'ES256' }];
}

const kinds = {
  google: { claims: ['email', 'email_verified', 'name'], auth: 'client_secret_post', alg: 'RS256' },
  apple: { claims: ['email', 'email_verified', 'is_private_email'], auth: 'client_secret_post', alg: 'RS256', authTime: true },
  facebook: { claims: ['email', 'name'], auth: 'client_secret_post', alg: 'RS256' },
  other: { claims: ['email', 'email_verified', 'name'], auth: 'client_secret_basic', alg: 'ES256' },
};

function configuration(kind, keys, redirects) {
  const policy = interactionPolicy.base();
  policy.add(new interactionPolicy.Prompt({ name: 'select_account', requestable: true }));
  const { claims, auth, alg, authTime } = kinds[kind];
  return {
    jwks: { keys },
    cookies: { keys: ['only for tests'] },
    clients: [
      {
        client_id: `kpm-${kind}`, client_secret: `secret-of-${kind}`, application_type: 'native', redirect_uris: redirects,
        token_endpoint_auth_method: auth, id_token_signed_response_alg: alg, require_auth_time: authTime ?? false,
      },
      // The provider's SDK on a phone: a public client with an audience of its own.
      {
        client_id: `kpm-${kind}-mobile`, application_type: 'native', redirect_uris: ['http://127.0.0.1/sdk'],
        token_endpoint_auth_method: 'none', id_token_signed_response_alg: alg, require_auth_time: authTime ?? false,
      },
    ],
    scopes: ['openid', 'email', 'profile', 'name', 'public_profile'],
    claims: { openid: ['sub', ...claims] },
    conformIdTokenClaims: false,
    findAccount: (_, sub) => ({ accountId: sub, claims: () => ({ sub, ...people.get(sub) }) }),
    // Consent is not what is tested here.
    loadExistingGrant: async (ctx) => {
      const grant = new ctx.oidc.provider.Grant({ clientId: ctx.oidc.client.clientId, accountId: ctx.oidc.session.accountId });
      grant.addOIDCScope('openid email profile name public_profile');
      grant.addOIDCClaims(claims);
      await grant.save();
      return grant;
    },
    features: { devInteractions: { enabled: false } },
    interactions: { policy, url: (_, interaction) => `/interaction/${interaction.uid}` },
    ttl: { AccessToken: 600, AuthorizationCode: 60, Grant: 3600, IdToken: 600, Interaction: 600, Session: 3600 },
    renderError: (ctx, out) => {
      ctx.type = 'text';
      ctx.body = JSON.stringify(out);
    },
  };
}

const form = (uid) => `<!doctype html><title>Sign in at the provider</title>
<form method="post" action="/interaction/${uid}"><label>Name <input name="sub"></label> <button type="submit">Sign in</button></form>`;

async function bodyOf(request) {
  const chunks = [];
  for await (const chunk of request) {
    chunks.push(chunk);
  }
  return new URLSearchParams(Buffer.concat(chunks).toString('utf8'));
}

async function interact(provider, request, response) {
  const details = await provider.interactionDetails(request, response);
  const sub = details.params.login_hint ?? (request.method === 'POST' ? (await bodyOf(request)).get('sub') : null);
  if (!sub) {
    response.setHeader('content-type', 'text/html; charset=utf-8');
    response.end(form(details.uid));
    return;
  }
  // Every prompt of the authorization is answered at once: the person sees one form, and no two prompts take turns for ever.
  const result = { select_account: {}, consent: {}, login: { accountId: sub } };
  await provider.interactionFinished(request, response, result, { mergeWithLastSubmission: true });
}

// What Apple demands of a client secret; the provider itself only knows the fixed one.
function isAppleSecret(secret) {
  const [header, payload, signature] = (secret ?? '').split('.');
  if (!signature) {
    return false;
  }
  const read = (part) => JSON.parse(Buffer.from(part, 'base64url').toString('utf8'));
  const { alg, kid } = read(header);
  const { iss, sub, aud, iat, exp } = read(payload);
  const now = Date.now() / 1000;
  return alg === 'ES256' && kid === 'KEYID12345' && iss === 'TEAMID1234' && sub === 'kpm-apple' && aud === 'https://appleid.apple.com'
    && iat <= now + 5 && exp > now && exp - iat <= 15777000
    && verify('sha256', Buffer.from(`${header}.${payload}`), { key: createPublicKey(appleKey.publicKey.export({ type: 'spki', format: 'pem' })), dsaEncoding: 'ieee-p1363' }, Buffer.from(signature, 'base64url'));
}

const running = {};

async function start(kind, redirects) {
  const state = { mode: 'ok', tokens: 0, keys: signingKeys() };
  const server = createServer(async (request, response) => {
    try {
      if (state.mode === 'hang') {
        return;
      }
      if (state.mode === 'down') {
        request.socket.destroy();
        return;
      }
      if (state.mode === 'broken') {
        response.statusCode = 503;
        response.end('{"error":"server_error"}');
        return;
      }
      if (state.mode === 'redirect') {
        response.writeHead(302, { location: `${state.issuer}/elsewhere` });
        response.end();
        return;
      }
      if (state.mode === 'huge') {
        response.setHeader('content-type', 'application/json');
        response.end(`{"issuer":"${'x'.repeat(1024 * 1024)}"}`);
        return;
      }
      if (request.url.startsWith('/interaction/')) {
        await interact(state.provider, request, response);
        return;
      }
      if (request.url === '/token') {
        state.tokens++;
        if (kind === 'apple') {
          const body = await bodyOf(request);
          if (body.has('client_secret')) {
            body.set('client_secret', isAppleSecret(body.get('client_secret')) ? 'secret-of-apple' : 'wrong');
          }
          request.body = Object.fromEntries(body);
        }
      }
      state.handle(request, response);
    } catch (error) {
      response.statusCode = 500;
      response.end(String(error?.stack ?? error));
    }
  });
  await new Promise((done) => server.listen(0, '127.0.0.1', done));
  state.issuer = `http://127.0.0.1:${server.address().port}`;
  state.renew = () => {
    state.provider = new Provider(state.issuer, configuration(kind, state.keys, redirects));
    state.handle = state.provider.callback();
  };
  state.renew();
  running[kind] = state;
}

const describe = () => Object.fromEntries(Object.entries(running).map(([kind, { issuer, keys }]) => [kind, { issuer, keys }]));

const relay = process.argv[2];
for (const kind of Object.keys(kinds)) {
  await start(kind, ['http://127.0.0.1/callback', 'http://[::1]/callback', ...(relay ? [relay] : [])]);
}
console.log(JSON.stringify({ providers: describe(), applePem }));

const commands = {
  person: ({ sub, claims }) => { people.set(sub, claims); return {}; },
  rotate: ({ provider }) => { const state = running[provider]; state.keys = signingKeys(); state.renew(); return { keys: state.keys }; },
  mode: ({ provider, mode }) => { running[provider].mode = mode; return {}; },
  tokens: ({ provider }) => ({ tokens: running[provider].tokens }),
};
createInterface({ input: process.stdin }).on('line', (line) => {
  const command = JSON.parse(line);
  console.log(JSON.stringify(commands[command.do](command)));
}).on('close', () => process.exit(0));
