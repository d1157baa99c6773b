// The machine fails: the log, the clock, descriptors, memory that the kernel does not give. The process lives, and so do the sessions
// that do not need what is missing.
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { BoshSession, log_in, read_body } from './lib/bosh.mjs';
import { stop_all, temp_dir } from './lib/cleanup.mjs';
import { answer_client, answer_header, bind_feature, FakeServer, features, header, mechanisms } from './lib/fake_server.mjs';
import { leave_nothing_behind } from './lib/leave_nothing_behind.mjs';
import { free_port } from './lib/ports.mjs';
import { postern_binary, sanitizer_env, start_postern, write_config } from './lib/postern.mjs';
import { assert_terminated, auth, authenticate, Bench, end_in_log, from_server, message, restart, texts_in } from './lib/probe.mjs';
import { Child, wait_for_port } from './lib/process.mjs';
import { exchange, post, request } from './lib/raw_http.mjs';
import { until } from './lib/wait.mjs';
import { exchange_page, log_in_by_form } from './lib/web_tab.mjs';
import { frame, opcode } from './lib/websocket.mjs';
import { WebSocketSession } from './lib/websocket_session.mjs';
import { find, ns } from './lib/xml.mjs';

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

// Stopped, frozen, swapped out, moved to another machine: for everybody else time went on. All deadlines have passed when it wakes, and
// what came meanwhile lies in its sockets. Nobody was late.
describe('the process stands still for longer than every deadline', { concurrency: true }, () => {
  const inactivity = 5; // the least that there is
  const plenty = { max_connections_per_address: 0, max_sessions_per_address: 0, session_starts_per_minute_per_address: 0 };

  // `meanwhile` begins when each of its threads has been stopped.
  async function standstill({ postern }, meanwhile) {
    const tasks = `/proc/${postern.pid}/task`;
    const stopped = (id) => /\) T /.test(readFileSync(`${tasks}/${id}/stat`, 'utf8'));
    postern.child.process.kill('SIGSTOP');
    try {
      await until(() => readdirSync(tasks).every(stopped), 5000, 'it stands still');
      const begun = performance.now();
      await meanwhile();
      await delay((inactivity + 0.5) * 1000 - (performance.now() - begun));
    } finally {
      postern.child.process.kill('SIGCONT');
    }
  }

  // Sessions that have been answered a moment ago, all of them, and have the connection on which they were.
  async function answered(bench, count, { begin = () => {}, wait = 55 } = {}) {
    const all = [];
    while (all.length < count) {
      const pair = await bench.pair({ attributes: { wait } });
      await begin(pair);
      pair.connection = await bench.connect();
      pair.held = await pair.session.send({ on: pair.connection });
      all.push(pair);
    }
    for (const { stream } of all) stream.send(from_server('before'));
    for (const { held } of all) assert.deepEqual(texts_in(await held.answer), ['before']);
    return all;
  }

  async function hears({ session }, pending, text) {
    let body = await pending.answer;
    while (!body.xml.includes(`<body>${text}<`)) {
      assert.equal(body.type, undefined, body.xml);
      assert.ok(!find(body.root, 'error'), body.xml);
      body = await session.ask();
    }
  }

  const says = ({ stream }, text) => stream.element((xml) => xml.includes(`<body>${text}<`));

  async function goes_on(pair, text) {
    const pending = await pair.session.send({ payload: message(`${text}, said`) });
    await says(pair, `${text}, said`);
    pair.stream.send(from_server(`${text}, heard`));
    await hears(pair, pending, `${text}, heard`);
  }

  // With the server things are due too: questions of XEP-0198 and their answers.
  const confirm = (stream) => !!stream.send(`<a xmlns='${ns.sm}' h='${stream.handled}'/>`);
  const script = {
    on_header: (stream) => stream.send(header() + features(stream.authenticated ? `${bind_feature}<sm xmlns='${ns.sm}'/>` : mechanisms)),
    on_element: (stream, event) => {
      if (event.name === 'enable') {
        stream.handled = 0;
        return !!stream.send(`<enabled xmlns='${ns.sm}'/>`);
      }
      if (event.name === 'r') return !stream.slow && confirm(stream);
      if (['message', 'presence', 'iq'].includes(event.name)) stream.handled++;
      return answer_client(stream, event);
    },
  };
  const few = Bench.around({ script, domain: { answer_timeout: 4, keepalive: 2 }, bosh: { inactivity },
    websocket: { ping_interval: 1.5, max_missed_pings: 1 }, limits: { header_timeout: 4, keepalive_timeout: 4 } });

  const awaited = (answer) => {
    answer.catch(() => {}); // a failure is reported where it is
    return { answer };
  };

  async function asked({ session, stream }) {
    stream.slow = true;
    const held = await session.send({ payload: message('is this there?') });
    await stream.element((xml) => xml.startsWith('<r '));
    return () => {
      stream.slow = false;
      confirm(stream);
      return held;
    };
  }

  // What the browser does before it, and, in the function that is given back, meanwhile: there the request that waits.
  const ways = {
    'a request that was held, and whose wait is over': async ({ session }) => {
      const held = await session.send();
      return () => held;
    },
    'one that comes on the connection it had': ({ session, connection }, payload) => () => session.send({ on: connection, payload }),
    'one of which half was there': ({ session, connection }, payload) => {
      const bytes = post(session.path, session.text({}, payload));
      connection.write(bytes.subarray(0, 60));
      return () => {
        connection.write(bytes.subarray(60));
        return awaited(connection.read_answer({ within: 30_000 }).then(read_body));
      };
    },
    'one for which a later one waits': async ({ session, connection }, payload) => {
      const rid = ++session.rid;
      const later = await session.send();
      return async () => {
        const missing = await session.send({ rid, on: connection, payload });
        return awaited(missing.answer.then((body) => (texts_in(body).length > 0 ? body : later.answer)));
      };
    },
    'one that was held, and whose server has yet to answer a question': asked,
  };

  const begin = ({ session }) => log_in(session, 'alice', 'secret', 'web');

  it(`${Object.keys(ways).length} ways for a request to be there: it is answered, and its session lives; a WebSocket too`, async () => {
    const socket = await WebSocketSession.log_in(few.port, { user: 'alice', password: 'secret' });
    const stream = await few.server.accept();
    const all = await answered(few, Object.keys(ways).length, { begin, wait: 4 });
    const [gone, patient] = await answered(few, 2, { begin });
    for (const [i, [name, before_it]] of Object.entries(ways).entries()) {
      const payload = message(`${name}, sent`);
      Object.assign(all[i], { name, meanwhile: await before_it(all[i], payload) });
    }
    const held = await Object.assign(patient, { name: 'held longer' }).session.send();
    Object.assign(socket.socket, { answer_pings: false }).events.clear();
    await socket.socket.event('ping');
    await few.round_trip();
    await standstill(few, async () => {
      for (const pair of all) {
        pair.pending = await pair.meanwhile();
        pair.stream.send(from_server(`${pair.name}, sent back`));
      }
      patient.stream.send(from_server('who could wait'));
      socket.socket.write(frame(opcode.pong)).send(message('by WebSocket'));
      stream.send(from_server('to the WebSocket'));
    });
    for (const pair of all) await hears(pair, pair.pending, `${pair.name}, sent back`);
    for (const pair of all.slice(1, 4)) await says(pair, `${pair.name}, sent`);
    assert.deepEqual(texts_in(await held.answer), ['who could wait']);
    await socket.hear('to the WebSocket');
    await says({ stream }, 'by WebSocket');
    socket.socket.answer_pings = true;
    for (const pair of [...all, patient]) await goes_on(pair, `${pair.name}, later`);
    await socket.log_out();
    await end_in_log(few, /info .*: inactivity: no request in time; /, gone.session);
    assert.equal(few.postern.log.match(/ ended after .*(inactivity|lost|fault)/g).length, 1, few.postern.log);
  });

  // More than is seen at the first glance into the sockets: what is due has to wait for the second.
  async function all_live(all) {
    const outcomes = await Promise.allSettled(all.map((pair) => hears(pair, pair.pending, 'sent back')));
    const lost = outcomes.filter(({ status }) => status === 'rejected');
    assert.equal(lost.length, 0, `${lost.length} of ${all.length} sessions have ended: ${lost[0]?.reason.message}`);
    for (const pair of all) await goes_on(pair, 'later');
  }

  const alone = { threads: 1, bosh: { inactivity }, limits: plenty };
  const many = {
    'requests on connections that are accepted only then': { one: Bench.around(alone), count: 16 },
    'requests that come to another thread than that of their session': { one: Bench.around({ ...alone, threads: 2 }), count: 16 },
    'requests on more connections than are looked at in one go': { one: Bench.around(alone), count: 200, kept: true },
  };
  for (const [what, { one, count, kept = false }] of Object.entries(many)) {
    it(`${count} ${what}: the sessions live`, async () => {
      const all = await answered(one, count);
      await standstill(one, async () => {
        for (const { stream } of all) stream.send(from_server('sent back'));
        for (const pair of all) {
          pair.pending = await pair.session.send({ on: kept ? pair.connection : undefined, payload: message('sent') });
        }
      });
      await all_live(all);
      for (const pair of all) await says(pair, 'sent');
    });
  }

  const questioner = Bench.around({ ...alone, script, domain: { answer_timeout: inactivity } });
  it('200 held requests, and as many answers of the server to questions of XEP-0198: the sessions live', async () => {
    const all = await answered(questioner, 200, { begin });
    await Promise.all(all.map(async (pair) => (pair.meanwhile = await asked(pair))));
    await standstill(questioner, () => {
      for (const pair of all) {
        pair.pending = pair.meanwhile();
        pair.stream.send(from_server('sent back'));
      }
    });
    await all_live(all);
  });
});

describe('descriptors run out', () => {
  // UBSan looks into objects through a pipe: without descriptors it fails, and not the program. tools/test has made this build.
  const binary = process.env.POSTERN_RELEASE_BINARY;
  const skip = !(binary && existsSync(binary)) && 'there is no release build';
  const few = (n) => ({ binary, within: ['prlimit', `--nofile=${n}:${n}`] });

  it('accepting waits, sessions go on, the log says so once, and nobody spins', { skip }, async () => {
    const server = await FakeServer.start();
    const root = temp_dir('static');
    writeFileSync(join(root, 'app.js'), 'true;\n');
    const postern = await start_postern({ threads: 1, ...few(60), statics: [{ path: '/client/', root }], limits: { max_connections_per_address: 0,
      keepalive_timeout: 30 }, domains: [{ name: 'postern.test', server: `127.0.0.1:${server.port}`, tls: 'none' }] });
    const bench = Object.assign(new Bench(), { server, postern, port: postern.port });
    const connection = await bench.connect();
    const browser = await bench.connect();
    const status_of_file = async () => {
      browser.write(request('GET', '/client/app.js'));
      return (await browser.read_answer()).status;
    };
    assert.equal(await status_of_file(), 200);
    const session = await BoshSession.create(postern.port);
    const stream = await server.accept();
    const crowd = await Promise.all(Array.from({ length: 100 }, () => bench.connect()));
    await postern.child.line(/error cannot accept connections: Too many open files/);
    const cpu = () => readFileSync(`/proc/${postern.pid}/stat`, 'utf8').split(' ').slice(13, 15).reduce((a, b) => a + Number(b), 0);
    const before_it = cpu();
    for (let i = 0; i < 10; i++) {
      const pending = await session.send({ on: connection });
      stream.send(from_server(`still ${i}`));
      assert.deepEqual(texts_in(await pending.answer), [`still ${i}`]);
      await delay(100);
    }
    assert.equal(await status_of_file(), 503, 'it is not gone, it cannot be opened');
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
    await postern.child.line(/server unreachable: .*Too many open files/);
    for (const connection of connections) connection.destroy();
    await stop_all(postern, server);
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
    await authenticate(quiet);
    const stanza = from_server('x'.repeat(100_000));
    const crowd = [];
    for (let i = 0; i < 200 && !/internal error: std::bad_alloc/.test(postern.log); i++) {
      const pair = await bench.pair().catch(() => null);
      postern.assert_running();
      if (pair === null) continue;
      await authenticate(pair).catch(() => {});
      for (let n = 0; n < 10; n++) pair.stream.send(stanza);
      await bench.round_trip().catch(() => {});
      crowd.push(pair);
    }
    await postern.child.line(/error internal error: std::bad_alloc/);
    await postern.child.line(/error session .* ended .*: internal error: std::bad_alloc/);
    for (const { stream } of crowd) stream.reset();
    const held = await quiet.session.send();
    quiet.stream.send(from_server('still here'));
    assert.deepEqual(texts_in(await held.answer), ['still here']);
    const later = await bench.pair();
    await authenticate(later);
    await stop_all(postern, server);
  });
});

leave_nothing_behind();
