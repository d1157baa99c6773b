// What went over the links between the gateway and an XMPP server, in the clear, and what XEP-0198 says of it: which messages
// each side has acknowledged. It decides whose a lost message is. A resumed stream is one with the stream it resumes.
import { StreamSlicer } from './xml.mjs';

const stanza_names = new Set(['message', 'presence', 'iq']);
const attribute = (xml, name) => new RegExp(`^<[^>]*\\s${name}=['"]([^'"]*)`).exec(xml)?.[1];
const body_of = (xml) => /<body[^>]*>([^<]*)<\/body>/.exec(xml)?.[1];

let places = 0; // what passed on all links, in its order

// One direction: `messages` holds what was numbered, `acknowledged` how many of them the receiver has confirmed.
class Direction {
  counting = false;
  count = 0;
  acknowledged = 0;
  messages = [];
  acks = []; // of the receiver: {h, at}
  unread = []; // those that the sender may not have read: {h, behind}
  read = 0; // the h that the sender has read

  stanza(xml, name) {
    if (this.counting) this.count++;
    if (name !== 'message' || attribute(xml, 'type') === 'error') return;
    this.messages.push({ place: ++places, at: Date.now(), number: this.counting ? this.count : 0, body: body_of(xml), stamped: xml.includes('urn:xmpp:delay') });
  }

  // What lies behind h is sent again.
  resume(h) {
    this.acknowledged = Math.max(this.acknowledged, h);
    this.count = h;
    this.unread = [];
  }

  // behind: how many stanzas the receiver had sent itself.
  acknowledge(h, behind) {
    this.acknowledged = h;
    this.acks.push({ h, at: performance.now() });
    this.unread.push({ h, behind });
  }

  // The sender has worked off so many stanzas of the receiver, and whatever came before the last of them.
  sender_has_worked_off(count) {
    while (this.unread[0]?.behind < count) this.read = this.unread.shift().h;
  }

  has_acknowledged({ number }) {
    return number > 0 && number <= this.acknowledged;
  }
}

class Stream {
  to_client = new Direction();
  to_server = new Direction();
  opened = Date.now();
  closed = Infinity;
  user = null; // who is bound
  resource = null; // to what
  available = Infinity; // when the client first said so
  resumable = false;
  ended = false; // with </stream:stream>
  leaving = false; // the client has said it
  failed = false; // the server has ended it by an error, and may not have looked at what the client said last
  ended_well = false; // the client has said it, and then the server: all that the client said before has been worked off

  // The server had it at that time: open, or lost and waiting to be resumed.
  was_there(from, until) {
    return this.opened < until && (this.closed > from || (this.resumable && !this.ended));
  }
}

// One connection; wire.mjs calls it with what passes.
class Tap {
  constructor(record) {
    this.record = record;
    this.stream = record.add(new Stream());
    this.from_server = new StreamSlicer((event) => {
      if (event.event === 'close') this.stream.ended_well = this.stream.leaving && !this.stream.failed;
      this.on_event(event, (element) => this.on_server(element));
    });
    this.from_client = new StreamSlicer((event) => {
      if (event.event === 'close') this.stream.leaving = true;
      this.on_event(event, (element) => this.on_client(element));
    });
  }

  far(chunk) {
    this.from_server.write(chunk.toString('latin1'));
  }

  near(chunk) {
    this.from_client.write(chunk.toString('latin1'));
  }

  closed() {
    this.stream.closed = Date.now();
  }

  on_event(event, on_element) {
    if (event.event === 'element') on_element(event);
    if (event.event === 'close') this.stream.ended = true;
  }

  on_server({ name, xml }) {
    const { to_client, to_server } = this.stream;
    if (name === 'message' && xml.includes('urn:xmpp:delay')) this.record.stored.add(body_of(xml));
    const [, user, resource] = (name === 'iq' && /<jid>([^@<]*)@[^/<]*\/([^<]*)/.exec(xml)) || [];
    if (user && !this.stream.user) Object.assign(this.stream, { user, resource });
    if (stanza_names.has(name)) return to_client.stanza(xml, name);
    if (/(^|:)error$/.test(name)) this.stream.failed = true;
    if (name === 'a') {
      to_server.acknowledged = Number(attribute(xml, 'h'));
      to_client.sender_has_worked_off(to_server.acknowledged);
    }
    if (name === 'enabled') {
      to_client.counting = true;
      this.stream.resumable = /\sresume=['"](?:true|1)/.test(xml);
      if (attribute(xml, 'id')) this.record.resumable.set(attribute(xml, 'id'), this.stream);
    }
    if (name === 'resumed') {
      this.record.streams.delete(this.stream);
      this.stream = this.record.resumable.get(attribute(xml, 'previd'));
      this.stream.closed = Infinity;
      this.stream.to_server.resume(Number(attribute(xml, 'h')));
      this.stream.to_client.resume(this.wanted);
    }
  }

  on_client({ name, xml }) {
    const { to_client, to_server } = this.stream;
    if (stanza_names.has(name)) to_server.stanza(xml, name);
    if (name === 'presence' && !attribute(xml, 'type')) this.stream.available = Math.min(this.stream.available, Date.now());
    if (name === 'a') to_client.acknowledge(Number(attribute(xml, 'h')), to_server.count);
    if (name === 'enable') to_server.counting = true;
    if (name === 'resume') this.wanted = Number(attribute(xml, 'h'));
  }
}

export class StreamRecord {
  streams = new Set();
  resumable = new Map();
  stored = new Set(); // texts that the server has given to a client out of its store

  add(stream) {
    this.streams.add(stream);
    return stream;
  }

  tap() {
    return new Tap(this);
  }

  // A session of this user was at the server at some moment in between.
  had_session(user, from, until) {
    return [...this.streams].some((stream) => stream.user === user && stream.was_there(from, until));
  }

  became_available(user, from, until) {
    return [...this.streams].some(({ user: whose, available }) => whose === user && available >= from && available < until);
  }

  // The resources of this user whose streams the server keeps, to be resumed: until they are over, nobody else is given what is kept for them.
  held_resources(user) {
    return [...this.streams].filter((stream) => stream.user === user && stream.resumable && !stream.ended).map(({ resource }) => resource);
  }

  // A link of this user broke without its end having been said.
  broke(user, from, until) {
    return [...this.streams].some((stream) => stream.user === user && !stream.ended_well && stream.closed >= from && stream.closed < until);
  }

  // Where a message with this text was seen: {stream, place, at, number, acknowledged, read, stamped}, for each time. read: its
  // sender knows.
  seen(direction, body) {
    this.index ??= this.make_index();
    return this.index[direction].get(body) ?? [];
  }

  make_index() {
    const index = { to_client: new Map(), to_server: new Map() };
    for (const stream of this.streams) {
      for (const [direction, by_body] of Object.entries(index)) {
        for (const message of stream[direction].messages) {
          const { body, stamped, place, at, number } = message;
          const { read } = stream[direction];
          if (!by_body.has(body)) by_body.set(body, []);
          by_body.get(body).push({ stream, stamped, place, at, number, acknowledged: stream[direction].has_acknowledged(message),
            read: number > 0 && number <= read });
        }
      }
    }
    return index;
  }
}
