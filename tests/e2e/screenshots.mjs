// Pictures of the chat without scripts, for docs/ and for a look by whoever changes its pages: `node tests/e2e/screenshots.mjs DIRECTORY`.
// The real binary in front of a real Prosody, people on independent clients, Chromium with JavaScript off. No test: nothing is checked.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { stop_all } from './lib/cleanup.mjs';
import { Chromium } from './lib/chromium.mjs';
import { servers } from './lib/servers.mjs';
import { until } from './lib/wait.mjs';
import { Reader, wait } from './lib/web_reader.mjs';
import { start_world, stop_world } from './lib/web_world.mjs';

const directory = process.argv[2];
if (!directory) throw new Error('where to? node tests/e2e/screenshots.mjs DIRECTORY');

const friends = ['bob', 'dora', 'emil', 'fatima'];
const users = [
  { name: 'alice', password: 'looking-glass', buddies: friends },
  ...friends.map((name) => ({ name, password: `${name}-pass`, buddies: ['alice'] })),
];
const world = {};
const browser = await Chromium.launch();
const room = 'tea@rooms.postern.test';
const raw = (name, xml) => world[name].tell({ do: 'raw', xml });

// What stands still in a picture: no caret, no transition.
const options = (more) => ({ reducedMotion: 'reduce', ...more });
const open = async (more) => {
  const reader = await Reader.open(browser, world.origin, options(more));
  await reader.log_in('alice', world.server.password('alice'));
  return reader;
};
// The browser's own command: Playwright's first waits for documents to be complete, and an endless one never is.
const picture = async (reader, name) => {
  const session = await reader.context.newCDPSession(reader.page);
  const { data } = await session.send('Page.captureScreenshot', { format: 'png' });
  writeFileSync(join(directory, `${name}.png`), Buffer.from(data, 'base64'));
  process.stdout.write(`${name}\n`);
};

async function set_the_scene() {
  world.bob.presence({ show: 'away', status: 'back at five' });
  world.dora.presence({ show: 'dnd', status: 'writing' });
  world.emil.presence();
  await world.bob.join(room, 'bob');
  raw('bob', `<iq type="set" id="own" to="${room}"><query xmlns="http://jabber.org/protocol/muc#owner"><x xmlns="jabber:x:data" type="submit"/></query></iq>`);
  raw('bob', `<message to="${room}" type="groupchat"><subject>Which tea for Thursday?</subject></message>`);
  await world.bob.event('message', (event) => event.subject === 'Which tea for Thursday?'); // open to others by then
  await world.dora.join(room, 'dora');
  await world.emil.join(room, 'emil');
}

async function talk(reader) {
  const to = world.server.jid('alice');
  const from_bob = async (text) => {
    world.bob.message(to, text);
    await reader.see_message(text.replace('/me ', ''));
  };
  const write = async (text) => {
    await reader.write(text);
    await reader.see_message(text);
  };
  await reader.open_chat('bob');
  await reader.miss('stream', '.old'); // there is no older message, and the page knows it
  await from_bob('Good morning! Is the train on time today?');
  await write('So they say. I am at the station at 9:40.');
  await from_bob('The plan is here: https://rail.example.org/timetable?from=north&to=south');
  await from_bob('Bring the book about the looking-glass, please. And if you have room in the bag, the two cups that stand on the shelf beside the window: the blue one and the one with the crack.');
  await write('Both cups are packed.\nThe book is lent to Emil, he brings it on Thursday.');
  await from_bob('/me waves from the platform');
  await write('See you at five, then.');
  raw('emil', `<message to="${to}" type="chat" id="e1"><body>The book is with me, by the way.</body></message>`);
}

try {
  await start_world(world, servers[0], { server: { users, archive: true }, people: friends });
  await set_the_scene();
  const reader = await open();
  await talk(reader);
  const chat = await reader.path();
  await reader.shows('.rows li .n', '"1"');
  await picture(reader, 'desktop');
  const saved = await reader.context.storageState();
  const again = async (more, path, name) => {
    const other = await Reader.open(browser, world.origin, options({ storageState: saved, ...more }));
    await other.go(path);
    if (path.startsWith('/app/c')) await other.see('stream', '.b', path === chat ? 'See you at five' : '');
    else if (path.startsWith('/app/')) await other.see('stream', '.rows li', 'bob');
    else await other.see('page', 'main');
    await picture(other, name);
    await other.close();
  };
  await again({ colorScheme: 'dark' }, chat, 'dark');
  await again({ forcedColors: 'active' }, chat, 'high-contrast');
  const phone = { viewport: { width: 390, height: 760 }, deviceScaleFactor: 2 };
  await again(phone, chat, 'phone');
  await again(phone, '/app/', 'phone-list');
  await again({}, chat.replace('/app/', '/contact/'), 'contact');
  await again({}, '/settings', 'settings');

  await reader.go('/room/join');
  await reader.fill('page', '#address', room);
  await reader.fill('page', '#nick', 'alice');
  await reader.click('page', 'main button[type=submit]');
  await reader.see('stream', 'header h1', 'tea');
  world.dora.message(room, 'Assam, and a pot of mint for whoever does not want to be awake.', { type: 'groupchat' });
  await reader.see_message('Assam');
  world.emil.message(room, 'alice: do you bring the cups?', { type: 'groupchat' });
  await reader.see_message('do you bring the cups?');
  await reader.write('Two of them. The crack holds.');
  await reader.see_message('The crack holds');
  await reader.click('stream', '.people summary');
  await picture(reader, 'room');
  await reader.go((await reader.path()).replace('/app/', '/room/'));
  await reader.see('page', 'main');
  await picture(reader, 'room-details');

  for (let i = 1; i <= 120; i += 1) world.bob.message(world.server.jid('alice'), `Line ${i} of a long letter${i % 9 === 0 ? `, with a part that is longer: ${'so much to say '.repeat(8)}` : '.'}`);
  await reader.go(chat);
  await reader.see_message('Line 120 ');
  await picture(reader, 'long');
  await reader.go('/settings');
  await reader.choose('page', '#lang', 'ar');
  await reader.click('page', 'main button[type=submit]');
  await until(async () => (await reader.path()).startsWith('/app/'), wait, 'the list comes back');
  await reader.go(chat);
  await reader.see_message('Line 120 ');
  world.bob.message(world.server.jid('alice'), 'صباح الخير! هل القطار في موعده اليوم؟');
  await reader.see_message('صباح الخير');
  await picture(reader, 'right-to-left');
  await again({}, chat.replace('/app/', '/plain/'), 'static');
  await reader.close();
  const stranger = await Reader.open(browser, world.origin, options({}));
  await stranger.go('/');
  await stranger.see('page', '#user');
  await picture(stranger, 'login');
} finally {
  await stop_all({ stop: () => stop_world(world) }, browser);
}
