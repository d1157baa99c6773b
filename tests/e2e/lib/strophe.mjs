// Strophe.js in Node: the current release, the 1.2 that many sites still serve, and for WebSocket the 1.1 of before RFC 7395.
// They expect a page around them; here are the parts of one that they use.
import { webcrypto } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import vm from 'node:vm';
import { ChatClient } from '../pages/chat_client.js';
import { EventSource } from './event_source.mjs';
import { Mailbox, until } from './wait.mjs';
import { Network, XMLHttpRequest } from './xhr.mjs';

class SessionStorage {
  constructor() {
    this.items = new Map();
  }
  getItem(key) {
    return this.items.get(key) ?? null;
  }
  setItem(key, value) {
    this.items.set(key, String(value));
  }
  removeItem(key) {
    this.items.delete(key);
  }
  clear() {
    this.items.clear();
  }
}

globalThis.XMLHttpRequest = XMLHttpRequest;
globalThis.EventSource = EventSource;
// Of the tab that asks: several of them are in this process, and in use at the same time.
Object.defineProperty(globalThis, 'sessionStorage', { get: () => Network.current?.storage, configurable: true });
// A global of its own since Node 19.
globalThis.crypto ??= webcrypto;

const require = createRequire(import.meta.url);
globalThis.PosternPush = require('../../../webclient/strophe/postern-push.js');
const current = await import('strophe.js');

// A script for browsers: hands its names to the object that `this` is.
function load_script(name) {
  const path = require.resolve(name);
  const root = Object.create(globalThis); // it asks window.XMLHttpRequest and the like
  const script = vm.compileFunction(readFileSync(path, 'utf8'), ['window', 'define', 'module', 'exports'],
    { filename: path, contextExtensions: [root] });
  script.call(root, root);
  return root;
}

export const libraries = {
  'strophe.js 5': current,
  'strophe.js 1.2': load_script('strophe-legacy/strophe.js'),
};
// Only for those who ask: it cannot do all that the scenarios want.
const of_the_draft = { 'strophe.js 1.1': load_script('strophe-draft/strophe.js') };
for (const { Strophe } of Object.values({ ...libraries, ...of_the_draft })) Strophe.log = () => {};
current.Strophe.setLogLevel?.(current.Strophe.LogLevel.FATAL);

// One "tab". The interface is that of lib/chromium.mjs, so that scenarios run over both.
export class StropheNode {
  static async open({ url, library = 'strophe.js 5', ca }) {
    const self = new this();
    self.url = url;
    self.library = libraries[library] ?? of_the_draft[library];
    self.ca = ca;
    self.events = new Mailbox(library);
    self.storage = new SessionStorage();
    self.load();
    return self;
  }

  load() {
    this.network = new Network({ ca: this.ca, storage: this.storage });
    this.client = new ChatClient(this.library, (event) => this.events.push(event));
  }

  async call(method, ...args) {
    return this.network.run(() => this.client[method](...args));
  }

  connect(jid, password, options = {}) {
    return this.call('connect', this.url, jid, password, options);
  }

  // A poll that the gateway holds: sent, and not answered at once.
  async held_request() {
    if (this.url.bosh) return until(() => this.client.connection._proto.stream, 5000, 'a stream is read');
    if (this.url.startsWith('ws')) return;
    await until(() => this.network.in_flight === 1, 5000, 'one request is held');
  }

  // What pressing F5 does: requests cut, timers gone, sessionStorage kept, the script starts anew.
  async reload() {
    this.client.forget();
    this.network.unload();
    this.events.clear();
    this.load();
  }

  restore(jid) {
    return this.call('restore', this.url, jid);
  }

  event(name, fits = () => true, within = 15_000) {
    return this.events.take((event) => event.event === name && fits(event), within, `${name} with ${fits}`);
  }

  async status(name, within = 15_000) {
    return this.event('status', (event) => event.status === name, within);
  }

  // The network goes away without a word.
  cut() {
    this.client.connection._proto.socket.terminate();
  }

  // Closes the tab without a word.
  async close() {
    this.client.connection?._proto.socket?.terminate();
    if (this.client.connection) this.client.forget();
    this.network.unload();
  }
}
