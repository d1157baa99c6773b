// Clients that cost their process little, one for each door of the gateway: no XML parser, no promise that is not needed. All of them
// log_in(), echo() one message and wait for it to come back, wait() as an idle client does, close().
import { connect } from 'node:net';
import { randomBytes } from 'node:crypto';

const ns = { framing: 'urn:ietf:params:xml:ns:xmpp-framing', bosh: 'http://jabber.org/protocol/httpbind', push: 'urn:x-postern:push' };
const auth = `<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>${Buffer.from('\0user\0secret').toString('base64')}</auth>`;
const bind = "<iq xmlns='jabber:client' type='set' id='bind'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>";
const presence = "<presence xmlns='jabber:client'/>";
// What a browser says with every request.
const browser = 'Host: chat.example.org\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0\r\n'
  + 'Accept: */*\r\nAccept-Language: en-US,en;q=0.5\r\nAccept-Encoding: identity\r\nOrigin: https://chat.example.org\r\n'
  + 'Connection: keep-alive\r\nReferer: https://chat.example.org/\r\nSec-Fetch-Dest: empty\r\nSec-Fetch-Mode: cors\r\nSec-Fetch-Site: same-origin\r\n';

// A connection for requests, one after the other.
class Http {
  constructor(port) {
    this.socket = connect(port, '127.0.0.1').setNoDelay(true).setEncoding('latin1');
    this.socket.on('error', () => {});
    this.buffer = '';
    this.socket.on('data', (more) => this.take(more));
    this.socket.on('close', () => this.gone?.(new Error(`the connection ended: ${this.buffer}`)));
  }

  take(more) {
    this.buffer += more;
    const end = this.buffer.indexOf('\r\n\r\n');
    if (end < 0) return;
    const length = Number(/content-length: *(\d+)/i.exec(this.buffer)[1]);
    if (this.buffer.length < end + 4 + length) return;
    const answer = { head: this.buffer.slice(0, end), text: this.buffer.slice(end + 4, end + 4 + length) };
    this.buffer = this.buffer.slice(end + 4 + length);
    this.done(answer);
  }

  post(path, type, body) {
    return new Promise((resolve, reject) => {
      this.done = resolve;
      this.gone = reject;
      this.socket.write(`POST ${path} HTTP/1.1\r\n${browser}Content-Type: ${type}\r\nContent-Length: ${body.length}\r\n\r\n${body}`, 'latin1');
    });
  }
}

class Door {
  constructor(port) {
    Object.assign(this, { port, received: '' });
  }

  hear(text) {
    this.received += text;
    if (this.wanted && this.received.includes(this.wanted)) {
      this.received = '';
      this.wanted = null;
      this.heard();
    }
  }

  // Until what came holds this; then all that came is dropped.
  until(text) {
    if (this.received.includes(text)) {
      this.received = '';
      return undefined;
    }
    this.wanted = text;
    return new Promise((resolve) => (this.heard = resolve));
  }

  async log_in() {
    await this.begin();
    await this.until('</mechanisms>');
    await this.say(auth);
    await this.until('<success');
    await this.restart();
    await this.until('</stream:features>');
    await this.say(bind);
    await this.until('</iq>');
    await this.say(presence);
    await this.settled?.();
  }

  async echo(message) {
    await this.say(message);
    await this.until('</message>');
  }

  close() {
    this.closed = true;
    this.http?.socket.destroy();
    this.socket?.destroy();
  }
}

class Bosh extends Door {
  rid = 1000;

  async post(attributes, payload = '') {
    const id = this.sid ? ` sid='${this.sid}'` : '';
    const { text } = await this.http.post('/http-bind', 'text/xml; charset=utf-8',
      `<body xmlns='${ns.bosh}' rid='${this.rid++}'${id}${attributes}>${payload}</body>`);
    if (text.includes('terminate') && !this.closed) throw new Error(text);
    return text;
  }

  async begin() {
    this.http = new Http(this.port);
    const text = await this.post(` to='bench.test' wait='60' hold='1' ver='1.6' xmpp:version='1.0' xmlns:xmpp='urn:xmpp:xbosh'${this.asking ?? ''}`);
    this.sid = /sid='([^']+)/.exec(text)[1];
    this.token = /push:stream='([^']+)/.exec(text)?.[1];
    this.hear(text);
  }

  async restart() {
    this.hear(await this.post(" xmpp:restart='true' xmlns:xmpp='urn:xmpp:xbosh'"));
  }

  // Its answer comes when the server's does; only presence has none.
  async say(payload) {
    if (payload === presence) payload += bind; // an answer that ends the request
    this.hear(await this.post('', payload));
  }

  async wait() {
    while (!this.closed) await this.post('').catch((error) => this.closed || Promise.reject(error));
  }
}

class PushStream extends Bosh {
  asking = ` xmlns:push='${ns.push}' push:ask='1'`;
  seen = 0;
  told = 0;

  async settled() {
    this.socket = connect(this.port, '127.0.0.1').setEncoding('latin1');
    this.socket.on('error', () => {});
    let buffer = '';
    const ready = new Promise((resolve) => (this.ready = resolve));
    this.socket.on('data', (more) => {
      buffer += more;
      for (let end; (end = buffer.indexOf('\n\n')) >= 0; buffer = buffer.slice(end + 2)) this.event(buffer.slice(0, end));
    });
    this.socket.write(`GET /http-bind?push=${this.token}&as=sse HTTP/1.1\r\n${browser}\r\n`);
    await ready;
  }

  event(text) {
    const id = /^id: (\d+)$/m.exec(text)?.[1];
    if (!id) return this.ready();
    this.seen = Number(id);
    this.hear(text);
  }

  post(attributes, payload) {
    if (this.seen > this.told) attributes += ` xmlns:push='${ns.push}' push:seen='${this.seen}'`;
    this.told = this.seen;
    return super.post(attributes, payload);
  }

  // The stream is what is waited for.
  async wait() {
    if (this.seen > this.told) await this.post('');
  }
}

class WebSocketDoor extends Door {
  async begin() {
    this.socket = connect(this.port, '127.0.0.1').setNoDelay(true);
    this.socket.on('error', () => {});
    this.buffer = Buffer.alloc(0);
    const head = new Promise((resolve) => (this.upgraded = resolve));
    this.socket.on('data', (more) => {
      this.buffer = Buffer.concat([this.buffer, more]);
      if (this.upgraded) {
        const end = this.buffer.indexOf('\r\n\r\n');
        if (end < 0) return;
        this.buffer = this.buffer.subarray(end + 4);
        this.upgraded();
        this.upgraded = null;
      }
      while (this.frame());
    });
    this.socket.write(`GET /xmpp-websocket HTTP/1.1\r\n${browser.replace('keep-alive', 'Upgrade')}Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n`
      + `Sec-WebSocket-Protocol: xmpp\r\nSec-WebSocket-Key: ${randomBytes(16).toString('base64')}\r\n\r\n`);
    await head;
    await this.restart();
  }

  restart() {
    this.say(`<open xmlns='${ns.framing}' to='bench.test' version='1.0'/>`);
  }

  // Takes one apart, if it is complete; a ping is answered.
  frame() {
    if (this.buffer.length < 2) return false;
    const long = this.buffer[1] === 126;
    if (long && this.buffer.length < 4) return false;
    const from = long ? 4 : 2;
    const length = long ? this.buffer.readUInt16BE(2) : this.buffer[1];
    if (this.buffer.length < from + length) return false;
    const payload = this.buffer.subarray(from, from + length);
    if (this.buffer[0] === 0x81) this.hear(payload.toString('latin1'));
    else if (this.buffer[0] === 0x89) this.send(0x8a, payload);
    else throw new Error(`a frame of the kind ${this.buffer[0]}`);
    this.buffer = this.buffer.subarray(from + length);
    return true;
  }

  send(kind, payload) {
    const head = payload.length < 126 ? [kind, 0x80 | payload.length] : [kind, 0xfe, payload.length >> 8, payload.length & 255];
    const mask = randomBytes(4);
    const masked = Buffer.from(payload.map((byte, i) => byte ^ mask[i % 4]));
    this.socket.write(Buffer.concat([Buffer.from(head), mask, masked]));
  }

  say(text) {
    this.send(0x81, Buffer.from(text));
  }

  wait() {}
}

class Polling extends Door {
  id = '0';

  begin() {
    this.http = new Http(this.port);
    return this.restart();
  }

  restart() {
    return this.say("<stream:stream to='bench.test' xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' version='1.0'>");
  }

  async say(text) {
    const { head, text: answer } = await this.http.post('/http-poll', 'application/x-www-form-urlencoded', `${this.id},${text}`);
    this.id = /^set-cookie: ID=([^;]+)/im.exec(head)[1];
    if (this.id.endsWith(':0')) throw new Error(`an error: ${this.id}`);
    this.hear(answer);
  }

  // What has not come within the time that a poll is held is asked for again.
  async until(text) {
    while (!this.received.includes(text)) await this.say('');
    this.received = '';
  }

  // Every ten seconds, as old clients do.
  wait() {
    const poll = () => {
      if (this.closed) return;
      this.say('').catch((error) => this.closed || Promise.reject(error));
      setTimeout(poll, 10_000);
    };
    setTimeout(poll, Math.random() * 10_000);
  }
}

export const doors = { BOSH: Bosh, 'push stream (SSE)': PushStream, WebSocket: WebSocketDoor, polling: Polling };
