// Rooms of the chat without scripts (XEP-0045), by the forms of its pages, with a buddy on an independent client in them.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { Authority } from './lib/certs.mjs';
import { Buddy } from './lib/buddy.mjs';
import { stop_all } from './lib/cleanup.mjs';
import { leave_nothing_behind } from './lib/leave_nothing_behind.mjs';
import { start_postern } from './lib/postern.mjs';
import { servers } from './lib/servers.mjs';
import { until } from './lib/wait.mjs';
import { WebSession } from './lib/web_session.mjs';

const wait = 15_000;

// The form of a room's owner (XEP-0045 10.2); `inviting` is ejabberd's word for whether all may.
function owner_form(kind, room, { inviting, ...fields }) {
  const all = { ...fields, ...(kind.server_name === 'ejabberd' ? { 'muc#roomconfig_allowinvites': inviting } : {}) };
  const lines = Object.entries(all).map(([name, value]) => `<field var="${name}"><value>${value}</value></field>`).join('');
  return `<iq type="set" id="own" to="${room}"><query xmlns="http://jabber.org/protocol/muc#owner"><x xmlns="jabber:x:data" type="submit">` +
    `<field var="FORM_TYPE"><value>http://jabber.org/protocol/muc#roomconfig</value></field>${lines}</x></query></iq>`;
}

for (const kind of servers) {
  describe(`rooms with ${kind.server_name}`, () => {
    const world = {};
    before(async () => {
      const authority = await Authority.create();
      world.server = await kind.start({ tls: await authority.good('postern.test', 'rooms.postern.test') });
      world.gateway = await start_postern({
        domains: [{ name: 'postern.test', server: `127.0.0.1:${world.server.c2s_port}`, ca_file: world.server.tls.trust }],
        webchat: { enabled: true },
      });
      world.origin = world.gateway.url.replace('/http-bind', '');
      world.room = `team@${world.server.muc}`;
      for (const name of ['bob', 'carol']) {
        world[name] = await Buddy.connect(world.server, name);
        world[name].presence();
      }
      await world.bob.join(world.room, 'bob');
      // The room is locked until its owner has said how it shall be (XEP-0045 10.1.2).
      world.bob.tell({ do: 'raw', xml: owner_form(kind, world.room, { inviting: 1 }) });
      world.alice = await WebSession.open(world.origin, 'alice', world.server.password('alice'), { mode: 'static' });
      await world.alice.submit('/room/join', { address: world.room, nick: 'bob', password: '' });
      world.id = await world.alice.row('team');
      world.shows = (path, pattern, what) => until(async () => pattern.test(await world.alice.page(path)), wait, what);
    });
    after(() => stop_all(...['bob', 'carol'].map((name) => world[name] && { stop: () => world[name].quit() }), world.gateway, world.server));
    const command = (fields) => world.alice.submit(`/room/${world.id}`, fields);

    it('says that a name is taken, and lets another one in', async () => {
      await world.shows(`/plain/${world.id}`, /You are not in this room\.[^<]*Somebody with this name is already there\./, 'the name is taken');
      await command({ do: 'join', nick: 'alice', password: '' });
      await world.bob.event('presence', (event) => event.from === `${world.room}/alice` && event.type !== 'unavailable');
      await world.shows(`/room/${world.id}`, /<bdi>bob<\/bdi>/, 'who is here');
    });

    it('changes the own name, and says when it is taken', async () => {
      await command({ do: 'nick', nick: 'bob' });
      await world.shows(`/plain/${world.id}`, /role="alert">Somebody with this name is already there\./, 'the name is taken');
      await command({ do: 'nick', nick: 'alice the second' });
      await world.bob.event('presence', (event) => event.from === `${world.room}/alice the second`);
      await world.shows(`/room/${world.id}`, /value="alice the second"/, 'the new name');
      assert.doesNotMatch(await world.alice.page(`/room/${world.id}`), /role="alert"/);
    });

    it('shows the subject, and says when it is not for us to set', async () => {
      world.bob.tell({ do: 'raw', xml: `<message type="groupchat" id="s1" to="${world.room}"><subject>Plans &amp; more</subject></message>` });
      await world.shows(`/plain/${world.id}`, /Plans &amp; more/, 'the subject');
      await command({ do: 'subject', subject: 'Mine' });
      await world.shows(`/plain/${world.id}`, /role="alert">You are not allowed to do this\.|set the subject: Mine/, 'an answer');
      world.bob.tell({ do: 'raw', xml: `<iq type="set" id="mod" to="${world.room}"><query xmlns="http://jabber.org/protocol/muc#admin"><item nick="alice the second" role="moderator"/></query></iq>` });
      await world.bob.event('presence', (event) => event.from === `${world.room}/alice the second`);
      await command({ do: 'subject', subject: 'Now <mine>' });
      await world.shows(`/plain/${world.id}`, /Now &lt;mine&gt;/, 'the new subject');
      assert.doesNotMatch(await world.alice.page(`/room/${world.id}`), /role="alert"/);
    });

    it('marks a mention and writes to one occupant alone', async () => {
      world.bob.message(world.room, 'alice the second: over here', { type: 'groupchat' });
      await world.shows(`/plain/${world.id}`, /class="b in hl"[^>]*>(?:(?!<\/div>)[\s\S])*over here/, 'a mention');
      const [, path] = /href="(\/private\/[^"]+)" title="Write to bob alone"/.exec(await world.alice.page(`/room/${world.id}`));
      const opened = await fetch(world.origin + path, { headers: world.alice.headers, redirect: 'manual' });
      const place = opened.headers.get('location');
      const page = await world.alice.page(place);
      const once = /name="once" value="([^"]+)"/.exec(page)[1];
      await world.alice.submit(place, { once, text: 'just you' });
      const got = await world.bob.event('message', (event) => event.body === 'just you');
      assert.equal(got.from, `${world.room}/alice the second`);
    });

    it('invites somebody, and says whether they come', async () => {
      const wrong = await command({ do: 'invite', address: 'carol@', reason: 'come & see' });
      assert.match(wrong.text, /role="alert">This is no address\.[\s\S]*value="carol@"[\s\S]*value="come &amp; see"/);
      const sent = await command({ do: 'invite', address: world.carol.bare, reason: 'come & see' });
      assert.equal(sent.status, 303);
      const asked = await world.carol.event('message', (event) => event.from === world.room && event.invited_by);
      assert.equal(asked.reason, 'come & see');
      assert.ok([`${world.server.jid('alice')}/`, `${world.room}/`].some((start) => asked.invited_by.startsWith(start)), asked.invited_by);
      world.carol.tell({ do: 'raw', xml: `<message to="${world.room}"><x xmlns="http://jabber.org/protocol/muc#user"><decline to="${world.server.jid('alice')}"><reason>not &lt;now&gt;</reason></decline></x></message>` });
      await world.shows(`/plain/${world.id}`, new RegExp(`You have invited ${world.carol.bare}\\. come &amp; see[\\s\\S]*${world.carol.bare} does not want to come\\. not &lt;now&gt;`), 'the answer');
    });

    it('leaves, and takes or declines an invitation', async () => {
      await command({ do: 'leave' });
      await world.bob.event('presence', (event) => event.from === `${world.room}/alice the second` && event.type === 'unavailable');
      const invite = () => world.bob.tell({ do: 'raw', xml: `<message to="${world.room}"><x xmlns="http://jabber.org/protocol/muc#user"><invite to="${world.server.jid('alice')}"><reason>come &amp; see</reason></invite></x></message>` });
      invite();
      world.id = await world.alice.row('team');
      await world.shows(`/room/${world.id}`, /invites you to team@[a-z.]+\. come &amp; see/, 'an invitation');
      await command({ do: 'decline', nick: 'alice' });
      await until(async () => !/invites you/.test(await world.alice.page('/plain/') + await world.alice.page(`/room/${world.id}`)), wait, 'declined');
      // From here on only whom the owner has invited comes in. That others do not invite is Prosody's default for such a room.
      world.bob.tell({ do: 'raw', xml: owner_form(kind, world.room, { 'muc#roomconfig_membersonly': 1, inviting: 0 }) });
      invite();
      world.id = await world.alice.row('team');
      await world.shows(`/room/${world.id}`, /invites you/, 'another invitation');
      await command({ do: 'join', nick: 'alice', password: '' });
      await world.bob.event('presence', (event) => event.from === `${world.room}/alice` && event.type !== 'unavailable');
      await world.shows(`/room/${world.id}`, /<bdi>bob<\/bdi>/, 'who is here');
    });

    it('says that the room does not let us invite', async () => {
      await command({ do: 'invite', address: world.carol.bare, reason: '' });
      await world.shows(`/plain/${world.id}`, new RegExp(`${world.carol.bare} was not invited\\. (You are not allowed to do this|This is not allowed)\\.`), 'the refusal');
    });
  });
}

leave_nothing_behind();
