// Strophe.js in a page of headless Chromium, driven by playwright-core with Debian's browser. The interface is that of
// StropheNode, so that the same scenarios run here.
import { chromium } from 'playwright-core';
import { Mailbox, patience, until } from './wait.mjs';

export const chromium_path = process.env.POSTERN_CHROMIUM ?? '/usr/bin/chromium';

// Without these it looks for hosts of its maker at every start. --no-sandbox: the tests may run as root.
const quiet = ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
  '--disable-component-update', '--disable-sync'];

export class Chromium {
  static async launch({ args = [] } = {}) {
    const self = new Chromium();
    self.browser = await chromium.launch({ executablePath: chromium_path, args: [...quiet, ...args], timeout: 60_000 * patience });
    return self;
  }

  // A tab with its own storage on the page at `origin`; `url` is the BOSH or WebSocket endpoint it will use.
  async open({ origin, url, ignore_certificates = false }) {
    const tab = new Tab();
    tab.url = url;
    tab.context = await this.browser.newContext({ ignoreHTTPSErrors: ignore_certificates });
    tab.page = await tab.context.newPage();
    tab.events = new Mailbox('page');
    tab.requests = new Set();
    tab.answers = [];
    tab.watch();
    await tab.page.exposeFunction('report', (event) => tab.events.push(event));
    await tab.page.goto(origin);
    await tab.page.waitForFunction(() => window.loaded);
    return tab;
  }

  async stop() {
    await this.browser.close();
  }
}

class Tab {
  // What the network panel would show of the BOSH endpoint.
  watch() {
    const url = this.url.bosh ?? this.url;
    const ours = (request) => request.url() === url && request.method() === 'POST';
    this.page.on('request', (request) => ours(request) && this.requests.add(request));
    this.page.on('requestfinished', (request) => this.requests.delete(request));
    this.page.on('requestfailed', (request) => this.requests.delete(request));
    this.page.on('response', (response) => {
      if (response.url() === url) this.answers.push({ status: response.status(), method: response.request().method() });
    });
    this.page.on('pageerror', (error) => this.events.push({ event: 'pageerror', text: error.message }));
    this.page.on('console', (entry) => {
      if (entry.type() === 'error') this.events.push({ event: 'console', text: entry.text() });
    });
  }

  call(method, ...args) {
    return this.page.evaluate(([name, list]) => void window.chat[name](...list), [method, args]);
  }

  way() {
    return this.page.evaluate(() => window.chat.way());
  }

  connect(jid, password, options = {}) {
    return this.call('connect', this.url, jid, password, options);
  }

  async held_request() {
    if (this.url.bosh) return void await this.page.waitForFunction(() => window.chat.connection._proto.stream);
    if (this.url.startsWith('ws')) return;
    await until(() => this.requests.size === 1, 5000, 'one request is held');
  }

  async reload() {
    await this.page.reload();
    await this.page.waitForFunction(() => window.loaded);
    this.requests.clear();
    this.events.clear();
  }

  restore(jid) {
    return this.call('restore', this.url, jid);
  }

  event(name, fits = () => true, within = 15_000) {
    return this.events.take((event) => event.event === name && fits(event), within, `${name} with ${fits}`);
  }

  status(name, within = 15_000) {
    return this.event('status', (event) => event.status === name, within);
  }

  async close() {
    await this.context.close();
  }
}
