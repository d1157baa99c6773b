// A browser tab that behaves as Strophe.js does over BOSH: one poll held, a second request for what there is to say, the same
// request again when its connection fails, answers worked off in the order of their rids. It tells what it received, and of
// each message it sent whether its request was answered. Made for tests with many of them; what a scenario does to a single
// request is in bosh.mjs.
import { Agent, request } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { BoshSession, body_text, log_in } from './bosh.mjs';
import { escape_xml, parse } from './xml.mjs';

export class Tab {
  static asks = {}; // more attributes of the creation

  // listener: {message(stanza), error(stanza), answered(ids), proved(stanzas, tab), ended(condition, tab)}
  static async log_in(port, { user, password, resource, acks }, listener) {
    const self = new this();
    const session = await BoshSession.create(port, { attributes: { wait: 10, hold: 1, ...(acks ? { ack: 1 } : {}), ...this.asks } });
    if (session.created.type) throw new Error(`no session: ${session.created.condition}`);
    await log_in(session, user, password, resource);
    Object.assign(self, { port, acks, listener, sid: session.sid, rid: session.rid, done: session.rid, open: 0, alive: true });
    self.outbox = [`<presence xmlns='jabber:client'/>`];
    self.answers = new Map();
    self.unproved = []; // {rid of the answer, stanza}
    self.agent = new Agent({ keepAlive: true, maxSockets: 2 });
    self.begin(session);
    self.pump();
    return self;
  }

  begin() {}

  say(stanza) {
    if (!this.alive) return false;
    this.outbox.push(stanza);
    this.pump();
    return true;
  }

  message(to, id, body) {
    return this.say(`<message xmlns='jabber:client' type='chat' to='${to}' id='${id}'><body>${escape_xml(body)}</body></message>`);
  }

  pump() {
    while (this.alive && this.open < 2 && (this.open === 0 || this.outbox.length > 0)) {
      const rid = ++this.rid;
      const payload = this.outbox.splice(0).join('');
      this.open++;
      const ack = this.acks ? this.done : undefined;
      this.insist(rid, body_text({ rid, sid: this.sid, ack }, payload), { payload, ack }).catch(() => this.end('failed'));
    }
  }

  // The same bytes until there is an answer; a network that is gone for good ends the session at the other side.
  async insist(rid, text, asked) {
    for (let attempt = 0; attempt < 8 && this.alive; attempt++) {
      const answer = await this.post(text).catch(() => null);
      if (!this.alive) return;
      if (answer !== null) {
        this.answers.set(rid, { body: parse(answer), ...asked });
        this.work_off();
        return;
      }
      await delay(200);
    }
    this.end('unreachable');
  }

  post(text) {
    return new Promise((resolve, reject) => {
      const outgoing = request({ host: '127.0.0.1', port: this.port, path: '/http-bind', method: 'POST', agent: this.agent,
        headers: { 'Content-Type': 'text/xml; charset=utf-8', 'Content-Length': Buffer.byteLength(text) } });
      outgoing.once('error', reject);
      outgoing.once('response', (response) => {
        let answer = '';
        response.setEncoding('utf8');
        response.on('data', (chunk) => (answer += chunk));
        response.once('end', () => resolve(answer));
        response.once('error', reject);
        response.once('aborted', () => reject(new Error('aborted')));
      });
      outgoing.end(text);
    });
  }

  work_off() {
    while (this.alive && this.answers.has(this.done + 1)) {
      const { body, payload, ack } = this.answers.get(++this.done);
      this.answers.delete(this.done);
      this.open--;
      this.listener.answered?.([...payload.matchAll(/ id='(\d+)'/g)].map(([, id]) => Number(id)));
      for (const child of body.children) {
        if (child.local !== 'message') continue;
        if (child.attributes.type === 'error') this.listener.error(child);
        else this.listener.message(child);
        this.unproved.push({ rid: this.done, stanza: child });
      }
      if (body.attributes.type === 'terminate') return this.end(body.attributes.condition ?? 'none');
      if (ack !== undefined) this.prove(ack);
    }
    this.pump();
  }

  // A request that is answered has been read, and so has its ack.
  prove(ack) {
    const proved = this.unproved.filter(({ rid }) => rid <= ack);
    this.unproved = this.unproved.filter(({ rid }) => rid > ack);
    this.listener.proved?.(proved.map(({ stanza }) => stanza), this);
  }

  end(condition) {
    if (!this.alive) return;
    this.alive = false;
    this.agent.destroy();
    this.listener.ended(condition, this);
  }

  // As when the process is killed: no word to anybody.
  kill() {
    this.end('killed');
  }
}
