// The core scenario as one table: every door to every server. Logging in, roster, presence, messages both ways, a room, idleness
// beyond every time-out, abrupt loss and return, a restart of the server, logging out. What each door has beyond that is in its
// own file; what libraries and browsers add is in strophe_*, websocket_clients, stanza and converse.
import assert from 'node:assert/strict';
import { setTimeout as delay } from 'node:timers/promises';
import { after, before, describe, it } from 'node:test';
import { Buddy } from './lib/buddy.mjs';
import { Authority } from './lib/certs.mjs';
import { stop_all } from './lib/cleanup.mjs';
import { leave_nothing_behind } from './lib/leave_nothing_behind.mjs';
import { PollingPerson, ScriptPerson } from './lib/raw_person.mjs';
import { servers } from './lib/servers.mjs';
import { StropheNode } from './lib/strophe.mjs';
import { start_gateway } from './lib/target.mjs';

const doors = {
  bosh: { name: 'BOSH', open: (gateway) => StropheNode.open({ url: gateway.url }) },
  websocket: { name: 'WebSocket', open: (gateway) => StropheNode.open({ url: gateway.websocket_url }) },
  push: { name: 'a push stream', open: (gateway) => StropheNode.open({ url: { bosh: gateway.url } }) },
  polling: { name: 'HTTP polling', open: (gateway) => PollingPerson.open(gateway) },
  script: { name: 'script syntax', open: (gateway) => ScriptPerson.open(gateway) },
};

// So short that being idle for `idle` seconds means to outlive each of them, several times where something is repeated.
const idle = 7;
const time_outs = {
  bosh: { max_wait: 2, inactivity: 5, script_syntax: true, push_streams: true, push_keep_alive: 1, push_max_time: 10 }, polling: { enabled: true, hold: 0.05, inactivity: 5 },
  websocket: { ping_interval: 1 }, limits: { keepalive_timeout: 1, header_timeout: 2 },
};

const names = Object.keys(doors);
const users = [{ name: 'bob', password: 'builder-42', buddies: names },
  ...names.map((name) => ({ name, password: `secret of ${name}`, buddies: ['bob'] }))];

for (const kind of servers) {
  describe(`the core scenario, ${kind.server_name}`, () => {
    const world = { people: {} };
    before(async () => {
      const authority = await Authority.create();
      world.server = await kind.start({ tls: await authority.good('postern.test', 'rooms.postern.test'), users });
      world.gateway = await start_gateway(world.server, { threads: 2, ...time_outs });
      world.buddy = await Buddy.connect(world.server, 'bob');
      world.buddy.presence({ status: 'here' });
    });
    after(() => stop_all(...Object.values(world.people).map((person) => ({ stop: () => person.close() })), world.buddy, world.gateway,
      world.server));

    async function come_online(name) {
      const person = await doors[name].open(world.gateway);
      world.people[name] = person;
      await person.connect(world.server.jid(name), world.server.password(name));
      person.full = (await person.status('connected')).jid;
      await person.call('presence', {});
      await world.buddy.event('presence', (event) => event.from === person.full && !event.type);
      return person;
    }

    async function talk(name, text) {
      const person = world.people[name];
      await person.call('message', world.buddy.jid, `${name}: ${text} <&> 😀`);
      await world.buddy.event('message', (event) => event.from === person.full && event.body === `${name}: ${text} <&> 😀`);
      world.buddy.message(person.full, `${text} <&> 😀`);
      await person.event('message', (event) => event.from === world.buddy.jid && event.body === `${text} <&> 😀`);
    }

    // By the login that follows or an error to the sender; with ejabberd, which hands out what is stored and stores what is still on
    // its way at the same time, by a later login.
    const logins = kind.server_name === 'ejabberd' ? 3 : 1;
    async function is_accounted_for(name, bounced) {
      for (let login = 0; login < logins; login++) {
        const person = await come_online(name);
        const known = [person.event('message', (event) => event.body === 'while away', 7000), world.buddy.event('message', bounced, 7000)];
        if (await Promise.any(known).catch(() => null)) return true;
        await person.call('disconnect');
        await person.status('disconnected');
      }
      return false;
    }

    const everybody = (what) => Promise.all(names.map(what));

    for (const name of names) {
      it(`${doors[name].name}: login, roster, presence, messages both ways`, async () => {
        const person = await come_online(name);
        await person.call('roster');
        assert.deepEqual((await person.event('roster')).items, [{ jid: world.server.jid('bob'), subscription: 'both' }]);
        await person.event('presence', (event) => event.from === world.buddy.jid && event.status === 'here');
        await person.call('presence', { show: 'away', status: 'tea & <scones>' });
        const seen = await world.buddy.event('presence', (event) => event.from === person.full && event.show === 'away');
        assert.equal(seen.status, 'tea & <scones>');
        for (let i = 0; i < 5; i++) await talk(name, `message ${i}`);
      });

      it(`${doors[name].name}: a room`, async () => {
        const person = world.people[name];
        const room = `${name}@${world.server.muc}`;
        await person.call('join', room, 'me');
        await person.event('presence', (event) => event.from === `${room}/me` && event.codes.includes('110'));
        await person.call('open_room', room);
        await person.event('room_opened', (event) => event.room === room);
        await world.buddy.join(room, 'bob');
        await person.event('presence', (event) => event.from === `${room}/bob`);
        await person.call('message', room, 'hello all', 'groupchat');
        await world.buddy.event('message', (event) => event.from === `${room}/me` && event.body === 'hello all');
        world.buddy.message(room, 'hello you', { type: 'groupchat' });
        await person.event('message', (event) => event.from === `${room}/bob` && event.body === 'hello you');
      });
    }

    it('idleness beyond every time-out ends nothing', async () => {
      await delay(idle * 1000); // the time itself is what is tested
      await everybody((name) => talk(name, 'still here'));
    });

    it('who is lost abruptly is seen to leave, returns, and misses nothing in silence', async () => {
      await everybody(async (name) => {
        const { full } = world.people[name];
        const bounced = (event) => event.type === 'error' && event.id === `lost-${name}`;
        await world.people[name].close();
        world.buddy.message(full, 'while away', { id: `lost-${name}` });
        await world.buddy.event('presence', (event) => event.from === full && event.type === 'unavailable', 30_000);
        assert.ok(await is_accounted_for(name, bounced), `${name}: neither delivered nor returned`);
        await talk(name, 'back again');
      });
    });

    it('all are told that the server restarts, and log in again', async () => {
      const told = everybody((name) => world.people[name].status('disconnected', 30_000));
      await Promise.all([world.server.restart(), told]);
      await world.buddy.event('disconnected');
      await world.buddy.reconnect();
      world.buddy.presence({ status: 'here' });
      await everybody(async (name) => {
        await world.people[name].close();
        await come_online(name);
        await talk(name, 'after the restart');
      });
    });

    it('logging out is seen at once', async () => {
      await everybody(async (name) => {
        const person = world.people[name];
        await person.call('disconnect');
        await person.status('disconnected');
        await world.buddy.event('presence', (event) => event.from === person.full && event.type === 'unavailable');
      });
    });
  });
}

leave_nothing_behind();
