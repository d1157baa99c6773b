// Push streams by hand: a BOSH session that is read as Server-Sent Events or from a frame (V- rules of docs/PROTOCOLS.md), with what
// somebody else would try; who does not read; and, against real servers, what becomes of messages when the reader vanishes.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { Apache } from './lib/apache.mjs';
import { BoshSession, log_in } from './lib/bosh.mjs';
import { Buddy } from './lib/buddy.mjs';
import { Caddy } from './lib/caddy.mjs';
import { Authority } from './lib/certs.mjs';
import { stop_all } from './lib/cleanup.mjs';
import { afterwards, missing, numbered } from './lib/delivery.mjs';
import { answer_sasl, FakeServer } from './lib/fake_server.mjs';
import { Haproxy } from './lib/haproxy.mjs';
import { leave_nothing_behind } from './lib/leave_nothing_behind.mjs';
import { Nginx } from './lib/nginx.mjs';
import { start_postern } from './lib/postern.mjs';
import { asking, leaving, push_ns, PushReader, seen, token_of } from './lib/push_reader.mjs';
import { exchange, request } from './lib/raw_http.mjs';
import { servers } from './lib/servers.mjs';
import { start_gateway } from './lib/target.mjs';
import { at_rest, deadline } from './lib/wait.mjs';

const message = (id, text = '') => `<message from='bob@postern.test' id='${id}'><body>${text}</body></message>`;

describe('push streams, by hand', () => {
  const world = {};
  before(async () => {
    world.server = await FakeServer.start({ on_element: answer_sasl });
    world.domains = [{ name: 'postern.test', server: `127.0.0.1:${world.server.port}`, tls: 'none', stream_management: false }];
    world.postern = await start_postern({ threads: 2, domains: world.domains,
      bosh: { push_streams: true, push_keep_alive: 1, push_max_bytes: 200_000, push_max_time: 3600, inactivity: 5 },
      server: { trusted_proxies: ['127.0.0.0/8'] }, cors: { origins: ['https://chat.example.org'] } });
  });
  after(() => stop_all(world.postern, world.server));

  async function begin(options = {}) {
    const [stream, session] = await Promise.all([world.server.accept(),
      BoshSession.create(world.postern.port, { attributes: { ...asking, ...options.attributes }, ...options.more })]);
    return { stream, session, token: token_of(session.created) };
  }
  const read = (token, options) => PushReader.open(world.postern.port, token, options);

  it('tells where only if asked, and leads there (V-001, V-002)', async () => {
    const [, silent] = await Promise.all([world.server.accept(), BoshSession.create(world.postern.port)]);
    assert.equal(token_of(silent.created), undefined);
    const { stream, session, token } = await begin();
    assert.match(token, /^\d+-\d+-\d+-[0-9a-f]{32}$/);
    const poll = await session.send();
    const reader = await read(token, { fields: { Origin: 'https://chat.example.org' } });
    await reader.sign('ready');
    assert.equal((await poll.answer).children.length, 0, 'V-004: the held request is let go');
    assert.deepEqual([reader.head.status, reader.head.fields['content-type'], reader.head.fields['cache-control'],
      reader.head.fields['x-accel-buffering'], reader.head.fields['content-length'], reader.head.fields['transfer-encoding'],
      reader.head.fields['access-control-allow-origin']],
    [200, 'text/event-stream', 'no-store, no-transform', 'no', undefined, undefined, 'https://chat.example.org']);
    stream.send(message('1', 'line\n\nid: 77\r\nline'));
    const first = await reader.event();
    assert.deepEqual([first.id, first.body.children[0].attributes.id, first.body.children[0].children[0].text],
      [1, '1', 'line\n\nid: 77\nline']);
    await session.ask({ payload: `<message xmlns='jabber:client' id='up'/>`, attributes: seen(1) });
    await stream.element((xml) => xml.includes("id='up'"));
    await reader.sign('alive');
    reader.destroy();
  });

  it('other origins are told nothing by the browser', async () => {
    const { token } = await begin();
    const reader = await read(token, { fields: { Origin: 'https://evil.example' } });
    assert.equal(reader.head.fields['access-control-allow-origin'], undefined);
    reader.destroy();
  });

  it('resumes exactly, by field or by address, also on another shard (V-006)', async () => {
    const { stream, session, token } = await begin();
    const got = [];
    let last;
    let reader = await read(token);
    for (let i = 0; i < 12; i++) {
      stream.send(message(`m${i}`));
      await reader.event(({ xml }) => xml.includes(`id='m${i}'`)).then(({ id }) => {
        got.push(`m${i}`);
        last = id;
      });
      stream.send(message(`x${i}`)); // may or may not have arrived when the connection breaks
      reader.destroy();
      reader = await read(token, { last, field: i % 2 === 0 });
      await reader.event(({ xml }) => xml.includes(`id='x${i}'`)).then(({ id }) => {
        assert.ok(id > last, 'nothing comes twice');
        last = id;
      });
    }
    assert.equal(got.length, 12);
    assert.deepEqual(reader.messages(), []);
    await session.ask({ attributes: { type: 'terminate' } });
    await reader.closed;
  });

  it('a second reader replaces the first, who is told (V-003)', async () => {
    const { stream, token } = await begin();
    const first = await read(token);
    await first.sign('ready');
    const second = await read(token);
    await first.sign('moved');
    await first.closed;
    stream.send(message('for the second'));
    await second.event();
    second.destroy();
  });

  it('rolls over when enough has been sent (V-007), and goes on', async () => {
    const { stream, session, token } = await begin();
    let reader = await read(token);
    let at = 0;
    for (let i = 0; i < 4; i++) {
      stream.send(message(`large${i}`, 'x'.repeat(60_000)));
      const { id } = await reader.event();
      assert.equal(id, ++at);
      await session.ask({ attributes: seen(at) });
    }
    await reader.closed;
    reader = await read(token, { last: at });
    stream.send(message('small'));
    assert.equal((await reader.event()).id, at + 1);
    reader.destroy();
  });

  it('back to answers: what was not seen comes there, once (V-008)', async () => {
    const { stream, session, token } = await begin();
    const reader = await read(token);
    for (const id of ['1', '2']) {
      stream.send(message(id));
      await reader.event(({ xml }) => xml.includes(`id='${id}'`));
    }
    reader.destroy();
    const back = await session.ask({ attributes: leaving(1) });
    assert.deepEqual(back.children.map((child) => child.attributes.id), ['2']);
    const poll = await session.send();
    stream.send(message('3'));
    assert.equal((await poll.answer).children.at(-1).attributes.id, '3');
  });

  it('a frame: no script but ours, in pages of this origin only, nothing of a message ends the string (V-012, V-014)', async () => {
    const { stream, token } = await begin();
    const reader = await read(token, { as: 'frame' });
    await reader.sign('ready');
    const policy = reader.head.fields['content-security-policy'];
    assert.match(policy, /^default-src 'none'; script-src 'nonce-[0-9a-f]{32}'; frame-ancestors 'self'/);
    assert.ok(policy.includes(`'nonce-${reader.nonce}'`));
    assert.equal(reader.head.fields['x-frame-options'], 'SAMEORIGIN');
    assert.equal(reader.head.fields['referrer-policy'], 'no-referrer');
    assert.equal(reader.head.fields['access-control-allow-origin'], undefined);
    const hostile = `</script><script>alert(1)</script><!-- "); \\ \u2028 \u2029 ' é 😀`;
    stream.send(message('h', hostile.replace(/[<>&]/g, (c) => `&#${c.charCodeAt(0)};`)));
    assert.equal((await reader.event()).body.children[0].children[0].text, hostile);
    stream.send(`<message from='bob@postern.test' id='c'><body><![CDATA[</script><!--]]></body></message>`);
    assert.equal((await reader.event()).body.children[0].children[0].text, '</script><!--');
    const other = await read(token, { as: 'frame' });
    assert.notEqual(other.nonce, reader.nonce);
    other.destroy();
  });

  it('a loss of the server is the last event, also for who was away (V-009)', async () => {
    const { stream, token } = await begin();
    const reader = await read(token);
    await reader.sign('ready');
    reader.destroy();
    stream.send(`${message('last words')}<stream:error><conflict xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error></stream:stream>`);
    await stream.event('end');
    const later = await read(token, { last: 0 });
    await later.event(({ xml }) => xml.includes('last words'));
    const end = await later.event(({ body }) => body.attributes.type === 'terminate');
    assert.equal(end.body.attributes.condition, 'remote-stream-error');
    assert.equal(end.body.children[0].children[0].local, 'conflict');
    await later.closed;
  });

  it('terminate ends the stream; then there is none', async () => {
    const { session, token } = await begin();
    const reader = await read(token);
    await session.ask({ attributes: { type: 'terminate' } });
    await reader.event(({ body }) => body.attributes.type === 'terminate');
    await reader.closed;
  });

  it('guesses, fragments and other formats are refused (V-020)', async () => {
    const { token } = await begin();
    const get = (query, options) => exchange(world.postern.port, request('GET', `/http-bind?${query}`, '', options));
    const [shard, slot, generation, secret] = token.split('-');
    const guesses = ['', 'x', token.slice(0, -1), `${token}0`, `${shard}-${slot}-${generation}-`, `${shard}-${slot}-${generation}-${'0'.repeat(32)}`,
      `${1 - Number(shard)}-${slot}-${generation}-${secret}`, `63-0-0-${secret}`, `${shard}-99999-0-${secret}`, `${shard}-4294967296-0-${secret}`,
      `-1-0-0-${secret}`, secret];
    for (const guess of guesses) assert.equal((await get(`push=${guess}&as=sse`)).status, 404, guess);
    for (const query of [`push=${token}`, `push=${token}&as=html`, `push=${token}&as=sse&as=frame`, `push=%zz&as=sse`, `push=${token}&as=${'x'.repeat(70_000 / 10)}`])
      assert.equal((await get(query)).status, 400, query.slice(0, 80));
    for (const last of ['99999999', '-1', 'x', '', '18446744073709551616', '1'.repeat(400)]) {
      const reader = await read(token, { last, field: true });
      await reader.sign('ready');
      reader.destroy();
    }
    assert.equal((await exchange(world.postern.port, request('POST', `/http-bind?push=${token}&as=sse`, ''))).status, 200, 'a POST is BOSH');
  });

  it('numbers that nobody gave prove nothing and break nothing', async () => {
    const { stream, session, token } = await begin();
    const reader = await read(token);
    stream.send(message('1'));
    await reader.event();
    for (const id of ['2', '99', '-1', 'x', '', '18446744073709551616', ' 1']) await session.ask({ attributes: seen(id) });
    reader.destroy();
    const again = await read(token);
    assert.equal((await again.event()).id, 1);
    again.destroy();
  });

  it('a stream in clear of a session over TLS is refused (V-021)', async () => {
    const secure = { fields: { 'X-Forwarded-Proto': 'https', 'X-Forwarded-For': '192.0.2.1' } };
    const [, created] = await Promise.all([world.server.accept(),
      exchange(world.postern.port, request('POST', '/http-bind', BoshSession.creation({ attributes: asking }), secure))]);
    const token = /push:stream='([^']+)'/.exec(created.text)[1];
    await assert.rejects(exchange(world.postern.port, request('GET', `/http-bind?push=${token}&as=sse`)), /ended before/);
    const reader = await read(token, { fields: secure.fields });
    assert.equal(reader.head.status, 200);
    reader.destroy();
  });

  it('a reader who does not read makes the server wait, and loses nothing (V-004)', async () => {
    const { stream, session, token } = await begin();
    const reader = await read(token);
    await reader.sign('ready');
    reader.freeze();
    const count = 1500;
    const text = 'y'.repeat(8000);
    for (let i = 0; i < count; i++) stream.send(message(`f${i}`, text));
    assert.ok((await at_rest(() => stream.socket.writableLength)) > 1_000_000, 'the server is made to wait');
    reader.destroy();
    const got = [];
    let last;
    while (got.length < count) {
      const again = await read(token, { last });
      for (let over = false; !over && got.length < count;) {
        over = await Promise.race([again.closed.then(() => true), again.events.take((event) => event.id !== undefined, 20_000).then((event) => {
          got.push(...event.body.children.map((child) => child.attributes.id));
          last = event.id;
          return false;
        }, () => true)]);
        if (!over) await session.ask({ attributes: seen(last) });
      }
      again.destroy();
    }
    assert.deepEqual(got, Array.from({ length: count }, (_, i) => `f${i}`));
  });

  it('silence ends the session when nobody reads, and not before (V-007)', async () => {
    const { stream, session, token } = await begin();
    const reader = await read(token);
    await reader.sign('ready');
    for (let i = 0; i < 6; i++) await reader.sign('alive'); // longer than the inactivity period
    assert.deepEqual(stream.events.peek((event) => event.event === 'end'), []);
    reader.destroy();
    await stream.event('end', 15_000);
    assert.match((await session.ask()).xml, /item-not-found/);
    assert.equal((await exchange(world.postern.port, request('GET', `/http-bind?push=${token}&as=sse`))).status, 404);
  });

  it('is off unless it is wanted', async () => {
    const postern = await start_postern({ threads: 1, domains: world.domains });
    const [, session] = await Promise.all([world.server.accept(), BoshSession.create(postern.port, { attributes: asking })]);
    assert.equal(token_of(session.created), undefined);
    assert.equal((await exchange(postern.port, request('GET', '/http-bind?push=0-0-0-0&as=sse'))).status, 404);
    await postern.stop();
  });
});

for (const kind of servers) {
  describe(`push streams, ${kind.server_name}`, () => {
    const world = {};
    before(async () => {
      const authority = await Authority.create();
      world.server = await kind.start({ tls: await authority.good('postern.test', 'rooms.postern.test') });
      world.gateway = await start_gateway(world.server, { threads: 2, bosh: { push_streams: true, inactivity: 5 } });
      world.bob = await Buddy.connect(world.server, 'bob');
      world.bob.presence({});
    });
    after(() => stop_all(world.bob, world.gateway, world.server));

    async function alice_reads(resource, options = {}) {
      const session = await BoshSession.create(world.gateway.port, { attributes: asking });
      await log_in(session, 'alice', world.server.password('alice'), resource);
      const token = token_of(session.created);
      const reader = await PushReader.open(options.port ?? world.gateway.port, token, options);
      await reader.sign('ready');
      await session.ask({ payload: `<presence xmlns='jabber:client'/>` });
      const jid = `alice@postern.test/${resource}`;
      await world.bob.event('presence', (event) => event.from === jid && !event.type, 15_000);
      return { session, token, reader, jid };
    }
    const texts = (events) => events.flatMap(({ body }) => body.children).filter((child) => child.local === 'message')
      .map((child) => child.children.find(({ local }) => local === 'body')?.text).filter((text) => text !== undefined);

    it('a reader freezes and vanishes: what it has not seen comes again, what it has seen does not', async () => {
      const { session, reader, jid } = await alice_reads('lost');
      const sent = numbered('before', 5);
      for (const text of sent) world.bob.message(jid, text);
      await reader.event(({ xml }) => xml.includes('before 4'));
      await session.ask({ attributes: seen(reader.last) });
      const unseen = numbered('after', 5);
      for (const text of unseen) world.bob.message(jid, text);
      await reader.event(({ xml }) => xml.includes('after 4')); // arrived, and never acknowledged: the page had frozen
      reader.freeze();
      reader.destroy();
      await world.bob.event('presence', (event) => event.from === jid && event.type === 'unavailable', 40_000);
      const { again, returned } = await afterwards(world.server, world.bob);
      assert.deepEqual(missing(unseen, again, returned), []);
      assert.deepEqual(again.filter((text) => sent.includes(text)), [], 'not twice');
    });

    it('breaks off and comes back, ten times: every message once, in order', async () => {
      let { session, token, reader, jid } = await alice_reads('breaks');
      const got = [];
      const all = [];
      let last = 0;
      for (let round = 0; round < 10; round++) {
        for (const text of numbered(`round ${round}`, 3)) {
          all.push(text);
          world.bob.message(jid, text);
        }
        if (round % 3 !== 0) {
          const event = await reader.event(({ id }) => id > last);
          last = event.id;
          got.push(...texts([event]));
        }
        reader.destroy();
        reader = await PushReader.open(world.gateway.port, token, { last, field: round % 2 === 0 });
      }
      await reader.event(({ xml }) => xml.includes('round 9 2')).then((event) => reader.events.events.push(event));
      const rest = reader.events.peek((event) => event.id > last).sort((a, b) => a.id - b.id);
      got.push(...texts(rest));
      assert.deepEqual(got, all);
      await session.ask({ attributes: { type: 'terminate' } });
    });

    if (kind !== servers[0]) return;
    for (const [name, Proxy] of Object.entries({ nginx: Nginx, HAProxy: Haproxy, Apache, Caddy })) {
      it(`behind ${name} as it comes nothing waits in a buffer`, async () => {
        const proxy = await Proxy.stock(world.gateway.port);
        const { session, reader, jid } = await alice_reads(name, { port: proxy.port, version: '1.0' });
        for (const text of ['at once', 'again']) {
          world.bob.message(jid, text);
          await reader.event(({ xml }) => xml.includes(text), 5000);
        }
        await session.ask({ attributes: { type: 'terminate' } });
        await deadline(reader.closed, 5000, 'the end is passed on');
        await proxy.stop();
      });
    }
  });
}

leave_nothing_behind();
