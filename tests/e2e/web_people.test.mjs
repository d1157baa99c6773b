// Logging in, buddies and the own presence in the chat without scripts: browsers with JavaScript off, real servers, independent
// clients at the other end.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { Buddy } from './lib/buddy.mjs';
import { stop_all } from './lib/cleanup.mjs';
import { leave_nothing_behind } from './lib/leave_nothing_behind.mjs';
import { free_port } from './lib/ports.mjs';
import { until } from './lib/wait.mjs';
import { pairs } from './lib/web_browsers.mjs';
import { wait } from './lib/web_reader.mjs';
import { start_world, stop_world } from './lib/web_world.mjs';

for (const { kind, browser_name, launch, open } of pairs) {
  describe(`people in the chat without scripts in ${browser_name} with ${kind.server_name}`, () => {
    const world = {};
    let browser;
    before(async () => {
      browser = await launch();
      await start_world(world, kind, { server: { guests: true }, others: [{ name: 'down.test', server: `127.0.0.1:${await free_port()}` }] });
    });
    after(() => stop_all({ stop: () => stop_world(world) }, browser));
    const log_in = async (user = 'alice') => {
      const reader = await open(browser, world.origin);
      await reader.log_in(world.server.jid(user), world.server.password(user));
      await reader.see('stream', '.own', world.server.jid(user));
      return reader;
    };
    const from_alice = (name, type) =>
      world[name].event('presence', (event) => event.from.startsWith(world.server.jid('alice')) && event.type === type);

    it('says in words why nobody was let in, and keeps what was typed', async () => {
      const reader = await open(browser, world.origin);
      for (const [user, words] of [['carol@postern.test', 'Address or password is wrong.'], ['nobody@postern.test', 'Address or password is wrong.'],
        ['carol@elsewhere.test', 'elsewhere.test is not served here'], ['carol', 'This is no address.'], ['@@', 'This is no address.'],
        ['carol@down.test', 'The server cannot be reached.']]) {
        await reader.log_in(user, 'wrong');
        await reader.see('page', '[role=alert]', words);
        assert.equal(await reader.ask('page', '#password', (node) => node.value), '', 'no password comes back');
      }
      await reader.log_in('@@', 'x');
      await reader.see('page', '[role=alert]', 'This is no address.');
      assert.equal(await reader.ask('page', '#user', (node) => node.value), '@@');
      await reader.close();
    });

    it('lets guests in where the domain does, under an address of their own', async () => {
      const reader = await open(browser, world.origin);
      await reader.go('/');
      await reader.click('page', 'button[value=guest]');
      await reader.see('stream', '.own', '@guests.postern.test');
      await reader.see('stream', '.lead', 'Nobody is here yet.');
      await reader.go('/room/join');
      await reader.fill('page', '#address', `open@${world.server.muc}`);
      await reader.fill('page', '#nick', 'a guest');
      await reader.click('page', 'button[type=submit]');
      await reader.see('stream', 'header h1', 'open');
      await reader.see('compose', '#t');
      await world.bob.join(`open@${world.server.muc}`, 'bob');
      await reader.shows('#oc', '"2"');
      await reader.write('hello from outside');
      await world.bob.event('message', (event) => event.body === 'hello from outside' && event.from.endsWith('/a guest'));
      await reader.click('stream', '.own button');
      await reader.see('page', '[role=alert]', 'You are logged out.');
      await world.bob.event('presence', (event) => event.from.endsWith('/a guest') && event.type === 'unavailable');
      await reader.close();
    });

    it('adds, renames, moves and removes a buddy', async () => {
      const reader = await log_in();
      await reader.click('stream', '.acts a', 'Add a buddy');
      await reader.fill('page', '#address', world.server.jid('carol'));
      await reader.fill('page', '#name', 'Carol <i>C</i>');
      await reader.fill('page', '#groups', 'Work');
      await reader.click('page', 'button[type=submit]');
      await from_alice('carol', 'subscribe');
      await reader.see('stream', '.rows li', 'Carol <i>C</i>');
      await reader.see('stream', 'h2', 'Work');
      const chat = await reader.path();
      await reader.click('stream', '.tools a', 'Details');
      await reader.see('page', 'main', 'There is no answer yet.');
      const details = await reader.path();
      await reader.go(chat);
      await reader.see('stream', '.rows li', 'Carol');
      world.carol.presence({ to: world.server.jid('alice'), type: 'subscribed' });
      world.carol.presence({ show: 'dnd' });
      const shown = () => reader.ask('stream', '.rows li', (node) => getComputedStyle(node.querySelector('.p'), '::after').content, undefined, 'Carol');
      await until(async () => (await shown()) === '"do not disturb"', wait, 'carol\'s presence is shown');

      await reader.go(details);
      await reader.see('page', 'main', 'You see when they are available; they do not see you.');
      await reader.fill('page', '#name', 'Caro');
      await reader.fill('page', '#groups', 'Old friends');
      await reader.click('page', 'button[value=save]');
      await reader.see('stream', '.rows li', 'Caro');
      await reader.see('stream', 'h2', 'Old friends');
      await reader.miss('stream', 'h2', 'Work');
      await reader.go(details);
      assert.equal(await reader.ask('page', '#groups', (node) => node.value), 'Old friends');
      await reader.click('page', 'button[value=remove]');
      await reader.see('stream', '.rows li', 'bob');
      await reader.miss('stream', '.rows li', 'Caro');
      await reader.close();
    });

    it('declines who asks to see us, and accepts who asks again', async () => {
      const reader = await log_in();
      await world.carol.roster(); // servers tell the answer only to who has asked for it (RFC 6121 2.2)
      world.carol.presence({ to: world.server.jid('alice'), type: 'subscribe' });
      await reader.see('stream', '.rows li', 'carol');
      await reader.click('stream', '.rows li a', 'carol');
      await reader.click('stream', 'form.banner button[value=decline]');
      await from_alice('carol', 'unsubscribed');
      await reader.go('/app/');
      await reader.see('stream', '.rows li', 'bob');

      world.carol.presence({ to: world.server.jid('alice'), type: 'subscribe' });
      await reader.click('stream', '.rows li a', 'carol');
      await reader.click('stream', 'form.banner button[value=accept]');
      await from_alice('carol', 'subscribed');
      await reader.miss('stream', 'form.banner');
      await world.carol.event('presence', (event) => event.from.startsWith(`${world.server.jid('alice')}/`) && !event.type);
      await reader.close();
    });

    it('says that another login took its place', async () => {
      world.bob.events.clear();
      const reader = await log_in();
      const seen = await world.bob.event('presence', (event) => event.from.startsWith(`${world.server.jid('alice')}/`) && !event.type);
      // The same resource: the server lets the newer one have it.
      const other = await Buddy.connect(world.server, 'alice', { resource: seen.from.split('/')[1] });
      await reader.see('stream', 'main', 'Another login of yours has taken the place of this one.');
      await other.quit();
      await reader.close();
    });

    it('tells others the presence and status that were chosen, and speaks the chosen language', async () => {
      const reader = await log_in();
      await reader.click('stream', '.acts a', 'Status and settings');
      await reader.choose('page', '#show', '5');
      await reader.fill('page', '#status', 'writing <tests> & more');
      await reader.choose('page', '#lang', 'de');
      await reader.click('page', 'button[type=submit]', 'Save');
      const presence = await world.bob.event('presence', (event) => event.from.startsWith(world.server.jid('alice')) && event.show === 'dnd');
      assert.equal(presence.status, 'writing <tests> & more');
      await reader.see('stream', '.own button', 'Abmelden');
      assert.equal(await reader.ask('page', 'html', (node) => node.lang), 'de');
      await reader.go('/settings');
      assert.equal(await reader.ask('page', '#status', (node) => node.value), 'writing <tests> & more');
      await reader.choose('page', '#lang', 'ar');
      await reader.click('page', 'button[type=submit]');
      await reader.see('stream', '.rows li', 'bob');
      assert.equal(await reader.ask('stream', 'html', (node) => getComputedStyle(node).direction), 'rtl');
      await reader.close();
    });

    it('keeps language and zone for the next login, and nothing for another browser', async () => {
      const reader = await log_in();
      await reader.go('/settings');
      await reader.choose('page', '#lang', 'de');
      await reader.choose('page', '#zone', '330');
      await reader.follow('page', 'button[type=submit]', 'Save');
      await reader.see('stream', '.own button', 'Abmelden');
      await reader.click('stream', '.own button');
      await reader.see('page', 'button', 'Anmelden');
      await reader.log_in(world.server.jid('alice'), world.server.password('alice'));
      await reader.see('stream', '.own button', 'Abmelden');
      await reader.go('/settings');
      assert.equal(await reader.ask('page', '#zone', (node) => node.value), '330');
      await reader.close();
      const other = await log_in();
      await other.see('stream', '.own button', 'Log out');
      await other.close();
    });
  });
}

leave_nothing_behind();
