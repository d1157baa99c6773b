// converse.js as operators get it from npm, dropped into a directory that postern serves ([[static]]), in headless Chromium over
// HTTPS. It is told nothing but an address: the way in it finds by host-meta (D-006), as a stranger's client would. Then once
// more without a password, by a session that the site has begun.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { BackEnd } from './lib/back_end.mjs';
import { Buddy } from './lib/buddy.mjs';
import { Authority } from './lib/certs.mjs';
import { Chromium } from './lib/chromium.mjs';
import { stop_all, temp_dir } from './lib/cleanup.mjs';
import { leave_nothing_behind } from './lib/leave_nothing_behind.mjs';
import { free_port } from './lib/ports.mjs';
import { start_postern } from './lib/postern.mjs';
import { servers } from './lib/servers.mjs';
import { patience, until } from './lib/wait.mjs';

const converse = dirname(createRequire(import.meta.url).resolve('converse.js/dist/converse.min.js'));

const page = `<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>chat</title>
<link rel="stylesheet" href="/converse/converse.min.css">
</head>
<body class="converse-fullscreen"><div id="conversejs"></div>
<script type="module">
  import '/converse/converse.min.js';
  // What an operator's page does, but for the plugin, which lets the test see what converse.js knows.
  converse.plugins.add('witness', { initialize() { window.witness = this._converse; } });
  window.loaded = true;
</script></body></html>`;

for (const kind of servers) {
  describe(`converse.js, ${kind.server_name}`, () => {
    const world = {};
    before(async () => {
      const authority = await Authority.create();
      const tls = await authority.good('postern.test', 'rooms.postern.test');
      const root = temp_dir('site');
      writeFileSync(join(root, 'index.html'), page);
      const port = await free_port();
      world.server = await kind.start({ tls });
      world.site = new BackEnd();
      const { listen: [, behind], prebind } = world.site.settings();
      world.postern = await start_postern({
        prebind,
        listen: [{ address: `127.0.0.1:${port}`, certificate: tls.certificate, key: tls.key }, behind],
        cors: { origins: [] },
        statics: [{ path: '/', root }, { path: '/converse', root: converse }],
        domains: [{ name: 'postern.test', server: `127.0.0.1:${world.server.c2s_port}`, ca_file: tls.trust,
          bosh_url: 'https://postern.test/http-bind' }],
      });
      // The browser takes the domain for a public one: its port 443 is postern's.
      world.browser = await Chromium.launch({ args: [`--host-resolver-rules=MAP postern.test:443 127.0.0.1:${port}`] });
      world.buddy = await Buddy.connect(world.server, 'bob');
      world.buddy.presence({ status: 'here' });
      const tab = await world.browser.open({ origin: 'https://postern.test/', url: 'https://postern.test/http-bind',
        ignore_certificates: true });
      Object.assign(world, { tab, page: tab.page });
      tab.page.setDefaultTimeout(30_000 * patience);
      world.paths = [];
      tab.page.on('response', (response) => world.paths.push(`${response.status()} ${new URL(response.url()).pathname}`));
      await tab.page.evaluate(([jid, password]) => void window.converse.initialize({
        authentication: 'login', auto_login: true, jid, password, discover_connection_methods: true,
        whitelisted_plugins: ['witness'], allow_non_roster_messaging: true, view_mode: 'fullscreen', loglevel: 'error',
        assets_path: '/converse/', persistent_store: 'sessionStorage', show_controlbox_by_default: true, i18n: 'en',
        auto_reconnect: false, message_archiving: 'never', omemo_default: false,
      }), [world.server.jid('alice'), world.server.password('alice')]);
    });
    after(() => stop_all(world.buddy, world.browser, world.postern, world.server));

    const say = async (text) => {
      const area = world.page.locator('textarea.chat-textarea').last();
      await area.fill(text);
      await area.press('Enter');
    };

    it('finds the way in by host-meta and logs in', async () => {
      await world.buddy.event('presence', (event) => event.from?.startsWith('alice@postern.test/') && !event.type, 30_000);
      assert.ok(world.paths.includes('200 /.well-known/host-meta'), world.paths.join('\n'));
      assert.ok(world.paths.includes('200 /http-bind'));
      const url = await world.page.evaluate(() => window.witness.api.settings.get('bosh_service_url'));
      assert.equal(url, 'https://postern.test/http-bind');
    });

    it('shows the roster', async () => {
      await world.page.locator('converse-roster').getByText('bob').first().waitFor();
    });

    it('messages go both ways', async () => {
      await world.page.evaluate(() => void window.witness.api.chats.open('bob@postern.test'));
      await say('from a page & <more>');
      const { from } = await world.buddy.event('message', (event) => event.body === 'from a page & <more>', 20_000);
      world.buddy.message(from, 'from bob & <more> 😀');
      await world.page.getByText('from bob & <more> 😀').first().waitFor();
    });

    it('a room is joined, spoken in and heard', async () => {
      const room = `tea@${world.server.muc}`;
      await world.page.evaluate((jid) => void window.witness.api.rooms.open(jid, { nick: 'alice' }, true), room);
      await until(() => world.page.evaluate(async (jid) => {
        const muc = await window.witness.api.rooms.get(jid);
        return muc?.session.get('connection_status') === 5; // ENTERED
      }, room), 30_000, 'converse.js is in the room');
      // The first in a room makes it, and has to accept its settings before anybody else gets in.
      await world.page.evaluate(async (jid) => {
        await (await window.witness.api.rooms.get(jid)).sendConfiguration([]);
      }, room);
      await world.buddy.join(room, 'bob');
      world.buddy.message(room, 'tea is ready', { type: 'groupchat' });
      await world.page.getByText('tea is ready').first().waitFor();
      await say('two sugars');
      await world.buddy.event('message', (event) => event.from === `${room}/alice` && event.body === 'two sugars', 20_000);
    });

    it('is handed a session by the site (prebind_url)', async () => {
      const tab = await world.browser.open({ origin: 'https://postern.test/', url: 'https://postern.test/http-bind', ignore_certificates: true });
      await tab.page.route('**/chat-session', async (route) => {
        const { status, body } = await world.site.begin(world.postern.listeners[1].port,
          { how: 'password', user: 'alice@postern.test/site', secret: world.server.password('alice') });
        await route.fulfill({ status, json: body });
      });
      await tab.page.evaluate(() => void window.converse.initialize({
        authentication: 'prebind', auto_login: true, prebind_url: '/chat-session', bosh_service_url: 'https://postern.test/http-bind',
        whitelisted_plugins: ['witness'], view_mode: 'fullscreen', loglevel: 'error', assets_path: '/converse/',
        persistent_store: 'sessionStorage', show_controlbox_by_default: true, i18n: 'en', auto_reconnect: false,
        message_archiving: 'never', omemo_default: false,
      }));
      const jid = 'alice@postern.test/site';
      await world.buddy.event('presence', (event) => event.from === jid && !event.type, 30_000);
      await tab.page.evaluate(() => void window.witness.api.chats.open('bob@postern.test'));
      world.buddy.message(jid, 'no password needed');
      await tab.page.getByText('no password needed').first().waitFor();
      await tab.close();
    });

    it('nothing was refused by the policy, nothing of it was missing', async () => {
      assert.deepEqual(world.tab.events.peek((event) => event.event === 'console' && /Content Security Policy/.test(event.text)), []);
      assert.deepEqual(world.paths.filter((line) => line.startsWith('404') && line.includes('/converse/')), []);
    });
  });
}

leave_nothing_behind();
