// Files of the chat without scripts (XEP-0363): from a plain file field through the gateway to the server's upload service, in
// a browser with JavaScript switched off and by hand, to Prosody over HTTPS and to ejabberd over plain HTTP. What bob gets is
// downloaded and compared. PROTOCOL Z-005, U-007.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import { connect } from 'node:net';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { stop_all, temp_dir } from './lib/cleanup.mjs';
import { leave_nothing_behind } from './lib/leave_nothing_behind.mjs';
import { start_postern } from './lib/postern.mjs';
import { HttpConnection } from './lib/raw_http.mjs';
import { at_rest, deadline, until } from './lib/wait.mjs';
import { pairs } from './lib/web_browsers.mjs';
import { wait } from './lib/web_reader.mjs';
import { ask, boundary, multipart_around, WebSession } from './lib/web_session.mjs';
import { start_world, stop_world } from './lib/web_world.mjs';

const limit = 20 * 1024 * 1024;
// More than that of a file that goes nowhere does not leave the browser: what the kernel keeps for three sockets, and a little.
const on_the_way = 14 * 1024 * 1024;

function download(url, trust) {
  const { protocol } = new URL(url);
  const options = protocol === 'https:' ? { ca: readFileSync(trust) } : {};
  return deadline(new Promise((resolve, reject) => {
    const request = (protocol === 'https:' ? https : http).get(url, { ...options, agent: false }, (response) => {
      const parts = [];
      response.on('data', (part) => parts.push(part));
      response.once('error', reject);
      response.once('end', () => resolve({ status: response.statusCode, body: Buffer.concat(parts) }));
    });
    request.once('error', reject);
  }), 4 * wait, `${url} is downloaded`);
}

// A file that a test sends piece by piece.
class Sending {
  static async begin(session, id, length) {
    const self = new Sending();
    const { token, once } = await session.file_form(id);
    const [before_file, behind] = multipart_around({ token, once }, { name: 'piece.bin', type: 'text/plain' });
    const { host, port } = new URL(session.origin);
    Object.assign(self, { behind, answer: '', form: { token, once } });
    self.socket = connect(Number(port), '127.0.0.1');
    self.socket.setEncoding('utf8');
    self.socket.on('data', (chunk) => (self.answer += chunk));
    self.closed = new Promise((resolve) => self.socket.once('close', resolve));
    self.socket.on('error', () => {});
    self.socket.write(`POST /upload/${id} HTTP/1.1\r\nHost: ${host}\r\nCookie: ${session.cookie}\r\n` +
      `Content-Type: multipart/form-data; boundary=${boundary}\r\nContent-Length: ${before_file.length + length + behind.length}\r\n\r\n`);
    self.socket.write(before_file);
    return self;
  }

  // Bytes that have left this process.
  get gone() {
    return this.socket.bytesWritten - this.socket.writableLength;
  }

  // Twenty megabytes that a server takes in small bites.
  answered() {
    return until(() => this.answer.includes('\r\n\r\n'), 4 * wait, 'an answer');
  }
}

for (const { kind, browser_name, launch, open } of pairs) {
  describe(`files in ${browser_name} with ${kind.server_name}`, () => {
    const world = {};
    let browser;
    let alice;
    let bob;
    before(async () => {
      browser = await launch();
      await start_world(world, kind, {
        server: { files: limit }, people: ['bob'], domain: (server) => ({ upload_origins: [server.upload_origin] }),
        gateway: { server: { threads: 2 }, limits: { body_timeout: 3 } },
      });
      alice = await WebSession.open(world.origin, 'alice', world.server.password('alice'));
      bob = await alice.row('bob');
      await offered(alice, bob);
    });
    after(() => stop_all({ stop: () => stop_world(world) }, browser));
    const offered = (session, row) =>
      until(async () => (await session.get(`/file/${row}`)).status === 200, wait, 'files are offered');
    const link = async () => {
      const event = await world.bob.event('message', ({ body }) => body?.startsWith(world.server.upload_origin));
      assert.equal(event.oob, event.body); // other clients show it as a file
      return event.body;
    };
    const arrived = async () => {
      const { status, body } = await download(await link(), world.server.tls.trust);
      assert.equal(status, 200);
      return body;
    };
    const alert = (answer) => /role="alert">([^<]*)</.exec(answer.text)?.[1];

    it('sends one from a browser without scripts', async () => {
      const path = join(temp_dir('file'), 'note of today.txt');
      const content = 'what I have written\r\n--';
      writeFileSync(path, content);
      const reader = await open(browser, world.origin);
      await reader.log_in('alice', world.server.password('alice'));
      await reader.open_chat('bob');
      await reader.attach(path);
      await reader.see('compose', '#limit', 'At most 20');
      await reader.click('compose', 'button');
      const url = await link();
      assert.match(decodeURIComponent(url), /note.of.today\.txt$/);
      assert.equal((await download(url, world.server.tls.trust)).body.toString(), content);
      // The form for texts is back, and the link stands in the conversation.
      await reader.see('compose', '#t[type=text]');
      await reader.see('stream', `.b a[href="${url}"]`);
      // Neither is a picture that somebody sends loaded, only linked.
      world.bob.message(world.server.jid('alice'), 'https://files.example.org/x.png');
      const shown = '.b a[href="https://files.example.org/x.png"]';
      await reader.see('stream', shown);
      assert.equal(await reader.ask('stream', shown, (node) => node.rel), 'noreferrer noopener nofollow');
      assert.deepEqual(await reader.texts('stream', '.b img'), []);
      await reader.close();
    });

    it('passes a large one on, byte for byte, under a name that is only a name', async () => {
      const content = randomBytes(limit - 1000);
      const answer = await alice.send_file(bob, content, { name: '../../.größe "1".bin', type: 'application/octet-stream' });
      assert.equal(answer.status, 303);
      assert.equal(answer.headers.location, `/compose/${bob}#t`);
      const url = await link();
      assert.doesNotMatch(url, /\.\./);
      assert.ok((await download(url, world.server.tls.trust)).body.equals(content));
    });

    it('says in words why one is not sent', async () => {
      const large = await alice.send_file(bob, randomBytes(limit + 1));
      assert.deepEqual([large.status, alert(large)], [413, 'The file is too large.']);
      const empty = await alice.send_file(bob, '');
      assert.deepEqual([empty.status, alert(empty)], [400, 'The file is empty.']);
      const none = await alice.send_file(bob, '', { name: '', type: 'application/octet-stream' });
      assert.deepEqual([none.status, alert(none)], [400, 'No file was chosen.']);
      if (kind.server_name === 'prosody') {
        const refused = await alice.send_file(bob, 'x', { name: 'x.png', type: 'image/png' });
        assert.deepEqual([refused.status, alert(refused)], [503, 'This was not accepted.']);
      }
      assert.equal((await alice.send_file('c999', 'x', { form: { ...(await alice.file_form(bob)), action: undefined } })).status, 404);
    });

    it('gives the message back that was begun before the file, and takes no harm from a long one', async () => {
      const fields = await alice.fields(`/compose/${bob}`);
      const text = 'half a "thought"\r\nand more';
      const asked = await alice.post(`/compose/${bob}`, { ...fields, do: 'file', text });
      const kept = 'name="text" value="half a &quot;thought&quot;\nand more"';
      assert.equal(asked.text.split(kept).length, 3); // goes along with the file, and with the way back
      const form = { ...(await alice.file_form(bob)), text };
      const empty = await alice.send_file(bob, '', { form });
      assert.equal(empty.text.split(kept).length, 3);
      const sent = await alice.send_file(bob, 'x', { form: { ...(await alice.file_form(bob)), text } });
      assert.deepEqual([sent.status, /<textarea[^>]*>half a &quot;thought&quot;\nand more<\/textarea>/.test(sent.text)], [200, true]);
      await arrived();
      const long = await alice.send_file(bob, 'x', { form: { ...(await alice.file_form(bob)), text: 'x'.repeat(70_000) } });
      assert.equal(long.status, 400);
    });

    // A page of its own has no frame for the form for messages, and that frame no room for a page.
    it('leads from each form back to where it was opened, whatever was looked at meanwhile', async () => {
      const framed = await alice.file_form(bob);
      const whole = await alice.file_form(bob, { framed: false });
      await alice.get('/plain/');
      const list = await alice.stream('/stream/');
      await list.see(`href="/app/${bob}"`);
      list.close();
      assert.doesNotMatch(list.text, /\/plain\//);
      const sent = [await alice.send_file(bob, 'in the frame', { form: framed }), await alice.send_file(bob, '', { form: whole })];
      await alice.get('/app/');
      assert.match(await alice.page('/settings'), /href="\/app\/"/);
      sent.push(await alice.send_file(bob, 'by itself', { form: await alice.file_form(bob, { framed: false }) }));
      assert.deepEqual(sent.map(({ status, headers }) => [status, headers.location]),
        [[303, `/compose/${bob}#t`], [400, undefined], [303, `/plain/${bob}#write`]]);
      assert.match(sent[1].text, /<body class="sheet">/);
      assert.equal((await arrived()).toString(), 'in the frame');
      assert.equal((await arrived()).toString(), 'by itself');
    });

    it('takes each form once, and only its own, from its own page', async () => {
      const form = await alice.file_form(bob);
      const send = (more, headers) => alice.send_file(bob, 'once', { form: { ...form, ...more }, headers });
      const other = await WebSession.open(world.origin, 'alice', world.server.password('alice'));
      await offered(other, bob);
      for (const token of ['', 'f'.repeat(32), (await other.file_form(bob)).token, (await alice.fields(`/compose/${bob}`)).token]) {
        assert.equal((await send({ token })).status, 403, token);
      }
      for (const headers of [{ origin: 'http://evil.test' }, { origin: 'null' }, { 'sec-fetch-site': 'cross-site' },
        { 'sec-fetch-site': 'same-site' }]) {
        assert.equal((await send({}, headers)).status, 403, JSON.stringify(headers));
      }
      assert.match((await send({}, { cookie: 'postern=x' })).text, /You are not logged in any more/);
      for (const type of ['text/plain', 'multipart/form-data', 'multipart/mixed; boundary=x', 'application/x-www-form-urlencoded']) {
        assert.equal((await send({}, { 'content-type': type })).status, 400, type);
      }
      assert.equal((await send({}, { 'content-encoding': 'gzip' })).status, 400);
      // A length that is not that of the form, and none at all.
      const short = await ask(`${world.origin}/upload/${bob}`, { method: 'POST', body: `--${boundary}\r\n`,
        headers: { ...alice.headers, 'content-type': `multipart/form-data; boundary=${boundary}` } });
      assert.equal(short.status, 400);
      const [head, behind] = multipart_around(form, { name: 'long.txt', type: 'text/plain' });
      const long = await ask(`${world.origin}/upload/${bob}`, { method: 'POST', body: `${head}x${behind}and more`,
        headers: { ...alice.headers, 'content-type': `multipart/form-data; boundary=${boundary}` } });
      assert.equal(long.status, 400);
      const chunked = await fetch(`${world.origin}/upload/${bob}`, { method: 'POST', duplex: 'half', redirect: 'manual',
        headers: { cookie: alice.cookie, 'content-type': `multipart/form-data; boundary=${boundary}` }, body: new Blob(['x']).stream() });
      assert.equal(chunked.status, 411);
      await chunked.arrayBuffer();
      // Nothing of all that has gone anywhere; the genuine one does, and only once.
      assert.equal((await send()).status, 303);
      assert.equal((await arrived()).toString(), 'once');
      assert.equal((await send()).status, 303);
      assert.equal((await alice.send_file(bob, 'the next')).status, 303);
      assert.equal((await arrived()).toString(), 'the next');
    });

    it('takes nothing that stands in the body of a refused one for a request', async () => {
      const { host, port } = new URL(world.origin);
      const inside = `GET /assets/icon.svg HTTP/1.1\r\nHost: ${host}\r\n\r\n`;
      const head = `POST /upload/${bob} HTTP/1.1\r\nHost: ${host}\r\nContent-Type: multipart/form-data; boundary=x\r\n` +
        `Content-Length: ${inside.length + 1}\r\n\r\n`;
      for (const together of [true, false]) {
        const connection = await HttpConnection.open(Number(port));
        connection.write(together ? head + inside : head);
        assert.match((await connection.read_answer()).text, /You are not logged in any more/);
        if (!together) connection.write(inside);
        connection.half_close();
        await deadline(connection.closed, wait, 'the connection is closed');
        assert.equal(connection.received.toString(), '');
      }
    });

    it('holds the browser back while the upload service does not read, and loses nothing', async () => {
      const wire = world.server.upload_wire;
      wire.deafen();
      const content = randomBytes(limit - 1000);
      const sending = await Sending.begin(alice, bob, content.length);
      sending.socket.write(content);
      sending.socket.end(sending.behind);
      await until(() => sending.gone > 0, wait, 'it is on its way');
      await at_rest(() => sending.gone);
      assert.ok(sending.gone < on_the_way, `${sending.gone} bytes are on the way`);
      wire.mend();
      await sending.answered();
      assert.match(sending.answer, /^HTTP\/1\.1 303 /);
      assert.ok((await arrived()).equals(content));
    });

    it('says when the upload service cannot be reached, or is lost in the middle', async () => {
      const wire = world.server.upload_wire;
      const words = 'The place where the server keeps files cannot be reached just now.';
      wire.cut();
      const down = await alice.send_file(bob, 'x');
      assert.deepEqual([down.status, alert(down)], [503, words]);
      wire.mend();
      const sending = await Sending.begin(alice, bob, 1_000_000);
      sending.socket.write('x'.repeat(200_000));
      await until(() => [...wire.pairs].some(({ far }) => far.bytesWritten > 100_000), wait, 'it is on its way');
      wire.cut();
      await sending.answered();
      assert.match(sending.answer, /^HTTP\/1\.1 503 /);
      assert.ok(sending.answer.includes(words));
      sending.socket.destroy();
      wire.mend();
      await world.gateway.child.line(/file of 127\.0\.0\.1 not sent: /);
      assert.equal((await alice.send_file(bob, 'after all')).status, 303);
      assert.equal((await arrived()).toString(), 'after all');
    });

    it('sends nothing of a file whose browser goes or falls silent', async () => {
      const wire = world.server.upload_wire;
      for (const gone of [true, false]) {
        const sending = await Sending.begin(alice, bob, 1_000_000);
        sending.socket.write('x'.repeat(200_000));
        await until(() => [...wire.pairs].some(({ far }) => far.bytesWritten > 100_000), wait, 'it is on its way');
        const twice = await alice.send_file(bob, 'x', { form: sending.form });
        assert.deepEqual([twice.status, alert(twice)], [503, 'This is already being done.']);
        if (gone) {
          sending.socket.destroy();
        } else {
          await sending.answered(); // limits.body_timeout after the last byte
          assert.match(sending.answer, /^HTTP\/1\.1 503 [^]*The file could not be sent\./);
          sending.socket.destroy();
        }
        await until(() => wire.pairs.size === 0, wait, 'its connection to the service ends');
        // A page that is loaded anew sends its form again: its file has not been sent yet.
        assert.equal((await alice.send_file(bob, `again ${gone}`, { form: sending.form })).status, 303);
        assert.equal((await arrived()).toString(), `again ${gone}`);
      }
      assert.equal((await alice.send_file(bob, 'whole')).status, 303);
      assert.equal((await arrived()).toString(), 'whole');
    });

    it('sends a file that has come whole, whatever becomes of its browser', async () => {
      const wire = world.server.upload_wire;
      wire.deafen();
      const sending = await Sending.begin(alice, bob, 30_000);
      sending.socket.write('y'.repeat(30_000));
      sending.socket.write(sending.behind);
      await until(() => wire.pairs.size > 0 && sending.socket.writableLength === 0, wait, 'it is on its way');
      sending.socket.resetAndDestroy();
      await alice.get('/settings'); // time for it to notice
      wire.mend();
      assert.equal((await arrived()).toString(), 'y'.repeat(30_000));
    });

    it('goes nowhere that the operator does not know of', async () => {
      const { upload_origins: _, ...domain } = { name: 'postern.test', server: `127.0.0.1:${world.server.c2s_port}`, tls: 'starttls',
        ca_file: world.server.tls.trust };
      const plain = kind.server_name === 'ejabberd';
      const other = await start_postern({ domains: [domain], webchat: { enabled: true, max_file_bytes: 1000 } });
      const { origin } = other.listeners[0];
      const session = await WebSession.open(origin, 'alice', world.server.password('alice'));
      const row = await session.row('bob');
      await until(async () => (await session.get(`/file/${row}`)).text.includes('At most 1000'), wait, 'files are offered');
      const answer = await session.send_file(row, 'x');
      assert.deepEqual([answer.status, alert(answer)], [503, 'The file could not be sent.']);
      if (!plain) await other.child.line(/file of 127\.0\.0\.1 not sent: upload_origins of postern\.test does not have https:\/\/localhost:\d+/);
      const large = await session.send_file(row, 'x'.repeat(1001));
      assert.equal(large.status, 413);
      await stop_all(other);
      const without = await start_postern({ domains: [domain], webchat: { enabled: true, max_file_bytes: 0 } });
      const nobody = await WebSession.open(without.listeners[0].origin, 'alice', world.server.password('alice'));
      const there = await nobody.row('bob');
      assert.equal((await nobody.get(`/file/${there}`)).status, 404);
      assert.doesNotMatch(await nobody.page(`/compose/${there}`), /\/file\//);
      await stop_all(without);
    });
  });
}

leave_nothing_behind();
