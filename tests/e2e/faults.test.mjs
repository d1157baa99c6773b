// The server fails in the later states of its life. What the browser is told, what the log says, and that everybody else goes on
// (U-005...U-021, B-050). The earlier states are in scripted.test.mjs.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { log_in } from './lib/bosh.mjs';
import { stop_all } from './lib/cleanup.mjs';
import { answer_client, answer_header, answer_sasl, bind_feature, FakeServer, features, header, mechanisms,
  starttls_feature } from './lib/fake_server.mjs';
import { leave_nothing_behind } from './lib/leave_nothing_behind.mjs';
import { start_postern } from './lib/postern.mjs';
import { assert_empty, assert_terminated, auth, authenticate, Bench, create, end_in_log, from_server, message, restart,
  texts_in } from './lib/probe.mjs';
import { sockets_of } from './lib/tcp_table.mjs';
import { at_rest, until } from './lib/wait.mjs';
import { ns } from './lib/xml.mjs';

const bind = { payload: `<iq xmlns='jabber:client' type='set' id='b'><bind xmlns='${ns.bind}'/></iq>` };

describe('a server that is busy', () => {
  const bench = Bench.around({ script: { on_element: answer_client }, domain: { answer_timeout: 20 }, limits: { tcp_user_timeout: 1 } });

  it('reads nothing for longer than tcp_user_timeout, but acknowledges: its sessions live on', async () => {
    const { session, stream } = await bench.pair();
    await authenticate({ session, stream });
    stream.socket.pause();
    const text = 'x'.repeat(50_000);
    let held = await session.send();
    for (let i = 0; i < 40; i++) {
      const before = held;
      held = await session.send({ payload: message(`${i} ${text}`) });
      await before.answer;
    }
    let since; // it has nothing but the timer by which it asks whether there is room again
    await until(() => {
      if (!sockets_of(stream.socket.remotePort, bench.server.port).some(({ timer }) => timer === '04')) since = undefined;
      else since ??= Date.now();
      return Date.now() - since > 3000;
    }, 15_000, 'the kernel has found no room for three seconds');
    stream.socket.resume();
    await stream.element((xml) => xml.includes('>39 x'), 10_000);
    stream.send(from_server('still here'));
    assert.deepEqual(texts_in(await held.answer), ['still here']);
  });
});

describe('a server that hangs late', () => {
  const script = { on_element: answer_sasl, on_header: answer_header };
  const bench = Bench.around({ script, domain: { negotiation_timeout: 1.5, connect_timeout: 1.5, keepalive: 1, answer_timeout: 1 } });

  it('after its success: the restart comes to nothing, and that in time', async () => {
    const pair = await bench.pair();
    script.on_header = () => {};
    assert.equal((await pair.session.ask(auth)).children[0].local, 'success');
    const body = await pair.session.ask(restart);
    assert_terminated(body, 'remote-connection-failed');
    await bench.postern.child.line(/warning session .* ended .*: (server unreachable|connection to the server lost): .*time/);
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

  it('at the bind: the session is as alive as its browser, and ends with it', async () => {
    const pair = await bench.pair();
    await authenticate(pair);
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

  // With a message that it does not confirm: scripted_management.test.mjs.
  it('after the bind, while nobody says anything: it is asked for a sign of life, and given up without one (U-066)', async () => {
    const offered = ({ authenticated }) => (authenticated ? `${bind_feature}<sm xmlns='${ns.sm}'/>` : mechanisms);
    script.on_header = (stream) => stream.send(header() + features(offered(stream)));
    script.on_element = (stream, event) =>
      (event.name === 'enable' ? !!stream.send(`<enabled xmlns='${ns.sm}'/>`) : answer_client(stream, event));
    const { session, stream } = await bench.pair();
    await log_in(session, 'alice', 'secret', 'web');
    const held = await session.send();
    await stream.element((xml) => xml.startsWith('<r '));
    assert_terminated(await held.answer, 'remote-connection-failed');
    await end_in_log(bench, /warning .*: connection to the server lost: the server does not answer /, session);
    Object.assign(script, { on_element: answer_sasl, on_header: answer_header });
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
      await postern.child.line(/warning session .* ended .*: server unreachable: /);
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
      await authenticate(pair);
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
    await authenticate(await bench.pair());
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
    await bench.postern.child.line(/connection to the server lost: .*(large|limit|long)/);
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
    const waiting = await at_rest(() => sick.stream.socket.writableLength);
    assert.ok(waiting > 30 << 20, `${waiting} bytes wait at the server`);
    if (before_it !== null) assert.ok(bench.memory() - before_it < 24 << 20, `${(bench.memory() - before_it) >> 20} MB more`);
    sick.stream.reset();
  });
});

leave_nothing_behind();
