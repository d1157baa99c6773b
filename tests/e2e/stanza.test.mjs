// stanza (stanza.js) in Node over BOSH, to real servers: it never polls while it logs in, repeats five times, and asks for two
// requests (Q-50...Q-52, Q-70). @xmpp/client has no BOSH.
import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { after, before, describe, it } from 'node:test';
import { Buddy } from './lib/buddy.mjs';
import { Authority } from './lib/certs.mjs';
import { stop_all } from './lib/cleanup.mjs';
import { leave_nothing_behind } from './lib/leave_nothing_behind.mjs';
import { servers } from './lib/servers.mjs';
import { start_gateway } from './lib/target.mjs';
import { deadline } from './lib/wait.mjs';

const { createClient } = createRequire(import.meta.url)('stanza');

const once = (client, event, fits = () => true) => deadline(new Promise((resolve) => {
  const listen = (value) => {
    if (!fits(value)) return;
    client.off(event, listen);
    resolve(value);
  };
  client.on(event, listen);
}), 20_000, event);

// It hands the answer to its own goodbye to a stream that it has ended before, which Node takes for an error nobody catches.
function bear_goodbyes(stream) {
  const push = stream.push.bind(stream);
  let ended = false;
  stream.push = (chunk) => {
    if (ended) return false;
    ended = chunk === null;
    return push(chunk);
  };
}

for (const kind of servers) {
  describe(`stanza over BOSH, ${kind.server_name}`, () => {
    const world = {};
    before(async () => {
      const authority = await Authority.create();
      world.server = await kind.start({ tls: await authority.good('postern.test', 'rooms.postern.test') });
      world.gateway = await start_gateway(world.server);
      world.buddy = await Buddy.connect(world.server, 'bob');
      world.buddy.presence({});
      world.client = createClient({ jid: world.server.jid('alice'), password: world.server.password('alice'), resource: 'stanza',
        transports: { bosh: world.gateway.url, websocket: false }, autoReconnect: false });
      // It takes them although it cannot bind to a channel that ends at the gateway.
      for (const hash of ['SHA-1', 'SHA-256', 'SHA-512']) world.client.sasl.disable(`SCRAM-${hash}-PLUS`);
    });
    after(() => stop_all(world.buddy, world.gateway, world.server));

    it('logs in, sees its roster, is seen', async () => {
      const started = once(world.client, 'session:started');
      world.client.connect();
      await started;
      bear_goodbyes(world.client.transport);
      const { items } = await world.client.getRoster();
      assert.deepEqual(items.map((item) => String(item.jid)), ['bob@postern.test']);
      world.client.sendPresence();
      await world.buddy.event('presence', (event) => event.from === `${world.server.jid('alice')}/stanza` && !event.type, 15_000);
    });

    it('messages go both ways', async () => {
      for (let i = 0; i < 10; i++) {
        world.client.sendMessage({ to: world.buddy.jid, body: `there ${i}`, type: 'chat' });
        await world.buddy.event('message', (event) => event.body === `there ${i}`);
        const back = once(world.client, 'message', (message) => message.body === `back ${i}`);
        world.buddy.message(`${world.server.jid('alice')}/stanza`, `back ${i}`);
        await back;
      }
    });

    it('a room', async () => {
      const room = `tea@${world.server.muc}`;
      await world.client.joinRoom(room, 'alice');
      await world.client.configureRoom(room, {}); // until then nobody else gets in
      await world.buddy.join(room, 'bob');
      world.buddy.message(room, 'tea is ready', { type: 'groupchat' });
      await once(world.client, 'groupchat', (message) => message.body === 'tea is ready');
    });

    it('ends its session', async () => {
      const gone = world.buddy.event('presence', (event) => event.from === `${world.server.jid('alice')}/stanza` && event.type === 'unavailable', 15_000);
      world.client.disconnect();
      await gone;
    });
  });
}

leave_nothing_behind();
