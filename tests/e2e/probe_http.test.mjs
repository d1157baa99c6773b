// HTTP as browsers, proxies, old clients and attackers speak it, byte by byte over sockets: H-001...H-023, E-34...E-36, E-54.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { deflateSync, gzipSync } from 'node:zlib';
import { BoshSession, read_body } from './lib/bosh.mjs';
import { leave_nothing_behind } from './lib/leave_nothing_behind.mjs';
import { assert_terminated, Bench, from_server, message, texts_in } from './lib/probe.mjs';
import { post, request } from './lib/raw_http.mjs';

const path = '/http-bind';
const origin = { Origin: 'https://chat.example' };

describe('requests that are fine', () => {
  const bench = Bench.around();

  it('every answer has the fields of H-003, H-006 and H-019', async () => {
    const answer = await bench.exchange(post(path, BoshSession.creation(), { fields: origin }));
    await bench.server.accept();
    read_body(answer);
    assert.equal(answer.version, '1.1');
    assert.equal(Number(answer.field('content-length')), answer.body.length);
    assert.match(answer.field('cache-control'), /no-store/);
    assert.equal(answer.field('x-content-type-options'), 'nosniff');
    assert.equal(answer.field('content-security-policy'), "default-src 'none'; sandbox");
    assert.equal(answer.field('access-control-allow-origin'), '*');
    assert.equal(answer.field('set-cookie'), undefined);
    const date = answer.field('date'); // RFC 9110 6.6.1
    assert.match(date, /^[A-Z][a-z]{2}, \d{2} [A-Z][a-z]{2} \d{4} \d{2}:\d{2}:\d{2} GMT$/);
    assert.ok(Math.abs(Date.parse(date) - Date.now()) < 60_000, date);
  });

  it('a HEAD that is refused has no body either (RFC 9110 9.3.2)', async () => {
    const connection = await bench.connect();
    connection.write(request('HEAD', path, '', { fields: { 'X-Long': 'y'.repeat(100_000) } }));
    const said = await connection.read_to_end();
    assert.match(said, /^HTTP\/1\.1 431 /);
    assert.equal(said.split('\r\n\r\n')[1], '');
    connection.destroy();
  });

  it('HTTP/1.0 without Host, closed after the answer; with keep-alive it stays (H-002)', async () => {
    const old = await bench.connect();
    old.write(post(path, 'x', { version: '1.0', fields: { Host: undefined } }));
    read_body(await old.read_answer());
    await old.read_end();
    const kept = await bench.connect();
    for (let i = 0; i < 3; i++) {
      kept.write(post(path, 'x', { version: '1.0', fields: { Connection: 'keep-alive' } }));
      const answer = await kept.read_answer();
      assert.match(answer.field('connection') ?? '', /keep-alive/i, 'HTTP/1.0 needs to be told');
    }
    kept.destroy();
  });

  it('keep-alive by default, Connection: close is obeyed', async () => {
    const connection = await bench.connect();
    for (let i = 0; i < 100; i++) {
      connection.write(post(path, 'x'));
      read_body(await connection.read_answer());
    }
    connection.write(post(path, 'x', { fields: { Connection: 'close' } }));
    assert.match((await connection.read_answer()).field('connection'), /close/i);
    await connection.read_end();
  });

  it('H-011 requests of different sessions on one connection are answered in the order of the connection', async () => {
    const [a, b] = [await bench.pair(), await bench.pair()];
    const connection = await bench.connect();
    connection.write(Buffer.concat([post(path, a.session.text()), post(path, b.session.text({}, message('to b'))),
      request('GET', path), post(path, 'not xml')]));
    await b.stream.element();
    b.stream.send(from_server('from b'));
    await bench.round_trip();
    a.stream.send(from_server('from a'));
    assert.deepEqual(texts_in(read_body(await connection.read_answer())), ['from a']);
    assert.deepEqual(texts_in(read_body(await connection.read_answer())), ['from b']);
    assert.match((await connection.read_answer()).field('content-type'), /^text\/html/);
    assert_terminated(read_body(await connection.read_answer()), 'bad-request');
    connection.destroy();
  });

  it('H-011 a pipeline without end is not read without end, and costs its session nothing', async () => {
    const { session, stream } = await bench.pair();
    const connection = await bench.connect();
    connection.write(post(path, session.text()));
    for (let i = 0; i < 200; i++) connection.write(post(path, 'x'));
    await connection.read_end(); // the head of the line has no answer, and more and more comes
    stream.send(from_server('not lost'));
    assert.deepEqual(texts_in(await session.ask()), ['not lost']);
  });

  it('Expect: 100-continue is answered before the body is sent (H-004)', async () => {
    const connection = await bench.connect();
    const whole = post(path, 'x'.repeat(5000), { fields: { Expect: '100-continue' } });
    const head = whole.indexOf('\r\n\r\n') + 4;
    connection.write(whole.subarray(0, head));
    assert.equal((await connection.read_answer()).status, 100);
    connection.write(whole.subarray(head));
    read_body(await connection.read_answer());
    connection.write(post(path, 'x', { fields: { Expect: '100-continue' } }));
    let answer = await connection.read_answer();
    if (answer.status === 100) answer = await connection.read_answer(); // allowed, though the body came along
    read_body(answer);
    connection.destroy();
  });

  it('chunked requests, however cut (H-004)', async () => {
    const { session, stream } = await bench.pair();
    const send_chunked = async (chunks, trailer = '') => {
      const connection = await bench.connect();
      connection.write(request('POST', path, '', { length: false, fields: { 'Transfer-Encoding': 'chunked' } }));
      for (const [size, data] of chunks) connection.write(`${size}\r\n`, data, '\r\n');
      connection.write(`0\r\n${trailer}\r\n`);
      return connection;
    };
    const text = session.text({}, message('chunked'));
    const size = Buffer.byteLength(text).toString(16);
    (await send_chunked([[size, text]])).destroy();
    await stream.element();
    const again = session.text({}, message('in bytes'));
    await send_chunked([...again].map((c) => ['1', c]));
    await stream.element();
    const extended = session.text({}, message('extended'));
    const length = Buffer.byteLength(extended).toString(16).toUpperCase();
    await send_chunked([[`000${length};name=value;other="a;b"`, extended]], 'X-Trailer: yes\r\n');
    assert.match(await stream.element(), /extended/);
  });

  it('any Content-Type, a mark, a declaration and blanks around (H-005, H-009, H-021)', async () => {
    const { session, stream } = await bench.pair();
    const types = [undefined, 'text/xml', 'text/plain;charset=UTF-8', 'application/x-www-form-urlencoded', 'application/json', '???'];
    for (const type of types) {
      await session.send({ payload: message(String(type)), fields: { 'Content-Type': type, 'Content-Encoding': 'text/xml; charset=utf-8' } });
      assert.match(await stream.element(), /<message/);
    }
    for (const [before, after] of [['\uFEFF', ''], ['\n\t ', '\r\n'], ["<?xml version='1.0'?>", ''],
      ['\uFEFF<?xml version="1.0" encoding="utf-8"?>\n', '\n']]) {
      const connection = await bench.connect();
      connection.write(post(path, before + session.text({}, message('dressed')) + after));
      assert.match(await stream.element(), /dressed/);
    }
  });

  it('paths: aliases, with and without the slash, absolute form; nothing else, and never a redirect (H-018)', async () => {
    for (const name of ['/http-bind', '/bosh', '/JHB']) {
      for (const target of [name, `${name}/`, `http://localhost${name}`]) {
        assert_terminated(read_body(await bench.exchange(post(target, 'x'))), 'bad-request');
      }
    }
    for (const target of ['/http-bind/x', '/http-bindx', '//http-bind', '/jhb', '/../http-bind', '/HTTP-BIND', '/http-bind%2f']) {
      const answer = await bench.exchange(post(target, 'x', { fields: origin }));
      assert.equal(answer.status, 404, target);
      assert.equal(answer.field('access-control-allow-origin'), '*', 'or the browser hides the status (H-016)');
    }
  });

  it('GET says what this is; what the browser sent is shown as text (H-017)', async () => {
    const answer = await bench.exchange(request('GET', path, 'a body', { fields: { Origin: '"><script>alert(1)</script>' } }));
    assert.equal(answer.status, 200);
    assert.match(answer.field('content-type'), /^text\/html; charset=utf-8$/i);
    assert.match(answer.text, /BOSH/);
    assert.doesNotMatch(answer.text, /<script/);
    assert.match(answer.text, /127\.0\.0\.1/);
    assert.match(answer.field('content-security-policy'), /default-src 'none'/);
  });

  it('HEAD is GET without the body; other methods are 405 with Allow (H-017)', async () => {
    const connection = await bench.connect();
    connection.write(request('HEAD', path));
    const head = await connection.read_answer({ head_only: true });
    assert.equal(head.status, 200);
    assert.ok(Number(head.field('content-length')) > 100);
    for (const method of ['PUT', 'DELETE', 'PATCH', 'TRACE', 'BREW']) {
      connection.write(request(method, path, 'x', { fields: origin }));
      const answer = await connection.read_answer();
      assert.equal(answer.status, 405, method);
      for (const allowed of ['GET', 'HEAD', 'POST', 'OPTIONS']) assert.match(answer.field('allow'), new RegExp(`\\b${allowed}\\b`));
      assert.equal(answer.field('access-control-allow-origin'), '*');
    }
    connection.destroy();
  });

  it('E-36 preflight; Origin: null (H-016)', async () => {
    for (const from of ['https://chat.example', 'null']) {
      const fields = { Origin: from, 'Access-Control-Request-Method': 'POST', 'Access-Control-Request-Headers': 'content-type' };
      const answer = await bench.exchange(request('OPTIONS', path, '', { fields, length: false }));
      assert.ok([200, 204].includes(answer.status));
      assert.equal(answer.field('access-control-allow-origin'), '*');
      for (const method of ['GET', 'POST', 'OPTIONS']) assert.match(answer.field('access-control-allow-methods'), new RegExp(method));
      assert.match(answer.field('access-control-allow-headers'), /content-type/i);
      assert.ok(Number(answer.field('access-control-max-age')) > 0);
      assert.equal(answer.field('access-control-allow-credentials'), undefined, 'never together with *');
      assert.equal((await bench.exchange(post(path, 'x', { fields: { Origin: from } }))).field('access-control-allow-origin'), '*');
    }
  });

  it('E-54 an empty POST and a form are bad-request', async () => {
    assert_terminated(read_body(await bench.exchange(post(path, ''))), 'bad-request');
    const form = encodeURIComponent(BoshSession.creation());
    assert_terminated(read_body(await bench.exchange(post(path, form))), 'bad-request');
    assert_terminated(read_body(await bench.exchange(post(path, `data=${form}`))), 'bad-request');
  });

  it('a half-closed client gets its answer (E-35)', async () => {
    const connection = await bench.connect();
    connection.write(post(path, 'x', { fields: { Connection: 'close' } })).half_close();
    read_body(await connection.read_answer());
    await connection.read_end();
  });
});

describe('compression', () => {
  const bench = Bench.around();

  it('H-007 gzip and deflate where asked for, never otherwise, small bodies never', async () => {
    const { session, stream } = await bench.pair();
    const long = 'compressible '.repeat(2000);
    const ask = async (accept) => {
      const poll = await session.send({ fields: { 'Accept-Encoding': accept } });
      stream.send(from_server(long));
      return (await poll.answer).answer;
    };
    for (const [accept, coding] of [['gzip', 'gzip'], ['gzip, deflate, br', 'gzip'], ['deflate', 'deflate'], ['GZIP;q=0.5', 'gzip'],
      ['gzip;q=0', undefined], ['identity', undefined], ['br', undefined], [undefined, undefined], ['gzip;q=0, deflate;q=0.1', 'deflate']]) {
      const answer = await ask(accept);
      assert.equal(answer.field('content-encoding'), coding, String(accept));
      assert.match(answer.text, /compressible/);
      assert.match(answer.field('vary'), /Accept-Encoding/i);
      if (coding) assert.ok(answer.body.length < 2000);
    }
    const small = await session.send({ fields: { 'Accept-Encoding': 'gzip' } });
    stream.send(from_server('small'));
    assert.equal((await small.answer).answer.field('content-encoding'), undefined);
  });

  it('B-143 a repeat may ask for another coding', async () => {
    const { session, stream } = await bench.pair();
    const poll = await session.send({ fields: { 'Accept-Encoding': 'gzip' } });
    stream.send(from_server('long '.repeat(3000)));
    const first = await poll.answer;
    const again = await session.ask({ rid: poll.rid });
    assert.equal(again.answer.field('content-encoding'), undefined);
    assert.equal(again.xml, first.xml);
  });

  it('H-008 requests may be compressed', async () => {
    const { session, stream } = await bench.pair();
    assert.deepEqual(session.created.attributes.accept.split(',').sort(), ['deflate', 'gzip']);
    for (const [coding, encode] of [['gzip', gzipSync], ['x-gzip', gzipSync], ['deflate', deflateSync], ['identity', (x) => Buffer.from(x)]]) {
      const body = encode(session.text({}, message(coding)));
      (await bench.connect()).write(post(path, body, { fields: { 'Content-Encoding': coding } }));
      assert.match(await stream.element(), new RegExp(coding));
    }
  });

  it('E-31 a bomb is refused before it is unpacked; a broken stream is bad-request', async () => {
    const before = bench.memory();
    const bomb = gzipSync(Buffer.concat([Buffer.from(`<body xmlns='http://jabber.org/protocol/httpbind' rid='1' to='postern.test'>`),
      Buffer.alloc(100 << 20, ' ')]));
    for (let i = 0; i < 5; i++) {
      const answer = await bench.exchange(post(path, bomb, { fields: { 'Content-Encoding': 'gzip' } }));
      assert.match(read_body(answer).condition, /^(policy-violation|bad-request)$/);
    }
    if (before !== null) assert.ok(bench.memory() < before + (8 << 20), `${bench.memory() - before} bytes more`);
    const half = gzipSync('<body/>').subarray(0, 12);
    for (const broken of [half, Buffer.from('plain'), Buffer.alloc(0), Buffer.concat([gzipSync('<body/>'), Buffer.from('junk')])]) {
      const answer = await bench.exchange(post(path, broken, { fields: { 'Content-Encoding': 'gzip' } }));
      assert_terminated(read_body(answer), 'bad-request');
    }
  });

  it('E-33 a roster of 2 MB comes in one answer with its length', async () => {
    const { session, stream } = await bench.pair();
    const item = (i) => `<item jid='user${i}@postern.test' name='User number ${i} &amp; friends' subscription='both'><group>G</group></item>`;
    const roster = `<iq type='result' id='r' to='alice@postern.test'><query xmlns='jabber:iq:roster'>${
      Array.from({ length: 20_000 }, (_, i) => item(i)).join('')}</query></iq>`;
    assert.ok(roster.length > 2_000_000);
    for (const accept of [undefined, 'gzip']) {
      const poll = await session.send({ fields: { 'Accept-Encoding': accept } });
      stream.send(roster);
      const { children, answer } = await poll.answer;
      assert.equal(children[0].children[0].children.length, 20_000);
      assert.equal(answer.field('content-encoding'), accept);
    }
  });
});

leave_nothing_behind();
