// Reads a push stream as a browser does (Server-Sent Events: HTML Standard 9.2; a frame: its scripts), over a socket of its own,
// so that a test can stop reading, break the connection, and see every byte.
import { createConnection } from 'node:net';
import { connect as tls_connect } from 'node:tls';
import vm from 'node:vm';
import { at_exit } from './cleanup.mjs';
import { deadline, Mailbox } from './wait.mjs';
import { parse } from './xml.mjs';

export const push_ns = 'urn:x-postern:push';
export const asking = { 'xmlns:push': push_ns, 'push:ask': '1' };
export const seen = (id) => ({ 'xmlns:push': push_ns, 'push:seen': id });
export const leaving = (id) => ({ 'xmlns:push': push_ns, 'push:end': '1', 'push:seen': id });
export const token_of = (body) => body.attributes['push:stream'];

export class PushReader {
  // as: sse | frame. last: the newest event that the client has; field: said as a browser that comes back by itself does.
  // version: 1.0 keeps proxies from making chunks of it.
  static async open(port, token, { as = 'sse', last, field = false, fields = {}, path = '/http-bind', version = '1.1', tls } = {}) {
    const self = new PushReader();
    self.as = as;
    self.events = new Mailbox('push stream'); // {id, body} or {sign}
    self.bytes = 0;
    self.text = '';
    self.last = last;
    self.socket = tls ? tls_connect({ host: '127.0.0.1', port, ...tls }) : createConnection({ host: '127.0.0.1', port });
    self.closed = new Promise((resolve) => self.socket.once('close', resolve));
    self.closed.then(at_exit(() => self.socket.destroy()));
    self.socket.on('error', () => {});
    self.socket.setEncoding('utf8');
    const query = `?push=${token}&as=${as}${last !== undefined && !field ? `&last=${last}` : ''}`;
    const more = { Host: 'localhost', ...fields, ...(last !== undefined && field ? { 'Last-Event-ID': last } : {}) };
    const lines = Object.entries(more).map(([name, value]) => `${name}: ${value}\r\n`).join('');
    self.socket.write(`GET ${path}${query} HTTP/${version}\r\n${lines}\r\n`);
    const head = new Promise((resolve, reject) => {
      self.on_head = resolve;
      self.socket.once('close', () => reject(new Error('closed before the end of the header')));
    });
    self.socket.on('data', (text) => self.take(text));
    await deadline(head, 10_000, 'the header of a push stream');
    return self;
  }

  take(text) {
    this.bytes += text.length;
    this.text += text;
    if (!this.head) {
      const end = this.text.indexOf('\r\n\r\n');
      if (end < 0) return;
      const [first, ...lines] = this.text.slice(0, end).split('\r\n');
      this.head = { status: Number(first.split(' ')[1]), fields: Object.fromEntries(lines.map((line) => {
        const colon = line.indexOf(': ');
        return [line.slice(0, colon).toLowerCase(), line.slice(colon + 2)];
      })) };
      this.text = this.text.slice(end + 4);
      this.on_head();
    }
    if (this.as === 'sse') this.take_sse();
    else this.take_scripts();
  }

  take_sse() {
    for (let end; (end = this.text.indexOf('\n\n')) >= 0;) {
      const event = { id: '', event: '', data: [] };
      for (const line of this.text.slice(0, end).split('\n')) {
        const match = /^(id|event|data): ?(.*)$/.exec(line);
        if (match?.[1] === 'data') event.data.push(match[2]);
        else if (match) event[match[1]] = match[2];
      }
      this.text = this.text.slice(end + 2);
      if (event.data.length > 0) this.on_event(Number(event.id), event.event, event.data.join('\n'));
    }
  }

  // What the scripts of the page do, in a page that is framed by one of the same origin.
  take_scripts() {
    const frame = { posternEvent: (id, data) => this.on_event(id, '', data), posternSign: (name) => this.on_event(0, name) };
    this.context ??= vm.createContext({ window: { frameElement: frame } });
    for (;;) {
      const script = /<script nonce="([^"]*)">(.*?)<\/script>/s.exec(this.text);
      if (!script) return;
      this.nonce ??= script[1];
      if (script[1] !== this.nonce) throw new Error('a script without the nonce of the page');
      this.text = this.text.slice(script.index + script[0].length);
      vm.runInContext(script[2], this.context);
    }
  }

  on_event(id, sign, data) {
    if (sign) {
      this.events.push({ sign });
      return;
    }
    this.last = id;
    this.events.push({ id, body: parse(data), xml: data });
  }

  sign(name, within) {
    return this.events.take((event) => event.sign === name, within, name);
  }

  event(fits = () => true, within) {
    return this.events.take((event) => event.id !== undefined && fits(event), within, `an event with ${fits}`);
  }

  // The bodies of messages that have come, in order.
  messages() {
    return this.events.peek((event) => event.id !== undefined).flatMap(({ body }) => body.children)
      .filter((child) => child.local === 'message').map((child) => child.attributes.id);
  }

  freeze() {
    this.socket.pause();
  }

  thaw() {
    this.socket.resume();
  }

  destroy() {
    this.socket.destroy();
  }
}
