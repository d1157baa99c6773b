// The chat without scripts in Chromium with JavaScript switched off, against real servers, with a buddy on an independent client;
// and by hand where a browser would not do what an attacker does.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { after, before, describe, it } from 'node:test';
import { promisify } from 'node:util';
import { Authority } from './lib/certs.mjs';
import { Buddy } from './lib/buddy.mjs';
import { Chromium } from './lib/chromium.mjs';
import { stop_all } from './lib/cleanup.mjs';
import { leave_nothing_behind } from './lib/leave_nothing_behind.mjs';
import { start_postern } from './lib/postern.mjs';
import { servers } from './lib/servers.mjs';
import { until } from './lib/wait.mjs';

const run = promisify(execFile);
const wait = 15_000;

let browser;
before(async () => {
  browser = await Chromium.launch();
});
after(() => stop_all(browser));

class Reader {
  static async open(origin, options = {}) {
    const self = new Reader();
    self.origin = origin;
    self.context = await browser.browser.newContext({ javaScriptEnabled: false, viewport: { width: 1000, height: 640 }, ...options });
    self.page = await self.context.newPage();
    self.page.setDefaultTimeout(wait);
    return self;
  }

  go(path) {
    return this.page.goto(this.origin + path, { waitUntil: 'commit' });
  }

  async log_in(user, password) {
    await this.go('/');
    await this.page.fill('#user', user);
    await this.page.fill('#password', password);
    await this.page.click('button[value=password]');
  }

  get stream() {
    return this.page.frameLocator('iframe[name=stream]');
  }

  get compose() {
    return this.page.frameLocator('iframe[name=compose]');
  }

  row(name) {
    return this.stream.locator('.rows li', { hasText: name });
  }

  async open_chat(name) {
    await this.row(name).locator('a').click();
    await this.page.waitForURL(/\/app\/c\d+$/, { waitUntil: 'commit' });
    await this.compose.locator('#t').waitFor();
  }

  bubble(text) {
    return this.stream.locator('.b', { hasText: text });
  }

  async write(text) {
    await this.compose.locator('#t').fill(text);
    await this.compose.locator('#t').press('Enter');
  }

  // What a rule shows, since it is in no DOM.
  shown(selector, property = 'content', pseudo = '::after') {
    return this.stream.locator(selector).evaluate((node, [p, name]) => getComputedStyle(node, p)[name], [pseudo, property]);
  }

  close() {
    return this.context.close();
  }
}

for (const kind of servers) {
  describe(`the chat without scripts with ${kind.server_name}`, () => {
    const world = {};
    before(async () => {
      const authority = await Authority.create();
      world.server = await kind.start({ tls: await authority.good('postern.test', 'rooms.postern.test') });
      world.gateway = await start_postern({
        domains: [{ name: 'postern.test', server: `127.0.0.1:${world.server.c2s_port}`, tls: 'starttls', ca_file: world.server.tls.trust }],
        webchat: { enabled: true, logins_per_minute_per_account: 6 },
      });
      world.origin = world.gateway.url.replace('/http-bind', '');
      world.bob = await Buddy.connect(world.server, 'bob');
      world.bob.presence({ show: 'away' });
    });
    after(() => stop_all(world.bob && { stop: () => world.bob.quit() }, world.gateway, world.server));
    const password = (user) => world.server.password(user);

    it('says in words why a login failed', async () => {
      const reader = await Reader.open(world.origin);
      await reader.log_in('carol', 'wrong');
      await reader.page.getByRole('alert').filter({ hasText: 'Address or password is wrong.' }).waitFor();
      await reader.log_in('carol@elsewhere.test', 'x');
      await reader.page.getByRole('alert').filter({ hasText: 'elsewhere.test is not served here' }).waitFor();
      await reader.log_in('@@', 'x');
      await reader.page.getByRole('alert').filter({ hasText: 'This is no address.' }).waitFor();
      await reader.close();
    });

    it('shows buddies, their presence and messages as they come, and sends', async () => {
      const reader = await Reader.open(world.origin);
      await reader.log_in('alice', password('alice'));
      await reader.row('bob').waitFor();
      await until(async () => (await reader.shown('.rows li .p')) === '"away"', wait, 'bob is away');
      world.bob.presence({ show: 'dnd' });
      await until(async () => (await reader.shown('.rows li .p')) === '"do not disturb"', wait, 'bob is busy');

      world.bob.message(world.server.jid('alice'), 'are you <there>?');
      await until(async () => (await reader.shown('.rows li .n')) === '"1"', wait, 'one unread message');
      await reader.open_chat('bob');
      await reader.bubble('are you <there>?').waitFor();

      await reader.write('yes & no');
      await world.bob.event('message', (event) => event.body === 'yes & no');
      await reader.bubble('yes & no').waitFor();
      // The form is empty and has the caret: the next message needs no click.
      await until(async () => (await reader.compose.locator('#t').inputValue()) === '', wait, 'an empty form');
      await reader.page.keyboard.type('second');
      await reader.page.keyboard.press('Enter');
      await world.bob.event('message', (event) => event.body === 'second');

      world.bob.message(world.server.jid('alice'), 'live');
      await reader.bubble('live').waitFor();
      assert.equal(await reader.page.locator('script').count(), 0);
      await reader.close();
    });

    it('shows the same in two windows, and loses nothing between two looks', async () => {
      const reader = await Reader.open(world.origin);
      await reader.log_in('alice', password('alice'));
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

    it('adds and removes a buddy', async () => {
      const reader = await Reader.open(world.origin);
      await reader.log_in('alice', password('alice'));
      await reader.row('bob').waitFor();
      await reader.go('/contact/add');
      await reader.page.fill('#address', world.server.jid('carol'));
      await reader.page.fill('#name', 'Carol <i>C</i>');
      await reader.page.fill('#groups', 'Work');
      await reader.page.click('button[type=submit]');
      await reader.row('Carol <i>C</i>').waitFor();
      await reader.stream.locator('h2', { hasText: 'Work' }).waitFor();
      await reader.open_chat('Carol');
      await reader.go(new URL(reader.page.url()).pathname.replace('/app/', '/contact/'));
      await reader.page.click('button[value=remove]');
      await reader.row('bob').waitFor();
      await until(async () => (await reader.row('Carol').count()) === 0, wait, 'carol is gone');
      await reader.close();
    });

    it('logs out for good', async () => {
      const reader = await Reader.open(world.origin);
      await reader.log_in('carol', password('carol'));
      const log_out = reader.stream.getByRole('button', { name: 'Log out' });
      await log_out.waitFor();
      const [cookie] = await reader.context.cookies();
      await log_out.click();
      await reader.page.getByText('You are logged out.').waitFor();
      await until(() => /session \S+ of \S+ for postern\.test ended .*terminated by the client/.test(world.gateway.log), wait, 'the session ends');
      await reader.context.addCookies([cookie]);
      await reader.go('/settings');
      await reader.page.getByLabel('Password').waitFor();
      await reader.close();
    });

    it('serves a text browser with static pages', async () => {
      const reader = await Reader.open(world.origin);
      await reader.go('/');
      await reader.page.selectOption('#mode', 'static');
      await reader.page.fill('#user', 'alice');
      await reader.page.fill('#password', password('alice'));
      await reader.page.click('button[value=password]');
      await reader.page.locator('.rows li', { hasText: 'bob' }).waitFor();
      const cookies = (await reader.context.cookies()).map(({ name, value }) => `${name}=${value}`).join('; ');
      await reader.page.locator('.rows li', { hasText: 'bob' }).locator('a').click();
      await reader.page.fill('#t', 'from a static page');
      await reader.page.getByRole('button', { name: 'Send' }).click();
      await world.bob.event('message', (event) => event.body === 'from a static page');
      const { stdout } = await run('w3m', ['-dump', '-header', `Cookie: ${cookies}`, reader.page.url().split('#')[0]]);
      assert.match(stdout, /from a static page/);
      await reader.close();
    });

    it('refuses forms that are not its own', async () => {
      const reader = await Reader.open(world.origin);
      await reader.log_in('alice', password('alice'));
      await reader.open_chat('bob');
      const cookie = (await reader.context.cookies()).map(({ name, value }) => `${name}=${value}`).join('; ');
      const id = reader.page.url().split('/').pop();
      const token = await reader.compose.locator('input[name=token]').inputValue();
      const once = await reader.compose.locator('input[name=once]').inputValue();
      const post = (fields, headers = {}) => fetch(`${world.origin}/compose/${id}`, {
        method: 'POST', redirect: 'manual', body: new URLSearchParams(fields), headers: { cookie, origin: world.origin, ...headers },
      });
      assert.equal((await post({ text: 'x', once, token: '' })).status, 403);
      assert.equal((await post({ text: 'x', once, token: 'f'.repeat(32) })).status, 403);
      assert.equal((await post({ text: 'x', once, token }, { origin: 'http://evil.test' })).status, 403);
      assert.equal((await post({ text: 'x', once, token }, { origin: 'null' })).status, 403);
      assert.equal((await post({ text: 'x', once, token }, { 'sec-fetch-site': 'cross-site' })).status, 403);
      assert.equal((await post({ text: 'sent once', once, token })).status, 303);
      assert.equal((await post({ text: 'sent once', once, token })).status, 303);
      await world.bob.event('message', (event) => event.body === 'sent once');
      await post({ text: 'the last', once: 'another', token });
      const next = await world.bob.event('message', (event) => ['sent once', 'the last'].includes(event.body));
      assert.equal(next.body, 'the last');
      await reader.close();
    });

    it('sends the strictest fields that work', async () => {
      const login = await fetch(`${world.origin}/`);
      assert.match(login.headers.get('content-security-policy'), /^default-src 'none'; .*frame-ancestors 'none'/);
      assert.doesNotMatch(login.headers.get('content-security-policy'), /script|unsafe/);
      assert.equal(login.headers.get('x-frame-options'), 'DENY');
      assert.equal(login.headers.get('referrer-policy'), 'same-origin');
      assert.equal(login.headers.get('set-cookie'), null);
      const reader = await Reader.open(world.origin);
      await reader.log_in('alice', password('alice'));
      await reader.row('bob').waitFor();
      const [cookie] = await reader.context.cookies();
      assert.ok(cookie.httpOnly);
      assert.equal(cookie.sameSite, 'Strict');
      assert.equal(cookie.path, '/');
      const stream = await fetch(`${world.origin}/stream/`, { headers: { cookie: `${cookie.name}=${cookie.value}` } });
      assert.equal(stream.headers.get('content-type'), 'text/html; charset=utf-8');
      assert.equal(stream.headers.get('transfer-encoding'), null);
      assert.equal(stream.headers.get('content-length'), null);
      assert.equal(stream.headers.get('refresh'), '2');
      assert.match(stream.headers.get('content-security-policy'), /^default-src 'none'; style-src 'self' 'nonce-[0-9a-f]{32}'; .*frame-ancestors 'self'/);
      await stream.body.cancel();
      await reader.close();
      for (const path of ['/login?lang=%0d%0aSet-Cookie:x=1', '/app/c1%0d%0a', '//evil.test', '/app//evil.test']) {
        const answer = await fetch(world.origin + path, { redirect: 'manual' });
        assert.equal(answer.headers.get('set-cookie'), null, path);
        assert.doesNotMatch(answer.headers.get('location') ?? '', /evil/, path);
      }
    });

    it('ends its pages whole when it is stopped, and sends nobody to a closed port at once', async () => {
      const reader = await Reader.open(world.origin);
      await reader.log_in('carol', password('carol'));
      await reader.stream.getByRole('button', { name: 'Log out' }).waitFor();
      const cookie = (await reader.context.cookies()).map(({ name, value }) => `${name}=${value}`).join('; ');
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
