// A small chat client on top of any Strophe.js, the same in Node and in a page of a browser: does what it is told, reports
// what happens as plain objects. `library` is {Strophe, $msg, $pres, $iq}; `emit` takes the reports.
const muc = 'http://jabber.org/protocol/muc';

export class ChatClient {
  constructor(library, emit) {
    this.library = library;
    this.emit = emit;
    this.connection = null;
  }

  status_name(status) {
    const names = Object.entries(this.library.Strophe.Status);
    return (names.find(([, value]) => value === status)?.[0] ?? String(status)).toLowerCase();
  }

  create(url, options) {
    const { Strophe } = this.library;
    const { mechanism, ...rest } = options;
    if (mechanism) rest.mechanisms = [Strophe[mechanism]];
    // More than one way in: what webclient/strophe makes of them.
    this.connection = typeof url === 'object' ? globalThis.PosternPush.connect(Strophe, url, rest) : new Strophe.Connection(url, rest);
    this.connection.rawInput = (text) => this.emit({ event: 'in', text });
    this.connection.rawOutput = (text) => this.emit({ event: 'out', text });
  }

  on_status(status, condition) {
    if (!this.connection) return; // forgotten
    const name = this.status_name(status);
    if (name === 'connected' || name === 'attached') this.add_handlers();
    const resumed = name === 'connected' && this.connection.hasResumed?.();
    this.emit({ event: 'status', status: resumed ? 'resumed' : name, condition: condition ?? null, jid: this.connection.jid });
  }

  add_handlers() {
    for (const [name, convert] of [['message', message_of], ['presence', presence_of]]) {
      this.connection.addHandler((stanza) => {
        this.emit({ event: name, ...convert(stanza) });
        return true;
      }, null, name, null, null, null);
    }
  }

  connect(url, jid, password, options = {}) {
    this.create(url, options);
    this.connection.connect(jid, password, (status, condition) => this.on_status(status, condition));
  }

  // After the connection broke; with stream management the same session goes on.
  connect_again(password) {
    this.connection.reset();
    this.connection.connect(this.connection.jid, password, (status, condition) => this.on_status(status, condition));
  }

  // After a reload: {jid, sid, rid} come from sessionStorage.
  restore(url, jid, options = {}) {
    this.create(url, { ...options, keepalive: true });
    this.connection.restore(jid, (status, condition) => this.on_status(status, condition));
  }

  // To a session that somebody else has begun (prebind).
  attach(url, { jid, sid, rid }, options = {}) {
    this.create(url, options);
    this.connection.attach(jid, sid, rid, (status, condition) => this.on_status(status, condition));
  }

  // How the client is connected just now: websocket, sse, frame, bosh.
  way() {
    return this.connection._proto.stream ?? this.connection.door;
  }

  disconnect() {
    this.connection.disconnect('bye');
  }

  presence({ show, status, to, type } = {}) {
    const attributes = {};
    if (to) attributes.to = to;
    if (type) attributes.type = type;
    const stanza = this.library.$pres(attributes);
    if (show) stanza.c('show').t(show).up();
    if (status) stanza.c('status').t(status).up();
    this.connection.send(stanza.tree());
  }

  message(to, body, type = 'chat') {
    this.connection.send(this.library.$msg({ to, type }).c('body').t(body).tree());
  }

  join(room, nick) {
    this.connection.send(this.library.$pres({ to: `${room}/${nick}` }).c('x', { xmlns: muc }).tree());
  }

  // A new room is locked until its owner accepts the default settings (XEP-0045 10.1.2).
  open_room(room) {
    const form = this.library.$iq({ to: room, type: 'set' }).c('query', { xmlns: `${muc}#owner` });
    form.c('x', { xmlns: 'jabber:x:data', type: 'submit' });
    this.connection.sendIQ(form.tree(), () => this.emit({ event: 'room_opened', room }));
  }

  // The reply comes as an event 'roster'.
  roster() {
    const query = this.library.$iq({ type: 'get' }).c('query', { xmlns: 'jabber:iq:roster' });
    this.connection.sendIQ(query.tree(), (reply) => {
      const items = [...reply.getElementsByTagName('item')].map((item) => ({
        jid: item.getAttribute('jid'),
        subscription: item.getAttribute('subscription'),
      }));
      this.emit({ event: 'roster', items });
    }, () => this.emit({ event: 'roster', items: null }));
  }

  // What a crashed or closed page no longer does: timers.
  forget() {
    clearTimeout(this.connection._idleTimeout);
    this.connection._onIdle = () => {};
    this.connection._proto._forgetStream?.(); // the timers of a push stream
    this.connection = null;
  }
}

function text_of(stanza, name) {
  for (const child of [...stanza.childNodes]) {
    if (child.nodeType === 1 && child.nodeName === name) return child.textContent;
  }
  return null;
}

function message_of(stanza) {
  return {
    from: stanza.getAttribute('from'),
    type: stanza.getAttribute('type'),
    body: text_of(stanza, 'body'),
    subject: text_of(stanza, 'subject'),
  };
}

function presence_of(stanza) {
  return {
    from: stanza.getAttribute('from'),
    type: stanza.getAttribute('type'),
    show: text_of(stanza, 'show'),
    status: text_of(stanza, 'status'),
    codes: [...stanza.getElementsByTagName('status')].map((status) => status.getAttribute('code')).filter(Boolean),
  };
}
