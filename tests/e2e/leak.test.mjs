// Many sessions, ended in every way there is, one batch after the other: what they took is given back. The first batches let
// pools, tables and the allocator reach their size; after that memory may not grow with the number of sessions. Under ASan the
// figure means nothing, and LeakSanitizer looks at the end instead. POSTERN_LEAK_SESSIONS=100000 makes it long (with the release
// build: POSTERN_BINARY); then its second half may not grow: in the first the ends that pages still tell pile up.
import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { Agent } from 'node:http';
import { after, before, describe, it } from 'node:test';
import { body_text, BoshSession, log_in } from './lib/bosh.mjs';
import { stop_all } from './lib/cleanup.mjs';
import { answer_client, FakeServer } from './lib/fake_server.mjs';
import { leave_nothing_behind } from './lib/leave_nothing_behind.mjs';
import { Bench } from './lib/probe.mjs';
import { start_postern } from './lib/postern.mjs';
import { exchange, post } from './lib/raw_http.mjs';
import { deadline, until } from './lib/wait.mjs';
import { exchange_page, log_in_by_form } from './lib/web_tab.mjs';
import { close_element, open_element, WebSocketClient } from './lib/websocket.mjs';
import { ns } from './lib/xml.mjs';

const total = Number(process.env.POSTERN_LEAK_SESSIONS ?? 880);
const long = total >= 10_000;
const batches = long ? 20 : 4;
const epilogue = 130_000; // pages say for two minutes why their session has ended, and keep it so long
const at_once = 24;

describe(`${total} sessions`, () => {
  const bench = new Bench();
  let server, sockets;

  before(async () => {
    server = await FakeServer.start({ on_element: answer_client });
    // Its streams remember what they were told: nobody asks here, and nothing is to pile up.
    server.arrivals.push = (stream) => (stream.events.push = () => {});
    const plenty = { session_starts_per_minute_per_address: 0, max_sessions_per_address: 0, max_connections_per_address: 0,
      sid_misses_per_minute_per_address: 0 };
    bench.postern = await start_postern({
      threads: 2, server: { log_level: 'info' }, bosh: { inactivity: 5 }, limits: plenty,
      webchat: { enabled: true, logins_per_minute_per_address: 0, logins_per_minute_per_account: 0 },
      domains: [{ name: 'postern.test', server: `127.0.0.1:${server.port}`, tls: 'none' }],
    });
    bench.port = bench.postern.port;
    sockets = readdirSync(`/proc/${bench.postern.pid}/fd`).length;
  });
  after(() => stop_all(bench.postern, server));

  const agent = new Agent({ keepAlive: true, maxSockets: at_once });
  after(() => agent.destroy());

  const ask = (method, path, options) => deadline(exchange_page({ port: bench.port, method, path, agent, ...options }), 30_000,
    `${method} ${path} is answered`);

  const bosh = () => BoshSession.create(bench.port, { attributes: { wait: 5, hold: 1 } });
  const logged_in = async () => {
    const session = await bosh();
    await log_in(session, 'alice', 'secret', 'web');
    return session;
  };
  const socket = async (password) => {
    const client = await WebSocketClient.open(bench.port);
    const secret = Buffer.from(`\0alice\0${password}`).toString('base64');
    client.send(open_element());
    for (let i = 0; i < 2; i++) await client.message(20_000);
    client.send(`<auth xmlns='${ns.sasl}' mechanism='PLAIN'>${secret}</auth>`);
    await client.message(20_000);
    return client;
  };
  const page = (password) => log_in_by_form(ask, 'alice', password);

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
      const token = /action="\/logout"[^]*?name="token" value="([^"]*)"/.exec(text)[1];
      const answer = await ask('POST', '/logout', { form: { token }, cookie });
      assert.equal(answer.status, 303, answer.text);
    },
    'pages, with a wrong password': async () => assert.match((await page('wrong')).text, /name="password"/),
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

  it('in all ways, and all that they took is given back', async (t) => {
    const figures = [];
    const begun = Date.now();
    let half = 0;
    for (let n = 0; n < batches; n++) {
      await batch(total / batches);
      bench.postern.assert_running();
      figures.push(bench.memory());
      if (n === batches / 2) half = Date.now() - begun;
    }
    await until(() => readdirSync(`/proc/${bench.postern.pid}/fd`).length <= sockets + at_once + 8, 20_000,
      'descriptors are given back');
    if (figures[0] === null) return t.diagnostic('a sanitizer counts for itself');
    t.diagnostic(`resident after each batch, kB: ${figures.map((bytes) => Math.round(bytes / 1024)).join(' ')}`);
    if (long) assert.ok(half > epilogue, 'it was too quick to say anything: more sessions');
    const before = figures[long ? batches / 2 : 0];
    const after = figures.at(-1);
    assert.ok(after < before * 1.1 + 2e6, `grew from ${before} to ${after}`);
  });
});

leave_nothing_behind();
