// Discovery over the wire (XEP-0156; D-001...D-005): the two documents, who may read them, and that nothing of a request gets in.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { stop_all } from './lib/cleanup.mjs';
import { leave_nothing_behind } from './lib/leave_nothing_behind.mjs';
import { start_postern } from './lib/postern.mjs';
import { exchange, request } from './lib/raw_http.mjs';

const xml = '/.well-known/host-meta';
const json = '/.well-known/host-meta.json';
const evil = { Origin: 'https://evil.example' };

describe('host-meta', () => {
  const world = {};
  before(async () => {
    const nobody = { server: '127.0.0.1:1', tls: 'none' };
    world.postern = await start_postern({ threads: 1, cors: { origins: ['https://chat.example.org'] },
      listen: [{ address: '127.0.0.1:0' }, { address: '127.0.0.1:0', private: true }],
      domains: [
        { name: 'example.org', ...nobody, bosh_url: 'https://chat.example.org/http-bind', websocket_url: 'wss://chat.example.org/xmpp-websocket' },
        { name: 'example.net', ...nobody },
      ] });
  });
  after(() => stop_all(world.postern));

  const ask = (path, { method = 'GET', port = world.postern.port, ...fields } = {}) =>
    exchange(port, request(method, path, '', { fields: { Host: 'example.org', ...fields } }), { head_only: method === 'HEAD' });

  it('is there in both forms, with and without a slash at the end', async () => {
    for (const path of [xml, `${xml}/`, `${xml}?x=1`]) {
      const answer = await ask(path);
      assert.equal(answer.status, 200, path);
      assert.match(answer.field('content-type'), /^application\/xrd\+xml/);
      assert.match(answer.text, /<Link rel='urn:xmpp:alt-connections:xbosh' href='https:\/\/chat\.example\.org\/http-bind'\/>/);
    }
    const answer = await ask(json);
    assert.match(answer.field('content-type'), /^application\/json/);
    assert.deepEqual(JSON.parse(answer.text), { links: [
      { rel: 'urn:xmpp:alt-connections:xbosh', href: 'https://chat.example.org/http-bind' },
      { rel: 'urn:xmpp:alt-connections:websocket', href: 'wss://chat.example.org/xmpp-websocket' }] });
  });

  it('D-004 pages of every origin may read it, and only it', async () => {
    for (const path of [xml, json]) {
      assert.equal((await ask(path, evil)).field('access-control-allow-origin'), '*');
      assert.equal((await ask(path, { Host: 'example.net', ...evil })).field('access-control-allow-origin'), '*', 'a 404 as well');
    }
    assert.equal((await ask('/http-bind', evil)).field('access-control-allow-origin'), undefined);
    assert.equal((await ask('/.well-known/other', evil)).field('access-control-allow-origin'), undefined);
  });

  it('HEAD, OPTIONS and everything else', async () => {
    const head = await ask(xml, { method: 'HEAD' });
    assert.equal(head.status, 200);
    assert.equal(Number(head.field('content-length')), (await ask(xml)).body.length);
    const preflight = await ask(json, { method: 'OPTIONS', ...evil, 'Access-Control-Request-Method': 'GET' });
    assert.equal(preflight.status, 204);
    assert.equal(preflight.field('access-control-allow-origin'), '*');
    assert.match(preflight.field('access-control-allow-methods'), /GET/);
    const refused = await ask(xml, { method: 'POST' });
    assert.equal(refused.status, 405);
    assert.equal(refused.field('allow'), 'GET, HEAD, OPTIONS');
  });

  it('is not there for a domain without public URLs, for strangers, or on the private listener', async () => {
    for (const host of ['example.net', 'other.example', 'example.org.evil.example']) {
      assert.equal((await ask(xml, { Host: host })).status, 404, host);
    }
    assert.equal((await ask(xml, { port: world.postern.listeners[1].port })).status, 404);
  });

  it('D-005 says nothing that a request said', async () => {
    const answer = await ask(xml, { 'X-Forwarded-Host': 'evil.example', Forwarded: 'host=evil.example', ...evil });
    assert.equal(answer.status, 200);
    assert.doesNotMatch(answer.text, /evil/);
  });
});

leave_nothing_behind();
