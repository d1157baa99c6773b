// The chat without scripts for readers whose browser keeps no cookie: the path names the session. Over plain HTTP under a name that
// is not localhost, behind an nginx that buffers as it does by default, as an onion service has it. PROTOCOL Z-006.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { stop_all, temp_dir } from './lib/cleanup.mjs';
import { leave_nothing_behind } from './lib/leave_nothing_behind.mjs';
import { Nginx } from './lib/nginx.mjs';
import { start_postern } from './lib/postern.mjs';
import { until } from './lib/wait.mjs';
import { pairs } from './lib/web_browsers.mjs';
import { wait } from './lib/web_reader.mjs';
import { ask, WebSession } from './lib/web_session.mjs';
import { start_world, stop_world } from './lib/web_world.mjs';

for (const pair of pairs) {
  describe(`a session without a cookie in ${pair.browser_name} with ${pair.kind.server_name}`, () => {
    const world = {};
    let browser;
    let nginx;
    let origin;
    const password = () => world.server.password('alice');
    before(async () => {
      await start_world(world, pair.kind, {
        server: { files: 100_000 }, people: ['bob'], domain: (server) => ({ upload_origins: [server.upload_origin] }),
        gateway: { server: { threads: 2, log_level: 'debug' } },
      });
      nginx = await Nginx.plain(world.gateway.port);
      origin = `http://chat.test:${nginx.port}`;
      browser = await pair.launch('chat.test');
    });
    after(() => stop_all(browser, nginx, { stop: () => stop_world(world) }));

    const open = (options) => WebSession.open(world.origin, 'alice', password(), { cookie: 'none', ...options });

    it('is live in a browser, files and all, and tells its address to nobody', async () => {
      const site = createServer((incoming, answer) => {
        site.asked.push([incoming.url, incoming.headers.referer]);
        answer.writeHead(200, { 'Content-Type': 'text/plain' }).end('elsewhere');
      });
      site.asked = [];
      await new Promise((resolve) => site.listen(0, '127.0.0.1', resolve));
      const reader = await pair.open(browser, origin);
      await reader.log_in('alice', password(), { cookie: 'none' });
      await reader.open_chat('bob');
      const sid = (await reader.path()).split('/')[2];
      assert.match(sid, /^[\w-]{20,}$/);
      await reader.write('without a cookie');
      await world.bob.event('message', ({ body }) => body === 'without a cookie');
      await until(async () => (await reader.ask('compose', '#t', (node) => node.value)) === '', wait, 'an empty form');
      world.bob.message(world.server.jid('alice'), `see http://127.0.0.1:${site.address().port}/secret`);
      await reader.see_message('see http');
      await reader.click('stream', '.b a', '/secret');
      await until(() => site.asked.some(([path]) => path === '/secret'), wait, 'the link is followed');
      // The icon that the browser asks for next is asked for by that page itself.
      assert.deepEqual(site.asked.filter(([path]) => path === '/secret'), [['/secret', undefined]]);
      assert.ok(!JSON.stringify(site.asked).includes(sid));
      site.close();

      const path = join(temp_dir('file'), 'note.txt');
      writeFileSync(path, 'a file');
      await reader.attach(path);
      await reader.click('compose', 'button');
      const { body } = await world.bob.event('message', (event) => event.oob !== undefined);
      await reader.see('stream', `.b a[href="${body}"]`);

      assert.deepEqual(await reader.cookies(), []);
      await reader.click('stream', '.own button');
      await reader.see('page', '.lead', 'You are logged out.');
      assert.equal(await reader.path(), '/login');
      // The path is what was asked for, so a proxy sees it; in no other place of its lines does it stand.
      const lines = nginx.access_log.split('\n').filter((line) => line.includes(sid));
      assert.ok(lines.length > 5);
      for (const line of lines) assert.equal(line.split('"')[3], '-', line);
      await world.gateway.child.line(/session \S+ of 127\.0\.0\.1 for postern\.test ended/); // it does say that somebody was there
      assert.doesNotMatch(world.gateway.log, new RegExp(sid));
      // At the old address there is nothing but the way back in.
      await reader.log_in('alice', password(), { cookie: 'none', at: `/s/${sid}/` });
      await reader.see('stream', '.rows li', 'bob');
      assert.notEqual((await reader.path()).split('/')[2], sid);
      await reader.close();
    });

    it('keeps every path of its pages below its own, and every page from telling it', async () => {
      const alice = await open({ mode: 'static' });
      const bob = await alice.row('bob');
      await until(async () => (await alice.get(`/file/${bob}`)).status === 200, wait, 'files are offered');
      const inside = new RegExp(`^${alice.base}/|^/assets/`);
      const check = (answer, path) => {
        assert.equal(answer.headers['referrer-policy'], 'no-referrer', path);
        assert.equal(answer.headers['set-cookie'], undefined, path);
        if (answer.headers.location) assert.match(answer.headers.location, inside, path);
        for (const [, to] of answer.text.matchAll(/(?:href|action|src)="(\/[^"]*)"/g)) assert.match(to, inside, path);
      };
      const paths = ['/', '', '/app/', `/app/${bob}`, `/compose/${bob}`, `/compose/${bob}?lines=1`, `/file/${bob}`, '/plain/', `/plain/${bob}`,
        '/settings', '/contact/add', `/contact/${bob}`, '/room/join', '/nothing', '/app/c999', '/stream/c999', '/plain/c999'];
      for (const path of paths) check(await alice.get(path), path);
      check(await alice.submit('/settings', { show: '3', status: '', zone: '0', seconds: '0', lang: 'en' }), 'POST /settings');
      check(await alice.send(bob, 'sent'), 'POST /compose');
      check(await alice.send_file(bob, 'a file'), 'POST /upload');
      check(await alice.send_file(bob, ''), 'POST /upload, refused');
      const stream = await alice.stream(`/stream/${bob}`);
      await stream.see('class="rows"');
      check({ headers: stream.headers, text: stream.text }, '/stream/');
      assert.match(stream.headers.refresh, new RegExp(`^10;url=${alice.base}/stream/`));
      stream.close();
      assert.equal((await alice.get('/login')).status, 404); // its form would be sent from an address that tells
      const out = await alice.post('/logout', await alice.fields('/settings', '/logout'));
      assert.deepEqual([out.status, out.headers.location], [303, '/login?out=1']);
      assert.match(await alice.page('/settings'), /not logged in/);
    });

    it('is worth nothing where a cookie belongs, nor the other way round', async () => {
      const alice = await open();
      const sid = alice.base.slice(3);
      const as_cookie = await ask(`${world.origin}/settings`, { headers: { cookie: `postern=${sid}` } });
      assert.match(as_cookie.text, /not logged in/);
      const other = await WebSession.open(world.origin, 'alice', password());
      const in_path = await ask(`${world.origin}/s/${other.cookie.split('=')[1]}/settings`);
      assert.match(in_path.text, /not logged in/);
      for (const path of ['/s/', '/s/x', `/s/${'A'.repeat(sid.length)}/`, '/s//app/', `/s/${sid}x/app/`]) {
        const answer = await ask(world.origin + path);
        assert.doesNotMatch(answer.text, /alice/, path);
        assert.equal(answer.headers['set-cookie'], undefined, path);
        assert.equal(answer.headers.location, undefined, path);
      }
    });

    it('takes its forms from its own pages only, though they say nothing of where they are', async () => {
      const alice = await open();
      const bob = await alice.row('bob');
      const fields = { ...(await alice.fields(`/compose/${bob}`)), text: 'x' };
      const post = (more, headers) => alice.post(`/compose/${bob}`, { ...fields, ...more }, headers);
      for (const token of ['', 'f'.repeat(32)]) assert.equal((await post({ token })).status, 403, token);
      for (const headers of [{ origin: 'http://evil.test' }, { 'sec-fetch-site': 'cross-site' }, { 'sec-fetch-site': 'same-site' }]) {
        assert.equal((await post({}, headers)).status, 403, JSON.stringify(headers));
      }
      assert.equal((await post({ text: 'genuine' })).status, 303);
      await world.bob.event('message', ({ body }) => body === 'genuine');
      // Whoever is logged in by nothing may say so from no other origin.
      const { token } = await new WebSession(world.origin).fields('/login');
      const forged = await ask(`${world.origin}/s/${'A'.repeat(30)}/login`, { method: 'POST',
        body: new URLSearchParams({ token, user: 'alice', password: password(), how: 'password' }).toString(),
        headers: { origin: 'null', 'content-type': 'application/x-www-form-urlencoded' } });
      assert.equal(forged.status, 403);
    });

    it('is a new one at each login, and asked for again after a wrong password', async () => {
      const first = await open();
      const second = await open();
      assert.notEqual(first.base, second.base);
      const wrong = await WebSession.log_in(world.origin, 'alice', 'wrong', { cookie: 'none' });
      const page = await until(async () => {
        const text = await wrong.page('/app/');
        return text.includes('role="alert"') && text;
      }, wait, 'the password is wrong');
      assert.match(page, /value="none" selected/);
      assert.match(page, /action="\/login\?/);
    });

    it('is there only if the operator wants it', async () => {
      const other = await start_postern({
        domains: [{ name: 'postern.test', server: `127.0.0.1:${world.server.c2s_port}`, tls: 'starttls', ca_file: world.server.tls.trust }],
        webchat: { enabled: true, session_in_path: false },
      });
      const [{ origin: there }] = other.listeners;
      assert.doesNotMatch((await ask(`${there}/login`)).text, /name="cookie"/);
      const alice = await WebSession.open(there, 'alice', password(), { cookie: 'none' });
      assert.equal(alice.base, '');
      assert.match(alice.cookie, /^postern=/);
      await stop_all(other);
    });
  });
}

leave_nothing_behind();
