// The way to the server fails: DNS, and a network that swallows what is sent. What the browser is told, what the log says, and that
// everybody else goes on (U-001...U-008, B-050, W-034).
import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { createServer } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { BlackHole } from './lib/black_hole.mjs';
import { BoshSession } from './lib/bosh.mjs';
import { stop_all } from './lib/cleanup.mjs';
import { FakeServer, features, header, mechanisms } from './lib/fake_server.mjs';
import { leave_nothing_behind } from './lib/leave_nothing_behind.mjs';
import { free_port } from './lib/ports.mjs';
import { postern_binary, sanitizer_env, start_postern } from './lib/postern.mjs';
import { run } from './lib/process.mjs';
import { assert_terminated, create, from_server, texts_in } from './lib/probe.mjs';
import { assert_refused } from './lib/probe_websocket.mjs';
import { until } from './lib/wait.mjs';
import { open_element, WebSocketClient } from './lib/websocket.mjs';

describe('DNS', () => {
  // answer(send, query) sends what it likes, over UDP and, to whom that does not suffice, over TCP.
  async function dns_server(answer) {
    const with_length = (reply) => Buffer.concat([Buffer.from([reply.length >> 8, reply.length & 255]), reply]);
    const tcp = createServer((connection) => connection.on('error', () => {}).on('data', (data) => {
      for (let at = 0; at < data.length; at += 2 + data.readUInt16BE(at)) {
        answer((reply) => connection.write(with_length(reply)), data.subarray(at + 2, at + 2 + data.readUInt16BE(at)));
      }
    }));
    await new Promise((resolve) => tcp.listen(0, '127.0.0.1', resolve));
    const udp = createSocket('udp4');
    udp.on('message', (query, from) => answer((reply) => udp.send(reply, from.port, from.address), query));
    const bound = await new Promise((resolve) => {
      udp.once('error', () => resolve(false)).bind(tcp.address().port, '127.0.0.1', () => resolve(true));
    });
    const close = () => [tcp, udp].forEach((socket) => socket.close());
    if (bound) return { port: tcp.address().port, close };
    close(); // somebody else's port, by chance
    return dns_server(answer);
  }

  async function with_dns(answer, settings, test, { dns_timeout = 1.5, domains = [] } = {}) {
    const dns = await dns_server(answer);
    const postern = await start_postern({ threads: 1, server: { dns: [`127.0.0.1:${dns.port}`], dns_timeout },
      domains: [{ name: 'postern.test', ...settings }, ...domains] });
    try {
      await test(postern);
    } finally {
      await postern.stop();
      dns.close();
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
  const srv_to = (port, priority = 5) =>
    record(33, Buffer.concat([Buffer.from([0, priority, 0, 0, port >> 8, port & 255]), Buffer.from('\x04host\x07postern\x04test\0')]));

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

  it('whose first server swallows what is sent: the next one is found when connect_timeout is over (U-001, U-005)', async () => {
    const [hole, server] = [await BlackHole.start(), await FakeServer.start()];
    const answer = (send, query) => {
      const type = type_of(query);
      if (type === 1) send(reply_to(query, 0x8180, [address('127.0.0.1')]));
      else send(reply_to(query, 0x8180, type === 33 && query.includes('_xmpp-client') ? [srv_to(server.port, 9), srv_to(hole.port, 5)] : []));
    };
    await with_dns(answer, { tls: 'none', allow_plaintext: true, private_addresses: true, connect_timeout: 1 }, async (postern) => {
      const begun = Date.now();
      const [session] = await Promise.all([BoshSession.create(postern.port), server.accept()]);
      assert.equal(session.created.type, undefined, session.created.xml);
      assert.ok(Date.now() - begun > 900, 'the first one comes first');
    });
    await stop_all(server, hole);
  });

  it('with two servers: `postern check` ends as a session does, and goes on to the second where that goes on', async () => {
    const good = await FakeServer.start({ on_header: (stream) => stream.send(header() + features(mechanisms)) });
    const closes = await FakeServer.start({ on_header: (stream) => stream.end() });
    const nobody = await free_port();
    for (const [first, works] of [[nobody, true], [closes.port, false], [good.port, true]]) {
      const answer = (send, query) => {
        const type = type_of(query);
        if (type === 1) send(reply_to(query, 0x8180, [address('127.0.0.1')]));
        else send(reply_to(query, 0x8180, type === 33 && query.includes('_xmpp-client') ? [srv_to(first, 5), srv_to(good.port, 9)] : []));
      };
      await with_dns(answer, { tls: 'none', allow_plaintext: true, private_addresses: true }, async (postern) => {
        const { created } = await BoshSession.create(postern.port);
        assert.equal(created.type, works ? undefined : 'terminate', created.xml);
        const { code, stdout } = await run([postern_binary, 'check', 'postern.test', '--config', postern.config], { env: sanitizer_env });
        assert.equal(code, works ? 0 : 1, stdout);
      });
    }
    await stop_all(good, closes);
  });

  // Each with what the log says of it.
  const lies = {
    'says nothing': [() => {}, 'DNS did not answer in time'],
    'fails': [(send, query) => send(reply_to(query, 0x8182)), 'SRV of postern.test: Could not contact DNS servers'],
    'refuses': [(send, query) => send(reply_to(query, 0x8185)), 'SRV of postern.test: Could not contact DNS servers'],
    'knows no such name': [(send, query) => send(reply_to(query, 0x8183)), 'postern.test: Domain name not found'],
    'answers questions that nobody asked': [(send, query) => send(reply_to(query, 0x8180, [address('127.0.0.1')], 1 ^ query.readUInt16BE(0))),
      'DNS did not answer in time'],
    'answers with bytes': [(send, query) => send(Buffer.concat([query.subarray(0, 2), Buffer.alloc(400, 0xc0)])), 'DNS did not answer in time'],
    'answers with a name that goes in circles': [(send, query) => send(reply_to(query, 0x8180, [srv(loop)])), 'SRV of postern.test: broken answer'],
    // Too many for a packet, so it is asked again over TCP.
    'answers with 4 000 addresses': [(send, query) =>
      send(reply_to(query, 0x8180, Array.from({ length: 4000 }, (_, i) => address(`10.0.${i >> 8}.${i & 255}`)))),
      'postern.test [10.0.0.0]: the address is private; postern.test [10.0.0.1]: the address is private; '],
    'points to the machine itself': [(send, query) => send(type_of(query) === 1 ? reply_to(query, 0x8180, [address('127.0.0.1')]) : reply_to(query, 0x8180)),
      'postern.test [127.0.0.1]: the address is loopback'],
    'points into the network behind': [(send, query) =>
      send(type_of(query) === 1 ? reply_to(query, 0x8180, [address('192.168.1.1'), address('169.254.169.254')]) : reply_to(query, 0x8180)),
      'postern.test [192.168.1.1]: the address is private; postern.test [169.254.169.254]: the address is link-local'],
  };
  for (const [how, [answer, why]] of Object.entries(lies)) {
    it(`that ${how}: remote-connection-failed in time, and why in the log (U-001...U-007)`, async () => {
      await with_dns(answer, { tls: 'starttls' }, async (postern) => {
        const begun = Date.now();
        assert_terminated(await create(postern.port), 'remote-connection-failed');
        assert.ok(Date.now() - begun < 6000, `${Date.now() - begun} ms`);
        const [, said] = await postern.child.line(
          /warning session .* ended .*: server unreachable: no address of the server found: (.*) \(remote-connection-failed\)/);
        // Whole, but for a list that is cut.
        assert.ok(how.includes('4 000') ? said.startsWith(why) && said.length < 500 : said === why, said);
      });
    });
  }
});

describe('a network that swallows what is sent', () => {
  let hole;
  let server;
  let postern;
  before(async () => {
    [hole, server] = [await BlackHole.start(), await FakeServer.start()];
    const to = (name, { port }, connect_timeout = 1) => ({ name, server: `127.0.0.1:${port}`, tls: 'none', connect_timeout });
    postern = await start_postern({ threads: 1, domains: [to('postern.test', hole), to('beside.test', server), to('patient.test', hole, 20)] });
  });
  after(() => stop_all(postern, server, hole));

  const why = /warning session .* ended .*: server unreachable: .*no answer in time/;

  it('over BOSH: remote-connection-failed when connect_timeout is over, and others do not wait for it', async () => {
    const [since, begun] = [postern.child.lines.length, Date.now()];
    const lost = create(postern.port);
    const beside = await BoshSession.create(postern.port, { attributes: { to: 'beside.test' } });
    assert.equal(beside.created.type, undefined);
    assert.ok(Date.now() - begun < 900, 'nobody waits for somebody else\'s server');
    assert_terminated(await lost, 'remote-connection-failed');
    const took = Date.now() - begun;
    assert.ok(took > 900 && took < 4000, `${took} ms`);
    await postern.child.line(why, 5000, since);
  });

  it('over WebSocket: open, remote-connection-failed, close (W-034)', async () => {
    const since = postern.child.lines.length;
    const client = await WebSocketClient.open(postern.port);
    client.send(open_element());
    assert.match(await client.message(), /^<open /);
    await assert_refused(client, 'remote-connection-failed', 1000);
    await postern.child.line(why, 5000, since);
  });

  it('a client that leaves meanwhile leaves nothing waiting', async () => {
    const since = postern.child.lines.length;
    const client = await WebSocketClient.open(postern.port);
    client.send(open_element('patient.test')); // whose connect_timeout is longer than this waits
    client.http.socket.destroy();
    await postern.child.line(/session .* for patient\.test ended /, 5000, since);
  });
});

leave_nothing_behind();
