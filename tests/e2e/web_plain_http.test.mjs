// The chat without scripts as an onion service has it: plain HTTP under a name that is not localhost, behind an nginx that
// buffers as it does by default, with a cookie and without one.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { Authority } from './lib/certs.mjs';
import { Buddy } from './lib/buddy.mjs';
import { Chromium } from './lib/chromium.mjs';
import { stop_all } from './lib/cleanup.mjs';
import { leave_nothing_behind } from './lib/leave_nothing_behind.mjs';
import { Nginx } from './lib/nginx.mjs';
import { start_postern } from './lib/postern.mjs';
import { Prosody } from './lib/prosody.mjs';
import { until } from './lib/wait.mjs';

const wait = 15_000;
const world = {};

before(async () => {
  const authority = await Authority.create();
  world.server = await Prosody.start({ tls: await authority.good('postern.test', 'rooms.postern.test') });
  world.gateway = await start_postern({
    domains: [{ name: 'postern.test', server: `127.0.0.1:${world.server.c2s_port}`, ca_file: world.server.tls.trust }],
    webchat: { enabled: true },
  });
  world.nginx = await Nginx.whole_site(world.gateway.port);
  world.origin = `http://chat.test:${world.nginx.port}`;
  world.browser = await Chromium.launch({ args: ['--host-resolver-rules=MAP chat.test 127.0.0.1'] });
  world.bob = await Buddy.connect(world.server, 'bob');
  world.bob.presence();
});
after(() => stop_all(world.browser, world.bob && { stop: () => world.bob.quit() }, world.nginx, world.gateway, world.server));

async function log_in(cookie) {
  const context = await world.browser.browser.newContext({ javaScriptEnabled: false });
  const page = await context.newPage();
  page.setDefaultTimeout(wait);
  await page.goto(`${world.origin}/`, { waitUntil: 'commit' });
  await page.fill('#user', 'alice');
  await page.fill('#password', world.server.password('alice'));
  await page.selectOption('#cookie', cookie);
  await page.click('button[value=password]');
  const stream = page.frameLocator('iframe[name=stream]');
  await stream.locator('.rows li', { hasText: 'bob' }).locator('a').click();
  await page.waitForURL(/\/app\/c\d+$/, { waitUntil: 'commit' });
  return { context, page, stream, compose: page.frameLocator('iframe[name=compose]') };
}

async function talk({ stream, compose }, text) {
  await compose.locator('#t').fill(text);
  await compose.locator('#t').press('Enter');
  await world.bob.event('message', (event) => event.body === text);
  world.bob.message(world.server.jid('alice'), `${text} answered`);
  await stream.locator('.b', { hasText: `${text} answered` }).waitFor();
  await until(async () => (await compose.locator('#t').inputValue()) === '', wait, 'an empty form');
}

describe('plain HTTP behind nginx', () => {
  it('is live with a cookie', async () => {
    const reader = await log_in('yes');
    await talk(reader, 'with a cookie');
    assert.equal((await reader.context.cookies()).length, 1);
    await reader.context.close();
  });

  it('is live without a cookie, and tells the address to nobody', async () => {
    const reader = await log_in('none');
    await talk(reader, 'without a cookie');
    assert.equal((await reader.context.cookies()).length, 0);
    const { pathname } = new URL(reader.page.url());
    const base = /^\/s\/[\w-]{23}(?=\/app\/c\d+$)/.exec(pathname)[0];
    const sid = base.slice(3);
    // Every page lies below it; the asset that all share does not tell it.
    for (const page of ['settings', 'contact/add', 'room/join']) {
      const answer = await fetch(`http://127.0.0.1:${world.nginx.port}${base}/${page}`);
      assert.equal(answer.status, 200);
      assert.equal(answer.headers.get('referrer-policy'), 'no-referrer');
      for (const [, path] of (await answer.text()).matchAll(/(?:href|action|src)="(\/[^"]*)"/g)) assert.ok(path.startsWith(`${base}/`) || path.startsWith('/assets/'), path);
    }
    // The lines of the proxy: the path is there, for it is what was asked for; no referrer is.
    const lines = world.nginx.access_log.split('\n').filter((line) => line.includes(sid));
    assert.ok(lines.length > 5);
    for (const line of lines) assert.doesNotMatch(line, new RegExp(`"[^"]*${sid}[^"]*" "`), line);
    assert.doesNotMatch(world.gateway.log, new RegExp(sid));
    // As a cookie it is worth nothing, and a form needs its token still.
    const expired = await fetch(`${world.gateway.url.replace('/http-bind', '')}/settings`, { headers: { cookie: `postern=${sid}` } });
    assert.match(await expired.text(), /You are not logged in any more/);
    const post = (headers) => fetch(`http://127.0.0.1:${world.nginx.port}${base}/settings`, { method: 'POST', redirect: 'manual',
      body: new URLSearchParams({ token: 'x', show: '2', zone: '0', seconds: '0' }), headers });
    assert.equal((await post({ origin: 'null' })).status, 403);
    assert.equal((await post({ origin: 'null', 'sec-fetch-site': 'cross-site' })).status, 403);
    assert.equal((await post({ origin: 'http://evil.test' })).status, 403);
    await reader.stream.getByRole('button', { name: 'Log out' }).click();
    await reader.page.getByText('You are logged out.').waitFor();
    assert.equal(new URL(reader.page.url()).pathname, '/login');
    const gone = await fetch(`http://127.0.0.1:${world.nginx.port}${base}/settings`);
    assert.match(await gone.text(), /Password|not logged in/);
    await reader.context.close();
  });
});

leave_nothing_behind();
