// Strophe.js in a page of headless Firefox ESR, over WebDriver BiDi, which Debian's browser speaks by itself (no geckodriver, no
// patched build). The interface is that of StropheNode and of lib/chromium.mjs.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import WebSocket from 'ws';
import { at_exit, temp_dir } from './cleanup.mjs';
import { Child } from './process.mjs';
import { deadline, Mailbox, until } from './wait.mjs';

export const firefox_path = process.env.POSTERN_FIREFOX ?? '/usr/bin/firefox-esr';

// A fresh profile asks its maker for updates, lists and experiments; the tests are not about that.
const preferences = {
  'app.normandy.enabled': false,
  'app.update.enabled': false,
  'browser.safebrowsing.downloads.enabled': false,
  'browser.safebrowsing.malware.enabled': false,
  'browser.safebrowsing.phishing.enabled': false,
  'browser.shell.checkDefaultBrowser': false,
  'browser.startup.homepage_override.mstone': 'ignore',
  'datareporting.policy.dataSubmissionEnabled': false,
  'extensions.update.enabled': false,
  'network.captive-portal-service.enabled': false,
  'network.connectivity-service.enabled': false,
  'services.settings.server': 'data:,#no-remote-settings',
  'toolkit.telemetry.enabled': false,
};

export class Firefox {
  // more: preferences beside those above.
  static async launch(more = {}) {
    const self = new Firefox();
    const profile = temp_dir('firefox');
    writeFileSync(join(profile, 'user.js'),
      Object.entries({ ...preferences, ...more }).map(([name, value]) => `user_pref("${name}", ${JSON.stringify(value)});\n`).join(''));
    self.child = new Child('firefox', [firefox_path, '--headless', '--no-remote', '--profile', profile,
      '--remote-debugging-port', '0', 'about:blank'], { env: { HOME: profile } });
    const [, address] = await self.child.line(/WebDriver BiDi listening on (ws:\S+)/, 60_000);
    self.socket = new WebSocket(`${address}/session`);
    self.forget = at_exit(() => self.socket.terminate());
    self.commands = new Map();
    self.tabs = new Map();
    self.serial = 0;
    self.socket.on('message', (data) => self.on_message(JSON.parse(data)));
    self.socket.on('close', () => self.on_close());
    await deadline(new Promise((resolve, reject) => self.socket.once('open', resolve).once('error', reject)), 10_000, 'BiDi opens');
    await self.command('session.new', { capabilities: {} });
    await self.command('session.subscribe', { events: ['script.message', 'network.beforeRequestSent', 'network.responseCompleted',
      'network.fetchError', 'log.entryAdded'] });
    await self.command('script.addPreloadScript', {
      functionDeclaration: '(send) => { window.report = (event) => send(JSON.stringify(event)); }',
      arguments: [{ type: 'channel', value: { channel: 'report' } }],
    });
    return self;
  }

  on_message(message) {
    if (message.type === 'event') {
      const { params } = message;
      this.tabs.get(params.context ?? params.source?.context)?.on_event(message.method, params);
      return;
    }
    const waiting = this.commands.get(message.id);
    this.commands.delete(message.id);
    if (message.type === 'success') waiting?.resolve(message.result);
    else waiting?.reject(new Error(`${waiting.method}: ${message.message}`));
  }

  // It answers nothing any more, browser.close least of all.
  on_close() {
    for (const { reject, method } of this.commands.values()) reject(new Error(`${method}: Firefox is gone`));
    this.commands.clear();
  }

  command(method, params, within = 20_000) {
    const id = ++this.serial;
    const answered = new Promise((resolve, reject) => this.commands.set(id, { resolve, reject, method }));
    this.socket.send(JSON.stringify({ id, method, params }));
    return deadline(answered, within, method);
  }

  async open({ origin, url }) {
    const { context } = await this.command('browsingContext.create', { type: 'tab' });
    const tab = new Tab(this, context, url);
    this.tabs.set(context, tab);
    await this.command('browsingContext.navigate', { context, url: origin, wait: 'complete' });
    await tab.is_loaded();
    return tab;
  }

  async stop() {
    this.forget();
    await this.command('browser.close', {}).catch(() => {});
    this.socket.close();
    return this.child.stop('SIGTERM', 10_000);
  }
}

class Tab {
  constructor(firefox, context, url) {
    Object.assign(this, { firefox, context, url });
    this.events = new Mailbox('page');
    this.requests = new Set();
    this.answers = [];
  }

  on_event(method, params) {
    if (method === 'script.message') return this.events.push(JSON.parse(params.data.value));
    if (method === 'log.entryAdded') {
      if (params.level === 'error') this.events.push({ event: 'console', text: params.text });
      return undefined;
    }
    const { request, response } = params;
    if (request.url !== this.url || request.method !== 'POST') return undefined;
    if (method === 'network.beforeRequestSent') return this.requests.add(request.request);
    if (response) this.answers.push({ status: response.status, method: request.method });
    return this.requests.delete(request.request);
  }

  async evaluate(expression) {
    const { result, exceptionDetails } = await this.firefox.command('script.evaluate',
      { expression, target: { context: this.context }, awaitPromise: true });
    if (exceptionDetails) throw new Error(exceptionDetails.text);
    return result?.value;
  }

  is_loaded() {
    return until(() => this.evaluate('window.loaded === true'), 10_000, 'the page is loaded');
  }

  call(method, ...args) {
    return this.evaluate(`void window.chat[${JSON.stringify(method)}](...${JSON.stringify(args)})`);
  }

  way() {
    return this.evaluate('window.chat.way()');
  }

  connect(jid, password, options = {}) {
    return this.call('connect', this.url, jid, password, options);
  }

  held_request() {
    return until(() => this.requests.size === 1, 5000, 'one request is held');
  }

  async reload() {
    await this.firefox.command('browsingContext.reload', { context: this.context, wait: 'complete' });
    await this.is_loaded();
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
    if (!this.firefox.tabs.delete(this.context)) return;
    await this.firefox.command('browsingContext.close', { context: this.context });
  }
}
