// An OpenID Connect provider on loopback for the tests: signs in whoever is asked for, without questions, and can be told to
// give tokens that must not be believed.
//
//   node oidc.mjs CLIENT_ID CLIENT_SECRET REDIRECT_URI
//
// prints its issuer. `GET /fault?name=NAME` has it spoil ID tokens from then on, `GET /rotate` has it sign with a new key.

import { createHash, randomUUID } from 'node:crypto';
import { createServer } from 'node:http';
import { SignJWT, UnsecuredJWT, exportJWK, exportSPKI, generateKeyPair } from 'jose';
import Provider from 'oidc-provider';

const [clientId, clientSecret, redirectUri] = process.argv.slice(2);

const ACCOUNTS = {
  jane: { email: 'jane@example.com', email_verified: true, groups: ['sre', 'support'] },
  john: { email: 'john@example.com', email_verified: true, groups: [] },
  mallory: { email: 'mallory@evil.example', email_verified: true, groups: ['sre'] },
  trudy: { email: 'trudy@example.com', email_verified: false, groups: ['sre'] },
};

const account = (id) => ({ accountId: id, claims: async () => ({ sub: id, preferred_username: id, ...ACCOUNTS[id] }) });

async function key(kid) {
  const pair = await generateKeyPair('RS256', { extractable: true });
  return { ...pair, kid, jwk: { ...(await exportJWK(pair.privateKey)), kid, alg: 'RS256', use: 'sig' } };
}

let fault = '';
let signing = await key('first');
const stranger = await key('first');
const server = createServer();
await new Promise((listening) => server.listen(0, '127.0.0.1', listening));
const issuer = `http://127.0.0.1:${server.address().port}`;

function make() {
  const provider = new Provider(issuer, {
    clients: [{ client_id: clientId, client_secret: clientSecret, redirect_uris: [redirectUri], grant_types: ['authorization_code'] }],
    jwks: { keys: [signing.jwk] },
    claims: { openid: ['sub'], email: ['email', 'email_verified'], profile: ['preferred_username'], groups: ['groups'] },
    findAccount: async (_, id) => (ACCOUNTS[id] ? account(id) : undefined),
    features: { devInteractions: { enabled: false } },
    interactions: { url: (_, interaction) => `/interaction/${interaction.uid}` },
    pkce: { required: () => true, methods: ['S256'] },
    cookies: { keys: [randomUUID()] },
  });
  provider.use(async (ctx, next) => {
    await next();
    if (ctx.oidc?.route === 'token' && ctx.body?.id_token && fault) ctx.body.id_token = await spoilt(ctx.body);
  });
  return provider;
}

let provider = make();

/** The same token, but for one thing that makes it unbelievable. */
async function spoilt(answer) {
  const claims = JSON.parse(Buffer.from(answer.id_token.split('.')[1], 'base64url'));
  const changes = {
    nonce: { nonce: 'another' },
    'no-nonce': { nonce: undefined },
    audience: { aud: 'another' },
    issuer: { iss: 'http://127.0.0.1:1' },
    expired: { exp: claims.iat - 3600, iat: claims.iat - 7200 },
    'access-token': { at_hash: createHash('sha256').update('another').digest().subarray(0, 16).toString('base64url') },
    subject: { sub: 'john' },
  };
  const changed = { ...claims, ...changes[fault] };
  switch (fault) {
    case 'unsigned':
      return new UnsecuredJWT(changed).encode();
    case 'stranger':
      return new SignJWT(changed).setProtectedHeader({ alg: 'RS256', kid: 'first' }).sign(stranger.privateKey);
    case 'public-key-as-secret': {
      const secret = new TextEncoder().encode(await exportSPKI(signing.publicKey));
      return new SignJWT(changed).setProtectedHeader({ alg: 'HS256' }).sign(secret);
    }
    default:
      return new SignJWT(changed).setProtectedHeader({ alg: 'RS256', kid: signing.kid }).sign(signing.privateKey);
  }
}

/** Signs in whoever `?account=` names, and gives the client what it asks for. */
async function interact(request, response) {
  const { prompt, params, session, grantId } = await provider.interactionDetails(request, response);
  const wanted = new URL(request.url, issuer).searchParams.get('account') ?? 'jane';
  if (wanted === 'nobody') {
    const refusal = { error: 'access_denied', error_description: 'nobody signed in' };
    return provider.interactionFinished(request, response, refusal, { mergeWithLastSubmission: false });
  }
  if (prompt.name === 'login') {
    return provider.interactionFinished(request, response, { login: { accountId: wanted } }, { mergeWithLastSubmission: false });
  }
  const grant = grantId ? await provider.Grant.find(grantId) : new provider.Grant({ accountId: session.accountId, clientId: params.client_id });
  grant.addOIDCScope(params.scope);
  const consent = { grantId: await grant.save() };
  return provider.interactionFinished(request, response, { consent }, { mergeWithLastSubmission: true });
}

server.on('request', async (request, response) => {
  const url = new URL(request.url, issuer);
  if (url.pathname.startsWith('/interaction/')) {
    await interact(request, response).catch((error) => response.writeHead(500).end(String(error)));
  } else if (url.pathname === '/fault') {
    fault = url.searchParams.get('name') ?? '';
    response.end('ok');
  } else if (url.pathname === '/rotate') {
    signing = await key(randomUUID());
    provider = make();
    response.end('ok');
  } else {
    provider.callback()(request, response);
  }
});
console.log(issuer);
