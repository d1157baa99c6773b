// Clients that bring their own stream management, over WebSocket to real servers: the chat scenarios, and the promise of W-027: a
// connection that breaks costs nothing, because the client resumes.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { Buddy } from './lib/buddy.mjs';
import { Authority } from './lib/certs.mjs';
import { chat_scenarios } from './lib/chat_scenarios.mjs';
import { stop_all } from './lib/cleanup.mjs';
import { FakeServer } from './lib/fake_server.mjs';
import { leave_nothing_behind } from './lib/leave_nothing_behind.mjs';
import { start_postern } from './lib/postern.mjs';
import { servers } from './lib/servers.mjs';
import { StropheNode } from './lib/strophe.mjs';
import { start_gateway } from './lib/target.mjs';
import { XmppClient } from './lib/xmpp_client.mjs';

const clients = { '@xmpp/client': XmppClient };

// Strophe.js with the stream management that it has since version 4.1, and leaves off by default.
class ResumingStrophe extends StropheNode {
  connect(jid, password) {
    this.password = password;
    return super.connect(jid, password, { enableStreamManagement: true });
  }

  resume() {
    return this.call('connect_again', this.password);
  }
}

const all_clients = Object.entries(clients).map(([client_name, Client]) => ({ client_name, binding: 'WebSocket', open: (url) => Client.open({ url }) }));
describe('the usual scenarios', { concurrency: true }, () => {
  for (const kind of servers) chat_scenarios({ kind, clients: all_clients });
});

function resuming_with(kind) {
  describe(`${kind.server_name} (W-027, E-41)`, { concurrency: 1 }, () => {
    const world = {};
    before(async () => {
      const authority = await Authority.create();
      world.server = await kind.start({ tls: await authority.good('postern.test', 'rooms.postern.test') });
      world.gateway = await start_gateway(world.server);
      world.buddy = await Buddy.connect(world.server, 'bob');
      world.buddy.presence({ status: 'here' });
    });
    after(() => stop_all(world.buddy, world.gateway, world.server));

    for (const [client_name, Client] of Object.entries({ ...clients, 'strophe.js 5': ResumingStrophe })) {
      it(`${client_name}, after its connection broke; what was sent meanwhile arrives once, and nobody saw it leave`, async () => {
        const client = await Client.open({ url: world.gateway.websocket_url });
        await client.connect(world.server.jid('alice'), world.server.password('alice'));
        const { jid } = await client.status('connected');
        await client.call('presence', {});
        await world.buddy.event('presence', (event) => event.from === jid && event.type === undefined);
        for (let round = 0; round < 3; round++) {
          world.buddy.message(jid, `before ${round}`);
          await client.event('message', (event) => event.body === `before ${round}`);
          const since = world.gateway.child.lines.length;
          client.cut();
          await client.status('disconnected');
          await world.gateway.child.line(/connection to the client lost; WebSocket/, 5000, since);
          world.buddy.message(jid, `while away ${round}`);
          await client.resume();
          await client.status('resumed');
          assert.equal((await client.event('message')).body, `while away ${round}`);
          await client.call('message', world.buddy.jid, `back ${round}`);
          assert.equal((await world.buddy.event('message', (event) => event.from === jid)).body, `back ${round}`);
        }
        const seen = world.buddy.events.peek((event) => event.event === 'presence' && event.from === jid);
        assert.deepEqual(seen.filter((event) => event.type === 'unavailable'), []);
        await client.call('disconnect');
        await world.buddy.event('presence', (event) => event.from === jid && event.type === 'unavailable');
        await client.close();
      });
    }
  });
}

// One after the other: @xmpp/client computes SCRAM in JavaScript, and while one does that in this process no other is served.
describe('resuming', { concurrency: 1 }, () => servers.forEach(resuming_with));

describe('strophe.js 1.1, of before RFC 7395 (W-036)', () => {
  const world = {};
  before(async () => {
    const authority = await Authority.create();
    world.server = await servers[0].start({ tls: await authority.good('postern.test') });
    world.buddy = await Buddy.connect(world.server, 'bob');
    world.buddy.presence();
  });
  after(() => stop_all(world.buddy, world.server));

  async function connect(settings) {
    const gateway = await start_gateway(world.server, settings);
    const client = await StropheNode.open({ url: gateway.websocket_url, library: 'strophe.js 1.1' });
    await client.connect(world.server.jid('alice'), world.server.password('alice'));
    return { gateway, client };
  }

  it('is served where that is switched on', async () => {
    const { gateway, client } = await connect({ websocket: { draft_framing: true } });
    const { jid } = await client.status('connected');
    await client.call('presence', {});
    await world.buddy.event('presence', (event) => event.from === jid && event.type === undefined);
    for (let i = 0; i < 5; i++) {
      await client.call('message', world.buddy.jid, `there ${i} <&>`);
      await world.buddy.event('message', (event) => event.from === jid && event.body === `there ${i} <&>`);
      world.buddy.message(jid, `back ${i} <&>`);
      await client.event('message', (event) => event.body === `back ${i} <&>`);
    }
    await client.call('disconnect');
    await client.status('disconnected');
    await world.buddy.event('presence', (event) => event.from === jid && event.type === 'unavailable');
    await client.close();
    await gateway.stop();
  });

  it('and refused where it is not', async () => {
    const { gateway, client } = await connect({});
    await gateway.child.line(/refused: the framing of before RFC 7395/);
    await client.close();
    await gateway.stop();
  });
});

describe('a gateway that is being stopped (W-028, E-45)', () => {
  it('sends Strophe.js, which has not begun to log in, to another', async () => {
    const silent = await FakeServer.start({ on_header: () => {}, on_close: null });
    const other = await FakeServer.start();
    const postern = await start_postern({ threads: 1, websocket: { see_other_uri: `wss://127.0.0.1:${other.port}/ws` },
      domains: [{ name: 'postern.test', server: `127.0.0.1:${silent.port}`, tls: 'none' }] });
    const client = await StropheNode.open({ url: postern.websocket_url });
    const connecting = client.connect('alice@postern.test', 'secret');
    const waiting = await silent.accept();
    const stopped = postern.stop();
    await other.accept(); // it begins TLS there, which this one does not speak
    await waiting.event('end');
    waiting.end();
    await Promise.allSettled([stopped, connecting, other.stop(), silent.stop()]);
    await client.close();
  });
});

leave_nothing_behind();
