// What became of bob's messages to alice, whose browser has gone: for tests that account for every one of them.
import { Buddy } from './buddy.mjs';

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
