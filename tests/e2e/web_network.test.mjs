// What the reader of the chat without scripts does not notice: restarts of the server, cuts of the network between it and the
// gateway, long streams; and what becomes of messages when nobody looks. Browsers with JavaScript off, real servers.
// PROTOCOL U-062, Z-002, Z-004, Z-008, Z-009.
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { after, before, describe, it } from 'node:test';
import { Buddy } from './lib/buddy.mjs';
import { stop_all } from './lib/cleanup.mjs';
import { leave_nothing_behind } from './lib/leave_nothing_behind.mjs';
import { until } from './lib/wait.mjs';
import { pairs } from './lib/web_browsers.mjs';
import { wait } from './lib/web_reader.mjs';
import { start_world, stop_world } from './lib/web_world.mjs';
import { Wire } from './lib/wire.mjs';

for (const { kind, browser_name, launch, open } of pairs) {
  describe(`the chat without scripts on a bad network in ${browser_name} with ${kind.server_name}`, () => {
    const world = {};
    let browser;
    let reader;
    before(async () => {
      await start_world(world, kind, {
        people: ['bob'],
        port: async (server) => {
          world.wire = await Wire.to(server.c2s_port);
          return world.wire.port;
        },
      });
      browser = await launch();
      reader = await open(browser, world.origin);
      await reader.log_in('alice', world.server.password('alice'));
      await reader.open_chat('bob');
    });
    after(() => stop_all({ stop: () => stop_world(world) }, world.wire, browser));
    const alice = () => world.server.jid('alice');
    const texts = (start) => reader.texts('stream', '.b .x').then((all) => all.filter((text) => text.startsWith(start)));
    const numbered = (start, count) => Array.from({ length: count }, (_, i) => `${start} ${i + 1}.`);
    const visible = (selector) => reader.visible('stream', selector);
    const born = () => reader.ask('stream', 'html', (node) => node.ownerDocument.defaultView.performance.timeOrigin);

    it('goes on after a cut: what was said meanwhile comes, each once, and what was written leaves', async () => {
      world.bob.message(alice(), 'cut 1.');
      await reader.see_message('cut 1.');
      world.wire.cut();
      await until(() => visible('#down'), wait, 'the reader is told');
      world.bob.message(alice(), 'cut 2.');
      await reader.write('written in the dark');
      world.bob.message(alice(), 'cut 3.');
      world.wire.mend();
      await reader.see_message('cut 3.');
      await world.bob.event('message', (event) => event.body === 'written in the dark');
      await until(async () => (await visible('.rows li')) && !(await visible('#down')), wait, 'the reader is told');
      assert.deepEqual(await texts('cut'), numbered('cut', 3));
      assert.equal((await texts('written in the dark')).length, 1);
      assert.deepEqual(world.bob.events.peek((event) => event.body === 'written in the dark'), []);
    });

    it('goes on after a restart of the server', async () => {
      await world.server.restart();
      await world.bob.reconnect();
      world.bob.presence({ show: 'dnd' });
      await until(async () => (await visible('.rows li')) && !(await visible('#down')), 60_000, 'the session is back');
      await reader.shows('.rows li .p', '"do not disturb"');
      world.bob.message(alice(), 'after the restart');
      await reader.see_message('after the restart');
      await reader.write('both ways');
      await world.bob.event('message', (event) => event.body === 'both ways');
    });

    it('begins a new page before one grows too long, without a gap', async () => {
      const before_it = await born();
      for (const text of numbered('much', 850)) world.bob.message(alice(), text);
      await reader.see_message('much 850.');
      await until(async () => (await born()) !== before_it, wait, 'a new page');
      await reader.see_message('much 850.');
      await until(async () => (await reader.texts('stream', '.b')).length <= 60, wait, 'a short one');
      world.bob.message(alice(), 'on the new page');
      await reader.see_message('on the new page');
    });

    it('keeps for the next window what came while none was open', async () => {
      const path = await reader.path();
      await reader.leave();
      for (const text of numbered('away', 3)) world.bob.message(alice(), text);
      await reader.go(path);
      await reader.see_message('away 3.');
      assert.deepEqual(await texts('away'), numbered('away', 3));
    });

    it('comes back when the way to its browser is cut: by itself after a good-bye, by its link after none', async () => {
      const door = await Wire.to(world.gateway.listeners[0].port);
      const outside = await open(browser, `http://127.0.0.1:${door.port}`);
      await outside.log_in('alice', world.server.password('alice'));
      await outside.open_chat('bob');
      world.bob.message(alice(), 'all is well');
      await outside.see_message('all is well');
      door.hang_up();
      world.bob.message(alice(), 'after the good-bye');
      await outside.see_message('after the good-bye');
      door.cut();
      world.bob.message(alice(), 'while the way is cut');
      await world.bob.roster(); // answered after it
      door.mend();
      // Firefox has its own page in the frame by then.
      if (browser_name === 'Chromium') assert.ok(await outside.visible('stream', '.b', 'after the good-bye'), 'what was there stays');
      await outside.click('page', '.re a');
      await outside.see_message('while the way is cut');
      await outside.write('on the same way');
      await world.bob.event('message', (event) => event.body === 'on the same way');
      await outside.go('/settings');
      await outside.click('page', 'button', 'Log out');
      await outside.see('page', '[role=alert]', 'You are logged out.');
      await outside.close();
      door.stop();
    });

    it('gives back what nobody has seen when it is stopped: to the server, and what is too much for one to those who wrote it', async () => {
      await reader.leave();
      const unseen = numbered('unseen', 450);
      for (const text of unseen) world.bob.message(alice(), text, { id: text });
      await world.bob.roster(); // answered after them: the server has passed them on
      const other = await open(browser, world.origin);
      await other.log_in('carol', world.server.password('carol'));
      await other.see('stream', '.nothing');
      await world.gateway.stop();
      world.gateway = undefined;
      const device = await Buddy.connect(world.server, 'alice', { resource: 'device' });
      device.presence();
      const of = (buddy, what) =>
        buddy.events.peek((event) => event.event === 'message').map((event) => event[what]).filter((text) => text?.startsWith('unseen'));
      const kept = () => of(device, 'body');
      const back = () => of(world.bob, 'id');
      await until(() => kept().length + back().length >= unseen.length, wait, () => `all of them, ${kept().length} and ${back().length}`);
      assert.deepEqual([...back(), ...kept()], unseen);
      await device.quit();
      await comes_back_to_what_was_stopped(other);
    });

    // Until somebody listens again the page stays and says what has happened; then it is had anew.
    async function comes_back_to_what_was_stopped(other) {
      await other.see('stream', '.stop', 'The chat is being restarted.');
      assert.ok(await other.visible('stream', '.nothing'));
      const next = createServer((request, response) => response.writeHead(200, { 'Content-Type': 'text/html; charset=utf-8' }).end('<p id="next">here again'));
      await new Promise((resolve) => next.listen(new URL(world.origin).port, '127.0.0.1', resolve));
      await other.see('stream', '#next', 'here again');
      await other.close();
      next.closeAllConnections();
      await new Promise((resolve) => next.close(resolve));
    }
  });
}

leave_nothing_behind();
