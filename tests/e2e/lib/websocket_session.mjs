// A user over WebSocket, without stream management of their own, before a real server. It takes one message after the other and
// holds each to what a client that did not ask may see of XEP-0198: the offer, and nothing else (PROTOCOL U-050, W-033).
import assert from 'node:assert/strict';
import { find, ns, parse } from './xml.mjs';
import { close_element, frame, opcode, open_element, WebSocketClient } from './websocket.mjs';

export class WebSocketSession {
  static async log_in(port, { user, password, resource = 'web', domain = 'postern.test' }, options = {}) {
    const self = new WebSocketSession();
    self.socket = await WebSocketClient.open(port, options);
    self.heard = [];
    self.errors = [];
    self.socket.send(open_element(domain));
    await self.until('mechanisms');
    const secret = Buffer.from(`\0${user}\0${password}`).toString('base64');
    self.socket.send(`<auth xmlns='${ns.sasl}' mechanism='PLAIN'>${secret}</auth>`);
    await self.until('success');
    self.socket.send(open_element(domain));
    self.features = await self.until('bind');
    self.socket.send(`<iq xmlns='${ns.client}' type='set' id='bind'><bind xmlns='${ns.bind}'><resource>${resource}</resource></bind></iq>`);
    self.jid = find(await self.until('jid'), 'jid').text;
    return self;
  }

  async next(within = 15_000) {
    return this.note(await this.socket.message(within));
  }

  note(text) {
    const element = parse(text);
    assert.ok(element.local === 'features' || !text.includes('urn:xmpp:sm:'), text);
    if (element.local === 'message') {
      const body = element.children.find((child) => child.local === 'body')?.text;
      if (element.attributes.type === 'error') this.errors.push(element.attributes.id);
      else if (body !== undefined) this.heard.push(body);
    }
    return element;
  }

  // Of a connection from which nothing more is read: what had come by then.
  take_rest() {
    for (const { text } of this.socket.events.peek((event) => event.event === 'message')) this.note(text);
    this.socket.events.clear();
  }

  // The first element with one of this name in it.
  async until(local) {
    for (;;) {
      const element = await this.next();
      if (find(element, local)) return element;
    }
  }

  async hear(text) {
    while (!this.heard.includes(text)) await this.next();
  }

  // Whatever we have sent so far, pongs above all, has been worked off.
  async settle() {
    this.socket.write(frame(opcode.ping, 'settle'));
    await this.socket.event('pong', 15_000);
  }

  // The proof of all that came before it. Those that were answered earlier prove less.
  async prove() {
    this.socket.events.clear();
    await this.socket.event('ping', 15_000);
    await this.settle();
  }

  // <close/> from us, theirs, and the end of the WebSocket. What came before it is still taken.
  async log_out() {
    this.socket.send(close_element);
    while ((await this.next()).local !== 'close');
    return this.socket.closed(15_000);
  }
}
