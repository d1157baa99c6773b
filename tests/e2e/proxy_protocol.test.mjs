// The PROXY protocol in both directions: from proxies in front, which must be trusted, and towards the XMPP server (U-015), read
// there by a real ejabberd and, for a Prosody that has no module for it, by HAProxy, whose authors wrote the specification.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createConnection } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { BoshSession, log_in } from './lib/bosh.mjs';
import { Authority } from './lib/certs.mjs';
import { stop_all } from './lib/cleanup.mjs';
import { Ejabberd } from './lib/ejabberd.mjs';
import { Haproxy } from './lib/haproxy.mjs';
import { leave_nothing_behind } from './lib/leave_nothing_behind.mjs';
import { start_postern } from './lib/postern.mjs';
import { Prosody } from './lib/prosody.mjs';
import { exchange, HttpConnection, request } from './lib/raw_http.mjs';

const page = request('GET', '/http-bind', '', { fields: { Host: 'chat.example.org' } });
const line = (client, family = 'TCP4', server = '127.0.0.1') => `PROXY ${family} ${client} ${server} 4711 5280\r\n`;
const row = (text, name) => new RegExp(`<th>${name}</th><td><code>([^<]*)`).exec(text)?.[1];

describe('from proxies in front', () => {
  const world = {};
  before(async () => {
    const authority = await Authority.create();
    const tls = await authority.good('chat.example.org');
    world.client_tls = { ca: readFileSync(tls.trust), servername: 'chat.example.org' };
    world.tls = tls;
    world.postern = await start_postern({ threads: 2, server: { trusted_proxies: ['127.0.0.1'] },
      limits: { header_timeout: 1, max_connections_per_address: 3 },
      listen: [{ address: '127.0.0.1:0', proxy_protocol: true },
        { address: '127.0.0.1:0', proxy_protocol: true, certificate: tls.certificate, key: tls.key }],
      domains: [{ name: 'postern.test', server: '127.0.0.1:1', tls: 'none' }] });
    [world.plain, world.secure] = world.postern.listeners.map((listener) => listener.port);
  });
  after(() => stop_all(world.postern));

  const see = async (port, connection) => (await exchange(port, page, { connection })).text;

  it('both versions, as a real HAProxy writes them', async () => {
    for (const send of ['send-proxy', 'send-proxy-v2']) {
      const proxy = await Haproxy.introducing(world.plain, send);
      const text = await see(proxy.port, { from: '127.0.0.21' });
      assert.equal(row(text, 'Your address'), '127.0.0.21', send);
      assert.equal(row(text, 'Scheme'), 'http');
      await proxy.stop();
    }
  });

  it('TLS that passes through HAProxy begins behind the header', async () => {
    const proxy = await Haproxy.introducing(world.secure, 'send-proxy-v2');
    const text = await see(proxy.port, { from: '127.0.0.22', tls: world.client_tls });
    assert.equal(row(text, 'Your address'), '127.0.0.22');
    assert.equal(row(text, 'Scheme'), 'https');
    await proxy.stop();
  });

  it('IPv6, unknown clients, a header in pieces, and what follows it in the same packet', async () => {
    assert.equal(row(await see(world.plain, { preface: line('2001:db8::7', 'TCP6', '::1') }), 'Your address'), '2001:db8::7');
    assert.equal(row(await see(world.plain, { preface: 'PROXY UNKNOWN\r\n' }), 'Your address'), '127.0.0.1');
    const connection = await HttpConnection.open(world.plain);
    for (const byte of line('192.0.2.9')) {
      connection.write(byte);
      await new Promise((resolve) => setImmediate(resolve));
    }
    connection.write(page);
    assert.equal(row((await connection.read_answer()).text, 'Your address'), '192.0.2.9');
    connection.destroy();
    const at_once = await HttpConnection.open(world.plain);
    at_once.write(Buffer.concat([Buffer.from(line('192.0.2.10')), page, page]));
    for (let i = 0; i < 2; i++) assert.equal(row((await at_once.read_answer()).text, 'Your address'), '192.0.2.10');
    at_once.destroy();
  });

  it('for whom it does not say, nobody else says it: what such a client claims in its request counts for nothing', async () => {
    const claims = { 'X-Forwarded-For': '192.0.2.66', 'X-Forwarded-Proto': 'https', Forwarded: 'for=192.0.2.66;proto=https' };
    const claiming = request('GET', '/http-bind', '', { fields: { Host: 'chat.example.org', ...claims } });
    for (const [preface, address, scheme] of [['PROXY UNKNOWN\r\n', '127.0.0.1', 'http'], [line('192.0.2.9'), '192.0.2.9', 'http'],
      [line('127.0.0.1'), '192.0.2.66', 'https']]) {
      const { text } = await exchange(world.plain, claiming, { connection: { preface } });
      assert.deepEqual([row(text, 'Your address'), row(text, 'Scheme')], [address, scheme], preface);
    }
  });

  it('nobody else may say who they are', async () => {
    const stranger = await HttpConnection.open(world.plain, { from: '127.0.0.5', preface: line('192.0.2.7') });
    stranger.write(page);
    assert.equal(await stranger.read_to_end(), '');
    await world.postern.child.line(/connection of 127\.0\.0\.5 refused: the listener is for trusted proxies/);
  });

  it('without a header, with a broken one, or with none in time the connection is closed', async () => {
    for (const [preface, why] of [[page, 'no such header'], [line('192.0.2.300'), 'an address or a port is none'],
      [`PROXY TCP4 ${'1'.repeat(200)}`, 'a line too long'], ['\r\n\r\n\0\r\nQUIT\n\x31\x11\0\x0c', 'another version or command']]) {
      const since = world.postern.child.lines.length;
      const connection = await HttpConnection.open(world.plain, { preface });
      assert.equal(await connection.read_to_end(), '', why);
      await world.postern.child.line(new RegExp(`connection of proxy 127\\.0\\.0\\.1 closed: PROXY protocol: ${why}`), 5000, since);
    }
    const silent = await HttpConnection.open(world.plain, { preface: 'PROXY TCP4 192' });
    assert.equal(await silent.read_to_end(), '');
    await world.postern.child.line(/closed: no PROXY protocol header in time/);
    // A load balancer that only looks whether somebody is there is not worth a line.
    const since = world.postern.child.lines.length;
    await new Promise((resolve) => createConnection(world.plain, '127.0.0.1', function connected() {
      this.end();
      this.once('close', resolve);
      this.resume();
    }));
    assert.deepEqual(world.postern.child.lines.slice(since).filter((text) => /proxy/i.test(text)), []);
  });

  it('limits count whom the header names', async () => {
    const open = [];
    const answers = async (client) => {
      const connection = await HttpConnection.open(world.plain, { preface: line(client) });
      open.push(connection);
      connection.write(page);
      return connection.read_answer({ within: 2000 }).then(() => true, () => false);
    };
    assert.deepEqual([await answers('192.0.2.50'), await answers('192.0.2.50'), await answers('192.0.2.50'), await answers('192.0.2.50')],
      [true, true, true, false]);
    assert.equal(await answers('192.0.2.51'), true);
    for (const connection of open) connection.destroy();
  });
});

describe('towards the XMPP server', () => {
  const world = {};
  before(async () => {
    const authority = await Authority.create();
    const tls = await authority.good('postern.test', 'rooms.postern.test');
    [world.ejabberd, world.prosody] = await Promise.all([Ejabberd.start({ tls }), Prosody.start({ tls })]);
    world.tls = tls;
  });
  after(() => stop_all(world.ejabberd, world.prosody));

  const gateway = (port) => start_postern({ threads: 1, server: { trusted_proxies: ['127.0.0.1'] },
    listen: [{ address: '127.0.0.1:0', proxy_protocol: true }],
    domains: [{ name: 'postern.test', server: `127.0.0.1:${port}`, ca_file: world.tls.trust, proxy_protocol: true }] });
  const clients = [['192.0.2.7', line('192.0.2.7')], ['2001:db8::7', line('2001:db8::7', 'TCP6', '::1')], ['127.0.0.1', 'PROXY UNKNOWN\r\n']];

  it('ejabberd sees the address of the browser, IPv4 and IPv6', async () => {
    const postern = await gateway(world.ejabberd.proxied_port);
    for (const [address, preface] of clients) {
      const session = await BoshSession.create(postern.port, { preface });
      await log_in(session, 'alice', world.ejabberd.password('alice'), 'web');
      const [seen] = JSON.parse(await world.ejabberd.api('user_sessions_info', { user: 'alice', host: 'postern.test' }));
      assert.equal(seen.ip.replace(/^::ffff:/, ''), address);
      await session.ask({ attributes: { type: 'terminate' } });
    }
    await postern.stop();
  });

  it('HAProxy reads it in front of Prosody', async () => {
    const proxy = await Haproxy.introduced(world.prosody.c2s_port);
    const postern = await gateway(proxy.port);
    for (const [address, preface] of clients) {
      const since = proxy.child.lines.length; // it logs as soon as it knows
      const session = await BoshSession.create(postern.port, { preface });
      await log_in(session, 'alice', world.prosody.password('alice'), 'web');
      const [, seen] = await proxy.child.line(/^client (\S+) server/, 10_000, since);
      assert.equal(seen.replace(/^::ffff:/, ''), address);
      await session.ask({ attributes: { type: 'terminate' } });
    }
    await postern.stop();
    await proxy.stop();
  });
});

leave_nothing_behind();
