// Creation, keys, conditions, legacy clients and what particular clients send: E-20...E-40, E-49...E-55 and the B-, X- and Q-rules
// around them, on the wire.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { describe, it } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { BoshSession, body_text, read_body } from './lib/bosh.mjs';
import { leave_nothing_behind } from './lib/leave_nothing_behind.mjs';
import { assert_empty, assert_terminated, Bench, from_server, message, texts_in } from './lib/probe.mjs';
import { HttpConnection, post } from './lib/raw_http.mjs';
import { find, ns, parse } from './lib/xml.mjs';

const sha1 = (text) => createHash('sha1').update(text).digest('hex');

// K(1) ... K(n): used from the last to the first.
function key_chain(seed, n) {
  const keys = [sha1(seed)];
  while (keys.length < n) keys.push(sha1(keys.at(-1)));
  return keys;
}

const refused = async (bench, attributes, rid = 1000, options = {}) =>
  read_body(await bench.exchange(post('/http-bind', BoshSession.creation({ attributes, rid }), options)));

describe('creation', () => {
  const bench = Bench.around({ server: { removed_domains: ['gone.test'] } });

  it('the answer carries everything the XEPs ask for (B-040...B-051, X-005, X-006)', async () => {
    const { session, stream } = await bench.pair({ attributes: { ack: 1 } });
    const { attributes, root } = session.created;
    assert.match(attributes.sid, /^[\x21-\x7e]{22,}$/, '128 bits at least');
    assert.equal(attributes.wait, '55');
    assert.equal(attributes.hold, '1');
    assert.equal(attributes.requests, '2');
    assert.equal(attributes.ver, '1.6');
    assert.equal(attributes.from, 'postern.test');
    assert.match(attributes.polling, /^\d+$/);
    assert.equal(attributes.inactivity, '90');
    assert.equal(attributes.maxpause, '120');
    assert.equal(attributes.ack, '1000');
    assert.equal(root.attribute(ns.xbosh, 'version'), '1.0');
    assert.equal(root.attribute(ns.xbosh, 'restartlogic'), 'true');
    assert.equal(attributes['xmlns:stream'], ns.streams);
    assert.equal(attributes.authid, stream.ids[0], 'E-49');
    const features = session.created.children[0];
    assert.equal(features.name, 'stream:features', 'un-renamed prefix (B-009)');
    assert.equal(find(features, 'mechanism').text, 'PLAIN');
    assert.match(stream.headers[0], /to=['"]postern\.test['"]/);
    assert.match(stream.headers[0], /version=['"]1\.0['"]/);
    assert.match(stream.headers[0], /xml:lang=['"]en['"]/, 'X-004');
  });

  it('later answers do not repeat the creation attributes (B-043)', async () => {
    const { session, stream } = await bench.pair();
    const poll = await session.send();
    stream.send(from_server('x'));
    const { attributes } = await poll.answer;
    for (const name of ['sid', 'wait', 'hold', 'requests', 'inactivity', 'polling', 'maxpause', 'ver']) {
      assert.equal(attributes[name], undefined, name);
    }
  });

  it('E-39 numbers: refused, clamped or forgiven', async () => {
    assert_terminated(await refused(bench, { wait: -1 }), 'bad-request');
    assert_terminated(await refused(bench, { wait: 'soon' }), 'bad-request');
    const { session } = await bench.pair({ attributes: { hold: 300, wait: 99999, ver: 'x' } });
    assert.equal(session.created.attributes.hold, '1');
    assert.equal(session.created.attributes.wait, '55');
    assert.equal(session.created.attributes.ver, '1.6');
    const newer = await bench.pair({ attributes: { ver: '1.20' } });
    assert.equal(newer.session.created.attributes.ver, '1.11', 'two integers, not a decimal fraction (B-025)');
  });

  it('E-38 rid: what is a number and what is not (B-020, B-120)', async () => {
    for (const rid of ['', '-1', '1e3', '+5', ' 5', '0x10', '5.0', 'NaN', '9007199254740992', '12345678901234567890']) {
      assert_terminated(await refused(bench, {}, rid), 'bad-request');
    }
    assert_terminated(await refused(bench, { rid: undefined }), 'bad-request');
    const zero = await bench.pair({ rid: 0 });
    await zero.session.send({ rid: 1, payload: message('counting from zero') });
    assert.match(await zero.stream.element(), /counting from zero/);
    const { session, stream } = await bench.pair({ rid: 9007199254740990 });
    const last = await session.send({ rid: '9007199254740991' });
    stream.send(from_server('at the top'));
    assert.deepEqual(texts_in(await last.answer), ['at the top']);
    assert_terminated(await session.ask({ rid: '9007199254740992' }), 'item-not-found');
  });

  it('who is served: the domain, its alias, in any case; nobody else (B-021, B-022, B-023)', async () => {
    for (const to of ['postern.test', 'POSTERN.Test', 'alias.test']) {
      const { session, stream } = await bench.pair({ attributes: { to } });
      assert.equal(session.created.attributes.from, 'postern.test');
      assert.match(stream.headers[0], /to=['"]postern\.test['"]/);
    }
    assert_terminated(await refused(bench, { to: 'elsewhere.test' }), 'host-unknown');
    assert_terminated(await refused(bench, { to: `postern.test:${bench.server.port}` }), 'host-unknown');
    assert_terminated(await refused(bench, { to: '127.0.0.1' }), 'host-unknown');
    assert_terminated(await refused(bench, { to: 'gone.test' }), 'host-gone');
    assert_terminated(await refused(bench, { to: '' }), 'improper-addressing');
    assert_terminated(await refused(bench, { to: undefined }), 'improper-addressing');
  });

  it('route: the usual one means nothing, any other is refused (B-029, B-030, U-007)', async () => {
    await bench.pair({ attributes: { route: 'xmpp:postern.test:5222', secure: 'true' } });
    assert_terminated(await refused(bench, { route: 'xmpp:10.0.0.1:22' }), 'host-unknown');
    assert_terminated(await refused(bench, { route: 'xmpp:[::1]:5222' }), 'host-unknown');
    assert_terminated(await refused(bench, { route: 'nonsense' }), 'bad-request');
  });

  it('content: from the list, for every answer, and nothing that a header could be broken with (B-033, B-034)', async () => {
    const { session } = await bench.pair({
      attributes: { content: 'application/xml', wait: 1 }, expected: { content_type: 'application/xml; charset=utf-8' } });
    assert_empty(await session.ask());
    assert_terminated(await refused(bench, { content: 'text/html' }), 'bad-request');
    for (const content of ['text/xml\r\nX-Evil: 1', 'text/xml\n\n<script>', 'text/xml; charset=utf-7', 'tëxt/xml', '']) {
      const body = BoshSession.creation({ attributes: { content: '@' } }).replace("'@'", () =>
        `'${content.replace(/[\r\n]/g, (c) => `&#${c.charCodeAt(0)};`)}'`);
      const answer = await bench.exchange(post('/http-bind', body));
      assert.equal(answer.field('x-evil'), undefined);
      assert.match(answer.field('content-type'), /^text\/xml; charset=utf-8$/i, content);
    }
  });

  it('unknown creation attributes are ignored quietly (B-037)', async () => {
    await bench.pair({ attributes: { inactivity: 'x', window: '9', ua: 'y', hostname: 'z', port: '1', raw: '', charset: '?' } });
  });

  it('payload in the creation request reaches the server after the negotiation (B-038)', async () => {
    const { stream } = await bench.pair({ payload: `<auth xmlns='${ns.sasl}' mechanism='PLAIN'>AGEAYg==</auth>` });
    assert.match((await stream.events.take((event) => event.event === 'sasl')).xml, /AGEAYg==/);
  });

  it('from is never shown to the server without TLS (B-031)', async () => {
    const { stream } = await bench.pair({ attributes: { from: 'alice@postern.test' } });
    assert.doesNotMatch(stream.headers[0], /alice/);
  });

  it('E-55 two creations are two sessions (B-039)', async () => {
    const [a, b] = [await bench.pair({ rid: 7 }), await bench.pair({ rid: 7 })];
    assert.notEqual(a.session.sid, b.session.sid);
    a.stream.send(from_server('for a'));
    assert.deepEqual(texts_in(await a.session.ask()), ['for a']);
  });

  it('unknown sid is item-not-found; an empty sid is no creation', async () => {
    for (const sid of ['', 'x', 'A'.repeat(32), "a'b", '💥', 'x'.repeat(5000)]) {
      const answer = await bench.exchange(post('/http-bind', body_text({ rid: 5, sid })));
      assert_terminated(read_body(answer), 'item-not-found');
    }
  });

  it('E-51 the session goes on from another address and without its first connections', async () => {
    const { session, stream } = await bench.pair();
    const old = await session.send();
    await bench.still_held(old);
    session.connection_options = { from: '127.0.0.77' };
    const taken = await session.send({ payload: message('attached'), fields: { Origin: 'https://elsewhere.example' } });
    assert.match(await stream.element(), /attached/);
    assert_empty(await old.answer);
    stream.send(from_server('welcome'));
    assert.deepEqual(texts_in(await taken.answer), ['welcome']);
  });
});

describe('sessions that nobody uses', () => {
  const bench = Bench.around({ bosh: { unused: 1 } });

  it('E-55 a created session without a second request ends soon (B-039)', async () => {
    const { session, stream } = await bench.pair();
    await stream.event('close', 4000);
    assert_terminated(await session.ask(), 'item-not-found');
  });
});

describe('keys', () => {
  const bench = Bench.around();

  it('E-23 a chain of 16, switched at its last key, also when the next request overtakes (B-160...B-164)', async () => {
    let chain = key_chain('seed', 16);
    const { session, stream } = await bench.pair({ attributes: { newkey: chain.pop() } });
    for (let round = 0; round < 3; round++) {
      while (chain.length > 1) {
        const talk = await session.send({ attributes: { key: chain.pop() }, payload: message('k') });
        await stream.element();
        stream.send(from_server('ok'));
        await talk.answer;
      }
      const next = key_chain(`seed ${round}`, 16);
      const base = session.rid;
      const after = await session.send({ rid: base + 2, attributes: { key: next[14] }, payload: message('after') });
      const boundary = await session.send({ rid: base + 1, attributes: { key: chain.pop(), newkey: next[15] }, payload: message('switch') });
      session.rid = base + 2;
      assert.match(await stream.element(), /switch/);
      assert.match(await stream.element(), /after/);
      stream.send(from_server('ok'));
      await boundary.answer;
      if (!after.answered) stream.send(from_server('ok'));
      await after.answer;
      chain = next.slice(0, 14);
    }
  });

  it('upper case is the same key (B-162)', async () => {
    const chain = key_chain('s', 4);
    const { session, stream } = await bench.pair({ attributes: { newkey: chain[3].toUpperCase() } });
    await session.send({ attributes: { key: chain[2] }, payload: message('first') });
    assert.match(await stream.element(), /first/);
  });

  it('a wrong, missing or repeated key ends the session; nothing is processed (B-161)', async () => {
    for (const key of [sha1('wrong'), undefined, '', 'not hex']) {
      const chain = key_chain('s', 4);
      const { session, stream } = await bench.pair({ attributes: { newkey: chain[3] } });
      assert_terminated(await session.ask({ attributes: { key }, payload: message('evil') }), 'item-not-found');
      assert.equal((await stream.event('close')).event, 'close');
      assert.doesNotMatch(stream.raw, /evil/);
    }
  });

  it('E-24 an old request with the right key gets the copy; with a wrong key it does no harm', async () => {
    const chain = key_chain('s', 8);
    const { session, stream } = await bench.pair({ attributes: { newkey: chain[7] } });
    const talk = await session.send({ attributes: { key: chain[6] }, payload: message('one') });
    await stream.element();
    stream.send(from_server('reply'));
    const answer = await talk.answer;
    const copy = await session.ask({ rid: talk.rid, attributes: { key: chain[6] }, payload: message('one') });
    assert.equal(copy.xml, answer.xml);
    assert_terminated(await session.ask({ rid: talk.rid, attributes: { key: sha1('x') }, payload: message('one') }), 'item-not-found');
    await session.send({ attributes: { key: chain[5] }, payload: message('two') });
    assert.match(await stream.element(), /two/, 'the session lives');
  });

  it('a key on a session without keys is ignored (B-165)', async () => {
    const { session, stream } = await bench.pair();
    await session.send({ attributes: { key: sha1('x') }, payload: message('fine') });
    assert.match(await stream.element(), /fine/);
  });
});

describe('acknowledgements', () => {
  const bench = Bench.around({ bosh: { report_threshold: 0 } });

  it('B-080...B-083: our acks on answers, but not where they say nothing', async () => {
    const { session, stream } = await bench.pair({ attributes: { ack: 1, hold: 2 } });
    const base = session.rid;
    const a = await session.send();
    await bench.still_held(a);
    const b = await session.send({ payload: message('b') });
    await stream.element();
    const first = await a.answer;
    assert.ok([undefined, `${base + 2}`].includes(first.attributes.ack), first.xml);
    stream.send(from_server('x'));
    assert.equal((await b.answer).attributes.ack, undefined, 'it would equal the rid (B-082)');
  });

  it('B-085: a lagging ack is reported, once', async () => {
    const { session, stream } = await bench.pair({ attributes: { ack: 1 } });
    const base = session.rid;
    const reply = async (options) => {
      const talk = await session.send({ payload: message('t'), ...options });
      await stream.element();
      stream.send(from_server('r'));
      return talk.answer;
    };
    const begun = Date.now();
    await reply();
    await delay(500 + 4 * (Date.now() - begun)); // old enough: beyond twice the round trip that was seen (B-086)
    const report = await session.ask({ attributes: { ack: base } });
    assert.equal(report.attributes.report, `${base + 1}`, report.xml);
    assert.match(report.attributes.time, /^\d+$/);
    const held = await session.send({ attributes: { ack: base } });
    await bench.still_held(held);
  });

  it('B-084: nonsense acks do no harm', async () => {
    const { session, stream } = await bench.pair({ attributes: { ack: 1 } });
    await session.send({ attributes: { ack: 999999 }, payload: message('still') });
    assert.match(await stream.element(), /still/);
  });
});

describe('clients and their ways', () => {
  const bench = Bench.around();

  it('E-25 libpurple: to and xml:lang on every body (Q-31); E-27 old JSJaC: a blank in an empty body (B-003)', async () => {
    const { session, stream } = await bench.pair();
    const poll = await session.send({ attributes: { to: 'postern.test', 'xml:lang': 'en' } });
    await bench.still_held(poll);
    const blank = await session.send({ payload: ' ' });
    assert_empty(await poll.answer);
    stream.send(from_server('x'));
    assert.deepEqual(texts_in(await blank.answer), ['x']);
    assert.equal(stream.headers.length, 1);
  });

  it('E-28 any prefixes towards us, none in the answer', async () => {
    const [answer, stream] = await Promise.all([
      bench.exchange(post('/http-bind', `<b:body xmlns:b='${ns.httpbind}' xmlns:v='${ns.xbosh}' rid='9' to='postern.test' wait='5' hold='1'
        ver='1.6' v:version='1.0'/>`)),
      bench.server.accept(),
    ]);
    const { attributes } = read_body(answer);
    await bench.exchange(post('/http-bind', `<b:body xmlns:b='${ns.httpbind}' xmlns:x='jabber:client' rid='10' sid='${attributes.sid}'
      b:type='none'><x:message><x:body>hi</x:body></x:message><x:presence/></b:body>`), { within: 7000 });
    const element = parse(await stream.element());
    assert.equal(element.uri, ns.client);
    assert.equal(element.local, 'message');
    assert.equal(element.children[0].uri, ns.client);
  });

  it('E-29 prefixes declared on the body follow the payload (B-008), without a namespace it is a stanza (B-006)', async () => {
    const { session, stream } = await bench.pair();
    const poll = await bench.connect();
    poll.write(post('/http-bind', `<body xmlns='${ns.httpbind}' xmlns:p='urn:p' rid='${++session.rid}' sid='${session.sid}'>`
      + `<message to='b@postern.test'><body>t</body><p:x a='1'/><p xmlns='urn:q'/></message></body>`));
    const element = parse(await stream.element());
    assert.equal(element.uri, ns.client);
    assert.deepEqual(element.children.map(({ uri, local }) => `${uri} ${local}`), [`${ns.client} body`, 'urn:p x', 'urn:q p']);
    poll.destroy();
  });

  it('E-30 nothing gets out of its element: injection is malformed, text stays text', async () => {
    const { session, stream } = await bench.pair();
    const evil = await bench.exchange(post('/http-bind',
      `<body xmlns='${ns.httpbind}' rid='${session.rid + 1}' sid='${session.sid}'><message/></stream:stream></body>`));
    assert_terminated(read_body(evil), 'bad-request');
    await session.send({ payload: message('&lt;/stream:stream> <![CDATA[</message>]]> ]]&gt;') });
    const text = parse(await stream.element()).children[0].text;
    assert.equal(text, '</stream:stream> </message> ]]>');
    assert.deepEqual(stream.events.peek((event) => event.event === 'close'), []);
  });

  it('E-32 UTF-8 split anywhere arrives whole', async () => {
    const { session, stream } = await bench.pair();
    const text = '😀é日本語👩‍👩‍👧‍👦';
    const connection = await bench.connect();
    const bytes = post('/http-bind', session.text({}, message(text)));
    for (const byte of bytes) connection.write(Buffer.of(byte));
    assert.equal(parse(await stream.element()).children[0].text, text);
    const answer = connection.read_answer();
    const reply = Buffer.from(from_server(text), 'utf8');
    for (const byte of reply) stream.send(Buffer.of(byte));
    assert.equal(parse((await answer).text).children[0].children[0].text, text);
  });

  it('B-014: starttls, compress and a stream of its own are not for clients', async () => {
    const { session, stream } = await bench.pair();
    for (const payload of [`<starttls xmlns='${ns.tls}'/>`, "<compress xmlns='http://jabber.org/protocol/compress'><method>zlib</method></compress>"]) {
      const body = await session.ask({ payload });
      assert.equal(body.children[0].local, 'failure', body.xml);
    }
    await session.send({ payload: message('after') });
    assert.match(await stream.element(), /after/);
    assert.doesNotMatch(stream.raw, /starttls|compress/);
  });

  it('Q-40 gloox: hold 2 is answered with requests 3', async () => {
    const { session } = await bench.pair({ attributes: { hold: 2, ack: 0, secure: 'false', route: 'xmpp:postern.test:5222' } });
    assert.equal(session.created.attributes.requests, '3');
    assert.equal(session.created.attributes.ack, undefined);
  });

  it('polling sessions are answered at once (B-028, B-100)', async () => {
    for (const attributes of [{ wait: 0 }, { hold: 0 }]) {
      const { session, stream } = await bench.pair({ attributes });
      const got = session.created.attributes;
      assert.ok(got.wait === '0' || got.hold === '0');
      assert.ok(Number(got.inactivity) >= 120 && Number(got.inactivity) >= Number(got.polling) + 60, 'B-101');
      const features = [...session.created.children];
      const talk = await session.ask({ payload: message('p') });
      await stream.element();
      if (features.length === 0) assert.equal(talk.children[0]?.local, 'features');
    }
  });
});

describe('legacy clients (no ver)', () => {
  const bench = Bench.around();

  it('E-40 item-not-found is 404, bad-request 400; others stay 200 (B-170, B-172)', async () => {
    const key = key_chain('s', 3);
    const { session } = await bench.pair({ attributes: { ver: undefined, newkey: key[2] } });
    assert_terminated(await session.ask({ attributes: { key: sha1('x') }, expected: { status: 404 } }), 'item-not-found');
    const other = await bench.pair({ attributes: { ver: undefined } });
    const held = await other.session.send();
    await bench.still_held(held);
    other.stream.reset();
    assert_terminated(await held.answer, 'remote-connection-failed');
    const third = await bench.pair({ attributes: { ver: undefined } });
    const text = third.session.text({ ack: 'x', pause: 'y' }, '');
    const answer = await bench.exchange(post('/http-bind', text, { fields: { Origin: 'http://x.test' } }));
    assert.equal(answer.status, 400);
    assert.ok(answer.field('access-control-allow-origin'));
  });

  it('before there is a session it is 200 (B-171)', async () => {
    assert_terminated(read_body(await bench.exchange(post('/http-bind', body_text({ rid: 5, sid: 'gone' })))), 'item-not-found');
    assert_terminated(read_body(await bench.exchange(post('/http-bind', 'nonsense'))), 'bad-request');
  });
});

describe('limits', () => {
  const bench = Bench.around({ limits: { max_sessions_per_address: 3, session_starts_per_minute_per_address: 8,
    max_connections_per_address: 30 } });

  it('E-37 sessions and creations per address are limited; other addresses are not disturbed (B-203)', async () => {
    const from = '127.0.0.9';
    const create = async (address = from) => read_body(await bench.exchange(post('/http-bind', BoshSession.creation()),
      { connection: { from: address } }));
    const kinds = [];
    for (let i = 0; i < 12; i++) kinds.push((await create()).condition ?? 'created');
    assert.deepEqual(kinds.slice(0, 4), ['created', 'created', 'created', 'policy-violation']);
    assert.deepEqual([...new Set(kinds.slice(3))], ['policy-violation']);
    assert.equal((await create('127.0.0.10')).condition, undefined);
  });

  it('connections per address are limited; others still get in', async () => {
    const open = [];
    for (let i = 0; i < 40; i++) open.push(await HttpConnection.open(bench.port, { from: '127.0.0.11' }).catch(() => null));
    const served = await Promise.all(open.map(async (connection) => {
      if (!connection) return false;
      connection.write(post('/http-bind', 'x'));
      return connection.read_answer().then((answer) => answer.status === 200, () => false);
    }));
    assert.equal(served.filter(Boolean).length, 30);
    await bench.postern.child.line(/connection of 127\.0\.0\.11 refused: max_connections_per_address reached$/);
    assert.equal((await bench.exchange(post('/http-bind', 'x'), { connection: { from: '127.0.0.12' } })).status, 200);
    for (const connection of open) connection?.destroy();
  });

  it('B-116 the same request again and again is policy-violation', async () => {
    const { session, stream } = await bench.pair({ from: '127.0.0.13' });
    const talk = await session.send({ payload: message('again') });
    await stream.element();
    stream.send(from_server('reply'));
    await talk.answer;
    let last;
    for (let i = 0; i < 15; i++) {
      last = await session.ask({ rid: talk.rid, payload: message('again') });
      if (last.type === 'terminate') break;
    }
    assert_terminated(last, 'policy-violation');
    await stream.event('close');
  });
});

leave_nothing_behind();
