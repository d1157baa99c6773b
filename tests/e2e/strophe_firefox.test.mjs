// Strophe.js in headless Firefox ESR, cross-origin, over BOSH to the first server of the table: another engine's idea of XHR,
// CORS, XML and reloads.
import { after, before, describe } from 'node:test';
import { chat_scenarios } from './lib/chat_scenarios.mjs';
import { stop_all } from './lib/cleanup.mjs';
import { Firefox } from './lib/firefox.mjs';
import { leave_nothing_behind } from './lib/leave_nothing_behind.mjs';
import { servers } from './lib/servers.mjs';
import { start_static_server } from './lib/static_server.mjs';

let browser;
let site;

describe('Firefox', () => {
  before(async () => {
    [browser, site] = await Promise.all([Firefox.launch(), start_static_server()]);
  });
  after(() => stop_all(browser, site));

  const open = (url) => browser.open({ origin: site.origin, url });
  chat_scenarios({ kind: servers[0],
    clients: [{ client_name: 'Strophe.js in Firefox, cross-origin,', open, features: { exact_text: true, relogins: 3 } }] });
});

leave_nothing_behind();
