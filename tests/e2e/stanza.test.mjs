// stanza (stanza.js) in Node, to real servers. Over BOSH it never polls while it logs in, repeats five times, and asks for two
// requests (Q-50...Q-52, Q-70). Over WebSocket it brings stream management of its own, and finds the way in by itself (D-006).
import assert from 'node:assert/strict';
import dns from 'node:dns';
import { createRequire } from 'node:module';
import { after, before, describe, it } from 'node:test';
import { Buddy } from './lib/buddy.mjs';
import { Authority } from './lib/certs.mjs';
import { stop_all } from './lib/cleanup.mjs';
import { leave_nothing_behind } from './lib/leave_nothing_behind.mjs';
import { free_port } from './lib/ports.mjs';
import { servers } from './lib/servers.mjs';
import { start_gateway } from './lib/target.mjs';
import { deadline, until } from './lib/wait.mjs';

// Postern's TLS on a free port is what the domain's port 443 is to others. The library keeps the fetch() that it finds.
const web = { port: 443, fetch: globalThis.fetch, lookup: dns.lookup };
globalThis.fetch = (url, options) => web.fetch(String(url).replace('https://postern.test/', `https://postern.test:${web.port}/`), options);
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

// Who it is is not checked: the library cannot be told of an authority, and that is what tls.test.mjs is about.
function pretend(port) {
  web.port = port;
  dns.lookup = (host, options, done) => web.lookup(host === 'postern.test' ? '127.0.0.1' : host, options, done);
  process.env.NODE_TLS_REJECT_UNAUTHORIZED = '0';
  return () => {
    dns.lookup = web.lookup;
    delete process.env.NODE_TLS_REJECT_UNAUTHORIZED;
  };
}

const doors = {
  BOSH: { transports: (world) => ({ bosh: world.gateway.url, websocket: false }) },
  'WebSocket, found by host-meta': { discovers: true, transports: () => ({ bosh: true, websocket: true }) },
};

const cases = servers.flatMap((kind) => Object.entries(doors).map(([name, door]) => ({ kind, name, door })));
for (const { kind, name, door } of cases) {
  describe(`stanza over ${name}, ${kind.server_name}`, () => {
    const world = {};
    before(async () => {
      const authority = await Authority.create();
      const tls = await authority.good('postern.test', 'rooms.postern.test');
      world.server = await kind.start({ tls });
      const port = await free_port();
      world.gateway = await start_gateway(world.server, door.discovers ? {
        listen: [{ address: `127.0.0.1:${port}`, certificate: tls.certificate, key: tls.key }],
        domain: { bosh_url: `https://postern.test:${port}/http-bind`, websocket_url: `wss://postern.test:${port}/xmpp-websocket` },
      } : {});
      world.honest = door.discovers ? pretend(port) : () => {};
      world.buddy = await Buddy.connect(world.server, 'bob');
      world.buddy.presence({});
      world.client = createClient({ jid: world.server.jid('alice'), password: world.server.password('alice'), resource: 'stanza',
        transports: door.transports(world), autoReconnect: false });
      // It takes them although it cannot bind to a channel that ends at the gateway.
      for (const hash of ['SHA-1', 'SHA-256', 'SHA-512']) world.client.sasl.disable(`SCRAM-${hash}-PLUS`);
    });
    after(async () => {
      world.honest?.();
      await stop_all(world.buddy, world.gateway, world.server);
    });

    it('logs in, sees its roster, is seen', async () => {
      const started = once(world.client, 'session:started');
      world.client.connect();
      await started;
      if (!door.discovers) bear_goodbyes(world.client.transport);
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
      const { lines } = world.gateway.child;
      const ended = await until(() => lines.find((line) => line.includes(' ended after ')), 15_000, 'the end is in the log');
      assert.equal(ended.includes('; WebSocket, to server'), Boolean(door.discovers), 'by the door that was meant');
    });
  });
}

leave_nothing_behind();
