// Strophe.js with webclient/strophe/postern-push.js, in Node, Chromium and Firefox: how it finds its way where WebSocket is killed, where streams are swallowed, and where connections break all the time (V-024).
import assert from 'node:assert/strict';
import { after, afterEach, before, describe, it } from 'node:test';
import { BackEnd } from './lib/back_end.mjs';
import { Buddy } from './lib/buddy.mjs';
import { Authority } from './lib/certs.mjs';
import { Chromium } from './lib/chromium.mjs';
import { stop_all } from './lib/cleanup.mjs';
import { afterwards, missing, numbered } from './lib/delivery.mjs';
import { Firefox } from './lib/firefox.mjs';
import { leave_nothing_behind } from './lib/leave_nothing_behind.mjs';
import { MeddlingProxy } from './lib/meddling_proxy.mjs';
import { Nginx } from './lib/nginx.mjs';
import { servers } from './lib/servers.mjs';
import { start_static_server } from './lib/static_server.mjs';
import { StropheNode } from './lib/strophe.mjs';
import { start_gateway } from './lib/target.mjs';
import { until } from './lib/wait.mjs';

// Quick to lose patience, so that a test need not have much of it.
const push = { patience: 2000, silence: 2500, acknowledge: 300 };
const settings = { threads: 2, bosh: { push_streams: true, push_keep_alive: 1, push_max_bytes: 16_384, inactivity: 8 } };

async function begin(world, kind, more = {}) {
  const authority = await Authority.create();
  world.server = await kind.start({ tls: await authority.good('postern.test', 'rooms.postern.test') });
  world.gateway = await start_gateway(world.server, { ...settings, ...more });
  world.bob = await Buddy.connect(world.server, 'bob');
  world.bob.presence({});
}

async function come_online(world, client, options = {}) {
  await client.connect(world.server.jid('alice'), world.server.password('alice'), { push, ...options });
  const { jid } = await client.status('connected', 30_000);
  await client.call('presence', {});
  await world.bob.event('presence', (event) => event.from === jid && !event.type);
  return jid;
}

async function talk(world, client, jid, name) {
  await client.call('message', world.bob.jid, `${name}, there`);
  await world.bob.event('message', (event) => event.from === jid && event.body === `${name}, there`);
  world.bob.message(jid, `${name}, back`);
  await client.event('message', (event) => event.body === `${name}, back`);
}

// Until then the client may not have noticed.
async function cut_the_stream(proxy) {
  const streams = () => proxy.seen.filter((what) => what === 'stream').length;
  const before = streams();
  proxy.cut();
  await until(() => streams() > before, 15_000, 'another stream is asked for');
}

const by_way = (client, way) => until(async () => (await client.way()) === way, 15_000, `connected by ${way}`);

function the_way_to(kind) {
  const world = {};
  let client;
  let proxy;
  before(() => begin(world, kind));
  afterEach(async () => {
    await client?.close();
    await proxy?.stop();
    client = proxy = null;
  });
  after(() => stop_all(world.bob, world.gateway, world.server));

  const open = async (options) => {
    proxy = await MeddlingProxy.start(world.gateway.port, options);
    client = await StropheNode.open({ url: proxy.urls });
    client.way = () => client.client.way();
  };

  it('takes WebSocket where it passes', async () => {
    await open();
    const jid = await come_online(world, client);
    assert.equal(client.way(), 'websocket');
    await talk(world, client, jid, 'websocket');
  });

  for (const websocket of ['refuse', 'swallow']) {
    it(`takes a stream where WebSocket does not pass: ${websocket}`, async () => {
      await open({ websocket });
      const jid = await come_online(world, client);
      assert.deepEqual(client.events.peek((event) => event.event === 'status').map(({ status }) => status).filter((name) => /fail|disc/.test(name)), [],
        'the page is not told of the attempt');
      await by_way(client, 'sse');
      await talk(world, client, jid, 'a stream');
      // Nothing is held, and nothing asks: the stream is what is waited for.
      const before = proxy.seen.length;
      world.bob.message(jid, 'one more');
      await client.event('message', (event) => event.body === 'one more');
      await until(() => proxy.seen.length > before, 5000, 'it is acknowledged');
      assert.deepEqual(proxy.seen.slice(before), ['POST']);
    });
  }

  it('takes BOSH where streams are swallowed from the start', async () => {
    await open({ websocket: 'refuse', stream: 'swallow' });
    const jid = await come_online(world, client);
    world.bob.message(jid, 'into the void'); // perhaps given to the stream that nobody sees
    await client.event('message', (event) => event.body === 'into the void');
    await by_way(client, 'bosh');
    await until(() => client.network.in_flight === 1, 10_000, 'a poll is held');
    await talk(world, client, jid, 'BOSH');
    assert.deepEqual(client.events.peek((event) => event.event === 'message' && event.body === 'into the void'), [], 'not twice');
  });

  it('takes BOSH when a stream stops in the middle: nothing lost, nothing twice', async () => {
    await open({ websocket: 'refuse' });
    const jid = await come_online(world, client);
    await by_way(client, 'sse');
    const sent = numbered('message', 30);
    for (const [i, text] of sent.entries()) {
      world.bob.message(jid, text);
      if (i === 10) {
        await client.event('message', (event) => event.body === 'message 5');
        proxy.stream = 'swallow';
      }
    }
    await client.event('message', (event) => event.body === 'message 29', 30_000);
    await by_way(client, 'bosh');
    const got = client.events.peek((event) => event.event === 'message').map(({ body }) => body);
    assert.deepEqual(got, sent.filter((text) => text !== 'message 5' && text !== 'message 29'));
    await talk(world, client, jid, 'BOSH');
  });

  it('a long conversation takes several streams: every message once and in order (V-007)', async () => {
    await open({ websocket: 'refuse' });
    const jid = await come_online(world, client);
    await by_way(client, 'sse');
    const sent = numbered(`${'long '.repeat(60)}message`, 300);
    const got = [];
    // Each sixty are more than a stream may carry, however few events they come in.
    for (let i = 0; i < sent.length; i += 60) {
      const some = sent.slice(i, i + 60);
      assert.ok(some.join('').length > settings.bosh.push_max_bytes);
      for (const text of some) world.bob.message(jid, text);
      while (got.length < i + some.length) got.push((await client.event('message')).body);
    }
    assert.deepEqual(got, sent);
    const streams = proxy.seen.filter((what) => what === 'stream').length;
    assert.ok(streams >= 5, `${streams} streams`);
    await talk(world, client, jid, 'behind the last seam');
  });

  it('connections break all the time: every message once and in order, both ways', async () => {
    await open({ websocket: 'refuse' });
    const jid = await come_online(world, client);
    await by_way(client, 'sse');
    const got = [];
    const heard = [];
    for (let round = 0; round < 8; round++) {
      for (const text of numbered(`round ${round}`, 4)) {
        world.bob.message(jid, text);
        await client.call('message', world.bob.jid, text);
      }
      got.push(await client.event('message', (event) => event.body));
      await cut_the_stream(proxy);
      await by_way(client, 'sse');
    }
    while (got.length < 32) got.push(await client.event('message', (event) => event.body, 20_000));
    while (heard.length < 32) heard.push(await world.bob.event('message', (event) => event.from === jid, 20_000));
    const all = Array.from({ length: 8 }, (_, round) => numbered(`round ${round}`, 4)).flat();
    assert.deepEqual(got.map(({ body }) => body), all);
    assert.deepEqual(heard.map(({ body }) => body), all);
  });

  it('the tab crashes: what it had not acknowledged comes again', async () => {
    await open({ websocket: 'refuse' });
    const jid = await come_online(world, client);
    await by_way(client, 'sse');
    client.client.connection._proto._workOff = () => {}; // the page hangs; the network goes on reading
    const unseen = numbered('unseen', 5);
    for (const text of unseen) world.bob.message(jid, text);
    await until(() => client.client.connection._proto.push.waiting.length > 0, 5000, 'it has arrived');
    await client.close();
    await proxy.stop();
    await world.bob.event('presence', (event) => event.from === jid && event.type === 'unavailable', 40_000);
    const { again, returned } = await afterwards(world.server, world.bob);
    assert.deepEqual(missing(unseen, again, returned), []);
  });
}

function in_browsers() {
  const world = {};
  before(async () => {
    world.back_end = new BackEnd();
    await begin(world, servers[0], world.back_end.settings());
    [world.chromium, world.firefox, world.site, world.nginx] = await Promise.all([Chromium.launch(), Firefox.launch(), start_static_server(),
      Nginx.stock(world.gateway.port)]);
  });
  after(() => stop_all(world.chromium, world.firefox, world.site, world.nginx, world.bob, world.gateway, world.server));

  for (const browser of ['chromium', 'firefox']) {
    it(`${browser}: another origin, WebSocket killed: Server-Sent Events, also after a reload; BOSH when they are swallowed`, async () => {
      const proxy = await MeddlingProxy.start(world.gateway.port, { websocket: 'refuse' });
      const tab = await world[browser].open({ origin: world.site.origin, url: proxy.urls });
      const jid = await come_online(world, tab, { keepalive: true });
      await by_way(tab, 'sse');
      await talk(world, tab, jid, 'sse');
      const cut = cut_the_stream(proxy);
      world.bob.message(jid, 'while it was away');
      await cut;
      await tab.event('message', (event) => event.body === 'while it was away');
      await by_way(tab, 'sse');
      await tab.reload();
      world.bob.message(jid, 'during the reload');
      await tab.restore(jid);
      await tab.status('attached');
      await tab.event('message', (event) => event.body === 'during the reload');
      await by_way(tab, 'sse');
      await talk(world, tab, jid, 'after the reload');
      assert.deepEqual(tab.events.peek((event) => event.event === 'message'), [], 'nothing twice');
      proxy.stream = 'swallow';
      proxy.cut();
      await by_way(tab, 'bosh');
      await talk(world, tab, jid, 'bosh');
      await tab.close();
      await proxy.stop();
    });
  }

  it('chromium: a session that the site has begun, which the page attaches to (V-025)', async () => {
    const { status, body } = await world.back_end.begin(world.gateway.listeners[1].port,
      { how: 'password', user: 'alice@postern.test/site', secret: world.server.password('alice'), secure: '0' });
    assert.equal(status, 200);
    const tab = await world.chromium.open({ origin: world.site.origin, url: { bosh: world.gateway.url } });
    await tab.call('attach', tab.url, body);
    await tab.status('attached');
    await by_way(tab, 'sse');
    await tab.call('presence', {});
    await world.bob.event('presence', (event) => event.from === body.jid && !event.type);
    await talk(world, tab, body.jid, 'attached');
    await tab.close();
  });

  for (const browser of ['chromium', 'firefox']) {
    it(`${browser}: a frame, behind nginx as it comes: whatever the text`, async () => {
      const tab = await world[browser].open({ origin: world.nginx.origin, url: { bosh: world.nginx.url } });
      const in_page = (expression) => (tab.page ?? tab).evaluate(expression);
      const jid = await come_online(world, tab, { push: { ...push, streams: ['frame'] } });
      await by_way(tab, 'frame');
      await talk(world, tab, jid, `</script><script>document.title='broken'</script><!-- \u2028 \\ " ' 😀`);
      assert.equal(await in_page('document.title'), 'chat');
      await tab.call('disconnect');
      await tab.status('disconnected');
      assert.equal(await in_page('document.querySelectorAll("iframe").length'), 0);
      // But for the icon that nginx does not have.
      assert.deepEqual(tab.events.peek(({ event, text }) => event === 'pageerror' || (event === 'console' && !/status of 404/.test(text))), []);
      await tab.close();
    });
  }

  it('chromium: a page of another origin cannot use a frame', async () => {
    const tab = await world.chromium.open({ origin: world.site.origin, url: { bosh: world.gateway.url } });
    const jid = await come_online(world, tab, { push: { ...push, streams: ['frame', 'sse'] } });
    await by_way(tab, 'sse');
    // By force: the browser shows nothing of it to the page around.
    const calls = await tab.page.evaluate((url) => new Promise((resolve) => {
      const frame = document.createElement('iframe');
      const seen = [];
      frame.posternEvent = frame.posternSign = (...args) => seen.push(args);
      frame.onload = () => resolve(seen);
      frame.src = url;
      document.body.append(frame);
    }), `${world.gateway.url}?push=0-0-0-${'0'.repeat(32)}&as=frame`);
    assert.deepEqual(calls, []);
    await talk(world, tab, jid, 'sse');
    await tab.close();
  });
}

// Most of it is waiting until somebody loses patience.
describe('the way through the network', { concurrency: true }, () => {
  for (const kind of servers) describe(`to ${kind.server_name}`, { concurrency: 1 }, () => the_way_to(kind));
  describe('in browsers', { concurrency: 1 }, in_browsers);
});

leave_nothing_behind();
