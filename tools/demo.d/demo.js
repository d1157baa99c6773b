// The demo page: one window, one account, a chat with each buddy and one room. Everything it does over the network is done by an
// unmodified Strophe.js over /http-bind; what it keeps survives a reload in sessionStorage, as Strophe's own session does.
'use strict';
(() => {
  const $ = (id) => document.getElementById(id);
  const MUC = 'http://jabber.org/protocol/muc';
  const KEPT = 'postern-demo';
  const KEPT_MESSAGES = 200;

  // What went wrong, for a person. Keys are XEP-0124 conditions, SASL and stream errors as Strophe reports them.
  const WORDS = {
    'host-unknown': 'postern does not serve this domain.',
    'remote-connection-failed': 'postern cannot reach the XMPP server. Is Prosody still running?',
    'remote-stream-error': 'The XMPP server ended the session.',
    'item-not-found': 'The session had ended meanwhile. Log in again.',
    'policy-violation': 'postern refused: too many requests or sessions.',
    'system-shutdown': 'postern has been stopped. Log in again when it is back.',
    'not-authorized': 'The server refused the password.',
    'conflict': 'This account logged in elsewhere with the same resource.',
    'bad-service': 'There is no BOSH service at this address.',
    'giving-up': 'postern does not answer. Is it still running?',
  };

  const NO_ANSWER = 'postern does not answer. Trying again …';

  let facts;              // what the demo's server says: bosh, domain, room, users
  let connection;
  let wanted = false;     // logged in, and nobody pressed "Log out"
  let state = fresh();    // all that survives a reload

  function fresh() {
    return { user: '', show: '', open: '', buddies: {}, occupants: {}, messages: [], unread: {} };
  }

  function keep() {
    state.messages = state.messages.slice(-KEPT_MESSAGES);
    sessionStorage.setItem(KEPT, JSON.stringify(state));
  }

  // ---- what is seen

  function say(text) { $('status').textContent = text; }

  function complain(text) {
    $('error').textContent = text;
    $('error').hidden = !text;
  }

  function element(tag, properties = {}, ...children) {
    const made = Object.assign(document.createElement(tag), properties);
    made.append(...children);
    return made;
  }

  function presence_of(jid) {
    const resources = Object.values(state.buddies[jid]?.resources ?? {});
    if (resources.length === 0) return { dot: '', note: 'offline' };
    if (resources.includes('')) return { dot: 'online', note: 'available' };
    return resources.includes('dnd') ? { dot: 'dnd', note: 'do not disturb' } : { dot: 'away', note: 'away' };
  }

  function entry(jid, name, { dot, note }) {
    const button = element('button', { type: 'button' }, element('span', { className: 'dot ' + dot }),
      element('span', { className: 'name', textContent: name }), element('span', { className: 'note', textContent: note }));
    if (state.unread[jid]) button.append(element('span', { className: 'unread', textContent: state.unread[jid] }));
    button.dataset.jid = jid;
    button.setAttribute('aria-current', String(jid === state.open));
    button.onclick = () => open(jid);
    return element('li', {}, button);
  }

  function draw_roster() {
    const items = Object.entries(state.buddies).sort().map(([jid, buddy]) => entry(jid, buddy.name, presence_of(jid)));
    const names = Object.keys(state.occupants);
    const inside = names.includes(state.user);
    items.push(entry(facts.room, 'Lobby', { dot: inside ? 'online' : '', note: inside ? names.length + ' here' : 'a room' }));
    $('roster').replaceChildren(...items);
  }

  function draw_log() {
    const title = state.open === facts.room ? 'Lobby' : state.buddies[state.open]?.name ?? '';
    $('with').textContent = title || 'Choose somebody';
    $('compose').hidden = !title;
    $('log').replaceChildren(...state.messages.filter((m) => m.chat === state.open).map((m) => element('li',
      { className: (m.mine ? 'mine' : '') + (m.error ? ' failed' : '') },
      element('span', { className: 'meta', textContent: m.from + ' · ' + m.time + (m.error ? ' · ' + m.error : '') }), m.text)));
    $('log').lastElementChild?.scrollIntoView();
  }

  function draw() {
    $('chat').hidden = !wanted;
    $('welcome').hidden = wanted;
    $('logout').hidden = $('show').hidden = !wanted;
    document.title = (state.user ? state.user + ' · ' : '') + 'postern demo';
    if (!wanted) return;
    $('show').value = state.show;
    draw_roster();
    draw_log();
  }

  function open(jid) {
    state.open = jid;
    delete state.unread[jid];
    if (jid === facts.room && !state.occupants[state.user]) join();
    keep();
    draw();
    $('text').focus();
  }

  // ---- what comes in

  const bare = Strophe.getBareJidFromJid;
  const resource = (jid) => Strophe.getResourceFromJid(jid) ?? '';
  const child = (stanza, name) => [...stanza.children].find((c) => c.localName === name);
  const now = () => new Date().toLocaleTimeString();

  function add(message) {
    state.messages.push({ time: now(), ...message });
    if (!message.mine && message.chat !== state.open) state.unread[message.chat] = (state.unread[message.chat] ?? 0) + 1;
    keep();
    draw();
  }

  function on_message(stanza) {
    const chat = bare(stanza.getAttribute('from') ?? '');
    const body = child(stanza, 'body');
    const type = stanza.getAttribute('type');
    if (type === 'error') {
      const sent = state.messages.find((m) => m.id && m.id === stanza.getAttribute('id'));
      if (sent) sent.error = 'not delivered';
      keep();
      draw();
    } else if (body && type === 'groupchat') {
      const from = resource(stanza.getAttribute('from'));
      // The room sends our own words back: that is when they are shown, in the room's order.
      if (from) add({ chat, from, mine: from === state.user, text: body.textContent });
    } else if (body) {
      add({ chat, from: Strophe.getNodeFromJid(chat) ?? chat, mine: false, text: body.textContent });
    }
    return true;
  }

  function on_presence(stanza) {
    const from = stanza.getAttribute('from') ?? '';
    const type = stanza.getAttribute('type');
    const show = child(stanza, 'show')?.textContent ?? '';
    if (type && type !== 'unavailable') return true;
    if (bare(from) === facts.room) {
      if (type) delete state.occupants[resource(from)];
      else state.occupants[resource(from)] = show;
    } else if (state.buddies[bare(from)]) {
      const resources = state.buddies[bare(from)].resources;
      if (type) delete resources[resource(from)];
      else resources[resource(from)] = show === 'xa' ? 'away' : show === 'chat' ? '' : show;
    }
    keep();
    draw();
    return true;
  }

  function on_roster(result) {
    state.buddies = {};
    for (const item of result.getElementsByTagName('item')) {
      const jid = item.getAttribute('jid');
      state.buddies[jid] = { name: item.getAttribute('name') || jid, resources: {} };
    }
    state.open = state.open || Object.keys(state.buddies)[0] || '';
    keep();
    draw();
    send_presence();   // buddies' presence comes in answer to our first, and must find the roster
  }

  // ---- what goes out

  function send_presence() {
    const presence = $pres();
    if (state.show) presence.c('show').t(state.show);
    connection.send(presence);
  }

  function join() {
    connection.send($pres({ to: facts.room + '/' + state.user }).c('x', { xmlns: MUC }).c('history', { maxstanzas: '20' }));
  }

  function send_message(text) {
    const id = connection.getUniqueId();
    const group = state.open === facts.room;
    connection.send($msg({ to: state.open, type: group ? 'groupchat' : 'chat', id }).c('body').t(text));
    if (!group) add({ chat: state.open, id, from: state.user, mine: true, text });
  }

  // ---- the session

  function connect(user) {
    complain('');
    state = { ...fresh(), user };
    fresh_connection();
    connection.connect(user + '@' + facts.domain, facts.users[user], on_status);
  }

  function fresh_connection() {
    connection = new Strophe.Connection(facts.bosh, { keepalive: true });
    // Strophe tries again for about 100 s before it gives up: say meanwhile why nothing moves.
    for (const status of [0, 500, 502, 503, 504]) {
      connection.addProtocolErrorHandler('HTTP', status, () => complain(NO_ANSWER));
    }
    connection.rawInput = () => {
      if ($('error').textContent === NO_ANSWER) complain('');
    };
  }

  function listen() {
    connection.addHandler(on_message, null, 'message');
    connection.addHandler(on_presence, null, 'presence');
    wanted = true;
    say('Logged in as ' + connection.jid);
    draw();
  }

  function lost(condition) {
    const known = WORDS[condition] ?? (condition ? 'The connection failed: ' + condition + '.' : 'The connection was lost. Log in again.');
    complain(known);
    wanted = false;
    sessionStorage.removeItem(KEPT);
    say('Not logged in');
    draw();
  }

  function on_status(status, condition) {
    const { Status } = Strophe;
    if (status === Status.CONNECTING) say('Connecting …');
    else if (status === Status.AUTHENTICATING) say('Logging in …');
    else if (status === Status.CONNECTED) {
      listen();
      connection.sendIQ($iq({ type: 'get' }).c('query', { xmlns: Strophe.NS.ROSTER }), on_roster,
        () => complain('The server did not give the roster.'), 15000);
    } else if (status === Status.ATTACHED) listen();
    else if (status === Status.AUTHFAIL) lost(WORDS[condition] ? condition : 'not-authorized');
    else if (status === Status.CONNFAIL) lost(condition);
    // Strophe reports the reason first (CONNFAIL, AUTHFAIL) and then DISCONNECTED, whatever the reason was.
    else if (status === Status.DISCONNECTED && wanted) lost(condition);
  }

  function logout() {
    wanted = false;
    sessionStorage.removeItem(KEPT);
    connection.disconnect('logged out');
    state = fresh();
    complain('');
    say('Not logged in');
    draw();
  }

  // After a reload: Strophe kept sid and rid, we kept what was seen. Either missing means: not logged in.
  function restore() {
    try {
      state = { ...fresh(), ...JSON.parse(sessionStorage.getItem(KEPT)) };
      if (!state.user) return false;
      fresh_connection();
      connection.restore(null, on_status);
      return true;
    } catch {
      state = fresh();
      return false;
    }
  }

  async function start() {
    Strophe.setLogLevel(Strophe.LogLevel.WARN);
    facts = await (await fetch('demo.json')).json();
    $('users').replaceChildren(...Object.keys(facts.users).map((user) =>
      element('button', { type: 'button', id: 'be-' + user, textContent: user, onclick: () => connect(user) })));
    $('logout').onclick = logout;
    $('show').onchange = () => {
      state.show = $('show').value;
      keep();
      send_presence();
    };
    $('compose').onsubmit = (event) => {
      event.preventDefault();
      const text = $('text').value;
      if (text.trim()) send_message(text);
      $('text').value = '';
    };
    if (!restore()) say('Not logged in');
    draw();
  }

  start().catch((error) => {
    say('');
    complain('The demo page could not start: ' + error.message + '. Is tools/demo still running?');
  });
})();
