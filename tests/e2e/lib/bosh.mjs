// A BOSH client that does nothing by itself: a test says which rid goes out on which connection and when, and sees each answer
// as it came. Every answer is parsed strictly and checked for what clients rely on (B-009, B-010, H-002, H-006).
import assert from 'node:assert/strict';
import { exchange, HttpConnection, post } from './raw_http.mjs';
import { escape_xml, ns, parse } from './xml.mjs';

export const empty_body = `<body xmlns='${ns.httpbind}'/>`;

const attribute_text = (attributes) => Object.entries(attributes).filter(([, value]) => value !== undefined)
  .map(([name, value]) => ` ${name}='${escape_xml(String(value))}'`).join('');

export const body_text = (attributes, payload = '') =>
  `<body xmlns='${ns.httpbind}'${attribute_text(attributes)}>${payload}</body>`;

// {attributes, type, condition, children, xml}, after the checks that hold for every answer.
export function read_body(answer, { status = 200, content_type = 'text/xml; charset=utf-8' } = {}) {
  assert.equal(answer.status, status, answer.raw);
  assert.equal(answer.field('content-type'), content_type);
  assert.doesNotMatch(answer.text, /^\s|<\?xml|^\uFEFF/, 'no declaration, no byte order mark, no blank in front (H-021)');
  const root = parse(answer.text);
  assert.equal(root.name, 'body', 'un-prefixed (B-009)');
  assert.equal(root.uri, ns.httpbind);
  assert.equal(root.text, '', 'no text between payloads (B-010)');
  for (const child of root.children) {
    if (['message', 'presence', 'iq'].includes(child.local)) {
      assert.equal(child.attributes.xmlns, ns.client, `explicit namespace on ${answer.text} (B-007)`);
    }
  }
  return { root, attributes: root.attributes, type: root.attributes.type, condition: root.attributes.condition,
    children: root.children, xml: answer.text, answer };
}

// One answer of a poll in flight: its connection, and a promise of the body.
class Pending {
  constructor(connection, rid, expected, once) {
    this.connection = connection;
    this.rid = rid;
    this.answered = false;
    this.answer = connection.read_answer({ within: 30_000 }).then((answer) => {
      this.answered = true;
      return read_body(answer, expected);
    });
    // A failure is reported where the answer is awaited.
    this.answer.catch(() => {}).then(() => once && connection.destroy());
  }
}

export class BoshSession {
  // attributes: those of the creation request that differ from the usual; undefined leaves one out.
  static creation({ attributes = {}, payload = '', rid = 1000 } = {}) {
    return body_text({ rid, to: 'postern.test', 'xml:lang': 'en', wait: 55, hold: 1, ver: '1.6', 'xmpp:version': '1.0',
      'xmlns:xmpp': ns.xbosh, ...attributes }, payload);
  }

  static async create(port, { path = '/http-bind', from, tls, preface, expected, ...creation } = {}) {
    const self = new BoshSession();
    Object.assign(self, { port, path, rid: creation.rid ?? 1000, connection_options: { from, tls, preface }, expected });
    const answer = await exchange(port, post(path, BoshSession.creation(creation)), { connection: self.connection_options });
    self.created = read_body(answer, expected);
    self.sid = self.created.attributes.sid;
    return self;
  }

  text(attributes = {}, payload = '', rid = ++this.rid) {
    return body_text({ rid, sid: this.sid, ...attributes }, payload);
  }

  // Sends without waiting for the answer; `on` reuses a connection, `rid` repeats or skips one. A connection of its own is
  // closed when the answer is there.
  async send({ attributes, payload, rid, on, fields, expected = this.expected } = {}) {
    const number = rid ?? ++this.rid;
    const connection = on ?? await HttpConnection.open(this.port, this.connection_options);
    connection.write(post(this.path, this.text(attributes, payload, number), { fields }));
    return new Pending(connection, number, expected, !on);
  }

  // Sends and waits.
  async ask(options) {
    return (await this.send(options)).answer;
  }
}

// PLAIN, restart and bind on a session that a real server is behind.
export async function log_in(session, user, password, resource) {
  const secret = Buffer.from(`\0${user}\0${password}`).toString('base64');
  const reply = await until_child(session, await session.ask({ payload: `<auth xmlns='${ns.sasl}' mechanism='PLAIN'>${secret}</auth>` }));
  assert.equal(reply.local, 'success');
  await until_child(session, await session.ask({ attributes: { 'xmpp:restart': 'true', 'xmlns:xmpp': ns.xbosh } }));
  const bind = `<iq xmlns='jabber:client' type='set' id='bind'><bind xmlns='${ns.bind}'><resource>${resource}</resource></bind></iq>`;
  const bound = await until_child(session, await session.ask({ payload: bind }));
  assert.equal(bound.attributes.type, 'result');
}

async function until_child(session, body) {
  while (body.children.length === 0) {
    assert.equal(body.type, undefined, body.xml);
    body = await session.ask();
  }
  return body.children[0];
}

// True as long as nothing has come: the other half of "held". Proven by a round trip that the gateway handles later.
export async function is_held(pending, probe) {
  await probe();
  return !pending.answered;
}
