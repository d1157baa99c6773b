// Waiting for events, always with a deadline and with a name for what did not happen. No test sleeps for a guessed time.
import { setTimeout as delay } from 'node:timers/promises';

// A slow machine (sanitizers, valgrind, a loaded CI host) stretches every deadline by the same factor.
export const patience = Number(process.env.POSTERN_E2E_PATIENCE ?? 1);

const said = (what) => (typeof what === 'function' ? what() : what);

export async function deadline(promise, within, what) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(
      () => reject(new Error(`not within ${within * patience} ms: ${said(what)}`)),
      within * patience);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

// For state that nothing announces (a port of somebody else's program, a file, /proc): asks again until `probe` gives
// something truthy. Errors of the probe count as "not yet".
export async function until(probe, within, what) {
  const end = Date.now() + within * patience;
  let last = null;
  for (;;) {
    try {
      const result = await probe();
      if (result) return result;
    } catch (error) {
      last = error;
    }
    if (Date.now() > end) throw new Error(`not within ${within * patience} ms: ${said(what)}${last ? ` (${last.message})` : ''}`);
    await delay(10);
  }
}

// Events in the order they came. take() gives the first that fits, now or later, and leaves the others.
export class Mailbox {
  constructor(name) {
    this.name = name;
    this.events = [];
    this.takers = [];
    this.seen = 0;
    this.history = []; // for the message of a missed deadline
  }

  push(event) {
    this.seen++;
    this.history.push(JSON.stringify(event)?.slice(0, 200));
    if (this.history.length > 12) this.history.shift();
    const index = this.takers.findIndex((taker) => taker.fits(event));
    if (index < 0) this.events.push(event);
    else this.takers.splice(index, 1)[0].resolve(event);
  }

  take(fits, within = 10_000, what = fits.toString()) {
    const index = this.events.findIndex(fits);
    if (index >= 0) return Promise.resolve(this.events.splice(index, 1)[0]);
    const describe = () => `${this.name}: ${what}\nlast events:\n  ${this.history.join('\n  ') || '(none)'}`;
    if (this.closed) return Promise.reject(new Error(`${this.closed()}: ${describe()}`));
    let taker;
    const promise = new Promise((resolve, reject) => {
      taker = { fits, resolve, reject };
      this.takers.push(taker);
    });
    return deadline(promise, within, describe).catch((error) => {
      this.takers = this.takers.filter((other) => other !== taker);
      throw error;
    });
  }

  // Nothing will come any more: who waits need not wait for the end of the time. why: a function that gives the words.
  close(why) {
    this.closed = why;
    for (const taker of this.takers.splice(0)) taker.reject(new Error(`${why()}: ${this.name}`));
  }

  // What is there already, without waiting.
  peek(fits) {
    return this.events.filter(fits);
  }

  clear() {
    this.events = [];
  }
}

// What a count is when it has not changed for 300 ms: nothing announces that something does not move any more. Of the bytes that wait
// in a socket, say, when whoever should read does not.
export async function at_rest(count) {
  let before = -1;
  await until(async () => {
    const still = count() === before;
    before = count();
    if (!still) await delay(300);
    return still;
  }, 10_000, 'nothing moves any more');
  return before;
}
