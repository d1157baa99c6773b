// The caps: memory of all sessions together, and what somebody may use who has not logged in. Who goes first, what that one is
// told, what the log says, and that everybody else goes on (U-008, B-203).
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { BoshSession, read_body } from './lib/bosh.mjs';
import { answer_client, answer_header, answer_sasl } from './lib/fake_server.mjs';
import { leave_nothing_behind } from './lib/leave_nothing_behind.mjs';
import { assert_terminated, auth, authenticate, Bench, from_server, message, texts_in } from './lib/probe.mjs';
import { log_in as log_in_socket } from './lib/probe_websocket.mjs';
import { post } from './lib/raw_http.mjs';
import { until } from './lib/wait.mjs';
import { exchange_page, log_in_by_form } from './lib/web_tab.mjs';

describe('memory runs out', () => {
  const share = 4 << 20;
  const script = { on_element: answer_sasl, on_header: answer_header };
  const bench = Bench.around({ script, limits: { max_buffered_bytes: share } });
  const stanza = from_server('x'.repeat(10_000));

  async function fill(pair, bytes) {
    for (let sent = 0; sent < bytes; sent += stanza.length) pair.stream.send(stanza);
    await bench.round_trip();
  }

  it('sessions that have ended go before all others, and harm nobody', async () => {
    const living = await bench.pair();
    await authenticate(living);
    const early = await bench.pair();
    const lines = bench.postern.child.lines.length;
    const { child } = bench.postern;
    // How much of it has come when one of them ends is the kernel's choice: they end until it is enough.
    for (let i = 0; i < 40 && !child.lines.slice(lines).some((line) => line.includes('max_buffered_bytes')); i++) {
      const past = await bench.pair();
      await authenticate(past);
      await fill(past, 900_000);
      await past.session.ask();
      await past.session.ask({ attributes: { type: 'terminate' } });
    }
    await child.line(/warning max_buffered_bytes reached: 0 sessions and 0 connections ended, [1-9]\d* sessions of the past/, 10_000, lines);
    assert.ok(!child.lines.slice(lines).some((line) => line.includes('overload')));
    living.stream.send(from_server('fine'));
    assert.deepEqual(texts_in(await living.session.ask()), ['fine']);
    await authenticate(early);
  });

  // The link reads on: no stanza is complete, so no queue pushes back.
  it('stanzas that a server never ends count, and the sessions with most of them go', async () => {
    const quiet = await bench.pair();
    await authenticate(quiet);
    const lines = bench.postern.child.lines.length;
    const pairs = [];
    for (let i = 0; i < 8; i++) pairs.push(await bench.pair());
    for (const pair of pairs) await authenticate(pair);
    const early = await bench.pair();
    for (const { stream } of pairs) stream.send(`<message><body>${'x'.repeat(700_000)}`);
    await bench.postern.child.line(/warning max_buffered_bytes reached: [1-9]\d* sessions and 0 connections/, 10_000, lines);
    quiet.stream.send(from_server('fine'));
    assert.deepEqual(texts_in(await quiet.session.ask()), ['fine']);
    await authenticate(early); // it has nothing but its features, which would not help anybody
    for (const { stream } of pairs) stream.reset();
  });

  it('WebSockets that hold nothing do not go for those who hold it', async () => {
    const quiet = [];
    for (let i = 0; i < 5; i++) quiet.push(await log_in_socket(bench));
    const lines = bench.postern.child.lines.length;
    const pairs = [await bench.pair(), await bench.pair()];
    for (const pair of pairs) await authenticate(pair);
    for (const { stream } of pairs) stream.send(`<message><body>${'x'.repeat(2_500_000)}`);
    const [, ended] = await bench.postern.child.line(/warning max_buffered_bytes reached: [1-9]\d* sessions and (\d+) connections/, 10_000, lines);
    for (const { stream } of pairs) stream.reset();
    assert.equal(ended, '0');
    for (const { client, stream } of quiet) {
      stream.send(from_server('fine'));
      assert.match(await client.message(), /fine/);
      client.destroy();
    }
  });

  it('sessions that have not logged in go first, oldest first; then who holds the most; a quiet one stays', async () => {
    const quiet = await bench.pair();
    await authenticate(quiet);
    const held = await quiet.session.send();
    const moderate = await bench.pair();
    await authenticate(moderate);
    await fill(moderate, 300_000);
    // A server that sends to somebody whom it does not know: features, again and again, are no proof of a login.
    const early = [];
    for (let i = 0; i < 3; i++) {
      const pair = await bench.pair();
      pair.stream.send(`<x xmlns='urn:x'>${'y'.repeat(700_000)}</x>`);
      early.push(pair);
    }
    const greedy = await bench.pair();
    await authenticate(greedy);
    const lines = bench.postern.child.lines.length;
    for (const pair of [greedy, await bench.pair(), await bench.pair()]) {
      if (pair !== greedy) await authenticate(pair);
      await fill(pair, 1_000_000);
    }
    await bench.postern.child.line(/warning max_buffered_bytes reached: [1-9]\d* sessions/, 10_000, lines);
    const first = await early[0].session.ask();
    assert.match(first.condition ?? '', /^policy-violation$/, first.xml.slice(0, 300));
    assert.equal((await early.at(-1).session.ask()).type, undefined, 'the youngest is not ended');
    await bench.postern.child.line(/warning session .* ended .*: overload: max_buffered_bytes reached \(policy-violation\)/, 5000, lines);
    await bench.still_held(held);
    quiet.stream.send(from_server('fine'));
    assert.deepEqual(texts_in(await held.answer), ['fine']);
    const kept = await moderate.session.ask();
    assert.equal(kept.type, undefined, 'who holds little is not ended');
  });

  it('logged-in sessions go when nothing else is left, the largest first', async () => {
    const pairs = [];
    const small = 3;
    for (let i = 0; i < 12 + small; i++) {
      const pair = await bench.pair();
      await authenticate(pair);
      pairs.push(pair);
    }
    const lines = bench.postern.child.lines.length;
    for (const [i, pair] of pairs.entries()) await fill(pair, i < small ? 100_000 : 900_000);
    const { child } = bench.postern;
    const given_up = () => child.lines.slice(lines).filter((line) => line.includes('overload: max_buffered_bytes reached')).length;
    await until(() => given_up() >= 4, 5000, () => `${given_up()} ended`);
    const answers = await Promise.all(pairs.map(({ session }) => session.ask()));
    const ended = pairs.filter((pair, i) => answers[i].type === 'terminate');
    for (const body of answers) if (body.type === 'terminate') assert_terminated(body, 'policy-violation');
    assert.ok(ended.length >= 4 && ended.length < pairs.length - small, `${ended.length} of ${pairs.length}`);
    assert.deepEqual(answers.slice(0, small).filter(({ type }) => type === 'terminate'), [], 'who holds little is not ended');
    await child.line(/warning max_buffered_bytes reached: [1-9]\d* sessions and 0 connections/, 5000, lines);
    for (const { session: { sid } } of ended) {
      await child.line(new RegExp(`warning session ${sid.slice(0, 6)}… .*: overload: max_buffered_bytes reached \\(policy-violation\\)`), 5000, lines);
    }
  });

  it('requests that are never finished are no way around it', async () => {
    const quiet = await bench.pair();
    await authenticate(quiet);
    const held = await quiet.session.send();
    const lines = bench.postern.child.lines.length;
    const crowd = await Promise.all(Array.from({ length: 40 }, () => bench.connect()));
    for (const connection of crowd) connection.write(`POST /http-bind HTTP/1.1\r\nHost: x\r\nContent-Length: 250000\r\n\r\n${'<'.repeat(200_000)}`);
    await bench.postern.child.line(/warning max_buffered_bytes reached: \d+ sessions and [1-9]\d* connections/, 10_000, lines);
    await bench.still_held(held);
    // Those that are ended hear nothing, the others are answered as soon as they are finished.
    for (const connection of crowd) connection.write('<'.repeat(50_000));
    const answers = await Promise.all(crowd.map((connection) => connection.read_answer().catch(() => null)));
    const given_up = crowd.filter((connection, i) => answers[i] === null);
    for (const connection of given_up) assert.deepEqual([connection.ended, connection.received.length], [true, 0]);
    const counted = () => bench.postern.child.lines.slice(lines)
      .map((line) => Number(/max_buffered_bytes reached: \d+ sessions and (\d+) connections/.exec(line)?.[1] ?? 0))
      .reduce((sum, count) => sum + count, 0);
    await until(() => counted() === given_up.length, 5000, () => `${given_up.length} connections ended, the log says ${counted()}`);
    for (const answer of answers) if (answer !== null) assert_terminated(read_body(answer), 'bad-request');
    assert.ok(given_up.length < crowd.length, 'not more than needed');
    await bench.still_held(held);
    quiet.stream.send(from_server('fine'));
    assert.deepEqual(texts_in(await held.answer), ['fine']);
    for (const connection of crowd) connection.destroy();
  });
});

// Each takes no more than an honest login, all together everything.
describe('memory runs out by many logins that come to no end', () => {
  const script = { on_element: answer_sasl, on_header: answer_header };
  const bench = Bench.around({ script, limits: { max_buffered_bytes: 1 << 20, max_sessions_per_address: 0, session_starts_per_minute_per_address: 0 } });

  it('those who have logged in stay, of the others the oldest go', async () => {
    const living = await bench.pair();
    await authenticate(living);
    living.stream.send(from_server('x'.repeat(50_000)));
    await bench.round_trip();
    script.on_element = () => true; // to <auth/> there is no answer, and what is said behind it waits
    const lines = bench.postern.child.lines.length;
    const logins = [];
    for (let i = 0; i < 340; i++) {
      const session = await BoshSession.create(bench.port);
      logins.push([await session.send(auth), await session.send({ payload: message('x'.repeat(3000)) })]);
    }
    await bench.postern.child.line(/warning max_buffered_bytes reached: [1-9]\d* sessions and 0 connections/, 10_000, lines);
    const received = await living.session.ask();
    assert.equal(received.type, undefined, 'who has logged in stays');
    assert.deepEqual(texts_in(received).map((text) => text.length), [50_000]);
    const oldest = await Promise.all(logins[0].map(({ answer }) => answer));
    assert.ok(oldest.some(({ condition }) => condition === 'policy-violation'), oldest.map(({ xml }) => xml).join());
    await bench.still_held(logins.at(-1)[1]);
  });
});

describe('memory runs out in the chat without scripts', () => {
  const bench = Bench.around({ script: { on_element: answer_client, on_header: answer_header }, webchat: { enabled: true },
    limits: { max_buffered_bytes: 4 << 20 } });

  it('what the chat without scripts keeps for its readers counts as well', async () => {
    const ask = (method, path, options) => exchange_page({ port: bench.port, method, path, ...options });
    const readers = [];
    const lines = bench.postern.child.lines.length;
    for (let i = 0; i < 2; i++) {
      bench.server.arrivals.clear();
      const reader = await log_in_by_form(ask, 'alice', 'secret');
      readers.push({ ...reader, stream: await bench.server.accept() });
      const text = 'x'.repeat(15_000);
      for (let n = 0; n < 160; n++) {
        readers[i].stream.send(`<message from='romeo${n % 9}@postern.test/x' type='chat'><body>${text}</body></message>`);
      }
      await bench.round_trip();
    }
    await bench.postern.child.line(/warning max_buffered_bytes reached: 1 sessions and 0 connections/, 20_000, lines);
    const pages = await Promise.all(readers.map(({ cookie }) => ask('GET', '/plain/', { cookie })));
    const [living, ended] = [true, false].map((is) => pages.filter(({ text }) => /action="\/logout"/.test(text) === is));
    assert.deepEqual([living.length, ended.length], [1, 1], 'one is still logged in');
    assert.match(living[0].text, /<bdi class="name">romeo8</);
    assert.match(ended[0].text, /<p class="error" role="alert">The server is too busy\.</);
    assert.match(ended[0].text, /name="password"/, 'and may log in again');
    assert.doesNotMatch(ended[0].text, /romeo/);
  });
});

describe('who never logs in', () => {
  const script = { on_element: answer_sasl, on_header: answer_header };
  // What Prosody says to a message before the login; servers may say the same to presence.
  const bounced = ['message', 'presence'].map((name) => `<${name} xmlns='jabber:client' type='error'><error type='cancel'>`
    + `<service-unavailable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></${name}>`).join('');
  const bench = Bench.around({ script, limits: { unauthenticated_timeout: 3, max_unauthenticated_bytes: 4096, max_unauthenticated_sessions: 5 } });

  it('has its time, and no traffic extends it (U-008)', async () => {
    const pair = await bench.pair();
    const begun = Date.now();
    let body;
    let rounds = 0;
    do {
      await delay(100);
      pair.stream.send(`<x/>${bounced}`);
      body = await pair.session.ask({ payload: `<presence xmlns='jabber:client'/>` }).catch(() => ({ type: 'gone' }));
      rounds++;
    } while (body.type === undefined && Date.now() - begun < 8000);
    assert.ok(rounds > 5, 'it was busy all the while');
    assert.ok(Date.now() - begun < 7000, 'ended');
    await bench.postern.child.line(/ended after [23]\.\d s: policy: not logged in within unauthenticated_timeout \(policy-violation\)/);
  });

  it('has its bytes (U-008)', async () => {
    const pair = await bench.pair();
    pair.stream.send(bounced);
    assert.match((await pair.session.ask()).xml, /service-unavailable/);
    const pending = await pair.session.send({ payload: message('x'.repeat(3000)) });
    const more = await pair.session.send({ payload: message('x'.repeat(3000)) });
    const bodies = await Promise.all([pending.answer, more.answer]);
    assert.ok(bodies.some(({ condition }) => condition === 'policy-violation'), bodies.map(({ xml }) => xml).join());
    await bench.postern.child.line(/policy: max_unauthenticated_bytes reached/);
  });

  it('has its bytes, also where they wait for the end of SASL or for an earlier request (U-008)', async () => {
    // Its time would have the same condition.
    const log = bench.postern.child;
    let lines = log.lines.length;
    script.on_element = () => true;
    const waiting = await bench.pair();
    const held = await waiting.session.send(auth);
    const more = await waiting.session.send({ payload: message('x'.repeat(5000)) });
    const bodies = await Promise.all([held.answer, more.answer]);
    assert.ok(bodies.some(({ condition }) => condition === 'policy-violation'), bodies.map(({ xml }) => xml).join());
    await log.line(/policy: max_unauthenticated_bytes reached/, 5000, lines);
    lines = log.lines.length;
    script.on_element = answer_sasl;
    const ahead = await bench.pair();
    assert_terminated(await ahead.session.ask({ rid: ahead.session.rid + 2, payload: message('x'.repeat(5000)) }), 'policy-violation');
    await log.line(/policy: max_unauthenticated_bytes reached/, 5000, lines);
  });

  it('has its number, and leaves room as soon as it has logged in (U-008)', async () => {
    const pairs = [];
    for (let i = 0; i < 5; i++) pairs.push(await bench.pair());
    for (const { session, stream } of pairs) {
      stream.send(bounced);
      assert.match((await session.ask()).xml, /service-unavailable/);
    }
    // The oldest makes room for the sixth: who floods locks out nobody who is about to log in.
    pairs.push(await bench.pair());
    assert_terminated(await pairs.shift().session.ask(), 'policy-violation');
    await bench.postern.child.line(/policy: max_unauthenticated_sessions reached/);
    for (const pair of pairs) {
      await authenticate(pair);
      pair.stream.send(from_server('hello'));
      assert.deepEqual(texts_in(await pair.session.ask()), ['hello']);
    }
    await bench.pair();
    await delay(3500);
    for (const { session, stream } of pairs) {
      stream.send(from_server('still there'));
      assert.deepEqual(texts_in(await session.ask()), ['still there']);
    }
  });
});

describe('who never logs in, with several threads', () => {
  const most = 40;
  const bench = Bench.around({ script: { on_element: answer_sasl, on_header: answer_header }, threads: 4,
    limits: { max_unauthenticated_sessions: most } });

  // All that are begun on one connection lie in one thread; each of the others comes to whichever the kernel chooses.
  it('refuses and ends nobody younger by all that it begins on one connection (U-008)', async () => {
    const connection = await bench.connect();
    const flood = [];
    const begin = async () => {
      connection.write(post('/http-bind', BoshSession.creation()));
      const created = read_body(await connection.read_answer());
      assert.equal(created.type, undefined, created.xml);
      flood.push(created.attributes.sid);
    };
    while (flood.length < most) await begin();
    for (let i = 0; i < most; i++) {
      if (i > 0) await begin(); // in the place of who has logged in
      const pair = await bench.pair();
      await begin();
      await authenticate(pair);
    }
    const { child } = bench.postern;
    const ended = () => child.lines.filter((line) => line.includes('policy: max_unauthenticated_sessions reached')).length;
    await until(() => ended() === 2 * most, 5000, () => `for each newcomer one of the oldest ends: ${ended()}`);
    const last = new BoshSession();
    Object.assign(last, { port: bench.port, path: '/http-bind', rid: 1000, sid: flood.at(-1) });
    await authenticate({ session: last });
    Object.assign(last, { rid: 1000, sid: flood[0] });
    assert_terminated(await last.ask(), 'policy-violation');
  });
});

leave_nothing_behind();
