// No message is lost between server and browser (PROTOCOL U-050 ... U-066, X-050, X-051, E-08, E-09), with real servers: in
// whatever way the browser leaves, what it has not provably received comes again at the next login or goes back to the
// sender, and what it has received does not come again.
import assert from 'node:assert/strict';
import { after, afterEach, before, describe, it } from 'node:test';
import { Buddy } from './lib/buddy.mjs';
import { Authority } from './lib/certs.mjs';
import { stop_all } from './lib/cleanup.mjs';
import { afterwards, ask, bodies, come_online, go_on, hear, leaves, missing, numbered } from './lib/delivery.mjs';
import { leave_nothing_behind } from './lib/leave_nothing_behind.mjs';
import { exchange, request } from './lib/raw_http.mjs';
import { servers } from './lib/servers.mjs';
import { start_gateway } from './lib/target.mjs';
import { until } from './lib/wait.mjs';
import { Wire } from './lib/wire.mjs';

const inactivity = 5;
const burst = 5000;
const ack_timeout = 6; // ejabberd's, 60 s by default: then it ends the session

function delivery_with(Kind) {
  describe(`delivery with ${Kind.server_name}`, { concurrency: 1 }, () => {
    let authority;
    let server;
    let postern;
    let bob;

    before(async () => {
      authority = await Authority.create();
      server = await Kind.start({ tls: await authority.good('postern.test'), ack_timeout });
      postern = await start_gateway(server, { bosh: { inactivity } });
      bob = await Buddy.connect(server, 'bob');
      bob.presence();
    });
    after(() => stop_all(bob, postern, server));
    afterEach(() => postern.assert_running());

    const alice_online = (options = {}) => come_online({ server, bob, gateway: postern, ...options });
    const gone = (session) => leaves(session, inactivity);

    // One request that has something for bob, so that it is not held; gives what it brings.
    async function ask_with(session, rid, ack) {
      const { answer } = await session.send({ rid, attributes: { ack },
        payload: `<message xmlns='jabber:client' to='${bob.jid}' type='chat'><body>in ${rid}</body></message>` });
      await bob.event('message', (event) => event.body === `in ${rid}`);
      bob.message(session.jid, `answer to ${rid}`);
      return bodies(await answer);
    }

    // An answer comes to the machine of an old page that never reads it and is closed.
    async function lose_an_answer(gateway, { attributes = {}, text }) {
      const session = await alice_online({ attributes, gateway });
      bob.message(session.jid, 'to the page');
      await hear(session, 'to the page');
      const ack = attributes.ack ? session.rid : undefined;
      const { rid, connection: old_page } = await session.send({ attributes: { ack } });
      old_page.socket.pause();
      bob.message(session.jid, text, { id: 'o1' });
      await until(() => old_page.socket.readableLength > 0, 10_000, 'the answer arrives');
      old_page.reset();
      await exchange(gateway.port, request('GET', '/http-bind')); // the gateway has seen it go
      return { session, rid, ack };
    }

    // The new one goes on with the next rids, or leaves one out and waits for it until the end (E-08); then it is gone as well. A
    // client with acks says what it has in order.
    async function reload(gateway, { attributes, text, leaves_out = false }) {
      const { session, rid, ack } = await lose_an_answer(gateway, { attributes, text });
      const left = gone(session);
      const heard = [];
      if (leaves_out) session.send({ rid: rid + 2, attributes: { ack } }).then(async ({ answer }) => heard.push(...bodies(await answer)));
      else for (const next of [rid + 1, rid + 2, rid + 3]) heard.push(...await ask_with(session, next, ack));
      await left;
      const { again, returned } = await afterwards(server, bob);
      assert.deepEqual(missing([text], heard, again, returned.includes('o1') ? [text] : []), []);
    }

    const clients = [['without acks', {}], ['with acks', { ack: 1 }]];

    for (const [kind, attributes] of clients) {
      it(`${kind}: frozen, with the socket open and nobody reading`, async () => {
        const session = await alice_online({ attributes });
        const held = await session.send();
        held.connection.socket.pause();
        bob.message(session.jid, 'into a frozen browser', { id: 'f1' });
        await gone(session);
        assert.deepEqual(await afterwards(server, bob), { again: ['into a frozen browser'], returned: [] });
        held.connection.destroy();
      });

      it(`${kind}: closed, with a request held`, async () => {
        const session = await alice_online({ attributes });
        const held = await session.send();
        held.connection.reset();
        bob.message(session.jid, 'into a closed browser', { id: 'c1' });
        await gone(session);
        assert.deepEqual(await afterwards(server, bob), { again: ['into a closed browser'], returned: [] });
      });

      it(`${kind}: gone between two polls`, async () => {
        const session = await alice_online({ attributes });
        bob.message(session.jid, 'between two polls', { id: 'b1' });
        await gone(session);
        assert.deepEqual(await afterwards(server, bob), { again: ['between two polls'], returned: [] });
      });

      it(`${kind}: what was received does not come twice`, async () => {
        const session = await alice_online({ attributes });
        bob.message(session.jid, 'received', { id: 'r1' });
        await hear(session, 'received');
        await go_on(session, 3);
        await session.ask({ attributes: { type: 'terminate', ack: session.acks ? session.rid : undefined } });
        await gone(session);
        const { again, returned } = await afterwards(server, bob);
        assert.deepEqual(returned, []);
        // Without acks the last answer before the end cannot be proven, nor the one before it where no empty poll came in
        // between: a terminate may cross it (U-061, B-112).
        const unproven = session.acks ? [] : ['bob answers 1', 'bob answers 2'];
        assert.deepEqual(again, again.filter((text) => unproven.includes(text)));
      });

      it(`${kind}: terminates with messages queued`, async () => {
        const session = await alice_online({ attributes });
        bob.message(session.jid, 'queued one', { id: 'q1' });
        bob.message(session.jid, 'queued two', { id: 'q2' });
        bob.message(bob.jid, 'behind them');
        await bob.event('message', (event) => event.body === 'behind them');
        await session.ask({ attributes: { type: 'terminate' } });
        await gone(session);
        // Nothing can prove the last answer of all: both may have been in it, and come again.
        assert.deepEqual(await afterwards(server, bob), { again: ['queued one', 'queued two'], returned: [] });
      });
    }

    // Without acks the window proves nothing of an answer whose connection was reset, had it arrived at the machine or not.
    const reloads = [['without acks: reloaded when half an answer', { attributes: {}, text: `into the old page ${'x'.repeat(200_000)}` }],
      ['without acks: reloaded when an answer', { attributes: {}, text: 'into the old page' }],
      ['with acks: reloaded when an answer', { attributes: { ack: 1 }, text: 'into the old page' }],
      ['with acks: reloaded, with a rid left out, when an answer', { attributes: { ack: 1 }, text: 'into the old page', leaves_out: true }]];
    for (const [what, options] of reloads) {
      it(`${what} had come to the old page`, async () => {
        const gateway = await start_gateway(server, { threads: 1, bosh: { inactivity } });
        try {
          await reload(gateway, options);
        } finally {
          await gateway.stop();
        }
      });
    }

    // U-061: a page without acks never fetches it, and the server could acknowledge nothing more for ever.
    it('without acks: what was in a lost answer goes back when much has followed, and the session goes on', async () => {
      const gateway = await start_gateway(server, { threads: 1, bosh: { max_in_doubt: 3 } });
      try {
        const { session, rid } = await lose_an_answer(gateway, { text: 'into the old page' });
        const returned = bob.event('message', (event) => event.type === 'error' && event.id === 'o1', 20_000);
        for (let next = rid + 1; next <= rid + 8; next++) await ask_with(session, next);
        await returned;
        await session.ask({ attributes: { type: 'terminate' } });
        await gone(session);
        const { again } = await afterwards(server, bob);
        assert.ok(!again.includes('into the old page'), 'it does not come a second time to anybody');
      } finally {
        await gateway.stop();
      }
    });

    it('the gateway stops with messages queued and messages not proven', async () => {
      const other = await start_gateway(server);
      const session = await alice_online({ gateway: other });
      bob.message(session.jid, 'handed out', { id: 's1' });
      await hear(session, 'handed out');
      bob.message(session.jid, 'queued', { id: 's2' });
      bob.message(bob.jid, 'behind it');
      await bob.event('message', (event) => event.body === 'behind it');
      await Promise.all([other.stop(), gone(session)]);
      assert.deepEqual(await afterwards(server, bob), { again: ['handed out', 'queued'], returned: [] });
    });

    it('a resource of hers that is still there does not keep a message from being accounted for', async () => {
      const session = await alice_online();
      const phone = await Buddy.connect(server, 'alice', { resource: 'phone' });
      try {
        phone.presence();
        await bob.event('presence', (event) => event.from === phone.jid && !event.type);
        bob.message(session.jid, 'to the tab', { id: 't1' });
        await gone(session);
        // ejabberd (if_offline) and Prosody send it back; a server may as well give it to the phone.
        const back = bob.event('message', (event) => event.type === 'error' && event.id === 't1');
        const there = phone.event('message', (event) => event.body === 'to the tab');
        await Promise.any([back, there]);
        await Promise.race([back, there]).catch(() => {});
      } finally {
        await phone.quit();
      }
      assert.deepEqual((await afterwards(server, bob)).again, []);
    });

    it(`${burst} messages to a slow poller arrive completely and in order`, async () => {
      const patient = await start_gateway(server);
      const session = await alice_online({ gateway: patient });
      for (const text of numbered('burst', burst)) bob.message(session.jid, text, { id: text });
      // Slow: it asks only when the server has had time to push on, and what it asks for is a whole answer at a time.
      while (session.heard.length < burst) {
        const body = await ask(session);
        assert.equal(body.type, undefined, `${body.xml.slice(-500)} after ${session.heard.length}`);
        await bob.roster();
      }
      assert.deepEqual(session.heard, numbered('burst', burst));
      await go_on(session, 3);
      await session.ask({ attributes: { type: 'terminate' } });
      await gone(session);
      assert.deepEqual(bob.events.peek((event) => event.type === 'error'), []);
      await patient.stop();
    });

    it('a server that is not read, because the browser fetches nothing, is answered all the same', async () => {
      const patient = await start_gateway(server, { bosh: { queue_high: 65536, queue_low: 16384 } });
      const session = await alice_online({ gateway: patient });
      const sent = numbered('large', 150);
      for (const text of sent) bob.message(session.jid, `${text} ${'x'.repeat(10_000)}`, { id: text });
      // Nothing is asked for until ejabberd's patience is over twice.
      const end = gone(session).then(() => 'gone');
      const waited = new Promise((resolve) => {
        setTimeout(resolve, 2 * ack_timeout * 1000);
      });
      assert.notEqual(await Promise.race([end, waited]), 'gone', 'the server has ended the session');
      const large = () => session.heard.filter((text) => text.startsWith('large')).map((text) => text.split(' x')[0]);
      while (large().length < sent.length) assert.equal((await ask(session)).type, undefined);
      assert.deepEqual(large(), sent);
      await session.ask({ attributes: { type: 'terminate' } });
      assert.equal(await end, 'gone');
      await afterwards(server, bob);
      await patient.stop();
    });

    it(`a browser that vanishes in a burst of ${burst}: each message arrives, comes again or goes back`, async () => {
      const session = await alice_online();
      const sent = numbered('part', burst);
      for (const text of sent) bob.message(session.jid, text, { id: text });
      while (session.heard.length < 1500) await ask(session);
      await gone(session);
      bob.message(bob.jid, 'behind the burst');
      await bob.event('message', (event) => event.body === 'behind the burst', 60_000);
      const { again, returned } = await afterwards(server, bob);
      const lost = missing(sent, session.heard, again, returned);
      assert.equal(lost.length, 0, `${lost.length}: ${lost.slice(0, 10)} …`);
    });

    it('what an overloaded gateway has no room for comes again', async () => {
      const tight = await start_gateway(server, { threads: 1, limits: { max_buffered_bytes: 1 << 20 }, bosh: { queue_high: 3 << 20 } });
      const session = await alice_online({ gateway: tight });
      bob.message(session.jid, 'much heard', { id: 'much heard' });
      await hear(session, 'much heard');
      const sent = numbered('much', 200);
      for (const text of sent) bob.message(session.jid, `${text} ${'x'.repeat(10_000)}`, { id: text });
      await tight.child.line(/warning session .* ended .*: overload: max_buffered_bytes reached/, 20_000);
      await gone(session);
      bob.message(bob.jid, 'behind them');
      await bob.event('message', (event) => event.body === 'behind them', 20_000);
      const { again, returned } = await afterwards(server, bob);
      const lost = missing([...sent, 'much heard'], again.map((text) => text.split(' x')[0]), returned);
      assert.equal(lost.length, 0, `${lost.length}: ${lost.slice(0, 10)} …`);
      assert.ok(again.length > 0);
      assert.match((await ask(session)).condition ?? '', /policy-violation|item-not-found/);
      await tight.stop();
    });

    // Else whoever can write to alice could end her session, and with what the server has stored each later one.
    it('a message beyond our limits and not the server\'s goes back, and costs nobody the session', async () => {
      const refused = (id) => bob.event('message', (event) => event.type === 'error' && event.id === id);
      const deep = (to, id) => bob.tell({ do: 'raw', xml: `<message to='${to}' id='${id}' type='chat'><body>deep</body>`
        + `${"<a xmlns='urn:x'>".repeat(100)}${'</a>'.repeat(100)}</message>` });
      const session = await alice_online();
      deep(session.jid, 'deep online');
      bob.message(session.jid, 'behind it');
      await hear(session, 'behind it');
      await refused('deep online');
      assert.ok(!session.heard.includes('deep'));
      await postern.child.line(/info session .*: left out a stanza of the server, above \[limits\]: elements too deep/);
      await session.ask({ attributes: { type: 'terminate' } });
      await gone(session);
      deep(bob.bare.replace('bob', 'alice'), 'deep offline');
      bob.message(bob.bare.replace('bob', 'alice'), 'stored behind it');
      const next = await alice_online();
      await hear(next, 'stored behind it');
      await refused('deep offline');
      await next.ask({ attributes: { type: 'terminate' } });
      await gone(next);
      await afterwards(server, bob);
    });

    // As behind a firewall that has forgotten the connection: no byte passes, and nobody is told.
    it('the link falls silent: both sides are told, and what was not proven is still the server\'s (U-066)', async () => {
      const wire = await Wire.to(server.c2s_port);
      const other = await start_gateway(server, { domain: { server: `127.0.0.1:${wire.port}`, answer_timeout: 2 } });
      try {
        const session = await alice_online({ gateway: other });
        bob.message(session.jid, 'handed out', { id: 'h1' });
        await hear(session, 'handed out');
        wire.deafen();
        bob.message(session.jid, 'into the silence', { id: 'h2' });
        const answers = [await session.ask({
          payload: `<message xmlns='jabber:client' to='${bob.jid}' type='chat' id='u1'><body>nobody hears</body></message>` })];
        while (answers.at(-1).type !== 'terminate') answers.push(await session.ask());
        assert.equal(answers.at(-1).condition, 'remote-connection-failed');
        await other.child.line(/warning session .*: connection to the server lost: the server does not answer /);
        const errors = answers.flatMap((body) => body.children).filter((child) => child.attributes.type === 'error' && child.attributes.id);
        assert.deepEqual(errors.map((child) => [child.local, child.attributes.id, child.attributes.from]), [['message', 'u1', bob.jid]]);
        wire.cut();
        await gone(session);
        assert.deepEqual(await afterwards(server, bob), { again: ['handed out', 'into the silence'], returned: [] });
      } finally {
        await other.stop();
        wire.stop();
      }
    });

    it('the server dies: what it has not acknowledged is reported to the browser (U-066 and the other direction)', async () => {
      const session = await alice_online();
      await go_on(session, 3);
      server.child.process.kill('SIGSTOP');
      const say = (id) => session.send({
        payload: `<message xmlns='jabber:client' to='${bob.jid}' type='chat' id='${id}'><body>nobody hears</body></message>` });
      const first = await say('u1');
      const second = await say('u2');
      await first.answer; // it is let go because the second one has been worked off
      await server.kill();
      const answers = [await second.answer];
      while (answers.at(-1).type !== 'terminate') answers.push(await session.ask());
      assert.equal(answers.at(-1).condition, 'remote-connection-failed');
      // Those of the last two seconds before it may be among them, handled and not yet acknowledged; they have no id.
      const errors = answers.flatMap((body) => body.children).filter((child) => child.attributes.type === 'error');
      assert.deepEqual(errors.filter((child) => child.attributes.id)
        .map((child) => [child.local, child.attributes.id, child.attributes.from]), [['message', 'u1', bob.jid], ['message', 'u2', bob.jid]]);
    });
  });
}

// Most of it is waiting until a session is given up.
describe('delivery', { concurrency: true }, () => servers.forEach(delivery_with));

leave_nothing_behind();
