// Bad input by way of polling (XEP-0025), as probe_bad has it for BOSH and bad_websocket for WebSocket: documents that no door may let
// through, and who never logs in. After each, a neighbour must be as well as ever.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { answer_client } from './lib/fake_server.mjs';
import { hostile_documents } from './lib/hostile_xml.mjs';
import { leave_nothing_behind } from './lib/leave_nothing_behind.mjs';
import { PollClient, stream_header } from './lib/poll.mjs';
import { Bench, message, neighbour_by } from './lib/probe.mjs';

const settings = { script: { on_element: answer_client }, polling: { enabled: true, hold: 0.02, inactivity: 60 } };

// A stream up to its features.
async function begin(bench) {
  bench.postern.assert_running();
  bench.server.arrivals.clear();
  const client = new PollClient(bench.port);
  const [stream] = await Promise.all([bench.server.accept(), client.send(stream_header('postern.test'))]);
  await client.until(/<\/stream:features>/);
  return { client, stream };
}

async function log_in(bench) {
  bench.postern.assert_running();
  bench.server.arrivals.clear();
  const client = new PollClient(bench.port);
  const [stream] = await Promise.all([bench.server.accept(), client.log_in('postern.test', 'alice', 'secret', 'poll')]);
  client.received = '';
  return { client, stream };
}

const neighbour = (bench) => neighbour_by({ log_in: () => log_in(bench), hears: (client, text) => client.until(text),
  says: (client, stanza) => client.send(stanza) });

// The last words, and then nothing that anybody could ask for (P-004, P-016).
async function assert_ended(client, { id, text }, condition) {
  assert.doesNotMatch(id, /:0$/);
  const error = /<stream:error[^>]*><([a-z-]+) xmlns='urn:ietf:params:xml:ns:xmpp-streams'\/><\/stream:error><\/stream:stream>$/.exec(text)?.[1];
  assert.match(error ?? `not ended: ${text}`, condition);
  assert.equal((await client.ask('')).id, '0:0', 'P-004: gone');
}

describe('broken XML by polling', () => {
  const bench = Bench.around(settings);
  const is_well = neighbour(bench);
  const conditions = /^(not-well-formed|restricted-xml|policy-violation)$/;
  const documents = hostile_documents('<message>', '</message>');
  const sound = "<message xmlns='jabber:client'></message>";

  // What is no fault of a stream: stanzas in a row, and text between them, which is taken for a sign of life and goes nowhere.
  const tolerated = { 'text': '', 'text behind': sound, 'two roots': sound + sound };
  // What may be the beginning of something, as a piece of a stream (P-008), and is wrong as soon as the end comes behind it.
  const begun = { 'an open tag': '', 'a cut UTF-8 sequence': sound };

  for (const [name, expected] of Object.entries(tolerated)) {
    it(`${name}: no more reaches the server than what is sound`, async () => {
      const { client, stream } = await log_in(bench);
      const so_far = stream.raw.length;
      assert.equal((await client.ask(documents[name])).text, '');
      assert.match((await client.ask('</stream:stream>')).text, /^<\/stream:stream>$/);
      await stream.event('close');
      assert.equal(stream.raw.slice(so_far), `${expected}</stream:stream>`);
      await is_well();
    });
  }

  for (const [name, document] of Object.entries(documents).filter(([name]) => !(name in tolerated))) {
    it(`${name}: ended, and nothing of it reaches the server`, async () => {
      const { client, stream } = await log_in(bench);
      const so_far = stream.raw.length;
      let answer = await client.ask(document);
      if (name in begun) {
        assert.equal(answer.text, '');
        answer = await client.ask('</stream:stream>');
      }
      await assert_ended(client, answer, conditions);
      await stream.event('close');
      assert.equal(stream.raw.slice(so_far), `${begun[name] ?? ''}</stream:stream>`);
      await is_well();
    });
  }

  it('all of them byte by byte', async () => {
    const short = Object.entries(documents).filter(([name, document]) => !(name in tolerated) && !(name in begun) && document.length < 100);
    const logged_in = [];
    for (const [name, document] of short) logged_in.push({ name, bytes: Buffer.from(document), ...await log_in(bench) });
    await Promise.all(logged_in.map(async ({ name, bytes, client, stream }) => {
      const so_far = stream.raw.length;
      let answer = { text: '' };
      for (let at = 0; at < bytes.length && answer.text === ''; at++) answer = await client.ask(bytes.subarray(at, at + 1));
      await assert_ended(client, answer, conditions).catch((error) => assert.fail(`${name}: ${error.message}`));
      await stream.event('close');
      assert.equal(stream.raw.slice(so_far), '</stream:stream>', name);
    }));
    await is_well();
  });

  it('all of them in the place of a stream header, or around one, begin no session (P-004)', async () => {
    bench.server.arrivals.clear();
    const around = Object.entries(hostile_documents(stream_header('postern.test'), '</stream:stream>'))
      .filter(([, document]) => /^(<[!?]|\uFEFF|h|\xff\xfe)/.test(document.toString('latin1')));
    assert.ok(around.length >= 8, 'they are there');
    for (const [name, document] of [...Object.entries(documents), ...around]) {
      assert.deepEqual(await new PollClient(bench.port).ask(document), { id: '-2:0', text: '' }, name);
    }
    await is_well();
    assert.equal(bench.server.arrivals.events.length, 0);
  });
});

describe('who never logs in, by polling (U-008)', () => {
  const limits = { unauthenticated_timeout: 2, max_unauthenticated_bytes: 4096, max_unauthenticated_sessions: 5 };
  const bench = Bench.around({ ...settings, limits });
  const is_well = neighbour(bench);

  it('has its time, and polls do not extend it', async () => {
    const since = bench.postern.child.lines.length;
    const { client } = await begin(bench);
    const started = Date.now();
    let answer;
    let polls = 0;
    do {
      answer = await client.ask(polls % 2 ? '' : ' ');
      polls++;
    } while (answer.text === '' && Date.now() - started < 8000);
    const took = Date.now() - started;
    assert.ok(polls > 5, 'it was busy all the while');
    assert.ok(took > 1500 && took < 5000, `${took} ms`);
    await assert_ended(client, answer, /^policy-violation$/);
    await bench.postern.child.line(/ended after [23]\.\d s: policy: not logged in within unauthenticated_timeout/, 5000, since);
    await is_well();
  });

  it('has its bytes, though they are no whole stanza', async () => {
    const since = bench.postern.child.lines.length;
    const { client, stream } = await begin(bench);
    const so_far = stream.raw.length;
    assert.equal((await client.ask(`<message><body>${'x'.repeat(3000)}`)).text, '', 'within the limit');
    await assert_ended(client, await client.ask('x'.repeat(2000)), /^policy-violation$/);
    await bench.postern.child.line(/session \S+ of .* ended .*: policy: max_unauthenticated_bytes reached/, 5000, since);
    await stream.event('close');
    assert.equal(stream.raw.slice(so_far), '</stream:stream>');
    await is_well();
  });

  it('has its number: the oldest makes room', async () => {
    const since = bench.postern.child.lines.length;
    const crowd = [];
    for (let i = 0; i < 6; i++) crowd.push((await begin(bench)).client);
    await bench.postern.child.line(/session \S+ of .* ended .*: policy: max_unauthenticated_sessions reached/, 5000, since);
    const [first, ...others] = crowd;
    await assert_ended(first, await first.ask(''), /^policy-violation$/);
    for (const client of others) assert.equal((await client.ask('')).text, '');
    await is_well();
    for (const client of others) assert.match((await client.ask('</stream:stream>')).text, /^<\/stream:stream>$/);
  });
});

leave_nothing_behind();
