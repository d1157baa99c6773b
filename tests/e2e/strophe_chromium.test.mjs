// Strophe.js in headless Chromium over BOSH and WebSocket to real servers. The page comes from another origin than the gateway, so every
// request passes CORS, the first one with a preflight; once page and gateway share an origin, behind nginx.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { Authority } from './lib/certs.mjs';
import { chat_scenarios } from './lib/chat_scenarios.mjs';
import { stop_all } from './lib/cleanup.mjs';
import { Chromium } from './lib/chromium.mjs';
import { leave_nothing_behind } from './lib/leave_nothing_behind.mjs';
import { Nginx } from './lib/nginx.mjs';
import { servers } from './lib/servers.mjs';
import { start_static_server } from './lib/static_server.mjs';
import { start_gateway } from './lib/target.mjs';

let browser;
let site;

describe('Chromium', { concurrency: true }, () => {
  before(async () => {
    [browser, site] = await Promise.all([Chromium.launch(), start_static_server()]);
  });
  after(() => stop_all(browser, site));

  for (const kind of servers) {
    const clients = ['BOSH', 'WebSocket'].map((binding) => ({ client_name: 'Strophe.js in Chromium, cross-origin,', binding,
      open: (url) => browser.open({ origin: site.origin, url }), features: { exact_text: true, relogins: 3 } }));
    chat_scenarios({ kind, clients });
  }

  describe('one origin for page and gateway', { concurrency: 1 }, () => {
    const world = {};
    before(async () => {
      const authority = await Authority.create();
      world.server = await servers[0].start({ tls: await authority.good('postern.test', 'rooms.postern.test') });
      world.gateway = await start_gateway(world.server);
      world.nginx = await Nginx.stock(world.gateway.port);
    });
    after(() => stop_all(world.nginx, world.gateway, world.server));

    it('logs in without a preflight', async () => {
      const tab = await browser.open({ origin: world.nginx.origin, url: world.nginx.url });
      await tab.connect(world.server.jid('alice'), world.server.password('alice'));
      await tab.status('connected');
      await tab.call('roster');
      assert.equal((await tab.event('roster')).items.length, 1);
      assert.ok(tab.answers.length > 0);
      assert.ok(tab.answers.every(({ method, status }) => method === 'POST' && status === 200), JSON.stringify(tab.answers));
      assert.doesNotMatch(world.nginx.access_log, /OPTIONS/);
      await tab.close();
    });

    it('two tabs of one browser are two sessions', async () => {
      const tabs = [];
      for (const user of ['alice', 'bob']) {
        const tab = await browser.open({ origin: world.nginx.origin, url: world.nginx.url });
        await tab.connect(world.server.jid(user), world.server.password(user));
        tab.jid = (await tab.status('connected')).jid;
        await tab.call('presence', {});
        tabs.push(tab);
      }
      const [alice, bob] = tabs;
      await alice.event('presence', (event) => event.from === bob.jid);
      await alice.call('message', bob.jid, 'from tab to tab');
      await bob.event('message', (event) => event.body === 'from tab to tab' && event.from === alice.jid);
      await Promise.all(tabs.map((tab) => tab.close()));
    });
  });
});

leave_nothing_behind();
