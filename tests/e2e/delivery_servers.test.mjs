// No message is lost between server and browser either where a server is not as it comes: one that remembers little for a session,
// and one without stream management (OPERATIONS, What is not lost).
import assert from 'node:assert/strict';
import { after, afterEach, before, describe, it } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { Buddy } from './lib/buddy.mjs';
import { Authority } from './lib/certs.mjs';
import { stop_all } from './lib/cleanup.mjs';
import { afterwards, ask, come_online, hear, leaves, numbered } from './lib/delivery.mjs';
import { Ejabberd } from './lib/ejabberd.mjs';
import { leave_nothing_behind } from './lib/leave_nothing_behind.mjs';
import { exchange, request } from './lib/raw_http.mjs';
import { servers } from './lib/servers.mjs';
import { start_gateway } from './lib/target.mjs';
import { until } from './lib/wait.mjs';
import { WebSocketSession } from './lib/websocket_session.mjs';
import { Wire } from './lib/wire.mjs';

const inactivity = 5;

// A server and bob, who is there as long as the tests run.
function world_with(Kind, options) {
  const world = {};
  before(async () => {
    const authority = await Authority.create();
    world.server = await Kind.start({ tls: await authority.good('postern.test'), ...options });
    world.postern = await start_gateway(world.server, { threads: 1, bosh: { inactivity }, websocket: { ping_interval: 1, max_missed_pings: 2 } });
    world.bob = await Buddy.connect(world.server, 'bob');
    world.bob.presence();
  });
  after(() => stop_all(world.bob, world.postern, world.server));
  afterEach(() => world.postern.assert_running());
  world.alice_online = (gateway = world.postern) => come_online({ server: world.server, bob: world.bob, gateway });
  // What bob has said before is with the gateway, or on its way to it.
  world.settle = async () => {
    world.bob.message(world.bob.jid, 'behind it');
    await world.bob.event('message', (event) => event.body === 'behind it', 20_000);
  };
  return world;
}

// What the server has said on a wire in the clear.
class PassedDown {
  text = '';

  tap() {
    return { near: () => {}, far: (chunk) => (this.text += chunk), closed: () => {} };
  }
}

const gone = (session) => leaves(session, inactivity);

// Bob is not allowed to be quicker than the acknowledgements: a server that has more in its mailbox than it remembers would
// end any session.
async function short_ones_unfetched({ server, bob, alice_online, settle }, domain) {
  const gateway = await start_gateway(server, { bosh: { queue_high: 4 << 20 }, domain });
  const session = await alice_online(gateway);
  const sent = numbered('short', 2000);
  for (let i = 0; i < sent.length; i += 50) {
    for (const text of sent.slice(i, i + 50)) bob.message(session.jid, text, { id: text });
    await settle();
    await delay(20);
  }
  return { gateway, session, sent };
}

// As it comes ejabberd remembers 5000. It is read all the while.
function limited() {
  describe('a server that ends a session of which it has to remember 1000', { skip: !servers.includes(Ejabberd), concurrency: 1 }, () => {
    const world = world_with(Ejabberd, { max_ack_queue: 1000 });

    it('2000 messages, of which the browser fetches nothing for a while, arrive completely and in order', async () => {
      const { gateway, session, sent } = await short_ones_unfetched(world, {});
      try {
        const end = gone(session).then(() => 'gone');
        assert.notEqual(await Promise.race([end, delay(3000)]), 'gone', 'the server has ended the session');
        while (session.heard.length < sent.length) assert.equal((await ask(session)).type, undefined);
        assert.deepEqual(session.heard, sent);
        await session.ask({ attributes: { type: 'terminate' } });
        assert.equal(await end, 'gone');
        await afterwards(world.server, world.bob);
      } finally {
        await gateway.stop();
      }
    });

    it('control: a gateway that acknowledges later loses the session', async () => {
      const { gateway, session } = await short_ones_unfetched(world, { max_unacknowledged: 3000 });
      try {
        await gateway.child.line(/info session .* ended .*: stream error of the server: .*policy-violation/);
        await gone(session);
      } finally {
        await gateway.stop();
      }
      await afterwards(world.server, world.bob);
    });
  });
}

function unmanaged(Kind) {
  describe(`${Kind.server_name} without stream management: who wrote what the browser has not provably received is told`, { concurrency: 1 }, () => {
    const world = world_with(Kind, { management: false, plaintext: true });

    async function alice_on_websocket(options = {}) {
      const session = await WebSocketSession.log_in(world.postern.port, { user: 'alice', password: world.server.password('alice') }, options);
      world.bob.events.clear();
      session.socket.send(`<presence xmlns='jabber:client'/>`);
      await world.bob.event('presence', (event) => event.from === session.jid && !event.type);
      return Object.assign(session, { bob: world.bob });
    }

    it('gone between two polls', async () => {
      const session = await world.alice_online();
      world.bob.message(session.jid, 'between two polls', { id: 'b1' });
      await gone(session);
      assert.deepEqual(await afterwards(world.server, world.bob), { again: [], returned: ['b1'] });
    });

    it('gone with an answer that nothing has proven', async () => {
      const session = await world.alice_online();
      world.bob.message(session.jid, 'handed out', { id: 'h1' });
      await hear(session, 'handed out');
      await gone(session);
      assert.deepEqual(await afterwards(world.server, world.bob), { again: [], returned: ['h1'] });
    });

    it('who logs out has received what was handed out', async () => {
      const session = await world.alice_online();
      world.bob.message(session.jid, 'a last word', { id: 'l1' });
      await hear(session, 'a last word');
      await session.ask({ attributes: { type: 'terminate' } });
      await gone(session);
      assert.deepEqual(await afterwards(world.server, world.bob), { again: [], returned: [] });
    });

    it('but not what is known to be lost', async () => {
      const session = await world.alice_online();
      const held = await session.send();
      held.connection.socket.pause();
      world.bob.message(session.jid, 'never read', { id: 'n1' });
      await until(() => held.connection.socket.readableLength > 0, 10_000, 'the answer arrives');
      held.connection.reset();
      await exchange(world.postern.port, request('GET', '/http-bind')); // the gateway has seen it go
      await session.ask({ attributes: { type: 'terminate' } });
      await gone(session);
      assert.deepEqual(await afterwards(world.server, world.bob), { again: [], returned: ['n1'] });
    });

    it('a WebSocket that is frozen; what it has shown to have is not sent back', async () => {
      const session = await alice_on_websocket();
      world.bob.message(session.jid, 'proven', { id: 'p1' });
      await session.hear('proven');
      await session.prove();
      session.socket.http.socket.pause();
      world.bob.message(session.jid, 'into a frozen browser', { id: 'f1' });
      await gone(session);
      assert.deepEqual(await afterwards(world.server, world.bob), { again: [], returned: ['f1'] });
      session.socket.destroy();
    });

    // What is on its way to it then is lost, as for any client of such a server: this one has arrived.
    it('the gateway stops with messages queued and messages not proven', async () => {
      const link = await Wire.to(world.server.c2s_port, { record: new PassedDown() });
      const gateway = await start_gateway(world.server, { threads: 1, domain: { server: `127.0.0.1:${link.port}`, tls: 'none' } });
      try {
        const session = await world.alice_online(gateway);
        world.bob.message(session.jid, 'handed out', { id: 's1' });
        await hear(session, 'handed out');
        world.bob.message(session.jid, 'queued', { id: 's2' });
        await until(() => link.record.text.includes('<body>queued</body>'), 10_000, 'the server gives out the message');
        await exchange(gateway.port, request('GET', '/http-bind'));
        await Promise.all([gateway.stop(), gone(session)]);
        assert.deepEqual(await afterwards(world.server, world.bob), { again: [], returned: ['s1', 's2'] });
      } finally {
        await gateway.stop();
        link.stop();
      }
    });
  });
}

describe('delivery by servers that are set up otherwise', { concurrency: true }, () => {
  limited();
  servers.forEach(unmanaged);
});

leave_nothing_behind();
