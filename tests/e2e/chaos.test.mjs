// Many browsers at random, over BOSH, WebSocket, push streams, polling and the chat without scripts: killed, frozen, cut off and
// mended, logged in again; the link to the server cut and silenced, the server restarted. Everything said carries a serial number,
// and at the end every number is accounted for: received, received again, or sent back. Nothing is out of order within a session.
//
// The links to the server are in the clear and recorded, with what each side has acknowledged (XEP-0198), so that whose a lost
// message is does not have to be guessed: what postern has acknowledged must be with the browser, and what the server has
// acknowledged must be with bob. The excuses left are counted by name: a browser that was killed, or whose only connection broke,
// cannot be told that its last words were lost with the link; and ejabberd forgets what it holds for the sessions that it has when it is stopped, also for those that
// wait to be resumed: what is unacknowledged, and what it has taken out of its store for them; and what it is to store in the moment
// in which its user comes.
// POSTERN_CHAOS_SECONDS and POSTERN_CHAOS_SESSIONS make it long; POSTERN_CHAOS_SEED repeats the same decisions (not the same timing).
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { Buddy } from './lib/buddy.mjs';
import { Authority } from './lib/certs.mjs';
import { stop_all } from './lib/cleanup.mjs';
import { leave_nothing_behind } from './lib/leave_nothing_behind.mjs';
import { generator, Person, ways } from './lib/person.mjs';
import { start_postern } from './lib/postern.mjs';
import { servers } from './lib/servers.mjs';
import { StreamRecord } from './lib/stream_record.mjs';
import { patience, until } from './lib/wait.mjs';
import { Wire } from './lib/wire.mjs';

const seconds = Number(process.env.POSTERN_CHAOS_SECONDS ?? 8);
const sessions = Number(process.env.POSTERN_CHAOS_SESSIONS ?? 10);
const seed = Number(process.env.POSTERN_CHAOS_SEED ?? Date.now() % 1_000_000);
const inactivity = 5;
const answer_timeout = 3 * patience;
const long = 120_000;
const moment = 1000; // ms, in which gateway and test see one and the same event

const cuts = 'cuts of the link to the server';
const silences = 'silences of the link to the server';
const given_up = 'links given up for their silence';
const restarts = 'restarts of the server';

const overlap = (one, other) => one.began < other.ended && other.began < one.ended;

class World {
  seed = seed;
  pace = Math.max(1, sessions / 20); // hundreds of browsers say no more together than twenty
  counts = new Map();
  heard = new Map(); // 'user3 17' -> how often bob has heard it
  returned = new Map(); // 'user3 17' of bob's own -> how often it came back
  troubles = []; // {began, ended}: the link cut or silent, the server away
  sent = 0;

  count(what) {
    this.counts.set(what, (this.counts.get(what) ?? 0) + 1);
  }

  static async start(Kind) {
    const self = new World();
    const authority = await Authority.create();
    const people = Array.from({ length: sessions }, (_, i) => ({ name: `user${i}`, password: `pass-${i}`, buddies: ['bob'] }));
    const bob = { name: 'bob', password: 'builder-42', buddies: people.map(({ name }) => name) };
    self.server = await Kind.start({ tls: await authority.good('postern.test'), users: [bob, ...people], plaintext: true });
    self.links = new StreamRecord();
    self.bobs_links = new StreamRecord();
    self.upstream = await Wire.to(self.server.c2s_port, { record: self.links });
    self.bobs_wire = await Wire.to(self.server.c2s_port, { record: self.bobs_links });
    self.postern = await start_postern({ server: { log_level: 'info' }, bosh: { inactivity, push_streams: true },
      polling: { enabled: true, inactivity },
      limits: { session_starts_per_minute_per_address: 0, max_sessions_per_address: 0, max_connections_per_address: 0,
        sid_misses_per_minute_per_address: 0 },
      webchat: { enabled: true, logins_per_minute_per_address: 0, logins_per_minute_per_account: 0 },
      domains: [{ name: self.server.domain, server: `127.0.0.1:${self.upstream.port}`, tls: 'none', answer_timeout }] });
    self.postern.child.watchers.add({ gone: () => {}, line: (line) => line.includes(': the server does not answer') && self.count(given_up) });
    self.bob = await Buddy.connect(self.server, 'bob', { tls: 'none', port: self.bobs_wire.port });
    self.bob.presence();
    self.random = generator(seed);
    self.people = Array.from({ length: sessions }, (_, i) => new Person(self, i));
    for (const person of self.people) person.wire = await Wire.to(self.postern.port);
    return self;
  }

  // Bob's stream is an ordinary one: what he says while his server goes down is nobody's promise, so he waits.
  async bob_talks(goes_on) {
    while (goes_on()) {
      await delay(20);
      if (this.bob_is_silent) continue;
      const person = this.people[Math.floor(this.random() * this.people.length)];
      const serial = ++this.sent;
      this.bob.message(this.server.jid(person.name), `bob ${serial}`, { id: `${person.name} ${serial}` });
      person.expected.push({ serial, at: Date.now() });
    }
  }

  // Each kind at least once, however slow the machine is. Behind the restart the missing ones come first.
  async trouble_upstream(end) {
    while (Date.now() < end - 3000 || !this.had_every_trouble(end)) {
      await delay(1000 + 2500 * this.random());
      const silent = this.random() < 1 / 3;
      if (!this.restart && this.troubles.length > 0 && Date.now() > end - seconds * 500) await this.restart_server();
      else await this.trouble_link(this.restart && !this.had_every_trouble(end) ? this.counts.has(cuts) : silent);
    }
  }

  had_every_trouble(end) {
    return [restarts, cuts, silences, given_up].every((what) => this.counts.has(what)) || Date.now() > end + long;
  }

  async restart_server() {
    this.bob_is_silent = true;
    await this.bob_round_trip();
    this.restart = this.trouble();
    await this.server.restart();
    this.restart.ended = Date.now();
    await this.bob.event('disconnected', () => true, long);
    await this.bob.reconnect(long);
    this.bob.presence();
    this.bob_is_silent = false;
    this.count(restarts);
  }

  // Reset, or without a word: that is known only by a question that gets no answer. Some links are given up, those that had nothing
  // to ask about at its beginning go on behind it.
  async trouble_link(silent) {
    await until(() => this.upstream.pairs.size > 0, long, 'a link to trouble');
    const trouble = this.trouble();
    if (silent) this.upstream.deafen();
    else this.upstream.cut();
    await delay(silent ? answer_timeout * 1000 + 1500 + 1000 * this.random() : 500 * this.random());
    this.upstream.mend();
    trouble.ended = Date.now();
    this.count(silent ? silences : cuts);
  }

  trouble() {
    const trouble = { began: Date.now(), ended: Infinity };
    this.troubles.push(trouble);
    return trouble;
  }

  was_open_at_the_stop(stream) {
    return this.restart !== undefined && stream.was_there(this.restart.began, this.restart.ended);
  }

  async bob_round_trip() {
    const text = `echo ${this.random()}`;
    this.bob.message(this.bob.jid, text);
    await this.bob.event('message', (event) => event.body === text, long);
  }

  // Whoever is still there is owed an answer to everything said.
  async answers_come() {
    const owed = () => this.people.flatMap((person) => (person.last?.alive ? person.unanswered(person.last) : []));
    await until(() => owed().length === 0, long, 'answers for those who are still there').catch(() => {}); // the report says which
    for (const said of owed()) said.owed = true;
  }

  // A session of the chat without scripts goes on without its window, and brings to bob what was written while the link was down.
  async pages_write_to_bob() {
    const texts = this.people.filter((person) => person.way === ways.at(-1)).flatMap((person) =>
      [...person.sent].filter(([, { answered }]) => answered).map(([serial]) => `${person.name} ${serial}`));
    await until(() => {
      const heard = new Set(this.bob.events.peek((event) => event.event === 'message').map((event) => event.body));
      return texts.every((text) => heard.has(text));
    }, long, 'bob hears what was written into pages').catch(() => {}); // the report says what is missing
  }

  // Every session ends, everybody logs in once more over TCP, and what the server kept comes out.
  async settle() {
    for (const person of this.people) person.wire.mend();
    await this.answers_come();
    await this.pages_write_to_bob();
    for (const person of this.people) person.last?.kill();
    await Promise.all(this.people.filter((person) => person.way === ways.at(-1)).map((person) => person.looks_once_more()));
    await this.postern.stop(30_000);
    await this.bob_round_trip();
    for (const person of this.people) {
      const direct = { tls: 'none', port: this.server.c2s_port };
      // A stream that could still be resumed keeps what is its own until its resource is taken by another: of a WebSocket, and of a
      // page whose gateway was stopped before its broken link was mended.
      for (const resource of new Set(['web', ...this.links.held_resources(person.name)])) {
        await (await Buddy.connect(this.server, person.name, { resource, ...direct })).quit();
      }
      const later = await Buddy.connect(this.server, person.name, { resource: 'later', ...direct });
      later.presence();
      // What the server kept comes with the presence: the mark must be behind it.
      await this.bob.event('presence', (event) => event.from === later.jid && !event.type, long);
      this.bob.message(later.jid, 'end of the chaos');
      await later.event('message', (event) => event.body === 'end of the chaos', long);
      for (const event of later.events.peek((event) => event.event === 'message' && event.body?.startsWith('bob '))) {
        const serial = Number(event.body.split(' ')[1]);
        person.received.set(serial, (person.received.get(serial) ?? 0) + 1);
        person.kept_for_later.add(serial);
        this.count("of bob's: redelivered after the end");
      }
      await later.quit();
    }
    await this.bob_round_trip();
    for (const event of this.bob.events.peek((event) => event.event === 'message')) {
      if (event.type === 'error') this.returned.set(event.id, (this.returned.get(event.id) ?? 0) + 1);
      else if (event.body?.startsWith('user')) this.heard.set(event.body, (this.heard.get(event.body) ?? 0) + 1);
    }
  }

  // Why a message of bob's is nowhere: an excuse, or what is missing.
  judge_lost_to_browser({ serial, at }, person, missing) {
    const seen = this.links.seen('to_client', `bob ${serial}`);
    const before = this.restart ? `, ${this.restart.began - at} ms before the stop of the server` : '';
    const what = `bob ${serial} to ${person.name} (${person.way.name})${before}`;
    if (seen.some(({ acknowledged }) => acknowledged)) return missing.push(`${what}: acknowledged to the server`);
    const { began, ended } = this.restart ?? {};
    if (this.server.name === 'ejabberd' && this.restart && at < ended && this.links.had_session(person.name, began, ended)) {
      return this.count("of bob's: unacknowledged in a session when ejabberd was stopped, and forgotten by it");
    }
    // What lies in the mailbox of a session of ejabberd's whose connection breaks in that moment is gone, before any link has carried it.
    if (this.server.name === 'ejabberd' && seen.length === 0 && this.links.broke(person.name, at, at + 100)) {
      return this.count("of bob's: never given out by ejabberd, whose session broke at that moment");
    }
    // What ejabberd stores while it takes out what it has stored before is deleted with that (mod_offline writes beside the transaction).
    if (this.server.name === 'ejabberd' && seen.length === 0
      && this.links.became_available(person.name, at, Math.min(this.first_out_behind(serial), at + moment))) {
      return this.count("of bob's: never given out by ejabberd, whose user came in that moment");
    }
    missing.push(`${what}: ${seen.length > 0 ? 'unacknowledged, and not kept by the server' : 'never given out by the server'}`);
  }

  // When something that bob has said later was on a link: the server, which takes what he says in its order, was done with this then.
  first_out_behind(serial) {
    let first = Infinity;
    for (let later = serial + 1; later <= this.sent; later++) {
      for (const { at, stamped } of this.links.seen('to_client', `bob ${later}`)) if (!stamped) first = Math.min(first, at);
    }
    return first;
  }

  // A message that came more than once: most often because the browser could not prove in time that it has it. No excuse is left
  // where it was acknowledged to a server that has worked that off, and where a browser was handed it more often than the
  // gateway had it from the server (a page may show it again). An <a/> may never have arrived, unless the server has worked off
  // what came behind it.
  judge_repeated({ serial }, times, person, missing) {
    this.count(`of bob's: received more than once, ${person.way.name}`);
    const seen = this.links.seen('to_client', `bob ${serial}`);
    const later = person.kept_for_later.has(serial) ? 1 : 0;
    const ms = (time) => time - this.restart?.began;
    const ways_of = seen.map(({ acknowledged, stamped, stream: { opened, closed, ended_well } }) =>
      `${ms(opened)}…${ms(closed)}${stamped ? ' stamped' : ''}${acknowledged ? ' acknowledged' : ''}${ended_well ? ' ended well' : ''}`);
    const what = `bob ${serial} to ${person.name} (${person.way.name}), received ${times} times, in streams [${ways_of}] (ms from the stop to ${ms(this.restart?.ended)})`;
    const proved_in = this.stream_of(person.proved.get(serial)?.tab, person);
    const done = seen.findIndex(({ acknowledged, read, stream }) => !this.was_open_at_the_stop(stream)
      && (read || (stream.ended_well && (acknowledged || stream === proved_in))));
    if (done >= 0 && done < seen.length - 1 + later) {
      missing.push(`${what}: again after it was ${seen[done].acknowledged ? 'acknowledged to the server' : 'proved by the browser'}`);
    }
    const more = times - seen.length - later;
    if (person.way === ways.at(-1) || more <= 0) return;
    if (more === 1 && this.was_in_doubt(serial, person)) return this.count("of bob's: handed out again, its connection reset just behind it");
    missing.push(`${what}: given out by the server ${seen.length} times`);
  }

  // A connection that is reset just behind an answer leaves that in doubt (E-08); who polls on gets it again.
  was_in_doubt(serial, person) {
    const came = person.came.get(serial);
    return person.way.name === 'polling' && person.cuts.some(({ began }) => began >= came && began <= came + 2 * moment);
  }

  // The link of a tab over BOSH, whose session has one; none where that is not certain.
  stream_of(tab, person) {
    const fits = [...this.links.streams].filter(({ user, opened }) => user === person.name && opened >= tab?.began && opened <= tab.logged_in);
    return fits.length === 1 ? fits[0] : null;
  }

  // Bob got back what the browser has proved to have, on a link that came to a good end.
  judge_sent_back({ serial }, person, missing) {
    this.count("of bob's: received and sent back");
    const stream = this.stream_of(person.proved.get(serial)?.tab, person);
    const given = this.links.seen('to_client', `bob ${serial}`).length;
    if (given === 1 && stream?.ended_well && !this.was_open_at_the_stop(stream)) {
      missing.push(`bob ${serial} to ${person.name} (${person.way.name}): sent back after it was proved by the browser`);
    }
  }

  // What the browser has proved is in every <a/> from then on.
  judge_proofs(person, missing) {
    for (const [serial, { tab, at }] of person.proved) {
      const stream = this.stream_of(tab, person);
      const acks = stream?.to_client.acks.filter((ack) => ack.at > at) ?? [];
      const { number } = this.links.seen('to_client', `bob ${serial}`).find((seen) => seen.stream === stream) ?? {};
      const less = acks.find(({ h }) => h < number);
      if (less) missing.push(`bob ${serial} to ${person.name}: stanza ${number}, proved by the browser, and then <a h='${less.h}'/>`);
      else if (acks.length > 0) this.count("of bob's: proved by the browser, and acknowledged from then on");
    }
  }

  // Who was told nothing has an excuse only where the end of the tab has one.
  judge_unanswered(key, { tab, owed }, person, missing) {
    if (tab.killed && !owed) return this.count("of the browsers': not heard, and the browser was gone before it was told anything");
    const troubles = { 'remote-connection-failed': this.troubles, 'remote-stream-error': this.troubles, closed: this.troubles,
      expired: this.troubles, unreachable: [...this.troubles, ...person.cuts] }[tab.condition] ?? [];
    if (troubles.some((trouble) => overlap(trouble, tab))) {
      return this.count("of the browsers': not heard, and the server or the network gone before the browser was told anything");
    }
    missing.push(`${key} (${person.way.name}): never answered, and the tab ${owed ? 'still there' : `ended: ${tab.condition}`}`);
  }

  // Why a message of a browser has not reached bob.
  judge_lost_to_bob(key, said, person, missing) {
    const { tab, answered } = said;
    const seen = this.links.seen('to_server', key);
    if (!answered) return this.judge_unanswered(key, said, person, missing);
    if (seen.some(({ acknowledged, stream }) => acknowledged || stream.ended_well)) {
      // In the server's hands. Bob's own stream has no XEP-0198.
      if (this.bobs_links.seen('to_client', key).some(({ stream }) => this.was_open_at_the_stop(stream))) {
        return this.count("of the browsers': on bob's connection when the server was stopped");
      }
      if (this.server.name === 'ejabberd' && seen.some(({ stream }) => this.was_open_at_the_stop(stream))) {
        return this.count("of the browsers': taken by ejabberd while it was stopped, and forgotten by it");
      }
      return missing.push(`${key} (${person.way.name}): taken by the server`);
    }
    if (tab.killed && person.way !== ways.at(-1)) {
      const why = this.lost_behind_the_browser(said, seen, person);
      if (why) return this.count(`of the browsers': not heard, the browser gone, and ${why}`);
    }
    missing.push(`${key} (${person.way.name}${tab.killed ? ', killed' : ''}): ${seen.length > 0 ? 'sent to the server, and not reported' : 'never sent to the server'}`);
  }

  // Who is gone cannot be told that the link has taken a message along: if it has. What postern says it has taken is on the link in
  // the same moment, unless the link is in trouble then; and from there it is lost only by the server's own error (another login takes
  // the resource away) or with a link that breaks in trouble. Null: there is no excuse.
  lost_behind_the_browser({ tab, at, answered }, seen, person) {
    const stream = seen.at(-1)?.stream ?? this.stream_of(tab, person);
    if (stream?.ended_well) return null; // and it never was on it
    if (seen.length > 0 && stream.failed) return 'its stream ended by the server with the message unread';
    const { began, ended } = seen.length > 0 ? { began: stream.closed - moment, ended: stream.closed + 1 }
      : { began: at - moment, ended: answered + moment };
    return this.troubles.some((trouble) => overlap(trouble, { began, ended })) ? 'the link lost with the message' : null;
  }

  // Whose it is that a browser gets one message behind a newer one.
  judge_disorder({ serial, newest, run }, person) {
    const places = (of) => this.links.seen('to_client', `bob ${of}`).map(({ place }) => place);
    if (serial !== newest && Math.max(...places(serial)) > Math.min(...places(newest))) {
      return this.count("of bob's: given out of order by the server");
    }
    return `${person.name} (${person.way.name}) run ${run}: ${serial} after ${newest}, on the links at ${places(serial)} and ${places(newest)}`;
  }

  // What one tab says is heard in its order, but for what bob's server has kept while he was away.
  disorder_at_bob() {
    const disorder = [];
    const newest = new Map(); // of each tab
    for (const { type, body } of this.bob.events.peek((event) => event.event === 'message')) {
      const [, number, serial] = /^user(\d+) (\d+)$/.exec(type === 'error' ? '' : body ?? '')?.map(Number) ?? [];
      if (!serial || this.bobs_links.seen('to_client', body).some(({ stamped }) => stamped)) continue;
      const person = this.people[number];
      const { tab } = person.sent.get(serial);
      const before = newest.get(tab) ?? 0;
      if (serial < before) disorder.push(`bob hears ${body} (${person.way.name}) after ${before}`);
      newest.set(tab, Math.max(before, serial));
    }
    return disorder;
  }

  get doors() {
    return [...new Set(this.people.map(({ way }) => way))];
  }

  // In both directions, and something was proved. A slow machine has more time for it.
  every_door_was_used() {
    const heard = this.bob.events.peek(({ event, type }) => event === 'message' && type !== 'error').map(({ body }) => body?.split(' ')[0]);
    return this.people.some(({ proved }) => proved.size > 0) && this.doors.every((door) => {
      const people = this.people.filter(({ way }) => way === door);
      return people.some(({ live }) => live.size > 0) && people.some(({ name }) => heard.includes(name));
    });
  }

  // A door that lets nobody in loses nothing either.
  never() {
    const wanted = [...this.doors.flatMap(({ name }) => [`sessions, ${name}`, `received live, ${name}`, `heard by bob, ${name}`]),
      "of bob's: proved by the browser, and acknowledged from then on", cuts, silences, given_up, restarts];
    return wanted.filter((what) => !this.counts.has(what));
  }

  report() {
    const missing = [];
    // A page shows no stamp: what comes late out of the server's store is known from the link.
    const was_stored = (serial) => this.links.seen('to_client', `bob ${serial}`).some(({ stamped }) => stamped);
    const disorder = this.people.flatMap((person) => person.disorder.filter(({ serial }) => !was_stored(serial))
      .map((found) => this.judge_disorder(found, person)).filter((what) => what));
    for (const person of this.people) {
      // Nobody needs a reason to be let in.
      const refused = person.failed_logins.filter((login) => !this.troubles.some((trouble) => overlap(trouble, login)));
      if (refused.length > 0) {
        missing.push(`${person.name} (${person.way.name}): ${refused.length} logins failed, and nothing was wrong: ${refused[0].why}`);
      }
      this.judge_proofs(person, missing);
      for (const said of person.expected) {
        const { serial } = said;
        const times = person.received.get(serial) ?? 0;
        const back = this.returned.get(`${person.name} ${serial}`) ?? 0;
        if (times === 0 && back === 0) this.judge_lost_to_browser(said, person, missing);
        if (times > 0) this.count("of bob's: received");
        else if (back > 0) this.count("of bob's: sent back");
        if (person.live.has(serial)) this.count(`received live, ${person.way.name}`);
        if (times > 1) this.judge_repeated(said, times, person, missing);
        if (times > 0 && back > 0) this.judge_sent_back(said, person, missing);
      }
      for (const [serial, said] of person.sent) {
        const key = `${person.name} ${serial}`;
        const times = this.heard.get(key) ?? 0;
        if (times > 0) {
          this.count("of the browsers': heard");
          this.count(`heard by bob, ${person.way.name}`);
        } else if (person.bounced.has(serial)) this.count("of the browsers': reported as unconfirmed");
        else this.judge_lost_to_bob(key, said, person, missing);
        if (times > 1) {
          const sent = this.links.seen('to_server', key).length, given = this.bobs_links.seen('to_client', key).length;
          missing.push(`${key} (${person.way.name}) heard ${times} times, sent to the server ${sent} times, given to bob ${given} times`);
        }
        if (times > 0 && person.bounced.has(serial)) this.count("of the browsers': heard, and reported as unconfirmed");
      }
      for (let run = 0; run < person.runs; run++) this.count(`sessions, ${person.way.name}`);
    }
    this.counts.set("of bob's: said", this.sent);
    this.counts.set("of the browsers': said", this.people.reduce((sum, person) => sum + person.sent.size, 0));
    return { missing, disorder: [...disorder, ...this.disorder_at_bob()], never: this.never() };
  }

  stop() {
    return stop_all(this.bob, this.postern, ...this.people.map((person) => person.wire), this.upstream, this.bobs_wire, this.server);
  }
}

function chaos_with(Kind) {
  describe(`chaos with ${Kind.server_name}`, { concurrency: 1 }, () => {
    it(`accounts for every message: ${sessions} browsers, ${seconds} s`, async (t) => {
      const world = await World.start(Kind);
      try {
        const end = Date.now() + seconds * 1000 * patience;
        const goes_on = () => Date.now() < end || (Date.now() < end + long && !(world.every_door_was_used() && world.had_every_trouble(end)));
        await Promise.all([...world.people.map((person) => person.lives(goes_on)), world.bob_talks(goes_on),
          world.trouble_upstream(end)]);
        await world.settle();
        const { missing, disorder, never } = world.report();
        t.diagnostic(`seed ${seed}`);
        for (const [what, times] of [...world.counts].sort()) t.diagnostic(`${what}: ${times}`);
        assert.deepEqual(missing, [], `seed ${seed}`);
        assert.deepEqual(disorder, [], `seed ${seed}`);
        assert.deepEqual(never, [], `seed ${seed}`);
      } finally {
        await world.stop();
      }
    });
  });
}

describe('chaos', { concurrency: true }, () => servers.forEach(chaos_with));

leave_nothing_behind();
