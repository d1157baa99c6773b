// A small client of XEP-0025: cuts its stream where the test says, runs down its keys, and checks of every answer what old
// clients rely on (P-002, P-004, P-017).
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { exchange, post } from './raw_http.mjs';
import { patience } from './wait.mjs';
import { ns } from './xml.mjs';

const next_key = (key) => createHash('sha1').update(key).digest('base64');

export const stream_header = (to, version = '1.0') =>
  `<stream:stream to='${to}' xmlns='jabber:client' xmlns:stream='${ns.streams}'${version ? ` version='${version}'` : ''}>`;

export class PollClient {
  // keys: how many requests a sequence lasts; 0: none. cut: bytes of a request at most.
  constructor(port, { path = '/http-poll', keys = 0, cut = Infinity, connection } = {}) {
    Object.assign(this, { port, path, length: keys, cut, connection, id: '0', received: '' });
    if (keys > 0) this.new_sequence();
  }

  new_sequence() {
    this.keys = [randomBytes(8).toString('hex')];
    while (this.keys.length <= this.length) this.keys.push(next_key(this.keys.at(-1)));
  }

  head() {
    if (this.length === 0) return this.id;
    const key = this.keys.pop();
    if (this.keys.length > 0) return `${this.id};${key}`;
    this.new_sequence();
    return `${this.id};${key};${this.keys.pop()}`;
  }

  // One request; gives {id, text}, whatever they are.
  async ask(bytes, head = this.head()) {
    const body = Buffer.concat([Buffer.from(`${head},`), Buffer.from(bytes)]);
    const answer = await exchange(this.port, post(this.path, body, { fields: { 'Content-Type': 'application/x-www-form-urlencoded' } }),
      { connection: this.connection, within: 30_000 });
    assert.equal(answer.status, 200, answer.raw);
    assert.match(answer.field('content-type'), /^text\/xml/);
    assert.equal(answer.all('set-cookie').length, 1);
    const [first] = answer.field('set-cookie').split(';');
    assert.match(first, /^ID=[A-Za-z0-9:-]+$/);
    return { id: first.slice(3), text: answer.text };
  }

  // Bytes of the stream, cut into requests; what comes back is added to `received`.
  async send(text = '') {
    let rest = Buffer.from(text);
    do {
      // The first request has to hold the whole header.
      const size = this.id === '0' ? rest.length : this.cut;
      const { id, text: got } = await this.ask(rest.subarray(0, size));
      assert.doesNotMatch(id, /:0$/, `an error: ${id} ${got}`);
      this.id = id;
      this.received += got;
      rest = rest.subarray(size);
    } while (rest.length > 0);
  }

  // Polls until the stream holds it; gives and drops everything up to there.
  async until(pattern) {
    for (const end = Date.now() + 5000 * patience; Date.now() < end;) {
      const match = pattern.exec(this.received);
      if (match) {
        const seen = this.received.slice(0, match.index + match[0].length);
        this.received = this.received.slice(seen.length);
        return seen;
      }
      await this.send();
    }
    throw new Error(`${pattern} does not come, but ${this.received}`);
  }

  async log_in(domain, user, password, resource) {
    await this.send(stream_header(domain));
    await this.until(/<\/stream:features>/);
    const secret = Buffer.from(`\0${user}\0${password}`).toString('base64');
    await this.send(`<auth xmlns='${ns.sasl}' mechanism='PLAIN'>${secret}</auth>`);
    await this.until(/<success/);
    this.received = '';
    await this.send(stream_header(domain));
    await this.until(/<\/stream:features>/);
    await this.send(`<iq type='set' id='bind'><bind xmlns='${ns.bind}'><resource>${resource}</resource></bind></iq>`);
    await this.until(/<iq[^>]*type=['"]result['"].*<\/iq>/s);
  }
}
