// The main job, once for every client library, binding and server: log in, see roster and presence, chat both ways,
// survive a reload, be told clearly what is wrong. The buddy at the other end is a TCP client that knows nothing of bindings.
import assert from 'node:assert/strict';
import { after, afterEach, before, beforeEach, describe, it } from 'node:test';
import { Authority } from './certs.mjs';
import { Buddy } from './buddy.mjs';
import { stop_all } from './cleanup.mjs';
import { postern_only, start_gateway } from './target.mjs';

const long_body = (() => {
  const words = ['<tag attr="1">', '&amp;', "don't", '"quoted"', 'ünïcödé', '日本語', '👩‍👩‍👧‍👦', '🏴󠁧󠁢󠁳󠁣󠁴󠁿', ']]>', 'plain'];
  let text = '';
  for (let i = 0; Buffer.byteLength(text) < 20_000; i++) text += `${words[i % words.length]} ${i} `;
  return text;
})();

export const awkward_bodies = {
  'the five specials': `< > & " '`,
  'markup as text': `</body></message><message to='x'><body>no</body></message></stream:stream>`,
  'the end of a CDATA section': 'a ]]> b <![CDATA[ c ]]> d',
  'entities as text': '&lt; &amp;amp; &#65; &unknown; %xx;',
  'emoji and combining characters': '😀 👩‍👩‍👧‍👦 🏴󠁧󠁢󠁳󠁣󠁴󠁿 e\u0301 \u202Ertl\u202C',
  'tabs, line ends, blanks': ' \tone\n\ntwo  three\t ',
  'rare characters that XML permits': '\u00A0\u200B\uFEFF\uE000\u{10FFFD}',
  '20 kB': long_body,
};

// The XML parser of npm that Strophe uses in Node takes these for line ends (as XML 1.1 did); browsers do not.
const line_separators = 'a\u2028b\u2029c\u0085d';

// What differs from one way in to the next. resumes: a page that was reloaded goes on with its session. lost: how Strophe
// calls it when the server ends.
export const bindings = {
  BOSH: { url: (gateway) => gateway.url, resumes: true, lost: ['connfail'] },
  WebSocket: { url: (gateway) => gateway.websocket_url, resumes: false, lost: ['connfail', 'error'] },
};
// With webclient/strophe, and only where a test asks for it.
export const push_binding = { name: 'a push stream', url: (gateway) => ({ bosh: gateway.url }), resumes: true, lost: ['connfail'],
  settings: { bosh: { push_streams: true } } };

// `open(url)` gives a client as lib/strophe.mjs and lib/chromium.mjs make them.
export function chat_scenarios({ client_name, kind, open, features = {}, binding = 'BOSH' }) {
  describe(`${client_name} over ${binding.name ?? binding} to ${kind.server_name}`, () => {
    const world = { kind, binding: bindings[binding] ?? binding };
    let client;

    before(async () => {
      const authority = await Authority.create();
      world.tls = await authority.good('postern.test', 'rooms.postern.test');
      world.server = await kind.start({ tls: world.tls });
      world.gateway = await start_gateway(world.server, world.binding.settings);
      world.buddy = await Buddy.connect(world.server, 'bob');
      world.buddy.presence({ status: 'here' });
      await world.buddy.event('presence', (event) => event.from === world.buddy.jid);
    });

    after(() => stop_all(world.buddy, world.gateway, world.server));

    beforeEach(() => world.gateway.assert_running());
    afterEach(async () => {
      await client?.close();
      client = null;
    });

    const fresh = async () => (client = await open(world.binding.url(world.gateway)));

    async function log_in(options = {}) {
      await fresh();
      await client.connect(world.server.jid('alice'), world.server.password('alice'), options);
      const { jid } = await client.status('connected');
      return jid;
    }

    // Logged in, present, and the buddy knows.
    async function come_online(options) {
      const jid = await log_in(options);
      await client.call('presence', {});
      await world.buddy.event('presence', (event) => event.from === jid && event.type === undefined);
      return jid;
    }

    login_scenarios({ world, fresh, log_in, get: () => client });
    chat_both_ways({ world, come_online, log_in, get: () => client, features });
    end_scenarios({ world, fresh, log_in, come_online, get: () => client, features });
  });
}

function login_scenarios({ world, fresh, log_in, get }) {
  it('logs in with SCRAM', async () => {
    const jid = await log_in();
    assert.match(jid, /^alice@postern\.test\/.+/);
    const { text } = await get().event('out', (event) => event.text.includes('urn:ietf:params:xml:ns:xmpp-sasl'));
    assert.match(text, /mechanism=["']SCRAM-SHA-/);
  });

  it('logs in with PLAIN', async () => {
    await log_in({ mechanism: 'SASLPlain' });
    const { text } = await get().event('out', (event) => event.text.includes('urn:ietf:params:xml:ns:xmpp-sasl'));
    assert.match(text, /mechanism=["']PLAIN["']/);
  });

  it('is told of a wrong password', async () => {
    const client = await fresh();
    await client.connect(world.server.jid('alice'), 'not the password');
    await client.status('authfail');
  });

  it('is told of an unknown domain (B-022)', postern_only('Prosody calls it improper-addressing'), async () => {
    const client = await fresh();
    await client.connect('alice@nowhere.test', 'x');
    const { condition } = await client.status('connfail');
    assert.equal(condition, 'host-unknown');
  });

  it('never sees starttls (X-008)', postern_only('both show it'), async () => {
    await log_in();
    for (const { text } of get().events.peek((event) => event.event === 'in')) {
      assert.doesNotMatch(text, /urn:ietf:params:xml:ns:xmpp-tls/);
    }
  });
}

function chat_both_ways({ world, come_online, log_in, get, features }) {
  it('gets its roster', async () => {
    await log_in();
    await get().call('roster');
    const { items } = await get().event('roster');
    assert.deepEqual(items, [{ jid: world.server.jid('bob'), subscription: 'both' }]);
  });

  it('sees the presence of the buddy and is seen', async () => {
    const jid = await come_online();
    await get().event('presence', (event) => event.from === world.buddy.jid && event.status === 'here');
    await get().call('presence', { show: 'away', status: 'tea & <scones>' });
    const seen = await world.buddy.event('presence', (event) => event.from === jid && event.show === 'away');
    assert.equal(seen.status, 'tea & <scones>');
    world.buddy.presence({ show: 'dnd', status: 'busy "quoted" 😀' });
    const other = await get().event('presence', (event) => event.from === world.buddy.jid && event.show === 'dnd');
    assert.equal(other.status, 'busy "quoted" 😀');
    world.buddy.presence({ status: 'here' });
    await get().event('presence', (event) => event.from === world.buddy.jid && event.status === 'here');
  });

  it('chats both ways, whatever the text', async () => {
    const jid = await come_online();
    const bodies = { ...awkward_bodies, ...(features.exact_text ? { line_separators } : {}) };
    for (const [what, body] of Object.entries(bodies)) {
      await get().call('message', world.buddy.jid, body);
      const there = await world.buddy.event('message', (event) => event.from === jid);
      assert.equal(there.body, body, `to the buddy: ${what}`);
      world.buddy.message(jid, body);
      const back = await get().event('message', (event) => event.from === world.buddy.jid);
      assert.equal(back.body, body, `from the buddy: ${what}`);
    }
  });

  it('keeps the order of a burst in both directions (B-060, B-067)', async () => {
    const jid = await come_online();
    const numbers = Array.from({ length: 50 }, (_, i) => String(i));
    for (const n of numbers) {
      world.buddy.message(jid, `to client ${n}`);
      await get().call('message', world.buddy.jid, `to buddy ${n}`);
    }
    const to_client = [];
    const to_buddy = [];
    for (const _ of numbers) {
      to_buddy.push((await world.buddy.event('message', (event) => event.from === jid)).body);
      // What an earlier tab of alice has not provably received may have come again (U-060).
      to_client.push((await get().event('message', (event) => event.from === world.buddy.jid && event.body.startsWith('to client'))).body);
    }
    assert.deepEqual(to_buddy, numbers.map((n) => `to buddy ${n}`));
    assert.deepEqual(to_client, numbers.map((n) => `to client ${n}`));
  });

  it('talks in a room', async () => {
    const room = `tea@${world.server.muc}`;
    await come_online();
    await get().call('join', room, 'alice');
    await get().event('presence', (event) => event.from === `${room}/alice` && event.codes.includes('110'));
    await get().call('open_room', room);
    await get().event('room_opened', (event) => event.room === room);
    await world.buddy.join(room, 'bob');
    await get().event('presence', (event) => event.from === `${room}/bob`);
    await get().call('message', room, 'hello <room> & 🫖', 'groupchat');
    const heard = (event) => event.type === 'groupchat' && event.from === `${room}/alice` && event.body;
    assert.equal((await world.buddy.event('message', heard)).body, 'hello <room> & 🫖');
    assert.equal((await get().event('message', heard)).body, 'hello <room> & 🫖');
    world.buddy.message(room, 'hello alice', { type: 'groupchat' });
    await get().event('message', (event) => event.from === `${room}/bob` && event.body === 'hello alice');
    world.buddy.presence({ to: `${room}/bob`, type: 'unavailable' });
    await get().event('presence', (event) => event.from === `${room}/bob` && event.type === 'unavailable');
  });
}

function reload_works({ kind, binding }) {
  if (!binding.resumes) return { skip: 'the connection is the session' };
  return kind.server_name === 'ejabberd' ? postern_only('ejabberd writes the message into the dead connection') : {};
}

function end_scenarios({ world, fresh, log_in, come_online, get, features }) {
  const gone = (within) => get().event('status', ({ status }) => world.binding.lost.includes(status), within);

  it('survives a reload in mid-poll; a message sent meanwhile arrives once (E-08)', reload_works(world), async () => {
    const jid = await come_online({ keepalive: true });
    await get().call('message', world.buddy.jid, 'before the reload');
    await world.buddy.event('message', (event) => event.body === 'before the reload');
    await get().held_request();
    await get().reload();
    world.buddy.message(jid, 'during the reload');
    await get().restore(jid);
    assert.equal((await get().status('attached')).jid, jid);
    await get().event('message', (event) => event.body === 'during the reload');
    await get().call('message', world.buddy.jid, 'after the reload');
    // Whatever is in front of it in the mailbox would be a duplicate.
    assert.equal((await world.buddy.event('message', (event) => event.from === jid)).body, 'after the reload');
    world.buddy.message(jid, 'last');
    assert.equal((await get().event('message', (event) => event.from === world.buddy.jid)).body, 'last');
    assert.deepEqual(world.buddy.events.peek((event) => event.event === 'presence' && event.type === 'unavailable'
      && event.from === jid), [], 'the session was never gone');
  });

  it('leaves politely: the buddy knows at once', async () => {
    const jid = await come_online();
    await get().call('disconnect');
    await get().status('disconnected');
    await world.buddy.event('presence', (event) => event.from === jid && event.type === 'unavailable', 3000);
  });

  it('logs in many times in a row', async () => {
    for (let i = 0; i < (features.relogins ?? 10); i++) {
      await log_in();
      await get().call('disconnect');
      await get().status('disconnected');
      await get().close();
    }
  });

  it('learns that the server restarts, and logs in again', postern_only('gateway and server are one'), async () => {
    await come_online();
    await get().held_request();
    await Promise.all([world.server.restart(), gone(30_000)]);
    await get().status('disconnected');
    await world.buddy.event('disconnected');
    await world.buddy.reconnect();
    world.buddy.presence({ status: 'here' });
    await get().close();
    await come_online();
  });

  it('learns that the server was killed (B-195, W-034)', postern_only('gateway and server are one'), async () => {
    await come_online();
    await get().held_request();
    await world.server.kill();
    assert.equal((await gone()).condition, 'remote-connection-failed');
    await get().close();
    // With no server there: refused in the first answer itself (B-050, W-034).
    const client = await fresh();
    await client.connect(world.server.jid('alice'), world.server.password('alice'));
    assert.equal((await client.status('connfail')).condition, 'remote-connection-failed');
    await world.server.launch();
    await world.buddy.event('disconnected');
    await world.buddy.reconnect();
    await log_in();
  });
}
