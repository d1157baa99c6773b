// Which browser shows a scenario of the chat without scripts with which server: each server with one of them, so that both browsers and
// both servers are seen at the price of two runs. What every browser must do with every server is lib/web_scenarios.mjs.
import { Chromium } from './chromium.mjs';
import { servers } from './servers.mjs';
import { FirefoxReader, launch_firefox } from './web_firefox.mjs';
import { Reader } from './web_reader.mjs';

// name: of a host that is to be this machine.
const chromium = {
  browser_name: 'Chromium',
  launch: (name) => Chromium.launch(name ? { args: [`--host-resolver-rules=MAP ${name} 127.0.0.1`] } : {}),
  open: (...what) => Reader.open(...what),
};
const firefox = {
  browser_name: 'Firefox',
  launch: (name) => launch_firefox(name ? { 'network.dns.localDomains': name } : {}),
  open: (...what) => FirefoxReader.open(...what),
};

const with_server = { prosody: chromium, ejabberd: firefox };

export const pairs = servers.map((kind) => ({ kind, ...with_server[kind.server_name] }));
