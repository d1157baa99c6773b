// What somebody would try against the chat without scripts who is not its reader: forms from elsewhere, frames around it, cookies put
// into browsers, fields into headers, passwords by the thousand. PROTOCOL Z-005, Z-006.
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { after, before, describe, it } from 'node:test';
import { Chromium } from './lib/chromium.mjs';
import { stop_all } from './lib/cleanup.mjs';
import { leave_nothing_behind } from './lib/leave_nothing_behind.mjs';
import { start_postern } from './lib/postern.mjs';
import { servers } from './lib/servers.mjs';
import { until } from './lib/wait.mjs';
import { Reader, wait } from './lib/web_reader.mjs';
import { ask, WebSession } from './lib/web_session.mjs';
import { start_world, stop_world } from './lib/web_world.mjs';

// A page of somebody else, and what is asked of that site. Its port makes it another origin; by the name localhost it is another
// site, too.
class Site {
  static async start(page) {
    const self = new Site();
    self.requests = [];
    self.server = createServer((incoming, answer) => {
      self.requests.push({ url: incoming.url, headers: incoming.headers });
      answer.writeHead(200, { 'Content-Type': 'text/html; charset=utf-8' }).end(incoming.url === '/' ? page : 'elsewhere');
    });
    await new Promise((resolve) => self.server.listen(0, '127.0.0.1', resolve));
    const { port } = self.server.address();
    self.same_site = `http://127.0.0.1:${port}`;
    self.cross_site = `http://localhost:${port}`;
    return self;
  }

  stop() {
    this.server.closeAllConnections();
    this.server.close();
  }
}

// May use BOSH, cookies and all, and shares the site of postern, so that SameSite does not hold its requests back.
const sibling = 'https://shop.example.org';
const world = {};
let browser;
let secure;
let domains;

describe('the chat without scripts keeps others out', () => {
  before(async () => {
    browser = await Chromium.launch();
    await start_world(world, servers[0], { gateway: { cors: { origins: [sibling], credentials: true } } });
    const { certificate, key } = world.server.tls;
    domains = [{ name: 'postern.test', server: `127.0.0.1:${world.server.c2s_port}`, tls: 'starttls', ca_file: world.server.tls.trust }];
    secure = await start_postern({
      listen: [{ address: '127.0.0.1:0' }, { address: '127.0.0.1:0', certificate, key }],
      domains,
      webchat: { enabled: true, logins_per_minute_per_account: 3, logins_per_minute_per_address: 8 },
    });
  });
  after(() => stop_all(secure, { stop: () => stop_world(world) }, browser));
  const open = (user = 'alice') => WebSession.open(world.origin, user, world.server.password(user));

  it('takes no form without its own token', async () => {
    const alice = await open();
    const other = await open();
    const bob = await alice.row('bob');
    const forms = [['/settings'], ['/contact/add'], [`/contact/${bob}`], ['/room/join'], [`/compose/${bob}`], [`/plain/${bob}`],
      ['/settings', '/logout']];
    for (const [page, action = page] of forms) {
      const fields = await alice.fields(page, action);
      assert.match(fields.token, /^[0-9a-f]{32}$/, action);
      const foreign = (await other.fields(page, action)).token;
      const elsewhere = (await alice.fields(action === '/settings' ? '/contact/add' : '/settings')).token;
      assert.notEqual(foreign, fields.token);
      for (const token of ['', 'f'.repeat(32), foreign, elsewhere, `${fields.token}0`]) {
        assert.equal((await alice.post(action, { ...fields, token })).status, 403, `${action} with ${token}`);
      }
    }
    const { token: _, ...without } = await alice.fields('/settings', '/logout');
    assert.equal((await alice.post('/logout', without)).status, 403);
    for (const path of ['/logout', `/compose/${bob}?text=x`]) await alice.get(path);
    assert.match((await alice.get('/settings')).text, /name="show"/, 'still logged in');
    const login = await ask(`${world.origin}/login`, { method: 'POST', body: 'user=alice&password=x&token=',
      headers: { origin: world.origin, 'content-type': 'application/x-www-form-urlencoded' } });
    assert.equal(login.status, 403);
  });

  it('takes no form from another origin, and each message once', async () => {
    const alice = await open();
    const bob = await alice.row('bob');
    const fields = await alice.fields(`/compose/${bob}`);
    const post = (more, headers) => alice.post(`/compose/${bob}`, { ...fields, text: 'x', ...more }, headers);
    const { port } = new URL(world.origin);
    for (const headers of [{ origin: 'http://evil.test' }, { origin: 'null' }, { origin: `https://127.0.0.1:${port}` },
      { origin: `http://localhost:${port}` }, { origin: 'http://127.0.0.1' }, { 'sec-fetch-site': 'cross-site' },
      { 'sec-fetch-site': 'same-site' }]) {
      assert.equal((await post({}, headers)).status, 403, JSON.stringify(headers));
    }
    assert.equal((await post({ text: 'sent once' })).status, 303);
    assert.equal((await post({ text: 'sent once' })).status, 303);
    await post({ text: 'the last', once: 'another' });
    assert.equal((await world.bob.event('message')).body, 'sent once');
    assert.equal((await world.bob.event('message')).body, 'the last');
  });

  it('invites nobody twice with one form', async () => {
    const alice = await open('alice');
    const address = `twice@${world.server.muc}`;
    const { location } = (await alice.submit('/room/join', { address, nick: 'alice' })).headers;
    const path = location.replace('/app/', '/room/');
    const form = await until(async () => /<form(?:(?!<\/form>)[^])*name="once"[^]*?<\/form>/.exec(await alice.page(path))?.[0], wait, 'the form');
    const hidden = (name) => new RegExp(`name="${name}" value="([^"]*)"`).exec(form)[1];
    const fields = { token: hidden('token'), once: hidden('once'), do: 'invite', address: world.carol.bare };
    for (const more of [{ reason: 'first' }, { reason: 'again' }, { reason: 'another form', once: 'another' }]) {
      assert.equal((await alice.post(path, { ...fields, ...more })).status, 303);
    }
    for (let i = 0; i < 2; i++) { // a click too many does not hide that the first came to nothing
      assert.match((await alice.post(path, { ...fields, once: 'wrong', address: 'carol@' })).text, /This is no address\./);
    }
    const invited = () => world.carol.event('message', (event) => event.from === address && event.invited_by);
    assert.equal((await invited()).reason, 'first');
    assert.equal((await invited()).reason, 'another form');
  });

  it('tells strangers of a page only where there is one', async () => {
    for (const path of ['/nothing', '/wp-login.php', '/app.php', '/.env', '/stream.txt', '/s/x/nothing', '//xmlrpc.php', '//wp-includes/x', '/login/x']) {
      const answer = await ask(`${world.origin}${path}`);
      assert.equal(answer.status, 404, path);
      assert.doesNotMatch(answer.text, /name="password"/, path);
    }
    for (const path of ['/settings', '/plain/', '/stream/c1', '/compose/c1', '/room/join']) {
      const answer = await ask(`${world.origin}${path}`);
      assert.equal(answer.status, 200, path);
      assert.match(answer.text, /not logged in/, path);
    }
  });

  it('keeps a text that comes without a session, and shows no halves of a page', async () => {
    const alice = await open('alice');
    const bob = await alice.row('bob');
    const fields = await alice.fields(`/compose/${bob}`);
    const other = await open('alice');
    const refused = await other.post(`/compose/${bob}`, { ...fields, text: 'of <another> session' });
    assert.deepEqual([refused.status, /readonly>of &lt;another&gt; session<\/textarea>/.test(refused.text)], [403, true]);
    await alice.post('/logout', { token: (await alice.fields('/settings', '/logout')).token });
    for (const path of [`/compose/${bob}`, `/plain/${bob}`]) {
      const answer = await alice.post(path, { ...fields, text: 'half a <thought>' });
      assert.match(answer.text, /readonly>half a &lt;thought&gt;<\/textarea>/, path);
      assert.match(answer.text, /href="\/login" target="_top"/, path);
    }
    const app = (headers) => ask(`${world.origin}/app/${bob}`, { headers });
    // Who comes from elsewhere brings no cookie, and may be logged in all the same.
    for (const headers of [{}, { 'sec-fetch-site': 'cross-site' }]) assert.match((await app(headers)).text, /<iframe/);
    for (const headers of [{ 'sec-fetch-site': 'none' }, { 'sec-fetch-site': 'same-origin' }, { 'sec-fetch-site': 'cross-site', cookie: 'postern=gone' }]) {
      const answer = await app(headers);
      assert.match(answer.text, /You are not logged in any more\./);
      assert.doesNotMatch(answer.text, /<iframe/);
    }
  });

  it('sends the strictest fields that work, with every page', async () => {
    const alice = await open();
    const bob = await alice.row('bob');
    const paths = ['/login', '/app/', `/app/${bob}`, `/compose/${bob}`, '/plain/', `/plain/${bob}`, '/settings', '/contact/add',
      `/contact/${bob}`, '/room/join', '/nothing', '/app/c999', '/stream/c999', '/logout'];
    for (const path of paths) {
      const { headers } = await alice.get(path);
      const framed = /^\/(compose|stream|nothing|logout)/.test(path) || headers.location !== undefined;
      const policy = headers['content-security-policy'];
      assert.match(policy, framed ? /^default-src 'none'; .*frame-ancestors 'self'/ : /^default-src 'none'; .*frame-ancestors 'none'/, path);
      assert.match(policy, /form-action 'self'.*base-uri 'none'|base-uri 'none'.*form-action 'self'/, path);
      assert.doesNotMatch(policy, /script|unsafe|\*|http:|data:/, path);
      assert.equal(headers['x-frame-options'], framed ? 'SAMEORIGIN' : 'DENY', path);
      assert.equal(headers['referrer-policy'], 'same-origin', path);
      assert.equal(headers['x-content-type-options'], 'nosniff', path);
      assert.equal(headers['cross-origin-opener-policy'], 'same-origin', path);
      assert.equal(headers['cross-origin-resource-policy'], 'same-origin', path);
      assert.match(headers['cache-control'], /no-store/, path);
      assert.equal(headers['set-cookie'], undefined, path);
    }
    const stream = await alice.stream('/stream/');
    assert.equal(stream.headers['content-type'], 'text/html; charset=utf-8');
    assert.equal(stream.headers['transfer-encoding'], undefined);
    assert.equal(stream.headers['content-length'], undefined);
    assert.match(stream.headers.refresh, /^10;url=\/stream\/\?w=[0-9a-f]+$/);
    assert.match(stream.headers['content-security-policy'],
      /^default-src 'none'; style-src 'self' 'nonce-[0-9a-f]{32}'; .*frame-ancestors 'self'/);
    const again = await alice.stream('/stream/');
    assert.notEqual(again.headers['content-security-policy'], stream.headers['content-security-policy'], 'a nonce of its own');
    stream.close();
    again.close();
  });

  it('lets no other origin read anything, whatever [cors] allows for BOSH', async () => {
    const alice = await open();
    const bob = await alice.row('bob');
    const origin = { origin: sibling };
    const { headers } = await ask(`${world.origin}/http-bind`, { headers: origin });
    assert.equal(headers['access-control-allow-origin'], sibling);
    assert.equal(headers['access-control-allow-credentials'], 'true');
    const answers = [await alice.post(`/compose/${bob}`, {}, origin), await alice.send_file(bob, 'x', { form: {}, headers: origin }),
      await ask(`${alice.origin}/app/`, { method: 'OPTIONS', headers: { ...alice.headers, ...origin } })];
    const stylesheet = /href="(\/assets\/[^"]+\.css)"/.exec(await alice.page('/login'))[1];
    for (const path of ['/', '/login', '/app/', `/plain/${bob}`, `/compose/${bob}`, `/file/${bob}`, '/settings', '/nothing', '/app/c999',
      stylesheet, '/assets/nothing']) answers.push(await alice.get(path, origin));
    const stream = await alice.stream('/stream/', origin);
    stream.close();
    assert.deepEqual(new Set(answers.map(({ status }) => status)), new Set([200, 303, 403, 404, 405]));
    for (const answer of [...answers, stream]) {
      assert.deepEqual(Object.keys(answer.headers).filter((name) => name.startsWith('access-control-')), []);
    }
  });

  it('gives a cookie that only HTTPS and only this host gets, and takes it from nowhere else', async () => {
    const [plain, tls] = secure.listeners.map((listener) => listener.origin);
    const reader = await Reader.open(browser, tls, { ignoreHTTPSErrors: true });
    await reader.log_in('alice', world.server.password('alice'));
    await reader.see('stream', '.rows li', 'bob');
    const [cookie] = await reader.context.cookies();
    const { name, httpOnly, secure: only_tls, sameSite, path } = cookie;
    assert.deepEqual({ name, httpOnly, only_tls, sameSite, path },
      { name: '__Host-postern', httpOnly: true, only_tls: true, sameSite: 'Strict', path: '/' });
    await reader.open_chat('bob');
    await reader.write('over HTTPS');
    await world.bob.event('message', (event) => event.body === 'over HTTPS');
    const settings = (origin, field) => ask(`${origin}/settings`, { headers: { cookie: field } });
    assert.match((await settings(tls, `__Host-postern=${cookie.value}`)).text, /name="show"/);
    for (const [origin, field] of [[tls, `postern=${cookie.value}`], [plain, `postern=${cookie.value}`],
      [plain, `__Host-postern=${cookie.value}`], [tls, `__Host-postern=${cookie.value}; __Host-postern=x`]]) {
      assert.doesNotMatch((await settings(origin, field)).text, /name="show"/, `${origin} ${field}`);
    }
    await reader.close();
  });

  it('makes a new session at each login, whatever cookie was there', async () => {
    const mallory = await open('carol');
    const reader = await Reader.open(browser, world.origin);
    const [name, value] = mallory.cookie.split('=');
    await reader.context.addCookies([{ name, value, url: world.origin }]);
    await reader.go('/login');
    await reader.fill('page', '#user', 'alice');
    await reader.fill('page', '#password', world.server.password('alice'));
    await reader.click('page', 'button[value=password]');
    await reader.see('stream', '.own', 'alice@postern.test');
    assert.notEqual((await reader.context.cookies())[0].value, value);
    assert.match((await mallory.get('/settings')).text, /carol@postern\.test/);
    const chosen = 'A'.repeat(value.length);
    const victim = new WebSession(world.origin);
    victim.cookie = `${name}=${chosen}`;
    const { token } = await victim.fields('/login');
    await victim.post('/login', { token, user: 'alice', password: world.server.password('alice'), how: 'password' });
    assert.notEqual(victim.cookie, `${name}=${chosen}`);
    await reader.close();
  });

  it('stands in no frame of another site', async () => {
    const alice = await open();
    const bob = await alice.row('bob');
    const paths = ['/login', '/app/', '/stream/', `/compose/${bob}`, '/settings'];
    const site = await Site.start(paths.map((path) => `<iframe src="${world.origin}${path}"></iframe>`).join(''));
    const context = await browser.browser.newContext();
    const [name, value] = alice.cookie.split('=');
    await context.addCookies([{ name, value, url: world.origin, sameSite: 'Strict' }]);
    const page = await context.newPage();
    await page.goto(site.same_site);
    const frames = () => page.frames().slice(1);
    const refused = () => frames().filter((frame) => frame.url().startsWith('chrome-error:')).length;
    await until(() => refused() === paths.length, wait, () => `all frames are refused: ${frames().map((frame) => frame.url())}`);
    for (const frame of frames()) assert.doesNotMatch(await frame.content(), /<form|class="rows"/);
    await context.close();
    site.stop();
  });

  it('does nothing for a form that another site sends from the reader\'s own browser', async () => {
    const alice = await open();
    const bob = await alice.row('bob');
    const fields = { ...(await alice.fields(`/compose/${bob}`)), text: 'forged' };
    const inputs = Object.entries(fields).map(([name, value]) => `<input name="${name}" value="${value}">`).join('');
    const site = await Site.start(`<form method="post" action="${world.origin}/compose/${bob}">${inputs}</form>
      <script>document.forms[0].submit()</script>`);
    const context = await browser.browser.newContext();
    const [name, value] = alice.cookie.split('=');
    await context.addCookies([{ name, value, url: world.origin, sameSite: 'Strict' }]);
    for (const origin of [site.same_site, site.cross_site]) {
      const page = await context.newPage();
      const answered = page.waitForResponse((response) => response.request().method() === 'POST');
      await page.goto(origin);
      const answer = await answered;
      assert.equal(answer.status(), 403, origin);
      await page.close();
    }
    await alice.send(bob, 'genuine');
    const next = await world.bob.event('message', (event) => ['forged', 'genuine'].includes(event.body));
    assert.equal(next.body, 'genuine');
    await context.close();
    site.stop();
  });

  it('tells the sites that links lead to neither where they stood nor gives them a window', async () => {
    const site = await Site.start('');
    const reader = await Reader.open(browser, world.origin);
    await reader.log_in('alice', world.server.password('alice'));
    await reader.open_chat('bob');
    world.bob.message(world.server.jid('alice'), `see ${site.cross_site}/secret?a=1&b=2. javascript:alert(1) data:text/html,x`);
    const link = reader.bubble('see').locator('a');
    await link.waitFor();
    assert.equal(await link.count(), 1);
    assert.equal(await link.getAttribute('rel'), 'noreferrer noopener nofollow');
    assert.equal(await link.getAttribute('href'), `${site.cross_site}/secret?a=1&b=2`);
    const opened = reader.context.waitForEvent('page');
    await link.click();
    const page = await opened;
    await until(() => site.requests.some((one) => one.url === '/secret?a=1&b=2'), wait, 'the link is followed');
    const { headers } = site.requests.find((one) => one.url.startsWith('/secret'));
    assert.equal(headers.referer, undefined);
    assert.equal(headers.cookie, undefined);
    await page.waitForLoadState();
    assert.equal(await page.evaluate(() => window.opener), null);
    await reader.close();
    site.stop();
  });

  it('lets no field of a form or an address into a header', async () => {
    const alice = await open();
    const bad = '\r\nSet-Cookie: evil=1\r\nX-Evil: 1\r\n\r\n<h1>';
    const coded = encodeURIComponent(bad);
    for (const path of [`/login?lang=${coded}`, `/app/c1${coded}`, `/stream/?w=${coded}`, '//evil.test', '/app//evil.test',
      '/\\evil.test', `/compose/c1?edit=${coded}`, '/plain//evil.test/..', '/private/c1/o1//evil.test']) {
      const answer = path.startsWith('/stream') ? await alice.stream(path) : await alice.get(path);
      answer.close?.();
      assert.equal(answer.headers['set-cookie'], undefined, path);
      assert.equal(answer.headers['x-evil'], undefined, path);
      assert.doesNotMatch(answer.headers.location ?? '', /evil/, path);
    }
    for (const [path, fields] of [['/contact/add', { address: `x@y${bad}`, name: bad }], ['/room/join', { address: bad, nick: bad }],
      ['/settings', { show: '2', zone: '0', seconds: '0', lang: bad, status: bad }]]) {
      const answer = await alice.post(path, { ...(await alice.fields(path)), ...fields });
      const kept = 'postern-reader=en.0.0; Path=/; HttpOnly; SameSite=Lax; Max-Age=31536000';
      assert.deepEqual(answer.headers['set-cookie'], path === '/settings' ? [kept] : undefined, path);
      assert.equal(answer.headers['x-evil'], undefined, path);
      if (answer.headers.location) assert.match(answer.headers.location, /^\/[a-z]+\//, path);
    }
    const login = await WebSession.log_in(world.origin, bad, bad);
    assert.equal(login.answer.headers['x-evil'], undefined);
    assert.equal(login.cookie, '');
  });

  it('slows down who tries passwords: of one account from many addresses, of many from one', async () => {
    const [{ origin }] = secure.listeners;
    const attempt = async (user, from) => (await WebSession.log_in(origin, user, 'guess', { from })).answer;
    for (let i = 1; i <= 3; i++) assert.equal((await attempt('bob', `127.0.1.${i}`)).status, 303);
    const fourth = await attempt('bob', '127.0.1.4');
    assert.equal(fourth.status, 429);
    assert.match(fourth.text, /Too many tries/);
    assert.equal((await attempt('BOB@postern.test', '127.0.1.5')).status, 429, 'the same account, written otherwise');
    assert.equal((await attempt('carol', '127.0.1.6')).status, 303, 'others are not held up');
    for (let i = 0; i < 8; i++) await attempt(`user${i}`, '127.0.2.1');
    assert.equal((await attempt('user9', '127.0.2.1')).status, 429);
    assert.equal((await attempt('user10', '127.0.2.2')).status, 303);
  });

  // Whose proxy speaks TLS and is not trusted, or is but does not say so.
  it('tells an operator why forms are refused that come by a proxy', async () => {
    const trusting = await start_postern({ domains, webchat: { enabled: true }, server: { trusted_proxies: ['127.0.0.1'] } });
    for (const [gateway, hint] of [[world.gateway, 'behind a proxy, see trusted_proxies'],
      [trusting, 'does the proxy pass on Host and X-Forwarded-Proto?']]) {
      const { origin } = gateway.listeners[0];
      const answer = await ask(`${origin}/login`, { method: 'POST', body: 'user=alice',
        headers: { origin: 'https://chat.example', 'content-type': 'application/x-www-form-urlencoded' } });
      assert.equal(answer.status, 403);
      const line = `form of 127.0.0.1 refused: from a page of another site (https://chat.example) than ${origin}; ${hint}`;
      await until(() => gateway.log.includes(line), wait, line);
    }
    await trusting.stop();
  });

  it('holds no more streams for a client behind a proxy than it may have connections', async () => {
    const strict = await start_postern({ domains, webchat: { enabled: true }, server: { trusted_proxies: ['127.0.0.1'] },
      limits: { max_connections_per_address: 1 } });
    const [alice, bob] = await Promise.all(['alice', 'bob'].map((user) => WebSession.open(strict.listeners[0].origin, user, world.server.password(user))));
    const stream = await alice.stream('/stream/');
    assert.equal(stream.response.statusCode, 200);
    assert.equal((await bob.get('/stream/')).status, 503);
    assert.equal((await bob.get('/settings')).status, 200);
    stream.close();
    const next = await until(async () => {
      const page = await bob.stream('/stream/');
      return page.response.statusCode === 200 && page;
    }, 5000, 'the place is free again');
    next.close();
    await strict.stop();
  });
});

leave_nothing_behind();
