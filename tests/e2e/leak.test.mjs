// Many sessions, begun by every door and ended in many ways, one batch after the other: what they took is given back. The first batches let
// pools, tables and the allocator reach their size; after that memory may not grow with the number of sessions. Under ASan the
// figure means nothing, and LeakSanitizer looks at the end instead. POSTERN_LEAK_SESSIONS=100000 makes it long (with the release
// build: POSTERN_BINARY); then its second half may not grow: in the first the ends that pages still tell pile up.
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { Agent } from 'node:http';
import { connect as tls_connect } from 'node:tls';
import { after, before, describe, it } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { BackEnd } from './lib/back_end.mjs';
import { body_text, BoshSession, log_in } from './lib/bosh.mjs';
import { Authority } from './lib/certs.mjs';
import { stop_all } from './lib/cleanup.mjs';
import { answer_client, bind_feature, FakeServer, features, header, mechanisms, starttls_feature } from './lib/fake_server.mjs';
import { leave_nothing_behind } from './lib/leave_nothing_behind.mjs';
import { PollClient } from './lib/poll.mjs';
import { free_port } from './lib/ports.mjs';
import { Bench, message } from './lib/probe.mjs';
import { start_postern } from './lib/postern.mjs';
import { asking, leaving, PushReader, token_of } from './lib/push_reader.mjs';
import { exchange, post, request } from './lib/raw_http.mjs';
import { deadline, until } from './lib/wait.mjs';
import { exchange_page, log_in_by_form } from './lib/web_tab.mjs';
import { close_element, open_element, WebSocketClient } from './lib/websocket.mjs';
import { WebSocketSession } from './lib/websocket_session.mjs';
import { ns } from './lib/xml.mjs';

const total = Number(process.env.POSTERN_LEAK_SESSIONS ?? 1280);
const long = total >= 10_000;
const batches = long ? 20 : 4;
const epilogue = 130_000; // pages say for two minutes why their session has ended, and keep it so long
const at_once = 24;

describe(`${total} sessions`, () => {
  const bench = new Bench();
  // Limits that would be in everybody's way: few strangers for a short time; little memory for all. And what cannot be beside push streams.
  const hasty = new Bench();
  const narrow = new Bench();
  const poor = new Bench();
  const other = new Bench();
  const site = new BackEnd();
  let server, tls, encrypted, ports;

  // It speaks XEP-0198, and does what a message asks for; in some domains it fails by itself.
  const ends = {
    'be gone': ({ plain_socket, socket }) => (plain_socket ?? socket).resetAndDestroy(),
    'be off': (stream) => stream.send('</stream:stream>').end(),
    'be angry': (stream) => stream.send(`<stream:error><conflict xmlns='${ns.stream_errors}'/></stream:error></stream:stream>`).end(),
    'be mad': (stream) => stream.send('<message></presence>'),
    'be long': (stream) => {
      stream.send('<message><body>soon</body></message>');
      setTimeout(() => stream.send(`<message><body>${'x'.repeat(300_000)}</body></message>`), 100);
    },
    'be endless': (stream) => stream.send(`<message><body>${'x'.repeat(3_000_000)}`),
  };
  const managed = {
    enable: (xml, stream) => {
      stream.handled = 0;
      return `<enabled xmlns='${ns.sm}' id='kept' resume='true'/>`;
    },
    resume: (xml) => (xml.includes('kept') ? `<resumed xmlns='${ns.sm}' previd='kept' h='0'/>` : `<failed xmlns='${ns.sm}'/>`),
    r: (xml, stream) => (stream.domain === 'deaf.test' ? '' : `<a xmlns='${ns.sm}' h='${stream.handled ?? 0}'/>`),
  };
  const offered = ({ domain, plain_socket, authenticated }) => {
    if (domain.endsWith('tls.test') && !plain_socket) return starttls_feature;
    return authenticated ? `${bind_feature}<sm xmlns='${ns.sm}'/>` : mechanisms;
  };
  const script = {
    on_header: (stream, text) => {
      stream.domain = /\sto=['"]([^'"]*)/.exec(text)[1];
      if (stream.domain !== 'mute.test') stream.send(header({ from: stream.domain }) + features(offered(stream)));
    },
    on_element: (stream, event) => {
      if (event.name === 'starttls') {
        stream.send(`<proceed xmlns='${ns.tls}'/>`).start_tls(encrypted);
        return true;
      }
      if (managed[event.name]) return !!stream.send(managed[event.name](event.xml, stream));
      if (['message', 'presence', 'iq'].includes(event.name)) stream.handled++;
      const end = ends[/<body>(be \w+)</.exec(event.xml)?.[1]];
      if (!end) return answer_client(stream, event);
      end(stream);
      return true;
    },
  };

  before(async () => {
    const authority = await Authority.create('leak');
    const { certificate, key, trust } = await authority.good('localhost');
    tls = { ca: readFileSync(trust), servername: 'localhost' };
    encrypted = await authority.good('tls.test', 'untrusted-tls.test');
    server = await FakeServer.start(script);
    // Its streams remember what they were told: nobody asks here, and nothing is to pile up. A stream that may be resumed ends
    // with the connection.
    server.arrivals.push = (stream) => (stream.events.push = ({ event }) => event === 'end' && stream.end());
    const plenty = { session_starts_per_minute_per_address: 0, max_sessions_per_address: 0, max_connections_per_address: 0,
      sid_misses_per_minute_per_address: 0 };
    bench.postern = await start_postern({
      threads: 2, server: { log_level: 'info' }, limits: plenty,
      bosh: { inactivity: 5, push_streams: true, queue_high: 65_536, queue_low: 16_384, queue_cap: 262_144 },
      polling: { enabled: true, inactivity: 5 },
      prebind: { ...site.settings({ lifetime: 2, requests_per_minute: 0, logins_per_minute_per_account: 0 }).prebind },
      listen: [...site.settings().listen, { address: '127.0.0.1:0', certificate, key }],
      webchat: { enabled: true, logins_per_minute_per_address: 0, logins_per_minute_per_account: 0 },
      domains: [{ name: 'postern.test', server: `127.0.0.1:${server.port}`, tls: 'none' }],
    });
    const like_it = { threads: 2, server: { log_level: 'info' },
      domains: [{ name: 'postern.test', server: `127.0.0.1:${server.port}`, tls: 'none' }] };
    hasty.postern = await start_postern({ ...like_it, limits: { ...plenty, unauthenticated_timeout: 1 } });
    narrow.postern = await start_postern({ ...like_it, limits: { ...plenty, max_unauthenticated_sessions: 6 } });
    poor.postern = await start_postern({ ...like_it, bosh: { inactivity: 5 }, limits: { ...plenty, max_buffered_bytes: 4 << 20 } });
    const domain = (name, more) => ({ name, server: `127.0.0.1:${server.port}`, tls: 'none', ...more });
    const domains = [...like_it.domains, domain('tls.test', { tls: 'starttls', ca_file: trust }),
      domain('untrusted-tls.test', { tls: 'starttls' }), domain('dead.test', { server: `127.0.0.1:${await free_port()}` }),
      domain('mute.test', { negotiation_timeout: 1 }), domain('deaf.test', { answer_timeout: 1 })];
    other.postern = await start_postern({ ...like_it, domains, limits: plenty, websocket: { ping_interval: 0.5, max_missed_pings: 1 },
      bosh: { inactivity: 5, unused: 4, max_streams: 2, script_syntax: true } });
    for (const one of [bench, hasty, narrow, poor, other]) {
      one.port = one.postern.port;
      one.sockets = sockets_of(one);
      one.figures = [];
    }
    ports = { site: bench.postern.listeners[1].port, tls: bench.postern.listeners[2].port };
  });
  after(() => stop_all(bench.postern, hasty.postern, narrow.postern, poor.postern, other.postern, server));

  const sockets_of = ({ postern }) => readdirSync(`/proc/${postern.pid}/fd`).length;

  const agent = new Agent({ keepAlive: true, maxSockets: at_once });
  after(() => agent.destroy());

  const ask = (method, path, options) => deadline(exchange_page({ port: bench.port, method, path, agent, ...options }), 30_000,
    `${method} ${path} is answered`);

  const bosh = (attributes = {}, options = {}) =>
    BoshSession.create(options.port ?? bench.port, { attributes: { wait: 5, hold: 1, ...attributes }, ...options });
  const logged_in = async (...how) => {
    const session = await bosh(...how);
    await log_in(session, 'alice', 'secret', 'web');
    return session;
  };
  const socket = async (password, port = bench.port, options = {}) => {
    const client = await WebSocketClient.open(port, options);
    const secret = Buffer.from(`\0alice\0${password}`).toString('base64');
    client.send(open_element());
    for (let i = 0; i < 2; i++) await client.message(20_000);
    client.send(`<auth xmlns='${ns.sasl}' mechanism='PLAIN'>${secret}</auth>`);
    await client.message(20_000);
    return client;
  };
  // Bound, and managed by the client itself.
  const managed_socket = async () => {
    const client = await socket('secret');
    client.send(open_element());
    for (let i = 0; i < 2; i++) await client.message(20_000);
    client.send(`<iq xmlns='${ns.client}' type='set' id='b'><bind xmlns='${ns.bind}'/></iq>`);
    await client.message(20_000);
    client.send(`<enable xmlns='${ns.sm}' resume='true'/>`);
    assert.match(await client.message(20_000), /<enabled/);
    client.reset();
  };
  const resumed_socket = async (id, outcome) => {
    await managed_socket();
    const client = await socket('secret');
    client.send(open_element());
    for (let i = 0; i < 2; i++) await client.message(20_000);
    client.send(`<resume xmlns='${ns.sm}' previd='${id}' h='0'/>`);
    assert.match(await client.message(20_000), outcome);
    client.send(close_element);
    await client.closed(20_000);
  };
  // The server does that, and the browser is told.
  const ended_by_server = (what, condition, where = bench, to = 'postern.test') => async () => {
    const session = await logged_in({ to }, { port: where.port });
    let body = await session.ask({ payload: message(what) });
    if (body.type === undefined) body = await session.ask();
    assert.equal(body.condition, condition, body.xml);
  };
  const unreachable = (to) => async () => {
    const { created } = await bosh({ to }, { port: other.port });
    assert.equal(created.condition, 'remote-connection-failed', created.xml);
  };
  const polled = async () => {
    const client = new PollClient(bench.port);
    await client.log_in('postern.test', 'alice', 'secret', 'poll');
    return client;
  };
  const pushed = async () => {
    const session = await logged_in(asking);
    const reader = await PushReader.open(bench.port, token_of(session.created));
    await reader.sign('ready');
    return { session, reader };
  };
  const prebound = async (use) => {
    const { status, body } = await site.begin(ports.site, { how: 'password', user: 'alice@postern.test/site', secret: 'secret', for: use, secure: '0' });
    assert.equal(status, 200);
    return body;
  };
  const page = (password) => log_in_by_form(ask, 'alice', password);
  const leave_pages = async (cookie, text) => {
    const token = /action="\/logout"[^]*?name="token" value="([^"]*)"/.exec(text)[1];
    const answer = await ask('POST', '/logout', { form: { token }, cookie });
    assert.equal(answer.status, 303, answer.text);
  };
  // Others may have come, so that one is not there any more when it has been answered.
  const stranger = (to) => bosh({}, { port: to.port });
  const is_sent_away = async (session) => {
    const { condition, xml } = session.created.type ? session.created : await session.ask();
    assert.equal(condition, 'policy-violation', xml);
  };
  const two_streams = async () => {
    const session = await logged_in({}, { port: other.port });
    const more = await session.ask({ attributes: { to: 'postern.test', 'xml:lang': 'en', 'xmpp:version': '1.0', 'xmlns:xmpp': ns.xbosh } });
    assert.equal(more.attributes.stream, '2', more.xml);
    return session;
  };
  const by_script = async (attributes) => {
    const body = encodeURIComponent(body_text(attributes));
    return (await exchange(other.port, request('GET', `/http-bind?${body}`), { within: 30_000 })).text;
  };

  const ways = {
    'terminated': async () => {
      const session = await logged_in();
      assert.equal((await session.ask({ attributes: { type: 'terminate' } })).type, 'terminate');
    },
    'left to its inactivity': async () => void (await logged_in()),
    'vanished with a poll held': async () => {
      const session = await logged_in();
      (await session.send()).connection.reset();
    },
    'dropped before the login': async () => {
      const session = await bosh();
      (await session.send()).connection.reset();
    },
    'refused by the server': async () => {
      const session = await bosh();
      const auth = Buffer.from('\0alice\0wrong').toString('base64');
      const answer = await session.ask({ payload: `<auth xmlns='${ns.sasl}' mechanism='PLAIN'>${auth}</auth>` });
      assert.match(answer.xml, /not-authorized/);
      await session.ask({ attributes: { type: 'terminate' } });
    },
    'a WebSocket that is closed': async () => {
      const client = await socket('secret');
      client.send(close_element);
      await client.closed(20_000);
    },
    'a WebSocket that is lost': async () => (await socket('secret')).reset(),
    'a WebSocket whose login fails': async () => (await socket('wrong')).reset(),
    'pages, logged out': async () => {
      const { cookie, text } = await page('secret');
      await leave_pages(cookie, text);
    },
    'pages, with a wrong password': async () => assert.match((await page('wrong')).text, /name="password"/),
    'the server resets': ended_by_server('be gone', 'remote-connection-failed'),
    'the server closes': ended_by_server('be off', 'remote-connection-failed'),
    'the server sends a stream error': ended_by_server('be angry', 'remote-stream-error'),
    'the server talks nonsense': ended_by_server('be mad', 'remote-connection-failed'),
    'too much before the login': async () => {
      const session = await bosh();
      const body = await session.ask({ payload: message('x'.repeat(70_000)) });
      assert.equal(body.condition, 'policy-violation', body.xml);
    },
    'a request out of its place': async () => {
      const session = await logged_in();
      assert.equal((await session.ask({ rid: session.rid + 50 })).condition, 'item-not-found');
    },
    'a WebSocket that is lost and resumed': () => resumed_socket('kept', /<resumed/),
    'a WebSocket that is lost and not resumed': () => resumed_socket('lost', /<failed/),
    'polling, ended': async () => void (await (await polled()).ask('</stream:stream>')),
    'polling, left to its inactivity': async () => void (await polled()),
    'a push stream, left': async () => {
      const { session, reader } = await pushed();
      await session.ask({ attributes: { ...leaving(0), type: 'terminate' } });
      await reader.closed;
    },
    'a push stream that is lost': async () => (await pushed()).reader.destroy(),
    'begun by a back end, taken': async () => {
      const { sid, rid } = await prebound('bosh');
      const session = Object.assign(new BoshSession(), { port: bench.port, path: '/http-bind', sid, rid: rid - 1 });
      assert.equal((await session.ask({ attributes: { type: 'terminate' } })).type, 'terminate');
    },
    'begun by a back end, left to its time': () => prebound('bosh'),
    'begun by a back end for WebSocket, taken': async () => {
      const { password } = await prebound('websocket');
      const { socket: client } = await WebSocketSession.log_in(bench.port, { user: 'alice', password }, { path: '/xmpp-websocket/ticket' });
      client.send(close_element);
      await client.closed(20_000);
    },
    'begun by a back end for WebSocket, left to its time': () => prebound('websocket'),
    'begun by a back end for pages, taken': async () => {
      const { path } = await prebound('webchat');
      const { status, headers } = await ask('GET', path);
      assert.equal(status, 303);
      const cookie = headers['set-cookie'][0].split(';')[0];
      await leave_pages(cookie, await until(async () => {
        const { text } = await ask('GET', '/plain/', { cookie });
        return text.includes('action="/logout"') ? text : null;
      }, 20_000, 'the session is there'));
    },
    'begun by a back end for pages, left to its time': () => prebound('webchat'),
    'too much for its queue': async () => {
      const session = await logged_in();
      let body;
      do { // until no request is there that would take it
        await session.ask({ payload: message('be long') });
        await delay(300);
        body = await session.ask();
      } while (body.type === undefined);
      assert.equal(body.condition, 'policy-violation', body.xml.slice(0, 300));
    },
    'no login in time': async () => is_sent_away(await stranger(hasty)),
    'a stranger too many': async () => {
      const crowd = [];
      for (let i = 0; i < 7; i++) crowd.push(await stranger(narrow));
      await is_sent_away(crowd[0]);
      for (const session of crowd.slice(1)) {
        if (!session.created.type) assert.equal((await session.ask({ attributes: { type: 'terminate' } })).type, 'terminate');
      }
    },
    'more than there is for all': ended_by_server('be endless', 'policy-violation', poor),
    'a WebSocket that does not answer pings': async () => {
      const client = await socket('secret', other.port, { answer_pings: false });
      await client.event('end', 20_000);
      client.destroy();
    },
    'several streams, terminated': async () => {
      const session = await two_streams();
      assert.equal((await session.ask({ attributes: { type: 'terminate' } })).type, 'terminate');
    },
    'several streams, left to their inactivity': async () => void (await two_streams()),
    'by scripts': async () => {
      const sid = /sid='([^']*)'/.exec(await by_script({ rid: 1, to: 'postern.test', ver: '1.6', wait: 5, hold: 1 }))[1];
      const last = await by_script({ rid: 2, sid, type: 'terminate' });
      assert.match(last, /^_BOSH_\(.*terminate/);
      assert.doesNotMatch(last, /condition/);
    },
    'the server encrypts, terminated': async () => {
      const session = await logged_in({ to: 'tls.test' }, { port: other.port });
      assert.equal((await session.ask({ attributes: { type: 'terminate' } })).type, 'terminate');
    },
    'the server encrypts and resets': ended_by_server('be gone', 'remote-connection-failed', other, 'tls.test'),
    'the server encrypts with a certificate that nobody trusts': unreachable('untrusted-tls.test'),
    'the server refuses connections': unreachable('dead.test'),
    'the server never speaks': unreachable('mute.test'),
    'the server answers no question': ended_by_server('is this there?', 'remote-connection-failed', other, 'deaf.test'),
    'never used': async () => void (await bosh({}, { port: other.port })),
    'over TLS, terminated': async () => {
      const session = await logged_in({}, { port: ports.tls, tls });
      assert.equal((await session.ask({ attributes: { type: 'terminate' } })).type, 'terminate');
    },
    'a TLS handshake for nothing': () => new Promise((resolve, reject) => {
      const socket = tls_connect({ port: ports.tls, host: '127.0.0.1', ...tls }, () => socket.destroy());
      socket.once('close', resolve).once('error', reject);
    }),
    'a session that never was': async () => {
      const answer = await exchange(bench.port, post('/http-bind', body_text({ rid: 1, sid: 'nonsense' })));
      assert.match(answer.text, /item-not-found/);
    },
  };

  async function batch(count) {
    const kinds = Object.entries(ways);
    let next = 0;
    await Promise.all(Array.from({ length: at_once }, async () => {
      while (next < count) {
        const [name, end] = kinds[next++ % kinds.length];
        await deadline(end(), 60_000, name);
      }
    }));
    await until(() => server.streams.size === 0, 30_000, 'every stream to the server is closed');
  }

  it(`in ${Object.keys(ways).length} ways, and all that they took is given back`, async (t) => {
    const all = Object.entries({ bench, hasty, narrow, poor, other });
    const begun = Date.now();
    let half = 0;
    for (let n = 0; n < batches; n++) {
      await batch(total / batches);
      for (const [, one] of all) {
        one.postern.assert_running();
        one.figures.push(one.memory());
      }
      if (n === batches / 2) half = Date.now() - begun;
    }
    for (const [name, one] of all) {
      await until(() => sockets_of(one) <= one.sockets + at_once + 8, 20_000, `descriptors of ${name} are given back`);
    }
    for (const [one, reason] of [[bench, 'policy: too much unread'], [hasty, 'policy: not logged in within unauthenticated_timeout'],
      [narrow, 'policy: max_unauthenticated_sessions reached'], [poor, 'overload: max_buffered_bytes reached'],
      ...['no answer to pings', 'never used: no request in time', 'the issuer of the certificate is not known', 'Connection refused',
        'no usable stream in time', 'the server does not answer'].map((why) => [other, why])]) {
      assert.ok(one.postern.log.includes(reason), `${reason}\n${one.postern.child.tail()}`);
    }
    if (bench.figures[0] === null) return t.diagnostic('a sanitizer counts for itself');
    if (long) assert.ok(half > epilogue, 'it was too quick to say anything: more sessions');
    for (const [name, { figures }] of all) {
      t.diagnostic(`${name}: resident after each batch, kB: ${figures.map((bytes) => Math.round(bytes / 1024)).join(' ')}`);
      const before = figures[long ? batches / 2 : 0];
      const after = figures.at(-1);
      assert.ok(after < before * 1.1 + 2e6, `${name} grew from ${before} to ${after}`);
    }
  });
});

leave_nothing_behind();
