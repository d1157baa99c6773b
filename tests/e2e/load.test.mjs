// The edge cases once more while 1 000 other sessions live on the same gateway, on two shards: nobody loses anything, nobody
// waits, and all memory and descriptors come back.
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { Agent } from 'node:http';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { BoshSession, read_body } from './lib/bosh.mjs';
import { leave_nothing_behind } from './lib/leave_nothing_behind.mjs';
import { Bench, assert_terminated, from_server, message, texts_in } from './lib/probe.mjs';
import { Authority } from './lib/certs.mjs';
import { stop_all } from './lib/cleanup.mjs';
import { answer_client, FakeServer } from './lib/fake_server.mjs';
import { PollClient } from './lib/poll.mjs';
import { start_postern } from './lib/postern.mjs';
import { Child } from './lib/process.mjs';
import { asking, PushReader, seen, token_of } from './lib/push_reader.mjs';
import { HttpConnection, post, request } from './lib/raw_http.mjs';
import { Mailbox, patience, until } from './lib/wait.mjs';
import { exchange_page, log_in_by_form } from './lib/web_tab.mjs';
import { close_element, open_element, WebSocketClient } from './lib/websocket.mjs';
import { ns } from './lib/xml.mjs';

const sessions = 1000;
const script = fileURLToPath(new URL('../support/background_load.mjs', import.meta.url));

describe('with 1 000 sessions in the background', () => {
  const bench = new Bench();
  let settings, tls;
  const load = { events: new Mailbox('background load') };

  const said = (event, within) => load.events.take((entry) => entry.event === event, within, event);

  before(async () => {
    load.child = new Child('background load', [process.execPath, script], { stdin: 'pipe' });
    load.child.watchers.add({ line: (line) => load.events.push(JSON.parse(line)), gone: () => {} });
    const { port } = await said('upstream', 10_000);
    bench.server = await FakeServer.start({ on_element: answer_client });
    const { certificate, key, trust } = await (await Authority.create('load')).good('localhost');
    tls = { ca: readFileSync(trust), servername: 'localhost' };
    settings = { server: { threads: 2, log_level: 'debug' }, bosh: { push_streams: true }, polling: { enabled: true, hold: 0.05 },
      webchat: { enabled: true, logins_per_minute_per_address: 0, logins_per_minute_per_account: 0 }, domains: [
        { name: 'postern.test', server: `127.0.0.1:${bench.server.port}`, tls: 'none' },
        { name: 'load.test', server: `127.0.0.1:${port}`, tls: 'none' },
      ], listen: [{ address: '127.0.0.1:0' }, { address: '127.0.0.1:0', certificate, key }] };
    bench.postern = await start_postern(settings);
    bench.port = bench.postern.port;
    bench.before = { descriptors: descriptors() };
    load.child.process.stdin.write(`${JSON.stringify({ port: bench.port, sessions })}\n`);
    assert.equal((await said('ready', 60_000)).sessions, sessions);
  });

  after(() => stop_all(bench.postern, bench.server, load.child));

  const descriptors = () => readdirSync(`/proc/${bench.postern.pid}/fd`).length;

  it('a session keeps order over both shards, whichever connection its requests come on', async () => {
    for (let n = 0; n < 20; n++) {
      const { session, stream } = await bench.pair();
      const base = session.rid;
      const sent = [];
      for (const step of [2, 1]) sent.push(await session.send({ rid: base + step, payload: message(`m${step}`) }));
      session.rid = base + 2;
      for (const step of [1, 2]) assert.match(await stream.element(), new RegExp(`m${step}`));
      stream.send(from_server('reply'));
      const texts = texts_in(await sent[1].answer);
      if (texts.length === 0) texts.push(...texts_in(await sent[0].answer));
      assert.deepEqual(texts, ['reply']);
      await session.ask({ attributes: { type: 'terminate' } });
    }
  });

  it('a burst of 300 creations and ends', async () => {
    for (let round = 0; round < 6; round++) {
      await Promise.all(Array.from({ length: 50 }, async () => {
        const session = await BoshSession.create(bench.port, { from: `127.0.9.${round + 1}` });
        assert.equal(session.created.type, undefined, session.created.xml);
        await session.ask({ attributes: { type: 'terminate' } });
      }));
    }
  });

  // Each request of a page on a connection of its own, so that half of them have to move to the shard of their session.
  it('WebSockets and pages of the chat without scripts come and go', async () => {
    const ask = (method, path, options) => exchange_page({ port: bench.port, method, path, agent: false, ...options });
    const secret = Buffer.from('\0alice\0secret').toString('base64');
    const over_websocket = async (n, from) => {
      const client = await WebSocketClient.open(bench.port, { connection: { from } });
      client.send(open_element());
      for (let i = 0; i < 2; i++) await client.message(20_000);
      client.send(`<auth xmlns='${ns.sasl}' mechanism='PLAIN'>${secret}</auth>`);
      await client.message(20_000);
      client.send(...Array.from({ length: 20 }, (_, i) => message(`${n} ${i}`)));
      if (n % 3 === 0) return client.reset();
      client.send(close_element);
      await client.closed(20_000);
    };
    const over_pages = async (n) => {
      const { cookie, text } = await log_in_by_form(ask, 'alice@postern.test', 'secret');
      let begun;
      const has_begun = new Promise((resolve) => (begun = resolve));
      const agent = new Agent();
      const stream = exchange_page({ port: bench.port, method: 'GET', path: '/stream/', cookie, agent, on_data: begun }).catch(() => {});
      await has_begun;
      if (n % 3 === 0) agent.destroy();
      const token = /action="\/logout"[^]*?name="token" value="([^"]*)"/.exec(text)[1];
      assert.equal((await ask('POST', '/logout', { form: { token }, cookie })).status, 303);
      await stream;
      agent.destroy();
    };
    await Promise.all(Array.from({ length: 12 }, async (_, n) => {
      for (let i = 0; i < 3; i++) await (n % 2 === 0 ? over_pages(n) : over_websocket(n, `127.0.7.${n + 1}`));
    }));
  });

  // Each request and each reader on a connection of its own, so that half of them have to move; the next reader takes over from one that
  // is still there, or comes back after one that broke while it was written to.
  it('readers of push streams come and go, and nobody misses anything', async () => {
    const over_push = async (n) => {
      const session = await BoshSession.create(bench.port, { from: `127.0.6.${n + 1}`, attributes: { to: 'load.test', ...asking } });
      const heard = [];
      let last;
      for (let round = 0; round < 4; round++) {
        const reader = await PushReader.open(bench.port, token_of(session.created), { as: n % 2 === 0 ? 'sse' : 'frame', last });
        for (let i = 0; i < 10; i++) await session.ask({ payload: message(`${round} ${i}`), attributes: round < 2 ? {} : seen(last) });
        const enough = `${round} ${n % 3 === 0 ? 5 : 9}`;
        while (!heard.includes(enough)) {
          const { id, body } = await reader.event(() => true, 20_000);
          last = id;
          heard.push(...texts_in(body));
        }
        if (n % 3 === 0) reader.destroy();
      }
      await session.ask({ attributes: { type: 'terminate' } });
      const all = Array.from({ length: 40 }, (_, i) => `${Math.floor(i / 10)} ${i % 10}`);
      assert.deepEqual(heard, all.slice(0, heard.length));
    };
    await Promise.all(Array.from({ length: 12 }, (_, n) => over_push(n)));
  });

  // New connections and handshakes, and requests of sessions that live on either shard, while both get another configuration (the same)
  // and another certificate (the same) five times.
  it('over TLS and by polling, while the configuration is loaded anew', async () => {
    let over = false;
    const over_tls = async (n) => {
      const port = bench.postern.listeners[1].port;
      for (let round = 0; !over || round < 2; round++) {
        const session = await BoshSession.create(port, { tls, from: `127.0.5.${n + 1}`, attributes: { to: 'load.test' } });
        assert.equal(session.created.type, undefined, session.created.xml);
        for (let i = 0; i < 5; i++) {
          let body = await session.ask({ payload: message(`${n} ${i}`) });
          if (body.children.length === 0) body = await session.ask();
          assert.deepEqual(texts_in(body), [`${n} ${i}`]);
        }
        assert.equal((await session.ask({ attributes: { type: 'terminate' } })).type, 'terminate');
      }
    };
    const by_polling = async (n) => {
      const client = new PollClient(bench.port, { keys: n % 2 === 0 ? 20 : 0, connection: { from: `127.0.4.${n + 1}` } });
      await client.log_in('postern.test', 'alice', 'secret', `poll${n}`);
      for (let i = 0; !over || i < 10; i++) {
        await client.send(`<iq type='get' id='${n} ${i}'/>`);
        await client.until(new RegExp(`<iq[^>]* id='${n} ${i}'`));
      }
      assert.match((await client.ask('</stream:stream>')).text, /<\/stream:stream>$/);
    };
    // A connection that was there before is served by the new configuration as it was by the old one.
    const kept = await Promise.all(Array.from({ length: 4 }, (_, i) => HttpConnection.open(bench.port, { from: `127.0.3.${i + 1}` })));
    const all = Promise.all(Array.from({ length: 6 }, (_, n) => (n % 2 === 0 ? over_tls(n) : by_polling(n))));
    const loads = async () => {
      for (let i = 0; i < 5; i++) {
        const since = bench.postern.child.lines.length;
        await bench.postern.reload(settings);
        await bench.postern.child.line(/configuration loaded anew/, 20_000, since);
        for (const connection of kept) {
          connection.write(request('GET', '/http-bind'));
          assert.equal((await connection.read_answer()).status, 200);
        }
      }
      over = true;
    };
    await Promise.all([all, loads().finally(() => (over = true))]);
    for (const connection of kept) connection.destroy();
  });

  it('a storm of nonsense', async () => {
    const kinds = ['', 'x', '<body', "<body xmlns='http://jabber.org/protocol/httpbind' rid='1' sid='zzz'/>",
      '<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>', '<a>'.repeat(5000)];
    await Promise.all(Array.from({ length: 20 }, async (_, i) => {
      const connection = await HttpConnection.open(bench.port, { from: `127.0.8.${i + 1}` });
      for (let n = 0; n < 100; n++) {
        connection.write(post('/http-bind', kinds[n % kinds.length]));
        assert.equal(read_body(await connection.read_answer()).type, 'terminate');
      }
      connection.destroy();
    }));
  });

  it('repeats, cuts and floods of one session hurt only that one', async () => {
    const { session, stream } = await bench.pair();
    const held = await session.send();
    for (let i = 0; i < 5; i++) (await session.send({ rid: held.rid })).connection.reset();
    const last = await session.send({ rid: held.rid });
    stream.send(from_server('kept'));
    let body = await last.answer;
    // A copy that had to move to the other shard may have come behind it and taken its place.
    if (body.children.length === 0) body = await session.ask({ rid: held.rid });
    assert.deepEqual(texts_in(body), ['kept']);
    assert_terminated(await session.ask({ rid: session.rid + 100 }), 'item-not-found');
  });

  it('all the others have noticed nothing, and everything is given back', async () => {
    await load.events.take((entry) => entry.event === 'progress' && entry.messages >= sessions, 60_000, 'everybody has spoken');
    load.child.process.stdin.end();
    const account = await said('account', 60_000);
    assert.equal(account.first_failure, null);
    assert.equal(account.failures, 0);
    assert.ok(account.messages >= sessions, `${account.messages} messages came back`);
    assert.ok(account.slowest < 2000 * patience, `the slowest echo took ${account.slowest} ms`);
    await until(() => descriptors() <= bench.before.descriptors + 10, 20_000, 'descriptors are given back');
  });
});

leave_nothing_behind();
