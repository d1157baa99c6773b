// No message is lost between server and the chat without scripts either, whose page is the proof (PROTOCOL U-060, X-050, Z-009), with
// real servers: more than a page shows, and more than a conversation keeps.
import assert from 'node:assert/strict';
import { after, afterEach, before, describe, it } from 'node:test';
import { Buddy } from './lib/buddy.mjs';
import { Authority } from './lib/certs.mjs';
import { stop_all } from './lib/cleanup.mjs';
import { afterwards, missing, numbered } from './lib/delivery.mjs';
import { leave_nothing_behind } from './lib/leave_nothing_behind.mjs';
import { servers } from './lib/servers.mjs';
import { start_gateway } from './lib/target.mjs';
import { until } from './lib/wait.mjs';
import { WebTab } from './lib/web_tab.mjs';

const burst = 5000;

function in_order(heard, sent) {
  const were_heard = new Set(heard);
  assert.deepEqual(heard, sent.filter((text) => were_heard.has(text)), 'in order, each once');
}

function delivery_with(Kind) {
  describe(`delivery to the chat without scripts with ${Kind.server_name}`, { concurrency: 1 }, () => {
    let server;
    let postern;
    let bob;
    let carol;

    before(async () => {
      const authority = await Authority.create();
      server = await Kind.start({ tls: await authority.good('postern.test') });
      postern = await start_gateway(server, { webchat: { enabled: true } });
      bob = await Buddy.connect(server, 'bob');
      bob.presence();
      carol = await Buddy.connect(server, 'carol');
    });
    after(() => stop_all(carol, bob, postern, server));
    afterEach(() => postern?.assert_running());

    // Alice with her conversation with bob in sight. What she gets is in `heard`.
    async function alice_online() {
      bob.events.clear();
      const heard = [];
      const listener = { begins_anew: () => {}, text: (text) => heard.push(text), answered: () => {}, unconfirmed: () => {}, ended: () => {} };
      const tab = await WebTab.log_in(postern.port, { user: 'alice', password: server.password('alice'), buddy: 'bob' }, listener, {});
      const { from } = await bob.event('presence', (event) => event.from.startsWith(server.jid('alice')) && !event.type);
      await tab.has_page;
      return { tab, heard, jid: from };
    }

    async function write_all(jid, texts) {
      for (const text of texts) bob.message(jid, text, { id: text });
      await bob.roster(); // answered after them: the server has passed them on
    }

    // A conversation keeps 500 for the page that follows one which has grown too long: whoever writes faster may hear so.
    it(`${burst} messages arrive in order, and none of them again, or go back`, async () => {
      const { tab, heard, jid } = await alice_online();
      const sent = numbered('burst', burst);
      await write_all(jid, sent);
      const back = () => bob.events.peek((event) => event.event === 'message' && event.type === 'error').length;
      await until(() => heard.length + back() >= burst, 60_000, () => `${heard.length} heard, ${back()} returned`);
      in_order(heard, sent);
      await tab.log_out();
      await bob.event('presence', (event) => event.from === jid && event.type === 'unavailable');
      const { again, returned } = await afterwards(server, bob);
      assert.deepEqual(again, []);
      const was_heard = new Set(heard);
      assert.deepEqual([...heard, ...returned].sort(), [...sent].sort(), `${heard.length} heard, ${returned.length} returned, of them ${returned.filter((text) => was_heard.has(text)).length} heard`);
    });

    it(`a browser that freezes in a burst of ${burst}: each message arrives, comes again or goes back`, async () => {
      const { tab, heard, jid } = await alice_online();
      const sent = numbered('part', burst);
      const passed_on = write_all(jid, sent);
      await until(() => heard.includes('part 1500'), 60_000, () => `${heard.length} have come`);
      tab.freeze();
      await passed_on;
      // What the gateway has not read yet is for the server to keep, and Prosody keeps 500 (smacks_max_queue_size).
      carol.message(server.jid('alice'), 'behind the burst');
      await until(async () => (await tab.ask('GET', '/plain/')).text.includes('<bdi class="name">carol'), 30_000, 'all of it has been read');
      await postern.stop();
      postern = undefined;
      await tab.take_rest();
      in_order(heard, sent);
      const { again, returned } = await afterwards(server, bob);
      const lost = missing(sent, heard, again, returned);
      assert.equal(lost.length, 0, `${lost.length}: ${lost.slice(0, 10)} …`);
      assert.ok(heard.length < sent.length, 'not all of it had come');
    });
  });
}

for (const kind of servers) delivery_with(kind);
leave_nothing_behind();
