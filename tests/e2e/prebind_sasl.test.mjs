// Prebind without any password of the user, towards real servers: EXTERNAL with postern's certificate in the user's name, with
// Prosody (mod_auth_ccert) and ejabberd (tls_verify), and OAUTHBEARER with a token of the site, with Prosody (mod_auth_oauthbearer).
// ejabberd has no OAUTHBEARER.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:https';
import { after, before, describe, it } from 'node:test';
import { BackEnd } from './lib/back_end.mjs';
import { BoshSession } from './lib/bosh.mjs';
import { Authority } from './lib/certs.mjs';
import { stop_all } from './lib/cleanup.mjs';
import { Ejabberd } from './lib/ejabberd.mjs';
import { leave_nothing_behind } from './lib/leave_nothing_behind.mjs';
import { start_postern } from './lib/postern.mjs';
import { Prosody } from './lib/prosody.mjs';

// Asks whose token it is: a site's own login, as mod_auth_oauthbearer calls it.
async function start_provider(tls, good) {
  const provider = createServer({ cert: readFileSync(tls.certificate), key: readFileSync(tls.key) }, (request, response) => {
    response.writeHead(request.url === `/whose/${good}` ? 200 : 404, { Connection: 'close' }).end();
  });
  await new Promise((resolve) => provider.listen(0, '127.0.0.1', resolve));
  return Object.assign(provider, { port: provider.address().port, stop: () => new Promise((resolve) => provider.close(resolve)) });
}

// [status, error or bare JID]. Whoever is let in goes on over BOSH and ends the session.
async function begin(world, fields) {
  const { status, body } = await world.site.begin(world.postern.listeners[1].port, { secure: '0', ...fields });
  if (status !== 200) return [status, body.error];
  const browser = Object.assign(new BoshSession(), { port: world.postern.port, path: '/http-bind', sid: body.sid, rid: body.rid - 1 });
  const { children } = await browser.ask({ payload: "<iq xmlns='jabber:client' type='get' id='x'><query xmlns='jabber:iq:roster'/></iq>" });
  assert.equal(children[0]?.attributes.id, 'x');
  await browser.ask({ attributes: { type: 'terminate' } });
  return [status, body.jid.split('/')[0]];
}

const start = (world, domains) => start_postern({ threads: 1, ...world.site.settings(), domains });
const as = (name, domain) => ({ how: 'certificate', user: `${name}@${domain}/site` });

describe('Prosody', () => {
  const world = { site: new BackEnd() };
  before(async () => {
    const authority = await Authority.create();
    const tls = await authority.good('postern.test', 'certs.postern.test', 'tokens.postern.test');
    world.provider = await start_provider(tls, 'good-token');
    world.server = await Prosody.start({ tls, more: `
VirtualHost "certs.postern.test"
  authentication = "ccert"
  c2s_ssl = { certificate = "${tls.certificate}", key = "${tls.key}", cafile = "${tls.trust}", capath = false,
    verify = { "peer", "client_once" }, verifyext = { lsec_ignore_purpose = false } }
VirtualHost "tokens.postern.test"
  modules_enabled = { "sasl_oauthbearer" }
  authentication = "oauthbearer"
  oauth_client_id = "postern"
  oauth_client_secret = "secret"
  oauth_url = "https://127.0.0.1:${world.provider.port}/whose/{{password}}"
` });
    const ours = await authority.xmpp_addr('alice@certs.postern.test');
    const common = { server: `127.0.0.1:${world.server.c2s_port}`, ca_file: tls.trust };
    world.postern = await start(world, [
      { name: 'certs.postern.test', ...common, client_certificate: ours.certificate, client_key: ours.key },
      { name: 'tokens.postern.test', ...common },
    ]);
  });
  after(() => stop_all(world.postern, world.server, world.provider));

  it('EXTERNAL: whom the certificate names, and nobody else', async () => {
    assert.deepEqual(await begin(world, as('alice', 'certs.postern.test')), [200, 'alice@certs.postern.test']);
    assert.deepEqual(await begin(world, as('bob', 'certs.postern.test')), [403, 'not-authorized']);
  });

  it('OAUTHBEARER: with the right token, and not without', async () => {
    const token = { how: 'token', user: 'alice@tokens.postern.test' };
    assert.deepEqual(await begin(world, { ...token, secret: 'good-token' }), [200, 'alice@tokens.postern.test']);
    assert.deepEqual(await begin(world, { ...token, secret: 'other' }), [403, 'not-authorized']);
  });
});

describe('ejabberd', () => {
  const world = { site: new BackEnd() };
  before(async () => {
    const authority = await Authority.create();
    const tls = await authority.good('postern.test');
    world.server = await Ejabberd.start({ tls, verify_clients: true });
    const ours = await authority.xmpp_addr('alice@postern.test');
    world.postern = await start(world, [{ name: 'postern.test', server: `127.0.0.1:${world.server.c2s_port}`, ca_file: tls.trust,
      client_certificate: ours.certificate, client_key: ours.key }]);
  });
  after(() => stop_all(world.postern, world.server));

  it('EXTERNAL: whom the certificate names, and nobody else', async () => {
    assert.deepEqual(await begin(world, as('alice', 'postern.test')), [200, 'alice@postern.test']);
    assert.deepEqual(await begin(world, as('bob', 'postern.test')), [403, 'not-authorized']);
  });

  it('no OAUTHBEARER', async () => {
    assert.deepEqual(await begin(world, { how: 'token', user: 'alice@postern.test', secret: 'x' }), [502, 'no-common-mechanism']);
  });
});

leave_nothing_behind();
