// A contact who means harm: markup, style, tricks with slots and ids, bidi overrides and endless words in everything that others may
// write. Nothing runs, nothing looks like a part of the page, and the page keeps its shape; in Chromium and in Firefox, with scripts
// switched on, so that one that got through would run.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { Chromium } from './lib/chromium.mjs';
import { stop_all } from './lib/cleanup.mjs';
import { Firefox } from './lib/firefox.mjs';
import { leave_nothing_behind } from './lib/leave_nothing_behind.mjs';
import { servers } from './lib/servers.mjs';
import { until } from './lib/wait.mjs';
import { FirefoxReader } from './lib/web_firefox.mjs';
import { Reader, wait } from './lib/web_reader.mjs';
import { start_world, stop_world } from './lib/web_world.mjs';

const mark = 'window.hacked=1;document.title="hacked"';
const tricks = [
  `<script>${mark}</script>`, `</span></div></section></div><script>${mark}</script>`, `<img src=x onerror='${mark}'>`,
  `"><svg onload='${mark}'>`, `' autofocus onfocus='${mark}`, `javascript:${mark}`, `https://x.test/"onmouseover="${mark}`,
  '</style><style>*{display:none!important}', '#rc{visibility:visible!important}', '}#m1{display:none}', '<div id=rc class=banner>lost</div>',
  '<slot name=s></slot><template shadowrootmode=open></template>', '<meta http-equiv=refresh content="0;url=//evil.test">',
  '<form action=//evil.test target=_top><button>Log out</button></form>', '<base href=//evil.test/>', '<iframe src=//evil.test></iframe>',
  '{{token}} {{{bubbles}}} [[nav.logout]] {{>side}}', '<!--', '<plaintext>', '<textarea>', '&lt;b&gt; &amp;#60;', '\u202Eevil\u202D \u2066x\u2069 \u200F',
];
const word = 'W'.repeat(100_000);
const long_name = 'n'.repeat(200);
const zalgo = `z${'\u0301'.repeat(400)}`;

const readers = {
  Chromium: { launch: () => Chromium.launch(), open: (browser, origin) => Reader.open(browser, origin, { javaScriptEnabled: true }) },
  Firefox: { launch: () => Firefox.launch(), open: FirefoxReader.open },
};

// What must be true of each frame, whatever stands in it; runs in the browser.
const shape = (html) => {
  const view = html.ownerDocument.defaultView;
  const foreign = [...html.querySelectorAll('script,svg,img,base,object,embed,template,slot,plaintext,form[action*=evil],[onerror],[onload],[style]')];
  const ids = [...html.querySelectorAll('[id]')].map((node) => node.id);
  const wide = [...html.querySelectorAll('.b,.rows li,header,nav,main,.banner')].filter((node) => {
    const { left, right, width } = node.getBoundingClientRect();
    return width > 0 && (left < -1 || right > view.innerWidth + 1);
  });
  const out = {
    hacked: view.hacked ?? view.top.hacked ?? null,
    foreign: foreign.map((node) => node.outerHTML.slice(0, 100)),
    doubled: ids.filter((id, i) => ids.indexOf(id) !== i),
    bar: html.querySelector('#rc') ? view.getComputedStyle(html.querySelector('#rc')).visibility : 'hidden',
    overflow: html.scrollWidth > view.innerWidth,
    wide: wide.map((node) => node.className || node.tagName),
    bidi: /[\u202A-\u202E\u2066-\u2069]/.test(html.textContent),
  };
  return JSON.stringify(out);
};
const sound = { hacked: null, foreign: [], doubled: [], bar: 'hidden', overflow: false, wide: [], bidi: false };

// A page without scripts that is not live: loaded anew until it has what the server says in its own time.
const has_when_loaded = (reader, path, text) => until(async () => {
  await reader.go(path);
  return (await reader.ask('page', 'body', (node) => node.textContent)).includes(text);
}, wait, `${path} has ${text}`);
const escaped = (text) => text.replace(/[&<>"']/g, (c) => `&#${c.charCodeAt(0)};`);

for (const [name, { launch, open }] of Object.entries(readers)) {
  describe(`a hostile contact of a reader with ${name}`, () => {
    const world = {};
    let browser;
    before(async () => {
      browser = await launch();
      await start_world(world, servers[0], { people: ['bob', 'carol'] });
    });
    after(() => stop_all({ stop: () => stop_world(world) }, browser));
    const alice = () => world.server.jid('alice');

    it('neither runs anything nor forges anything nor breaks the page', async () => {
      const reader = await open(browser, world.origin);
      const holds = async (where, what) => {
        const found = JSON.parse(await reader.ask(where, 'html', shape));
        assert.deepEqual(found, sound, `${what} in the ${where}`);
      };
      await reader.log_in('alice', world.server.password('alice'));
      await reader.open_chat('bob');
      // A status, and messages, live.
      world.bob.presence({ show: 'away', status: tricks.join(' ') });
      for (const trick of tricks) world.bob.message(alice(), trick);
      world.bob.message(alice(), `/me ${tricks[0]}`);
      world.bob.message(alice(), zalgo);
      world.bob.message(alice(), word);
      world.bob.message(alice(), 'the last of them');
      await reader.see_message('the last of them');
      await holds('stream', 'messages');
      await holds('page', 'messages');
      await holds('compose', 'messages');
      for (const trick of tricks.filter((text) => !/[\u2000-\u206F]/.test(text))) {
        await reader.see('stream', '.b .x', trick);
      }
      // The same in a page that is loaded anew, with what is known by then: a stranger whose request is a trick, too.
      world.carol.tell({ do: 'raw', xml: `<presence to="${alice()}" type="subscribe"><status>${escaped(tricks.slice(0, 4).join(' '))}</status></presence>` });
      await reader.see('stream', '.rows li', 'carol');
      const chat = await reader.path();
      await reader.go(chat);
      await reader.see_message('the last of them');
      await holds('stream', 'messages that were there');
      await reader.go('/app/');
      await reader.see('stream', '.rows .st', '<script>');
      await holds('stream', 'the list');
      await reader.click('stream', '.rows li a', 'carol');
      await reader.see('stream', '.banner', '<script>');
      await holds('stream', 'a request');
      world.bob.tell({ do: 'raw', xml: `<message to="${alice()}"><x xmlns="jabber:x:conference" jid="trap@${world.server.muc}" reason="${escaped(tricks.join(' '))}"/></message>` });
      await reader.see('stream', '.rows li', 'trap');
      await reader.click('stream', '.rows li a', 'trap');
      await reader.see('stream', '.banner', '<script>');
      await holds('stream', 'an invitation');
      await reader.go(chat.replace('/app/', '/contact/'));
      await reader.see('page', 'dd', '<script>');
      await holds('page', 'details');
      await reader.go(chat.replace('/app/', '/plain/'));
      await reader.see('page', '.b', 'the last of them');
      await holds('page', 'a static page');

      // Names of buddies and groups are the reader's own, and those of rooms, subjects and nicks everybody's.
      await reader.go(chat.replace('/app/', '/contact/'));
      await reader.fill('page', '#name', tricks[1].slice(0, 100));
      await reader.fill('page', '#groups', `${long_name}`);
      await reader.click('page', 'button[value=save]');
      await has_when_loaded(reader, '/plain/', tricks[1]);
      await holds('page', 'a list with names');
      const room = `${name.toLowerCase()}@${world.server.muc}`;
      await world.bob.join(room, `"><svg onload='x'>${long_name}`);
      // The room is locked until its owner has said how it shall be (XEP-0045 10.1.2).
      world.bob.tell({ do: 'raw', xml: `<iq type="set" id="own" to="${room}"><query xmlns="http://jabber.org/protocol/muc#owner"><x xmlns="jabber:x:data" type="submit"/></query></iq>` });
      world.bob.tell({ do: 'raw', xml: `<message to="${room}" type="groupchat"><subject>${escaped(tricks.join(' '))}</subject></message>` });
      await reader.go('/room/join');
      await reader.fill('page', '#address', room);
      await reader.click('page', 'main button[type=submit]');
      await until(async () => /c\d+$/.test(await reader.path()), wait, 'the room opens');
      const in_room = (await reader.path()).replace(/^\/\w+\//, '/plain/');
      await has_when_loaded(reader, in_room, tricks[1]);
      await holds('page', 'a static page of a room');
      await reader.go(in_room.replace('/plain/', '/app/'));
      await reader.see('stream', '.sub', '<script>');
      world.bob.message(room, `alice: ${tricks[1]}`, { type: 'groupchat' });
      await reader.see_message(`alice: ${tricks[1]}`);
      await reader.click('stream', '.people summary');
      await reader.see('stream', '.people li', '"><svg');
      await holds('stream', 'a room');
      await reader.go(in_room.replace('/plain/', '/room/'));
      await reader.see('page', 'li', '"><svg');
      await holds('page', 'details of a room');
      assert.notEqual(await reader.ask('page', 'body', (node) => node.ownerDocument.title), 'hacked');
      await reader.close();
    });
  });
}

leave_nothing_behind();
