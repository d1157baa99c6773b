// HTTP polling (XEP-0025) to real servers, with keys and without, with streams cut into pieces of a few bytes; and what a stranger
// may try, and what becomes of messages for who has vanished. The protocol's every rule is in the tests of bosh/poll_engine.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { Buddy } from './lib/buddy.mjs';
import { Authority } from './lib/certs.mjs';
import { stop_all } from './lib/cleanup.mjs';
import { afterwards, missing, numbered } from './lib/delivery.mjs';
import { answer_sasl, FakeServer } from './lib/fake_server.mjs';
import { leave_nothing_behind } from './lib/leave_nothing_behind.mjs';
import { PollClient, stream_header } from './lib/poll.mjs';
import { start_postern } from './lib/postern.mjs';
import { exchange, post, request } from './lib/raw_http.mjs';
import { servers } from './lib/servers.mjs';
import { start_gateway } from './lib/target.mjs';
import { parse } from './lib/xml.mjs';

const polling = { enabled: true, hold: 0.05, inactivity: 5 };

for (const kind of servers) {
  describe(`polling, ${kind.server_name}`, () => {
    const world = {};
    before(async () => {
      const authority = await Authority.create();
      world.server = await kind.start({ tls: await authority.good('postern.test', 'rooms.postern.test') });
      world.gateway = await start_gateway(world.server, { polling, threads: 2 });
      world.buddy = await Buddy.connect(world.server, 'bob');
      world.buddy.presence({});
    });
    after(() => stop_all(world.buddy, world.gateway, world.server));

    for (const [name, options] of [['plainly', {}], ['with keys', { keys: 5 }], ['in small pieces, with keys', { keys: 16, cut: 40 }]]) {
      it(`logs in, is seen, talks, leaves: ${name}`, async () => {
        const client = new PollClient(world.gateway.port, options);
        await client.log_in('postern.test', 'alice', world.server.password('alice'), 'poll');
        await client.send('<presence/>');
        const jid = 'alice@postern.test/poll';
        await world.buddy.event('presence', (event) => event.from === jid && !event.type, 15_000);
        await client.send(`<message to='${world.buddy.jid}' type='chat'><body>there, é 😀; and a comma</body></message>`);
        await world.buddy.event('message', (event) => event.body === 'there, é 😀; and a comma');
        world.buddy.message(jid, 'and back 😀');
        await client.until(/and back 😀/);
        await client.send('<presence type="unavailable"/>');
        await world.buddy.event('presence', (event) => event.from === jid && event.type === 'unavailable', 15_000);
        const last = await client.ask('</stream:stream>');
        assert.match(last.text, /<\/stream:stream>$/);
        assert.equal((await client.ask('')).id, '0:0', 'P-004: gone');
      });
    }

    // U-050, X-050: the server still owns what no later poll has proven.
    it('what was not fetched when the client vanished comes again at the next login, what was fetched does not', async () => {
      const client = new PollClient(world.gateway.port, { keys: 50 });
      await client.log_in('postern.test', 'alice', world.server.password('alice'), 'lost');
      const jid = 'alice@postern.test/lost';
      await client.send('<presence/>');
      await world.buddy.event('presence', (event) => event.from === jid && !event.type, 15_000);
      world.buddy.message(jid, 'fetched');
      await client.until(/fetched/);
      await client.send(); // proves the answer before it
      world.buddy.message(jid, 'not fetched', { id: 'n1' });
      await world.buddy.event('presence', (event) => event.from === jid && event.type === 'unavailable', 30_000);
      const later = await Buddy.connect(world.server, 'alice', { resource: 'later' });
      later.presence();
      await later.event('message', (event) => event.body === 'not fetched', 20_000);
      world.buddy.message(later.jid, 'marker');
      await later.event('message', (event) => event.body === 'marker');
      assert.deepEqual(later.events.peek((event) => event.body === 'fetched'), []);
      assert.deepEqual(world.buddy.events.peek((event) => event.type === 'error'), []);
      await later.quit();
    });

    // Alice polls, bob sees her, and one message has been fetched and proven: it must never come again.
    async function alice_online({ gateway = world.gateway, ...options } = {}) {
      const client = new PollClient(gateway.port, options);
      await client.log_in('postern.test', 'alice', world.server.password('alice'), 'poll');
      client.jid = `${world.server.jid('alice')}/poll`;
      world.buddy.events.clear();
      await client.send('<presence/>');
      await world.buddy.event('presence', (event) => event.from === client.jid && !event.type, 15_000);
      await fetch_text(client, 'proven');
      await client.send();
      return client;
    }

    async function fetch_text(client, text) {
      world.buddy.message(client.jid, text, { id: text });
      await client.until(new RegExp(`<body>${text}</body>`));
    }

    // They are with the gateway, or on their way to it.
    async function leave_waiting(client, ...texts) {
      for (const text of texts) world.buddy.message(client.jid, text, { id: text });
      world.buddy.message(world.buddy.jid, 'behind them');
      await world.buddy.event('message', (event) => event.body === 'behind them');
    }

    const gone = (client) => world.buddy.event('presence',
      (event) => event.from === client.jid && event.type === 'unavailable', 30_000);

    for (const [name, options] of [['without keys', {}], ['with keys', { keys: 50 }]]) {
      it(`${name}: vanishes with a message not proven and others waiting`, async () => {
        const client = await alice_online(options);
        await fetch_text(client, 'handed out');
        await leave_waiting(client, 'waiting one', 'waiting two');
        await gone(client);
        assert.deepEqual(await afterwards(world.server, world.buddy),
          { again: ['handed out', 'waiting one', 'waiting two'], returned: [] });
      });

      // The end itself proves what came before it; nothing can prove the last answer of all.
      it(`${name}: ends politely with messages waiting`, async () => {
        const client = await alice_online(options);
        await fetch_text(client, 'handed out');
        await leave_waiting(client, 'waiting one', 'waiting two');
        assert.match((await client.ask('</stream:stream>')).text, /<\/stream:stream>$/);
        await gone(client);
        assert.deepEqual(await afterwards(world.server, world.buddy), { again: ['waiting one', 'waiting two'], returned: [] });
      });
    }

    it('the gateway stops with messages queued and a message not proven', async () => {
      const gateway = await start_gateway(world.server, { polling });
      const client = await alice_online({ gateway });
      await fetch_text(client, 'handed out');
      await leave_waiting(client, 'queued one', 'queued two');
      await Promise.all([gateway.stop(), gone(client)]);
      assert.deepEqual(await afterwards(world.server, world.buddy),
        { again: ['handed out', 'queued one', 'queued two'], returned: [] });
    });

    it('in a burst, of which the client fetches a part: each message arrives, comes again or goes back', async () => {
      const client = await alice_online();
      const sent = numbered('part', 1000);
      for (const text of sent) world.buddy.message(client.jid, text, { id: text });
      const heard = [...(await client.until(/<body>part 300<\/body>/)).concat(client.received).matchAll(/<body>(part \d+)<\/body>/g)]
        .map(([, text]) => text);
      assert.deepEqual(heard, numbered('part', heard.length), 'in their order');
      await gone(client);
      await leave_waiting({ jid: world.buddy.jid });
      const { again, returned } = await afterwards(world.server, world.buddy);
      assert.deepEqual(missing(sent, heard, again, returned), []);
      assert.ok(!again.includes('proven'));
    });

    it('what an overloaded gateway has no room for comes again', async () => {
      const tight = await start_gateway(world.server, { threads: 1, polling: { ...polling, inactivity: 60 },
        limits: { max_buffered_bytes: 1 << 20 }, bosh: { queue_high: 3 << 20 } });
      try {
        const client = await alice_online({ gateway: tight });
        const sent = numbered('much', 190);
        for (const text of sent) world.buddy.message(client.jid, `${text} ${'x'.repeat(10_000)}`, { id: text });
        await tight.child.line(/warning session .* ended .*: overload: max_buffered_bytes reached/, 20_000);
        await gone(client);
        await leave_waiting({ jid: world.buddy.jid });
        const { again, returned } = await afterwards(world.server, world.buddy);
        const lost = missing(sent, again.map((text) => text.split(' x')[0]), returned);
        assert.equal(lost.length, 0, `${lost.length}: ${lost.slice(0, 10)} …`);
        assert.deepEqual(returned, []);
        assert.ok(!again.includes('proven'));
      } finally {
        await tight.stop();
      }
    });

    // The last one of this server.
    it('the server dies: what it has not acknowledged comes back at the next poll, and so does what that poll says (U-066)', async () => {
      const client = await alice_online({ keys: 50 });
      const say = (id) => client.send(`<message to='${world.buddy.jid}' type='chat' id='${id}'><body>${id}</body></message>`);
      await say('before');
      await world.buddy.event('message', (event) => event.body === 'before');
      world.server.child.process.kill('SIGSTOP');
      await say('u1');
      await say('u2');
      assert.doesNotMatch(client.received, /error/);
      const lines = world.gateway.child.lines.length;
      await world.server.kill();
      await world.gateway.child.line(/warning session .* ended .*: connection to the server lost: /, 10_000, lines);
      client.received = '';
      await say('u3');
      const [words, end] = client.received.split('<stream:error');
      assert.match(end ?? '', /remote-connection-failed.*<\/stream:stream>$/s, client.received);
      // Those of the last two seconds before it may be among them, handled and not yet acknowledged: also the one that was heard.
      const errors = parse(`<x xmlns='jabber:client'>${words}</x>`).children.filter((child) => child.attributes.type === 'error');
      const told = errors.filter(({ local, attributes: { id } }) => local === 'message' && /^u\d/.test(id));
      assert.deepEqual(told.map(({ attributes: { id, from } }) => [id, from]), ['u1', 'u2', 'u3'].map((id) => [id, world.buddy.jid]));
      assert.equal((await client.ask('')).id, '0:0', 'P-004: gone');
    });
  });
}

describe('polling, by hand', () => {
  const world = {};
  before(async () => {
    world.server = await FakeServer.start({ on_element: answer_sasl });
    world.postern = await start_postern({ threads: 1, polling, limits: { max_body_bytes: 16384 },
      domains: [{ name: 'postern.test', server: `127.0.0.1:${world.server.port}`, tls: 'none', max_queued_bytes: 65536 }] });
  });
  after(() => stop_all(world.postern, world.server));

  const ask = (head, xml = '') => new PollClient(world.postern.port).ask(xml, head);

  it('nonsense, guesses and foreign domains are errors of the protocol, not of HTTP (P-004)', async () => {
    for (const [head, xml, id] of [['0', '', '-2:0'], ['0', '<stream:stream to="postern.test"', '-2:0'], ['0', '<body/>', '-2:0'],
      ['0', stream_header('other.example'), '-2:0'], ['0', '<!DOCTYPE x []>', '-2:0'], ['a_b', '', '-2:0'], ['0;a;b;c', '', '-2:0'],
      ['7776:2054', '', '0:0'], [`A${'A'.repeat(22)}`, '', '0:0'], ['0:0', '', '0:0'], ['-3:0', '', '0:0']]) {
      assert.equal((await ask(head, xml)).id, id, `${head},${xml}`);
    }
    const encoded = await exchange(world.postern.port, post('/http-poll', '0%2C%3Cstream'));
    assert.match(encoded.field('set-cookie'), /^ID=-2:0/);
  });

  it('BOSH and polling do not know each other\'s sessions', async () => {
    const client = new PollClient(world.postern.port);
    await Promise.all([world.server.accept(), client.send(stream_header('postern.test'))]);
    const sid = client.id.replaceAll(':', '_');
    const answer = await exchange(world.postern.port, post('/http-bind', `<body rid='2' sid='${sid}' xmlns='http://jabber.org/protocol/httpbind'/>`));
    assert.match(answer.text, /item-not-found/);
    await client.ask('</stream:stream>');
  });

  it('a wrong key neither acts nor ends the session (P-006); too much of a stanza ends it', async () => {
    const client = new PollClient(world.postern.port, { keys: 8 });
    const [stream] = await Promise.all([world.server.accept(), client.send(stream_header('postern.test'))]);
    assert.equal((await client.ask('<message/>', client.id)).id, '-3:0');
    assert.equal((await client.ask('<message/>', `${client.id};guess`)).id, '-3:0');
    await client.send('<message id="right"/>');
    assert.match(await stream.element(), /right/);
    await client.send(`<message>${'x'.repeat(16_000)}`);
    const last = await client.ask('x'.repeat(1000));
    assert.match(last.text, /policy-violation/);
    assert.equal((await client.ask('')).id, '0:0');
  });

  it('the page for people is there, other methods are not', async () => {
    assert.match((await exchange(world.postern.port, request('GET', '/http-poll/'))).text, /<html/);
    assert.equal((await exchange(world.postern.port, request('PUT', '/http-poll'))).status, 405);
  });

  it('is off unless it is wanted', async () => {
    const postern = await start_postern({ threads: 1, domains: [{ name: 'postern.test', server: '127.0.0.1:1', tls: 'none' }] });
    assert.equal((await exchange(postern.port, post('/http-poll', '0,'))).status, 404);
    await postern.stop();
  });
});

leave_nothing_behind();
