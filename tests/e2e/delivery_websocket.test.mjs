// No message is lost between server and browser over WebSocket either, where the client has no stream management of its own: the
// gateway speaks it, and pongs are the proof (PROTOCOL U-050 ... U-066, W-027, W-030), with real servers.
import assert from 'node:assert/strict';
import { after, afterEach, before, describe, it } from 'node:test';
import { Buddy } from './lib/buddy.mjs';
import { Authority } from './lib/certs.mjs';
import { stop_all } from './lib/cleanup.mjs';
import { afterwards, missing, numbered } from './lib/delivery.mjs';
import { leave_nothing_behind } from './lib/leave_nothing_behind.mjs';
import { servers } from './lib/servers.mjs';
import { start_gateway } from './lib/target.mjs';
import { WebSocketSession } from './lib/websocket_session.mjs';

const burst = 5000;
const websocket = { ping_interval: 1, max_missed_pings: 2 };

function delivery_with(Kind) {
  describe(`delivery over WebSocket with ${Kind.server_name}`, { concurrency: 1 }, () => {
    let authority;
    let server;
    let postern;
    let bob;

    before(async () => {
      authority = await Authority.create();
      server = await Kind.start({ tls: await authority.good('postern.test') });
      postern = await start_gateway(server, { websocket });
      bob = await Buddy.connect(server, 'bob');
      bob.presence();
    });
    after(() => stop_all(bob, postern, server));
    afterEach(() => postern.assert_running());

    async function alice_online({ gateway = postern, ...options } = {}) {
      const session = await WebSocketSession.log_in(gateway.port, { user: 'alice', password: server.password('alice') }, options);
      bob.events.clear();
      session.socket.send(`<presence xmlns='jabber:client'/>`);
      await bob.event('presence', (event) => event.from === session.jid && !event.type);
      return session;
    }

    const gone = (session) => bob.event('presence', (event) => event.from === session.jid && event.type === 'unavailable', 30_000);

    it('the client sees the offer and may take it', async () => {
      const session = await alice_online();
      assert.ok(session.features.children.some((feature) => feature.uri === 'urn:xmpp:sm:3'), 'U-050: offered');
      await session.log_out();
      await gone(session);
    });

    it('frozen, with the socket open and nobody reading', async () => {
      const session = await alice_online();
      session.socket.http.socket.pause();
      bob.message(session.jid, 'into a frozen browser', { id: 'f1' });
      await gone(session);
      assert.deepEqual(await afterwards(server, bob), { again: ['into a frozen browser'], returned: [] });
      session.socket.destroy();
    });

    const ways = {
      'a reset': (socket) => socket.reset(),
      'the end of the connection': (socket) => socket.http.half_close(),
      'a Close frame, as when a page is left': (socket) => socket.close_frame(1001),
    };
    for (const [what, leave] of Object.entries(ways)) {
      it(`${what}: what was received comes again only where nothing has proven it`, async () => {
        const session = await alice_online();
        bob.message(session.jid, 'proven', { id: 'p1' });
        await session.hear('proven');
        await session.prove();
        session.socket.answer_pings = false;
        bob.message(session.jid, 'perhaps received', { id: 'p2' });
        await session.hear('perhaps received');
        leave(session.socket);
        await gone(session);
        assert.deepEqual(await afterwards(server, bob), { again: ['perhaps received'], returned: [] });
        session.socket.destroy();
      });
    }

    it('what was received before a log-out does not come again, be it as late as it may', async () => {
      const session = await alice_online();
      bob.message(session.jid, 'a last word', { id: 'l1' });
      await session.hear('a last word');
      await session.log_out();
      await gone(session);
      assert.deepEqual(await afterwards(server, bob), { again: [], returned: [] });
    });

    it('the gateway stops with messages not proven', async () => {
      const other = await start_gateway(server, { websocket });
      const session = await alice_online({ gateway: other, answer_pings: false });
      bob.message(session.jid, 'handed out', { id: 's1' });
      await session.hear('handed out');
      await Promise.all([other.stop(), gone(session)]);
      assert.deepEqual(await afterwards(server, bob), { again: ['handed out'], returned: [] });
      session.socket.destroy();
    });

    it(`${burst} messages arrive completely and in order, and none of them again`, async () => {
      const session = await alice_online();
      for (const text of numbered('burst', burst)) bob.message(session.jid, text, { id: text });
      await session.hear(`burst ${burst - 1}`);
      assert.deepEqual(session.heard, numbered('burst', burst));
      await session.log_out();
      await gone(session);
      assert.deepEqual(await afterwards(server, bob), { again: [], returned: [] });
    });

    it(`a browser that vanishes in a burst of ${burst}: each message arrives, comes again or goes back`, async () => {
      const session = await alice_online();
      const sent = numbered('part', burst);
      for (const text of sent) bob.message(session.jid, text, { id: text });
      await session.hear('part 1500');
      session.socket.http.socket.pause();
      await gone(session);
      session.take_rest();
      bob.message(bob.jid, 'behind the burst');
      await bob.event('message', (event) => event.body === 'behind the burst', 60_000);
      const { again, returned } = await afterwards(server, bob);
      const lost = missing(sent, session.heard, again, returned);
      assert.equal(lost.length, 0, `${lost.length}: ${lost.slice(0, 10)} …`);
      session.socket.destroy();
    });

    // Fewer than max_unacknowledged, and more than the kernel takes for a socket that nobody reads.
    it('what an overloaded gateway has no room for comes again', async () => {
      const tight = await start_gateway(server, { threads: 1, limits: { max_buffered_bytes: 1 << 20 }, websocket: { queue_high: 3 << 20 } });
      try {
        const session = await alice_online({ gateway: tight });
        bob.message(session.jid, 'much heard', { id: 'much heard' });
        await session.hear('much heard');
        session.socket.http.socket.pause();
        const sent = numbered('much', 150);
        for (const text of sent) bob.message(session.jid, `${text} ${'x'.repeat(40_000)}`, { id: text });
        await tight.child.line(/warning session .* ended .*: overload: max_buffered_bytes reached/, 30_000);
        await gone(session);
        session.take_rest();
        bob.message(bob.jid, 'behind them');
        await bob.event('message', (event) => event.body === 'behind them', 20_000);
        const { again, returned } = await afterwards(server, bob);
        const names = (texts) => texts.map((text) => text.split(' x')[0]);
        const lost = missing([...sent, 'much heard'], names(session.heard), names(again), returned);
        assert.equal(lost.length, 0, `${lost.length}: ${lost.slice(0, 10)} …`);
        assert.deepEqual(returned, []);
        assert.ok(again.length > 0);
        session.socket.destroy();
      } finally {
        await tight.stop();
      }
    });

    it('the server dies: what it has not acknowledged is reported to the browser', async () => {
      const session = await alice_online();
      session.socket.send(`<message xmlns='jabber:client' to='${bob.jid}' type='chat'><body>before</body></message>`);
      await bob.event('message', (event) => event.body === 'before');
      server.child.process.kill('SIGSTOP');
      session.socket.send(...['u1', 'u2'].map((id) =>
        `<message xmlns='jabber:client' to='${bob.jid}' type='chat' id='${id}'><body>nobody hears</body></message>`));
      await session.settle();
      await server.kill();
      while ((await session.next()).local !== 'error');
      // That of the last two seconds before it may be among them; it has no id.
      assert.deepEqual(session.errors.filter((id) => id !== undefined), ['u1', 'u2']);
      session.socket.destroy();
    });
  });
}

// Most of it is waiting until a session is given up.
describe('delivery over WebSocket', { concurrency: true }, () => servers.forEach(delivery_with));

leave_nothing_behind();
