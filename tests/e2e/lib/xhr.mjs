// XMLHttpRequest for Node, as much of it as Strophe uses, over node:http. Unlike npm's shims it lets a test be the network: it
// counts and records requests, cuts connections in mid-poll, and takes a whole "page" away without any event firing.
import { AsyncLocalStorage } from 'node:async_hooks';
import http from 'node:http';
import https from 'node:https';

const current = new AsyncLocalStorage();

export class Network {
  constructor({ keep_alive = true, ca, storage } = {}) {
    const options = { keepAlive: keep_alive, maxSockets: 6, ca };
    this.http_agent = new http.Agent(options);
    this.https_agent = new https.Agent(options);
    this.open = new Set();
    this.streams = new Set(); // sockets of EventSource
    this.sent = 0;
    this.answers = []; // {status, headers} of the last answers
    this.down = false;
    this.storage = storage; // the sessionStorage of the page
  }

  get in_flight() {
    return this.open.size;
  }

  // The page is gone: sockets closed, no handler called.
  unload() {
    for (const xhr of this.open) {
      xhr.onreadystatechange = null;
      xhr.outgoing.destroy();
    }
    this.open.clear();
    for (const source of [...this.streams]) source.close();
    this.http_agent.destroy();
    this.https_agent.destroy();
  }

  // The network breaks under the page: handlers see status 0.
  cut() {
    for (const xhr of [...this.open]) xhr.outgoing.destroy(new Error('connection cut by the test'));
    for (const source of [...this.streams]) source.outgoing.destroy(new Error('connection cut by the test'));
  }

  // That of whoever calls.
  static get current() {
    return current.getStore();
  }

  // Whatever `act` starts, timers and callbacks included, uses this network.
  run(act) {
    return current.run(this, act);
  }
}

export class XMLHttpRequest {
  constructor() {
    this.network = current.getStore();
    if (!this.network) throw new Error('XMLHttpRequest used outside of Network.run()');
    this.readyState = 0;
    this.status = 0;
    this.responseText = '';
    this.responseXML = null;
    this.onreadystatechange = null;
    this.headers = {};
    this.aborted = false;
  }

  open(method, url) {
    this.method = method;
    this.url = new URL(url);
    this.move_to(1);
  }

  setRequestHeader(name, value) {
    this.headers[name] = value;
  }

  getAllResponseHeaders() {
    return Object.entries(this.response_headers ?? {}).map(([name, value]) => `${name}: ${value}\r\n`).join('');
  }

  getResponseHeader(name) {
    return this.response_headers?.[name.toLowerCase()] ?? null;
  }

  overrideMimeType() {}

  send(data) {
    const secure = this.url.protocol === 'https:';
    const payload = Buffer.from(data ?? '', 'utf8');
    this.outgoing = (secure ? https : http).request(this.url, {
      method: this.method,
      agent: secure ? this.network.https_agent : this.network.http_agent,
      headers: { ...this.headers, 'Content-Length': payload.length },
    });
    this.network.sent++;
    this.network.open.add(this);
    this.outgoing.once('response', (response) => this.on_response(response));
    this.outgoing.once('error', () => this.finish(0));
    if (this.network.down) this.outgoing.destroy(new Error('network down'));
    else this.outgoing.end(payload);
  }

  on_response(response) {
    this.response_headers = response.headers;
    const chunks = [];
    response.on('data', (chunk) => chunks.push(chunk));
    response.once('error', () => this.finish(0));
    response.once('end', () => {
      this.responseText = Buffer.concat(chunks).toString('utf8');
      this.network.answers.push({ status: response.statusCode, headers: response.headers });
      if (this.network.answers.length > 100) this.network.answers.shift();
      if (/\bxml\b/.test(response.headers['content-type'] ?? '') && this.responseText !== '') {
        this.responseXML = new DOMParser().parseFromString(this.responseText, 'text/xml');
      }
      this.finish(response.statusCode);
    });
  }

  finish(status) {
    if (!this.network.open.delete(this) || this.aborted) return;
    this.status = status;
    this.move_to(4);
  }

  abort() {
    this.aborted = true;
    this.network.open.delete(this);
    this.outgoing?.destroy();
  }

  move_to(state) {
    this.readyState = state;
    this.onreadystatechange?.();
  }
}
