// A browser tab that reads its BOSH session as a push stream (V-001 ... V-009): events come on a stream that is opened again behind
// the last one whenever it breaks, requests say what there is to say and which events have been worked off. For tests with many of them.
import { setTimeout as delay } from 'node:timers/promises';
import { body_text } from './bosh.mjs';
import { asking, PushReader, seen, token_of } from './push_reader.mjs';
import { Tab } from './tab.mjs';

export class PushTab extends Tab {
  static asks = asking;

  begin(session) {
    Object.assign(this, { token: token_of(session.created), opened: false, last: 0, told: 0 });
    this.read();
  }

  async read() {
    for (let attempt = 0; attempt < 20 && this.alive; attempt++) {
      this.reader = await PushReader.open(this.port, this.token, { last: this.last }).catch(() => null);
      if (this.reader?.head.status === 404) return this.end('expired');
      if (this.reader) {
        this.opened = true;
        this.pump();
        const { events, closed } = this.reader;
        closed.then(() => events.close(() => 'closed'));
        while (await this.next(events)) attempt = 0;
        this.reader.destroy();
      }
      await delay(200);
    }
    this.end('unreachable');
  }

  // False: the stream has ended.
  async next(events) {
    const event = await events.take(() => true, 3_600_000).catch(() => null);
    if (!this.alive || event === null) return false;
    if (event.id === undefined) return true; // a sign
    this.last = event.id;
    for (const stanza of this.take(event.body)) this.unproved.push({ rid: event.id, stanza });
    if (event.body.attributes.type === 'terminate') this.end(event.body.attributes.condition ?? 'none');
    this.pump();
    return true;
  }

  // Not before the stream is there: what waits would come in an answer still (V-002), and in front of all events.
  pump() {
    if (!this.alive || !this.opened || this.open > 0 || (this.outbox.length === 0 && this.last === this.told)) return;
    const rid = ++this.rid;
    const payload = this.outbox.splice(0).join('');
    this.open++;
    this.told = this.last;
    this.insist(rid, body_text({ rid, sid: this.sid, ...seen(this.told) }, payload), { payload, ack: this.told }).catch(() => this.end('failed'));
  }

  take(body) {
    const messages = body.children.filter(({ local }) => local === 'message');
    for (const stanza of messages) {
      if (stanza.attributes.type === 'error') this.listener.error(stanza);
      else this.listener.message(stanza);
    }
    return messages;
  }

  // What was said too late for a session that has lost its server comes back with the answer; why it has ended is the last event.
  work_off() {
    const { body, payload, ack } = this.answers.get(++this.done);
    this.take(body);
    if (body.attributes.type === 'terminate') return;
    this.open--;
    this.listener.answered([...payload.matchAll(/ id='(\d+)'/g)].map(([, id]) => Number(id)));
    this.prove(ack);
    this.pump();
  }

  end(condition) {
    super.end(condition);
    this.reader?.destroy();
  }
}
