// XEP-0252: a page that can only load scripts, in a real browser between real servers; and by hand what no page would send. S-001 ... S-007.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, describe, it } from 'node:test';
import { Buddy } from './lib/buddy.mjs';
import { Authority } from './lib/certs.mjs';
import { Chromium } from './lib/chromium.mjs';
import { stop_all } from './lib/cleanup.mjs';
import { leave_nothing_behind } from './lib/leave_nothing_behind.mjs';
import { Bench, message } from './lib/probe.mjs';
import { post, request } from './lib/raw_http.mjs';
import { servers } from './lib/servers.mjs';
import { start_static_server } from './lib/static_server.mjs';
import { start_gateway } from './lib/target.mjs';
import { ns } from './lib/xml.mjs';

const page = readFileSync(new URL('./pages/script_client.js', import.meta.url), 'utf8');
const script_syntax = { bosh: { script_syntax: true } };
const query = (attributes, content = '') => `/http-bind?${encodeURIComponent(`<body xmlns='${ns.httpbind}'${attributes}>${content}</body>`)}`;
const creation = query(" rid='1' to='postern.test' ver='1.6' wait='20' hold='1'");

// What _BOSH_ is called with.
function body_of(answer) {
  assert.equal(answer.status, 200, answer.raw);
  assert.equal(answer.field('content-type'), 'text/javascript; charset=utf-8');
  assert.equal(answer.field('pragma'), 'no-cache');
  assert.match(answer.field('cache-control'), /no-store/);
  assert.equal(answer.field('referrer-policy'), 'no-referrer');
  assert.doesNotMatch(answer.text, /[\r\n]/);
  let body;
  new Function('_BOSH_', answer.text)((text) => { body = text; });
  return body;
}

describe('by hand', () => {
  const bench = Bench.around(script_syntax);
  const get = async (target) => body_of(await bench.exchange(request('GET', target)));

  it('S-001, S-004 a session, its stanzas in pieces, an answer that needs escaping', async () => {
    const sid = /sid='([^']*)'/.exec(await get(creation))[1];
    const stream = await bench.server.accept();
    const sent = message('one of many');
    const connections = [];
    for (const [i, piece] of [sent.slice(0, 20), sent.slice(20)].entries()) {
      const connection = await bench.connect();
      connection.write(request('GET', query(` rid='${i + 2}' sid='${sid}'`, piece)));
      connections.push(connection);
    }
    assert.match(await stream.element(), /one of many/);
    stream.send("<message><body>\"\\ \u2028 &lt;/script></body></message>");
    // The first one may have gone back empty before the server said anything.
    let body = body_of(await connections[0].read_answer());
    if (!body.includes('<message')) body = body_of(await connections[1].read_answer());
    assert.match(body, /<body>"\\ \u2028 &lt;\/script><\/body>/);
    connections.forEach((connection) => connection.destroy());
  });

  it('S-004 one syntax for all requests of a session, and no harm to it by the other', async () => {
    const sid = /sid='([^']*)'/.exec(await get(creation))[1];
    await bench.server.accept();
    const pure = await bench.exchange(post('/http-bind', `<body xmlns='${ns.httpbind}' rid='2' sid='${sid}'/>`));
    assert.match(pure.text, /condition='bad-request'/);
    assert.equal(await get(query(` rid='2' sid='${sid}' type='terminate'`)), `<body type='terminate' xmlns='${ns.httpbind}'/>`);
    const { session } = await bench.pair();
    assert.match(await get(query(` rid='${session.rid + 1}' sid='${session.sid}'`)), /condition='bad-request'/);
    assert.equal((await session.ask({ attributes: { type: 'terminate' } })).type, 'terminate');
  });

  it('errors are scripts, too', async () => {
    assert.match(await get(query(" rid='9' sid='nobody'")), /condition='item-not-found'/);
    assert.match(await get(query(' rid="x"')), /condition='bad-request'/);
    assert.match(await get('/http-bind?%3Cbody%2'), /condition='bad-request'/);
    assert.match(await get('/http-bind?%3Cbody%3E%00'), /condition='bad-request'/);
    assert.match(await get(query(" rid='1' to='other.test'")), /condition='host-unknown'/);
  });

  it('other queries still show the page', async () => {
    assert.match((await bench.exchange(request('GET', '/http-bind?x=1'))).text, /<html/);
  });
});

describe('where it must not be', () => {
  const off = Bench.around();
  const far = Bench.around({ ...script_syntax, server: { trusted_proxies: ['127.0.0.0/8'] } });

  it('S-005 is off unless it is switched on', async () => {
    assert.equal((await off.exchange(request('GET', creation))).status, 404);
  });

  it('S-007 not in clear from elsewhere', async () => {
    const from = (fields) => far.exchange(request('GET', creation, '', { fields: { 'X-Forwarded-For': '203.0.113.5', ...fields } }));
    assert.match(body_of(await from({})), /condition='policy-violation'/);
    assert.match(body_of(await from({ 'X-Forwarded-Proto': 'https' })), /sid='/);
    await far.server.accept();
  });
});

describe('a page from another origin', () => {
  let browser;
  let site;
  before(async () => {
    [browser, site] = await Promise.all([Chromium.launch(), start_static_server()]);
  });
  after(() => stop_all(browser, site));

  for (const kind of servers) {
    it(`logs in and talks both ways through ${kind.server_name}, in addresses of 2083 characters`, async () => {
      const world = {};
      try {
        const authority = await Authority.create();
        world.server = await kind.start({ tls: await authority.good('postern.test', 'rooms.postern.test') });
        world.gateway = await start_gateway(world.server, script_syntax);
        world.buddy = await Buddy.connect(world.server, 'bob');
        const tab = await browser.open({ origin: site.origin, url: world.gateway.url });
        await tab.page.addScriptTag({ content: page });
        const password = world.server.password('alice');
        const jid = await tab.page.evaluate(async ([url, domain, secret]) => {
          window.client = new ScriptClient(url);
          return window.client.log_in(domain, 'alice', secret);
        }, [world.gateway.url, world.server.domain, password]);
        assert.match(jid, /^alice@.*\/script/);
        const text = `${'long & <wide> "quoted" \u00E4\u{1F600} '.repeat(150)}end`;
        const sizes = await tab.page.evaluate(async ([to, body]) => {
          const escaped = body.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
          await window.client.send(`<message to='${to}' type='chat'><body>${escaped}</body></message>`);
          return window.client.sizes;
        }, [world.buddy.jid, text]);
        assert.ok(sizes.length > 5 && Math.max(...sizes) <= 2083, String(sizes));
        assert.equal((await world.buddy.event('message')).body, text);
        world.buddy.message(jid, 'back\u2028 </script> "\\');
        const seen = await tab.page.evaluate(() => window.client.until('back'));
        assert.match(seen, /<body>back\u2028 &lt;\/script(>|&gt;) ("|&quot;)\\<\/body>/);
        await tab.close();
      } finally {
        await stop_all(world.buddy, world.gateway, world.server);
      }
    });
  }
});

leave_nothing_behind();
