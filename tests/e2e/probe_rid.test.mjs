// Order, repeats, gaps, holding, pause and end of BOSH requests on the wire: the edge cases E-01...E-16 and E-35 with a scripted
// server at the other side, so that each order of events is exactly the one described.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { empty_body } from './lib/bosh.mjs';
import { leave_nothing_behind } from './lib/leave_nothing_behind.mjs';
import { assert_empty, assert_terminated, Bench, from_server, message, restart, texts_in } from './lib/probe.mjs';
import { post } from './lib/raw_http.mjs';
import { patience } from './lib/wait.mjs';

describe('repeats', () => {
  const bench = Bench.around();

  it('E-01 a lost answer is given again, byte for byte; the message is not sent twice (B-140)', async () => {
    const { session, stream } = await bench.pair();
    const first = await session.send({ payload: message('once') });
    await stream.element((xml) => xml.includes('once'));
    stream.send(from_server('one') + from_server('two'));
    const answer = await first.answer;
    assert.deepEqual(texts_in(answer), ['one', 'two']);
    first.connection.reset();
    const again = await session.ask({ rid: first.rid, payload: message('once') });
    assert.equal(again.xml, answer.xml);
    await session.send({ payload: message('next') });
    assert.match(await stream.element(), /next/, 'nothing came between');
  });

  it('E-02 an answer older than the buffer is item-not-found and the end (B-142)', async () => {
    const { session, stream } = await bench.pair();
    const first = session.rid + 1;
    for (let i = 0; i < 3; i++) {
      const pending = await session.send({ payload: message(`${i}`) });
      await stream.element();
      stream.send(from_server('reply'));
      await pending.answer;
    }
    assert_terminated(await session.ask({ rid: first, payload: message('0') }), 'item-not-found');
    await stream.event('close');
    assert_terminated(await session.ask(), 'item-not-found');
  });

  it('E-03 a repeat while held moves the hold to the new connection (B-147)', async () => {
    const { session, stream } = await bench.pair();
    const a = await session.send();
    await bench.still_held(a);
    const b = await session.send({ rid: a.rid });
    const superseded = await a.answer;
    assert.equal(superseded.type, 'error', superseded.xml);
    assert.equal(superseded.condition, undefined);
    await bench.still_held(b);
    stream.send(from_server('for b'));
    assert.deepEqual(texts_in(await b.answer), ['for b']);
  });

  it('E-03 a repeat after the first connection was cut is held; nothing is lost', async () => {
    const { session, stream } = await bench.pair();
    const a = await session.send();
    await bench.still_held(a);
    a.connection.reset();
    const b = await session.send({ rid: a.rid });
    await bench.still_held(b);
    stream.send(from_server('for b'));
    assert.deepEqual(texts_in(await b.answer), ['for b']);
  });

  it('E-09 what was written into a dead connection is given to the repeat', async () => {
    const { session, stream } = await bench.pair();
    const a = await session.send();
    await bench.still_held(a);
    a.connection.socket.pause(); // the phone went out of range: nobody reads, nobody says goodbye
    stream.send(from_server('into the void'));
    const b = await session.send({ rid: a.rid });
    assert.deepEqual(texts_in(await b.answer), ['into the void']);
    a.connection.destroy();
  });

  it('E-21 a repeated restart is answered from the cache: one stream header (X-020)', async () => {
    const { session, stream } = await bench.pair();
    const first = await session.ask(restart);
    assert.equal(first.children[0].local, 'features', first.xml);
    const again = await session.ask({ ...restart, rid: session.rid });
    assert.equal(again.xml, first.xml);
    assert.equal(stream.headers.length, 2);
  });
});

describe('order', () => {
  const bench = Bench.around();

  it('E-04 requests in the wrong order are put right (B-060, B-061)', async () => {
    const { session, stream } = await bench.pair();
    const [a, b] = [session.rid + 1, session.rid + 2];
    const second = await session.send({ rid: b, payload: message('b') });
    await bench.still_held(second);
    assert.deepEqual(stream.events.peek((event) => event.event === 'element'), [], 'b must wait for a');
    const first = await session.send({ rid: a, payload: message('a') });
    assert.match(await stream.element(), /<body>a<\/body>/);
    assert.match(await stream.element(), /<body>b<\/body>/);
    assert_empty(await first.answer);
    await bench.still_held(second);
    stream.send(from_server('reply'));
    assert.deepEqual(texts_in(await second.answer), ['reply']);
  });

  it('E-05 a gap that is never filled ends the session in time (B-124)', async () => {
    const { session, stream } = await bench.pair({ attributes: { wait: 1 } });
    const begun = Date.now();
    const late = await session.send({ rid: session.rid + 2 });
    assert_terminated(await late.answer, 'item-not-found');
    assert.ok(Date.now() - begun >= 900, 'not before the wait is over');
    await stream.event('close');
  });

  it('E-06 a rid beyond the window is the end; the held one gets other-request (B-122, B-196)', async () => {
    const { session, stream } = await bench.pair();
    const held = await session.send();
    await bench.still_held(held);
    assert_terminated(await session.ask({ rid: held.rid + 3 }), 'item-not-found');
    assert_terminated(await held.answer, 'other-request');
    await stream.event('close');
  });

  it('E-06 terminate may be one further out (B-123, B-112)', async () => {
    const { session, stream } = await bench.pair();
    const held = await session.send();
    await bench.still_held(held);
    const end = await session.send({ rid: held.rid + 3, attributes: { type: 'terminate' },
      payload: "<presence xmlns='jabber:client' type='unavailable'/>" });
    await bench.still_held(end);
    const third = await session.send({ rid: held.rid + 2, payload: message('third') });
    const second = await session.send({ rid: held.rid + 1, payload: message('second') });
    assert.match(await stream.element(), /second/);
    assert.match(await stream.element(), /third/);
    assert.match(await stream.element(), /unavailable/);
    await stream.event('close');
    const answers = await Promise.all([held, second, third, end].map((pending) => pending.answer));
    // Which one is the oldest still open in that moment depends on how fast surplus polls are let go (B-065).
    assert.deepEqual(answers.map((body) => body.type).filter(Boolean), ['terminate']);
    assert.equal(answers[3].type, undefined, 'the request itself is the youngest (B-191)');
    assert.ok(answers.every((body) => body.condition === undefined));
  });

  it('E-07 two gaps at once (B-121)', async () => {
    const { session, stream } = await bench.pair({ attributes: { hold: 3 } });
    assert.equal(session.created.attributes.requests, '4', 'more than the hold that was asked for (B-041)');
    const base = session.rid;
    for (const n of [3, 2, 1]) await session.send({ rid: base + n, payload: message(`m${n}`) });
    for (const n of [1, 2, 3]) assert.match(await stream.element(), new RegExp(`m${n}`));
  });
});

describe('holding', () => {
  const bench = Bench.around();

  it('E-08 reload: a message between the cut and the next rid comes on the next rid', async () => {
    const { session, stream } = await bench.pair();
    const a = await session.send();
    await bench.still_held(a);
    a.connection.destroy();
    await bench.round_trip(); // now postern has seen it go
    stream.send(from_server('between'));
    await bench.round_trip();
    const b = await session.send({ payload: message('alive') });
    assert.deepEqual(texts_in(await b.answer), ['between']);
    assert.match(await stream.element(), /alive/);
    // The dead slot is no trouble later: its rid is answered with an empty copy or refused, never with a stanza.
    stream.send(from_server('later'));
    assert.deepEqual(texts_in(await session.ask()), ['later']);
  });

  it('E-08 reload: the message comes after the new request', async () => {
    const { session, stream } = await bench.pair();
    const a = await session.send();
    await bench.still_held(a);
    a.connection.destroy();
    const b = await session.send({ payload: message('alive') });
    await stream.element((xml) => xml.includes('alive'));
    stream.send(from_server('after'));
    const texts = texts_in(await b.answer);
    assert.deepEqual(texts, ['after']);
  });

  it('E-10 the answer of a quick server comes once, on one of the two requests', async () => {
    const { session, stream } = await bench.pair();
    for (let i = 0; i < 50; i++) {
      const poll = await session.send();
      const talk = await session.send({ payload: message(`q${i}`) });
      await stream.element((xml) => xml.includes(`q${i}`));
      stream.send(from_server(`a${i}`));
      const first = await poll.answer;
      const replies = texts_in(first);
      if (replies.length === 0) replies.push(...texts_in(await talk.answer));
      assert.deepEqual(replies, [`a${i}`]);
      if (!talk.answered) {
        stream.send(from_server('flush'));
        assert.deepEqual(texts_in(await talk.answer), ['flush'], 'not on both');
      }
    }
  });

  it('E-10 the answer of a slow server comes on the newer request; the older is let go empty (B-065)', async () => {
    const { session, stream } = await bench.pair();
    const poll = await session.send();
    await bench.still_held(poll);
    const talk = await session.send({ payload: message('q') });
    assert_empty(await poll.answer);
    await bench.still_held(talk);
    stream.send(from_server('a'));
    assert.deepEqual(texts_in(await talk.answer), ['a']);
  });

  it('E-11 a stanza in the moment of the wait timer comes exactly once (B-064)', async () => {
    const { session, stream } = await bench.pair({ attributes: { wait: 1 } });
    for (const offset of [0.985, 0.995, 1.0, 1.002, 1.005]) {
      const poll = await session.send();
      await bench.still_held(poll);
      await delay(offset * 1000 - 15); // the server's moment, not a wait of the test
      stream.send(from_server(`at ${offset}`));
      const replies = texts_in(await poll.answer);
      if (replies.length === 0) replies.push(...texts_in(await session.ask()));
      assert.deepEqual(replies, [`at ${offset}`]);
    }
  });

  it('an idle poll is answered empty when its own wait is over, neither sooner nor much later (B-064, Q-22)', async () => {
    const { session } = await bench.pair({ attributes: { wait: 2 } });
    const begun = Date.now();
    assert_empty(await session.ask());
    const took = Date.now() - begun;
    assert.ok(took >= 1990 && took < 2200 * patience, `${took} ms`);
    assert.equal((await session.ask()).xml, empty_body);
  });

  it('E-12 two requests on one connection: the second payload is read at once, answers stay in order (H-010)', async () => {
    const { session, stream } = await bench.pair();
    const connection = await bench.connect();
    const [a, b] = [session.text(), session.text({}, message('pipelined'))];
    connection.write(Buffer.concat([post('/http-bind', a), post('/http-bind', b)]));
    await stream.element((xml) => xml.includes('pipelined'));
    assert.equal((await connection.read_answer()).text, empty_body);
    stream.send(from_server('reply'));
    assert.match((await connection.read_answer()).text, /reply/);
    connection.destroy();
  });

  it('a burst comes in one answer, in order (B-066, B-067)', async () => {
    const { session, stream } = await bench.pair();
    const poll = await session.send();
    await bench.still_held(poll);
    const numbers = Array.from({ length: 200 }, (_, i) => `${i}`);
    stream.send(numbers.map((n) => from_server(n)).join(''));
    const got = texts_in(await poll.answer);
    while (got.length < numbers.length) got.push(...texts_in(await session.ask()));
    assert.deepEqual(got, numbers);
  });
});

describe('pause', () => {
  const bench = Bench.around({ bosh: { inactivity: 5 } });

  it('E-13 pause answers everything at once and holds the rest back', async () => {
    const { session, stream } = await bench.pair();
    assert.equal(session.created.attributes.maxpause, '120');
    const held = await session.send();
    await bench.still_held(held);
    const pause = await session.send({ attributes: { pause: 60 }, payload: message('before the pause') });
    assert.match(await stream.element(), /before the pause/);
    assert.equal((await held.answer).xml, empty_body);
    assert.equal((await pause.answer).xml, empty_body);
    stream.send(from_server('meanwhile'));
    await bench.round_trip();
    assert.equal((await session.ask({ rid: pause.rid, attributes: { pause: 60 }, payload: message('before the pause') })).xml,
      empty_body, 'a repeated pause');
    await delay(6000); // longer than the inactivity of this bench, shorter than the pause: it is what is being tested
    assert.deepEqual(texts_in(await session.ask()), ['meanwhile']);
  });

  it('E-14 a pause beyond maxpause is clamped, zero is one second (B-097)', async () => {
    const { session, stream } = await bench.pair();
    assert.equal((await session.ask({ attributes: { pause: 60000 } })).xml, empty_body);
    assert.equal((await session.ask({ attributes: { pause: 0 } })).xml, empty_body);
    await stream.event('close', 4000); // much sooner than the inactivity of 5 s
  });

  it('a session without requests ends after its inactivity, and its stream with </stream:stream> (B-090, U-023)', async () => {
    const { session, stream } = await bench.pair();
    const reply = await session.send({ payload: message('x') });
    await stream.element();
    stream.send(from_server('y'));
    await reply.answer;
    const begun = Date.now();
    await stream.event('close', 8000);
    assert.ok(Date.now() - begun >= 4900, `${Date.now() - begun} ms`);
    assert_terminated(await session.ask(), 'item-not-found');
  });

  it('a held request is activity enough (B-090)', async () => {
    const { session, stream } = await bench.pair({ attributes: { wait: 8 } });
    assert_empty(await session.ask());
    stream.send(from_server('still here'));
    assert.deepEqual(texts_in(await session.ask()), ['still here']);
  });
});

describe('pause switched off', () => {
  const bench = Bench.around({ bosh: { maxpause: 0 } });

  it('E-14 an unadvertised pause is ignored: the request is held (B-093)', async () => {
    const { session, stream } = await bench.pair();
    assert.equal(session.created.attributes.maxpause, undefined);
    const pause = await session.send({ attributes: { pause: 60 } });
    await bench.still_held(pause);
    stream.send(from_server('normal'));
    assert.deepEqual(texts_in(await pause.answer), ['normal']);
  });
});

describe('the end', () => {
  const bench = Bench.around();

  it('E-15 terminate: payload first, then the stream end; the held one carries terminate (B-190, B-191)', async () => {
    const { session, stream } = await bench.pair();
    const held = await session.send();
    await bench.still_held(held);
    const text = session.text({ type: 'terminate' }, "<presence xmlns='jabber:client' type='unavailable'/>");
    const connection = await bench.connect();
    connection.write(post('/http-bind', text));
    assert.match(await stream.element(), /unavailable/);
    await stream.event('close');
    const answer = await held.answer;
    assert.equal(answer.type, 'terminate');
    assert.equal(answer.condition, undefined);
    const own = await connection.read_answer();
    assert.equal(own.text, empty_body);
    assert.equal((await bench.exchange(post('/http-bind', text))).text, own.text, 'tombstone (B-144)');
    assert_terminated(await session.ask(), 'item-not-found');
  });

  it('E-15 terminate with nothing held carries terminate itself', async () => {
    const { session, stream } = await bench.pair();
    const text = session.text({ type: 'terminate' });
    const first = await bench.exchange(post('/http-bind', text));
    assert.match(first.text, /type=['"]terminate['"]/);
    assert.doesNotMatch(first.text, /condition/);
    await stream.event('close');
    assert.equal((await bench.exchange(post('/http-bind', text))).text, first.text);
  });

  it("E-26 type='terminal' is terminate (B-193)", async () => {
    const { session, stream } = await bench.pair();
    const end = await session.ask({ attributes: { type: 'terminal' } });
    assert.equal(end.type, 'terminate');
    await stream.event('close');
  });

  it('E-16 the server dies with nothing held: the next request is told once (B-144)', async () => {
    const { session, stream } = await bench.pair();
    stream.reset();
    await stream.closed;
    await bench.round_trip();
    assert_terminated(await session.ask(), 'remote-connection-failed');
    assert_terminated(await session.ask(), 'item-not-found');
  });

  it('E-16 the server dies with a request held: it is told at once', async () => {
    const { session, stream } = await bench.pair();
    const held = await session.send();
    await bench.still_held(held);
    stream.reset();
    assert_terminated(await held.answer, 'remote-connection-failed');
  });

  it('the server ends the stream without an error: remote-connection-failed (B-198)', async () => {
    const { session, stream } = await bench.pair();
    const held = await session.send();
    await bench.still_held(held);
    stream.send('</stream:stream>');
    assert_terminated(await held.answer, 'remote-connection-failed');
    await stream.event('close');
  });

  it('E-35 HTTP/1.0: every answer closes, and a half-closed client is still there', async () => {
    const { session, stream } = await bench.pair();
    const connection = await bench.connect();
    connection.write(post('/http-bind', session.text(), { version: '1.0', fields: { Host: undefined } })).half_close();
    await bench.round_trip();
    stream.send(from_server('for the old proxy'));
    const answer = await connection.read_answer();
    assert.match(answer.text, /for the old proxy/);
    await connection.read_end();
    stream.send(from_server('next'));
    assert.deepEqual(texts_in(await session.ask()), ['next']);
  });

  // What stock nginx does when its browser goes: it closes, which at first looks like a half-close.
  for (const version of ['1.0', '1.1']) {
    it(`E-08, E-35 HTTP/${version} with one request a connection: who has closed altogether is told from who listens`, async () => {
      const { session, stream } = await bench.pair();
      const connection = await bench.connect();
      connection.write(post('/http-bind', session.text({}, message('here')), { version, fields: { Connection: 'close' } }));
      await stream.element();
      await bench.round_trip();
      connection.destroy();
      await bench.round_trip();
      stream.send(from_server('for the new page'));
      await bench.round_trip();
      assert.deepEqual(texts_in(await session.ask({ payload: message('back') })), ['for the new page']);
    });
  }
});

leave_nothing_behind();
