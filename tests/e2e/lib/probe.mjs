// The bench of the probe files: postern with one shard in front of a scripted server, so that a test holds both ends and every
// order of events is its own choice.
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { after, before } from 'node:test';
import { BoshSession, read_body } from './bosh.mjs';
import { stop_all } from './cleanup.mjs';
import { answer_sasl, FakeServer } from './fake_server.mjs';
import { start_postern } from './postern.mjs';
import { exchange, HttpConnection, post, request } from './raw_http.mjs';
import { ns } from './xml.mjs';

export class Bench {
  // Registers start and stop with the runner; the properties are there when the tests run.
  static around({ domain = {}, script = { on_element: answer_sasl }, domains = [], ...settings } = {}) {
    const self = new Bench();
    before(async () => {
      // The object itself, not a copy: tests change it between sessions.
      self.server = await FakeServer.start(script);
      self.postern = await start_postern({
        threads: 1,
        domains: [{ name: 'postern.test', aliases: ['alias.test'], server: `127.0.0.1:${self.server.port}`, tls: 'none',
          ...domain }, ...domains],
        ...settings,
      });
      self.port = self.postern.port;
    });
    after(() => stop_all(self.postern, self.server));
    return self;
  }

  // A session and its stream at the server, with features seen.
  async pair(creation = {}) {
    this.postern.assert_running();
    this.server.arrivals.clear(); // of sessions whose stream nobody asked for
    const [session, stream] = await Promise.all([BoshSession.create(this.port, creation), this.server.accept()]);
    assert.equal(session.created.type, undefined, session.created.xml);
    return { session, stream };
  }

  // Something that postern answers after everything that reached it before: whoever waited until now, waits on purpose.
  async round_trip() {
    const answer = await exchange(this.port, request('GET', '/http-bind'));
    assert.equal(answer.status, 200);
  }

  async still_held(...pending) {
    await this.round_trip();
    for (const { answered, rid } of pending) assert.equal(answered, false, `rid ${rid} should be held`);
  }

  connect(options) {
    return HttpConnection.open(this.port, options);
  }

  exchange(bytes, options) {
    return exchange(this.port, bytes, options);
  }

  // Resident memory in bytes; null when a sanitizer makes the figure meaningless.
  memory() {
    if (/lib[at]san/.test(readFileSync(`/proc/${this.postern.pid}/maps`, 'utf8'))) return null;
    return Number(/^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${this.postern.pid}/status`, 'utf8'))[1]) * 1024;
  }

  // The most that was resident since then, in bytes; means something where memory() does.
  peak() {
    return Number(/^VmHWM:\s+(\d+) kB/m.exec(readFileSync(`/proc/${this.postern.pid}/status`, 'utf8'))[1]) * 1024;
  }

  forget_peak() {
    writeFileSync(`/proc/${this.postern.pid}/clear_refs`, '5');
  }

  descriptors() {
    return Number(/^FDSize:\s+(\d+)/m.exec(readFileSync(`/proc/${this.postern.pid}/status`, 'utf8'))[1]);
  }
}

// Somebody whose conversation must go on whatever the others do. log_in() gives {client, stream}; hears(client, text) and
// says(client, text) are the two ways of the door.
export function neighbour_by({ log_in, hears, says }) {
  let pair;
  let n = 0;
  before(async () => (pair = await log_in()));
  return async () => {
    const said = `still well ${++n}`;
    pair.stream.send(from_server(said));
    await hears(pair.client, new RegExp(said));
    await says(pair.client, message(said));
    assert.match(await pair.stream.element(), new RegExp(said));
  };
}

// What a client asks on its way in, for servers of script that let anybody in.
export const auth = { payload: `<auth xmlns='${ns.sasl}' mechanism='PLAIN'>AGEAYg==</auth>` };
export const restart = { attributes: { 'xmpp:restart': 'true', 'xmlns:xmpp': ns.xbosh, to: 'postern.test' } };

export async function authenticate({ session }) {
  assert.equal((await session.ask(auth)).children[0].local, 'success');
  assert.equal((await session.ask(restart)).children[0].local, 'features');
}

// The answer to a creation that may fail.
export const create = async (port, options = {}) =>
  read_body(await exchange(port, post('/http-bind', BoshSession.creation(options)), { within: 20_000 }));

export const message = (text, attributes = '') =>
  `<message xmlns='jabber:client' to='bob@postern.test'${attributes}><body>${text}</body></message>`;

// As a server writes it: inside its stream the namespace is the default one.
export const from_server = (text) => `<message from='bob@postern.test' to='alice@postern.test'><body>${text}</body></message>`;

export const texts_in = (body) => body.children.filter((child) => child.local === 'message')
  .map((child) => child.children.find((inner) => inner.local === 'body').text);

export function assert_terminated(body, condition) {
  assert.equal(body.type, 'terminate', body.xml);
  assert.equal(body.condition, condition, body.xml);
}

export function assert_empty(body) {
  assert.equal(body.children.length, 0, body.xml);
  assert.equal(body.type, undefined, body.xml);
}

// The line in the log about the end of a session: of the one with this sid, or of the next one behind line `since`.
export const end_in_log = async (bench, why, { sid = '', since = 0 } = {}) => {
  const of = new RegExp(` session ${sid.slice(0, 6)}\\S* of 127\\.0\\.0\\.1 for postern\\.test ended after `);
  const { input } = await bench.postern.child.line(of, 5000, since);
  assert.match(input, why);
};
