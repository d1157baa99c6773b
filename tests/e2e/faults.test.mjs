// Everything around the gateway fails: the server in the later states of its life, the network, DNS, the log, the clock, descriptors
// and memory. For each what the browser is told, what the log says, and that everybody else goes on (U-005...U-021, B-050, B-203).
// The earlier states of a server are in scripted.test.mjs.
import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { existsSync, readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { BoshSession, read_body } from './lib/bosh.mjs';
import { stop_all } from './lib/cleanup.mjs';
import { answer_client, answer_header, answer_sasl, bind_feature, FakeServer, features, header, mechanisms, starttls_feature } from './lib/fake_server.mjs';
import { leave_nothing_behind } from './lib/leave_nothing_behind.mjs';
import { free_port } from './lib/ports.mjs';
import { postern_binary, sanitizer_env, start_postern, write_config } from './lib/postern.mjs';
import { assert_empty, assert_terminated, Bench, from_server, message, texts_in } from './lib/probe.mjs';
import { Child, wait_for_port } from './lib/process.mjs';
import { exchange, post } from './lib/raw_http.mjs';
import { until } from './lib/wait.mjs';
import { exchange_page, log_in_by_form } from './lib/web_tab.mjs';
import { ns } from './lib/xml.mjs';

const restart = { attributes: { 'xmpp:restart': 'true', 'xmlns:xmpp': ns.xbosh, to: 'postern.test' } };
const auth = { payload: `<auth xmlns='${ns.sasl}' mechanism='PLAIN'>AGEAYg==</auth>` };
const bind = { payload: `<iq xmlns='jabber:client' type='set' id='b'><bind xmlns='${ns.bind}'/></iq>` };

const create = async (port, options = {}) =>
  read_body(await exchange(port, post('/http-bind', BoshSession.creation(options)), { within: 20_000 }));

async function log_in({ session }) {
  assert.equal((await session.ask(auth)).children[0].local, 'success');
  assert.equal((await session.ask(restart)).children[0].local, 'features');
}

const log_line = (postern, pattern, within) => postern.child.line(pattern, within);

describe('a server that hangs late', () => {
  const script = { on_element: answer_sasl, on_header: answer_header };
  const bench = Bench.around({ script, domain: { negotiation_timeout: 1.5, connect_timeout: 1.5 } });

  it('after its success: the restart comes to nothing, and that in time', async () => {
    const pair = await bench.pair();
    script.on_header = () => {};
    assert.equal((await pair.session.ask(auth)).children[0].local, 'success');
    const body = await pair.session.ask(restart);
    assert_terminated(body, 'remote-connection-failed');
    await log_line(bench.postern, /warning session .* ended .*: (server unreachable|connection to the server lost): .*time/);
    script.on_header = answer_header;
  });

  it('after the restart, in the middle of its features', async () => {
    const pair = await bench.pair();
    script.on_header = (stream) => stream.send(`${header()}<stream:features><bi`);
    const lines = bench.postern.child.lines.length;
    await pair.session.ask(auth);
    assert_terminated(await pair.session.ask(restart), 'remote-connection-failed');
    await bench.postern.child.line(/warning session .* ended .*: (server unreachable|connection to the server lost): .*time/, 5000, lines);
    script.on_header = answer_header;
  });

  it('after bind: the session is as alive as its browser, and ends with it', async () => {
    const pair = await bench.pair();
    await log_in(pair);
    const held = await pair.session.send(bind);
    await pair.stream.element((xml) => xml.includes('<bind'));
    await bench.still_held(held);
    const lines = bench.postern.child.lines.length;
    const next = await pair.session.send({ attributes: { type: 'terminate' } });
    assert_terminated(await held.answer, undefined);
    assert_empty(await next.answer); // the oldest request has been told (B-191)
    await pair.stream.event('close');
    await bench.postern.child.line(/info session .* ended after .*: terminated by the client: terminate; /, 5000, lines);
  });
});

describe('a server that hangs around TLS', () => {
  const hangs = {
    'after it was asked for TLS': () => true,
    'after it has agreed': (stream) => !!stream.send(`<proceed xmlns='${ns.tls}'/>`),
    'in the middle of the handshake': (stream) => {
      stream.send(`<proceed xmlns='${ns.tls}'/>`);
      stream.socket.removeAllListeners('data');
      stream.socket.once('data', () => stream.socket.write(Buffer.from('160303007a0200', 'hex')));
      return true;
    },
  };
  for (const [where, on_starttls] of Object.entries(hangs)) {
    it(`${where}: given up in time (U-005)`, async () => {
      const server = await FakeServer.start({
        on_header: (stream) => stream.send(header() + features(starttls_feature)),
        on_element: (stream, { name }) => name === 'starttls' && on_starttls(stream),
      });
      const postern = await start_postern({ threads: 1, domains: [{ name: 'postern.test', server: `127.0.0.1:${server.port}`,
        tls: 'starttls', negotiation_timeout: 1.5, connect_timeout: 1.5 }] });
      const begun = Date.now();
      assert_terminated(await create(postern.port), 'remote-connection-failed');
      assert.ok(Date.now() - begun < 6000);
      await log_line(postern, /warning session .* ended .*: server unreachable: /);
      await stop_all(postern, server);
    });
  }
});

describe('a server that goes', () => {
  const bench = Bench.around();

  const ends = {
    'resets the connection': (stream) => stream.reset(),
    'closes its half in mid-stream': (stream) => stream.socket.end(),
    'closes its half in mid-stanza': (stream) => stream.socket.end('<message><body>half'),
    'sends garbage': (stream) => stream.send('\0\x01\x02<<<>>>&&&'),
  };
  for (const [how, end] of Object.entries(ends)) {
    it(`${how}: told to the request that waits, and one line in the log`, async () => {
      const pair = await bench.pair();
      await log_in(pair);
      const held = await pair.session.send();
      await bench.still_held(held);
      const lines = bench.postern.child.lines.length;
      end(pair.stream);
      assert_terminated(await held.answer, 'remote-connection-failed');
      await bench.postern.child.line(/warning session .* ended after .*: connection to the server lost: /, 5000, lines);
      pair.stream.end();
    });
  }

  it('restarts: every session hears of it, and new ones find it again', async () => {
    const pairs = [];
    for (let i = 0; i < 20; i++) pairs.push(await bench.pair());
    const held = await Promise.all(pairs.map(({ session }) => session.send()));
    await bench.still_held(...held);
    const { port } = bench.server;
    const { child } = bench.postern;
    const lines = child.lines.length;
    await bench.server.stop();
    for (const pending of held) assert_terminated(await pending.answer, 'remote-connection-failed');
    await until(() => child.lines.slice(lines).filter((line) =>
      /warning session .* ended after .*: connection to the server lost: /.test(line)).length === pairs.length, 5000, 'a line for each');
    assert_terminated(await create(bench.port), 'remote-connection-failed');
    await child.line(/warning session .* ended after .*: server unreachable: /, 5000, lines);
    await new Promise((resolve) => {
      bench.server.server.listen(port, '127.0.0.1', resolve);
    });
    await log_in(await bench.pair());
  });
});

describe('a server that sends 50 MB', () => {
  const bench = Bench.around();
  const big = 50 << 20;

  it('in one stanza: that session ends at the limit, and little of it was kept', async () => {
    const [sick, well] = [await bench.pair(), await bench.pair()];
    const [held, other] = [await sick.session.send(), await well.session.send()];
    const before_it = bench.memory();
    sick.stream.send(`<message><body>${'x'.repeat(big)}</body></message>`);
    assert_terminated(await held.answer, 'remote-connection-failed');
    await log_line(bench.postern, /connection to the server lost: .*(large|limit|long)/);
    if (before_it !== null) assert.ok(bench.memory() - before_it < 24 << 20, `${(bench.memory() - before_it) >> 20} MB more`);
    well.stream.send(from_server('fine'));
    assert.deepEqual(texts_in(await other.answer), ['fine']);
  });

  it('in stanzas nobody fetches: it is not read any more, others are', async () => {
    const [sick, well] = [await bench.pair(), await bench.pair()];
    const before_it = bench.memory();
    const stanza = from_server('x'.repeat(8000));
    for (let sent = 0; sent < big; sent += 100 * stanza.length) sick.stream.send(stanza.repeat(100));
    const other = await well.session.send();
    well.stream.send(from_server('fine'));
    assert.deepEqual(texts_in(await other.answer), ['fine']);
    assert.ok(sick.stream.socket.writableLength > 30 << 20, `${sick.stream.socket.writableLength} bytes wait at the server`);
    if (before_it !== null) assert.ok(bench.memory() - before_it < 24 << 20, `${(bench.memory() - before_it) >> 20} MB more`);
    sick.stream.reset();
  });
});

describe('DNS', () => {
  // answers(query, id, rinfo) sends what it likes.
  async function with_dns(answer, settings, test, { dns_timeout = 1.5, domains = [] } = {}) {
    const socket = createSocket('udp4');
    socket.on('message', (query, from) => answer((reply) => socket.send(reply, from.port, from.address), query));
    await new Promise((resolve) => socket.bind(0, '127.0.0.1', resolve));
    const postern = await start_postern({ threads: 1, server: { dns: [`127.0.0.1:${socket.address().port}`], dns_timeout },
      domains: [{ name: 'postern.test', ...settings }, ...domains] });
    try {
      await test(postern);
    } finally {
      await postern.stop();
      socket.close();
    }
  }
  const reply_to = (query, flags, records = [], id = query.readUInt16BE(0)) => {
    const head = Buffer.from(query.subarray(0, 12));
    head.writeUInt16BE(id, 0);
    head.writeUInt16BE(flags, 2);
    head.writeUInt16BE(records.length, 6);
    head.writeUInt16BE(0, 10);
    const question = query.subarray(12, query.indexOf(0, 12) + 5);
    return Buffer.concat([head, question, ...records]);
  };
  const type_of = (query) => query.readUInt16BE(query.indexOf(0, 12) + 1);
  const record = (type, data) => {
    const fixed = Buffer.from('c00c00000001000000640000', 'hex');
    fixed.writeUInt16BE(type, 2);
    fixed.writeUInt16BE(data.length, 10);
    return Buffer.concat([fixed, data]);
  };
  const address = (text) => record(1, Buffer.from(text.split('.').map(Number)));
  const srv = (target) => record(33, Buffer.concat([Buffer.from('0005000014c6'.slice(0, 12), 'hex').subarray(0, 6), target]));
  const loop = Buffer.from('c02a', 'hex');
  const srv_to = (port) => record(33, Buffer.concat([Buffer.from([0, 5, 0, 0, port >> 8, port & 255]), Buffer.from('\x04host\x07postern\x04test\0')]));

  it('that is slow: the session begins late, and meanwhile others go on', async () => {
    const server = await FakeServer.start();
    let let_go;
    const asked = [];
    const all = new Promise((resolve) => (let_go = resolve));
    const answer = async (send, query) => {
      asked.push(type_of(query));
      await all;
      const type = type_of(query);
      if (type === 1) send(reply_to(query, 0x8180, [address('127.0.0.1')]));
      else send(reply_to(query, 0x8180, type === 33 && query.includes('_xmpp-client') ? [srv_to(server.port)] : []));
    };
    await with_dns(answer, { tls: 'none', allow_plaintext: true, private_addresses: true }, async (postern) => {
      const well_known = await BoshSession.create(postern.port, { attributes: { to: 'beside.test' } });
      const stream = await server.accept();
      const late = BoshSession.create(postern.port);
      await until(() => asked.length > 0, 5000, 'a question');
      for (let i = 0; i < 20; i++) {
        const held = await well_known.send();
        stream.send(from_server(`${i}`));
        assert.deepEqual(texts_in(await held.answer), [`${i}`]);
      }
      let_go();
      assert.equal((await late).created.type, undefined);
      await server.accept();
      await server.stop();
    }, { dns_timeout: 10, domains: [{ name: 'beside.test', server: `127.0.0.1:${server.port}`, tls: 'none' }] });
  });

  const lies = {
    'says nothing': () => {},
    'fails': (send, query) => send(reply_to(query, 0x8182)),
    'refuses': (send, query) => send(reply_to(query, 0x8185)),
    'knows no such name': (send, query) => send(reply_to(query, 0x8183)),
    'answers questions that nobody asked': (send, query) => send(reply_to(query, 0x8180, [address('127.0.0.1')], 1 ^ query.readUInt16BE(0))),
    'answers with bytes': (send, query) => send(Buffer.concat([query.subarray(0, 2), Buffer.alloc(400, 0xc0)])),
    'answers with a name that goes in circles': (send, query) => send(reply_to(query, 0x8180, [srv(loop)])),
    'answers with 4 000 addresses': (send, query) =>
      send(reply_to(query, 0x8180, Array.from({ length: 4000 }, (_, i) => address(`10.0.${i >> 8}.${i & 255}`)))),
    'points to the machine itself': (send, query) => send(type_of(query) === 1 ? reply_to(query, 0x8180, [address('127.0.0.1')]) : reply_to(query, 0x8180)),
    'points into the network behind': (send, query) => send(type_of(query) === 1 ? reply_to(query, 0x8180, [address('192.168.1.1'), address('169.254.169.254')]) : reply_to(query, 0x8180)),
  };
  for (const [how, answer] of Object.entries(lies)) {
    it(`that ${how}: remote-connection-failed in time, and why in the log (U-001...U-007)`, async () => {
      await with_dns(answer, { tls: 'starttls' }, async (postern) => {
        const begun = Date.now();
        assert_terminated(await create(postern.port), 'remote-connection-failed');
        assert.ok(Date.now() - begun < 6000, `${Date.now() - begun} ms`);
        await log_line(postern, /warning session .* ended .*: server unreachable: no address of the server found: \S/);
      });
    });
  }
});

describe('the log', () => {
  for (const [what, redirect] of Object.entries({ 'on a full disk': '2>/dev/full', 'that is closed': '2>&-', 'that nobody reads': '2>&1 | sleep 300' })) {
    it(`${what} stops nothing`, async () => {
      const server = await FakeServer.start();
      const port = await free_port();
      const config = write_config({ server: { threads: 1, log_level: 'debug' }, listen: [{ address: `127.0.0.1:${port}` }],
        domains: [{ name: 'postern.test', server: `127.0.0.1:${server.port}`, tls: 'none' }] });
      const pipeline = redirect.includes('|');
      const child = new Child('postern', ['sh', '-c', `${pipeline ? '' : 'exec '}"$0" --config "$1" ${redirect}`, postern_binary, config], { env: sanitizer_env });
      await wait_for_port(port, child);
      // More than a pipe holds: each refused request is a line.
      for (let i = 0; i < 30; i++) {
        await Promise.all(Array.from({ length: 40 }, () => exchange(port, post('/http-bind', '<nonsense'.repeat(9)))));
      }
      const session = await BoshSession.create(port);
      await session.ask(auth);
      assert.equal((await session.ask({ attributes: { type: 'terminate' } })).type, 'terminate');
      if (pipeline) child.signal_group('SIGKILL');
      else assert.equal((await child.stop('SIGTERM', 10_000)).code, 0);
      await server.stop();
    });
  }
});

describe('a wall clock that jumps by years', () => {
  const preload = process.env.POSTERN_CLOCK_JUMP;
  const start_with_it = (server, options) => {
    const asan = /libasan/.test(readFileSync(`/proc/self/maps`, 'utf8')) ? '' : sanitizer_env.ASAN_OPTIONS;
    return start_postern({ threads: 1, env: { LD_PRELOAD: preload, ASAN_OPTIONS: `${asan}:verify_asan_link_order=0` },
      domains: [{ name: 'postern.test', server: `127.0.0.1:${server.port}`, tls: 'none' }], ...options });
  };

  it('changes no deadline', { skip: !preload }, async () => {
    const server = await FakeServer.start();
    const postern = await start_with_it(server, { limits: { keepalive_timeout: 2 }, bosh: { inactivity: 5, maxpause: 0 } });
    assert.ok(new Set(postern.child.lines.map((line) => line.slice(0, 4))).size > 1, 'the clock does jump');
    const session = await BoshSession.create(postern.port, { attributes: { wait: 1 } });
    const stream = await server.accept();
    await session.ask(auth);
    for (let i = 0; i < 2; i++) {
      const begun = performance.now();
      const body = await session.ask(i === 0 ? restart : {});
      assert.equal(body.type, undefined);
      const took = performance.now() - begun;
      if (i === 1) assert.ok(took > 900 && took < 3000, `held for ${took} ms`);
    }
    const begun = performance.now();
    await stream.event('close', 15_000);
    const took = performance.now() - begun;
    assert.ok(took > 4500 && took < 9000, `inactive for ${took} ms`);
    await stop_all(postern, server);
  });

  it('is the clock that the chat without scripts goes by', { skip: !preload }, async () => {
    const server = await FakeServer.start({ on_element: answer_client, on_header: answer_header });
    const postern = await start_with_it(server, { webchat: { enabled: true } });
    await log_in_by_form((method, path, options) => exchange_page({ port: postern.port, method, path, ...options }), 'alice', 'secret');
    const stream = await server.accept();
    const years = new Set();
    for (let i = 0; i < 4; i++) {
      stream.send(`<iq type='get' id='time-${i}' from='postern.test'><time xmlns='urn:xmpp:time'/></iq>`);
      years.add(/<utc>(\d+)-/.exec(await stream.element((xml) => xml.includes(`time-${i}`)))[1]);
    }
    assert.ok(years.size > 1, `the chat says ${[...years]}`);
    await stop_all(postern, server);
  });
});

describe('descriptors run out', () => {
  // UBSan looks into objects through a pipe: without descriptors it fails, and not the program. tools/test has made this build.
  const binary = process.env.POSTERN_RELEASE_BINARY;
  const skip = !(binary && existsSync(binary)) && 'there is no release build';
  const few = (n) => ({ binary, within: ['prlimit', `--nofile=${n}:${n}`] });

  it('accepting waits, sessions go on, the log says so once, and nobody spins', { skip }, async () => {
    const server = await FakeServer.start();
    const postern = await start_postern({ threads: 1, ...few(60), limits: { max_connections_per_address: 0,
      keepalive_timeout: 30 }, domains: [{ name: 'postern.test', server: `127.0.0.1:${server.port}`, tls: 'none' }] });
    const bench = Object.assign(new Bench(), { server, postern, port: postern.port });
    const connection = await bench.connect();
    const session = await BoshSession.create(postern.port);
    const stream = await server.accept();
    const crowd = await Promise.all(Array.from({ length: 100 }, () => bench.connect()));
    await log_line(postern, /error cannot accept connections: Too many open files/);
    const cpu = () => readFileSync(`/proc/${postern.pid}/stat`, 'utf8').split(' ').slice(13, 15).reduce((a, b) => a + Number(b), 0);
    const before_it = cpu();
    for (let i = 0; i < 10; i++) {
      const pending = await session.send({ on: connection });
      stream.send(from_server(`still ${i}`));
      assert.deepEqual(texts_in(await pending.answer), [`still ${i}`]);
      await delay(100);
    }
    assert.ok(cpu() - before_it < 60, `${cpu() - before_it} ticks in a second`);
    assert.equal(postern.log.match(/cannot accept connections/g).length, 1);
    for (const one of crowd) one.destroy();
    const again = await BoshSession.create(postern.port);
    assert.equal(again.created.type, undefined);
    connection.destroy();
    await stop_all(postern, server);
  });

  it('without one for the server: remote-connection-failed, and the reason in the log', { skip }, async () => {
    const server = await FakeServer.start();
    const postern = await start_postern({ threads: 1, ...few(40),
      domains: [{ name: 'postern.test', server: `127.0.0.1:${server.port}`, tls: 'none' }] });
    // Connections that stay, until the next session finds nothing left for its link.
    const bench = Object.assign(new Bench(), { server, postern, port: postern.port });
    const connections = [];
    let body;
    do {
      const connection = await bench.connect();
      connections.push(connection);
      connection.write(post('/http-bind', BoshSession.creation({ rid: 1000 })));
      body = read_body(await connection.read_answer());
    } while (body.type === undefined && connections.length < 40);
    assert_terminated(body, 'remote-connection-failed');
    await log_line(postern, /server unreachable: .*Too many open files/);
    for (const connection of connections) connection.destroy();
    await stop_all(postern, server);
  });
});

describe('memory runs out', () => {
  const share = 4 << 20;
  const script = { on_element: answer_sasl, on_header: answer_header };
  const bench = Bench.around({ script, limits: { max_buffered_bytes: share } });
  const stanza = from_server('x'.repeat(10_000));

  async function fill(pair, bytes) {
    for (let sent = 0; sent < bytes; sent += stanza.length) pair.stream.send(stanza);
    await bench.round_trip();
  }

  it('sessions that have ended go before all others, and harm nobody', async () => {
    const living = await bench.pair();
    await log_in(living);
    const early = await bench.pair();
    const lines = bench.postern.child.lines.length;
    for (let i = 0; i < 8; i++) {
      const past = await bench.pair();
      await log_in(past);
      await fill(past, 900_000);
      await past.session.ask();
      await past.session.ask({ attributes: { type: 'terminate' } });
    }
    await bench.postern.child.line(/warning max_buffered_bytes reached: 0 sessions and 0 connections ended, [1-9]\d* sessions of the past/,
      10_000, lines);
    assert.ok(!bench.postern.child.lines.slice(lines).some((line) => line.includes('overload')));
    living.stream.send(from_server('fine'));
    assert.deepEqual(texts_in(await living.session.ask()), ['fine']);
    await log_in(early);
  });

  // The link reads on: no stanza is complete, so no queue pushes back.
  it('stanzas that a server never ends count, and the sessions with most of them go', async () => {
    const quiet = await bench.pair();
    await log_in(quiet);
    const lines = bench.postern.child.lines.length;
    const pairs = [];
    for (let i = 0; i < 8; i++) pairs.push(await bench.pair());
    for (const pair of pairs) await log_in(pair);
    const early = await bench.pair();
    for (const { stream } of pairs) stream.send(`<message><body>${'x'.repeat(700_000)}`);
    await bench.postern.child.line(/warning max_buffered_bytes reached: [1-9]\d* sessions and 0 connections/, 10_000, lines);
    quiet.stream.send(from_server('fine'));
    assert.deepEqual(texts_in(await quiet.session.ask()), ['fine']);
    await log_in(early); // it has nothing but its features, which would not help anybody
    for (const { stream } of pairs) stream.reset();
  });

  it('sessions that have not logged in go first, oldest first; then who holds the most; a quiet one stays', async () => {
    const quiet = await bench.pair();
    await log_in(quiet);
    const held = await quiet.session.send();
    const moderate = await bench.pair();
    await log_in(moderate);
    await fill(moderate, 300_000);
    // A server that sends to somebody whom it does not know: features, again and again, are no proof of a login.
    const early = [];
    for (let i = 0; i < 3; i++) {
      const pair = await bench.pair();
      pair.stream.send(`<x xmlns='urn:x'>${'y'.repeat(700_000)}</x>`);
      early.push(pair);
    }
    const greedy = await bench.pair();
    await log_in(greedy);
    const lines = bench.postern.child.lines.length;
    for (const pair of [greedy, await bench.pair(), await bench.pair()]) {
      if (pair !== greedy) await log_in(pair);
      await fill(pair, 1_000_000);
    }
    await bench.postern.child.line(/warning max_buffered_bytes reached: [1-9]\d* sessions/, 10_000, lines);
    const first = await early[0].session.ask();
    assert.match(first.condition ?? '', /^policy-violation$/, first.xml.slice(0, 300));
    assert.equal((await early.at(-1).session.ask()).type, undefined, 'the youngest is not ended');
    await bench.postern.child.line(/warning session .* ended .*: overload: max_buffered_bytes reached \(policy-violation\)/, 5000, lines);
    await bench.still_held(held);
    quiet.stream.send(from_server('fine'));
    assert.deepEqual(texts_in(await held.answer), ['fine']);
    const kept = await moderate.session.ask();
    assert.equal(kept.type, undefined, 'who holds little is not ended');
  });

  it('logged-in sessions go when nothing else is left, the largest first', async () => {
    const pairs = [];
    const small = 3;
    for (let i = 0; i < 12 + small; i++) {
      const pair = await bench.pair();
      await log_in(pair);
      pairs.push(pair);
    }
    const lines = bench.postern.child.lines.length;
    for (const [i, pair] of pairs.entries()) await fill(pair, i < small ? 100_000 : 900_000);
    const answers = await Promise.all(pairs.map(({ session }) => session.ask()));
    const ended = pairs.filter((pair, i) => answers[i].type === 'terminate');
    for (const body of answers) if (body.type === 'terminate') assert_terminated(body, 'policy-violation');
    assert.ok(ended.length >= 4 && ended.length < pairs.length - small, `${ended.length} of ${pairs.length}`);
    assert.deepEqual(answers.slice(0, small).filter(({ type }) => type === 'terminate'), [], 'who holds little is not ended');
    const { child } = bench.postern;
    await child.line(/warning max_buffered_bytes reached: [1-9]\d* sessions and 0 connections/, 5000, lines);
    for (const { session: { sid } } of ended) {
      await child.line(new RegExp(`warning session ${sid.slice(0, 6)}… .*: overload: max_buffered_bytes reached \\(policy-violation\\)`), 5000, lines);
    }
  });

  it('requests that are never finished are no way around it', async () => {
    const quiet = await bench.pair();
    await log_in(quiet);
    const held = await quiet.session.send();
    const lines = bench.postern.child.lines.length;
    const crowd = await Promise.all(Array.from({ length: 40 }, () => bench.connect()));
    for (const connection of crowd) connection.write(`POST /http-bind HTTP/1.1\r\nHost: x\r\nContent-Length: 250000\r\n\r\n${'<'.repeat(200_000)}`);
    await bench.postern.child.line(/warning max_buffered_bytes reached: \d+ sessions and [1-9]\d* connections/, 10_000, lines);
    await bench.still_held(held);
    // Those that are ended hear nothing, the others are answered as soon as they are finished.
    for (const connection of crowd) connection.write('<'.repeat(50_000));
    const answers = await Promise.all(crowd.map((connection) => connection.read_answer().catch(() => null)));
    const given_up = crowd.filter((connection, i) => answers[i] === null);
    for (const connection of given_up) assert.deepEqual([connection.ended, connection.received.length], [true, 0]);
    const counted = () => bench.postern.child.lines.slice(lines)
      .map((line) => Number(/max_buffered_bytes reached: \d+ sessions and (\d+) connections/.exec(line)?.[1] ?? 0))
      .reduce((sum, count) => sum + count, 0);
    await until(() => counted() === given_up.length, 5000, () => `${given_up.length} connections ended, the log says ${counted()}`);
    for (const answer of answers) if (answer !== null) assert_terminated(read_body(answer), 'bad-request');
    assert.ok(given_up.length < crowd.length, 'not more than needed');
    await bench.still_held(held);
    quiet.stream.send(from_server('fine'));
    assert.deepEqual(texts_in(await held.answer), ['fine']);
    for (const connection of crowd) connection.destroy();
  });
});

describe('memory runs out in the chat without scripts', () => {
  const bench = Bench.around({ script: { on_element: answer_client, on_header: answer_header }, webchat: { enabled: true },
    limits: { max_buffered_bytes: 4 << 20 } });

  it('what the chat without scripts keeps for its readers counts as well', async () => {
    const ask = (method, path, options) => exchange_page({ port: bench.port, method, path, ...options });
    const readers = [];
    const lines = bench.postern.child.lines.length;
    for (let i = 0; i < 2; i++) {
      bench.server.arrivals.clear();
      const reader = await log_in_by_form(ask, 'alice', 'secret');
      readers.push({ ...reader, stream: await bench.server.accept() });
      const text = 'x'.repeat(15_000);
      for (let n = 0; n < 160; n++) {
        readers[i].stream.send(`<message from='romeo${n % 9}@postern.test/x' type='chat'><body>${text}</body></message>`);
      }
      await bench.round_trip();
    }
    await bench.postern.child.line(/warning max_buffered_bytes reached: 1 sessions and 0 connections/, 20_000, lines);
    const pages = await Promise.all(readers.map(({ cookie }) => ask('GET', '/plain/', { cookie })));
    assert.deepEqual(pages.map(({ text }) => /action="\/logout"/.test(text)).filter(Boolean).length, 1, 'one is still logged in');
  });
});

describe('the kernel gives no more memory', () => {
  const binary = process.env.POSTERN_RELEASE_BINARY;
  const skip = !(binary && existsSync(binary)) && 'there is no release build'; // ASan takes all addresses for itself

  // An operator who has set the cap of the gateway higher than that of the system.
  it('a session that needs it ends, the process and the others live', { skip }, async () => {
    const server = await FakeServer.start();
    const domains = [{ name: 'postern.test', server: `127.0.0.1:${server.port}`, tls: 'none' }];
    const limits = { max_buffered_bytes: 1 << 30, max_sessions_per_address: 0, max_connections_per_address: 0,
      session_starts_per_minute_per_address: 0 };
    const first = await start_postern({ threads: 1, binary, limits, domains });
    const size = Number(/^VmSize:\s+(\d+) kB/m.exec(readFileSync(`/proc/${first.pid}/status`, 'utf8'))[1]);
    await first.stop();
    const postern = await start_postern({ threads: 1, binary, limits, domains, within: ['prlimit', `--as=${(size + 40_000) * 1024}`] });
    const bench = Object.assign(new Bench(), { server, postern, port: postern.port });
    const quiet = await bench.pair();
    await log_in(quiet);
    const stanza = from_server('x'.repeat(100_000));
    const crowd = [];
    for (let i = 0; i < 200 && !/internal error: std::bad_alloc/.test(postern.log); i++) {
      const pair = await bench.pair().catch(() => null);
      postern.assert_running();
      if (pair === null) continue;
      await log_in(pair).catch(() => {});
      for (let n = 0; n < 10; n++) pair.stream.send(stanza);
      await bench.round_trip().catch(() => {});
      crowd.push(pair);
    }
    await log_line(postern, /error internal error: std::bad_alloc/);
    await log_line(postern, /error session .* ended .*: internal error: std::bad_alloc/);
    for (const { stream } of crowd) stream.reset();
    const held = await quiet.session.send();
    quiet.stream.send(from_server('still here'));
    assert.deepEqual(texts_in(await held.answer), ['still here']);
    const later = await bench.pair();
    await log_in(later);
    await stop_all(postern, server);
  });
});

describe('who never logs in', () => {
  const script = { on_element: answer_sasl, on_header: answer_header };
  // What Prosody says to a message before the login; servers may say the same to presence.
  const bounced = ['message', 'presence'].map((name) => `<${name} xmlns='jabber:client' type='error'><error type='cancel'>`
    + `<service-unavailable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></${name}>`).join('');
  const bench = Bench.around({ script, limits: { unauthenticated_timeout: 3, max_unauthenticated_bytes: 4096, max_unauthenticated_sessions: 5 } });

  it('has its time, and no traffic extends it (U-008)', async () => {
    const pair = await bench.pair();
    const begun = Date.now();
    let body;
    let rounds = 0;
    do {
      await delay(100);
      pair.stream.send(`<x/>${bounced}`);
      body = await pair.session.ask({ payload: `<presence xmlns='jabber:client'/>` }).catch(() => ({ type: 'gone' }));
      rounds++;
    } while (body.type === undefined && Date.now() - begun < 8000);
    assert.ok(rounds > 5, 'it was busy all the while');
    assert.ok(Date.now() - begun < 7000, 'ended');
    await log_line(bench.postern, /ended after [23]\.\d s: policy: not logged in within unauthenticated_timeout \(policy-violation\)/);
  });

  it('has its bytes (U-008)', async () => {
    const pair = await bench.pair();
    pair.stream.send(bounced);
    assert.match((await pair.session.ask()).xml, /service-unavailable/);
    const pending = await pair.session.send({ payload: message('x'.repeat(3000)) });
    const more = await pair.session.send({ payload: message('x'.repeat(3000)) });
    const bodies = await Promise.all([pending.answer, more.answer]);
    assert.ok(bodies.some(({ condition }) => condition === 'policy-violation'), bodies.map(({ xml }) => xml).join());
    await log_line(bench.postern, /policy: max_unauthenticated_bytes reached/);
  });

  it('has its bytes, also where they wait for the end of SASL or for an earlier request (U-008)', async () => {
    // Its time would have the same condition.
    const log = bench.postern.child;
    let lines = log.lines.length;
    script.on_element = () => true;
    const waiting = await bench.pair();
    const held = await waiting.session.send(auth);
    const more = await waiting.session.send({ payload: message('x'.repeat(5000)) });
    const bodies = await Promise.all([held.answer, more.answer]);
    assert.ok(bodies.some(({ condition }) => condition === 'policy-violation'), bodies.map(({ xml }) => xml).join());
    await log.line(/policy: max_unauthenticated_bytes reached/, 5000, lines);
    lines = log.lines.length;
    script.on_element = answer_sasl;
    const ahead = await bench.pair();
    assert_terminated(await ahead.session.ask({ rid: ahead.session.rid + 2, payload: message('x'.repeat(5000)) }), 'policy-violation');
    await log.line(/policy: max_unauthenticated_bytes reached/, 5000, lines);
  });

  it('has its number, and leaves room as soon as it has logged in (U-008)', async () => {
    const pairs = [];
    for (let i = 0; i < 5; i++) pairs.push(await bench.pair());
    for (const { session, stream } of pairs) {
      stream.send(bounced);
      assert.match((await session.ask()).xml, /service-unavailable/);
    }
    // The oldest makes room for the sixth: who floods locks out nobody who is about to log in.
    pairs.push(await bench.pair());
    assert_terminated(await pairs.shift().session.ask(), 'policy-violation');
    await log_line(bench.postern, /policy: max_unauthenticated_sessions reached/);
    for (const pair of pairs) {
      await log_in(pair);
      pair.stream.send(from_server('hello'));
      assert.deepEqual(texts_in(await pair.session.ask()), ['hello']);
    }
    await bench.pair();
    await delay(3500);
    for (const { session, stream } of pairs) {
      stream.send(from_server('still there'));
      assert.deepEqual(texts_in(await session.ask()), ['still there']);
    }
  });
});

leave_nothing_behind();
