// Behind a real nginx, HAProxy, Apache and Caddy: as they are set up by somebody who reads nothing, and as conf/ says. Time-outs are
// the stock ones except where a test must outlast them: there both sides are scaled down by the same factor.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, describe, it } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { Apache } from './lib/apache.mjs';
import { BackEnd } from './lib/back_end.mjs';
import { BoshSession, read_body } from './lib/bosh.mjs';
import { Caddy } from './lib/caddy.mjs';
import { Authority } from './lib/certs.mjs';
import { stop_all } from './lib/cleanup.mjs';
import { answer_sasl, FakeServer } from './lib/fake_server.mjs';
import { Haproxy } from './lib/haproxy.mjs';
import { leave_nothing_behind } from './lib/leave_nothing_behind.mjs';
import { Nginx } from './lib/nginx.mjs';
import { postern_binary, start_postern } from './lib/postern.mjs';
import { assert_empty, from_server, message, texts_in } from './lib/probe.mjs';
import { run } from './lib/process.mjs';
import { asking, PushReader, token_of } from './lib/push_reader.mjs';
import { exchange, HttpConnection, post, request } from './lib/raw_http.mjs';
import { servers } from './lib/servers.mjs';
import { StropheNode } from './lib/strophe.mjs';
import { start_gateway } from './lib/target.mjs';
import { deadline } from './lib/wait.mjs';
import { open_element, WebSocketClient } from './lib/websocket.mjs';

const proxies = { nginx: Nginx, haproxy: Haproxy, apache: Apache, caddy: Caddy };
// Apache does not look at its browser while it waits for its server (docs/OPERATIONS.md).
const notices = Object.keys(proxies).filter((name) => name !== 'apache');

// Caddy as it comes asks for gzip in its own name, and hands the page on in chunks.
const ask_for_page = request('GET', '/http-bind', '', { fields: { 'Accept-Encoding': 'identity' } });

describe('the defaults leave room', () => {
  it('max_wait is below the idle time-outs of nginx and Apache and of the files in conf/', async () => {
    const { stdout } = await run([postern_binary, '--print-config']);
    const max_wait = Number(/^max_wait = (\d+)$/m.exec(stdout)[1]);
    const built_in = 60; // nginx: proxy_read_timeout, send_timeout; Apache: Timeout. Caddy has none.
    assert.ok(max_wait < built_in, `max_wait ${max_wait}, nginx and Apache ${built_in}`);
    for (const [file, pattern] of [['haproxy.cfg', /timeout (?:client|server) (\d+)s$/gm], ['nginx.conf', /proxy_read_timeout (\d+)s;$/gm],
      ['apache.conf', / timeout=(\d+)/g], ['Caddyfile', /response_header_timeout (\d+)s/g]]) {
      const found = [...readFileSync(new URL(`../../conf/${file}`, import.meta.url), 'utf8').matchAll(pattern)];
      assert.ok(found.length > 0, file);
      for (const [line, seconds] of found) assert.ok(max_wait < Number(seconds), `max_wait ${max_wait}, ${file}: ${line}`);
    }
  });
});

for (const [name, Proxy] of Object.entries(proxies)) {
  describe(`behind a stock ${name}`, () => {
    const world = {};
    before(async () => {
      const authority = await Authority.create();
      world.server = await servers[0].start({ tls: await authority.good('postern.test', 'rooms.postern.test') });
      world.gateway = await start_gateway(world.server);
      world.proxy = await Proxy.stock(world.gateway.port);
    });
    after(() => stop_all(world.proxy, world.gateway, world.server));

    it('Strophe.js chats through it', async () => {
      const client = await StropheNode.open({ url: world.proxy.url });
      await client.connect(world.server.jid('alice'), world.server.password('alice'), { keepalive: true });
      const { jid } = await client.status('connected');
      await client.call('presence', {});
      const texts = Array.from({ length: 20 }, (_, i) => `${i} <&> 😀 ${'x'.repeat(i * 100)}`);
      for (const text of texts) await client.call('message', jid, text);
      for (const text of texts) assert.equal((await client.event('message')).body, text);
      await client.held_request();
      // What a reload cuts before the proxy has passed it on, the gateway misses for good, and the new page goes on behind it.
      await exchange(world.proxy.port, ask_for_page);
      await client.reload();
      await client.restore(jid);
      await client.status('attached');
      // HAProxy and Apache as they come do not pass on that a browser has gone: what the server says in the moment of a reload it
      // gives to the connection of the old page. From the first poll of the new page on nothing is lost.
      await client.held_request();
      await client.call('message', jid, 'after the reload');
      assert.equal((await client.event('message')).body, 'after the reload');
      await client.call('disconnect');
      await client.status('disconnected');
      await client.close();
    });

    it('every path, with and without the slash, reaches the gateway unredirected', async () => {
      for (const path of ['/http-bind', '/http-bind/']) {
        const answer = await exchange(world.proxy.port, request('POST', path, 'x'));
        assert.equal(answer.status, 200, path);
      }
    });
  });
}

// Factor 15 or so: a proxy that gives up after 4 s, a gateway that holds 3 s.
const scaled = {
  nginx: (port) => Nginx.stock(port, { extra: 'proxy_read_timeout 4s; proxy_send_timeout 4s;' }),
  haproxy: (port) => Haproxy.stock(port, { timeouts: { connect: '5s', client: '4s', server: '4s' }, defaults: 'option abortonclose' }),
  apache: (port) => Apache.stock(port, { extra: 'ProxyTimeout 4' }),
  caddy: (port) => Caddy.stock(port),
};

describe('time and trouble, scaled down', () => {
  const world = { proxies: {} };
  before(async () => {
    world.server = await FakeServer.start({ on_element: answer_sasl });
    world.postern = await start_postern({ threads: 1, bosh: { max_wait: 3 },
      domains: [{ name: 'postern.test', server: `127.0.0.1:${world.server.port}`, tls: 'none' }] });
    for (const [name, start] of Object.entries(scaled)) world.proxies[name] = await start(world.postern.port);
  });
  after(() => stop_all(...Object.values(world.proxies), world.postern, world.server));

  async function pair(name) {
    const [session, stream] = await Promise.all([BoshSession.create(world.proxies[name].port), world.server.accept()]);
    assert.equal(session.created.attributes.wait, '3');
    return { session, stream };
  }

  it('E-34 idle through several polls: no 504, no lost session', async () => {
    await Promise.all(Object.keys(scaled).map(async (name) => {
      const { session, stream } = await pair(name);
      for (let i = 0; i < 3; i++) assert_empty(await session.ask());
      const held = await session.send();
      await delay(2000); // deep into the poll
      stream.send(from_server('still connected'));
      assert.deepEqual(texts_in(await held.answer), ['still connected'], name);
    }));
  });

  it('E-34 a POST that a proxy sends twice is processed once', async () => {
    for (const name of Object.keys(scaled)) {
      const { session, stream } = await pair(name);
      const text = session.text({}, message('once'));
      // As after proxy_next_upstream or a retry: the same bytes on two connections at the same time.
      const [a, b] = [await HttpConnection.open(world.proxies[name].port), await HttpConnection.open(world.proxies[name].port)];
      a.write(post('/http-bind', text));
      b.write(post('/http-bind', text));
      assert.match(await stream.element(), /once/);
      const read = [a.read_answer(), b.read_answer()];
      await Promise.race(read); // the superseded one: both copies have arrived
      stream.send(from_server('reply'));
      const answers = await Promise.all(read);
      assert.equal(answers.filter((answer) => answer.text.includes('reply')).length, 1, answers.map((answer) => answer.text).join('\n'));
      assert.equal(answers.filter((answer) => /type=['"]error['"]/.test(answer.text)).length, 1, 'the superseded one (B-147)');
      await session.send({ payload: message('next') });
      assert.match(await stream.element(), /next/, `${name}: not twice`);
      a.destroy();
      b.destroy();
    }
  });

  // Debian's haproxy.cfg gives up after 50 s, sooner than a poll of 55 s ends (docs/DECISIONS.md).
  it('a proxy with less patience than a poll costs a 504 for which the client asks again, and nothing else', async () => {
    const proxy = await Haproxy.stock(world.postern.port, { timeouts: { connect: '5s', client: '2s', server: '2s' }, defaults: 'option abortonclose' });
    const [session, stream] = await Promise.all([BoshSession.create(proxy.port), world.server.accept()]);
    const poll = () => exchange(proxy.port, post('/http-bind', session.text({}, '', session.rid)));
    session.rid++;
    assert.equal((await poll()).status, 504);
    stream.send(from_server('meanwhile'));
    assert.deepEqual(texts_in(read_body(await poll())), ['meanwhile'], 'the same rid again, as every client does after a 5xx');
    const held = await session.send({ payload: message('on') });
    assert.match(await stream.element(), /on/);
    stream.send(from_server('reply'));
    assert.deepEqual(texts_in(await held.answer), ['reply']);
    await proxy.stop();
  });

  // Stock nginx speaks HTTP/1.0 without keep-alive to its server, where the end of input is a half-close (E-35).
  for (const name of notices) {
    it(`a browser that goes away behind ${name} is noticed: the message waits for its next request (E-08)`, async () => {
      const { session, stream } = await pair(name);
      const passed_on = () => exchange(world.proxies[name].port, ask_for_page);
      const held = await session.send({ payload: message('here') });
      await stream.element();
      held.connection.destroy();
      await passed_on();
      stream.send(from_server('for the new page'));
      await passed_on();
      assert.deepEqual(texts_in(await session.ask({ payload: message('back') })), ['for the new page']);
    });
  }

  it('a gateway that is not there is a 502 or 503, with which a client tries again (H-013)', async () => {
    for (const [name, start] of Object.entries(scaled)) {
      const proxy = await start(1);
      const answer = await exchange(proxy.port, post('/http-bind', 'x'));
      assert.ok([502, 503].includes(answer.status), name);
      await proxy.stop();
    }
  });
});

for (const [name, Proxy] of Object.entries(proxies)) {
  describe(`behind ${name} as conf/ has it`, () => {
    const world = {};
    before(async () => {
      const authority = await Authority.create();
      const tls = await authority.good('chat.example.org');
      world.client_tls = { ca: readFileSync(tls.trust), servername: 'chat.example.org' };
      world.fake = await FakeServer.start({ on_element: answer_sasl });
      world.postern = await start_postern({ threads: 1, server: { trusted_proxies: ['127.0.0.1'] }, ...new BackEnd().settings(),
        domains: [{ name: 'postern.test', server: `127.0.0.1:${world.fake.port}`, tls: 'none', bosh_url: 'https://chat.example.org/http-bind' }],
        limits: { max_sessions_per_address: 2 }, bosh: { push_streams: true } });
      world.proxy = await Proxy.recommended(world.postern.port, tls);
    });
    after(() => stop_all(world.proxy, world.postern, world.fake));

    const via = (from) => ({ tls: world.client_tls, from });

    it('a session works over HTTPS, and the info page sees scheme and client (H-020)', async () => {
      const [session, stream] = await Promise.all([BoshSession.create(world.proxy.port, via('127.0.0.21')), world.fake.accept()]);
      const held = await session.send({ payload: message('hello') });
      assert.match(await stream.element(), /hello/);
      stream.send(from_server('hi'));
      assert.deepEqual(texts_in(await held.answer), ['hi']);
      const page = await exchange(world.proxy.port, request('GET', '/http-bind', '', { fields: { Host: 'chat.example.org' } }),
        { connection: via('127.0.0.21') });
      assert.match(page.text, /127\.0\.0\.21/);
      assert.match(page.text, /https/);
    });

    it('every other path of postern reaches it: host-meta (D-001), the door for tickets', async () => {
      for (const path of ['/.well-known/host-meta', '/.well-known/host-meta.json']) {
        const answer = await exchange(world.proxy.port, request('GET', path, '', { fields: { Host: 'chat.example.org' } }), { connection: via('127.0.0.26') });
        assert.equal(answer.status, 200, path);
        assert.match(answer.text, /https:\/\/chat\.example\.org\/http-bind/, path);
      }
      const client = await WebSocketClient.open(world.proxy.port,
        { path: '/xmpp-websocket/ticket', connection: via('127.0.0.26'), fields: { Host: 'chat.example.org' } });
      client.send(open_element());
      assert.match(await client.message(), /^<open /);
      client.destroy();
    });

    it('a push stream flows, and its end arrives (V-013)', async () => {
      const [session, stream] = await Promise.all([BoshSession.create(world.proxy.port, { ...via('127.0.0.25'), attributes: asking }), world.fake.accept()]);
      const reader = await PushReader.open(world.proxy.port, token_of(session.created),
        { tls: world.client_tls, version: '1.0', fields: { Host: 'chat.example.org' } });
      for (const text of ['one', 'two']) {
        stream.send(from_server(text));
        await reader.event(({ xml }) => xml.includes(text), 5000);
      }
      await session.ask({ attributes: { type: 'terminate' } });
      await deadline(reader.closed, 5000, 'the end is passed on');
    });

    it('a WebSocket goes through: handshake, messages, the address of the client, its loss', async () => {
      const client = await WebSocketClient.open(world.proxy.port,
        { connection: via('127.0.0.24'), fields: { Host: 'chat.example.org', 'X-Forwarded-For': '192.0.2.1' } });
      client.send(open_element());
      const stream = await world.fake.accept();
      assert.match(await client.message(), /^<open /);
      assert.match(await client.message(), /^<stream:features /);
      client.send(message('hello'));
      assert.match(await stream.element(), /hello/);
      stream.send(from_server('hi'));
      assert.match(await client.message(), /<body>hi<\/body>/);
      client.destroy();
      await stream.event('close');
      await world.postern.child.line(/session \S+ of 127\.0\.0\.24 .*: connection to the client lost; WebSocket/);
    });

    it('a browser that goes away is noticed: the message waits for its next request (E-08)', { skip: !notices.includes(name) }, async () => {
      const [session, stream] = await Promise.all([BoshSession.create(world.proxy.port, via('127.0.0.22')), world.fake.accept()]);
      const passed_on = () => exchange(world.proxy.port, request('GET', '/http-bind', '', { fields: { Host: 'chat.example.org' } }),
        { connection: via('127.0.0.22') });
      const held = await session.send({ payload: message('here') });
      await stream.element();
      held.connection.destroy();
      await passed_on();
      stream.send(from_server('for the new page'));
      await passed_on();
      assert.deepEqual(texts_in(await session.ask({ payload: message('back') })), ['for the new page']);
      await session.ask({ attributes: { type: 'terminate' } });
    });

    it('limits count browsers, not the proxy; nobody can claim another address (H-020)', async () => {
      const condition = async (from, fields = {}) => {
        const answer = await exchange(world.proxy.port, post('/http-bind', BoshSession.creation(), { fields: { Host: 'chat.example.org', ...fields } }),
          { connection: via(from) });
        assert.equal(answer.status, 200, answer.raw);
        return /condition=['"]([a-z-]+)/.exec(answer.text)?.[1] ?? 'created';
      };
      assert.deepEqual([await condition('127.0.0.31'), await condition('127.0.0.31'), await condition('127.0.0.31')],
        ['created', 'created', 'policy-violation']);
      assert.equal(await condition('127.0.0.32'), 'created');
      assert.equal(await condition('127.0.0.31', { 'X-Forwarded-For': '127.0.0.99' }), 'policy-violation');
      assert.equal(await condition('127.0.0.31', { Forwarded: 'for=127.0.0.99' }), 'policy-violation');
    });
  });
}

describe('a proxy that is not trusted', () => {
  it('is not believed', async () => {
    const fake = await FakeServer.start({ on_element: answer_sasl });
    const postern = await start_postern({ threads: 1, domains: [{ name: 'postern.test', server: `127.0.0.1:${fake.port}`, tls: 'none' }] });
    const page = await exchange(postern.port, request('GET', '/http-bind', '', { fields: { 'X-Forwarded-For': '192.0.2.7', 'X-Forwarded-Proto': 'https' } }));
    assert.doesNotMatch(page.text, /192\.0\.2\.7/);
    await postern.stop();
    await fake.stop();
  });
});

leave_nothing_behind();
