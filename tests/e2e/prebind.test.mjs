// Sessions that a site's back end begins for its users (E-51, Q-61), on real servers: a browser that is handed {jid, sid, rid}
// goes on with Strophe.js, by a push stream too where our plugin is there, one with a ticket logs in with it over WebSocket or opens the chat without scripts; and what the
// wrong, the late and the second get.
// converse.js with its prebind_url is in converse.test.mjs.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { BackEnd } from './lib/back_end.mjs';
import { BoshSession } from './lib/bosh.mjs';
import { Buddy } from './lib/buddy.mjs';
import { Authority } from './lib/certs.mjs';
import { stop_all } from './lib/cleanup.mjs';
import { FakeServer } from './lib/fake_server.mjs';
import { leave_nothing_behind } from './lib/leave_nothing_behind.mjs';
import { start_postern } from './lib/postern.mjs';
import { exchange, post, request } from './lib/raw_http.mjs';
import { servers } from './lib/servers.mjs';
import { libraries, StropheNode } from './lib/strophe.mjs';
import { until } from './lib/wait.mjs';
import { close_element, open_element, WebSocketClient } from './lib/websocket.mjs';
import { WebSocketSession } from './lib/websocket_session.mjs';
import { ns } from './lib/xml.mjs';
import { XmppClient } from './lib/xmpp_client.mjs';

const lifetime = 2;

// A browser by hand that has been handed a session; `from`: its address.
function attached({ sid, rid }, port, from) {
  const session = new BoshSession();
  return Object.assign(session, { port, path: '/http-bind', sid, rid: rid - 1, connection_options: { from } });
}

for (const kind of servers) {
  describe(`prebind, ${kind.server_name}`, () => {
    const world = {};
    before(async () => {
      const authority = await Authority.create();
      world.server = await kind.start({ tls: await authority.good('postern.test', 'guests.postern.test'), guests: true });
      world.site = new BackEnd();
      const domain = { server: `127.0.0.1:${world.server.c2s_port}`, tls: 'starttls', ca_file: world.server.tls.trust };
      world.postern = await start_postern({ threads: 2, ...world.site.settings({ lifetime, logins_per_minute_per_account: 0 }), webchat: { enabled: true },
        bosh: { inactivity: 5, push_streams: true }, websocket: { origins: ['https://site.example'] },
        domains: [{ name: 'postern.test', ...domain }, { name: 'guests.postern.test', ...domain }] });
      world.api = world.postern.listeners[1].port;
      world.buddy = await Buddy.connect(world.server, 'bob');
      world.buddy.presence({});
    });
    after(() => stop_all(world.buddy, world.postern, world.server));

    const alice = (more = {}) => ({ how: 'password', user: 'alice@postern.test/site', secret: world.server.password('alice'),
      secure: '0', ...more });
    const begin = (fields, options) => world.site.begin(world.api, fields, options);
    async function begun(fields) {
      const { status, body } = await begin(fields);
      assert.equal(status, 200, JSON.stringify(body));
      return body;
    }

    async function chats(tab, jid) {
      await tab.call('presence', {});
      await world.buddy.event('presence', (event) => event.from === jid && !event.type);
      await tab.call('message', world.buddy.jid, 'handed over');
      await world.buddy.event('message', (event) => event.from === jid && event.body === 'handed over');
      world.buddy.message(jid, 'and back');
      await tab.event('message', (event) => event.body === 'and back');
      await tab.call('disconnect');
      await tab.status('disconnected');
      await world.buddy.event('presence', (event) => event.from === jid && event.type === 'unavailable');
    }

    for (const library of Object.keys(libraries)) {
      it(`a password: ${library} attaches and chats`, async () => {
        const handed = await begun(alice());
        assert.equal(handed.jid, 'alice@postern.test/site');
        const tab = await StropheNode.open({ url: world.postern.url, library });
        await tab.call('attach', tab.url, handed);
        await tab.status('attached');
        await chats(tab, handed.jid);
        await tab.close();
      });
    }

    for (const library of Object.keys(libraries)) {
      it(`a password: ${library} with our plugin attaches and reads a push stream (V-025)`, async () => {
        const handed = await begun(alice());
        const early = `early, for ${library}`; // not to be taken for the one that the tab before has had
        world.buddy.message(handed.jid, early);
        const tab = await StropheNode.open({ url: { bosh: world.postern.url }, library });
        await tab.call('attach', tab.url, handed);
        await tab.status('attached');
        await tab.event('message', (event) => event.body === early);
        await until(() => tab.client.way() === 'sse', 5000, 'a stream is read');
        await chats(tab, handed.jid);
        // The last word of the tab before may come again: nothing can prove the answer to a goodbye (U-061).
        assert.deepEqual(tab.events.peek((event) => event.event === 'message' && event.body !== 'and back'), [], 'nothing twice');
        await tab.close();
      });
    }

    const at_the_door = '/xmpp-websocket/ticket';
    const ticket = (more) => begun(alice({ for: 'websocket', ...more }));
    const bring = (password, options = {}) =>
      WebSocketSession.log_in(world.postern.port, { user: 'alice', password }, { path: at_the_door, ...options });
    async function turned_away(password) {
      const socket = await WebSocketClient.open(world.postern.port, { path: at_the_door });
      socket.send(open_element());
      for (const wanted of [/^<open /, /<mechanism>PLAIN<\/mechanism><\/mechanisms><\/stream:features>$/]) assert.match(await socket.message(), wanted);
      socket.send(`<auth xmlns='${ns.sasl}' mechanism='PLAIN'>${Buffer.from(`\0alice\0${password}`).toString('base64')}</auth>`);
      assert.match(await socket.message(), /^<failure [^>]*><not-authorized\/><\/failure>$/);
      assert.equal(await socket.message(), close_element);
    }

    for (const library of Object.keys(libraries)) {
      it(`a ticket: ${library} logs in with it over WebSocket and chats`, async () => {
        const { jid, password } = await ticket();
        assert.deepEqual([jid, password.length], ['alice@postern.test/site', 32]);
        const tab = await StropheNode.open({ url: `${world.postern.websocket_url}/ticket`, library });
        await tab.connect(jid, password);
        assert.equal((await tab.status('connected')).jid, jid);
        await chats(tab, jid);
        await tab.close();
      });
    }

    it('a ticket: @xmpp/client logs in with it over WebSocket and chats', async () => {
      const { jid, password } = await ticket();
      const client = await XmppClient.open({ url: `${world.postern.websocket_url}/ticket` });
      await client.connect(jid.split('/')[0], password, { managed: false });
      assert.equal((await client.status('connected')).jid, jid);
      await chats(client, jid);
      await client.close();
    });

    it('a ticket finds its session from every thread, with what came before its browser', async () => {
      const moved = async (n) => {
        const { jid, password } = await ticket({ user: `alice@postern.test/${n}` });
        world.buddy.message(jid, `early ${n}`);
        const session = await bring(password);
        assert.equal(session.jid, jid);
        await session.hear(`early ${n}`);
        await session.log_out();
      };
      await Promise.all(Array.from({ length: 8 }, (_, n) => moved(n)));
    });

    it('a ticket is good for one, and for seconds', async () => {
      const { password } = await ticket();
      const session = await bring(password);
      await turned_away(password);
      session.socket.send("<presence xmlns='jabber:client'/>");
      await session.until('presence');
      await session.log_out();
      const late = await ticket();
      world.buddy.message(late.jid, 'nobody came', { id: 'late-ticket' });
      await world.postern.child.line(/nobody came with its ticket/, 20_000, world.postern.child.lines.length);
      await turned_away(late.password);
      await turned_away('0123456789abcdef0123456789abcdef');
    });

    it('a ticket is for the site, and over HTTPS unless that is waived', async () => {
      await assert.rejects(WebSocketClient.open(world.postern.port, { path: at_the_door, fields: { Origin: 'https://evil.example' } }), /403/);
      const { password } = await ticket({ secure: '1' });
      await turned_away(password);
    });

    it('nobody: an anonymous guest', async () => {
      const handed = await begun({ how: 'anonymous', domain: 'guests.postern.test', secure: '0' });
      assert.match(handed.jid, /^[^@]+@guests\.postern\.test\/.+$/);
      const browser = attached(handed, world.postern.port);
      const roster = await browser.ask({ payload: "<iq xmlns='jabber:client' type='get' id='who'><ping xmlns='urn:xmpp:ping'/></iq>" });
      assert.equal(roster.children[0].attributes.id, 'who');
      await browser.ask({ attributes: { type: 'terminate' } });
    });

    it('a wrong password is the answer of the server, not a session', async () => {
      assert.deepEqual(await begin(alice({ secret: 'guess' })).then(({ status, body }) => [status, body]), [403, { error: 'not-authorized' }]);
    });

    it('who comes too late finds nothing, and what waited for him is not lost', async () => {
      const handed = await begun(alice());
      const browser = attached(handed, world.postern.port);
      world.buddy.message(handed.jid, 'nobody came', { id: 'late' });
      const deadline = Date.now() + 20_000;
      while (!/never used/.test(world.postern.log.slice(world.postern.log.indexOf(handed.sid.slice(0, 6))))) {
        assert.ok(Date.now() < deadline, 'the session ends');
        await world.buddy.roster();
      }
      const answer = await browser.ask();
      assert.deepEqual([answer.type, answer.condition], ['terminate', 'item-not-found']);
      const later = await Buddy.connect(world.server, 'alice', { resource: 'later' });
      later.presence();
      const seen = later.event('message', (event) => event.body === 'nobody came', 20_000);
      const back = world.buddy.event('message', (event) => event.type === 'error' && event.id === 'late', 20_000);
      for (const either of [seen, back]) either.catch(() => {});
      await Promise.any([seen, back]);
      await later.quit();
    });

    it('what is handed over is good for one: the second gets nothing, the first notices nothing', async () => {
      const handed = await begun(alice());
      const first = attached(handed, world.postern.port);
      const say = (text) => `<message xmlns='jabber:client' to='${world.buddy.jid}' type='chat'><body>${text}</body></message>`;
      const held = await first.send({ payload: say('first') });
      await world.buddy.event('message', (event) => event.body === 'first');
      const second = await attached(handed, world.postern.port, '127.0.0.9').ask();
      assert.deepEqual([second.type, second.condition, second.children.length], ['terminate', 'item-not-found', 0]);
      const next = await first.send({ payload: say('still here') });
      await world.buddy.event('message', (event) => event.body === 'still here');
      assert.equal((await held.answer).type, undefined);
      const third = await attached(handed, world.postern.port).ask();
      assert.equal(third.condition, 'item-not-found');
      await first.ask({ attributes: { type: 'terminate' } });
      assert.equal((await next.answer).children.length, 0);
    });

    it('a session that is for HTTPS only is not to be had without', async () => {
      const handed = await begun(alice({ secure: '1' }));
      const browser = attached(handed, world.postern.port);
      await assert.rejects(browser.ask(), /connection ended/);
    });

    it('a ticket opens the chat without scripts, once', async () => {
      const { ticket, path } = await begun(alice({ for: 'webchat' }));
      assert.match(ticket, /^[0-9a-f]{32}$/);
      const elsewhere = await exchange(world.postern.port, request('GET', `/s/${'a'.repeat(26)}${path}`));
      assert.deepEqual([elsewhere.status, elsewhere.field('set-cookie')], [200, undefined], 'the log-in page: at the path of another session it is not used up');
      const opened = await exchange(world.postern.port, request('GET', path));
      assert.deepEqual([opened.status, opened.field('location')], [303, '/app/']);
      const cookie = opened.field('set-cookie').split(';')[0];
      const page = async () => (await exchange(world.postern.port, request('GET', '/plain/', '', { fields: { Cookie: cookie } }))).text;
      const end = Date.now() + 20_000;
      let text = await page();
      while (!/bob/.test(text)) {
        assert.ok(Date.now() < end, text);
        await world.buddy.roster();
        text = await page();
      }
      const again = await exchange(world.postern.port, request('GET', path));
      assert.equal(again.field('set-cookie'), undefined);
      assert.match(again.text, /<input[^>]*password/);
    });
  });
}

describe('prebind, by hand', () => {
  const world = {};
  before(async () => {
    world.server = await FakeServer.start();
    world.site = new BackEnd();
    world.domains = [{ name: 'postern.test', server: `127.0.0.1:${world.server.port}`, tls: 'none' }];
    world.postern = await start_postern({ threads: 1,
      ...world.site.settings({ login_timeout: 1, failures_per_minute_per_address: 3, logins_per_minute_per_account: 2 }),
      domains: world.domains });
    world.api = world.postern.listeners[1].port;
  });
  after(() => stop_all(world.postern, world.server));

  const alice = { how: 'password', user: 'alice@postern.test', secret: 'x' };
  const begin = async (fields, options) => {
    const { status, body } = await world.site.begin(world.api, fields, options);
    return [status, body?.error];
  };

  it('mistakes are told', async () => {
    for (const [fields, ...expected] of [
      [{}, 400, 'bad-request'],
      [{ ...alice, how: 'magic' }, 400, 'bad-request'],
      [{ ...alice, user: 'alice' }, 400, 'bad-request'],
      [{ ...alice, user: '@postern.test' }, 400, 'bad-request'],
      [{ ...alice, secret: '' }, 400, 'bad-request'],
      [{ ...alice, user: 'alice@other.example' }, 400, 'host-unknown'],
      [{ how: 'anonymous', domain: 'other.example' }, 400, 'host-unknown'],
      [{ ...alice, how: 'certificate' }, 400, 'bad-request'],
      [{ ...alice, address: 'localhost' }, 400, 'bad-request'],
      [{ ...alice, for: 'webchat' }, 400, 'bad-request'],
      [{ ...alice, for: 'magic' }, 400, 'bad-request'],
    ]) assert.deepEqual(await begin(fields), expected, JSON.stringify(fields));
    const text = await exchange(world.api, post('/prebind', '{}', { fields: { Authorization: `Bearer ${world.site.token}` } }));
    assert.equal(text.status, 400);
    assert.equal((await exchange(world.api, request('GET', '/prebind'))).status, 405);
  });

  it('a server that says nothing, and then many logins of one account', async () => {
    assert.deepEqual(await begin(alice), [504, 'timeout']);
    await world.server.accept();
    const asked = begin(alice);
    const stream = await world.server.accept();
    stream.socket.destroy();
    assert.deepEqual(await asked, [502, 'remote-connection-failed']);
    assert.deepEqual(await begin(alice), [429, 'too-many-requests']);
  });

  it('without the token there is nothing, and guessing is slowed down', async () => {
    const { status, answer } = await world.site.begin(world.api, alice, { token: null });
    assert.deepEqual([status, answer.field('www-authenticate')], [401, 'Bearer']);
    assert.deepEqual(await begin(alice, { token: 'guess' }), [401, 'not-authorized']);
    assert.deepEqual(await begin(alice, { token: `${world.site.token}0` }), [401, 'not-authorized']);
    assert.deepEqual(await begin(alice, { token: 'guess' }), [429, 'too-many-requests']);
    assert.deepEqual(await begin({}), [400, 'bad-request'], 'who has it is not locked out by others');
  });

  it('is on the private listener only, and off unless it is wanted', async () => {
    assert.equal((await world.site.begin(world.postern.port, alice)).status, 404);
    const off = await start_postern({ threads: 1, listen: [{ address: '127.0.0.1:0', private: true }], domains: world.domains });
    assert.equal((await world.site.begin(off.port, alice)).status, 404);
    const shut = await start_postern({ threads: 1, domains: world.domains });
    await assert.rejects(WebSocketClient.open(shut.port, { path: '/xmpp-websocket/ticket' }), /404/);
    await shut.stop();
    await off.stop();
  });
});

leave_nothing_behind();
