// A program that polls (XEP-0025), with keys. The same face as tab.mjs, for tests with many of them. XEP-0025 has no repeats: who does
// not get an answer cannot know what became of it, and ends (OPERATIONS, What is not lost).
import { setTimeout as delay } from 'node:timers/promises';
import { PollClient } from './poll.mjs';
import { escape_xml, ns, parse } from './xml.mjs';

export class PollTab {
  static async log_in(port, { user, password, resource }, listener) {
    const self = new PollTab();
    Object.assign(self, { listener, alive: true, outbox: [{ stanza: '<presence/>' }], wire: new PollClient(port, { keys: 20 }) });
    await self.wire.log_in('postern.test', user, password, resource);
    self.live();
    return self;
  }

  message(to, id, body) {
    if (!this.alive) return false;
    this.outbox.push({ id: Number(id), stanza: `<message type='chat' to='${to}' id='${id}'><body>${escape_xml(body)}</body></message>` });
    return true;
  }

  async live() {
    let unproved = []; // what came with the answer before
    while (this.alive) {
      const said = this.outbox.splice(0);
      const answer = await this.wire.ask(said.map(({ stanza }) => stanza).join('')).catch(() => null);
      if (!this.alive) return;
      if (answer === null) return this.end('connection lost');
      if (answer.id.endsWith(':0') && answer.text === '') return this.end('expired');
      this.wire.id = answer.id;
      this.listener.answered(said.filter(({ id }) => id).map(({ id }) => id));
      this.listener.proved(unproved, this);
      const stanzas = this.take(answer.text);
      unproved = stanzas.filter(({ local }) => local === 'message');
      const error = stanzas.find(({ name }) => name === 'stream:error');
      if (answer.text.endsWith('</stream:stream>')) return this.end(this.condition_of(error));
      await delay(100);
    }
  }

  // An answer holds whole stanzas.
  take(text) {
    const inner = text.replace(/<\/stream:stream>$/, '');
    const stanzas = parse(`<x xmlns='jabber:client' xmlns:stream='${ns.streams}'>${inner}</x>`).children;
    for (const stanza of stanzas.filter(({ local }) => local === 'message')) {
      if (stanza.attributes.type === 'error') this.listener.error(stanza);
      else this.listener.message(stanza);
    }
    return stanzas;
  }

  condition_of(error) {
    if (!error) return 'closed';
    return error.children.some(({ local }) => local === 'remote-connection-failed') ? 'remote-connection-failed' : 'remote-stream-error';
  }

  end(condition) {
    if (!this.alive) return;
    this.alive = false;
    this.listener.ended(condition, this);
  }

  // What a poll still brings is nobody's.
  kill() {
    this.end('killed');
  }
}
