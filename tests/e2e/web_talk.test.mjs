// Conversations in the chat without scripts, and everything that can stand beside a message: browsers with JavaScript off, real
// servers that keep an archive, an independent client at the other end.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { Buddy } from './lib/buddy.mjs';
import { stop_all } from './lib/cleanup.mjs';
import { leave_nothing_behind } from './lib/leave_nothing_behind.mjs';
import { until } from './lib/wait.mjs';
import { pairs } from './lib/web_browsers.mjs';
import { wait } from './lib/web_reader.mjs';
import { WebSession } from './lib/web_session.mjs';
import { start_world, stop_world } from './lib/web_world.mjs';

for (const { kind, browser_name, launch, open } of pairs) {
  describe(`conversations in the chat without scripts in ${browser_name} with ${kind.server_name}`, () => {
    const world = {};
    let browser;
    let reader;
    before(async () => {
      browser = await launch();
      await start_world(world, kind, { server: { archive: true }, people: ['bob'] });
      world.device = await Buddy.connect(world.server, 'alice', { resource: 'device' });
      world.device.presence();
      await world.device.event('presence', (event) => event.from === world.device.jid);
      for (let i = 1; i <= 70; i++) world.bob.message(world.server.jid('alice'), `old ${i}.`, { id: `old-${i}` });
      await world.device.event('message', (event) => event.body === 'old 70.');
      reader = await open(browser, world.origin);
      await reader.log_in('alice', world.server.password('alice'));
      await reader.open_chat('bob');
    });
    after(() => stop_all(world.device && { stop: () => world.device.quit() }, { stop: () => stop_world(world) }, browser));
    const alice = () => world.server.jid('alice');
    const from_alice = (fits) => world.bob.event('message', (event) => event.from.startsWith(alice()) && fits(event));
    const raw = (xml) => world.bob.tell({ do: 'raw', xml });
    const payload = (inner, id = 'p1') => raw(`<message to="${alice()}" type="chat" id="${id}">${inner}</message>`);
    const bubbles = () => reader.texts('stream', '.b .x');
    // Of the message with that text.
    const ask = (text, what, argument) => reader.ask('stream', '.b', what, argument, text);
    const mark = (text) => ask(text, (node) => getComputedStyle(node.querySelector('.k'), '::after').content);

    it('shows the newest of the archive', async () => {
      await reader.see_message('old 70.');
      assert.deepEqual(await bubbles(), Array.from({ length: 30 }, (_, i) => `old ${i + 41}.`));
    });

    it('shows older ones when asked, all there are', async () => {
      await reader.click('stream', '.old a');
      await reader.see_message('old 1.');
      assert.deepEqual(await bubbles(), Array.from({ length: 70 }, (_, i) => `old ${i + 1}.`));
      assert.deepEqual(await reader.texts('stream', '.old a'), [], 'there are no older ones');
    });

    it('shows what is written on another device, once', async () => {
      world.device.message(world.server.jid('bob'), 'from my phone');
      await reader.see('stream', '.b.out', 'from my phone');
      world.bob.message(alice(), 'and back');
      await reader.see('stream', '.b.in', 'and back');
      assert.equal((await bubbles()).filter((text) => text === 'from my phone').length, 1);
    });

    it('marks what the server has and what has been received, and tells others the same', async () => {
      await reader.write('has it come?');
      const { id } = await from_alice((event) => event.body === 'has it come?');
      await until(async () => /^"✓" \/ "sent"$/.test(await mark('has it come?')), wait, 'sent');
      payload(`<received xmlns="urn:xmpp:receipts" id="${id}"/>`);
      await until(async () => /^"✓✓" \/ "delivered"$/.test(await mark('has it come?')), wait, 'received');
      payload('<body>tell me</body><request xmlns="urn:xmpp:receipts"/>', 'asks-for-it');
      await reader.see_message('tell me');
      await from_alice((event) => event.body === undefined);
    });

    it('shows who is typing, for as long as they do', async () => {
      const typing = () => reader.shown('#ty');
      payload('<composing xmlns="http://jabber.org/protocol/chatstates"/>');
      await until(async () => /typing/.test(await typing()), wait, 'bob types');
      payload('<paused xmlns="http://jabber.org/protocol/chatstates"/>');
      await until(async () => !/typing/.test(await typing()), wait, 'bob pauses');
      payload('<composing xmlns="http://jabber.org/protocol/chatstates"/>');
      await until(async () => /typing/.test(await typing()), wait, 'bob types again');
      world.bob.message(alice(), 'typed');
      await reader.see_message('typed');
      await until(async () => !/typing/.test(await typing()), wait, 'and has sent it');
    });

    it('puts a correction in the place of the old text, both ways', async () => {
      payload('<body>see you at fife</body>', 'wrong');
      await reader.see_message('see you at fife');
      payload('<body>see you at five</body><replace xmlns="urn:xmpp:message-correct:0" id="wrong"/>', 'right');
      await reader.see_message('see you at five');
      await reader.miss('stream', '.b', 'at fife');
      await reader.see('stream', '.b small', 'edited');
      // Nobody corrects what somebody else has written.
      payload(`<body>forged</body><replace xmlns="urn:xmpp:message-correct:0" id="${(await from_last_of_alice()).id}"/>`, 'forger');
      await reader.see_message('forged');
      assert.ok(await reader.visible('stream', '.b', 'mine to keep'));

      await reader.click('stream', `#${await ask('mine to keep', (node) => node.id)} a`, 'edit');
      await until(async () => (await reader.ask('compose', '#t', (node) => node.value)) === 'mine to keep', wait, 'the text to correct');
      await reader.write('mine to change');
      await from_alice((event) => event.body === 'mine to change');
      await reader.see('stream', '.b.out', 'mine to change');
      await reader.miss('stream', '.b', 'mine to keep');
    });

    it('gives a text to be corrected back as it was written, also when the correction fails', async () => {
      const session = await WebSession.open(world.origin, 'alice', world.server.password('alice'));
      const bob = await session.row('bob');
      await session.send(bob, '/me ponders\ntwice');
      await from_alice((event) => event.body === '/me ponders\ntwice');
      const number = await until(async () => /id="(m\d+)"(?:(?!<\/div>)[^])*twice/.exec(await session.page(`/plain/${bob}`))?.[1], wait, 'its number');
      const form = await session.page(`/compose/${bob}?edit=${number}`);
      assert.match(form, /<textarea[^>]*>\/me ponders\ntwice<\/textarea>/);
      const hidden = (name) => new RegExp(`name="${name}" value="([^"]*)"`).exec(form)[1];
      const failed = await session.post(`/compose/${bob}`, { token: hidden('token'), once: hidden('once'), edit: number, text: 'x'.repeat(4001) });
      assert.match(failed.text, new RegExp(`role="alert">The message is too long\\.[^]*name="edit" value="${number}"`));
    });

    async function from_last_of_alice() {
      await reader.write('mine to keep');
      const sent = await from_alice((event) => event.body === 'mine to keep');
      await reader.see_message('mine to keep');
      return sent;
    }

    it('shows /me, links, lines and long texts as they are meant', async () => {
      world.bob.message(alice(), '/me waves <b>');
      await until(async () => /\* bob\s+waves <b>/.test(await ask('waves', (node) => node.textContent)), wait, 'bob waves');
      world.bob.message(alice(), 'first\nsecond  line');
      assert.equal(await ask('second', (node) => node.querySelector('.x').innerText), 'first\nsecond  line');
      world.bob.message(alice(), `long ${'words '.repeat(500)}end`);
      const is_open = () => ask('long words', (node) => node.querySelector('details').open);
      assert.equal(await is_open(), false);
      await reader.click('stream', '.b summary');
      await until(is_open, wait, 'the text unfolds');
      world.bob.message(alice(), 'see https://example.org/a_(b)?c=d&e=<x>.');
      assert.equal(await ask('example.org', (node) => node.querySelector('a').getAttribute('href')), 'https://example.org/a_(b)?c=d&e=');
      await reader.click('compose', '.more');
      await reader.see('compose', 'textarea#t');
      await reader.fill('compose', '#t', 'one\ntwo');
      await reader.submit('button');
      await from_alice((event) => event.body === 'one\ntwo');
    });

    it('keeps what is being written when the form changes, and sends it only when told to', async () => {
      const value = () => reader.ask('compose', '#t', (node) => node.value);
      const has_focus = () => reader.ask('compose', '#t', (node) => node.ownerDocument.activeElement === node);
      await reader.click('compose', '.more'); // the form had several lines
      await reader.see('compose', 'input#t');
      await reader.fill('compose', '#t', 'half a thought');
      await reader.click('compose', '.more');
      await reader.see('compose', 'textarea#t');
      assert.equal(await value(), 'half a thought');
      await until(has_focus, wait, 'writing goes on');
      await reader.fill('compose', '#t', 'half a thought\nand more');
      await reader.click('compose', '.more');
      await reader.see('compose', 'input#t');
      assert.equal(await value(), 'half a thought and more');
      await until(has_focus, wait, 'writing goes on');
      await reader.send();
      await from_alice((event) => event.body === 'half a thought and more');
      assert.deepEqual(world.bob.events.peek((event) => event.body?.startsWith('half a thought')), []);
    });

    it('says how much is too much, and keeps it', async () => {
      await reader.fill('compose', '#t', 'y'.repeat(4003));
      await reader.send();
      await reader.see('compose', '.error', 'Characters too many: 3.');
      assert.equal(await reader.ask('compose', '#t', (node) => node.value.length), 4003);
      await reader.fill('compose', '#t', 'short');
      await reader.send();
      await from_alice((event) => event.body === 'short');
      assert.deepEqual(world.bob.events.peek((event) => event.body?.startsWith('yyy')), []);
    });

    it('says beside a message why it has not arrived', async () => {
      await reader.go('/contact/add');
      await reader.fill('page', '#address', 'nobody@postern.test');
      await reader.click('page', 'button[type=submit]');
      await reader.see('compose', '#t');
      await reader.write('is anybody there?');
      await until(async () => /^"not delivered: /.test(await mark('is anybody there?')), wait, 'it has not arrived');
    });

    it('shows times in the chosen zone', async () => {
      await reader.go('/app/');
      await reader.open_chat('bob');
      world.bob.message(alice(), 'what time is it?');
      await reader.see_message('what time is it?');
      const chat = await reader.path();
      const minutes = async () => {
        const [hour, minute] = (await ask('what time is it?', (node) => node.querySelector('time').textContent)).split(':');
        return Number(hour) * 60 + Number(minute);
      };
      const utc = await minutes();
      await reader.go('/settings');
      await reader.choose('page', '#zone', '330');
      await reader.click('page', 'button[type=submit]', 'Save');
      await reader.see('stream', '.rows li', 'bob');
      await reader.go(chat);
      await reader.see_message('what time is it?');
      assert.equal((await minutes() - utc + 1440) % 1440, 330);
    });
  });
}

leave_nothing_behind();
