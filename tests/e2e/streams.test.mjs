// Several streams to servers in one BOSH session (XEP-0124 16; B-180 ... B-187), on real servers: two accounts of one domain, and a
// third stream to a server that vanishes. No client library uses it, so the client is made by hand.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { BoshSession } from './lib/bosh.mjs';
import { Buddy } from './lib/buddy.mjs';
import { Authority } from './lib/certs.mjs';
import { stop_all } from './lib/cleanup.mjs';
import { answer_client, FakeServer } from './lib/fake_server.mjs';
import { leave_nothing_behind } from './lib/leave_nothing_behind.mjs';
import { start_postern } from './lib/postern.mjs';
import { servers } from './lib/servers.mjs';
import { ns } from './lib/xml.mjs';

const version = { 'xmpp:version': '1.0', 'xmlns:xmpp': ns.xbosh };
const body_of = (stanza) => stanza.children.find((child) => child.local === 'body')?.text;
const chat = (to, text) => `<message xmlns='jabber:client' to='${to}' type='chat'><body>${text}</body></message>`;

// What comes of a stream waits in its own box, whichever request brought it.
class Client {
  static async open(port, creation) {
    const self = new Client();
    self.session = await BoshSession.create(port, creation);
    self.pending = [];
    self.boxes = {};
    self.ends = {};
    self.file(self.session.created);
    return self;
  }

  file(body) {
    const { stream } = body.attributes;
    if (body.children.length > 0) {
      assert.ok(stream || !this.several, `payload has a name: ${body.xml}`);
      (this.boxes[stream ?? '1'] ??= []).push(...body.children);
    }
    if (body.type === 'terminate') this.ends[stream ?? 'session'] = body.condition ?? 'none';
    return body;
  }

  async say(attributes, payload) {
    this.pending.push(await this.session.send({ attributes, payload }));
  }

  // The answer to the oldest request that has none, or to an empty one.
  async take() {
    if (this.pending.length === 0) await this.say();
    const oldest = this.pending.shift();
    this.answered = oldest.rid;
    return this.file(await oldest.answer);
  }

  // Its own answer, which has to come by itself.
  async ask(attributes, payload) {
    await this.say(attributes, payload);
    while (this.pending.length > 1) await this.take();
    return this.take();
  }

  async next(stream, fits) {
    for (;;) {
      const box = (this.boxes[stream] ??= []);
      const at = box.findIndex(fits);
      if (at >= 0) return box.splice(at, 1)[0];
      assert.equal(this.ends.session, undefined, `the session ended before ${fits} came`);
      await this.take();
    }
  }

  text(stream, wanted) {
    return this.next(stream, (stanza) => stanza.local === 'message' && body_of(stanza) === wanted);
  }

  async end_of(stream) {
    while (this.ends[stream] === undefined) await this.take();
    return this.ends[stream];
  }

  // The name of the new stream.
  async add(to) {
    const body = await this.ask({ to, 'xml:lang': 'en', ...version });
    assert.equal(body.type, undefined, body.xml);
    assert.equal(body.attributes.sid, undefined, 'no attribute of a creation (B-181)');
    assert.equal(body.attributes.from, to);
    this.several = true;
    return body.attributes.stream;
  }

  async log_in(stream, user, password, resource = 'web') {
    await this.next(stream, (element) => element.local === 'features');
    const secret = Buffer.from(`\0${user}\0${password}`).toString('base64');
    await this.ask({ stream }, `<auth xmlns='${ns.sasl}' mechanism='PLAIN'>${secret}</auth>`);
    await this.next(stream, (element) => element.local === 'success');
    await this.ask({ stream, 'xmpp:restart': 'true', 'xmlns:xmpp': ns.xbosh });
    await this.next(stream, (element) => element.local === 'features');
    await this.ask({ stream }, `<iq xmlns='jabber:client' type='set' id='b'><bind xmlns='${ns.bind}'><resource>${resource}</resource></bind></iq>`);
    await this.next(stream, (element) => element.local === 'iq' && element.attributes.type === 'result');
  }
}

for (const kind of servers) {
  describe(`several streams, ${kind.server_name}`, () => {
    const world = {};
    before(async () => {
      const authority = await Authority.create();
      world.server = await kind.start({ tls: await authority.good('postern.test') });
      world.fake = await FakeServer.start();
      const domain = { name: 'postern.test', server: `127.0.0.1:${world.server.c2s_port}`, tls: 'starttls', ca_file: world.server.tls.trust };
      const fake = { name: 'fake.test', server: `127.0.0.1:${world.fake.port}`, tls: 'none' };
      world.postern = await start_postern({ bosh: { max_streams: 3, inactivity: 5 }, domains: [domain, fake] });
      world.bob = await Buddy.connect(world.server, 'bob');
      world.bob.presence({});
    });
    after(() => stop_all(world.bob, world.postern, world.server, world.fake));

    const leaves = () => world.bob.event('presence', (event) => event.from === 'alice@postern.test/web' && event.type === 'unavailable', 20_000);
    const heard = (from, text) => world.bob.event('message', (event) => event.from.startsWith(from) && event.body === text);

    async function two_accounts() {
      const client = await Client.open(world.postern.port);
      assert.equal(client.session.created.attributes.stream, '1');
      await client.log_in('1', 'alice', world.server.password('alice'));
      assert.equal(await client.add('postern.test'), '2');
      await client.log_in('2', 'carol', world.server.password('carol'));
      await client.say({}, "<presence xmlns='jabber:client'/>"); // broadcast: both are there
      await world.bob.event('presence', (event) => event.from === 'alice@postern.test/web' && !event.type);
      return client;
    }

    it('two accounts talk, each in its own name, and a lost answer comes again as it was', async () => {
      const client = await two_accounts();
      await client.say({ stream: '1' }, chat(world.bob.jid, 'from the first'));
      await client.say({ stream: '2' }, chat(world.bob.jid, 'from the second'));
      await heard('alice@', 'from the first');
      await heard('carol@', 'from the second');
      world.bob.message('alice@postern.test/web', 'to the first');
      world.bob.message('carol@postern.test/web', 'to the second');
      await client.text('1', 'to the first');
      await client.text('2', 'to the second');

      world.bob.message('carol@postern.test/web', 'once more');
      let given;
      do given = await client.take(); while (!given.xml.includes('once more'));
      const again = await client.session.ask({ rid: client.answered });
      assert.equal(again.xml, given.xml);
      await client.text('2', 'once more');

      // One is closed, the other lives.
      await client.say({ stream: '1', type: 'terminate' }, "<presence xmlns='jabber:client' type='unavailable'/>");
      assert.equal(await client.end_of('1'), 'none');
      await leaves();
      world.bob.message('carol@postern.test/web', 'still there');
      await client.text('2', 'still there');
      await client.ask({ stream: '2', type: 'terminate' });
      assert.equal(client.ends.session, 'none');
    });

    it('a server that vanishes takes its own stream with it', async () => {
      const client = await two_accounts();
      const arrives = world.fake.accept();
      assert.equal(await client.add('fake.test'), '3');
      const refused = await client.ask({ to: 'fake.test', ...version });
      assert.equal(refused.condition, 'policy-violation', 'three are the most');
      assert.equal(refused.attributes.stream, '4');
      const stream = await arrives;
      await client.next('3', (element) => element.local === 'features'); // its name is known before
      stream.send(chat('x@fake.test', 'last words'));
      await client.text('3', 'last words');
      stream.reset();
      assert.equal(await client.end_of('3'), 'remote-connection-failed');
      world.bob.message('alice@postern.test/web', 'the first lives');
      world.bob.message('carol@postern.test/web', 'so does the second');
      await client.text('1', 'the first lives');
      await client.text('2', 'so does the second');
      const unknown = await client.ask({ stream: '9' }, chat(world.bob.jid, 'to nobody'));
      assert.equal(unknown.condition, 'item-not-found');
      const nowhere = await client.ask({ to: 'nowhere.test' });
      assert.equal(nowhere.condition, 'host-unknown');
      await client.ask({ type: 'terminate' });
      assert.equal(client.ends.session, 'none');
      await leaves();
    });

    it('what a client that vanished has not fetched stays with the server of each stream', async () => {
      const client = await two_accounts();
      world.bob.message('alice@postern.test/web', 'alice has it');
      await client.text('1', 'alice has it');
      await client.say({ stream: '1' }, chat(world.bob.jid, 'a sign'));
      await client.say({ stream: '2' }, chat(world.bob.jid, 'another'));
      await heard('carol@', 'another'); // both requests are behind: what came before them is proven
      for (const text of ['first', 'second']) {
        world.bob.message('alice@postern.test/web', `alice ${text}`);
        world.bob.message('carol@postern.test/web', `carol ${text}`);
      }
      // The browser is gone: nothing more is asked for. Both log in again elsewhere.
      await leaves();
      for (const user of ['alice', 'carol']) {
        const later = await Buddy.connect(world.server, user, { resource: 'later' });
        later.presence();
        for (const text of ['first', 'second'])
          await later.event('message', (event) => event.body === `${user} ${text}`, 20_000);
        assert.equal(later.events.peek((event) => event.body === 'alice has it').length, 0, 'what was proven does not come again');
        await later.quit();
      }
    });
  });
}

// Servers without XEP-0198: what nobody has fetched has to go back to them.
describe('several streams, servers of few words', () => {
  const world = {};
  before(async () => {
    const script = { on_element: answer_client };
    world.servers = [await FakeServer.start(script), await FakeServer.start(script)];
  });
  after(() => stop_all(...world.servers));

  const start = (limits = {}) => start_postern({ threads: 1, bosh: { max_streams: 3 }, limits,
    domains: world.servers.map(({ port }, i) => ({ name: `${'ab'[i]}.test`, server: `127.0.0.1:${port}`, tls: 'none' })) });
  async function open_two(postern) {
    const arrives = world.servers.map((server) => server.accept());
    const client = await Client.open(postern.port, { attributes: { to: 'a.test' } });
    assert.equal(await client.add('b.test'), '2');
    return { client, streams: await Promise.all(arrives) };
  }

  it('what waits goes back by each link when the gateway stops', async () => {
    const postern = await start();
    const { client, streams } = await open_two(postern);
    for (const stream of ['1', '2']) await client.log_in(stream, 'alice', 'secret');
    const returned = streams.map(async (stream, i) => {
      stream.send(`<message from='x@y.test' id='waits-${i}'><body>x</body></message>`);
      return stream.element((xml) => xml.includes(`id='waits-${i}'`) && xml.includes("type='error'"));
    });
    // Whose answer brings nothing, and which the gateway reads behind what the servers have said.
    assert.equal((await client.ask({ pause: 30 })).children.length, 0);
    await postern.stop();
    await Promise.all(returned);
  });

  it('a session whose first stream is closed takes no place of those that have not logged in', async () => {
    const postern = await start({ max_unauthenticated_sessions: 2 });
    const { client, streams } = await open_two(postern);
    await client.log_in('2', 'alice', 'secret');
    await client.say({ stream: '1', type: 'terminate' });
    assert.equal(await client.end_of('1'), 'none');
    for (const nth of ['first', 'second']) {
      const other = await Client.open(postern.port, { attributes: { to: 'a.test' } });
      assert.equal(other.session.created.type, undefined, `the ${nth} that has not logged in`);
    }
    assert.doesNotMatch(postern.log, /max_unauthenticated_sessions/, 'nobody had to make room');
    await client.say({}, chat('x@b.test', 'still there'));
    await streams[1].element((xml) => xml.includes('still there'));
    await postern.stop();
  });

  // By the time of the session, which is up before that of a stranger who has come later, or of a stream that it has added still later.
  it('a session whose first stream is closed is one that has not logged in, whatever streams it adds', async () => {
    const postern = await start({ unauthenticated_timeout: 3 });
    const { client } = await open_two(postern);
    await client.say({ stream: '1', type: 'terminate' });
    await client.end_of('1');
    const stranger = await BoshSession.create(postern.port, { attributes: { to: 'a.test' } });
    await stranger.send();
    await delay(1000);
    assert.equal(await client.add('a.test'), '3');
    const ended = (sid) => postern.child.line(new RegExp(`session ${sid.slice(0, 6)}… of .* ended .*unauthenticated_timeout \\(`));
    const first = await Promise.race([ended(client.session.sid).then(() => 'the session'), ended(stranger.sid).then(() => 'the stranger')]);
    assert.equal(first, 'the session', 'it was there before the stranger');
    await postern.stop();
  });

  it('a session whose first stream is closed has logged in when another one has', async () => {
    const postern = await start({ unauthenticated_timeout: 2 });
    const { client, streams } = await open_two(postern);
    await client.say({ stream: '1', type: 'terminate' });
    await client.end_of('1');
    await client.log_in('2', 'alice', 'secret');
    const stranger = await Client.open(postern.port, { attributes: { to: 'a.test' } });
    assert.equal(await stranger.end_of('session'), 'policy-violation');
    await client.say({}, chat('x@b.test', 'still there'));
    await streams[1].element((xml) => xml.includes('still there'));
    await postern.stop();
  });
});

leave_nothing_behind();
