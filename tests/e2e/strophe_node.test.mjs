// Strophe.js in Node, the current and the old one, over BOSH and WebSocket to real servers.
import { bindings, chat_scenarios } from './lib/chat_scenarios.mjs';
import { leave_nothing_behind } from './lib/leave_nothing_behind.mjs';
import { servers } from './lib/servers.mjs';
import { libraries, StropheNode } from './lib/strophe.mjs';

for (const kind of servers) {
  for (const library of Object.keys(libraries)) {
    for (const binding of Object.keys(bindings)) {
      chat_scenarios({ client_name: library, kind, binding, open: (url) => StropheNode.open({ url, library }) });
    }
  }
}

leave_nothing_behind();
