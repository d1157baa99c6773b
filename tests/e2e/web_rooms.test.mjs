// Rooms in the chat without scripts: browsers with JavaScript off, real servers, independent clients in the same rooms.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { stop_all } from './lib/cleanup.mjs';
import { leave_nothing_behind } from './lib/leave_nothing_behind.mjs';
import { until } from './lib/wait.mjs';
import { pairs } from './lib/web_browsers.mjs';
import { wait } from './lib/web_reader.mjs';
import { start_world, stop_world } from './lib/web_world.mjs';

for (const { kind, browser_name, launch, open } of pairs) {
  describe(`rooms in the chat without scripts in ${browser_name} with ${kind.server_name}`, () => {
    const world = {};
    let browser;
    let reader;
    before(async () => {
      await start_world(world, kind);
      browser = await launch();
      reader = await open(browser, world.origin);
      await reader.log_in('alice', world.server.password('alice'));
      await reader.see('stream', '.rows li', 'bob');
    });
    after(() => stop_all({ stop: () => stop_world(world) }, browser));
    const room = (name) => `${name}@${world.server.muc}`;
    const raw = (xml, who = 'bob') => world[who].tell({ do: 'raw', xml });
    const admin = (name, item) => raw(`<iq to="${room(name)}" type="set" id="admin"><query xmlns="http://jabber.org/protocol/muc#admin">${item}</query></iq>`);
    const configure = (name, fields) => {
      const all = Object.entries({ FORM_TYPE: 'http://jabber.org/protocol/muc#roomconfig', ...fields })
        .map(([key, value]) => `<field var="${key}"><value>${value}</value></field>`).join('');
      raw(`<iq to="${room(name)}" type="set" id="config"><query xmlns="http://jabber.org/protocol/muc#owner"><x xmlns="jabber:x:data" type="submit">${all}</x></query></iq>`);
    };
    const join = async (address, { nick, password } = {}) => {
      await reader.go('/room/join');
      await reader.fill('page', '#address', address);
      if (nick) await reader.fill('page', '#nick', nick);
      if (password) await reader.fill('page', '#password', password);
      await reader.click('page', 'button[type=submit]');
      await until(async () => /^\/app\/c\d+$/.test(await reader.path()), wait, 'the room opens');
    };
    const says = (name, body) => world.bob.message(room(name), body, { type: 'groupchat' });

    // A page that renews itself, because somebody has come, has the list closed.
    const see_in_list = (there, within, what) => until(async () => {
      if (await there()) return true;
      await reader.click('stream', '.people summary');
      return false;
    }, within, what);
    const is_linked = (nick) => reader.visible('stream', '.people li a', nick);
    // Who has just come is there by name only, until the next page.
    const see_occupant = (nick) => see_in_list(async () => (await is_linked(nick))
      || ((await reader.visible('stream', '.people .new')) && (await reader.shown('.people .new')) === `"${nick}"`), wait, `${nick} is there`);

    it('joins by name alone, shows who is there and what was and is said, and marks who is meant', async () => {
      await world.bob.join(room('tea'), 'bob');
      configure('tea', {});
      says('tea', 'said before');
      await world.bob.event('message', (event) => event.body === 'said before');
      await join('tea');
      await reader.see('stream', 'header h1', 'tea');
      await reader.see_message('said before');
      await reader.shows('#oc', '"2"');
      await world.carol.join(room('tea'), 'carol');
      await reader.shows('#oc', '"3"');
      says('tea', 'good morning all');
      await reader.see_message('good morning all');
      assert.equal(await reader.ask('stream', '.b', (node) => node.className, undefined, 'good morning all'), 'b in');
      says('tea', 'alice: milk?');
      await reader.see('stream', '.b.hl', 'alice: milk?');
      await reader.write('no <sugar>');
      const heard = await world.bob.event('message', (event) => event.body === 'no <sugar>');
      assert.equal(heard.from, `${room('tea')}/alice`);
      await reader.see('stream', '.b.out', 'no <sugar>');
      assert.equal(await reader.count('stream', '.b', 'no <sugar>'), 1);
    });

    it('shows the subject, presence, new names and who has gone', async () => {
      raw(`<message to="${room('tea')}" type="groupchat"><subject>Leaves &amp; <![CDATA[<pots>]]></subject></message>`);
      await reader.see('stream', '.sub', 'Leaves & <pots>');
      await reader.see('stream', '.b.note', 'bob has set the subject: Leaves & <pots>');
      raw(`<presence to="${room('tea')}/Robert"/>`);
      await reader.see('stream', '.b.note', 'bob is now called Robert.');
      await see_occupant('Robert');
      raw(`<presence to="${room('tea')}/carol" type="unavailable"/>`, 'carol');
      await reader.shows('#oc', '"2"');
    });

    it('invites somebody, and says what came of it', async () => {
      await reader.go((await reader.path()).replace('/app/', '/room/'));
      await reader.fill('page', '#invitee', world.carol.bare);
      await reader.fill('page', '#reason', 'the pot is full');
      await reader.click('page', 'button[value=invite]');
      await reader.see('stream', '.b.note', `You have invited ${world.carol.bare}. the pot is full`);
      // Whether every occupant may is a setting of the room, and their defaults differ.
      if (kind.server_name === 'ejabberd') return reader.see('stream', '.b.note', `${world.carol.bare} was not invited.`);
      return world.carol.event('message', (event) => event.from === room('tea') && event.invited_by && event.reason === 'the pot is full');
    });

    it('writes to one of them alone', async () => {
      await see_in_list(() => is_linked('Robert'), 2 * wait, 'Robert has a link');
      await reader.click('stream', '.people li a', 'Robert');
      await reader.see('stream', 'header h1', 'Robert');
      await reader.see('compose', '#t');
      await reader.write('between us');
      const heard = await world.bob.event('message', (event) => event.body === 'between us');
      assert.deepEqual({ from: heard.from, type: heard.type }, { from: `${room('tea')}/alice`, type: 'chat' });
      world.bob.message(`${room('tea')}/alice`, 'of course');
      await reader.see_message('of course');
      await reader.go('/app/');
    });

    it('leaves, keeps, and comes back at the next login', async () => {
      await reader.click('stream', '.rows li a', 'tea');
      await reader.see('stream', 'header h1', 'tea');
      const path = (await reader.path()).replace('/app/', '/room/');
      await reader.go(path);
      await reader.click('page', 'input[name=keep]');
      await reader.click('page', 'button[value=save]');
      await reader.see('stream', 'header h1', 'tea');
      // There it goes by three questions: items refused, the private storage read, and written.
      if (kind.server_name === 'ejabberd') {
        const stored = () => world.server.api('private_get', { user: 'alice', host: world.server.domain, element: 'storage', ns: 'storage:bookmarks' });
        await until(async () => (await stored()).includes(room('tea')), wait, 'the bookmark is stored');
      }
      await reader.click('stream', '.own button');
      await world.bob.event('presence', (event) => event.from === `${room('tea')}/alice` && event.type === 'unavailable');
      await reader.see('page', '[role=alert]', 'You are logged out.');
      world.bob.events.clear(); // her first coming is still there
      await reader.log_in('alice', world.server.password('alice'));
      await world.bob.event('presence', (event) => event.from === `${room('tea')}/alice` && event.type !== 'unavailable');
      // What bob wrote to alice alone may have come again before the room was known: it is a room all the same.
      await reader.see('stream', '.rows li', 'tea');
      await reader.click('stream', '.rows li a', 'tea');
      await reader.see('stream', 'header h1', 'tea');
      await reader.go((await reader.path()).replace('/app/', '/room/'));
      await reader.click('page', 'button[value=leave]');
      await world.bob.event('presence', (event) => event.from === `${room('tea')}/alice` && event.type === 'unavailable');
    });

    it('says in words why it is not let in, and tries again with what is asked for', async () => {
      await world.bob.join(room('locked'), 'bob');
      configure('locked', { 'muc#roomconfig_passwordprotectedroom': 1, 'muc#roomconfig_roomsecret': 'sesame' });
      await join(room('locked'));
      await reader.see('stream', '.banner', 'The password is missing or wrong.');
      await reader.fill('stream', '.banner #rp', 'sesame');
      await reader.click('stream', '.banner button');
      await world.bob.event('presence', (event) => event.from === `${room('locked')}/alice`);

      await world.bob.join(room('taken'), 'alice');
      configure('taken', {});
      await join(room('taken'));
      await reader.see('stream', '.banner', 'Somebody with this name is already there.');
      await reader.fill('stream', '.banner #nick', 'alice two');
      await reader.click('stream', '.banner button');
      await world.bob.event('presence', (event) => event.from === `${room('taken')}/alice two`);
      await reader.miss('stream', '.banner');
      admin('taken', '<item nick="alice two" role="none"><reason>out &lt;now&gt;</reason></item>');
      await reader.see('stream', '.banner', 'You were removed from the room.');

      await world.bob.join(room('closed'), 'bob');
      configure('closed', {});
      admin('closed', `<item jid="${world.server.jid('alice')}" affiliation="outcast"/>`);
      await join(room('closed'));
      await reader.see('stream', '.banner', 'You are not allowed to do this.');
      await join('nobody@nowhere.postern.test');
      await reader.see('stream', '.banner', 'You are not in this room.');
    });
  });
}

leave_nothing_behind();
