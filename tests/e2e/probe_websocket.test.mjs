// WebSocket on the wire: RFC 6455 and RFC 7395 with a client that can be wrong on purpose, and a server made of script: W-001 ...
// W-035, E-41 ... E-45.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { deflateRawSync } from 'node:zlib';
import { answer_sasl, FakeServer } from './lib/fake_server.mjs';
import { leave_nothing_behind } from './lib/leave_nothing_behind.mjs';
import { start_postern } from './lib/postern.mjs';
import { Bench, from_server, message } from './lib/probe.mjs';
import { assert_refused, begin, error_of, log_in } from './lib/probe_websocket.mjs';
import { BoshSession, read_body } from './lib/bosh.mjs';
import { exchange, HttpConnection, post, request } from './lib/raw_http.mjs';
import { until } from './lib/wait.mjs';
import { close_element, frame, framing, opcode, open_element, text, upgrade, WebSocketClient } from './lib/websocket.mjs';
import { find, ns, parse } from './lib/xml.mjs';

const sm = 'urn:xmpp:sm:3';

// Whatever `fits` not is on its way: `what` is there after everything before it.
async function arrives(stream, what) {
  const element = await stream.element((xml) => xml.includes(what));
  return element;
}

describe('handshake', () => {
  const bench = Bench.around({ websocket: { origins: ['https://chat.test'] } });
  const status = async (bytes) => (await bench.exchange(bytes)).status;
  const without = (name) => upgrade('/xmpp-websocket', { fields: { [name]: undefined } });

  it('W-001 xmpp alone is named, whatever else was offered, on both paths', async () => {
    for (const path of ['/xmpp-websocket', '/xmpp-websocket/', '/ws', '/ws/', '/ws?x=1']) {
      const client = await WebSocketClient.open(bench.port, { path, fields: { 'Sec-WebSocket-Protocol': 'chat, xmpp' } });
      assert.equal(client.head.field('sec-websocket-protocol'), 'xmpp');
      assert.equal(client.head.field('sec-websocket-extensions'), undefined);
      client.destroy();
    }
  });

  it('W-002 what cannot be', async () => {
    assert.equal(await status(without('Sec-WebSocket-Protocol')), 400);
    assert.equal(await status(upgrade('/ws', { fields: { 'Sec-WebSocket-Protocol': 'XMPP' } })), 400);
    assert.equal(await status(without('Sec-WebSocket-Key')), 400);
    const old = await bench.exchange(upgrade('/ws', { fields: { 'Sec-WebSocket-Version': '8' } }));
    assert.equal(old.status, 426);
    assert.equal(old.field('sec-websocket-version'), '13');
    const page = await bench.exchange(request('GET', '/xmpp-websocket'));
    assert.equal(page.status, 200);
    assert.match(page.field('content-type'), /^text\/html/);
    assert.equal(await status(post('/xmpp-websocket', 'x')), 405);
    assert.equal(await status(upgrade('/nowhere')), 404);
  });

  it('W-003 Origin', async () => {
    assert.equal(await status(upgrade('/ws', { fields: { Origin: 'https://evil.test' } })), 403);
    const client = await WebSocketClient.open(bench.port, { fields: { Origin: 'https://chat.test' } });
    client.destroy();
  });

  it('frames behind the handshake in one packet are not lost', async () => {
    bench.server.arrivals.clear();
    const client = await WebSocketClient.open(bench.port, { behind: text(open_element()) });
    await bench.server.accept();
    assert.match(await client.message(), /^<open /);
    client.destroy();
  });

  it('behind a held BOSH request the upgrade waits for its answer', async () => {
    const bosh = await BoshSession.create(bench.port);
    const stream = await bench.server.accept();
    const connection = await HttpConnection.open(bench.port);
    connection.write(post('/http-bind', bosh.text()), upgrade());
    stream.send(from_server('x'));
    assert.match((await connection.read_answer()).text, /<body>x<\/body>/);
    assert.equal((await connection.read_head()).status, 101);
    connection.destroy();
  });

  it('an <open/> behind an upgrade behind a held request is no part of the step that answers it', async () => {
    const bosh = await BoshSession.create(bench.port);
    const first = await bench.server.accept();
    const connection = await HttpConnection.open(bench.port);
    connection.write(post('/http-bind', bosh.text()), upgrade(), text(open_element()));
    // One step forwards this, answers both requests and ends the session: none of it may happen to the session that begins.
    const last = await bosh.send({ attributes: { type: 'terminate' }, payload: message('the last of the first') });
    assert.equal(read_body(await connection.read_answer()).type, 'terminate');
    await last.answer;
    assert.equal((await connection.read_head()).status, 101);
    const second = await bench.server.accept();
    await first.event('close');
    const client = WebSocketClient.over(connection);
    assert.match(await client.message(), /^<open /);
    assert.match(await client.message(), /^<stream:features/);
    client.send(message('the first of the second'));
    assert.equal(await second.element(), message('the first of the second'));
    client.destroy();
  });
});

describe('stream', () => {
  const bench = Bench.around({ server: { removed_domains: ['gone.test'] } });

  it('W-020, W-021, W-024 open and features, each a message of its own', async () => {
    const { client, stream, open, features } = await begin(bench);
    assert.equal(open.attributes.xmlns, framing);
    assert.equal(open.attributes.from, 'postern.test');
    assert.equal(open.attributes.version, '1.0');
    assert.equal(open.attributes.id, stream.ids[0]);
    assert.equal(open.attributes['xml:lang'], 'en');
    assert.equal(features.name, 'stream:features');
    assert.equal(features.attributes['xmlns:stream'], ns.streams, 'W-015');
    assert.equal(find(features, 'mechanism').text, 'PLAIN');
    client.destroy();
  });

  it('W-011 an XML declaration is tolerated, and the language reaches the server', async () => {
    const client = await WebSocketClient.open(bench.port);
    bench.server.arrivals.clear();
    client.send(`<?xml version='1.0'?>${open_element('alias.test', " xml:lang='de'")}`);
    const stream = await bench.server.accept();
    await client.message();
    assert.match(stream.headers[0], /to=['"]postern\.test['"]/);
    assert.match(stream.headers[0], /xml:lang=['"]de['"]/);
    client.destroy();
  });

  it('W-029 a restart after SASL, W-010 and W-015 stanzas both ways', async () => {
    const { client, stream } = await log_in(bench);
    assert.equal(stream.headers.length, 2);
    client.send(message('to the server'));
    assert.equal(await stream.element(), message('to the server'));
    client.send('<presence/>');
    assert.match(await stream.element(), /^<presence xmlns='jabber:client'\/>$/);
    stream.send(from_server('to the client'));
    const got = parse(await client.message());
    assert.equal(got.attributes.xmlns, 'jabber:client');
    stream.send(from_server('1') + from_server('2') + from_server('3'));
    for (const n of ['1', '2', '3']) assert.ok((await client.message()).includes(`<body>${n}</body>`));
    client.destroy();
  });

  it('W-026 <close/> is answered, then 1000; the server gets its end', async () => {
    const { client, stream } = await log_in(bench);
    client.send(close_element);
    assert.equal(await client.message(), close_element, 'W-025: the literal string');
    assert.equal(await client.closed(), 1000);
    await stream.event('close');
  });

  it('W-022, W-023 what refuses a stream: open, error, close', async () => {
    const cases = [
      [open_element('nowhere.test'), 'host-unknown'],
      [open_element('gone.test'), 'host-gone'],
      [`<open xmlns='${framing}' version='1.0'/>`, 'improper-addressing'],
      [`<open xmlns='jabber:client' to='postern.test'/>`, 'invalid-namespace'],
      ['<presence/>', 'bad-format'],
      ['<open', 'not-well-formed'],
      ["<!DOCTYPE a><open xmlns='urn:ietf:params:xml:ns:xmpp-framing'/>", 'not-well-formed'],
      ['hello', 'bad-format'],
      [`<stream:stream to='postern.test' xmlns='jabber:client' xmlns:stream='${ns.streams}'>`, 'bad-format'],
    ];
    for (const [first, condition] of cases) {
      const client = await WebSocketClient.open(bench.port);
      client.send(first);
      const open = parse(await client.message());
      assert.equal(open.name, 'open');
      assert.ok(open.attributes.id);
      await assert_refused(client, condition, 1000);
    }
  });

  it('E-44 two elements, half of one, restricted XML, an <open/> too many', async () => {
    for (const [bad, condition] of [
      ['<presence/><presence/>', 'bad-format'],
      ['<message><body>', 'not-well-formed'],
      ['</stream:stream>', 'bad-format'], // the end tag of the draft (W-036), in a stream that did not begin so
      ['<message><!-- x --></message>', 'restricted-xml'],
      [open_element(), 'bad-format'],
    ]) {
      const { client, stream } = await log_in(bench);
      client.send(bad);
      await assert_refused(client, condition, 1000);
      await stream.event('close');
      assert.ok(!stream.raw.includes('<!--') && !stream.raw.includes('<presence'), stream.raw);
    }
  });

  it('W-012 white space between messages is nothing', async () => {
    const { client, stream } = await log_in(bench);
    client.send(' ', '\n', '', message('x'));
    assert.equal(await stream.element(), message('x'));
    client.destroy();
  });

  it('W-033 stream management of the client passes untouched and in order', async () => {
    const { client, stream } = await log_in(bench);
    const sent = [`<enable xmlns='${sm}' resume='true'/>`, message('1'), `<r xmlns='${sm}'/>`, message('2')];
    client.send(...sent);
    for (const expected of sent) assert.equal(await stream.element(), expected);
    stream.send(`<enabled xmlns='${sm}' id='x' resume='true'/>${from_server('a')}<r xmlns='${sm}'/>${from_server('b')}`);
    assert.match(await client.message(), /^<enabled /);
    assert.match(await client.message(), /<body>a</);
    assert.equal(await client.message(), `<r xmlns='${sm}'/>`);
    assert.match(await client.message(), /<body>b</);
    client.destroy();
  });

  it('a first message that never comes', async () => {
    const own = await FakeServer.start({ on_element: answer_sasl });
    const postern = await start_postern({
      threads: 1, limits: { header_timeout: 0.3 },
      domains: [{ name: 'postern.test', server: `127.0.0.1:${own.port}`, tls: 'none' }],
    });
    const client = await WebSocketClient.open(postern.port);
    await client.event('end');
    await postern.stop();
    await own.stop();
  });
});

describe('frames', () => {
  const bench = Bench.around({ limits: { max_body_bytes: 20_000 }, domain: { max_queued_bytes: 65_536 } });
  const big = message('x'.repeat(15_000));
  const pieces = (bytes, size) => {
    const all = Buffer.from(bytes);
    const parts = [];
    for (let at = 0; at < all.length; at += size) parts.push(all.subarray(at, at + size));
    return parts.map((part, i) => frame(i === 0 ? opcode.text : opcode.continuation, part, { fin: i === parts.length - 1 }));
  };

  it('W-013, E-43 fragments with a ping between them', async () => {
    const { client, stream } = await log_in(bench);
    const [first, ...rest] = pieces(big, 1000);
    client.write(first, frame(opcode.ping, 'now'), ...rest);
    assert.equal((await client.event('pong')).payload.toString(), 'now');
    assert.equal(await stream.element(), big);
    client.destroy();
  });

  it('a message of many bytes in every way of cutting it', async () => {
    const { client, stream } = await log_in(bench);
    const awkward = message('é€😀'.repeat(5));
    const bytes = text(awkward);
    for (let cut = 1; cut < bytes.length; cut++) {
      client.write(bytes.subarray(0, cut));
      await new Promise(setImmediate);
      client.write(bytes.subarray(cut));
    }
    for (let cut = 1; cut < bytes.length; cut++) assert.equal(await stream.element(), awkward);
    for (const part of pieces(awkward, 1)) client.write(part);
    assert.equal(await stream.element(), awkward);
    client.destroy();
  });

  it('W-012, W-014 what is no frame of a client: error, <close/>, code', async () => {
    for (const [bytes, condition, code] of [
      [text('<presence/>', { masked: false }), 'bad-format', 1002],
      [text('<presence/>', { rsv: 4 }), 'bad-format', 1002],
      [frame(3, 'x'), 'bad-format', 1002],
      [frame(opcode.continuation, 'x'), 'bad-format', 1002],
      [frame(opcode.ping, 'x'.repeat(126)), 'bad-format', 1002],
      [frame(opcode.ping, 'x', { fin: false }), 'bad-format', 1002],
      [text('x', { length_bytes: 8 }), 'bad-format', 1002],
      [frame(opcode.close, 'x'), 'bad-format', 1002],
      [frame(opcode.close, Buffer.from([0x03, 0xed])), 'bad-format', 1002],
      [frame(opcode.binary, '<presence/>'), 'bad-format', 1003],
      [frame(opcode.text, Buffer.from([0x3c, 0xff])), 'unsupported-encoding', 1007],
      [frame(opcode.text, Buffer.from([0x3c, 0xe2, 0x82])), 'unsupported-encoding', 1007],
    ]) {
      const { client, stream } = await log_in(bench);
      client.write(bytes);
      assert.equal(error_of(await client.message()), condition);
      assert.equal(await client.message(), close_element);
      assert.equal((await client.event('close')).code, code);
      await stream.event('close');
      client.destroy();
    }
  });

  it('W-013, E-42 too large, at once or in parts: policy-violation, <close/>, 1009', async () => {
    const large = message('x'.repeat(21_000));
    for (const parts of [[text(large).subarray(0, 14)], pieces(large, 5000)]) {
      const { client, stream } = await log_in(bench);
      client.write(...parts);
      assert.equal(error_of(await client.message()), 'policy-violation');
      assert.equal(await client.message(), close_element);
      assert.equal((await client.event('close')).code, 1009);
      assert.ok(!stream.raw.includes('<message'));
      client.destroy();
    }
  });

  it('the same before there is a session', async () => {
    const client = await WebSocketClient.open(bench.port);
    client.write(frame(opcode.binary, 'x'));
    assert.equal((await client.event('close')).code, 1003);
    client.destroy();
  });

  it('answers pings of the client and a Close with its code', async () => {
    const { client, stream } = await log_in(bench);
    client.write(frame(opcode.ping, ''), frame(opcode.pong, 'nobody asked'));
    assert.equal((await client.event('pong')).payload.length, 0);
    client.close_frame(4321);
    assert.equal((await client.event('close')).code, 4321);
    await client.event('end');
    await stream.event('close');
  });

  it('a flood of pings from somebody who reads nothing costs no memory', async () => {
    const { client, stream } = await log_in(bench);
    const other = await log_in(bench);
    client.http.socket.pause();
    const flood = Buffer.concat(Array.from({ length: 1000 }, () => frame(opcode.ping, 'x'.repeat(125))));
    const before_it = bench.memory();
    bench.forget_peak();
    for (let i = 0; i < 200; i++) client.write(flood);
    client.send(message('behind them'));
    await stream.element((xml) => xml.includes('behind them'), 20_000);
    if (before_it !== null) assert.ok(bench.peak() < before_it + (2 << 20), `${bench.peak() - before_it} bytes more at the worst`);
    other.client.send(message('and beside them'));
    assert.match(await other.stream.element(), /and beside them/);
    other.client.destroy();
    // Those that were answered, and not all of them: what could not leave was not kept.
    client.http.socket.resume();
    stream.send(from_server('behind the pongs'));
    assert.match((await client.event('message')).text, /behind the pongs/);
    const pongs = client.events.peek(({ event }) => event === 'pong').length;
    assert.ok(pongs > 0 && pongs < 200_000, `${pongs}`);
    client.events.clear();
    client.write(frame(opcode.ping, 'and now'));
    assert.equal((await client.event('pong')).payload.toString(), 'and now');
    client.destroy();
  });

  it('many empty fragments are no message and cost nothing', async () => {
    const { client, stream } = await log_in(bench);
    client.write(frame(opcode.text, '', { fin: false }));
    client.write(Buffer.concat(Array.from({ length: 10_000 }, () => frame(opcode.continuation, '', { fin: false }))));
    client.write(frame(opcode.continuation, message('at last')));
    assert.equal(await stream.element(), message('at last'));
    client.destroy();
  });
});

describe('permessage-deflate (W-004)', () => {
  const bench = Bench.around({ limits: { max_body_bytes: 20_000 }, domain: { max_queued_bytes: 65_536 } });
  const fields = { 'Sec-WebSocket-Extensions': 'permessage-deflate; client_max_window_bits' };
  const deflate = (xml) => deflateRawSync(Buffer.from(xml), { finishFlush: 2 }).subarray(0, -4);

  it('both ways; small messages as they are', async () => {
    const { client, stream } = await log_in(bench, { fields });
    assert.equal(client.head.field('sec-websocket-extensions'),
      'permessage-deflate; server_no_context_takeover; client_no_context_takeover');
    const long = message('compress me '.repeat(100));
    for (let i = 0; i < 3; i++) {
      client.write(frame(opcode.text, deflate(long), { rsv: 4 }));
      assert.equal(await stream.element(), long);
      stream.send(from_server(`${i} and so on `.repeat(100)));
      const got = await client.event('message');
      assert.equal(got.compressed, true);
      assert.ok(got.text.includes(`${i} and so on ${i} and so on`));
    }
    stream.send(from_server('short'));
    assert.equal((await client.event('message')).compressed, false);
    client.send(message('plain all the same'));
    assert.equal(await stream.element(), message('plain all the same'));
    client.destroy();
  });

  it('a bomb is stopped at the limit', async () => {
    const { client } = await log_in(bench, { fields });
    client.write(frame(opcode.text, deflate(message('x'.repeat(5_000_000))), { rsv: 4 }));
    assert.equal(error_of(await client.message()), 'policy-violation');
    assert.equal(await client.message(), close_element);
    assert.equal(await client.closed(), 1009);
  });

  it('rubbish', async () => {
    for (const bytes of [Buffer.from([0xff, 0xff, 0xff]), deflate(Buffer.from([0x3c, 0xff]))]) {
      const { client } = await log_in(bench, { fields });
      client.write(frame(opcode.text, bytes, { rsv: 4 }));
      assert.equal(error_of(await client.message()), 'unsupported-encoding');
      client.destroy();
    }
  });
});

describe('the end of the server', () => {
  const bench = Bench.around();

  it('closed properly: <close/>, 1000', async () => {
    const { client, stream } = await log_in(bench);
    stream.send('</stream:stream>');
    assert.equal(await client.message(), close_element);
    assert.equal(await client.closed(), 1000);
  });

  it('with an error: passed on, then <close/>', async () => {
    const { client, stream } = await log_in(bench);
    stream.send("<stream:error><conflict xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error></stream:stream>");
    await assert_refused(client, 'conflict', 1000);
  });

  it('W-034 lost: remote-connection-failed', async () => {
    const { client, stream } = await log_in(bench);
    stream.reset();
    await assert_refused(client, 'remote-connection-failed', 1000);
  });

  it('W-034, W-022 never reached: open, remote-connection-failed', async () => {
    const gone = await FakeServer.start();
    const port = gone.port;
    await gone.stop();
    const postern = await start_postern({ threads: 1,
      domains: [{ name: 'postern.test', server: `127.0.0.1:${port}`, tls: 'none' }] });
    const client = await WebSocketClient.open(postern.port);
    client.send(open_element());
    assert.match(await client.message(), /^<open /);
    await assert_refused(client, 'remote-connection-failed', 1000);
    await postern.stop();
  });
});

describe('the end of the client (W-027, E-41)', () => {
  const bench = Bench.around();
  const enabled = `<enabled xmlns='${sm}' id='x' resume='true'/>`;
  const ways = {
    'a reset': (client) => client.reset(),
    'an end of the connection': (client) => client.http.half_close(),
    'a Close frame without <close/>, as a page that is left': (client) => client.close_frame(1001),
  };

  for (const [what, leave] of Object.entries(ways)) {
    it(`${what}: with stream management the server's connection is cut, without </stream:stream>`, async () => {
      const { client, stream } = await log_in(bench);
      client.send(`<enable xmlns='${sm}' resume='true'/>`);
      await stream.element();
      stream.send(enabled);
      await client.message();
      leave(client);
      await stream.event('end');
      assert.ok(!stream.raw.includes('</stream:stream>'), stream.raw);
      stream.end();
      client.destroy();
    });

    it(`${what}: without, the stream is closed properly`, async () => {
      const { client, stream } = await log_in(bench);
      leave(client);
      await stream.event('close');
      client.destroy();
    });
  }

  it('<close/> is a proper end also with stream management', async () => {
    const { client, stream } = await log_in(bench);
    stream.send(enabled);
    await client.message();
    client.send(close_element);
    await stream.event('close');
    client.destroy();
  });
});

describe('signs of life and slow clients', () => {
  const bench = Bench.around({
    websocket: { ping_interval: 0.3, max_missed_pings: 2, stall_timeout: 1, queue_high: 65_536, queue_low: 16_384 },
  });

  it('W-030 pings, and gives up who does not answer', async () => {
    const { client, stream } = await log_in(bench, { answer_pings: false });
    await client.event('ping');
    await client.event('ping');
    assert.equal((await client.event('close')).code, 1008);
    await stream.event('close');
    client.destroy();
  });

  it('who answers stays', async () => {
    const { client, stream } = await log_in(bench);
    for (let i = 0; i < 5; i++) await client.event('ping');
    client.send(message('still here'));
    assert.equal(await stream.element(), message('still here'));
    client.destroy();
  });

  it('W-035 who reads nothing stops the server, and is given up in time', async () => {
    const { client, stream } = await log_in(bench);
    client.http.socket.pause();
    const block = from_server('x'.repeat(60_000));
    for (let i = 0; i < 400; i++) stream.send(block);
    await until(() => stream.socket.writableLength > 1_000_000, 5000, 'the server is held back');
    await stream.event('close', 8000);
    client.destroy();
  });

  it('W-035 who reads late gets everything', async () => {
    const { client, stream } = await log_in(bench);
    client.http.socket.pause();
    const numbers = Array.from({ length: 60 }, (_, i) => i);
    for (const n of numbers) stream.send(from_server(`${n} ${'x'.repeat(60_000)}`));
    await until(() => stream.socket.writableLength === 0 || stream.socket.writableLength > 500_000, 5000, 'sent or held back');
    client.http.socket.resume();
    for (const n of numbers) assert.ok((await client.message()).includes(`<body>${n} x`));
    client.destroy();
  });

  it('W-035 a server that does not read holds the client back, and whose pongs wait unread is not given up (W-030)', async () => {
    const { client, stream } = await log_in(bench);
    stream.socket.pause();
    const block = text(message('x'.repeat(60_000)));
    for (let i = 0; i < 400; i++) client.write(block);
    client.events.clear();
    for (let i = 0; i < 5; i++) await client.event('ping');
    assert.ok(client.http.socket.writableLength > 1_000_000, 'the client is held back');
    stream.socket.resume();
    for (let i = 0; i < 400; i++) await arrives(stream, '<message');
    client.destroy();
  });
});

describe('limits and the end of the gateway', () => {
  it('admission counts WebSocket sessions like all others', async () => {
    const server = await FakeServer.start({ on_element: answer_sasl });
    const postern = await start_postern({ threads: 1, limits: { max_sessions: 1 },
      domains: [{ name: 'postern.test', server: `127.0.0.1:${server.port}`, tls: 'none' }] });
    const one = await begin({ postern, server, port: postern.port });
    const two = await WebSocketClient.open(postern.port);
    two.send(open_element());
    await two.message();
    await assert_refused(two, 'policy-violation', 1000);
    const body = read_body(await exchange(postern.port, post('/http-bind', BoshSession.creation())));
    assert.equal(body.condition, 'policy-violation');
    one.client.send(close_element);
    await one.client.message();
    await one.client.closed();
    const three = await begin({ postern, server, port: postern.port });
    three.client.destroy();
    await postern.stop();
    await server.stop();
    assert.match(postern.log, /session \S+ of 127\.0\.0\.1 for postern\.test ended after .*: terminated by the client; WebSocket, /);
  });

  it('E-45, W-028 drain: system-shutdown and 1001; who has not begun is sent elsewhere', async () => {
    const silent = await FakeServer.start({ on_header: () => {}, on_close: null });
    const server = await FakeServer.start({ on_element: answer_sasl });
    const postern = await start_postern({ threads: 1, websocket: { see_other_uri: 'wss://other.test/ws' }, domains: [
      { name: 'postern.test', server: `127.0.0.1:${server.port}`, tls: 'none' },
      { name: 'silent.test', server: `127.0.0.1:${silent.port}`, tls: 'none' },
    ] });
    const { client, stream } = await log_in({ postern, server, port: postern.port });
    const early = await WebSocketClient.open(postern.port);
    early.send(open_element('silent.test'));
    const waiting = await silent.accept();
    const stopped = postern.stop();
    await Promise.all([
      assert_refused(client, 'system-shutdown', 1001),
      stream.event('close'),
      (async () => {
        assert.match(await early.message(), /^<open /);
        const close = parse(await early.message());
        assert.equal(close.attributes['see-other-uri'], 'wss://other.test/ws');
        assert.equal(await early.closed(), 1001);
      })(),
      waiting.event('end').then(() => waiting.end()),
    ]);
    const { took } = await stopped;
    assert.ok(took < 6000, `${took} ms`);
    await server.stop();
    await silent.stop();
  });
});

leave_nothing_behind();
