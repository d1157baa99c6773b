// The chat without scripts in Chromium with JavaScript switched off, against real servers, with buddies on an independent client.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { Chromium } from './lib/chromium.mjs';
import { stop_all } from './lib/cleanup.mjs';
import { leave_nothing_behind } from './lib/leave_nothing_behind.mjs';
import { servers } from './lib/servers.mjs';
import { Reader } from './lib/web_reader.mjs';
import { web_scenarios } from './lib/web_scenarios.mjs';
import { start_world, stop_world } from './lib/web_world.mjs';

let browser;
before(async () => {
  browser = await Chromium.launch();
});
after(() => stop_all(browser));

for (const kind of servers) {
  describe(`the chat without scripts with ${kind.server_name}`, () => {
    const world = {};
    before(() => start_world(world, kind));
    after(() => stop_world(world));
    web_scenarios({ world, open: () => Reader.open(browser, world.origin) });

    it('shows the same in two windows, and loses nothing between two looks', async () => {
      const reader = await Reader.open(browser, world.origin);
      await reader.log_in('alice', world.server.password('alice'));
      await reader.open_chat('bob');
      const second = await reader.context.newPage();
      await second.goto(reader.page.url(), { waitUntil: 'commit' });
      world.bob.message(world.server.jid('alice'), 'to both');
      await reader.bubble('to both').waitFor();
      await second.frameLocator('iframe[name=stream]').locator('.b', { hasText: 'to both' }).waitFor();
      await second.close();
      const { page } = reader;
      const here = page.url();
      await page.goto('about:blank');
      world.bob.message(world.server.jid('alice'), 'while away');
      await page.goto(here, { waitUntil: 'commit' });
      await reader.bubble('while away').waitFor();
      await reader.close();
    });

    it('is used by the keyboard alone', async () => {
      const reader = await Reader.open(browser, world.origin);
      // A person presses Tab until the mark of the focus is where it should be.
      const tab_to = async (where, selector, text) => {
        const there = () => reader.in(where).locator(selector, text ? { hasText: text } : {}).and(reader.in(where).locator(':focus-visible')).count();
        for (let i = 0; (await there()) === 0; i++) {
          assert.ok(i < 40, `${selector} ${text ?? ''} is reached`);
          await reader.press('Tab');
        }
      };
      await reader.go('/');
      await tab_to('page', '#user');
      await reader.type('alice');
      await tab_to('page', '#password');
      await reader.type(world.server.password('alice'));
      await reader.press('Enter');
      await reader.see('stream', '.rows li', 'bob');
      await tab_to('stream', '.rows a', 'bob');
      await reader.press('Enter');
      await reader.see('stream', 'header h1', 'bob');
      await tab_to('compose', '#t');
      await reader.type('no mouse here');
      await reader.press('Enter');
      await world.bob.event('message', (event) => event.body === 'no mouse here');
      await reader.see_message('no mouse here');
      await tab_to('stream', '.own button');
      await reader.press('Enter');
      await reader.see('page', '[role=alert]', 'You are logged out.');
      await reader.close();
    });

    it('ends its pages whole when it is stopped, and sends nobody to a closed port at once', async () => {
      const reader = await Reader.open(browser, world.origin);
      await reader.log_in('carol', world.server.password('carol'));
      await reader.stream.getByRole('button', { name: 'Log out' }).waitFor();
      const cookie = await reader.cookie_field();
      const stream = await fetch(`${world.origin}/stream/`, { headers: { cookie } });
      const page = stream.text();
      await world.gateway.stop();
      world.gateway = undefined;
      const text = await page;
      assert.match(text, /<\/html>\s*$/);
      assert.doesNotMatch(text, /http-equiv="refresh"/);
      await reader.close();
    });
  });
}

leave_nothing_behind();
