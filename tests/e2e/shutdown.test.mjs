// SIGTERM, SIGINT and SIGHUP with sessions alive: everybody is told, streams end cleanly, exit code 0 within the bound (E-45).
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { open, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { BoshSession, log_in, read_body } from './lib/bosh.mjs';
import { Buddy } from './lib/buddy.mjs';
import { Authority } from './lib/certs.mjs';
import { stop_all, temp_dir } from './lib/cleanup.mjs';
import { answer_client, answer_sasl, bind_feature, FakeServer, features, header, mechanisms } from './lib/fake_server.mjs';
import { leave_nothing_behind } from './lib/leave_nothing_behind.mjs';
import { postern_binary, sanitizer_env, start_postern, toml } from './lib/postern.mjs';
import { assert_terminated, from_server, message, texts_in } from './lib/probe.mjs';
import { Child, run } from './lib/process.mjs';
import { exchange, HttpConnection, post } from './lib/raw_http.mjs';
import { servers } from './lib/servers.mjs';
import { start_gateway } from './lib/target.mjs';
import { until } from './lib/wait.mjs';
import { WebSocketClient } from './lib/websocket.mjs';
import { ns } from './lib/xml.mjs';

async function bench(settings = {}, script = {}) {
  const server = await FakeServer.start({ on_element: answer_sasl, ...script });
  const domains = [{ name: 'postern.test', server: `127.0.0.1:${server.port}`, tls: 'none' }];
  const postern = await start_postern({ threads: 1, domains, ...settings });
  const pair = async (creation) => {
    const [session, stream] = await Promise.all([BoshSession.create(postern.port, creation), server.accept()]);
    return { session, stream };
  };
  return { server, postern, pair, domains };
}

describe('SIGTERM', () => {
  it('ends held requests with system-shutdown and streams with </stream:stream>', async () => {
    const { server, postern, pair } = await bench();
    const pairs = [];
    for (let i = 0; i < 20; i++) pairs.push(await pair());
    const held = await Promise.all(pairs.map(({ session }) => session.send({ payload: message('hello') })));
    await Promise.all(pairs.map(({ stream }) => stream.element()));
    const [end] = await Promise.all([
      postern.stop(),
      ...held.map(async ({ answer }) => assert_terminated(await answer, 'system-shutdown')),
      ...pairs.map(({ stream }) => stream.event('close')),
    ]);
    assert.ok(end.took < 5000, `${end.took} ms with nothing to wait for`);
    await server.stop();
  });

  it('tells a session that has nothing held, when it asks in the meantime; refuses new ones', async () => {
    // A server that does not answer the stream end keeps the drain open for the closing time-out.
    const { server, postern, pair } = await bench({ server: { shutdown_grace: 3 } }, { on_close: null });
    const { session, stream } = await pair();
    const other = await pair();
    const kept = await HttpConnection.open(postern.port);
    const creating = await HttpConnection.open(postern.port);
    const busy = await other.session.send();
    await exchange(postern.port, post('/http-bind', 'x'));
    const stopped = postern.stop();
    await stream.event('close');
    assert_terminated(await busy.answer, 'system-shutdown');
    kept.write(post('/http-bind', session.text()));
    creating.write(post('/http-bind', BoshSession.creation()));
    const answers = await Promise.allSettled([kept.read_answer(), creating.read_answer()]);
    assert.ok(answers.some(({ status }) => status === 'fulfilled'));
    for (const { status, value } of answers) if (status === 'fulfilled') assert_terminated(read_body(value), 'system-shutdown');
    const { took } = await stopped;
    assert.ok(took < 5000, `${took} ms`);
    await server.stop();
  });

  it('does not wait for a server that hangs, nor for a client that does not read', async () => {
    const server = await FakeServer.start({ on_element: answer_sasl, on_close: null });
    const postern = await start_postern({ threads: 2, server: { shutdown_grace: 2 },
      domains: [{ name: 'postern.test', server: `127.0.0.1:${server.port}`, tls: 'none', closing_timeout: 60 }] });
    const [session, stream] = await Promise.all([BoshSession.create(postern.port), server.accept()]);
    const held = await session.send();
    held.connection.socket.pause();
    stream.send(from_server('x'.repeat(3_000_000)));
    await exchange(postern.port, post('/http-bind', 'x'));
    const { took } = await postern.stop(8000);
    assert.ok(took < 4000, `${took} ms`);
    held.connection.destroy();
    await server.stop();
  });

  it('tells a server that is still being read what it answers for, and that it ends (X-051)', async () => {
    const { server, postern, pair } = await bench({ server: { shutdown_grace: 1 } }, {
      on_close: null,
      on_header: (stream) => stream.send(header() + features(stream.authenticated ? `${bind_feature}<sm xmlns='${ns.sm}'/>` : mechanisms)),
      on_element: answer_client,
    });
    const { session, stream } = await pair();
    await log_in(session, 'alice', 'secret', 'web');
    await stream.element((xml) => xml.startsWith('<enable'));
    stream.send(`<enabled xmlns='${ns.sm}'/>`);
    const many = (from) => Array.from({ length: 150 }, (_, i) => from_server(`m${from + i}`)).join('');
    stream.send(many(1));
    while (!(await session.ask()).xml.includes('>m150<'));
    const stopped = postern.stop();
    await stream.element((xml) => xml.startsWith('<r'));
    stream.send(many(151));
    await stream.event('close');
    const { took } = await stopped;
    assert.ok(took < 4000, `${took} ms`);
    assert.match(stream.raw, /<a xmlns='urn:xmpp:sm:3' h='\d+'\/><message [^>]*to='bob@postern.test'><error .*<\/stream:stream>$/);
    await server.stop();
  });

  it('ends at once when asked twice', async () => {
    const { server, postern, pair } = await bench({ server: { shutdown_grace: 60 } }, { on_close: null });
    const { stream } = await pair();
    postern.child.process.kill('SIGTERM');
    await stream.event('close');
    const begun = Date.now();
    await postern.stop(5000);
    assert.ok(Date.now() - begun < 1500);
    await server.stop();
  });

  it('during 200 creations at once ends all the same', async () => {
    const { server, postern } = await bench({}, { on_header: () => {} });
    const creations = Array.from({ length: 200 }, () => BoshSession.create(postern.port)
      .then(({ created }) => created.condition, () => 'cut'));
    for (let i = 0; i < 20; i++) await server.accept();
    const { took } = await postern.stop();
    assert.ok(took < 5000, `${took} ms`);
    for (const condition of await Promise.all(creations)) assert.match(condition, /^(system-shutdown|remote-connection-failed|cut)$/);
    await server.stop();
  });

  it('is also what Ctrl-C does', async () => {
    const { server, postern, pair } = await bench();
    const { session } = await pair();
    const held = await session.send();
    await exchange(postern.port, post('/http-bind', 'x'));
    postern.child.process.kill('SIGINT');
    assert_terminated(await held.answer, 'system-shutdown');
    assert.equal((await postern.child.exited).code, 0);
    await server.stop();
  });

  for (const kind of servers) {
    it(`leaves no ghost behind on ${kind.server_name}`, async () => {
      const authority = await Authority.create();
      const server = await kind.start({ tls: await authority.good('postern.test', 'rooms.postern.test') });
      const buddy = await Buddy.connect(server, 'bob');
      buddy.presence();
      const gateway = await start_gateway(server);
      if (gateway.child) {
        const session = await BoshSession.create(gateway.port);
        await log_in(session, 'alice', server.password('alice'), 'web');
        const held = await session.send({ payload: "<presence xmlns='jabber:client'/>" });
        await buddy.event('presence', ({ from, type }) => from === 'alice@postern.test/web' && type === undefined);
        await Promise.all([gateway.stop(), held.answer]);
        await buddy.event('presence', ({ from, type }) => from === 'alice@postern.test/web' && type === 'unavailable');
      }
      await buddy.quit();
      await server.stop();
    });
  }
});

describe('SIGHUP', () => {
  it('a new configuration serves new sessions; old ones go on', async () => {
    const { server, postern, pair, domains } = await bench();
    const { session, stream } = await pair();
    const settings = { server: { log_level: 'debug', threads: 1 }, listen: [{ address: `127.0.0.1:${postern.port}` }],
      domains: [...domains, { ...domains[0], name: 'second.test' }] };
    const loaded = postern.child.line(/configuration loaded anew/);
    await postern.reload(settings);
    await loaded;
    const [second] = await Promise.all([BoshSession.create(postern.port, { attributes: { to: 'second.test' } }), server.accept()]);
    assert.equal(second.created.attributes.from, 'second.test');
    const held = await session.send();
    stream.send(from_server('still here'));
    assert.deepEqual(texts_in(await held.answer), ['still here']);
    await postern.stop();
    await server.stop();
  });

  it('what is read from then on is held to the new limits, with no session left of the old configuration', async () => {
    const { server, postern, pair, domains } = await bench({ limits: { max_depth: 64 } });
    const loaded = postern.child.line(/configuration loaded anew/);
    await postern.reload({ server: { log_level: 'debug', threads: 1 }, listen: [{ address: `127.0.0.1:${postern.port}` }], domains,
      limits: { max_depth: 8 } });
    await loaded;
    const deep = `<message xmlns='jabber:client'>${'<x>'.repeat(20)}${'</x>'.repeat(20)}</message>`;
    const { session } = await pair();
    assert_terminated(await session.ask({ payload: deep }), 'policy-violation');
    const socket = await WebSocketClient.open(postern.port);
    socket.send(deep);
    assert.match(await socket.message(), /^<open /);
    assert.match(await socket.message(), /<policy-violation /);
    await postern.stop();
    await server.stop();
  });

  it('answers are compressed as the new configuration has it', async () => {
    const { server, postern, pair, domains } = await bench({ compression: { level: 1 } });
    const { session, stream } = await pair();
    const text = Array.from({ length: 3000 }, (_, i) => `${i * i % 977} `).join('');
    const bytes = async () => {
      const poll = await session.send({ fields: { 'Accept-Encoding': 'gzip' } });
      stream.send(from_server(text));
      const { answer } = await poll.answer;
      assert.equal(answer.field('content-encoding'), 'gzip');
      return Number(answer.field('content-length'));
    };
    const fast = await bytes();
    const loaded = postern.child.line(/configuration loaded anew/);
    await postern.reload({ server: { log_level: 'debug', threads: 1 }, listen: [{ address: `127.0.0.1:${postern.port}` }], domains,
      compression: { level: 9 } });
    await loaded;
    const small = await bytes();
    assert.ok(small < fast - 50, `${fast}, then ${small} bytes`); // the same text; the level makes 120 bytes
    await stop_all(postern, server);
  });

  it('comes too early, while the configuration is still being read: it is read once more', async () => {
    const pipe = join(temp_dir('early'), 'postern.toml');
    await run(['mkfifo', pipe]);
    const child = new Child('postern', [postern_binary, '--config', pipe], { env: sanitizer_env });
    const text = toml({ domains: [{ name: 'postern.test', server: '127.0.0.1:1', tls: 'none' }] });
    const end = await open(pipe, 'w'); // it has opened the other one
    await until(() => /\) S /.test(readFileSync(`/proc/${child.pid}/stat`, 'utf8')), 5000, () => 'it does not wait for the rest');
    child.process.kill('SIGHUP');
    await end.writeFile(text);
    await end.close();
    await child.line(/listening http:/, 20_000);
    await writeFile(pipe, text);
    await child.line(/configuration loaded anew/);
    assert.equal((await child.stop('SIGTERM', 10_000)).code, 0);
  });

  it('a broken configuration changes nothing but the log', async () => {
    const { server, postern, pair } = await bench();
    const refused = postern.child.line(/configuration not loaded/);
    await postern.reload({ server: { no_such_option: 1 } });
    assert.match((await refused).input, /postern\.toml:\d+: .*no_such_option/);
    const { session } = await pair();
    assert.ok(session.sid);
    await postern.stop();
    await server.stop();
  });
});

leave_nothing_behind();
