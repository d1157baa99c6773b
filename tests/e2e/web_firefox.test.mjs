// The chat without scripts in Firefox ESR with JavaScript switched off, against real servers.
import { after, before, describe } from 'node:test';
import { stop_all } from './lib/cleanup.mjs';
import { leave_nothing_behind } from './lib/leave_nothing_behind.mjs';
import { servers } from './lib/servers.mjs';
import { FirefoxReader, launch_firefox } from './lib/web_firefox.mjs';
import { web_scenarios } from './lib/web_scenarios.mjs';
import { start_world, stop_world } from './lib/web_world.mjs';

let browser;
before(async () => {
  browser = await launch_firefox();
});
after(() => stop_all(browser));

for (const kind of servers) {
  describe(`Firefox without scripts with ${kind.server_name}`, () => {
    const world = {};
    before(() => start_world(world, kind));
    after(() => stop_world(world));
    web_scenarios({ world, open: () => FirefoxReader.open(browser, world.origin) });
  });
}

leave_nothing_behind();
