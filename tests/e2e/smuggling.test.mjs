// Requests that two parsers could read in two ways, sent to the gateway itself and through a real nginx and a real HAProxy: the
// gateway never sees a request that the proxy did not mean, and nobody behind a trusted proxy chooses the address it counts under
// (H-004, H-014, H-020; RFC 9112 11.2). The smuggled request would open a session by way of /JHB, which no proxy here passes on:
// whatever reaches the server by it has been smuggled. Its language says in which kind it was.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { BoshSession } from './lib/bosh.mjs';
import { stop_all } from './lib/cleanup.mjs';
import { Haproxy } from './lib/haproxy.mjs';
import { leave_nothing_behind } from './lib/leave_nothing_behind.mjs';
import { Nginx } from './lib/nginx.mjs';
import { Bench } from './lib/probe.mjs';
import { HttpConnection, post } from './lib/raw_http.mjs';
import { Wire } from './lib/wire.mjs';

const smuggled = post('/JHB', BoshSession.creation({ attributes: { 'xml:lang': 'kind-00' } })).toString();
const head = (...lines) => `POST /http-bind HTTP/1.1\r\nHost: x\r\n${lines.map((line) => `${line}\r\n`).join('')}\r\n`;
const chunk = (text) => `${Buffer.byteLength(text).toString(16)}\r\n${text}\r\n`;
const chunked = 'Transfer-Encoding: chunked';
const whole = `Content-Length: ${smuggled.length}`;
const end = '0\r\n\r\n';

// For each: somebody who reads it one way sees one request with `smuggled` in its body, who reads it the other way sees two.
const corpus = {
  'both lengths': head(whole, chunked) + end + smuggled,
  'both lengths, the other order': head(chunked, whole) + end + smuggled,
  'both lengths, the coding quoted': head(whole, 'Transfer-Encoding: "chunked"') + end + smuggled,
  'two lengths': head('Content-Length: 0', whole) + smuggled,
  'two lengths, the other order': head(whole, 'Content-Length: 0') + smuggled,
  'a list of lengths': head(`Content-Length: 0, ${smuggled.length}`) + smuggled,
  'a length with a plus': head('Content-Length: +0', chunked) + end + smuggled,
  'a negative length': head('Content-Length: -0') + smuggled,
  'a length with zeros in front': head(`Content-Length: 0000000000000000000000${smuggled.length}`) + smuggled,
  'a length in hexadecimal': head(`Content-Length: 0x${smuggled.length.toString(16)}`) + smuggled,
  'a length with a fraction': head('Content-Length: 0.0', whole) + smuggled,
  'a length that overflows': head('Content-Length: 18446744073709551616') + smuggled,
  'a length with a blank inside': head(`Content-Length: 0 ${smuggled.length}`) + smuggled,
  'a blank before the colon of the length': head(`Content-Length : ${smuggled.length}`) + smuggled,
  'a blank before the colon of the coding': head('Transfer-Encoding : chunked') + end + smuggled,
  'a tab before the colon': head(whole, 'Transfer-Encoding\t: chunked') + end + smuggled,
  'a blank in front of the name': head(whole, ` ${chunked}`) + end + smuggled,
  'a folded length': head('Content-Length:', ` ${smuggled.length}`) + smuggled,
  'a folded coding': head('Transfer-Encoding:', ' chunked') + end + smuggled,
  'a coding in a folded line': head('X-A: b', ` ${chunked}`, whole) + end + smuggled,
  'a first line that is folded': `POST /http-bind HTTP/1.1\r\n ${chunked}\r\nHost: x\r\n\r\n${end}${smuggled}`,
  'bare LF': head(whole).replaceAll('\r\n', '\n') + smuggled,
  'one bare LF': `POST /http-bind HTTP/1.1\r\nHost: x\r\nX-A: b\n${chunked}\r\n${whole}\r\n\r\n${end}${smuggled}`,
  'bare CR': `POST /http-bind HTTP/1.1\r\nHost: x\r\nX-A: b\r${chunked}\r\n${whole}\r\n\r\n${end}${smuggled}`,
  'NUL in a value': head(`X-A: \0${chunked}`, whole) + smuggled,
  'NUL in the length': head(`Content-Length: 0\0${smuggled.length}`) + smuggled,
  'vertical tab around the coding': head(whole, 'Transfer-Encoding: \x0bchunked') + end + smuggled,
  'an unknown coding': head(whole, 'Transfer-Encoding: xchunked') + end + smuggled,
  'identity': head(whole, 'Transfer-Encoding: identity') + smuggled,
  'chunked, identity': head('Transfer-Encoding: chunked, identity') + end + smuggled,
  'identity, chunked': head('Transfer-Encoding: identity, chunked') + end + smuggled,
  'gzip, chunked': head('Transfer-Encoding: gzip, chunked') + end + smuggled,
  'chunked twice': head(chunked, chunked) + end + smuggled,
  'chunked and something': head(chunked, 'Transfer-Encoding: cow') + end + smuggled,
  'a coding with a parameter': head('Transfer-Encoding: chunked;q=1', whole) + end + smuggled,
  'a coding without a value': head('Transfer-Encoding:', whole) + end + smuggled,
  'an underscore in the name': head('Transfer_Encoding: chunked', whole) + end + smuggled,
  'chunked in HTTP/1.0': head(chunked).replace('HTTP/1.1', 'HTTP/1.0') + end + smuggled,
  'a chunk size with a sign': `${head(chunked)}+0\r\n\r\n${smuggled}`,
  'a chunk size with 0x': `${head(chunked)}0x0\r\n\r\n${smuggled}`,
  'a chunk size with a blank in front': `${head(chunked)} 0\r\n\r\n${smuggled}`,
  'a chunk size that overflows': `${head(chunked)}10000000000000000\r\n${smuggled}`,
  'a chunk size ended by LF': `${head(chunked)}0\n\n${smuggled}`,
  'a chunk size ended by CR': `${head(chunked)}0\r\r${smuggled}`,
  'a chunk ended by LF': `${head(chunked)}1\r\nx\n0\r\n\r\n${smuggled}`,
  'a chunk that is longer than its size': `${head(chunked)}1\r\nxx\r\n${end}${smuggled}`,
  'a chunk without an end of line': `${head(chunked)}1\r\nx0\r\n\r\n${smuggled}`,
  'an extension with LF': `${head(chunked)}1;a\nx\r\n${end}${smuggled}`,
  'an extension that looks like a chunk': `${head(chunked)}0;\n${smuggled.length.toString(16)}\r\n${smuggled}\r\n${end}`,
  'a quoted extension that is not closed': `${head(chunked)}1;a="\r\nx\r\n${end}${smuggled}`,
  'a NUL in a chunk size': `${head(chunked)}0\0\r\n\r\n${smuggled}`,
  'a trailer with a length': `${head(chunked)}0\r\nContent-Length: ${smuggled.length}\r\n\r\n${smuggled}`,
  'a trailer with a folded line': `${head(chunked)}0\r\nX-A: b\r\n ${smuggled.slice(0, 20)}\r\n\r\n${smuggled}`,
  'GET with a body': head(whole).replace('POST', 'GET') + smuggled,
  'OPTIONS with a body': head(whole).replace('POST', 'OPTIONS') + smuggled,
  'HEAD with a body': head(whole).replace('POST', 'HEAD') + smuggled,
  'a target in the absolute form': head(whole).replace('/http-bind', 'http://x/http-bind') + smuggled,
  'Expect that is not understood': head(whole, 'Expect: 200-ok') + smuggled,
};

// What the corpus must not become: two requests for every reader. Nobody in between, or somebody who passes on bytes, lets both through.
const control = { 'two requests': head('Content-Length: 0') + smuggled };

describe('smuggling', () => {
  const bench = Bench.around({ server: { trusted_proxies: ['127.0.0.1'] }, limits: { header_timeout: 1, body_timeout: 1,
    max_connections_per_address: 0 } });
  let nginx;
  let haproxy;
  before(async () => {
    nginx = await Nginx.stock(bench.port);
    haproxy = await Haproxy.stock(bench.port, { timeouts: { connect: '2000', client: '3000', server: '3000' },
      defaults: `option forwardfor\n  http-reuse always\n  log stdout format raw local0\n  log-format "%ci %ST by %s"`,
      frontend: 'http-request deny if { path_beg /JHB }' });
  });
  after(() => stop_all(nginx, haproxy));

  // A body ends without an end of line, so the next answer does not begin one.
  const answers_in = (said) => [...said.matchAll(/HTTP\/1\.[01] (\d{3}) /g)].map(([, status]) => status);

  // All of `kinds` through a proxy, each from an address of its own in `network`. No half of a connection is closed: nginx takes that for
  // somebody who has left, and passes nothing on; nor does postern answer such a one later. So who is not ended has to be waited for, all
  // together. Then a plain session comes the same way, behind which nothing is under way any more. Gives what each was told, and the kinds
  // whose second request arrived.
  async function all_through(port, kinds, network) {
    assert.equal(bench.server.arrivals.events.length, 0, 'something came late');
    const said = {};
    await Promise.all(Object.entries(kinds).map(async ([name, bytes], i) => {
      const connection = await HttpConnection.open(port, { from: `${network}.${i + 1}` });
      connection.write(Buffer.from(bytes.replaceAll('kind-00', `kind-${String(i + 1).padStart(2, '0')}`), 'latin1'));
      await connection.read_to_end(2000).catch(() => {});
      said[name] = connection.received.toString('latin1');
      connection.destroy();
    }));
    const session = await BoshSession.create(port);
    assert.equal(session.created.type, undefined, session.created.xml);
    const streams = bench.server.arrivals.events.splice(0);
    const languages = streams.map(({ headers }) => /xml:lang='([^']*)'/.exec(headers[0] ?? '')?.[1]);
    assert.equal(languages.at(-1), 'en', languages.join());
    await session.ask({ attributes: { type: 'terminate' } });
    await streams.at(-1).event('close');
    for (const stream of streams) stream.reset();
    return { said, smuggled: languages.slice(0, -1).map((language) => Object.keys(kinds)[language?.slice(5) - 1] ?? language) };
  }

  it('the look at what arrives sees it where something is smuggled', async () => {
    const wire = await Wire.to(bench.port);
    const { said, smuggled: arrived } = await all_through(wire.port, { 'nothing': head('Content-Length: 0'), ...control }, '127.0.22');
    assert.deepEqual(arrived, ['two requests']);
    assert.deepEqual(answers_in(said['two requests']), ['200', '200']);
    wire.stop();
  });

  describe('directly', () => {
    const open = {};
    before(async () => Object.assign(open, await all_through(bench.port, corpus, '127.0.19')));

    async function half_closed(bytes) {
      const connection = await HttpConnection.open(bench.port);
      connection.write(Buffer.from(bytes, 'latin1')).half_close();
      const said = await connection.read_to_end(8000);
      connection.destroy();
      return said;
    }

    for (const [name, bytes] of Object.entries(corpus)) {
      it(`${name}: no second request`, async () => {
        const before_it = bench.postern.log.length;
        // Refused, or taken as one request whose body is no XMPP; the proxy that would read it otherwise is not there, but what
        // is left behind a request that was read to its end must be all of it, or nothing that is a request.
        const [half, whole_connection] = [await half_closed(bytes), open.said[name]];
        assert.match(answers_in(whole_connection).join(), /^((200|204|400)(,400)?|408)$/, whole_connection);
        assert.match(answers_in(half).join(), /^((200|204|400)(,400)?)?$/, half); // nothing, where the rest is still to come
        assert.doesNotMatch(half + whole_connection, / sid='/);
        assert.doesNotMatch(bench.postern.log.slice(before_it), /server unreachable|session \S+ of/);
        assert.ok(!open.smuggled.includes(name), 'a session by way of /JHB');
      });
    }
  });

  // passed_on(address): the answers that the proxy got from postern for it, as its own log has them.
  function is_not_fooled(network, port, passed_on) {
    const got = {};
    let since;
    before(async () => {
      since = bench.postern.child.lines.length;
      Object.assign(got, await all_through(port(), corpus, network));
    });
    const refused = (address) => bench.postern.child.lines.slice(since).filter((line) => line.includes(`request of ${address} refused: `)).length;

    for (const [i, name] of Object.keys(corpus).entries()) {
      it(`${name}: nothing that the proxy did not mean`, () => {
        assert.ok(!got.smuggled.includes(name), 'a session by way of /JHB');
        const address = `${network}.${i + 1}`;
        const statuses = passed_on(address);
        assert.ok(statuses.length <= 1, `${statuses}`);
        assert.ok(answers_in(got.said[name]).length >= 1, 'the proxy has answered');
        // Postern has read as many requests of that address as it was passed. The page for people has no line; what is not HTTP is the proxy's.
        const has_line = statuses.length === 1 && statuses[0] !== '400' && !/^(GET|HEAD|OPTIONS) /.test(corpus[name]);
        assert.equal(refused(address), has_line ? 1 : 0, `passed on: ${statuses}\n${bench.postern.child.tail(100)}`);
        if (statuses.length === 1) assert.match(statuses[0], has_line ? /^200$/ : /^(200|204|400)$/);
      });
    }
    it('nothing else has arrived, and enough of them have come as far as postern', () => {
      assert.deepEqual(got.smuggled, []);
      const reached = Object.keys(corpus).filter((_, i) => passed_on(`${network}.${i + 1}`).length === 1);
      assert.ok(reached.length >= 12, reached.join());
    });
  }

  describe('behind nginx', () => {
    // As it comes, but for the address.
    let telling;
    before(async () => (telling = await Nginx.stock(bench.port, { extra: 'proxy_set_header X-Forwarded-For $remote_addr;' })));
    after(() => telling.stop());
    is_not_fooled('127.0.20', () => telling.port, (address) => telling.access_log.split('\n')
      .flatMap((line) => (line.startsWith(`${address} `) ? / upstream (\d+)$/.exec(line)?.[1] ?? [] : [])));
    it('and it has given up none of them', () => assert.doesNotMatch(telling.access_log, / (499|50[234]) /));
  });

  describe('behind HAProxy', () => {
    is_not_fooled('127.0.21', () => haproxy.port, (address) => haproxy.child.lines
      .flatMap((line) => (line.startsWith(`${address} `) ? / (\d+) by one$/.exec(line)?.[1] ?? [] : [])));
    it('and it has given up none of them', () => assert.doesNotMatch(haproxy.child.output, / (-1|50[0234]) by /));
  });

  it('and nothing of all that comes late', async () => assert.deepEqual((await all_through(bench.port, {}, '')).smuggled, []));

  it('a client does not choose its address by a trailer (RFC 9110 6.5.1)', async () => {
    for (const [name, proxy] of Object.entries({ nginx, haproxy, directly: bench })) {
      const body = BoshSession.creation();
      const connection = await HttpConnection.open(proxy.port);
      connection.write(head(chunked, 'X-Forwarded-Proto: http') + chunk(body),
        '0\r\nX-Forwarded-For: 203.0.113.9\r\nForwarded: for=203.0.113.9\r\nX-Forwarded-Proto: https\r\n\r\n');
      const answer = await connection.read_answer();
      assert.equal(answer.status, 200, name);
      const sid = /sid='([^']+)'/.exec(answer.text)[1];
      connection.destroy();
      const ended = bench.postern.child.line(new RegExp(`session ${sid.slice(0, 6)}\\S* of (\\S+) for`));
      const session = Object.assign(new BoshSession(), { port: bench.port, path: '/http-bind', rid: 1000, sid });
      await session.ask({ attributes: { type: 'terminate' } });
      assert.equal((await ended)[1], '127.0.0.1', name);
    }
  });
});

leave_nothing_behind();
