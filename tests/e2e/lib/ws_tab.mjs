// A browser tab on a WebSocket that speaks XEP-0198 itself, as converse.js and @xmpp/client do: counts what comes, keeps what the
// server has not acknowledged, and resumes when its connection breaks. The same face as tab.mjs, for tests with many of them.
import { setTimeout as delay } from 'node:timers/promises';
import { close_element, frame, opcode, open_element, WebSocketClient } from './websocket.mjs';
import { escape_xml, ns, parse } from './xml.mjs';

const sm = 'urn:xmpp:sm:3';
const stanzas = new Set(['message', 'presence', 'iq']);

export class WsTab {
  static async log_in(port, { user, password, resource }, listener) {
    const self = new this();
    Object.assign(self, { port, user, password, resource, listener, alive: true, handled: 0, acknowledged: 0, unconfirmed: [] });
    await self.connect();
    await self.bind();
    self.listen();
    self.say(`<presence xmlns='jabber:client'/>`);
    return self;
  }

  async connect() {
    this.online = false;
    this.socket = await WebSocketClient.open(this.port);
    // Else it would take the resource away from the next tab.
    if (!this.alive) throw new Error('killed while it was connecting');
    const secret = Buffer.from(`\0${this.user}\0${this.password}`).toString('base64');
    await this.open();
    this.socket.send(`<auth xmlns='${ns.sasl}' mechanism='PLAIN'>${secret}</auth>`);
    await this.expect('success');
    await this.open();
  }

  async open() {
    this.socket.send(open_element());
    await this.expect('open');
    await this.expect('features');
  }

  async expect(name) {
    const text = await this.socket.message(15_000);
    const element = parse(text);
    if (element.local !== name) throw new Error(`${text} instead of ${name}`);
    return element;
  }

  async bind_resource() {
    this.socket.send(`<iq xmlns='jabber:client' type='set' id='bind'><bind xmlns='${ns.bind}'><resource>${this.resource}</resource></bind></iq>`);
    await this.expect('iq');
  }

  async bind() {
    await this.bind_resource();
    this.socket.send(`<enable xmlns='${sm}' resume='true'/>`);
    // What was for the one who had the resource before may come first (ejabberd gives it on); it does not count.
    let element;
    for (;;) {
      const text = await this.socket.message(15_000);
      element = parse(text);
      if (!stanzas.has(element.local)) break;
      this.on_element(text);
    }
    if (element.local !== 'enabled') throw new Error(`${element.local} instead of enabled`);
    Object.assign(this, { previous: element.attributes.id, handled: 0, acknowledged: 0 });
    this.go_on();
  }

  // What was said meanwhile, or is to be said again, is counted from here on, so it goes out before anything else.
  go_on() {
    this.online = true;
    if (this.unconfirmed.length > 0) this.socket.send(...this.unconfirmed.map(({ stanza }) => stanza), `<r xmlns='${sm}'/>`);
  }

  // False: there is nothing to resume; who wrote what was not acknowledged is told, and a new session begins.
  async resume() {
    await this.connect();
    this.socket.send(`<resume xmlns='${sm}' h='${this.handled}' previd='${this.previous}'/>`);
    const answer = parse(await this.socket.message(15_000));
    if (answer.attributes.h !== undefined) this.confirm(Number(answer.attributes.h));
    if (answer.local === 'resumed') {
      this.go_on();
      return true;
    }
    for (const { id } of this.unconfirmed.splice(0)) if (id) this.listener.unconfirmed(id);
    this.listener.begins_anew();
    await this.bind();
    this.say(`<presence xmlns='jabber:client'/>`);
    return false;
  }

  async listen() {
    const { events } = this.socket;
    while (this.alive) {
      const event = await events.take((e) => ['message', 'close', 'end'].includes(e.event), 3_600_000);
      if (!this.alive) return;
      if (event.event === 'message') this.on_element(event.text);
      else return this.lost();
    }
  }

  async lost() {
    this.online = false;
    this.socket.reset();
    for (let attempt = 0; attempt < 20 && this.alive; attempt++) {
      await delay(300);
      try {
        await this.resume();
        if (this.alive) return void this.listen();
      } catch {
        this.socket.reset();
        this.online = false;
      }
    }
    if (!this.alive) return this.socket.reset();
    this.end('unreachable');
  }

  on_element(text) {
    const element = parse(text);
    if (element.local === 'r') return this.socket.send(`<a xmlns='${sm}' h='${this.handled}'/>`);
    if (element.local === 'a') return this.confirm(Number(element.attributes.h));
    if (!stanzas.has(element.local)) return;
    this.handled++;
    if (element.local !== 'message') return;
    if (element.attributes.type === 'error') this.listener.error(element);
    else this.listener.message(element);
  }

  confirm(h) {
    while (this.acknowledged < h && this.unconfirmed.length > 0) {
      this.acknowledged++;
      const { id } = this.unconfirmed.shift();
      if (id) this.listener.answered([id]);
    }
  }

  say(stanza, id) {
    if (!this.alive) return false;
    this.unconfirmed.push({ stanza, id });
    if (this.online) this.socket.send(stanza, `<r xmlns='${sm}'/>`);
    return true;
  }

  message(to, id, body) {
    return this.say(`<message xmlns='jabber:client' type='chat' to='${to}' id='${id}'><body>${escape_xml(body)}</body></message>`,
      Number(id));
  }

  end(condition) {
    if (!this.alive) return;
    this.alive = false;
    this.socket.reset();
    this.listener.ended(condition, this);
  }

  kill() {
    this.end('killed');
  }

  // Says good-bye.
  leave() {
    if (this.online) this.socket.send(`<a xmlns='${sm}' h='${this.handled}'/>`, close_element);
    this.alive = false;
    this.listener.ended('left', this);
  }
}

// One that knows nothing of XEP-0198, as Strophe.js: its session ends with its connection. What the gateway has of it is known from
// pongs.
export class PlainWsTab extends WsTab {
  async bind() {
    await this.bind_resource();
    this.online = true;
  }

  async listen() {
    const { events } = this.socket;
    while (this.alive) this.on_event(await events.take((e) => e.event !== 'ping', 3_600_000));
  }

  on_event({ event, text, payload }) {
    if (!this.alive) return;
    if (event === 'message') this.on_element(text);
    else if (event === 'pong') this.listener.answered([Number(payload)]);
    else this.end(event === 'close' ? 'closed' : 'connection lost');
  }

  on_element(text) {
    const element = parse(text);
    if (element.local !== 'message') return;
    if (element.attributes.type === 'error') this.listener.error(element);
    else this.listener.message(element);
  }

  say(stanza, id) {
    if (!this.alive) return false;
    this.socket.send(stanza);
    if (id) this.socket.write(frame(opcode.ping, String(id)));
    return true;
  }

  // What has reached the machine is the page's, as it is for a browser, whose network answers pings before the page hears of anything.
  kill() {
    for (const event of this.socket.events.peek(({ event }) => event === 'message' || event === 'pong')) this.on_event(event);
    super.kill();
  }
}
