// converse.js as operators get it from npm, dropped into a directory that postern serves ([[static]]), in headless Chromium over
// HTTPS. It is told nothing but an address: the way in, BOSH or WebSocket, it finds by host-meta (D-006), as a stranger's client
// would. Then once more without a password, by sessions that the site has begun (E-51, Q-61).
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

// How converse.js says it, and what an operator has in the domain's block.
const doors = {
  BOSH: { path: '200 /http-bind', setting: 'bosh_service_url', url: 'https://postern.test/http-bind', urls: {} },
  WebSocket: { path: '101 /xmpp-websocket', setting: 'websocket_url', url: 'wss://postern.test/xmpp-websocket',
    urls: { websocket_url: 'wss://postern.test/xmpp-websocket' } },
};

const common = { auto_login: true, whitelisted_plugins: ['witness'], allow_non_roster_messaging: true, view_mode: 'fullscreen',
  loglevel: 'error', assets_path: '/converse/', persistent_store: 'sessionStorage', show_controlbox_by_default: true, i18n: 'en',
  auto_reconnect: false, message_archiving: 'never', omemo_default: false,
  allow_bookmarks: false }; // or the next page enters the rooms of the last one by itself

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
      world.settings = ({ urls }) => ({
        prebind,
        listen: [{ address: `127.0.0.1:${port}`, certificate: tls.certificate, key: tls.key }, behind],
        cors: { origins: [] },
        websocket: { origins: ['https://postern.test'] },
        statics: [{ path: '/', root }, { path: '/converse', root: converse }],
        domains: [{ name: 'postern.test', server: `127.0.0.1:${world.server.c2s_port}`, ca_file: tls.trust,
          bosh_url: 'https://postern.test/http-bind', ...urls }],
      });
      world.postern = await start_postern(world.settings(doors.BOSH));
      // The browser takes the domain for a public one: its port 443 is postern's.
      world.browser = await Chromium.launch({ args: [`--host-resolver-rules=MAP postern.test:443 127.0.0.1:${port}`] });
      world.buddy = await Buddy.connect(world.server, 'bob');
      world.buddy.presence({ status: 'here' });
    });
    after(() => stop_all(world.buddy, world.browser, world.postern, world.server));

    async function open_page() {
      const tab = await world.browser.open({ origin: 'https://postern.test/', url: 'https://postern.test/http-bind',
        ignore_certificates: true });
      tab.page.setDefaultTimeout(30_000 * patience);
      const paths = [];
      tab.page.on('response', (response) => paths.push(`${response.status()} ${new URL(response.url()).pathname}`));
      tab.page.on('websocket', (socket) => paths.push(`101 ${new URL(socket.url()).pathname}`));
      return { tab, page: tab.page, paths };
    }
    const start = (page, settings) => page.evaluate((all) => void window.converse.initialize(all), { ...common, ...settings });

    for (const [name, door] of Object.entries(doors)) {
      describe(`over ${name}`, () => {
        const shown = {};
        before(async () => {
          const since = world.postern.child.lines.length;
          await world.postern.reload({ ...world.settings(door), server: { log_level: 'debug' } });
          await world.postern.child.line(/configuration loaded anew/, 10_000, since);
          Object.assign(shown, await open_page());
          await start(shown.page, { authentication: 'login', discover_connection_methods: true, jid: world.server.jid('alice'),
            password: world.server.password('alice') });
        });
        after(() => shown.tab.close());
        it_chats(world, shown, door, name);
      });
    }

    // Without a password: the page is handed a session by its site.
    async function is_handed_over({ url, jid, fields, settings }) {
      const { tab, page } = await open_page();
      let asked = 0;
      await page.route(`**${url}`, async (route) => {
        asked++;
        const { status, body } = await world.site.begin(world.postern.listeners[1].port,
          { how: 'password', user: jid, secret: world.server.password('alice'), ...fields });
        await route.fulfill({ status, json: body });
      });
      await start(page, settings);
      const there = () => world.buddy.event('presence', (event) => event.from === jid && !event.type, 30_000);
      await there();
      await page.evaluate(() => void window.witness.api.chats.open('bob@postern.test'));
      world.buddy.message(jid, `no password needed ${url}`);
      await page.getByText(`no password needed ${url}`).first().waitFor();
      return { tab, page, there, asked: () => asked };
    }

    it('is handed a session over BOSH by the site (prebind_url)', async () => {
      const { tab } = await is_handed_over({ url: '/chat-session', jid: 'alice@postern.test/site', fields: {},
        settings: { authentication: 'prebind', prebind_url: '/chat-session', bosh_service_url: doors.BOSH.url } });
      await tab.close();
    });

    it('is handed a ticket for WebSocket by the site (credentials_url), and another to come back', async () => {
      const { tab, page, there, asked } = await is_handed_over({ url: '/chat-ticket', jid: 'alice@postern.test/ticket',
        fields: { for: 'websocket' }, settings: { authentication: 'login', auto_reconnect: true, credentials_url: '/chat-ticket',
          discover_connection_methods: false, websocket_url: `${doors.WebSocket.url}/ticket` } });
      await page.evaluate(() => void window.witness.api.connection.get()._proto.socket.close());
      await there();
      assert.equal(asked(), 2);
      await tab.close();
    });
  });
}

function it_chats(world, shown, door, name) {
  const say = async (to, text) => {
    const area = shown.page.locator(`[jid="${to}"] textarea.chat-textarea`).last();
    await area.fill(text);
    await area.press('Enter');
  };

  it('finds the way in by host-meta and logs in', async () => {
    await world.buddy.event('presence', (event) => event.from?.startsWith('alice@postern.test/') && !event.type, 30_000);
    // The browser may tell of them behind what bob sees of it.
    for (const path of ['200 /.well-known/host-meta', door.path]) await until(() => shown.paths.includes(path), 10_000, path);
    assert.equal(await shown.page.evaluate((setting) => window.witness.api.settings.get(setting), door.setting), door.url);
  });

  it('shows the roster', async () => {
    await shown.page.locator('converse-roster').getByText('bob').first().waitFor();
  });

  it('messages go both ways', async () => {
    await shown.page.evaluate(() => void window.witness.api.chats.open('bob@postern.test'));
    await say('bob@postern.test', 'from a page & <more>');
    const { from } = await world.buddy.event('message', (event) => event.body === 'from a page & <more>', 20_000);
    world.buddy.message(from, 'from bob & <more> 😀');
    await shown.page.getByText('from bob & <more> 😀').first().waitFor();
  });

  it('a room is joined, spoken in and heard', async () => {
    const room = `${name.toLowerCase()}@${world.server.muc}`;
    await shown.page.evaluate((jid) => void window.witness.api.rooms.open(jid, { nick: 'alice' }, true), room);
    await until(() => shown.page.evaluate(async (jid) => {
      const muc = await window.witness.api.rooms.get(jid);
      return muc?.session.get('connection_status') === 5; // ENTERED
    }, room), 30_000, 'converse.js is in the room');
    // The first in a room makes it, and has to accept its settings before anybody else gets in.
    await shown.page.evaluate(async (jid) => {
      await (await window.witness.api.rooms.get(jid)).sendConfiguration([]);
    }, room);
    await world.buddy.join(room, 'bob');
    world.buddy.message(room, 'tea is ready', { type: 'groupchat' });
    await shown.page.getByText('tea is ready').first().waitFor();
    await say(room, 'two sugars');
    await world.buddy.event('message', (event) => event.from === `${room}/alice` && event.body === 'two sugars', 20_000);
  });

  it('nothing was refused by the policy, nothing of it was missing', async () => {
    assert.deepEqual(shown.tab.events.peek((event) => event.event === 'console' && /Content Security Policy/.test(event.text)), []);
    assert.deepEqual(shown.paths.filter((line) => line.startsWith('404') && line.includes('/converse/')), []);
  });
}

leave_nothing_behind();
