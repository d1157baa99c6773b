// Strophe.js in Node, the current and the old one, over BOSH, WebSocket and with our plugin over a push stream, to real servers.
import { describe } from 'node:test';
import { bindings, chat_scenarios } from './lib/chat_scenarios.mjs';
import { leave_nothing_behind } from './lib/leave_nothing_behind.mjs';
import { servers } from './lib/servers.mjs';
import { libraries, StropheNode } from './lib/strophe.mjs';

const clients = Object.keys(libraries).flatMap((library) => Object.keys(bindings).map((binding) => (
  { client_name: library, binding, open: (url) => StropheNode.open({ url, library }) })));

// What takes time here is waiting, a tenth of a second before every word of Strophe.js; so everybody waits at once.
describe('Strophe.js in Node', { concurrency: true }, () => {
  for (const kind of servers) chat_scenarios({ kind, clients, settings: { bosh: { push_streams: true } } });
});

leave_nothing_behind();
