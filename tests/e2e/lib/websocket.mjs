// WebSocket by hand over a socket: sends exactly the frames a test wants, wrong ones included, and reads what comes strictly
// (RFC 6455 5: no masks from a server, no reserved bits that were not negotiated, the shortest length).
import { createHash, randomBytes } from 'node:crypto';
import { inflateRawSync } from 'node:zlib';
import { HttpConnection, request } from './raw_http.mjs';
import { Mailbox } from './wait.mjs';

export const framing = 'urn:ietf:params:xml:ns:xmpp-framing';
export const open_element = (to = 'postern.test', more = '') => `<open xmlns='${framing}' to='${to}' version='1.0'${more}/>`;
export const close_element = `<close xmlns="${framing}" />`;

export const opcode = { continuation: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 };

export function frame(code, payload = '', { fin = true, rsv = 0, masked = true, length_bytes } = {}) {
  const bytes = Buffer.isBuffer(payload) ? Buffer.from(payload) : Buffer.from(payload, 'utf8');
  const size = length_bytes ?? (bytes.length <= 125 ? 1 : bytes.length <= 0xffff ? 2 : 8);
  const head = Buffer.alloc(2 + (size === 1 ? 0 : size));
  head[0] = (fin ? 0x80 : 0) | (rsv << 4) | code;
  head[1] = (masked ? 0x80 : 0) | (size === 1 ? bytes.length : size === 2 ? 126 : 127);
  if (size === 2) head.writeUInt16BE(bytes.length, 2);
  if (size === 8) head.writeBigUInt64BE(BigInt(bytes.length), 2);
  if (!masked) return Buffer.concat([head, bytes]);
  const key = randomBytes(4);
  for (let i = 0; i < bytes.length; i++) bytes[i] ^= key[i % 4];
  return Buffer.concat([head, key, bytes]);
}

export const text = (payload, options) => frame(opcode.text, payload, options);

export function upgrade(path = '/xmpp-websocket', { key = randomBytes(16).toString('base64'), fields = {} } = {}) {
  return request('GET', path, '', {
    length: false,
    fields: {
      Upgrade: 'websocket', Connection: 'Upgrade', 'Sec-WebSocket-Version': '13', 'Sec-WebSocket-Key': key,
      'Sec-WebSocket-Protocol': 'xmpp', ...fields,
    },
  });
}

export class WebSocketClient {
  // Events: {event: 'message' | 'ping' | 'pong' | 'close' | 'end', text | code, reason}. Pings are answered unless told not to.
  static async open(port, { path = '/xmpp-websocket', fields = {}, connection = {}, answer_pings = true, behind = '' } = {}) {
    const http = await HttpConnection.open(port, connection);
    const key = randomBytes(16).toString('base64');
    http.write(Buffer.concat([upgrade(path, { key, fields }), Buffer.from(behind)]));
    const head = await http.read_head();
    if (head.status !== 101) throw Object.assign(new Error(`not upgraded: ${head.raw}`), { head });
    const accept = createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64');
    if (head.field('sec-websocket-accept') !== accept) throw new Error(`wrong Sec-WebSocket-Accept: ${head.raw}`);
    return WebSocketClient.over(http, { head, answer_pings });
  }

  // A connection whose handshake is done.
  static over(http, { head = null, answer_pings = true } = {}) {
    const self = new WebSocketClient();
    Object.assign(self, { http, head, answer_pings, events: new Mailbox('websocket') });
    self.deflate = (head?.field('sec-websocket-extensions') ?? '').startsWith('permessage-deflate');
    self.read_frames();
    return self;
  }

  async read_frames() {
    try {
      for (;;) this.on_frame(await this.read_frame());
    } catch (error) {
      this.events.push({ event: 'end', error: error.message });
    }
  }

  async bytes(count) {
    while (this.http.received.length < count) await this.http.more(`${count} bytes of a frame`);
    const taken = this.http.received.subarray(0, count);
    this.http.received = this.http.received.subarray(count);
    return taken;
  }

  async read_frame() {
    const head = await this.bytes(2);
    if (head[1] & 0x80) throw new Error('a masked frame from a server');
    if (head[0] & 0x30 || (head[0] & 0x40 && !this.deflate)) throw new Error('a reserved bit');
    if (!(head[0] & 0x80)) throw new Error('a fragment');
    let size = head[1];
    if (size === 126) size = (await this.bytes(2)).readUInt16BE();
    else if (size === 127) size = Number((await this.bytes(8)).readBigUInt64BE());
    let payload = await this.bytes(size);
    const compressed = Boolean(head[0] & 0x40);
    if (compressed) {
      payload = inflateRawSync(Buffer.concat([payload, Buffer.from([0, 0, 0xff, 0xff])]), { finishFlush: 2 });
    }
    return { code: head[0] & 0x0f, payload, compressed };
  }

  on_frame({ code, payload, compressed }) {
    if (code === opcode.text) return this.events.push({ event: 'message', text: payload.toString('utf8'), compressed });
    if (code === opcode.pong) return this.events.push({ event: 'pong', payload });
    if (code === opcode.ping) {
      if (this.answer_pings) this.write(frame(opcode.pong, payload));
      return this.events.push({ event: 'ping', payload });
    }
    if (code === opcode.close) {
      return this.events.push({ event: 'close', code: payload.length ? payload.readUInt16BE() : 1005 });
    }
    throw new Error(`opcode ${code}`);
  }

  write(...parts) {
    this.http.write(...parts);
    return this;
  }

  send(...messages) {
    return this.write(...messages.map((message) => text(message)));
  }

  event(name, within = 5000) {
    return this.events.take((event) => event.event === name, within, name);
  }

  // The next message; fails if anything else comes first.
  async message(within = 5000) {
    const event = await this.events.take((e) => e.event !== 'ping', within, 'a message');
    if (event.event !== 'message') throw new Error(`instead of a message: ${JSON.stringify(event)}`);
    return event.text;
  }

  // The closing handshake as its second: their Close, our answer, their end.
  async closed(within = 5000) {
    const { code } = await this.event('close', within);
    this.write(frame(opcode.close, Buffer.from([code >> 8, code & 0xff])));
    await this.event('end', within);
    this.destroy();
    return code;
  }

  close_frame(code = 1000) {
    return this.write(frame(opcode.close, Buffer.from([code >> 8, code & 0xff])));
  }

  destroy() {
    this.http.destroy();
  }

  reset() {
    this.http.reset();
  }
}
