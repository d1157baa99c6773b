// Files of the chat without scripts (XEP-0363): from a plain file field through the gateway to the server's upload service, in
// Chromium with JavaScript switched off and by hand, to Prosody over HTTPS and to ejabberd over plain HTTP.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import { connect } from 'node:net';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { Authority } from './lib/certs.mjs';
import { Buddy } from './lib/buddy.mjs';
import { Chromium } from './lib/chromium.mjs';
import { stop_all, temp_dir } from './lib/cleanup.mjs';
import { leave_nothing_behind } from './lib/leave_nothing_behind.mjs';
import { start_postern } from './lib/postern.mjs';
import { servers } from './lib/servers.mjs';
import { until } from './lib/wait.mjs';
import { WebSession } from './lib/web_session.mjs';

const wait = 15_000;
const limit = 3 * 1024 * 1024;

let browser;
before(async () => {
  browser = await Chromium.launch();
});
after(() => stop_all(browser));

async function download(url, trust) {
  const { protocol } = new URL(url);
  const options = protocol === 'https:' ? { ca: readFileSync(trust) } : {};
  return new Promise((resolve, reject) => {
    const request = (protocol === 'https:' ? https : http).get(url, options, (response) => {
      const parts = [];
      response.on('data', (part) => parts.push(part));
      response.once('end', () => resolve({ status: response.statusCode, body: Buffer.concat(parts) }));
    });
    request.once('error', reject);
  });
}

for (const kind of servers) {
  describe(`files with ${kind.server_name}`, () => {
    const world = {};
    before(async () => {
      const authority = await Authority.create();
      world.server = await kind.start({ tls: await authority.good('postern.test', 'rooms.postern.test', 'localhost'), files: limit });
      world.settings = {
        domains: [{ name: 'postern.test', server: `127.0.0.1:${world.server.c2s_port}`, ca_file: world.server.tls.trust,
          upload_origins: [world.server.upload_origin] }],
        webchat: { enabled: true },
      };
      world.gateway = await start_postern(world.settings);
      world.origin = world.gateway.url.replace('/http-bind', '');
      world.bob = await Buddy.connect(world.server, 'bob');
      world.bob.presence();
      world.alice = await WebSession.log_in(world.origin, 'alice', world.server.password('alice'));
      world.id = await world.alice.conversation('bob');
    });
    after(() => stop_all(world.bob && { stop: () => world.bob.quit() }, world.gateway, world.server));
    const link = () => world.bob.event('message', (event) => event.body?.startsWith(world.server.upload_origin));

    it('sends one from a browser without scripts', async () => {
      const path = join(temp_dir('file'), 'note of today.txt');
      writeFileSync(path, 'what I have written\r\n--');
      const context = await browser.browser.newContext({ javaScriptEnabled: false });
      const page = await context.newPage();
      page.setDefaultTimeout(wait);
      await page.goto(`${world.origin}/`, { waitUntil: 'commit' });
      await page.fill('#user', 'alice');
      await page.fill('#password', world.server.password('alice'));
      await page.click('button[value=password]');
      const stream = page.frameLocator('iframe[name=stream]');
      await stream.locator('.rows li', { hasText: 'bob' }).locator('a').click();
      const compose = page.frameLocator('iframe[name=compose]');
      await until(async () => {
        if ((await compose.locator('.attach').count()) > 0) return true;
        await page.reload({ waitUntil: 'commit' });
        await compose.locator('#t').waitFor();
        return false;
      }, wait, 'files are offered');
      await compose.locator('.attach').click();
      await compose.locator('#t[type=file]').setInputFiles(path);
      await compose.getByText('At most 3').waitFor();
      await compose.getByRole('button', { name: 'Send' }).click();
      const { body } = await link();
      const got = await download(body, world.server.tls.trust);
      assert.equal(got.status, 200);
      assert.equal(got.body.toString(), 'what I have written\r\n--');
      // The form for texts is back, and the link stands in the conversation.
      await compose.locator('#t[type=text]').waitFor();
      await stream.locator(`.b a[href="${body}"]`).waitFor();
      await context.close();
    });

    it('passes a large one on as it comes, byte for byte', async () => {
      const content = randomBytes(limit - 1000);
      const answer = await world.alice.send(world.id, await world.alice.file_form(world.id), content, { name: 'größe "1".bin' });
      assert.equal(answer.status, 303);
      assert.equal(answer.headers.get('location'), `/plain/${world.id}#write`);
      const got = await download((await link()).body, world.server.tls.trust);
      assert.ok(got.body.equals(content));
      // And a reader sees the link of one that was sent to him.
      world.bob.message(world.server.jid('alice'), 'https://files.example.org/x.png');
      await until(async () => /<a href="https:\/\/files\.example\.org\/x\.png" target="_blank" rel="noreferrer/.test(await world.alice.page(`/plain/${world.id}`)), wait, 'a link');
    });

    it('says in words why one is not sent', async () => {
      const form = await world.alice.file_form(world.id);
      assert.match(form.page, /At most 3\u00a0MB\./);
      const large = await world.alice.send(world.id, form, randomBytes(limit + 1));
      assert.equal(large.status, 200);
      assert.match(await large.text(), /role="alert">The file is too large\./);
      const empty = await world.alice.send(world.id, await world.alice.file_form(world.id), '');
      assert.match(await empty.text(), /role="alert">The file is empty\./);
    });

    it('takes each form once, and only its own', async () => {
      const form = await world.alice.file_form(world.id);
      const send = (fields, options) => world.alice.send(world.id, fields, 'content', options);
      assert.match(await (await send({ ...form, token: 'f'.repeat(32) })).text(), /role="alert">The request was not understood\./);
      assert.equal((await send(form, { headers: { origin: 'http://evil.test' } })).status, 403);
      assert.equal((await send(form, { headers: { 'sec-fetch-site': 'cross-site' } })).status, 403);
      assert.equal((await send(form, { headers: { cookie: 'postern=x' } })).status, 200); // "You are not logged in any more."
      assert.equal((await send(form)).status, 303);
      assert.equal((await send(form)).status, 303);
      await link();
      const next = await send(await world.alice.file_form(world.id));
      assert.equal(next.status, 303);
      await link();
      const chunked = await fetch(`${world.origin}/upload/${world.id}`, { method: 'POST', duplex: 'half', redirect: 'manual',
        headers: { ...world.alice.headers, 'content-type': 'multipart/form-data; boundary=X' }, body: new Blob(['x']).stream() });
      assert.equal(chunked.status, 411);
    });

    it('leaves no half file behind when the browser goes', async () => {
      const form = await world.alice.file_form(world.id);
      const head = '--X\r\nContent-Disposition: form-data; name="token"\r\n\r\n' + form.token +
        '\r\n--X\r\nContent-Disposition: form-data; name="once"\r\n\r\n' + form.once +
        '\r\n--X\r\nContent-Disposition: form-data; name="file"; filename="half"\r\n\r\n';
      const socket = connect(world.gateway.port, '127.0.0.1');
      await new Promise((resolve) => socket.once('connect', resolve));
      socket.write(`POST /upload/${world.id} HTTP/1.1\r\nHost: a\r\nCookie: ${world.alice.cookie}\r\n` +
        `Content-Type: multipart/form-data; boundary=X\r\nContent-Length: 500000\r\n\r\n${head}${'x'.repeat(100_000)}`);
      await new Promise((resolve) => setTimeout(resolve, 300)); // it is on its way; nothing tells
      socket.destroy();
      const answer = await world.alice.send(world.id, await world.alice.file_form(world.id), 'whole');
      assert.equal(answer.status, 303);
      const got = await download((await link()).body, world.server.tls.trust);
      assert.equal(got.body.toString(), 'whole');
    });

    it('goes nowhere that the operator does not know of', async () => {
      const { upload_origins, ...domain } = world.settings.domains[0];
      const other = await start_postern({ ...world.settings, domains: [domain] });
      const origin = other.url.replace('/http-bind', '');
      const alice = await WebSession.log_in(origin, 'alice', world.server.password('alice'));
      const id = await alice.conversation('bob');
      const answer = await alice.send(id, await alice.file_form(id), 'content');
      assert.match(await answer.text(), /role="alert">The file could not be sent\./);
      // Plain http is refused as a place at once, an address on loopback when it is known.
      if (upload_origins[0].startsWith('https')) assert.match(other.log, /file of \S+ not sent: localhost \[[^\]]+\]: the address is loopback/);
      await stop_all(other);
    });
  });
}

leave_nothing_behind();
