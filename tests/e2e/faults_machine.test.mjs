// The machine fails: the log, the clock, descriptors, memory that the kernel does not give. The process lives, and so do the sessions
// that do not need what is missing.
import assert from 'node:assert/strict';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { BoshSession, read_body } from './lib/bosh.mjs';
import { stop_all, temp_dir } from './lib/cleanup.mjs';
import { answer_client, answer_header, FakeServer } from './lib/fake_server.mjs';
import { leave_nothing_behind } from './lib/leave_nothing_behind.mjs';
import { free_port } from './lib/ports.mjs';
import { postern_binary, sanitizer_env, start_postern, write_config } from './lib/postern.mjs';
import { assert_terminated, auth, authenticate, Bench, from_server, restart, texts_in } from './lib/probe.mjs';
import { Child, wait_for_port } from './lib/process.mjs';
import { exchange, post, request } from './lib/raw_http.mjs';
import { until } from './lib/wait.mjs';
import { exchange_page, log_in_by_form } from './lib/web_tab.mjs';

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
