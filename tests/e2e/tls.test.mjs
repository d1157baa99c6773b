// TLS on both sides: to the server by STARTTLS and directly, with certificates good and bad in every way that U-013 tells apart;
// to the browser with HTTPS.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createServer as create_tls_server } from 'node:tls';
import { after, before, describe, it } from 'node:test';
import { BoshSession, log_in } from './lib/bosh.mjs';
import { Authority } from './lib/certs.mjs';
import { stop_all } from './lib/cleanup.mjs';
import { FakeServer, features, FakeStream, header, mechanisms, starttls_feature } from './lib/fake_server.mjs';
import { leave_nothing_behind } from './lib/leave_nothing_behind.mjs';
import { start_postern } from './lib/postern.mjs';
import { assert_terminated, message } from './lib/probe.mjs';
import { exchange, HttpConnection, post, request } from './lib/raw_http.mjs';
import { servers } from './lib/servers.mjs';
import { find, ns } from './lib/xml.mjs';

let authority;
const get_authority = async () => (authority ??= await Authority.create());

// One session through a gateway of its own, up to its creation answer.
async function creation_answer(domain) {
  const postern = await start_postern({ threads: 1, domains: [{ name: 'postern.test', ...domain }] });
  let body;
  try {
    body = (await BoshSession.create(postern.port)).created;
  } finally {
    await postern.stop();
  }
  return { body, log: postern.log };
}

for (const kind of servers) {
  describe(`to ${kind.server_name}`, () => {
    const world = {};
    const modes = () => [['starttls', world.server.c2s_port], ['direct', world.server.direct_tls_port]];

    before(async () => {
      const ca = await get_authority();
      world.good = await ca.good('postern.test', 'rooms.postern.test');
      world.server = await kind.start({ tls: world.good });
    });
    after(() => world.server?.stop());

    it('a good certificate: both ways to log in', async () => {
      for (const [tls, port] of modes()) {
        const postern = await start_postern({ threads: 1,
          domains: [{ name: 'postern.test', server: `127.0.0.1:${port}`, tls, ca_file: world.good.trust }] });
        const session = await BoshSession.create(postern.port);
        assert.equal(session.created.type, undefined, `${tls}: ${session.created.xml}`);
        await log_in(session, 'alice', world.server.password('alice'), `tls-${tls}`);
        await session.ask({ attributes: { type: 'terminate' } });
        await postern.stop();
      }
    });

    it('an authority that nobody trusts', async () => {
      for (const [tls, port] of modes()) {
        const { body, log } = await creation_answer({ server: `127.0.0.1:${port}`, tls });
        assert_terminated(body, 'remote-connection-failed');
        assert.match(log, /certificate/i, 'the operator is told why');
      }
    });

    for (const [what, make] of [['expired', 'expired'], ['wrong-name', 'wrong_name'], ['self-signed', 'self_signed']]) {
      it(`a certificate that is ${what} is refused`, async () => {
        const server = await kind.start({ tls: await authority[make]('postern.test') });
        for (const [tls, port] of [['starttls', server.c2s_port], ['direct', server.direct_tls_port]]) {
          const { body, log } = await creation_answer({ server: `127.0.0.1:${port}`, tls, ca_file: world.good.trust });
          assert_terminated(body, 'remote-connection-failed');
          assert.match(log, /certificate/i, 'the operator is told why');
        }
        await server.stop();
      });
    }
  });
}

// Certificates that the real servers would not take, or whose fine points they have no part in: a scripted TLS server.
describe('names in certificates (U-013, E-47)', () => {
  let tls_server, port, leaf;
  const hellos = [];

  before(async () => {
    await get_authority();
    tls_server = create_tls_server({
      ALPNProtocols: ['xmpp-client'],
      SNICallback: (name, done) => {
        hellos.push(name);
        done(null);
      },
    }, (socket) => {
      hellos.push(socket.alpnProtocol);
      new FakeStream(socket, { on_header: (stream) => stream.send(header() + features(mechanisms)) });
    });
    tls_server.on('tlsClientError', () => {});
    await new Promise((resolve) => tls_server.listen(0, '127.0.0.1', resolve));
    port = tls_server.address().port;
  });
  after(() => tls_server?.close());

  async function verdict(certificate, { name = 'postern.test', ...domain } = {}) {
    leaf = certificate;
    tls_server.setSecureContext({ key: readFileSync(leaf.key), cert: readFileSync(leaf.certificate) });
    const postern = await start_postern({ threads: 1,
      domains: [{ name, server: `127.0.0.1:${port}`, tls: 'direct', ca_file: authority.certificate, ...domain }] });
    try {
      const { created } = await BoshSession.create(postern.port, { attributes: { to: name } });
      if (created.type) assert_terminated(created, 'remote-connection-failed');
      return created.type ? 'refused' : 'accepted';
    } finally {
      await postern.stop();
    }
  }

  it('SNI and ALPN are sent (U-003)', async () => {
    hellos.length = 0;
    assert.equal(await verdict(await authority.good('postern.test')), 'accepted');
    assert.deepEqual(hellos, ['postern.test', 'xmpp-client']);
  });

  it('DNS, SRV and XMPP names, in any case', async () => {
    assert.equal(await verdict(await authority.good('POSTERN.Test')), 'accepted');
    assert.equal(await verdict(await authority.srv_name('postern.test')), 'accepted');
    assert.equal(await verdict(await authority.xmpp_addr('postern.test')), 'accepted');
    assert.equal(await verdict(await authority.srv_name('other.test')), 'refused');
    assert.equal(await verdict(await authority.xmpp_addr('other.test')), 'refused');
  });

  it('a wildcard stands for exactly one whole label', async () => {
    const wildcard = await authority.wildcard('postern.test');
    assert.equal(await verdict(wildcard, { name: 'chat.postern.test' }), 'accepted');
    assert.equal(await verdict(wildcard, { name: 'postern.test' }), 'refused');
    assert.equal(await verdict(wildcard, { name: 'a.b.postern.test' }), 'refused');
    assert.equal(await verdict(await authority.issue('x', 'DNS:ch*.postern.test'), { name: 'chat.postern.test' }), 'refused');
    assert.equal(await verdict(await authority.issue('x', 'DNS:*'), { name: 'postern.test' }), 'refused');
  });

  it('an internationalised domain is checked by its A-labels', async () => {
    const punycode = await authority.good('xn--mnchen-3ya.test');
    assert.equal(await verdict(punycode, { name: 'münchen.test' }), 'accepted');
    assert.equal(await verdict(await authority.good('postern.test'), { name: 'münchen.test' }), 'refused');
  });

  it('the server address is not a name; a common name is none either, unless allowed', async () => {
    assert.equal(await verdict(await authority.issue('localhost', 'DNS:localhost, IP:127.0.0.1')), 'refused');
    const only_common = await authority.issue('postern.test', '');
    assert.equal(await verdict(only_common), 'refused');
    assert.equal(await verdict(only_common, { allow_common_name: true }), 'accepted');
  });

  it('time: expired and not yet valid', async () => {
    assert.equal(await verdict(await authority.expired('postern.test')), 'refused');
    assert.equal(await verdict(await authority.not_yet_valid('postern.test')), 'refused');
  });

  it('an expected name replaces the domain; a self-signed one is fine as its own authority (U-014)', async () => {
    assert.equal(await verdict(await authority.good('inside.test'), { expected_name: 'inside.test' }), 'accepted');
    assert.equal(await verdict(await authority.good('postern.test'), { expected_name: 'inside.test' }), 'refused');
    const own = await authority.self_signed('postern.test');
    assert.equal(await verdict(own), 'refused');
    assert.equal(await verdict(own, { ca_file: own.certificate }), 'accepted');
  });

  it('TLS 1.1 is not spoken (U-014)', async () => {
    const old = create_tls_server({ minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'ALL:@SECLEVEL=0',
      key: readFileSync(leaf.key), cert: readFileSync(leaf.certificate) }, () => {});
    old.on('tlsClientError', () => {});
    await new Promise((resolve) => old.listen(0, '127.0.0.1', resolve));
    const { body } = await creation_answer({ server: `127.0.0.1:${old.address().port}`, tls: 'direct', check_certificate: false });
    assert_terminated(body, 'remote-connection-failed');
    old.close();
  });
});

describe('STARTTLS, scripted', () => {
  let good;
  before(async () => (good = await (await get_authority()).good('postern.test')));

  // A STARTTLS server with this certificate; `before_tls` is what it offers in the clear.
  async function with_server(before_tls, act, domain = {}) {
    const server = await FakeServer.start({
      on_header: (stream) => stream.send(header() + features(stream.plain_socket ? mechanisms : before_tls)),
      on_element: (stream, { name }) => {
        if (name !== 'starttls') return false;
        stream.send(`<proceed xmlns='${ns.tls}'/>`);
        stream.start_tls(good);
        return true;
      },
    });
    const postern = await start_postern({ threads: 1, domains: [{ name: 'postern.test', server: `127.0.0.1:${server.port}`,
      ca_file: good.trust, ...domain }] });
    try {
      await act(postern, server);
    } finally {
      await postern.stop();
      await server.stop();
    }
  }

  it('works, names the claimed user only when encrypted (U-010), and gives the id of the encrypted stream (E-49)', async () => {
    await with_server(starttls_feature, async (postern, server) => {
      const session = await BoshSession.create(postern.port, { attributes: { from: 'alice@postern.test' } });
      assert.equal(find(session.created.root, 'mechanism').text, 'PLAIN');
      const stream = await server.accept();
      assert.equal(stream.headers.length, 2);
      assert.doesNotMatch(stream.headers[0], /alice/);
      assert.match(stream.headers[1], /from=['"]alice@postern\.test['"]/);
      assert.equal(session.created.attributes.authid, stream.ids[1]);
      await session.ask({ attributes: { type: 'terminate' } });
    });
  });

  it('E-48 stripped: refused, and nothing of the client was said in the clear', async () => {
    await with_server(mechanisms, async (postern, server) => {
      const session = await BoshSession.create(postern.port, { payload: message('secret'), attributes: { from: 'alice@postern.test' } });
      assert_terminated(session.created, 'remote-connection-failed');
      const stream = await server.accept();
      await stream.closed;
      assert.doesNotMatch(stream.raw, /secret|alice/);
    });
  });
});

describe('HTTPS to the listener', () => {
  const world = {};
  before(async () => {
    await get_authority();
    world.certificate = await authority.good('localhost', 'postern.test');
    world.server = await FakeServer.start();
    world.postern = await start_postern({ threads: 1,
      listen: [{ address: '127.0.0.1:0', certificate: world.certificate.certificate, key: world.certificate.key }, { address: '127.0.0.1:0' }],
      domains: [{ name: 'postern.test', server: `127.0.0.1:${world.server.port}`, tls: 'none' }],
      limits: { handshake_timeout: 1 } });
    [world.secure, world.plain] = world.postern.listeners;
    world.client = { ca: readFileSync(world.certificate.trust), servername: 'localhost' };
  });
  after(() => stop_all(world.postern, world.server));

  it('a whole session over HTTPS', async () => {
    assert.match(world.secure.origin, /^https:/);
    const session = await BoshSession.create(world.secure.port, { tls: world.client });
    const stream = await world.server.accept();
    await session.send({ payload: message('encrypted') });
    assert.match(await stream.element(), /encrypted/);
  });

  it('TLS 1.2 and 1.3, nothing older', async () => {
    for (const version of ['TLSv1.2', 'TLSv1.3']) {
      const answer = await exchange(world.secure.port, request('GET', '/http-bind'),
        { connection: { tls: { ...world.client, minVersion: version, maxVersion: version } } });
      assert.match(answer.text, /https/);
    }
    await assert.rejects(HttpConnection.open(world.secure.port,
      { tls: { ...world.client, minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'ALL:@SECLEVEL=0' } }));
  });

  it('B-200 a session made over HTTPS is not reachable in the clear, and survives the attempt', async () => {
    const session = await BoshSession.create(world.secure.port, { tls: world.client });
    const stream = await world.server.accept();
    const clear = await HttpConnection.open(world.plain.port);
    clear.write(post('/http-bind', session.text({}, message('stolen'), session.rid + 1)));
    await clear.read_to_end();
    clear.destroy();
    await session.send({ payload: message('mine') });
    assert.match(await stream.element(), /mine/);
    assert.doesNotMatch(stream.raw, /stolen/);
  });

  it('plain HTTP and garbage on the TLS port end quickly; a handshake that stalls too', async () => {
    for (const bytes of [request('GET', '/'), Buffer.alloc(3000, 0xff), Buffer.from([0x16, 0x03, 0x01])]) {
      const connection = await HttpConnection.open(world.secure.port);
      connection.write(bytes);
      await connection.read_to_end(4000);
      connection.destroy();
    }
  });

  it('a new certificate is taken at SIGHUP; open connections stay', async () => {
    const open = await HttpConnection.open(world.secure.port, { tls: world.client });
    const fresh = await authority.good('localhost');
    const loaded = world.postern.child.line(/configuration loaded anew/);
    await world.postern.reload({ server: { log_level: 'debug', threads: 1 },
      listen: [{ address: '127.0.0.1:0', certificate: fresh.certificate, key: fresh.key }, { address: '127.0.0.1:0' }],
      domains: [{ name: 'postern.test', server: `127.0.0.1:${world.server.port}`, tls: 'none' }], limits: { handshake_timeout: 1 } });
    await loaded;
    const next = await HttpConnection.open(world.secure.port, { tls: world.client });
    assert.equal(next.socket.getPeerCertificate().serialNumber === open.socket.getPeerCertificate().serialNumber, false);
    open.write(request('GET', '/http-bind'));
    assert.equal((await open.read_answer()).status, 200);
    open.destroy();
    next.destroy();
  });
});

leave_nothing_behind();
