// An XMPP server made of script: says exactly what a test wants, when the test wants it, and keeps what it was told. By default
// it negotiates like a real one without encryption (features, any SASL, restart, bind) and leaves every stanza to the test.
import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { TLSSocket } from 'node:tls';
import { at_exit } from './cleanup.mjs';
import { Mailbox } from './wait.mjs';
import { ns, StreamSlicer } from './xml.mjs';

export const mechanisms = `<mechanisms xmlns='${ns.sasl}'><mechanism>PLAIN</mechanism></mechanisms>`;
export const bind_feature = `<bind xmlns='${ns.bind}'/>`;
export const starttls_feature = `<starttls xmlns='${ns.tls}'><required/></starttls>`;
export const features = (inner) => `<stream:features>${inner}</stream:features>`;

let ids = 0;

export const header = ({ from = 'postern.test', id = `fake-${++ids}`, version = "version='1.0' " } = {}) =>
  `<?xml version='1.0'?><stream:stream xmlns='jabber:client' xmlns:stream='${ns.streams}' id='${id}' from='${from}' `
  + `${version}xml:lang='en'>`;

export class FakeStream {
  constructor(socket, script) {
    this.socket = socket;
    this.script = script;
    this.events = new Mailbox('fake server');
    this.raw = '';
    this.headers = [];
    this.ids = []; // those of our own headers
    this.authenticated = false;
    this.closed = new Promise((resolve) => (this.on_closed = resolve));
    this.listen_to(socket);
  }

  listen_to(socket) {
    this.slicer = new StreamSlicer((event) => this.on_event(event));
    socket.setEncoding('utf8');
    socket.on('data', (text) => {
      this.raw += text;
      this.slicer.write(text);
    });
    socket.on('end', () => this.events.push({ event: 'end' }));
    socket.on('error', (error) => this.events.push({ event: 'gone', error: error.code }));
    socket.on('close', () => {
      this.events.push({ event: 'closed' });
      this.on_closed();
    });
  }

  on_event(event) {
    if (event.event === 'header') {
      this.headers.push(event.text);
      this.events.push(event);
      (this.script.on_header ?? answer_header)(this, event.text, this.headers.length);
      return;
    }
    if (event.event === 'element' && this.script.on_element?.(this, event)) return;
    if (event.event === 'close' && this.script.on_close !== null) this.send('</stream:stream>').end();
    this.events.push(event);
  }

  send(text) {
    const id = /<stream:stream[^>]* id='([^']+)'/.exec(String(text))?.[1];
    if (id) this.ids.push(id);
    if (!this.socket.destroyed) this.socket.write(text);
    return this;
  }

  end() {
    this.socket.end();
  }

  reset() {
    this.socket.resetAndDestroy();
  }

  // The next element (whole text), or other event, that fits.
  async element(fits = () => true, within = 5000) {
    return (await this.events.take((e) => e.event === 'element' && fits(e.xml), within, `element ${fits}`)).xml;
  }

  async event(name, within = 5000) {
    return this.events.take((e) => e.event === name, within, name);
  }

  // Only for scripts of a STARTTLS server; what comes next is encrypted.
  start_tls({ certificate, key }) {
    this.socket.removeAllListeners('data');
    const tls = new TLSSocket(this.socket, { isServer: true, key: readFileSync(key), cert: readFileSync(certificate) });
    this.plain_socket = this.socket;
    this.socket = tls;
    this.listen_to(tls);
  }
}

// What a server without encryption does; `on_features` may replace the features of the n-th header.
export function answer_header(stream) {
  stream.send(header() + features(stream.authenticated ? bind_feature : mechanisms));
}

export function answer_sasl(stream, { name, xml }) {
  if (name !== 'auth' && name !== 'response') return false;
  stream.authenticated = true;
  stream.events.push({ event: 'sasl', xml });
  stream.send(`<success xmlns='${ns.sasl}'/>`);
  return true;
}

// A server of few words: refuses the password `wrong`, binds whoever asks, and answers every other question with nothing.
export function answer_client(stream, event) {
  const { name, xml } = event;
  if (name === 'auth' && Buffer.from(/>([^<]*)</.exec(xml)?.[1] ?? '', 'base64').toString().endsWith('\0wrong')) {
    stream.send(`<failure xmlns='${ns.sasl}'><not-authorized/></failure>`);
    return true;
  }
  if (answer_sasl(stream, event)) return true;
  if (name !== 'iq' || !/^<iq[^>]*\stype=['"](get|set)/.test(xml)) return false;
  const id = /^<iq[^>]*\sid=['"]([^'"]*)/.exec(xml)?.[1];
  const bound = xml.includes(ns.bind) ? `<bind xmlns='${ns.bind}'><jid>alice@postern.test/web</jid></bind>` : '';
  stream.send(`<iq type='result' id='${id}'>${bound}</iq>`);
  return true;
}

export class FakeServer {
  // script: {on_accept, on_header, on_element, on_close}. on_element returns true for what it has dealt with.
  static async start(script = { on_element: answer_sasl }) {
    const self = new FakeServer();
    self.script = script;
    self.streams = new Set();
    self.arrivals = new Mailbox('fake server accepts');
    self.server = createServer({ allowHalfOpen: true }, (socket) => self.on_connection(socket));
    await new Promise((resolve) => self.server.listen(0, '127.0.0.1', resolve));
    self.port = self.server.address().port;
    self.forget = at_exit(() => self.abandon());
    return self;
  }

  on_connection(socket) {
    socket.setNoDelay(true);
    if (this.script.on_accept?.(socket)) return;
    const stream = new FakeStream(socket, this.script);
    this.streams.add(stream);
    stream.closed.then(() => this.streams.delete(stream));
    this.arrivals.push(stream);
  }

  // The next connection from the gateway.
  accept(within = 5000) {
    return this.arrivals.take(() => true, within, 'a connection');
  }

  abandon() {
    for (const stream of this.streams) stream.socket.destroy();
    this.server.close();
  }

  async stop() {
    this.forget();
    for (const stream of this.streams) stream.socket.destroy();
    await new Promise((resolve) => this.server.close(resolve));
  }
}
