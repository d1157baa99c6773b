// HTTP by hand over a socket: sends exactly the bytes a test wants, nonsense included, and reads answers strictly: a status line,
// fields, a body of exactly Content-Length bytes (or until close, for HTTP/1.0). Chunked answers are an error (H-003).
import { createConnection } from 'node:net';
import { connect as tls_connect } from 'node:tls';
import { inflateSync, gunzipSync } from 'node:zlib';
import { at_exit } from './cleanup.mjs';
import { deadline } from './wait.mjs';

export class HttpConnection {
  // from: the source address, to be somebody else to limits per address. preface: bytes before everything else (a PROXY header).
  static async open(port, { from, tls, preface, host = '127.0.0.1' } = {}) {
    const self = new HttpConnection();
    const options = { port, host, localAddress: from, allowHalfOpen: true, ...tls };
    self.socket = tls ? tls_connect(options) : createConnection(options);
    self.socket.setNoDelay(true);
    self.received = Buffer.alloc(0);
    self.waiting = [];
    self.ended = false; // the other side has said its last
    self.error = null;
    self.closed = new Promise((resolve) => self.socket.once('close', resolve));
    self.closed.then(() => {
      self.ended = true; // also by our own hand: nobody need wait any longer
      self.wake();
    });
    const forget = at_exit(() => self.socket.destroy());
    self.closed.then(forget);
    await deadline(new Promise((resolve, reject) => {
      self.socket.once(tls ? 'secureConnect' : 'connect', resolve);
      self.socket.once('error', reject);
    }), 5000, `connects to port ${port}`);
    if (preface) self.socket.write(preface);
    self.socket.on('data', (chunk) => {
      self.received = Buffer.concat([self.received, chunk]);
      self.wake();
    });
    self.socket.on('end', () => {
      self.ended = true;
      self.wake();
    });
    self.socket.on('error', (error) => {
      self.error = error;
      self.ended = true;
      self.wake();
    });
    return self;
  }

  wake() {
    for (const waiter of this.waiting.splice(0)) waiter();
  }

  write(...parts) {
    for (const part of parts) this.socket.write(part);
    return this;
  }

  half_close() {
    this.socket.end();
    return this;
  }

  destroy() {
    this.socket.destroy();
  }

  reset() {
    this.socket.resetAndDestroy();
  }

  async more(what) {
    if (this.ended) throw new Error(`connection ended before ${what}${this.error ? ` (${this.error.code})` : ''}: `
      + JSON.stringify(this.received.toString('latin1').slice(0, 300)));
    await new Promise((resolve) => this.waiting.push(resolve));
  }

  // head_only: the answer to HEAD. Gives {status, reason, version, fields, field(name), body, text, interim}.
  read_answer({ within = 10_000, head_only = false } = {}) {
    return deadline(this.read_answer_now(head_only), within, 'an answer');
  }

  async read_answer_now(head_only) {
    const head = await this.read_head();
    if (head.status === 100) return head;
    const length = head.field('content-length');
    if (head.field('transfer-encoding')) throw new Error('answers must not be chunked (H-003)');
    if (head_only || head.status === 204 || head.status === 304) {
      head.body = Buffer.alloc(0);
    } else if (length !== undefined) {
      if (!/^\d+$/.test(length)) throw new Error(`Content-Length: ${length}`);
      while (this.received.length < Number(length)) await this.more(`${length} bytes of body`);
      head.body = this.received.subarray(0, Number(length));
      this.received = this.received.subarray(Number(length));
    } else {
      throw new Error(`neither Content-Length nor an empty kind of answer: ${head.raw}`);
    }
    head.text = decode(head).toString('utf8');
    return head;
  }

  async read_head() {
    let end;
    while ((end = this.received.indexOf('\r\n\r\n')) < 0) await this.more('the end of the header');
    const raw = this.received.subarray(0, end).toString('latin1');
    this.received = this.received.subarray(end + 4);
    const [first, ...lines] = raw.split('\r\n');
    const match = /^HTTP\/(1\.[01]) (\d{3}) (.*)$/.exec(first);
    if (!match) throw new Error(`not a status line: ${first}`);
    const fields = lines.map((line) => {
      const field = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*(.*?)[ \t]*$/.exec(line);
      if (!field) throw new Error(`not a header field: ${JSON.stringify(line)}`);
      return [field[1].toLowerCase(), field[2]];
    });
    const all = (name) => fields.filter(([other]) => other === name).map(([, value]) => value);
    const field = (name) => {
      const values = all(name);
      if (values.length > 1 && name !== 'vary') throw new Error(`${name} appears ${values.length} times`);
      return values.length ? values.join(', ') : undefined;
    };
    return { version: match[1], status: Number(match[2]), reason: match[3], fields, all, field, raw };
  }

  // Until the other side has closed; fails if it sends more.
  async read_end(within = 5000) {
    await deadline((async () => {
      while (!this.ended) await new Promise((resolve) => this.waiting.push(resolve));
    })(), within, 'the other side closes');
    if (this.received.length > 0) throw new Error(`unread: ${this.received.toString('latin1').slice(0, 300)}`);
    this.destroy();
  }

  // Whatever comes before the other side closes, unparsed.
  async read_to_end(within = 5000) {
    await deadline((async () => {
      while (!this.ended) await new Promise((resolve) => this.waiting.push(resolve));
    })(), within, 'the other side closes');
    return this.received.toString('latin1');
  }
}

function decode(answer) {
  const coding = answer.field('content-encoding');
  if (coding === undefined) return answer.body;
  if (coding === 'gzip') return gunzipSync(answer.body);
  if (coding === 'deflate') return inflateSync(answer.body); // zlib format, as the RFC says
  throw new Error(`unasked coding ${coding}`);
}

// One request as bytes. fields: {name: value}; undefined leaves a default out.
export function request(method, path, body = '', { version = '1.1', fields = {}, length = true } = {}) {
  const payload = Buffer.isBuffer(body) ? body : Buffer.from(body, 'utf8');
  const all = { Host: 'localhost', ...(length ? { 'Content-Length': payload.length } : {}), ...fields };
  const lines = Object.entries(all).filter(([, value]) => value !== undefined).map(([name, value]) => `${name}: ${value}\r\n`);
  return Buffer.concat([Buffer.from(`${method} ${path} HTTP/${version}\r\n${lines.join('')}\r\n`, 'utf8'), payload]);
}

export const post = (path, body, options) => request('POST', path, body, options);

// A request on a connection of its own.
export async function exchange(port, bytes, { connection, ...options } = {}) {
  const own = await HttpConnection.open(port, connection);
  own.write(bytes);
  try {
    return await own.read_answer(options);
  } finally {
    own.destroy();
  }
}
