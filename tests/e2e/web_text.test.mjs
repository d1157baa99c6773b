// Static pages of the chat without scripts in text browsers: w3m and lynx show what there is, the form on them sends.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { temp_dir } from './lib/cleanup.mjs';
import { leave_nothing_behind } from './lib/leave_nothing_behind.mjs';
import { run } from './lib/process.mjs';
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

const world = {};

for (const [name, dump] of Object.entries(browsers)) {
  describe(`${name} and the static pages`, () => {
    let session;
    let bob;
    before(async () => {
      await start_world(world, servers[0], { people: ['bob'] });
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

    it('gets there from the pages of other browsers', async () => {
      assert.match(await show('/login'), /Text browsers such as lynx and w3m/);
      assert.match(await show(`/app/${bob}`), /Static pages/);
    });
  });
}

leave_nothing_behind();
