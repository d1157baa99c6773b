// Requests that two parsers could read in two ways, sent to the gateway itself and through a real nginx and a real HAProxy: the
// gateway never sees a request that the proxy did not mean, and nobody behind a trusted proxy chooses the address it counts under
// (H-004, H-014, H-020; RFC 9112 11.2). The smuggled request would open a session by way of /JHB, which no proxy here passes on:
// whatever reaches the server has been smuggled.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { BoshSession } from './lib/bosh.mjs';
import { stop_all } from './lib/cleanup.mjs';
import { Haproxy } from './lib/haproxy.mjs';
import { leave_nothing_behind } from './lib/leave_nothing_behind.mjs';
import { Nginx } from './lib/nginx.mjs';
import { Bench } from './lib/probe.mjs';
import { HttpConnection, post } from './lib/raw_http.mjs';

const smuggled = post('/JHB', BoshSession.creation()).toString();
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

describe('smuggling', () => {
  const bench = Bench.around({ server: { trusted_proxies: ['127.0.0.1'] }, limits: { header_timeout: 2, body_timeout: 2,
    max_connections_per_address: 0 } });
  let nginx;
  let haproxy;
  before(async () => {
    nginx = await Nginx.stock(bench.port);
    haproxy = await Haproxy.stock(bench.port, { timeouts: { connect: '2000', client: '3000', server: '3000' },
      defaults: 'option forwardfor\n  http-reuse always', frontend: 'http-request deny if { path_beg /JHB }' });
  });
  after(() => stop_all(nginx, haproxy));

  // Everything that has come before is dealt with, and a request that is meant is served.
  async function is_well(port) {
    bench.server.arrivals.clear();
    const [session, stream] = await Promise.all([BoshSession.create(port), bench.server.accept()]);
    assert.equal(session.created.type, undefined);
    await session.ask({ attributes: { type: 'terminate' } });
    await stream.event('close');
  }

  async function send(port, bytes) {
    const connection = await HttpConnection.open(port);
    connection.write(Buffer.from(bytes, 'latin1')).half_close();
    const said = await connection.read_to_end(8000);
    connection.destroy();
    return said;
  }

  describe('directly', () => {
    for (const [name, bytes] of Object.entries(corpus)) {
      it(`${name}: no second request`, async () => {
        const before_it = bench.postern.log.length;
        const said = await send(bench.port, bytes);
        // Refused, or taken as one request whose body is no XMPP; the proxy that would read it otherwise is not there, but what
        // is left behind a request that was read to its end must be all of it.
        const answers = said.match(/^HTTP\/1\.[01] \d{3}/gm) ?? [];
        assert.ok(answers.length <= 1, said);
        assert.doesNotMatch(bench.postern.log.slice(before_it), /server unreachable|session \S+ of/);
      });
    }
    it('and a plain request is served', () => is_well(bench.port));
  });

  for (const which of ['nginx', 'HAProxy']) {
    describe(`behind ${which}`, () => {
      for (const [name, bytes] of Object.entries(corpus)) {
        it(`${name}: nothing that the proxy did not mean`, async () => {
          const port = which === 'nginx' ? nginx.port : haproxy.port;
          bench.server.arrivals.clear();
          await send(port, bytes);
          await bench.round_trip();
          assert.equal(bench.server.arrivals.events.length, 0, 'a session by way of /JHB');
        });
      }
      it('and a plain request is served', () => is_well(which === 'nginx' ? nginx.port : haproxy.port));
    });
  }

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
