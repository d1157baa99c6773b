// Bad input, one kind after the other: broken HTTP, broken XML, limits, slowness. After each, a session that was there before
// must be as well as ever, and at the end the memory is back where it was.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { BoshSession, body_text, read_body } from './lib/bosh.mjs';
import { hostile_documents, nested } from './lib/hostile_xml.mjs';
import { leave_nothing_behind } from './lib/leave_nothing_behind.mjs';
import { assert_terminated, Bench, from_server, message, texts_in } from './lib/probe.mjs';
import { post, request } from './lib/raw_http.mjs';
import { ns } from './lib/xml.mjs';

const path = '/http-bind';
const settings = { limits: { header_timeout: 1, body_timeout: 1.5, keepalive_timeout: 2, max_body_bytes: 65536,
  max_connections_per_address: 0 } };

// A neighbour whose conversation must go on whatever the others do.
function neighbour(bench) {
  let pair;
  let n = 0;
  before(async () => {
    pair = await bench.pair();
    pair.held = await pair.session.send();
  });
  return async () => {
    const text = `still well ${++n}`;
    pair.stream.send(from_server(text));
    assert.deepEqual(texts_in(await pair.held.answer), [text]);
    pair.held.connection.destroy();
    pair.held = await pair.session.send({ payload: message(text) });
    assert.match(await pair.stream.element(), new RegExp(text));
  };
}

describe('broken HTTP', () => {
  const bench = Bench.around(settings);
  const is_well = neighbour(bench);

  // What a server may do with nonsense: a 4xx or 505 answer and the end, or just the end. Never a success, never silence.
  async function refuses(bytes, name) {
    const connection = await bench.connect();
    connection.write(bytes);
    const said = await connection.read_to_end();
    assert.match(said, /^(HTTP\/1\.[01] (400|405|408|411|413|414|417|431|501|505) [^]*)?$/, name);
    connection.destroy();
  }

  const head = (...lines) => ['POST /http-bind HTTP/1.1', 'Host: x', ...lines, '', ''].join('\r\n');

  for (const [name, bytes] of Object.entries({
    'no HTTP at all': 'hello there\r\n\r\n',
    'a TLS hello': Buffer.from('1603010200010001fc0303', 'hex'),
    'the preface of HTTP/2': 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
    'HTTP/0.9': 'GET /http-bind\r\n\r\n',
    'HTTP/3.7': 'GET /http-bind HTTP/3.7\r\nHost: x\r\n\r\n',
    'no Host in HTTP/1.1': 'POST /http-bind HTTP/1.1\r\nContent-Length: 1\r\n\r\nx',
    'both lengths (request smuggling)': `${head('Content-Length: 5', 'Transfer-Encoding: chunked')}0\r\n\r\n`,
    'two different lengths': `${head('Content-Length: 5', 'Content-Length: 6')}xxxxx`,
    'a list of lengths': `${head('Content-Length: 5, 6')}xxxxx`,
    'a negative length': `${head('Content-Length: -5')}xxxxx`,
    'a length with a sign': `${head('Content-Length: +5')}xxxxx`,
    'a hexadecimal length': `${head('Content-Length: 0x5')}xxxxx`,
    'an endless length': `${head('Content-Length: 99999999999999999999999')}xxxxx`,
    'an unknown transfer coding': `${head('Transfer-Encoding: gzip')}xxxxx`,
    'chunked that is not last': `${head('Transfer-Encoding: chunked, identity')}0\r\n\r\n`,
    'chunked twice': `${head('Transfer-Encoding: chunked', 'Transfer-Encoding: chunked')}0\r\n\r\n`,
    'a chunk size of letters': `${head('Transfer-Encoding: chunked')}zz\r\nxx\r\n0\r\n\r\n`,
    'a negative chunk size': `${head('Transfer-Encoding: chunked')}-1\r\nxx\r\n0\r\n\r\n`,
    'a chunk size that overflows': `${head('Transfer-Encoding: chunked')}fffffffffffffffff\r\nxx\r\n0\r\n\r\n`,
    'an empty chunk size': `${head('Transfer-Encoding: chunked')}\r\nxx\r\n0\r\n\r\n`,
    'a chunk longer than its size': `${head('Transfer-Encoding: chunked')}2\r\nxxxx\r\n0\r\n\r\n`,
    'a blank before the colon': `${head('Content-Length : 1')}x`,
    'a folded line': `${head('X-A: b', ' folded', 'Content-Length: 1')}x`,
    'a line without a colon': `${head('nonsense', 'Content-Length: 1')}x`,
    'a NUL in a field': `${head('X-A: a\0b', 'Content-Length: 1')}x`,
    'a bare CR in a field': `${head('X-A: a\rb', 'Content-Length: 1')}x`,
    'a header that is too long': head(`X-A: ${'a'.repeat(100_000)}`),
    'too many fields': head(...Array.from({ length: 5000 }, (_, i) => `X-${i}: y`)),
    'a target that is too long': `GET /${'a'.repeat(100_000)} HTTP/1.1\r\nHost: x\r\n\r\n`,
    'a first line without end': 'A'.repeat(100_000),
  })) {
    it(`${name} is refused`, async () => {
      await refuses(bytes, name);
      await is_well();
    });
  }

  it('nothing after a refused request is taken for a request', async () => {
    const connection = await bench.connect();
    const smuggled = `GET /http-bind HTTP/1.1\r\nHost: x\r\n\r\n`;
    connection.write(`${head(`Content-Length: ${smuggled.length}`, 'Transfer-Encoding: chunked')}0\r\n\r\n${smuggled}`);
    const said = await connection.read_to_end();
    assert.ok((said.match(/^HTTP\/1\.1 \d{3}/gm) ?? []).length <= 1, said);
    connection.destroy();
  });

  it('H-015 a header that comes too slowly ends the connection', async () => {
    const connection = await bench.connect();
    connection.write('POST /http-bind HTTP/1.1\r\n');
    const drip = setInterval(() => connection.write('X-A: b\r\n'), 200);
    try {
      assert.match(await connection.read_to_end(4000), /^(HTTP\/1\.1 408 [^]*)?$/);
    } finally {
      clearInterval(drip);
      connection.destroy();
    }
    await is_well();
  });

  it('H-015 a body that comes too slowly ends the connection', async () => {
    const connection = await bench.connect();
    connection.write(request('POST', path, '', { length: false, fields: { 'Content-Length': 60_000 } }));
    const drip = setInterval(() => connection.write('<'), 200);
    try {
      assert.match(await connection.read_to_end(5000), /^(HTTP\/1\.1 408 [^]*)?$/);
    } finally {
      clearInterval(drip);
      connection.destroy();
    }
    await is_well();
  });

  it('a connection without a request ends after its time; one with a held request does not', async () => {
    const idle = await bench.connect();
    const used = await bench.connect();
    used.write(post(path, 'x'));
    await used.read_answer();
    const { session, stream } = await bench.pair();
    const held = await session.send();
    await Promise.all([idle.read_end(4000), used.read_end(4000)]);
    stream.send(from_server('held longer than that'));
    assert.deepEqual(texts_in(await held.answer), ['held longer than that']);
  });

  it('H-014 a body that is too large is refused after the limit, not after the body', async () => {
    for (const fields of [{ 'Content-Length': 1 << 30 }, { 'Transfer-Encoding': 'chunked' }]) {
      const connection = await bench.connect();
      connection.write(request('POST', path, '', { length: false, fields }));
      const chunk = Buffer.alloc(16_384, ' ');
      const part = fields['Content-Length'] ? chunk : Buffer.concat([Buffer.from('4000\r\n'), chunk, Buffer.from('\r\n')]);
      for (let i = 0; i < 8; i++) connection.write(part);
      const answer = await connection.read_answer();
      assert.match(read_body(answer).condition, /^(policy-violation|bad-request)$/);
      await connection.read_end();
      await is_well();
    }
  });
});

describe('broken XML', () => {
  const bench = Bench.around(settings);
  const is_well = neighbour(bench);
  const open = (attributes = "rid='1' to='postern.test'") => `<body xmlns='${ns.httpbind}' ${attributes}>`;
  const documents = {
    'nothing': '',
    'another root': "<html xmlns='http://jabber.org/protocol/httpbind' rid='1'/>",
    'another namespace': "<body rid='1' to='postern.test'/>",
    'an attribute twice': open("rid='1' rid='2'").replace('>', '/>'),
    'an attribute twice by namespace': `<body xmlns='${ns.httpbind}' xmlns:a='urn:x' xmlns:b='urn:x' a:c='1' b:c='2' rid='1'/>`,
    ...hostile_documents(open(), '</body>'),
  };

  for (const [name, document] of Object.entries(documents)) {
    it(`${name} is refused`, async () => {
      const answer = await bench.exchange(post(path, document));
      const body = read_body(answer);
      assert.equal(body.type, 'terminate');
      assert.match(body.condition, /^(bad-request|policy-violation)$/);
      await is_well();
    });
  }

  it('a malformed body with a valid sid does no harm to the session (0.2 step 1)', async () => {
    const { session, stream } = await bench.pair();
    const held = await session.send();
    await bench.still_held(held);
    const inside = [`<message>`, `<!-- x -->`, `<message>&x;</message>`, '</body><body>', nested(200)];
    for (const payload of inside) {
      const answer = await bench.exchange(post(path, body_text({ rid: held.rid + 1, sid: session.sid }, payload)));
      assert.match(read_body(answer).condition, /^(bad-request|policy-violation)$/);
    }
    await bench.still_held(held);
    const talk = await session.send({ payload: message('alive') });
    assert.match(await stream.element(), /alive/);
    talk.connection.destroy();
  });

  it('text between payloads is ignored by default (B-003)', async () => {
    const { session, stream } = await bench.pair();
    await session.send({ payload: `text ${message('with text around')} more` });
    assert.match(await stream.element(), /^<message/);
  });
});

describe('many elements', () => {
  const bench = Bench.around({ limits: { max_elements: 1000 } });

  it('are a limit of their own (B-011)', async () => {
    const text = (n) => body_text({ rid: 1, sid: 'x' }, '<a/>'.repeat(n));
    assert_terminated(read_body(await bench.exchange(post(path, text(900)))), 'item-not-found');
    assert.match(read_body(await bench.exchange(post(path, text(1100)))).condition, /^(bad-request|policy-violation)$/);
  });
});

describe('floods', () => {
  const bench = Bench.around(settings);
  const is_well = neighbour(bench);
  let memory;
  before(async () => {
    await flood(50); // what is allocated once stays
    memory = bench.memory();
  });
  after(() => {
    if (memory !== null) assert.ok(bench.memory() < memory + (6 << 20), `${(bench.memory() - memory) >> 10} kB more`);
  });

  async function flood(n) {
    const kinds = [
      (c) => c.reset(),
      (c) => c.write(post(path, BoshSession.creation({ attributes: { to: 'nowhere.test' } }))),
      (c) => c.write('POST /http-bind HTTP/1.1\r\nHost: x\r\nContent-Length: 60000\r\n\r\n<body>'),
      (c) => c.write(Buffer.alloc(20_000, 'A')),
      (c) => c.write(Buffer.from('160301', 'hex')).half_close(),
      (c) => c.half_close(),
    ];
    const connections = await Promise.all(Array.from({ length: n }, () => bench.connect()));
    connections.forEach((connection, i) => kinds[i % kinds.length](connection));
    await bench.round_trip();
    connections.forEach((connection, i) => (i % 2 ? connection.reset() : connection.destroy()));
  }

  it('2 000 connections that say nothing, nonsense or half a request disturb nobody', async () => {
    for (let i = 0; i < 10; i++) {
      await flood(200);
      await is_well();
    }
  });

  it('sessions that come and go leave no memory behind', async () => {
    for (let round = 0; round < 10; round++) {
      await Promise.all(Array.from({ length: 30 }, async () => {
        const session = await BoshSession.create(bench.port);
        await session.ask({ payload: message('x'.repeat(10_000)), attributes: { type: 'terminate' } });
      }));
      await is_well();
    }
    for (const stream of bench.server.streams) if (stream.raw.includes('</stream:stream>')) await stream.closed;
  });
});

leave_nothing_behind();
