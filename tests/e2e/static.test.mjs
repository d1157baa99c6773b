// Files of the operator's own web client: what is served, as what, how it is cached, and what no request can reach.
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { mkdirSync, readFileSync, renameSync, symlinkSync, truncateSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { gunzipSync, gzipSync } from 'node:zlib';
import { BoshSession } from './lib/bosh.mjs';
import { stop_all, temp_dir } from './lib/cleanup.mjs';
import { answer_sasl, FakeServer } from './lib/fake_server.mjs';
import { leave_nothing_behind } from './lib/leave_nothing_behind.mjs';
import { start_postern } from './lib/postern.mjs';
import { from_server, message, texts_in } from './lib/probe.mjs';
import { exchange, HttpConnection, post, request } from './lib/raw_http.mjs';
import { until } from './lib/wait.mjs';

const megabyte = 1024 * 1024;
// Larger than all buffers on the way, small enough for a test client that joins what it gets.
const big = randomBytes(16 * megabyte);
const script = Buffer.from(`// ${'a line of a script that compresses well\n'.repeat(4000)}`);

describe('files of a web client', () => {
  const world = {};
  before(async () => {
    const dir = temp_dir('static');
    const root = join(dir, 'root');
    mkdirSync(join(root, 'js'), { recursive: true });
    mkdirSync(join(root, '.git'));
    mkdirSync(join(root, 'empty'));
    writeFileSync(join(dir, 'secret.txt'), 'the secret');
    writeFileSync(join(root, 'index.html'), '<!DOCTYPE html><title>chat</title><script src="js/app.js"></script>');
    writeFileSync(join(root, 'js', 'app.js'), script);
    writeFileSync(join(root, 'js', 'small.js'), 'x = 1;\n'.repeat(300));
    writeFileSync(join(root, 'big.bin'), big);
    writeFileSync(join(root, 'nothing.txt'), '');
    writeFileSync(join(root, 'a b\u00e9.txt'), 'odd name');
    writeFileSync(join(root, '.git', 'config'), 'the secret');
    writeFileSync(join(root, '.htpasswd'), 'the secret');
    symlinkSync('../secret.txt', join(root, 'link.txt'));
    symlinkSync('..', join(root, 'up'));
    symlinkSync('js/small.js', join(root, 'inside.js'));
    world.root = root;
    world.server = await FakeServer.start({ on_element: answer_sasl });
    world.postern = await start_postern({ threads: 1, limits: { write_timeout: 4 },
      statics: [{ path: '/chat', root }, { path: '/', root: join(root, 'js'), max_age: 60, inline_scripts: false,
        connect_sources: ['https://upload.example'] }],
      listen: [{ address: '127.0.0.1:0' }, { address: '127.0.0.1:0', private: true }],
      domains: [{ name: 'postern.test', server: `127.0.0.1:${world.server.port}`, tls: 'none' }] });
  });
  after(() => stop_all(world.postern, world.server));

  const get = (path, fields = {}, method = 'GET') =>
    exchange(world.postern.port, request(method, path, '', { fields }), { head_only: method === 'HEAD', within: 20_000 });

  describe('what is served', () => {
    it('files with their types, the index of a directory, odd names', async () => {
      for (const [path, type, text] of [
        ['/chat/', 'text/html; charset=utf-8', readFileSync(join(world.root, 'index.html'))],
        ['/chat/index.html?x=1', 'text/html; charset=utf-8', readFileSync(join(world.root, 'index.html'))],
        ['/chat/js/app.js', 'text/javascript; charset=utf-8', script],
        ['/chat/inside.js', 'text/javascript; charset=utf-8', readFileSync(join(world.root, 'js', 'small.js'))],
        ['/app.js', 'text/javascript; charset=utf-8', script],
        ['/chat/a%20b%C3%A9.txt', 'text/plain; charset=utf-8', Buffer.from('odd name')],
        ['/chat/nothing.txt', 'text/plain; charset=utf-8', Buffer.alloc(0)],
      ]) {
        const answer = await get(path);
        assert.equal(answer.status, 200, path);
        assert.equal(answer.field('content-type'), type);
        assert.ok(answer.body.equals(text), path);
        assert.equal(answer.field('x-content-type-options'), 'nosniff');
        assert.equal(answer.field('access-control-allow-origin'), undefined);
      }
    });

    it('HEAD is GET without the body; nothing else is allowed', async () => {
      const head = await get('/chat/big.bin', {}, 'HEAD');
      assert.equal(head.status, 200);
      assert.equal(head.field('content-length'), String(big.length));
      for (const method of ['POST', 'OPTIONS', 'PUT', 'DELETE']) {
        const answer = await get('/chat/index.html', {}, method);
        assert.equal(answer.status, 405, method);
        assert.equal(answer.field('allow'), 'GET, HEAD');
      }
    });

    it('a directory without its slash is redirected to itself, never elsewhere', async () => {
      for (const [path, place] of [['/chat', '/chat/'], ['/chat?a=b', '/chat/?a=b'], ['/chat/js', '/chat/js/']]) {
        const answer = await get(path);
        assert.equal(answer.status, 301, path);
        assert.equal(answer.field('location'), place);
      }
      for (const path of ['//evil.example', '//evil.example/', '/%2fevil.example', '/\\evil.example']) {
        assert.equal((await get(path)).status, 404, path);
      }
      assert.equal((await get('http://localhost/chat')).field('location'), '/chat/');
    });

    it('the policy lets scripts work and connect, no further; a stricter one can be had', async () => {
      const loose = (await get('/chat/')).field('content-security-policy');
      assert.match(loose, /script-src 'self' 'unsafe-inline' 'unsafe-eval'; /);
      assert.match(loose, /connect-src 'self' wss:; /);
      assert.match(loose, /object-src 'none'/);
      const strict = (await get('/app.js')).field('content-security-policy');
      assert.match(strict, /script-src 'self'; /);
      assert.match(strict, /connect-src 'self' wss: https:\/\/upload\.example; /);
    });

    it('endpoints come before files, and BOSH works beside them', async () => {
      const session = await BoshSession.create(world.postern.port);
      const stream = await world.server.accept();
      const held = await session.send({ payload: message('hello') });
      await stream.element();
      stream.send(from_server('hi'));
      assert.deepEqual(texts_in(await held.answer), ['hi']);
      await session.ask({ attributes: { type: 'terminate' } });
    });
  });

  describe('what is not', () => {
    it('no name reaches out of the root or what is hidden', async () => {
      for (const path of ['/chat/../secret.txt', '/chat/js/../../secret.txt', '/chat/%2e%2e/secret.txt', '/chat/..%2fsecret.txt',
        '/chat/js/%2e%2e/%2e%2e/secret.txt', '/chat/..%5csecret.txt', '/chat/link.txt', '/chat/up/secret.txt', '/chat/.git/config',
        '/chat/%2egit/config', '/chat/.htpasswd', '/chat//etc/passwd', '/chat/%00index.html', '/chat/index.html%00.png', '/chat/index.html/',
        '/chat/%', '/chat/%zz', '/chat/empty/', '/chat/.', '/chat/none', '/chat/index.html/x', '/chatter/index.html', '*']) {
        const answer = await get(path);
        assert.equal(answer.status, 404, path);
        assert.doesNotMatch(answer.text, /secret/, path);
      }
    });

    it('nothing on the private listener', async () => {
      const answer = await exchange(world.postern.listeners[1].port, request('GET', '/chat/index.html'));
      assert.equal(answer.status, 404);
    });
  });

  describe('caching, ranges and compression', () => {
    it('a copy that is still good is not sent again', async () => {
      const path = '/chat/index.html';
      const first = await get(path);
      assert.equal(first.field('cache-control'), 'no-cache');
      assert.equal((await get('/app.js')).field('cache-control'), 'max-age=60');
      for (const fields of [{ 'If-None-Match': first.field('etag') }, { 'If-None-Match': `"x", ${first.field('etag')}` },
        { 'If-Modified-Since': first.field('last-modified') }]) {
        const again = await get(path, fields);
        assert.equal(again.status, 304);
        assert.equal(again.field('etag'), first.field('etag'));
        assert.equal(again.field('content-length'), undefined);
      }
      const file = join(world.root, 'index.html');
      const next = `${file}.next`;
      writeFileSync(next, readFileSync(file));
      utimesSync(next, 1_000_000, 1_000_000);
      renameSync(next, file);
      const changed = await get(path, { 'If-None-Match': first.field('etag') });
      assert.equal(changed.status, 200);
      assert.notEqual(changed.field('etag'), first.field('etag'));
    });

    it('a 304 leaves the connection usable', async () => {
      const etag = (await get('/chat/')).field('etag');
      const connection = await HttpConnection.open(world.postern.port);
      for (let i = 0; i < 3; i++) {
        connection.write(request('GET', '/chat/', '', { fields: { 'If-None-Match': etag } }), request('GET', '/chat/nothing.txt'));
        assert.equal((await connection.read_answer()).status, 304);
        assert.equal((await connection.read_answer()).status, 200);
      }
      connection.destroy();
    });

    it('ranges', async () => {
      for (const [range, from, to] of [['bytes=0-9', 0, 10], ['bytes=-5', big.length - 5, big.length], ['bytes=1000000-', 1_000_000, big.length],
        ['bytes=70000-200000', 70_000, 200_001]]) {
        const answer = await get('/chat/big.bin', { Range: range });
        assert.equal(answer.status, 206, range);
        assert.equal(answer.field('content-range'), `bytes ${from}-${to - 1}/${big.length}`);
        assert.ok(answer.body.equals(big.subarray(from, to)), range);
      }
      const beyond = await get('/chat/big.bin', { Range: `bytes=${big.length}-` });
      assert.equal(beyond.status, 416);
      assert.equal(beyond.field('content-range'), `bytes */${big.length}`);
      const etag = (await get('/chat/big.bin', {}, 'HEAD')).field('etag');
      assert.equal((await get('/chat/big.bin', { Range: 'bytes=0-9', 'If-Range': etag })).status, 206);
      assert.equal((await get('/chat/big.bin', { Range: 'bytes=0-9', 'If-Range': '"old"' }, 'HEAD')).status, 200);
    });

    it('text is compressed when it is small, and served from a compressed copy when it is large', async () => {
      const gzip = { 'Accept-Encoding': 'gzip' };
      const small = await get('/chat/js/small.js', gzip);
      assert.equal(small.field('content-encoding'), 'gzip');
      assert.match(small.field('etag'), /^W\//);
      assert.equal(small.text, readFileSync(join(world.root, 'js', 'small.js'), 'utf8'));
      assert.equal((await get('/chat/js/small.js', { ...gzip, 'If-None-Match': small.field('etag') })).status, 304);
      assert.equal((await get('/chat/js/app.js', gzip)).field('content-encoding'), undefined, 'no copy');
      writeFileSync(join(world.root, 'js', 'app.js.gz'), gzipSync(script));
      const large = await get('/chat/js/app.js', gzip);
      assert.equal(large.field('content-encoding'), 'gzip');
      assert.equal(large.field('content-type'), 'text/javascript; charset=utf-8');
      assert.ok(gunzipSync(large.body).equals(script));
      const plain = await get('/chat/js/app.js');
      assert.equal(plain.field('content-encoding'), undefined);
      assert.match(plain.field('vary'), /Accept-Encoding/);
      assert.notEqual(plain.field('etag'), large.field('etag'));
      utimesSync(join(world.root, 'js', 'app.js.gz'), 1000, 1000);
      assert.equal((await get('/chat/js/app.js', gzip)).field('content-encoding'), undefined, 'the copy is older');
    });
  });

  describe('a file larger than memory should be', () => {
    const digest = (bytes) => createHash('sha256').update(bytes).digest('hex');

    it('arrives whole, also pipelined between other answers', async () => {
      const connection = await HttpConnection.open(world.postern.port);
      connection.write(request('GET', '/chat/nothing.txt'), request('GET', '/chat/big.bin'), request('GET', '/chat/js/app.js'),
        request('GET', '/chat/big.bin'), request('GET', '/chat/', '', { fields: { Connection: 'close' } }));
      assert.equal((await connection.read_answer()).body.length, 0);
      assert.equal(digest((await connection.read_answer({ within: 60_000 })).body), digest(big));
      assert.ok((await connection.read_answer()).body.equals(script));
      assert.equal(digest((await connection.read_answer({ within: 60_000 })).body), digest(big));
      assert.match((await connection.read_answer()).text, /<title>chat/);
      await connection.read_end();
    });

    it('goes on for a client that has closed its half', async () => {
      const connection = await HttpConnection.open(world.postern.port);
      connection.write(request('GET', '/chat/big.bin', '', { version: '1.0' })).half_close();
      assert.equal(digest((await connection.read_answer({ within: 60_000 })).body), digest(big));
      await connection.read_end();
    });

    it('does not hold up others, nor memory, while nobody reads it; in the end that client is dropped', async () => {
      const resident = () => Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${world.postern.pid}/status`, 'utf8'))[1]) * 1024;
      await get('/chat/big.bin');
      const before_it = resident();
      const lazy = [];
      for (let i = 0; i < 8; i++) {
        const connection = await HttpConnection.open(world.postern.port);
        connection.socket.pause();
        connection.write(request('GET', '/chat/big.bin'));
        lazy.push(connection);
      }
      const begin = performance.now();
      for (let i = 0; i < 20; i++) assert.equal((await get('/chat/nothing.txt')).status, 200);
      assert.ok(performance.now() - begin < 5000);
      assert.ok(resident() - before_it < 32 * megabyte, `${(resident() - before_it) / megabyte} MB more`);
      for (const connection of lazy) connection.destroy();
      const slow = await HttpConnection.open(world.postern.port);
      slow.socket.pause();
      slow.write(request('GET', '/chat/big.bin'));
      // Who does not read does not see that it was dropped: the kernel's list of sockets does, seen from the gateway's side.
      const hex = (port) => port.toString(16).toUpperCase().padStart(4, '0');
      const established = new RegExp(`:${hex(world.postern.port)} \\w+:${hex(slow.socket.localPort)} 01`);
      const is_held = () => established.test(readFileSync('/proc/net/tcp', 'utf8'));
      assert.ok(is_held());
      await until(() => !is_held(), 20_000, 'it is dropped');
      slow.socket.resume();
      const got = (await slow.read_to_end(20_000)).length + slow.received.length;
      assert.ok(got < big.length, 'cut off');
      slow.destroy();
    });

    it('is broken off, and nothing else happens, when it becomes shorter on the way', async () => {
      const path = join(world.root, 'shrinks.bin');
      writeFileSync(path, big);
      const connection = await HttpConnection.open(world.postern.port);
      connection.socket.pause();
      connection.write(request('GET', '/chat/shrinks.bin'));
      await get('/chat/nothing.txt');
      truncateSync(path, 100);
      connection.socket.resume();
      await assert.rejects(connection.read_answer({ within: 20_000 }), /ended before/);
      connection.destroy();
      assert.equal((await get('/chat/')).status, 200);
    });

    it('nothing stays open', async () => {
      const { readdirSync, readlinkSync } = await import('node:fs');
      const open_files = () => readdirSync(`/proc/${world.postern.pid}/fd`).filter((fd) => {
        try {
          return /\.bin/.test(readlinkSync(`/proc/${world.postern.pid}/fd/${fd}`));
        } catch {
          return false;
        }
      });
      await until(() => open_files().length === 0, 5000, 'all files are closed');
    });
  });
});

leave_nothing_behind();
