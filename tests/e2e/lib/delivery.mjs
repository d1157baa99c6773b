// Alice over BOSH, to whom bob writes, and what became of his messages when her browser has gone: for tests that account for every
// one of them.
import assert from 'node:assert/strict';
import { BoshSession, log_in } from './bosh.mjs';
import { Buddy } from './buddy.mjs';

export const bodies = (body) => body.children.filter((child) => child.local === 'message' && child.attributes.type !== 'error')
  .map((child) => child.children.find((part) => part.local === 'body')?.text).filter((text) => text !== undefined);

// Alice in a browser, seen by bob; nothing is held and nothing waits. What she gets is in `heard`.
export async function come_online({ server, bob, gateway, attributes = {} }) {
  const session = await BoshSession.create(gateway.port, { attributes: { hold: 1, ...attributes } });
  session.acks = attributes.ack !== undefined;
  await log_in(session, 'alice', server.password('alice'), 'web');
  Object.assign(session, { bob, jid: `${server.jid('alice')}/web`, heard: [] });
  bob.events.clear();
  await ask(session, `<presence xmlns='jabber:client'/>`);
  await bob.event('presence', (event) => event.from === session.jid && !event.type);
  return session;
}

// One request and its answer; a client with acks says what it has.
export async function ask(session, payload = '') {
  const attributes = session.acks ? { ack: session.rid } : {};
  const body = await session.ask({ attributes, payload });
  session.heard.push(...bodies(body));
  return body;
}

export async function hear(session, text) {
  while (!session.heard.includes(text)) assert.equal((await ask(session)).type, undefined);
}

// Any client proves an answer by a request that its window allows only afterwards: two empty polls that bring nothing would
// be held, so each has something for bob.
export async function go_on(session, times = 2) {
  const { bob } = session;
  for (let i = 0; i < times; i++) {
    const text = `alice goes on ${i}`;
    const held = await session.send({ attributes: session.acks ? { ack: session.rid } : {},
      payload: `<message xmlns='jabber:client' to='${bob.jid}' type='chat'><body>${text}</body></message>` });
    await bob.event('message', (event) => event.body === text);
    bob.message(session.jid, `bob answers ${i}`);
    session.heard.push(...bodies(await held.answer));
  }
}

// Bob sees her go.
export const leaves = ({ bob, jid }, inactivity) =>
  bob.event('presence', (event) => event.from === jid && event.type === 'unavailable', (inactivity + 20) * 1000);

// What alice gets at her next login, up to a message that bob sends when she is there, and what bob got back meanwhile.
export async function afterwards(server, bob) {
  const alice = await Buddy.connect(server, 'alice', { resource: 'later' });
  try {
    alice.presence();
    await bob.event('presence', (event) => event.from === alice.jid && !event.type);
    bob.message(alice.jid, 'marker');
    await alice.event('message', (event) => event.body === 'marker', 20_000);
    const again = alice.events.peek((event) => event.event === 'message' && event.body).map((event) => event.body);
    const returned = bob.events.peek((event) => event.event === 'message' && event.type === 'error');
    return { again, returned: returned.map((event) => event.id) };
  } finally {
    await alice.quit();
  }
}

export const numbered = (name, count) => Array.from({ length: count }, (_, i) => `${name} ${i}`);

// Those of `sent` that are in none of `places`.
export function missing(sent, ...places) {
  const seen = new Set(places.flat());
  return sent.filter((text) => !seen.has(text));
}
