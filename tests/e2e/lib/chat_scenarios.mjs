// The main job, once for every client library, binding and server: log in, see roster and presence, chat both ways,
// survive a reload, be told clearly what is wrong. The buddy at the other end is a TCP client that knows nothing of bindings.
// All clients of a file share one server, side by side, each with an account and a buddy of its own; it ends for all at once.
import assert from 'node:assert/strict';
import { after, afterEach, before, beforeEach, describe, it } from 'node:test';
import { Authority } from './certs.mjs';
import { Buddy } from './buddy.mjs';
import { stop_all } from './cleanup.mjs';
import { exchange, request } from './raw_http.mjs';
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
  // With webclient/strophe.
  'a push stream': { url: (gateway) => ({ bosh: gateway.url }), resumes: true, lost: ['connfail'] },
};

// One client with its account and its buddy, on a server and a gateway that it shares with others.
class Party {
  constructor({ client_name, open, binding = 'BOSH', features = {} }, kind, number) {
    Object.assign(this, { name: `${client_name} over ${binding}`, open, features, kind, binding: bindings[binding], user: `alice${number}`, friend: `bob${number}`,
      room: `tea${number}@rooms.postern.test` });
    this.client = null;
  }

  accounts() {
    return [{ name: this.user, password: `wonder & <land> ${this.user}`, buddies: [this.friend] },
      { name: this.friend, password: 'builder-42', buddies: [this.user] }];
  }

  async begin({ server, gateway }) {
    Object.assign(this, { server, gateway });
    this.buddy = await Buddy.connect(server, this.friend);
    this.buddy.presence({ status: 'here' });
    await this.buddy.event('presence', (event) => event.from === this.buddy.jid);
  }

  async close() {
    await this.client?.close();
    this.client = null;
  }

  async fresh() {
    return (this.client = await this.open(this.binding.url(this.gateway)));
  }

  async log_in(options = {}) {
    await this.fresh();
    await this.client.connect(this.server.jid(this.user), this.server.password(this.user), options);
    const { jid } = await this.client.status('connected');
    return jid;
  }

  // Logged in, present, and the buddy knows.
  async come_online(options) {
    const jid = await this.log_in(options);
    await this.client.call('presence', {});
    await this.buddy.event('presence', (event) => event.from === jid && event.type === undefined);
    return jid;
  }

  async buddy_returns() {
    await this.buddy.event('disconnected');
    await this.buddy.reconnect();
    this.buddy.presence({ status: 'here' });
  }

  lost(within) {
    return this.client.event('status', ({ status }) => this.binding.lost.includes(status), within);
  }
}

// clients: [{client_name, binding, features, open}]; `open(url)` gives a client as lib/strophe.mjs and lib/chromium.mjs make them.
export function chat_scenarios({ kind, clients, settings = {} }) {
  describe(`to ${kind.server_name}`, { concurrency: 1 }, () => {
    const world = {};
    const parties = clients.map((client, number) => new Party(client, kind, number));

    before(async () => {
      const authority = await Authority.create();
      world.server = await kind.start({ tls: await authority.good('postern.test', 'rooms.postern.test'),
        users: parties.flatMap((party) => party.accounts()) });
      world.gateway = await start_gateway(world.server, settings);
      await Promise.all(parties.map((party) => party.begin(world)));
    });
    after(() => stop_all(...parties.map((party) => party.buddy), world.gateway, world.server));

    describe('side by side', { concurrency: true }, () => {
      for (const party of parties) {
        describe(party.name, { concurrency: 1 }, () => {
          beforeEach(() => world.gateway.assert_running());
          afterEach(() => party.close());
          login_scenarios(party);
          chat_both_ways(party);
          end_scenarios(party);
        });
      }
    });

    describe('all at once', { concurrency: 1 }, () => {
      afterEach(() => Promise.all(parties.map((party) => party.close())));
      the_server_ends(world, parties);
    });
  });
}

function login_scenarios(party) {
  it('logs in with SCRAM', async () => {
    const jid = await party.log_in();
    assert.match(jid, /^alice\d@postern\.test\/.+/);
    const { text } = await party.client.event('out', (event) => event.text.includes('urn:ietf:params:xml:ns:xmpp-sasl'));
    assert.match(text, /mechanism=["']SCRAM-SHA-/);
  });

  it('logs in with PLAIN', async () => {
    await party.log_in({ mechanism: 'SASLPlain' });
    const { text } = await party.client.event('out', (event) => event.text.includes('urn:ietf:params:xml:ns:xmpp-sasl'));
    assert.match(text, /mechanism=["']PLAIN["']/);
  });

  it('is told of a wrong password', async () => {
    const client = await party.fresh();
    await client.connect(party.server.jid(party.user), 'not the password');
    await client.status('authfail');
  });

  it('is told of an unknown domain (B-022)', postern_only('Prosody calls it improper-addressing'), async () => {
    const client = await party.fresh();
    await client.connect('alice@nowhere.test', 'x');
    const { condition } = await client.status('connfail');
    assert.equal(condition, 'host-unknown');
  });

  it('never sees starttls (X-008)', postern_only('both show it'), async () => {
    await party.log_in();
    const seen = party.client.events.peek((event) => event.event === 'in');
    assert.ok(seen.length > 0);
    for (const { text } of seen) assert.doesNotMatch(text, /urn:ietf:params:xml:ns:xmpp-tls/);
  });
}

function chat_both_ways(party) {
  it('gets its roster', async () => {
    await party.log_in();
    await party.client.call('roster');
    const { items } = await party.client.event('roster');
    assert.deepEqual(items, [{ jid: party.server.jid(party.friend), subscription: 'both' }]);
  });

  it('sees the presence of the buddy and is seen', async () => {
    const jid = await party.come_online();
    await party.client.event('presence', (event) => event.from === party.buddy.jid && event.status === 'here');
    await party.client.call('presence', { show: 'away', status: 'tea & <scones>' });
    const seen = await party.buddy.event('presence', (event) => event.from === jid && event.show === 'away');
    assert.equal(seen.status, 'tea & <scones>');
    party.buddy.presence({ show: 'dnd', status: 'busy "quoted" 😀' });
    const other = await party.client.event('presence', (event) => event.from === party.buddy.jid && event.show === 'dnd');
    assert.equal(other.status, 'busy "quoted" 😀');
    party.buddy.presence({ status: 'here' });
    await party.client.event('presence', (event) => event.from === party.buddy.jid && event.status === 'here');
  });

  it('chats both ways, whatever the text', async () => {
    const jid = await party.come_online();
    const bodies = { ...awkward_bodies, ...(party.features.exact_text ? { line_separators } : {}) };
    for (const [what, body] of Object.entries(bodies)) {
      await party.client.call('message', party.buddy.jid, body);
      const there = await party.buddy.event('message', (event) => event.from === jid);
      assert.equal(there.body, body, `to the buddy: ${what}`);
      party.buddy.message(jid, body);
      const back = await party.client.event('message', (event) => event.from === party.buddy.jid);
      assert.equal(back.body, body, `from the buddy: ${what}`);
    }
  });

  it('keeps the order of a burst in both directions (B-060, B-067)', async () => {
    const jid = await party.come_online();
    const numbers = Array.from({ length: 50 }, (_, i) => String(i));
    for (const n of numbers) {
      party.buddy.message(jid, `to client ${n}`);
      await party.client.call('message', party.buddy.jid, `to buddy ${n}`);
    }
    const to_client = [];
    const to_buddy = [];
    for (const _ of numbers) {
      to_buddy.push((await party.buddy.event('message', (event) => event.from === jid)).body);
      // What an earlier tab of alice has not provably received may have come again (U-060).
      to_client.push((await party.client.event('message', (event) => event.from === party.buddy.jid && event.body.startsWith('to client'))).body);
    }
    assert.deepEqual(to_buddy, numbers.map((n) => `to buddy ${n}`));
    assert.deepEqual(to_client, numbers.map((n) => `to client ${n}`));
  });

  it('talks in a room', async () => {
    const { room } = party;
    await party.come_online();
    await party.client.call('join', room, 'alice');
    await party.client.event('presence', (event) => event.from === `${room}/alice` && event.codes.includes('110'));
    await party.client.call('open_room', room);
    await party.client.event('room_opened', (event) => event.room === room);
    await party.buddy.join(room, 'bob');
    await party.client.event('presence', (event) => event.from === `${room}/bob`);
    await party.client.call('message', room, 'hello <room> & 🫖', 'groupchat');
    const heard = (event) => event.type === 'groupchat' && event.from === `${room}/alice` && event.body;
    assert.equal((await party.buddy.event('message', heard)).body, 'hello <room> & 🫖');
    assert.equal((await party.client.event('message', heard)).body, 'hello <room> & 🫖');
    party.buddy.message(room, 'hello alice', { type: 'groupchat' });
    await party.client.event('message', (event) => event.from === `${room}/bob` && event.body === 'hello alice');
    party.buddy.presence({ to: `${room}/bob`, type: 'unavailable' });
    await party.client.event('presence', (event) => event.from === `${room}/bob` && event.type === 'unavailable');
  });
}

function reload_works({ kind, binding }) {
  if (!binding.resumes) return { skip: 'the connection is the session' };
  return kind.server_name === 'ejabberd' ? postern_only('ejabberd writes the message into the dead connection') : {};
}

function end_scenarios(party) {
  it('survives a reload in mid-poll; a message sent meanwhile arrives once (E-08)', reload_works(party), async () => {
    const jid = await party.come_online({ keepalive: true });
    await party.client.call('message', party.buddy.jid, 'before the reload');
    await party.buddy.event('message', (event) => event.body === 'before the reload');
    await party.client.held_request();
    await party.client.reload();
    // What goes into the old page is not for the new one (U-061), so the gateway is to see it go first, on whichever thread.
    for (let i = 0; i < 8; i++) await exchange(party.gateway.port, request('GET', '/http-bind')).catch(() => {});
    party.buddy.message(jid, 'during the reload');
    await party.client.restore(jid);
    assert.equal((await party.client.status('attached')).jid, jid);
    await party.client.event('message', (event) => event.body === 'during the reload');
    await party.client.call('message', party.buddy.jid, 'after the reload');
    // Whatever is in front of it in the mailbox would be a duplicate.
    assert.equal((await party.buddy.event('message', (event) => event.from === jid)).body, 'after the reload');
    party.buddy.message(jid, 'last');
    assert.equal((await party.client.event('message', (event) => event.from === party.buddy.jid)).body, 'last');
    assert.deepEqual(party.buddy.events.peek((event) => event.event === 'presence' && event.type === 'unavailable'
      && event.from === jid), [], 'the session was never gone');
  });

  it('leaves politely: the buddy knows at once', async () => {
    const jid = await party.come_online();
    await party.client.call('disconnect');
    await party.client.status('disconnected');
    await party.buddy.event('presence', (event) => event.from === jid && event.type === 'unavailable', 3000);
  });

  it('logs in many times in a row', async () => {
    for (let i = 0; i < (party.features.relogins ?? 10); i++) {
      await party.log_in();
      await party.client.call('disconnect');
      await party.client.status('disconnected');
      await party.client.close();
    }
  });
}

function the_server_ends(world, parties) {
  const all = (act) => Promise.all(parties.map((party) => act(party).catch((error) => {
    throw new Error(`${party.name}: ${error.message}`, { cause: error });
  })));
  const wait_for_something = async (party) => {
    await party.come_online();
    await party.client.held_request();
  };

  it('they learn that the server restarts, and log in again', postern_only('gateway and server are one'), async () => {
    await all(wait_for_something);
    await Promise.all([world.server.restart(), all((party) => party.lost(30_000))]);
    await all(async (party) => {
      await party.client.status('disconnected');
      await party.buddy_returns();
      await party.close();
      await party.come_online();
    });
  });

  it('they learn that the server was killed (B-195, W-034)', postern_only('gateway and server are one'), async () => {
    await all(wait_for_something);
    await world.server.kill();
    await all(async (party) => {
      assert.equal((await party.lost()).condition, 'remote-connection-failed');
      await party.close();
      // With no server there: refused in the first answer itself (B-050, W-034).
      const client = await party.fresh();
      await client.connect(world.server.jid(party.user), world.server.password(party.user));
      assert.equal((await client.status('connfail')).condition, 'remote-connection-failed');
      await party.close();
    });
    await world.server.launch();
    await all(async (party) => {
      await party.buddy_returns();
      await party.log_in();
    });
  });
}
