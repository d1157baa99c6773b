// A server with stream management (XEP-0198) that misbehaves when it has let somebody in: falls silent, does not read, refuses what it
// has offered. What the browser is told, who wrote to it, and the operator: U-051, U-066, X-050. The beginning is scripted.test.mjs's.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { log_in } from './lib/bosh.mjs';
import { answer_client, answer_header, bind_feature, features, header, mechanisms } from './lib/fake_server.mjs';
import { leave_nothing_behind } from './lib/leave_nothing_behind.mjs';
import { assert_terminated, auth, Bench, end_in_log, from_server, message, restart, texts_in } from './lib/probe.mjs';
import { find, ns } from './lib/xml.mjs';

const managed = `<sm xmlns='${ns.sm}'/>`;

// A session that is bound, and whose server counts.
async function managed_pair(bench) {
  const pair = await bench.pair();
  await log_in(pair.session, 'alice', 'secret', 'web');
  await pair.stream.element((xml) => xml.startsWith('<enable'));
  pair.stream.send(`<enabled xmlns='${ns.sm}'/>`);
  return pair;
}

// Nothing is due from it at any moment: what ends such a session is a limit of its own.
describe('a server that falls silent', () => {
  const script = {
    on_header: (stream) => stream.send(header() + features(stream.authenticated ? bind_feature + managed : mechanisms)),
    on_element: (stream, event) => event.name !== script.silent_from && answer_client(stream, event),
  };
  const bench = Bench.around({ script, limits: { unauthenticated_timeout: 3 }, domain: { closing_timeout: 1, answer_timeout: 1 } });

  it('after <auth/>: policy-violation when the time for a login is over', async () => {
    script.silent_from = 'auth';
    const { session } = await bench.pair();
    const body = await session.ask(auth);
    assert_terminated(body, 'policy-violation');
    await end_in_log(bench, /info .*: policy: not logged in within unauthenticated_timeout \(policy-violation\); .*to server 1,/, session);
  });

  it('after <enable/>: the session goes on without it, and its end does not hang', async () => {
    script.silent_from = 'enable';
    script.on_close = null;
    const { session, stream } = await bench.pair();
    await log_in(session, 'alice', 'secret', 'web');
    await stream.element((xml) => xml.startsWith('<enable'));
    const held = await session.send({ payload: message('to the server') });
    await stream.element((xml) => xml.includes('to the server'));
    stream.send(from_server('to the client'));
    assert.deepEqual(texts_in(await held.answer), ['to the client']);
    assert.equal((await session.ask({ attributes: { type: 'terminate' } })).type, 'terminate');
    await stream.event('end');
    await end_in_log(bench, /info .*: terminated by the client: terminate; /, session);
    stream.end();
    delete script.on_close;
  });

  it('after <enabled/>: remote-connection-failed when it does not answer a question (U-066)', async () => {
    script.silent_from = '';
    const { session, stream } = await managed_pair(bench);
    const lost = await session.ask({ payload: message('nobody confirms it') });
    assert.ok(find(lost.root, 'remote-server-timeout'), lost.xml);
    assert_terminated(await session.ask(), 'remote-connection-failed');
    await end_in_log(bench, /warning .*: connection to the server lost: the server does not answer /, session);
  });
});

describe('a server that does not read', () => {
  const large = 16 << 20;
  const script = {
    on_header: (stream) => stream.send(header() + features(stream.authenticated ? bind_feature + managed : mechanisms)),
    on_element: (stream, event) => answer_client(stream, event),
  };
  const bench = Bench.around({ script, domain: { max_queued_bytes: large }, limits: { max_body_bytes: large } });
  // The second is more than a link may have unsent, whatever the kernel takes of it.
  const both = [message('first', " id='m1'"), message('x'.repeat(12 << 20), " id='m2'")];

  it('over BOSH: the client learns what nobody has confirmed (U-066)', async () => {
    const { session, stream } = await managed_pair(bench);
    await bench.round_trip();
    stream.socket.pause();
    const lost = await session.ask({ payload: both.join('') });
    assert.deepEqual(lost.children.filter(({ attributes }) => attributes.type === 'error').map(({ attributes }) => attributes.id), ['m1', 'm2'], lost.xml);
    assert_terminated(lost.type ? lost : await session.ask(), 'remote-connection-failed');
    await end_in_log(bench, /warning .*: connection to the server lost: the server does not read what is sent to it /, session);
    stream.reset();
  });

  it('what others write and is left out does not fill the connection (U-018)', async () => {
    const { session, stream } = await managed_pair(bench);
    await bench.round_trip();
    stream.socket.pause();
    const deep = '<x>'.repeat(100) + '</x>'.repeat(100);
    for (let i = 0; i < 220; i++) {
      const id = i % 11 ? 'i'.repeat(60_000) : `i${i}`;
      stream.send(`<message from='romeo@example.net/x' id='${id}'>${deep}</message>`);
    }
    stream.send(from_server('behind it'));
    let body;
    do {
      body = await session.ask();
      assert.equal(body.type, undefined, body.xml.slice(0, 300));
    } while (!body.xml.includes('behind it'));
    stream.socket.resume();
    await stream.element((xml) => xml.includes(" id='i209'>"));
    await session.ask({ attributes: { type: 'terminate' } });
    stream.reset();
    const told = stream.raw.split('policy-violation').length - 1;
    assert.ok(told > 0 && told <= 20, `${told} errors for 220 that were left out`);
  });

  it('before its features: what the client sends too much of ends the session as its own doing', async () => {
    script.on_header = (stream) => !stream.authenticated && answer_header(stream);
    const { session, stream } = await bench.pair();
    await session.ask(auth);
    const held = await session.send(restart);
    const more = [await session.send({ payload: both[1] }), await session.send({ payload: both[1] })];
    const bodies = await Promise.all([held, ...more].map(({ answer }) => answer));
    assert.ok(bodies.some(({ condition }) => condition === 'policy-violation'), bodies.map(({ xml }) => xml).join());
    await end_in_log(bench, /info .*: policy: too much for a server that is not ready \(policy-violation\)/, session);
    stream.end();
  });
});

describe('a server that refuses stream management', () => {
  const script = {
    on_header: (stream) => stream.send(header() + features(stream.authenticated ? bind_feature + managed : mechanisms)),
    on_element: (stream, event) => (event.name === 'enable'
      ? !!stream.send(`<failed xmlns='${ns.sm}'><unexpected-request xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></failed>`)
      : answer_client(stream, event)),
  };
  const bench = Bench.around({ script, bosh: { inactivity: 5 } });

  it('who wrote what a browser that vanishes has not shown to have is told; the server is asked for nothing', async () => {
    const { session, stream } = await bench.pair();
    await log_in(session, 'alice', 'secret', 'web');
    const held = await session.send();
    stream.send(from_server('fetched, which nothing proves'));
    assert.deepEqual(texts_in(await held.answer), ['fetched, which nothing proves']);
    stream.send("<message type='chat' id='q1' from='bob@postern.test/home' to='alice@postern.test/web'><body>queued</body></message>");
    const error = await stream.element((xml) => xml.includes("id='q1'"), 15_000);
    assert.match(error, /^<message [^>]*to='bob@postern.test\/home'[^>]*><error [^>]*><recipient-unavailable /);
    assert.match(error, /^<message [^>]*type='error'/);
    await stream.event('close');
    await end_in_log(bench, /info .*: inactivity: no request in time; /, session);
    assert.doesNotMatch(stream.raw, /<[ra] xmlns=.urn:xmpp:sm:/);
    assert.equal(stream.raw.split('<error ').length, 3, stream.raw); // one for each
  });
});

leave_nothing_behind();
