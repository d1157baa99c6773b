// Static pages of the chat without scripts in text browsers: w3m and lynx show what there is, the form on them sends, and at a
// terminal they send a file with it.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { temp_dir } from './lib/cleanup.mjs';
import { leave_nothing_behind } from './lib/leave_nothing_behind.mjs';
import { Child, run } from './lib/process.mjs';
import { servers } from './lib/servers.mjs';
import { until } from './lib/wait.mjs';
import { WebSession } from './lib/web_session.mjs';
import { start_world, stop_world } from './lib/web_world.mjs';

// How each is made to print a page as the reader of this session sees it.
const browsers = {
  w3m: (session, url) => run(['w3m', '-dump', '-cols', '100', '-header', `Cookie: ${session.cookie}`, url], { env: { HOME: temp_dir('w3m') } }),
  lynx: (session, url) => {
    const home = temp_dir('lynx');
    const [name, value] = session.cookie.split('=');
    const { hostname } = new URL(url);
    writeFileSync(join(home, 'cookies'), `${hostname}\tFALSE\t/\tFALSE\t${Math.floor(Date.now() / 1000) + 3600}\t${name}\t${value}\n`);
    writeFileSync(join(home, 'lynx.cfg'), `PERSISTENT_COOKIES:TRUE\nACCEPT_ALL_COOKIES:TRUE\nCOOKIE_FILE:${join(home, 'cookies')}\n`);
    return run(['lynx', '-dump', '-width=100', '-nolist', `-cfg=${join(home, 'lynx.cfg')}`, url], { env: { HOME: home, LANG: 'C.UTF-8' } });
  },
};

// How each is led from the top of the page with the form for a file to the next page: what it shows, and what a person types then.
const typing = {
  w3m: (path) => [['Viewing', '\t\r'], ['Filename:', `${path}\r`], ['Viewing', '\t\r']],
  lynx: (path) => [['At most', '\t'], ['Enter text', `${path}\t`], ['submit button', '\r']],
};

// A program at a terminal of its own.
async function at_terminal(argv, steps, shown_at_last) {
  const child = new Child(argv[0], ['script', '-qec', argv.join(' '), '/dev/null'],
    { stdin: 'pipe', env: { HOME: temp_dir(argv[0]), TERM: 'vt100', LANG: 'C.UTF-8' } });
  let screen = '';
  child.process.stdout.on('data', (data) => { screen += data; });
  const shows = (text) => until(() => screen.includes(text), 15_000, () => `${argv[0]} shows ${text}: ${JSON.stringify(screen.replaceAll('\0', '').slice(-600))}`);
  for (const [text, keys] of steps) {
    await shows(text);
    screen = '';
    child.process.stdin.write(keys);
  }
  await shows(shown_at_last);
  await child.stop('SIGTERM', 5000);
}

const world = {};

for (const [name, dump] of Object.entries(browsers)) {
  describe(`${name} and the static pages`, () => {
    let session;
    let bob;
    before(async () => {
      await start_world(world, servers[0], { server: { files: 100_000 }, people: ['bob'],
        domain: (server) => ({ upload_origins: [server.upload_origin] }) });
      session = await WebSession.open(world.origin, 'alice', world.server.password('alice'), { mode: 'static' });
      bob = await session.row('bob');
    });
    after(() => stop_world(world));
    const show = async (path) => (await dump(session, world.origin + path)).stdout;

    it('lists buddies with presence and unread messages', async () => {
      world.bob.presence({ show: 'away', status: 'at lunch' });
      world.bob.message(world.server.jid('alice'), 'hello from <bob>');
      await until(async () => /bob.*at lunch.*away.*1/s.test(await show('/plain/')), 15_000, 'the list');
      assert.match(await show('/plain/'), /Log out/);
    });

    it('shows a conversation, and sends', async () => {
      assert.match(await show(`/plain/${bob}`), /hello from <bob>/);
      assert.equal(session.answer.headers.location, '/plain/');
      const fields = await session.fields(`/plain/${bob}`);
      const answer = await session.post(`/plain/${bob}`, { ...fields, text: 'from a static page' });
      assert.equal(answer.headers.location, `/plain/${bob}#write`);
      await world.bob.event('message', (event) => event.body === 'from a static page');
      assert.match(await show(`/plain/${bob}`), /Me.*from a static page/s);
    });

    it('sends a file, and shows the links of files', async () => {
      // The path names the session, so that there is no cookie to be brought along.
      const other = await WebSession.open(world.origin, 'alice', world.server.password('alice'), { mode: 'static', cookie: 'none' });
      await until(async () => (await other.get(`/file/${bob}`)).status === 200, 15_000, 'files are offered');
      const path = join(temp_dir('file'), 'note.txt');
      writeFileSync(path, `by ${name}`);
      await at_terminal([name, `${other.origin}/file/${bob}`], typing[name](path), 'Send a file');
      const { body } = await world.bob.event('message', (event) => event.oob !== undefined);
      assert.ok(body.startsWith(world.server.upload_origin) && body.endsWith('/note.txt'), body);
      const page = await show(`/plain/${bob}`); // of the other session: its copy of what was sent
      assert.match(page, /note\.txt\s+localhost/, 'its name and where it lies');
      world.bob.message(world.server.jid('alice'), 'https://files.example.org/from-bob.txt');
      await until(async () => (await show(`/plain/${bob}`)).includes('https://files.example.org/from-bob.txt'), 15_000, 'the link of a file');
    });

    it('gets there from the pages of other browsers', async () => {
      assert.match(await show('/login'), /Text browsers such as lynx and w3m/);
      assert.match(await show(`/app/${bob}`), /Static pages/);
    });
  });
}

leave_nothing_behind();
