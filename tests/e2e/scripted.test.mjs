// A server that misbehaves in every state: refuses, hangs, cuts, talks nonsense, ends with errors, early and late. What the
// browser is told, what the operator reads in the log, and that the gateway is never the one that hangs: U-005...U-021, X-005...X-041, E-17...E-22, E-48, E-52.
import assert from 'node:assert/strict';
import { createServer } from 'node:net';
import { before, describe, it } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { BoshSession } from './lib/bosh.mjs';
import { answer_header, answer_sasl, bind_feature, FakeServer, features, header, mechanisms, starttls_feature } from './lib/fake_server.mjs';
import { leave_nothing_behind } from './lib/leave_nothing_behind.mjs';
import { free_port } from './lib/ports.mjs';
import { start_postern } from './lib/postern.mjs';
import { assert_empty, assert_terminated, auth, Bench, create, end_in_log, from_server, message, restart, texts_in } from './lib/probe.mjs';
import { at_rest } from './lib/wait.mjs';
import { find, ns } from './lib/xml.mjs';

const stream_error = (condition) => `<stream:error><${condition} xmlns='${ns.stream_errors}'/></stream:error>`;

// A session that a fault of the server ends before it has begun: what the browser is told, and what the operator is.
async function fails(bench, why, condition = 'remote-connection-failed') {
  const since = bench.postern.child.lines.length;
  const body = await create(bench.port);
  assert_terminated(body, condition);
  await end_in_log(bench, why, { since });
  return body;
}

// For scripts that a test sets just before it creates its session.
function scripted(settings = {}) {
  const script = { on_element: answer_sasl, on_header: answer_header };
  const bench = Bench.around({ script, ...settings });
  bench.script = script;
  bench.server_does = (on_header) => (script.on_header = on_header);
  return bench;
}

describe('a server that cannot be reached', () => {
  let port;
  const bench = Bench.around();
  before(async () => (port = await free_port()));

  it('nobody listens: remote-connection-failed in the creation answer (B-050)', async () => {
    await bench.postern.stop();
    bench.postern = await start_postern({ threads: 1, domains: [{ name: 'postern.test', server: `127.0.0.1:${port}`, tls: 'none' }] });
    bench.port = bench.postern.port;
    const body = await fails(bench, new RegExp(`warning .*: server unreachable: no server could be reached: .*:${port}: Connection refused `));
    assert.equal(body.attributes.sid, undefined);
    assert.equal(body.answer.status, 200);
  });
});

describe('a server that hangs', () => {
  const bench = scripted({ domain: { negotiation_timeout: 1.5, connect_timeout: 1.5 } });

  const hangs = {
    'before its header': () => {},
    'after half a header': (stream) => stream.send("<?xml version='1.0'?><stream:str"),
    'after its header': (stream) => stream.send(header()),
    'in the middle of its features': (stream) => stream.send(`${header()}<stream:features><mechanisms`),
  };
  for (const [where, on_header] of Object.entries(hangs)) {
    it(`${where} is given up in time (U-005, B-049)`, async () => {
      bench.server_does(on_header);
      const begun = Date.now();
      await fails(bench, /warning .*: server unreachable: no usable stream in time /);
      const took = Date.now() - begun;
      assert.ok(took >= 1400 && took < 5000, `${took} ms`);
      const stream = await bench.server.accept();
      await stream.closed;
    });
  }
});

describe('a server that cuts', () => {
  const bench = scripted();

  const closed_early = /warning .*: connection to the server lost: the server closed the connection without ending the stream /;
  const cuts = {
    'at once, reset': [(stream) => stream.reset(), /warning .*: the connection to the server broke: Connection reset by peer /],
    'at once, closed': [(stream) => stream.end(), closed_early],
    'after half a header': [(stream) => stream.send("<?xml version='1.0'?><stream:str").end(), closed_early],
    'after its header': [(stream) => stream.send(header()).end(), closed_early],
    'with a clean end before features': [(stream) => stream.send(`${header()}</stream:stream>`).end(), /info .*: closed by the server /],
  };
  for (const [where, [on_header, why]] of Object.entries(cuts)) {
    it(`${where}: remote-connection-failed, and the cut in the log (B-050)`, async () => {
      bench.server_does(on_header);
      await fails(bench, why);
    });
  }
});

describe('a server that talks nonsense', () => {
  const bench = scripted({ limits: { max_stanza_bytes: 65536 } });
  const refused = (what) => new RegExp(`warning .*: connection to the server lost: ${what}.*: what the server sent is refused `);
  const nonsense = {
    'another protocol': ['SSH-2.0-OpenSSH_9.2\r\n', 'syntax error'],
    'HTTP': ['HTTP/1.1 400 Bad Request\r\n\r\n', 'not well-formed'],
    'another root': ['<html>', 'not a stream header'],
    'another namespace': ["<stream:stream xmlns:stream='urn:x' xmlns='jabber:client' version='1.0'>", 'not a stream header'],
    'malformed XML': [`${header()}<stream:features></wrong>`, 'mismatched tag'],
    'a DTD': [`<?xml version='1.0'?><!DOCTYPE x>${header().slice(21)}${features(mechanisms)}`, 'document type declaration'],
    'a comment': [`${header()}<!-- hi -->${features(mechanisms)}`, 'comment'],
    'a processing instruction': [`${header()}<?hi?>${features(mechanisms)}`, 'processing instruction'],
    'bytes that are no UTF-8': [Buffer.concat([Buffer.from(header()), Buffer.from([0xff, 0xfe, 0x3c])]), 'not well-formed'],
    'binary': [Buffer.from(Array.from({ length: 4096 }, (_, i) => (i * 7919) & 0xff)), ''],
    'features without end': [`${header()}<stream:features>${'<x/>'.repeat(40_000)}`, 'stanza or stream header too large'],
  };
  for (const [what, [bytes, why]] of Object.entries(nonsense)) {
    it(`${what}: remote-connection-failed, and what was wrong with it in the log (U-018)`, async () => {
      bench.server_does((stream) => stream.send(bytes));
      await fails(bench, refused(why));
      const stream = await bench.server.accept();
      stream.end();
      await stream.closed;
    });
  }

  const later = {
    'malformed XML': ['<message></presence>', 'mismatched tag'],
    'a comment': ['<!-- hi -->', 'comment'],
    'an entity': ['<message><body>&x;</body></message>', 'undefined entity'],
    'a stanza that is too large': [from_server('x'.repeat(70_000)), 'stanza or stream header too large'],
    'depth without end': ['<message>'.repeat(8000), 'stanza or stream header too large'],
    'depth in what is no stanza': ['<x>'.repeat(5000), 'elements too deep'],
  };
  for (const [what, [bytes, why]] of Object.entries(later)) {
    it(`${what} in mid-session ends that session alone (U-018)`, async () => {
      bench.server_does(answer_header);
      const [sick, well] = [await bench.pair(), await bench.pair()];
      const held = await sick.session.send();
      const other = await well.session.send();
      await bench.still_held(held, other);
      sick.stream.send(from_server('last words') + bytes);
      let body = await held.answer;
      if (body.type === undefined) {
        assert.deepEqual(texts_in(body), ['last words']);
        body = await sick.session.ask();
      }
      assert_terminated(body, 'remote-connection-failed');
      await end_in_log(bench, refused(why), sick.session);
      well.stream.send(from_server('fine'));
      assert.deepEqual(texts_in(await other.answer), ['fine']);
    });
  }

  it('a stanza that is too deep is left out, and nothing ends (U-018)', async () => {
    bench.server_does(answer_header);
    const { session, stream } = await bench.pair();
    const held = await session.send();
    await bench.still_held(held);
    const deep = `<message from='romeo@example.net/x' id='d1'>${'<x>'.repeat(100)}${'</x>'.repeat(100)}</message>`;
    stream.send(`${deep}${from_server('behind it')}`);
    const body = await held.answer;
    assert.equal(body.type, undefined);
    assert.match(body.xml, /<message xmlns='jabber:client' from='romeo@example.net\/x' id='d1'\/>.*behind it/);
    const error = await stream.element();
    assert.match(error, /<message [^>]*to='romeo@example.net\/x' id='d1'><error type='modify'><policy-violation /);
    await bench.postern.child.line(/info session .*: left out a stanza of the server, above \[limits\]: elements too deep/);
    await session.ask({ attributes: { type: 'terminate' } });
  });

  it('text between stanzas is ignored; a blank is a keepalive (U-018)', async () => {
    bench.server_does(answer_header);
    const { session, stream } = await bench.pair();
    const held = await session.send();
    stream.send(' \n ');
    await bench.still_held(held);
    stream.send(` \n${from_server('stanza')} `);
    assert.deepEqual(texts_in(await held.answer), ['stanza']);
  });
});

describe('stream errors', () => {
  const bench = scripted();

  it('E-18 during creation: remote-stream-error with a copy of the error (X-040, B-197)', async () => {
    bench.server_does((stream) => stream.send(`${header()}${stream_error('host-unknown')}</stream:stream>`).end());
    const body = await fails(bench, /info .*: stream error of the server: .*: host-unknown \(remote-stream-error\)/, 'remote-stream-error');
    assert.equal(body.attributes['xmlns:stream'], ns.streams);
    assert.equal(body.children[0].name, 'stream:error');
    assert.equal(find(body.root, 'host-unknown').uri, ns.stream_errors);
  });

  it('E-17 later: what was queued comes first, in the same answer (X-040)', async () => {
    bench.server_does(answer_header);
    const { session, stream } = await bench.pair();
    const held = await session.send();
    await bench.still_held(held);
    stream.send(`${from_server('m1')}${from_server('m2')}${stream_error('conflict')}</stream:stream>`);
    const body = await held.answer;
    assert_terminated(body, 'remote-stream-error');
    assert.deepEqual(body.children.map(({ local }) => local), ['message', 'message', 'error']);
    assert.equal(body.children[2].name, 'stream:error');
    assert.ok(find(body.root, 'conflict'), 'Strophe looks for it (E-52)');
    await stream.event('close');
    assert_terminated(await session.ask(), 'item-not-found');
  });

  it('E-17 with nothing held: told to the next request, once (B-144)', async () => {
    bench.server_does(answer_header);
    const { session, stream } = await bench.pair();
    stream.send(`${from_server('m')}${stream_error('system-shutdown')}</stream:stream>`).end();
    await stream.event('close');
    await bench.round_trip();
    const body = await session.ask();
    assert_terminated(body, 'remote-stream-error');
    assert.deepEqual(texts_in(body), ['m']);
    assert.equal((await session.ask({ rid: session.rid })).xml, body.xml, 'the same again for a repeat');
  });

  // Where it is followed to: resolver_test.
  it('U-016 see-other-host before login is not followed to any port of any machine', async () => {
    const other = await FakeServer.start();
    bench.server_does((stream) => stream.send(
      `${header()}<stream:error><see-other-host xmlns='${ns.stream_errors}'>127.0.0.1:${other.port}</see-other-host></stream:error></stream:stream>`));
    assert_terminated(await create(bench.port), 'remote-connection-failed');
    await bench.postern.child.line(/server unreachable: .*: redirected to 127\.0\.0\.1: port \d+ is not one of XMPP /);
    assert.equal(other.streams.size, 0);
    await other.stop();
  });

  it('U-016 a server that always points elsewhere does not keep us busy', async () => {
    let visits = 0;
    bench.server_does((stream) => {
      visits++;
      stream.send(`${header()}<stream:error><see-other-host xmlns='${ns.stream_errors}'>127.0.0.1:${bench.server.port}</see-other-host></stream:error></stream:stream>`);
    });
    const body = await create(bench.port);
    assert.match(body.condition, /^remote-(stream-error|connection-failed)$/);
    assert.ok(visits <= 3, `${visits} visits`);
  });
});

describe('features', () => {
  const bench = scripted();

  it('E-19 late features: the creation answer waits for them (B-049)', async () => {
    bench.server_does(async (stream) => {
      stream.send(header());
      await delay(1000);
      stream.send(features(mechanisms));
    });
    const body = await create(bench.port);
    assert.equal(find(body.root, 'mechanism').text, 'PLAIN');
  });

  it('E-19 with wait 0 the creation answer comes at once, the features with a poll', async () => {
    let send_features;
    bench.server_does((stream) => {
      stream.send(header());
      send_features = () => stream.send(features(mechanisms));
    });
    const session = await BoshSession.create(bench.port, { attributes: { wait: 0, hold: 0 } });
    assert.equal(session.created.children.length, 0);
    const stream = await bench.server.accept();
    await stream.event('header');
    assert_empty(await session.ask({ payload: message('while waiting') }));
    send_features();
    let body = await session.ask({ payload: message('and again') });
    if (body.children.length === 0) body = await session.ask({ payload: message('once more') });
    assert.equal(body.children[0].local, 'features');
  });

  it('X-008 starttls and compression are hidden, the rest of the features is as the server wrote it', async () => {
    const rest = `<mechanisms xmlns='${ns.sasl}'><mechanism>SCRAM-SHA-1-PLUS</mechanism><mechanism>X-&#79;DD</mechanism></mechanisms>`
      + "<sasl-channel-binding xmlns='urn:xmpp:sasl-cb:0'><channel-binding type='tls-exporter'/></sasl-channel-binding>";
    bench.server_does((stream) => stream.send(header() + features(
      `<starttls xmlns='${ns.tls}'/>${rest}<compression xmlns='http://jabber.org/features/compress'><method>zlib</method></compression>`)));
    const body = await create(bench.port);
    assert.ok(body.xml.includes(rest), body.xml);
    assert.doesNotMatch(body.xml, /starttls|compress/);
  });

  it('E-48 TLS is required and starttls is missing: remote-connection-failed, nothing in the clear (U-012)', async () => {
    const server = await FakeServer.start({ on_header: (stream) => stream.send(header() + features(mechanisms)) });
    const postern = await start_postern({ threads: 1, domains: [{ name: 'postern.test', server: `127.0.0.1:${server.port}`, tls: 'starttls' }] });
    const session = await BoshSession.create(postern.port, { payload: message('secret'), attributes: { from: 'alice@postern.test' } });
    assert_terminated(session.created, 'remote-connection-failed');
    await end_in_log({ postern }, /warning .*: server unreachable: TLS is required and the server does not offer it /);
    const stream = await server.accept();
    await stream.closed;
    assert.doesNotMatch(stream.raw, /secret|alice/);
    await postern.stop();
    await server.stop();
  });

  it('U-011 what comes in the clear behind <proceed/> is thrown away, and a failed handshake is the end', async () => {
    const server = await FakeServer.start({
      on_header: (stream) => stream.send(header() + features(starttls_feature)),
      on_element: (stream, { name }) => name === 'starttls'
        && !!stream.send(`<proceed xmlns='${ns.tls}'/>${header()}${features(mechanisms)}`),
    });
    const postern = await start_postern({ threads: 1, domains: [{ name: 'postern.test', server: `127.0.0.1:${server.port}`, tls: 'starttls',
      negotiation_timeout: 2, connect_timeout: 2 }] });
    const session = await BoshSession.create(postern.port);
    assert_terminated(session.created, 'remote-connection-failed');
    await end_in_log({ postern }, /warning .*: server unreachable: no usable stream in time /);
    await postern.stop();
    await server.stop();
  });
});

describe('SASL and restart', () => {
  const bench = scripted();

  it('E-20 success, then restart: features come with the restart answer, never with success (X-024)', async () => {
    const { session, stream } = await bench.pair();
    const success = await session.ask(auth);
    assert.deepEqual(success.children.map(({ local }) => local), ['success']);
    const features_body = await session.ask(restart);
    assert.deepEqual(features_body.children.map(({ local }) => local), ['features']);
    assert.equal(features_body.attributes['xmlns:stream'], ns.streams);
    assert.equal(stream.headers.length, 2);
  });

  it('E-20 an empty poll overtakes the restart: it does not eat the features (X-024)', async () => {
    const { session, stream } = await bench.pair();
    assert.equal((await session.ask(auth)).children[0].local, 'success');
    const poll = await session.send();
    const restarted = await session.send(restart);
    assert_empty(await poll.answer);
    assert.equal((await restarted.answer).children[0].local, 'features');
    assert.equal(stream.headers.length, 2, 'one new header');
  });

  it('X-024 (b) a payload without a restart implies it; (c) so does a second of silence', async () => {
    const implied = await bench.pair();
    await implied.session.ask(auth);
    const bind = `<iq xmlns='jabber:client' type='set' id='b'><bind xmlns='${ns.bind}'/></iq>`;
    const talk = await implied.session.send({ payload: bind });
    assert.match(await implied.stream.element(), /<bind/);
    assert.equal(implied.stream.headers.length, 2);
    assert.equal((await talk.answer).children[0].local, 'features');
    const silent = await bench.pair();
    await silent.session.ask(auth);
    const body = await silent.session.ask();
    assert.equal(body.children[0].local, 'features', body.xml);
    const late = await silent.session.ask(restart);
    assert.equal(late.children[0]?.local, 'features', 'from the store');
    assert.equal(silent.stream.headers.length, 2);
  });

  it('E-22 SASL2: features follow without a restart; a wrong one does not reach the server (X-025)', async () => {
    bench.script.on_element = (stream, { name }) => name === 'authenticate'
      && !!stream.send(`<success xmlns='urn:xmpp:sasl:2'><authorization-identifier>alice@postern.test</authorization-identifier></success>${features(bind_feature)}`);
    const { session, stream } = await bench.pair();
    let body = await session.ask({ payload: "<authenticate xmlns='urn:xmpp:sasl:2' mechanism='PLAIN'><initial-response>AGEAYg==</initial-response></authenticate>" });
    const names = body.children.map(({ local }) => local);
    if (names.length === 1) names.push(...(body = await session.ask()).children.map(({ local }) => local));
    assert.deepEqual(names, ['success', 'features']);
    const again = await session.ask(restart);
    assert.equal(again.children[0].local, 'features');
    assert.equal(stream.headers.length, 1);
    bench.script.on_element = answer_sasl;
  });

  it('X-022 payload of a restart request is not lost', async () => {
    const { session, stream } = await bench.pair();
    await session.ask(auth);
    await session.send({ ...restart, payload: message('in the restart') });
    assert.match(await stream.element(), /in the restart/);
    assert.equal(stream.headers.length, 2);
  });

  it('Q-08 a stanza does not join or overtake a SASL element (X-030)', async () => {
    bench.script.on_element = (stream, { name }) => name === 'auth'
      && !!stream.send(`<challenge xmlns='${ns.sasl}'> YWJj\n</challenge>${from_server('too early')}`);
    const { session } = await bench.pair();
    const body = await session.ask(auth);
    assert.equal(body.children[0].local, 'challenge');
    assert.equal(body.children[0].text, ' YWJj\n', 'blanks inside are untouched');
    assert.equal(body.children.length, 1);
    assert.deepEqual(texts_in(await session.ask()), ['too early']);
    bench.script.on_element = answer_sasl;
  });
});

describe('time and flow', () => {
  const bench = scripted({ domain: { keepalive: 1 }, bosh: { queue_high: 65536, queue_low: 16384, queue_cap: 1048576 } });

  it('U-020 an idle stream is kept alive with a blank', async () => {
    const { session, stream } = await bench.pair();
    const held = await session.send();
    await stream.event('space', 4000);
    await bench.still_held(held);
  });

  it('B-070 a client that does not fetch slows the server down; nothing is lost when it comes back', async () => {
    const { session, stream } = await bench.pair();
    const text = 'x'.repeat(10_000);
    const total = 2000;
    for (let i = 0; i < total; i++) stream.send(from_server(`${i} ${text}`));
    await bench.round_trip();
    assert.ok((await at_rest(() => stream.socket.writableLength)) > 1_000_000, 'postern has stopped reading');
    let next = 0;
    while (next < total) for (const got of texts_in(await session.ask())) assert.equal(got, `${next++} ${text}`);
  });

  it('U-021 a server that never says its own end does not keep the connection', async () => {
    bench.script.on_close = null;
    const { session, stream } = await bench.pair();
    await session.ask({ attributes: { type: 'terminate' } });
    await stream.event('close');
    await stream.event('end', 5000);
    delete bench.script.on_close;
    stream.end();
  });

  it('a port that accepts and never speaks, a hundred times, costs nothing that stays', async () => {
    const silent = createServer();
    await new Promise((resolve) => silent.listen(0, '127.0.0.1', resolve));
    const postern = await start_postern({ threads: 1, domains: [{ name: 'postern.test', server: `127.0.0.1:${silent.address().port}`,
      tls: 'direct', connect_timeout: 1, negotiation_timeout: 1 }] });
    const bodies = await Promise.all(Array.from({ length: 100 }, () => create(postern.port)));
    for (const body of bodies) assert_terminated(body, 'remote-connection-failed');
    await end_in_log({ postern }, /warning .*: server unreachable: no usable stream in time: 127\.0\.0\.1 \[127\.0\.0\.1\]:\d+: no answer yet /);
    await postern.stop();
    silent.close();
  });
});

leave_nothing_behind();
