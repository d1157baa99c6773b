// The chat without scripts behind proxies: what is endless must flow, whatever they buffer by default. PROTOCOL Z-002.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { Apache } from './lib/apache.mjs';
import { Caddy } from './lib/caddy.mjs';
import { Chromium } from './lib/chromium.mjs';
import { stop_all } from './lib/cleanup.mjs';
import { Haproxy } from './lib/haproxy.mjs';
import { leave_nothing_behind } from './lib/leave_nothing_behind.mjs';
import { Nginx } from './lib/nginx.mjs';
import { servers } from './lib/servers.mjs';
import { until } from './lib/wait.mjs';
import { Reader, wait } from './lib/web_reader.mjs';
import { start_world, stop_world } from './lib/web_world.mjs';

const name = 'webchat.example.org';
// What is between: how it is started, and the origin that browsers see.
const proxies = {
  'nginx as built in, plain HTTP': async (port) => Nginx.plain(port),
  'nginx as conf/ says, HTTP/2': async (port, tls) => {
    const proxy = await Nginx.recommended(port, tls);
    return Object.assign(proxy, { origin: `https://${name}:${proxy.port}` });
  },
  'HAProxy as Debian has it, plain HTTP': async (port) => Haproxy.stock(port),
  'HAProxy as conf/ says, HTTP/2': async (port, tls) => {
    const proxy = await Haproxy.recommended(port, tls);
    return Object.assign(proxy, { origin: `https://${name}:${proxy.port}` });
  },
  'Apache as conf/ says': async (port, tls) => {
    const proxy = await Apache.recommended(port, tls);
    return Object.assign(proxy, { origin: `https://${name}:${proxy.port}` });
  },
  'Caddy with nothing but reverse_proxy, plain HTTP': async (port) => {
    const proxy = await Caddy.stock(port);
    return Object.assign(proxy, { origin: `http://127.0.0.1:${proxy.port}` });
  },
  'Caddy as conf/ says, HTTP/2': async (port, _, authority) => {
    const proxy = await Caddy.recommended(port, await authority.good(name)); // it shows a certificate of this name or none
    return Object.assign(proxy, { origin: `https://${name}:${proxy.port}` });
  },
};

const world = {};
let browser;

describe('the chat without scripts behind', () => {
  before(async () => {
    browser = await Chromium.launch({ args: [`--host-resolver-rules=MAP ${name} 127.0.0.1`] });
    await start_world(world, servers[0], { gateway: { server: { trusted_proxies: ['127.0.0.1'] } } });
  });
  after(() => stop_all({ stop: () => stop_world(world) }, browser));

  for (const [what, start] of Object.entries(proxies)) {
    it(what, async () => {
      const proxy = await start(world.gateway.port, world.server.tls, world.authority);
      const reader = await Reader.open(browser, proxy.origin, { ignoreHTTPSErrors: true });
      await reader.log_in('alice', world.server.password('alice'));
      await reader.open_chat('bob');
      const [cookie] = await reader.context.cookies();
      assert.equal(cookie.name, proxy.origin.startsWith('https') ? '__Host-postern' : 'postern');
      for (const text of ['one', 'two']) {
        world.bob.message(world.server.jid('alice'), `${text} through ${what}`);
        await reader.see_message(`${text} through ${what}`);
      }
      await reader.write(`back through ${what}`);
      await world.bob.event('message', (event) => event.body === `back through ${what}`);
      await reader.see_message(`back through ${what}`);
      // The end of a stream reaches the browser as one, so that it loads the next. Who wrote in an earlier turn and was not read has a
      // row from the login on, and nothing is renewed for that.
      const is_new = await reader.in('stream').locator('.rows li', { hasText: 'carol' }).count() === 0;
      const renewed = is_new && reader.page.waitForRequest((request) => request.url().includes('/stream/'));
      world.carol.message(world.server.jid('alice'), `a new row through ${what}`);
      await renewed;
      await reader.see('stream', '.rows li', 'carol');
      const sessions = () => world.gateway.log.match(/session \S+ of \S+ for postern\.test ended/g)?.length ?? 0;
      const before_end = sessions();
      await reader.click('stream', '.own button');
      await reader.see('page', '[role=alert]', 'You are logged out.');
      await until(() => sessions() > before_end, wait, 'the session ends');
      await reader.close();
      await proxy.stop();
    });
  }
});

leave_nothing_behind();
