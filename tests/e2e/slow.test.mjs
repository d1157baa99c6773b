// Those who are slow on purpose: slowhttptest's three attacks, clients that never read, TLS handshakes that never end, begin with
// garbage or come to their end for nothing. While it lasts and afterwards everybody else is served as ever (H-014, H-015).
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { connect as tcp_connect, createServer } from 'node:net';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { connect as tls_connect } from 'node:tls';
import { BoshSession } from './lib/bosh.mjs';
import { Authority } from './lib/certs.mjs';
import { stop_all, temp_dir } from './lib/cleanup.mjs';
import { FakeServer } from './lib/fake_server.mjs';
import { leave_nothing_behind } from './lib/leave_nothing_behind.mjs';
import { start_postern } from './lib/postern.mjs';
import { Bench, from_server, message, texts_in } from './lib/probe.mjs';
import { Child } from './lib/process.mjs';
import { exchange, post, request } from './lib/raw_http.mjs';
import { deadline, until } from './lib/wait.mjs';

const limits = { header_timeout: 2, body_timeout: 2, write_timeout: 2, keepalive_timeout: 3, handshake_timeout: 2, max_connections_per_address: 0 };

// Talks on while `attack` runs; the longest wait for an answer that was due at once, in milliseconds.
async function talk_during(pair, attack) {
  let over = false;
  attack.finally(() => (over = true)).catch(() => {}); // who awaits the attack hears of it
  let longest = 0;
  for (let n = 0; !over || n < 3; n++) {
    const held = await pair.session.send({ payload: message(`${n}`) });
    const begun = performance.now();
    pair.stream.send(from_server(`${n}`));
    const texts = texts_in(await held.answer);
    if (texts.length === 0) continue; // released by an earlier poll
    assert.deepEqual(texts, [`${n}`]);
    longest = Math.max(longest, performance.now() - begun);
    await new Promise((resolve) => {
      setTimeout(resolve, 20);
    });
  }
  await attack;
  return longest;
}

// Requests that are answered at once, and who they are answered to reads nothing yet.
const kinds = [['GET /http-bind', 200], ['OPTIONS /http-bind', 204], ['GET /nothing', 404]];
const kind_of = (i) => kinds[i % 40 < 38 ? 0 : (i % 40) - 37];
const pipeline = (count, fields = '') =>
  Array.from({ length: count }, (_, i) => `${kind_of(i)[0]} HTTP/1.1\r\nHost: x\r\n${fields}\r\n`).join('');

// Every answer of a pipeline, in its order, though the client reads nothing until everybody else has had his turn. It closes its half
// behind the last request, as old proxies do (E-35).
async function all_are_answered(socket, bench) {
  const count = 8000, chunks = [];
  const closed = new Promise((resolve, reject) => {
    socket.on('data', (chunk) => chunks.push(chunk)).once('end', resolve).once('error', reject);
  });
  socket.pause(); // again: who listens reads
  socket.end(`${pipeline(count)}GET /nothing HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`);
  for (let i = 0; i < 50; i++) await bench.round_trip();
  socket.resume();
  await deadline(closed, 20_000, 'the last answer ends the connection');
  const received = Buffer.concat(chunks).toString('latin1');
  let at = 0;
  for (let i = 0; i <= count; i++) {
    const end = received.indexOf('\r\n\r\n', at) + 4;
    const head = received.slice(at, end);
    assert.equal(Number(head.slice(9, 12)), i === count ? 404 : kind_of(i)[1], `answer ${i} of ${count}`);
    at = end + Number(/^Content-Length: (\d+)/mi.exec(head)?.[1] ?? 0);
  }
  assert.equal(at, received.length);
  socket.destroy();
}

describe('slow clients', () => {
  const root = temp_dir('slow');
  writeFileSync(join(root, 'piece.bin'), randomBytes(60_000));
  const bench = Bench.around({ limits, statics: [{ path: '/files', root }] });

  const descriptors = () => readdirSync(`/proc/${bench.postern.pid}/fd`).length;
  const attacks = {
    'in the header (slow loris)': ['-H'],
    'in the body': ['-B', '-s', '8192'],
    'in reading': ['-X', '-w', '1', '-y', '8', '-n', '5', '-z', '1', '-k', '3'],
  };
  for (const [where, options] of Object.entries(attacks)) {
    it(`${where}: slowhttptest finds the service available, and its connections are closed (H-015)`, async () => {
      const pair = await bench.pair();
      const before_it = descriptors(), lines = bench.postern.child.lines.length;
      const child = new Child('slowhttptest', ['slowhttptest', ...options, '-c', '300', '-r', '300', '-i', '1', '-l', '7', '-p', '2',
        '-u', `http://127.0.0.1:${bench.port}/http-bind`], { cwd: temp_dir('slowhttptest') });
      const closed = (async () => {
        await until(() => descriptors() > before_it + 200, 8000, 'they are there');
        await until(() => descriptors() < before_it + 10, 8000, () => `they are closed: ${descriptors() - before_it} are left`);
        return child.running;
      })();
      const [longest, was_running] = await Promise.all([talk_during(pair, child.exited), closed]);
      assert.ok(longest < 2000, `an answer took ${longest} ms`);
      const said = child.output.replaceAll(/\x1b\[[0-9;]*[A-Za-z]/g, '');
      assert.doesNotMatch(said, /service available:\s+NO/);
      assert.match(said, /service available:\s+YES/);
      if (where === 'in reading') { // what it has not read of them it does not hear that they have ended
        assert.ok(was_running, 'it was postern who closed them');
      } else {
        assert.match(said, /Exit status: No open connections left/);
        const refused = bench.postern.child.lines.slice(lines).filter((line) => line.includes('refused: not complete in time'));
        assert.equal(refused.length, 300);
      }
    });
  }

  it('whoever is refused does not fill the log', async () => {
    const connection = await bench.connect();
    const count = 2000, begun = bench.postern.child.lines.length;
    connection.write(post('/http-bind', 'x').toString().repeat(count));
    for (let i = 0; i < count; i++) await connection.read_answer();
    connection.destroy();
    await bench.postern.child.line(/Z debug .*refused: /, 5000, begun); // as nobody has it by default
    const told = (lines) => lines.filter((line) => /Z info .*refused/.test(line)).length;
    const all = bench.postern.child.lines;
    assert.ok(told(all) > 0, 'some are told, be it of those who were too slow before');
    assert.ok(told(all.slice(begun)) <= 200, `${told(all.slice(begun))} lines`); // of two half minutes at most
  });

  it('a pipeline is answered to its end, and not before its answers are read (H-011)', async () => {
    await all_are_answered(tcp_connect({ port: bench.port, host: '127.0.0.1', allowHalfOpen: true }), bench);
  });

  it('pipelines whose answers nobody reads are not read either, and disturb nobody (H-011)', async () => {
    const pair = await bench.pair();
    const before_it = bench.memory();
    bench.forget_peak();
    const page = pipeline(90_000);
    const file = 'GET /files/piece.bin HTTP/1.1\r\nHost: x\r\n\r\n'.repeat(6000);
    const closed = [page, file, file, file].map((bytes) => new Promise((resolve) => {
      const socket = tcp_connect({ port: bench.port, host: '127.0.0.1' }).pause();
      socket.on('error', () => {}).once('close', resolve);
      socket.write(bytes);
      // What is not read of the answers does not put off their deadline, nor do more requests.
      const more = setInterval(() => socket.write(file), 100);
      socket.once('close', () => clearInterval(more));
    }));
    const longest = await talk_during(pair, deadline(Promise.all(closed), 10_000, 'all are given up'));
    assert.ok(longest < 1000, `an answer took ${longest} ms`);
    if (before_it === null) return;
    assert.ok(bench.peak() < before_it + 16 * 1024 * 1024, `${before_it} bytes before, ${bench.peak()} at the worst`);
  });
});

describe('answers that nobody reads', () => {
  // Each more than the system takes off our hands; and nothing but write_timeout could end its connection.
  const size = 6 << 20;
  const bench = Bench.around({ limits: { ...limits, keepalive_timeout: 60, max_stanza_bytes: 2 * size },
    bosh: { max_response_bytes: 2 * size, queue_high: 2 * size, queue_cap: 4 * size } });

  it('end with their time, whoever comes again gets them, and their memory comes back', async () => {
    const descriptors = () => readdirSync(`/proc/${bench.postern.pid}/fd`).length;
    const crowd = [];
    for (let i = 0; i < 4; i++) crowd.push(await bench.pair());
    const before_it = { descriptors: descriptors(), memory: bench.memory() };
    for (const pair of crowd) {
      pair.held = await pair.session.send();
      pair.held.connection.socket.pause();
    }
    await bench.still_held(...crowd.map(({ held }) => held));
    const begun = Date.now();
    for (const [i, { stream }] of crowd.entries()) stream.send(from_server(`${i}${'x'.repeat(size)}`));
    if (before_it.memory !== null) await until(() => bench.memory() > before_it.memory + 4 * size, 1500, 'they are there');
    await bench.round_trip();
    await until(() => descriptors() <= before_it.descriptors, 8000, 'the connections are given up');
    const took = Date.now() - begun;
    assert.ok(took > 1900 && took < 6000, `${took} ms`);
    for (const [i, { session, held }] of crowd.entries()) {
      held.connection.destroy();
      assert.deepEqual(texts_in(await session.ask({ rid: held.rid })), [`${i}${'x'.repeat(size)}`]);
      // Two more requests prove it, so that it need not be kept for repeats.
      const [one, two] = [await session.send(), await session.send()];
      await one.answer;
      await session.ask({ attributes: { type: 'terminate' } });
      await two.answer;
    }
    if (before_it.memory === null) return;
    await until(() => bench.memory() < before_it.memory + (4 << 20), 5000, () => `${bench.memory() - before_it.memory} bytes more`);
  });
});

describe('TLS handshakes', () => {
  const world = {};
  before(async () => {
    const authority = await Authority.create('slow');
    world.certificate = await authority.good('localhost', 'postern.test');
    world.server = await FakeServer.start();
    world.postern = await start_postern({ threads: 1, limits, domains: [{ name: 'postern.test', server: `127.0.0.1:${world.server.port}`, tls: 'none' }],
      listen: [{ address: '127.0.0.1:0', certificate: world.certificate.certificate, key: world.certificate.key }] });
    world.tls = { ca: readFileSync(world.certificate.trust), servername: 'localhost' };
  });
  after(() => stop_all(world.postern, world.server));

  it('a pipeline is answered to its end over TLS, and not before its answers are read (H-011)', async () => {
    const bench = Object.assign(new Bench(), { round_trip: () => exchange(world.postern.port, request('GET', '/http-bind'), { connection: { tls: world.tls } }) });
    const socket = tls_connect({ port: world.postern.port, host: '127.0.0.1', allowHalfOpen: true, ...world.tls });
    await all_are_answered(socket, bench);
  });

  const start_of_hello = Buffer.from('16030100f8010000f40303', 'hex');
  const kinds = {
    'that never begin': () => Buffer.alloc(0),
    'that stop in the middle of the first message': () => start_of_hello,
    'of a record that is too long': () => Buffer.from('160301ffff', 'hex'),
    'of garbage': (i) => Buffer.from(Array.from({ length: 600 }, (_, j) => (i * 31 + j * 7919) & 255)),
    'of plain HTTP': () => Buffer.from('GET / HTTP/1.1\r\nHost: x\r\n\r\n'),
    'of SSL 2': () => Buffer.from('802e0100020015000000100100800200800300800400800500800600400700c0', 'hex'),
    'that are cut': () => null,
  };

  // Each is gone when postern closes it.
  const raw = (bytes) => Array.from({ length: 300 }, (_, i) => {
    const socket = tcp_connect({ port: world.postern.port, host: '127.0.0.1' });
    socket.on('error', () => {});
    socket.resume();
    socket.once('connect', () => {
      const first = bytes(i);
      if (first === null) socket.resetAndDestroy();
      else if (first.length > 0) socket.write(first);
    });
    return new Promise((resolve) => {
      socket.once('close', resolve);
    });
  });

  // While `flood` goes on a session on the same listener and thread is answered as ever, and then nothing is left of it.
  async function disturbs_nobody(flood) {
    const session = await BoshSession.create(world.postern.port, { tls: world.tls });
    const stream = await world.server.accept();
    const descriptors = () => readdirSync(`/proc/${world.postern.pid}/fd`).length;
    const before_it = descriptors(), lines = world.postern.child.lines.length;
    const longest = await talk_during({ session, stream }, flood());
    assert.ok(longest < 2000, `an answer took ${longest} ms`);
    await until(() => descriptors() <= before_it, 8000, 'every connection is closed');
    world.postern.assert_running();
    assert.deepEqual(world.postern.child.lines.slice(lines).filter((line) => /Z (warning|error) /.test(line)), [], 'nothing that an operator could mend');
  }

  for (const [what, bytes] of Object.entries(kinds)) {
    it(`300 ${what} disturb nobody, and are gone after their time`, () => disturbs_nobody(() => Promise.all(raw(bytes))));
  }

  // What OpenSSL would say first, for which the server has to calculate and to sign.
  async function complete_hello() {
    const server = createServer();
    await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
    const client = tls_connect({ port: server.address().port, host: '127.0.0.1', ...world.tls });
    client.on('error', () => {});
    const socket = await new Promise((resolve) => server.once('connection', resolve));
    const hello = await new Promise((resolve) => socket.once('data', resolve));
    client.destroy();
    socket.destroy();
    server.close();
    return hello;
  }

  it('300 whole first messages whose answers nobody reads disturb nobody', async () => {
    const hello = await complete_hello();
    const sockets = [];
    await disturbs_nobody(async () => {
      for (let i = 0; i < 300; i++) {
        const socket = tcp_connect({ port: world.postern.port, host: '127.0.0.1' });
        sockets.push(socket);
        socket.on('error', () => {});
        socket.pause();
        socket.write(hello);
      }
      await Promise.all(sockets.map((socket) => socket.connecting && new Promise((resolve) => socket.once('connect', resolve))));
    });
    // The server's part of the handshake is there: it has calculated and signed for each.
    const answers = await Promise.all(sockets.map((socket) => new Promise((resolve) => {
      socket.once('data', resolve).once('close', () => resolve('')).resume();
    })));
    for (const answer of answers) assert.ok(answer.length > 600 && answer[0] === 0x16, `${answer.length} bytes`);
    for (const socket of sockets) socket.destroy();
  });

  const after_the_handshake = { 'and then say nothing': () => {}, 'and are cut': (tls) => tls.destroy() };
  for (const [what, then] of Object.entries(after_the_handshake)) {
    it(`300 handshakes that come to their end ${what} disturb nobody`, () => disturbs_nobody(async () => {
      let left = 300;
      // Each next one when one is through: as many as one address can bring about.
      await Promise.all(Array.from({ length: 30 }, async () => {
        const closed = [];
        while (left-- > 0) {
          const tls = tls_connect({ port: world.postern.port, host: '127.0.0.1', ...world.tls });
          tls.on('error', () => {});
          tls.resume();
          closed.push(new Promise((resolve) => tls.once('close', resolve)));
          await new Promise((resolve, reject) => {
            tls.once('secureConnect', resolve);
            tls.once('close', () => reject(new Error('closed within its handshake')));
          });
          then(tls);
        }
        await Promise.all(closed);
      }));
    }));
  }
});

leave_nothing_behind();
