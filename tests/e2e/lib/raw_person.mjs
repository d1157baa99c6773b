// Somebody whose client is made by hand, for the doors that no library of today knows: polling (XEP-0025) and the script syntax of
// BOSH (XEP-0252). The interface is that of StropheNode, so that a scenario runs over all of them.
import assert from 'node:assert/strict';
import { setTimeout as delay } from 'node:timers/promises';
import { body_text, BoshSession, log_in } from './bosh.mjs';
import { PollClient } from './poll.mjs';
import { exchange, request } from './raw_http.mjs';
import { Mailbox } from './wait.mjs';
import { escape_xml, find_all, ns, parse } from './xml.mjs';

const muc = 'http://jabber.org/protocol/muc';
const text_of = (element, local) => element.children.find((child) => child.local === local)?.text ?? null;

class RawPerson {
  constructor(port) {
    Object.assign(this, { port, events: new Mailbox(this.constructor.name), outbox: [], alive: false });
  }

  async connect(jid, password) {
    const [user, domain] = jid.split('@');
    await this.log_in(domain, user, password);
    this.jid = `${jid}/web`;
    this.alive = true;
    this.events.push({ event: 'status', status: 'connected', jid: this.jid });
    this.live().catch((error) => this.end(error.message));
  }

  end(condition = null) {
    if (this.alive) this.events.push({ event: 'status', status: 'disconnected', condition });
    this.alive = false;
  }

  on_stanza(stanza) {
    const { from, type = null, id } = stanza.attributes;
    if (stanza.local === 'message') this.events.push({ event: 'message', from, type, body: text_of(stanza, 'body') });
    if (stanza.local === 'presence') {
      const codes = find_all(stanza, (part) => part.local === 'status' && part.attributes.code).map((part) => part.attributes.code);
      this.events.push({ event: 'presence', from, type, show: text_of(stanza, 'show'), status: text_of(stanza, 'status'), codes });
    }
    if (id === 'roster') {
      const items = find_all(stanza, (part) => part.local === 'item').map(({ attributes: { jid, subscription } }) => ({ jid, subscription }));
      this.events.push({ event: 'roster', items });
    }
    if (id === 'open' && type === 'result') this.events.push({ event: 'room_opened', room: from });
  }

  async call(method, ...args) {
    return this[method](...args);
  }

  presence({ show, status } = {}) {
    const element = (name, text) => (text ? `<${name}>${escape_xml(text)}</${name}>` : '');
    this.say(`<presence xmlns='jabber:client'>${element('show', show)}${element('status', status)}</presence>`);
  }

  message(to, body, type = 'chat') {
    this.say(`<message xmlns='jabber:client' to='${to}' type='${type}'><body>${escape_xml(body)}</body></message>`);
  }

  join(room, nick) {
    this.say(`<presence xmlns='jabber:client' to='${room}/${nick}'><x xmlns='${muc}'/></presence>`);
  }

  open_room(room) {
    const form = "<x xmlns='jabber:x:data' type='submit'/>";
    this.say(`<iq xmlns='jabber:client' type='set' id='open' to='${room}'><query xmlns='${muc}#owner'>${form}</query></iq>`);
  }

  roster() {
    this.say("<iq xmlns='jabber:client' type='get' id='roster'><query xmlns='jabber:iq:roster'/></iq>");
  }

  event(name, fits = () => true, within = 15_000) {
    return this.events.take((event) => event.event === name && fits(event), within, `${name} with ${fits}`);
  }

  status(name, within) {
    return this.event('status', (event) => event.status === name, within);
  }

  // Without a word.
  async close() {
    this.alive = false;
  }
}

export class PollingPerson extends RawPerson {
  static open({ port }) {
    return new this(port);
  }

  log_in(domain, user, password) {
    this.wire = new PollClient(this.port, { keys: 20 });
    return this.wire.log_in(domain, user, password, 'web');
  }

  say(stanza) {
    this.outbox.push(stanza);
  }

  async live() {
    while (this.alive) {
      await this.wire.send(this.outbox.splice(0).join(''));
      const over = this.wire.received.endsWith('</stream:stream>');
      const text = this.wire.received.replace(/<\/stream:stream>$/, '');
      this.wire.received = '';
      for (const stanza of parse(`<x xmlns='jabber:client' xmlns:stream='${ns.streams}'>${text}</x>`).children) this.on_stanza(stanza);
      if (over) this.end();
      await delay(20);
    }
  }

  disconnect() {
    this.say("<presence type='unavailable'/></stream:stream>");
  }
}

// Requests are addresses, answers are scripts.
class ScriptSession extends BoshSession {
  async get(body) {
    const answer = await exchange(this.port, request('GET', `/http-bind?${encodeURIComponent(body)}`), { within: 30_000 });
    assert.equal(answer.status, 200, answer.raw);
    let text;
    new Function('_BOSH_', answer.text)((given) => { text = given; });
    const { attributes, children } = parse(text);
    return { attributes, children, type: attributes.type, condition: attributes.condition, xml: text };
  }

  ask({ attributes = {}, payload = '' } = {}) {
    return this.get(body_text({ rid: ++this.rid, sid: this.sid, ...attributes }, payload));
  }
}

export class ScriptPerson extends RawPerson {
  static open({ port }) {
    return new this(port);
  }

  async log_in(domain, user, password) {
    this.wire = Object.assign(new ScriptSession(), { port: this.port, rid: 1000 });
    const created = await this.wire.get(BoshSession.creation({ attributes: { to: domain, wait: 2 } }));
    this.wire.sid = created.attributes.sid;
    this.open = 0;
    return log_in(this.wire, user, password, 'web');
  }

  say(stanza) {
    this.outbox.push(stanza);
    this.pump();
  }

  // One request waits for what comes, a second one takes what there is to say.
  pump() {
    if (!this.alive || this.open > 1 || (this.open === 1 && this.outbox.length === 0)) return;
    this.open++;
    this.wire.ask({ payload: this.outbox.splice(0).join('') }).then(({ children, type, condition }) => {
      this.open--;
      if (!this.alive) return;
      children.forEach((child) => this.on_stanza(child));
      if (type === 'terminate') return this.end(condition);
      this.pump();
    }).catch((error) => this.end(error.message));
  }

  async live() {
    this.pump();
  }

  async disconnect() {
    this.alive = false;
    await this.wire.ask({ attributes: { type: 'terminate' } });
    this.events.push({ event: 'status', status: 'disconnected' });
  }
}
