// One person of the chaos, with one browser after the other: opens a tab, says things, and has it killed, frozen or cut off at
// random. What they said and what reached them is noted, to be compared at the end (chaos.test.mjs).
import { setTimeout as delay } from 'node:timers/promises';
import { PollTab } from './poll_tab.mjs';
import { PushTab } from './push_tab.mjs';
import { Tab } from './tab.mjs';
import { deadline } from './wait.mjs';
import { WebTab } from './web_tab.mjs';
import { PlainWsTab, WsTab } from './ws_tab.mjs';

// mulberry32: small, and the same everywhere.
export function generator(state) {
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

const text_of = (stanza) => stanza.children.find((part) => part.local === 'body')?.text;
const serial_of = (text) => Number(/^bob (\d+)$/.exec(text)?.[1]);
const is_stamped = (stanza) => stanza.children.some((part) => part.uri === 'urn:xmpp:delay');

// The ways to be there; people take turns.
export const ways = [
  { name: 'BOSH with acks', open: (port, person, listener) => Tab.log_in(port, { ...person.login, acks: true }, listener) },
  { name: 'BOSH without acks', open: (port, person, listener) => Tab.log_in(port, { ...person.login, acks: false }, listener) },
  { name: 'WebSocket with XEP-0198 of its own', open: (port, person, listener) => WsTab.log_in(port, person.login, listener) },
  { name: 'WebSocket', open: (port, person, listener) => PlainWsTab.log_in(port, person.login, listener) },
  { name: 'push stream', open: (port, person, listener) => PushTab.log_in(port, person.login, listener) },
  { name: 'polling', open: (port, person, listener) => PollTab.log_in(port, person.login, listener) },
  { name: 'chat without scripts', open: (port, person, listener) => WebTab.log_in(port, { ...person.login, buddy: 'bob' }, listener,
    person.kept) },
];

export class Person {
  constructor(world, number) {
    Object.assign(this, { world, number, name: `user${number}`, way: ways[number % ways.length],
      random: generator(world.seed * 1000 + number) });
    this.received = new Map(); // serial of bob's -> how often
    this.came = new Map(); // serial of bob's -> when, for the first time
    this.kept_for_later = new Set(); // serials that the server gave out only after the end
    this.bounced = new Set(); // own serials that came back as errors, or that are known to be unconfirmed
    this.live = new Set(); // serials that had not been in the server's store
    this.proved = new Map(); // serial of bob's -> {tab, at}: an ack in a request that was answered
    this.sent = new Map(); // own serial -> {tab, at, answered, owed}; answered: when, or null
    this.cuts = []; // of the wire: {began, ended}
    this.failed_logins = []; // {began, ended, why}
    this.expected = []; // of bob's: {serial, at}
    this.serial = 0;
    this.runs = 0;
    this.disorder = [];
    this.newest = 0; // of this session
    this.kept = {}; // what a browser keeps when a window is closed
  }

  get login() {
    return { user: this.name, password: this.world.server.password(this.name), resource: 'web' };
  }

  // goes_on(): whether the chaos does.
  async lives(goes_on) {
    while (goes_on()) {
      const tab = await this.open_tab();
      if (tab === null) {
        await delay(100 + 400 * this.random());
        continue;
      }
      while (tab.alive && goes_on()) {
        await delay(this.world.pace * (50 + 250 * this.random()));
        await this.something(tab);
      }
      if (tab.alive) this.last = tab;
    }
  }

  // What had arrived on a machine whose window was closed in the same moment is on its next page: that is what a session which
  // outlives its window is for.
  async looks_once_more() {
    const tab = await this.open_tab();
    if (tab === null) return;
    await deadline(tab.has_page, 20_000, `${this.name} sees a page`).catch(() => {});
    tab.kill();
  }

  async open_tab() {
    this.wire.mend();
    const began = Date.now();
    try {
      const tab = await this.way.open(this.wire.port, this, this.listener());
      Object.assign(tab, { began, logged_in: Date.now() });
      this.runs++;
      return tab;
    } catch (error) {
      this.world.count('logins that failed');
      this.failed_logins.push({ began, ended: Date.now(), why: error.message });
      return null;
    }
  }

  // Order is a promise within one session, for what did not wait in the server's store.
  listener() {
    const was_answered = (id) => {
      const said = this.sent.get(id);
      if (said) said.answered ??= Date.now();
    };
    return {
      answered: (ids) => ids.forEach(was_answered),
      message: (stanza) => this.on_text(text_of(stanza), is_stamped(stanza)),
      text: (text) => this.on_text(text, false),
      error: (stanza) => this.bounced.add(Number(stanza.attributes.id)),
      unconfirmed: (id) => this.bounced.add(id),
      proved: (stanzas, tab) => this.on_proof(stanzas, tab),
      begins_anew: () => (this.newest = 0),
      ended: (condition, tab) => {
        if (!(tab instanceof WebTab)) this.newest = 0;
        tab.killed = condition === 'killed' || condition === 'connection lost'; // cannot be told anything more
        Object.assign(tab, { condition, ended: Date.now() });
        this.world.count(`ends: ${condition}`);
      },
    };
  }

  // Only what passes over the links when the record has seen all before it was written behind the proof.
  async on_proof(stanzas, tab) {
    const proof = { tab, at: Infinity };
    for (const stanza of stanzas) this.proved.set(serial_of(text_of(stanza)), proof);
    await this.world.upstream.all_seen();
    proof.at = performance.now();
  }

  on_text(text, stamped) {
    const serial = serial_of(text);
    if (!serial) return;
    this.received.set(serial, (this.received.get(serial) ?? 0) + 1);
    if (!this.came.has(serial)) this.came.set(serial, Date.now());
    // What an earlier session did not get comes with a stamp, whenever the server is done with that session.
    if (stamped) return this.world.count("of bob's: came again, stamped");
    if (!this.world.links.stored.has(text)) this.live.add(serial); // a page shows no stamp
    const { newest } = this;
    if (serial <= newest) this.disorder.push({ serial, newest, run: this.runs });
    this.newest = Math.max(newest, serial);
  }

  // What this tab has said and heard nothing of.
  unanswered(tab) {
    return [...this.sent].filter(([serial, said]) => said.tab === tab && !said.answered && !this.bounced.has(serial))
      .map(([, said]) => said);
  }

  async something(tab) {
    const dice = this.random();
    if (dice < 0.6) {
      const serial = ++this.serial;
      if (tab.message(this.world.bob.bare, String(serial), `${this.name} ${serial}`)) {
        this.sent.set(serial, { tab, at: Date.now(), answered: null, owed: false });
      }
    } else if (dice < 0.66) {
      tab.kill();
    } else if (dice < 0.70) {
      this.wire.deafen();
      await delay(this.random() < 0.5 ? 300 : 2000 * this.random());
      if (this.random() < 0.5) tab.kill();
      this.wire.mend();
    } else if (dice < 0.76) {
      const cut = { began: Date.now(), ended: Infinity };
      this.cuts.push(cut);
      this.wire.cut();
      await delay(600 * this.random());
      this.wire.mend();
      cut.ended = Date.now();
    }
  }
}
