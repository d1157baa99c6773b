// @xmpp/client over WebSocket in Node, with the interface of StropheNode, so that the chat scenarios run over it. It enables
// XEP-0198 by itself wherever it is offered, and resumes.
import { client, xml } from '@xmpp/client';
import WebSocket from 'ws';
import { Mailbox } from './wait.mjs';

// The library takes the global one, which Node has by itself since 22.
globalThis.WebSocket ??= WebSocket;

const muc = 'http://jabber.org/protocol/muc';

export class XmppClient {
  static async open({ url }) {
    const self = new XmppClient();
    self.url = url;
    self.events = new Mailbox('@xmpp/client');
    return self;
  }

  // managed: the server offers XEP-0198.
  async connect(jid, password, { mechanism, managed = true } = {}) {
    const [username, domain] = jid.split('@');
    const credentials = mechanism === 'SASLPlain'
      ? (authenticate) => authenticate({ username, password }, 'PLAIN') : { username, password };
    this.xmpp = client({ service: this.url, domain, credentials });
    this.xmpp.reconnect.stop(); // it would hide from a test that something was lost
    const report = (status, condition = null) =>
      this.events.push({ event: 'status', status, condition, jid: this.xmpp.jid?.toString() });
    // It says "online" earlier, but begins to count anew when it gets to <enabled/>, and loses what came in between.
    if (!managed) this.xmpp.on('online', () => report('connected'));
    this.xmpp.on('nonza', (element) => element.is('enabled', 'urn:xmpp:sm:3') && setImmediate(() => report('connected')));
    this.xmpp.streamManagement.on('resumed', () => report('resumed'));
    this.xmpp.on('error', (error) => {
      const status = { SASLError: 'authfail', StreamError: this.xmpp.status === 'online' ? 'error' : 'connfail' }[error.name];
      report(status ?? 'broken', error.condition ?? error.message);
    });
    this.xmpp.on('disconnect', () => report('disconnected'));
    this.xmpp.on('element', (element) => this.events.push({ event: 'in', text: element.toString() }));
    this.xmpp.on('send', (element) => this.events.push({ event: 'out', text: element.toString() }));
    this.xmpp.on('stanza', (stanza) => this.on_stanza(stanza));
    this.xmpp.start().catch(() => {}); // reported as an error as well
  }

  on_stanza(stanza) {
    const { from, type = null } = stanza.attrs;
    const text = (name) => stanza.getChildText(name);
    if (stanza.is('message')) this.events.push({ event: 'message', from, type, body: text('body'), subject: text('subject') });
    if (stanza.is('presence')) {
      const codes = stanza.getChild('x', `${muc}#user`)?.getChildren('status').map((status) => status.attrs.code) ?? [];
      this.events.push({ event: 'presence', from, type, show: text('show'), status: text('status'), codes });
    }
  }

  // Like the other clients it does not wait until something has been said.
  async call(method, ...args) {
    this[method](...args)?.catch((error) => this.events.push({ event: 'failed', method, text: error.message }));
  }

  presence({ show, status, ...attributes } = {}) {
    return this.xmpp.send(xml('presence', attributes, ...(show ? [xml('show', {}, show)] : []),
      ...(status ? [xml('status', {}, status)] : [])));
  }

  message(to, body, type = 'chat') {
    return this.xmpp.send(xml('message', { to, type }, xml('body', {}, body)));
  }

  join(room, nick) {
    return this.xmpp.send(xml('presence', { to: `${room}/${nick}` }, xml('x', { xmlns: muc })));
  }

  async open_room(room) {
    const form = xml('x', { xmlns: 'jabber:x:data', type: 'submit' });
    await this.xmpp.iqCaller.request(xml('iq', { type: 'set', to: room }, xml('query', { xmlns: `${muc}#owner` }, form)));
    this.events.push({ event: 'room_opened', room });
  }

  async roster() {
    const query = await this.xmpp.iqCaller.get(xml('query', { xmlns: 'jabber:iq:roster' }));
    const items = query.getChildren('item').map(({ attrs: { jid, subscription } }) => ({ jid, subscription }));
    this.events.push({ event: 'roster', items });
  }

  async disconnect() {
    await this.xmpp.stop();
  }

  async held_request() {}

  event(name, fits = () => true, within = 15_000) {
    return this.events.take((event) => event.event === name && fits(event), within, `${name} with ${fits}`);
  }

  status(name, within = 15_000) {
    return this.event('status', (event) => event.status === name, within);
  }

  // The network goes away without a word.
  cut() {
    this.xmpp.socket.socket.terminate();
  }

  resume() {
    return this.xmpp.reconnect.reconnect();
  }

  async close() {
    if (!this.xmpp) return;
    this.xmpp.emit('disconnect'); // its timers for acknowledgements end with this
    this.xmpp.removeAllListeners();
    this.xmpp.on('error', () => {});
    this.xmpp.socket?.socket?.terminate();
  }
}
