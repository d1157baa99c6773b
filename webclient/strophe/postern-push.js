// A transport for Strophe.js (1.2 and newer): BOSH whose answers come by a push stream of postern, and a connection that
// finds out by itself what the network lets through: WebSocket, then a push stream, then plain BOSH.
//
//   const connection = PosternPush.connect(Strophe, { websocket: 'wss://chat.example.org/xmpp-websocket',
//                                                     bosh: 'https://chat.example.org/http-bind' }, options);
//   connection.connect(jid, password, callback);          // an ordinary Strophe.Connection
//
// It logs in over BOSH, then reads a stream; requests only carry what there is to say and the number of the last event
// worked off (push:seen). If a stream does not stand in time it says so (push:end), and the same session goes on over
// BOSH: nothing is lost, nothing comes twice. The rules are in docs/PROTOCOLS.md, V-001 ... V-024.
(function (root, factory) {
  if (typeof module === 'object' && module.exports) module.exports = factory();
  else root.PosternPush = factory();
})(typeof self === 'undefined' ? this : self, function () {
  'use strict';

  const NS = 'urn:x-postern:push';

  const defaults = {
    streams: ['sse'],       // what to try, in order: 'sse', 'frame' (only where page and gateway share an origin)
    patience: 5000,         // ms: a door or a stream that does not open in this time is taken for closed
    silence: 40000,         // ms without a sign of life: the stream is opened anew; above the gateway's push_keep_alive
    acknowledge: 2000,      // ms: so long an event stays unacknowledged at most
    acknowledgeAfter: 32768, // characters: so many at most
    EventSource: undefined, // another class than the browser's
    storage: undefined,     // for restore(): sessionStorage, where there is one
  };

  const storageOf = (options) => options.storage || (typeof sessionStorage === 'undefined' ? null : sessionStorage);

  // ---- the two ways to read. Each returns a function that ends it; `on` hears nothing afterwards.

  const readers = {
    sse(url, on, options) {
      const Source = options.EventSource || (typeof EventSource === 'undefined' ? null : EventSource);
      if (!Source) return null;
      const source = new Source(url);
      source.onmessage = (event) => on.event(Number(event.lastEventId), event.data);
      for (const name of ['ready', 'alive', 'moved']) source.addEventListener(name, () => on.sign(name));
      // The browser would come back by itself; doing that here is one way for all kinds of streams.
      source.onerror = () => on.broken();
      return () => source.close();
    },

    frame(url, on) {
      if (typeof document === 'undefined' || new URL(url, location.href).origin !== location.origin) return null;
      const frame = document.createElement('iframe');
      frame.hidden = true;
      frame.posternEvent = (id, data) => on.event(id, data);
      frame.posternSign = (name) => on.sign(name);
      frame.onload = () => on.broken(); // an endless page is loaded when it has ended
      frame.src = url;
      document.body.appendChild(frame);
      return () => {
        frame.onload = null;
        frame.remove();
      };
    },
  };

  const once = new WeakMap();

  function transport(Strophe) {
    if (!once.has(Strophe)) once.set(Strophe, define(Strophe));
    return once.get(Strophe);
  }

  function define(Strophe) {
    // States: idle (BOSH; a stream may be tried) -> opening -> reading -> opening ...; given_up (BOSH for good).
    return class PushBosh extends Strophe.Bosh {
      constructor(connection, options) {
        super(connection);
        this.push = { options: Object.assign({}, defaults, options) };
        this._forgetStream();
      }

      // What a page may show: 'sse', 'frame', or null while answers come by requests.
      get stream() {
        return this.push.state === 'reading' ? this.push.kind : null;
      }

      _forgetStream() {
        this._closeStream();
        clearTimeout(this.push.again);
        Object.assign(this.push, { state: 'idle', token: null, kinds: this.push.options.streams.slice(), kind: null, seen: 0,
          told: 0, untold: 0, untoldSince: 0, leaving: false, before: [], waiting: [] });
      }

      _reset() {
        super._reset();
        this._forgetStream();
      }

      _doDisconnect() {
        this._forgetStream();
        const storage = storageOf(this.push.options);
        if (storage) storage.removeItem('postern-push');
        super._doDisconnect();
      }

      _abortAllRequests() {
        this._closeStream();
        super._abortAllRequests();
      }

      _attach(jid, sid, ...rest) {
        this._forgetStream();
        const storage = storageOf(this.push.options);
        const kept = storage && JSON.parse(storage.getItem('postern-push') || 'null');
        if (kept && kept.sid === sid) this.push.seen = this.push.told = kept.seen;
        super._attach(jid, sid, ...rest);
      }

      // ---- requests

      _buildBody() {
        const body = super._buildBody();
        const push = this.push;
        const attributes = { 'xmlns:push': NS };
        if (!push.token) attributes['push:ask'] = '1';
        if (push.leaving) attributes['push:end'] = '1';
        if (push.seen > 0 && (push.seen > push.told || push.leaving)) attributes['push:seen'] = String(push.seen);
        if (Object.keys(attributes).length > 1) body.attrs(attributes);
        push.told = push.seen;
        push.untold = 0;
        push.leaving = false;
        return body;
      }

      _reqToData(request) {
        if (request.posternEvent) return request.posternEvent;
        const body = super._reqToData(request);
        const token = body && body.getAttribute('push:stream');
        if (token) this.push.token = token;
        return body;
      }

      _removeRequest(request) {
        super._removeRequest(request);
        // Behind the handlers of this answer, which come after this call.
        if (this.push.waiting.length > 0) setTimeout(() => this._workOff(), 0);
      }

      _onIdle() {
        const push = this.push;
        const connection = this._conn;
        if (push.state === 'idle' && push.token && connection.authenticated && !connection.disconnecting && !connection.paused) {
          this._openStream();
        }
        if (push.state === 'opening' || push.state === 'reading') {
          const late = push.seen > push.told && (push.untold > push.options.acknowledgeAfter
            || Date.now() - push.untoldSince > push.options.acknowledge);
          if (late && connection._data.length === 0 && this._requests.length < 2) connection._data.push(null);
          // Without anything to say there is no request: the stream is what would be waited for.
          if (connection._data.length === 0 && this._requests.length === 0) return;
        }
        super._onIdle();
      }

      // ---- the stream

      _openStream() {
        const push = this.push;
        this._closeStream();
        clearTimeout(push.again);
        push.kind = push.kinds[0] || null;
        if (!push.kind) return this._leaveStream();
        if (push.state !== 'opening') {
          push.state = 'opening';
          push.openedBy = Date.now() + push.options.patience;
        }
        // What is in the answers to these comes before the first event (V-002).
        push.before = this._requests.map((request) => request.rid);
        const service = this._conn.service;
        const url = service + (service.includes('?') ? '&' : '?') + 'push=' + encodeURIComponent(push.token) + '&as=' + push.kind
          + (push.seen > 0 ? '&last=' + push.seen : '');
        const on = (method) => (...args) => push.on === on && this[method](...args);
        push.on = on;
        push.close = readers[push.kind](url, { event: on('_onEvent'), sign: on('_onSign'), broken: on('_onBroken') }, push.options);
        if (!push.close) return this._nextKind();
        push.timer = setTimeout(() => push.on === on && this._nextKind(), Math.max(0, push.openedBy - Date.now()));
      }

      _closeStream() {
        const push = this.push;
        clearTimeout(push.timer);
        push.on = null;
        push.waiting = [];
        if (push.close) push.close();
        push.close = null;
      }

      _onSign(name) {
        const push = this.push;
        if (name === 'moved') {
          this._closeStream();
          return this._conn._doDisconnect('push-stream-moved');
        }
        push.state = 'reading';
        this._watch();
      }

      // A network may let a stream begin and then swallow it.
      _watch() {
        clearTimeout(this.push.timer);
        this.push.timer = setTimeout(() => this._openStream(), this.push.options.silence);
      }

      _onBroken() {
        this._closeStream();
        const push = this.push;
        if (push.state === 'opening' && Date.now() >= push.openedBy) return this._nextKind();
        const wait = push.state === 'opening' ? 500 : 0;
        if (push.state === 'reading') {
          push.state = 'opening';
          push.openedBy = Date.now() + push.options.patience;
        }
        push.again = setTimeout(() => this._openStream(), wait);
      }

      _nextKind() {
        const push = this.push;
        this._closeStream();
        push.kinds.shift();
        push.state = 'idle';
        if (push.kinds.length > 0) this._openStream();
        else this._leaveStream();
      }

      // Back to answers, which bring what no event has brought.
      _leaveStream() {
        const push = this.push;
        this._closeStream();
        push.state = 'given_up';
        push.leaving = true;
        this._conn._data.push(null);
        this._send();
      }

      _onEvent(id, text) {
        this._watch();
        this.push.waiting.push([id, text]);
        this._workOff();
      }

      _workOff() {
        const push = this.push;
        const on = push.on;
        if (this._requests.some((request) => push.before.includes(request.rid))) return;
        push.before = [];
        while (push.on === on && push.waiting.length > 0) {
          const [id, text] = push.waiting.shift();
          if (id <= push.seen) continue;
          const body = new DOMParser().parseFromString(text, 'text/xml').documentElement;
          // Before the handlers: they may say something, and that request may carry it, because they cannot refuse it.
          push.seen = id;
          if (push.untold === 0) push.untoldSince = Date.now();
          push.untold += text.length;
          this._remember();
          this._conn._dataRecv({ posternEvent: body }, text);
        }
      }

      // For a page that is loaded anew and restores the session.
      _remember() {
        const connection = this._conn;
        if (!connection.options.keepalive) return;
        const storage = storageOf(this.push.options);
        if (storage) storage.setItem('postern-push', JSON.stringify({ sid: this.sid, seen: this.push.seen }));
      }
    };
  }

  // Whatever a transport that was given up still has to say, at once or later, is not about the next one.
  function silence(transport) {
    const nothing = () => {};
    const socket = transport.socket;
    transport._conn = { _doDisconnect: nothing, _changeConnectStatus: nothing, xmlInput: nothing, rawInput: nothing, disconnecting: true };
    if (!socket) return;
    transport.socket = null;
    socket.onopen = socket.onclose = socket.onmessage = null;
    socket.onerror = nothing;
    socket.close();
  }

  // A Strophe.Connection that tries the doors in their order at each connect(), beginning with the one that was open
  // the last time. A door counts as closed if nothing of the XMPP server has come through it in time, or if it fell shut
  // within a minute of the login.
  function connect(Strophe, urls, options) {
    const settings = Object.assign({}, defaults, options && options.push);
    const connection = new Strophe.Connection(urls.bosh, options);
    const PushBosh = transport(Strophe);
    const doors = [];
    if (urls.websocket && typeof WebSocket !== 'undefined') doors.push(['websocket', urls.websocket, () => new Strophe.Websocket(connection)]);
    doors.push(['bosh', urls.bosh, () => new PushBosh(connection, settings)]);
    let door = 0;
    let attempt = 0;

    const enter = () => {
      connection.service = doors[door][1];
      connection._proto = doors[door][2]();
      connection.door = doors[door][0];
    };
    enter();

    const connectOnce = connection.connect;
    connection.connect = function (jid, password, callback, ...rest) {
      const mine = ++attempt;
      const { Status } = Strophe;
      let reached = false;
      let connectedAt = 0;
      let timer = null;
      const report = (...args) => callback && callback.apply(connection, args);
      const next = () => {
        clearTimeout(timer);
        silence(connection._proto);
        door += 1;
        connection.reset();
        enter();
        connectOnce.call(connection, jid, password, listen, ...rest);
        arm();
      };
      const listen = (status, ...more) => {
        if (mine !== attempt) return;
        const over = status === Status.DISCONNECTED || status === Status.CONNFAIL || status === Status.CONNTIMEOUT;
        if (!reached && over && door + 1 < doors.length) {
          const closed = door;
          // Not at once: Strophe is still busy with the end of this one, and may say so more than once.
          setTimeout(() => mine === attempt && door === closed && next(), 0);
          return;
        }
        if (status === Status.CONNECTING && door > 0 && !reached) return; // said already
        if (!over && status !== Status.CONNECTING) {
          reached = true;
          clearTimeout(timer);
        }
        if (status === Status.CONNECTED) connectedAt = Date.now();
        const fell = status === Status.DISCONNECTED && connectedAt > 0 && !connection.posternLeft;
        if (fell && Date.now() - connectedAt < 60000 && door + 1 < doors.length) {
          door += 1;
          setTimeout(() => mine === attempt && enter(), 0);
        }
        report(status, ...more);
      };
      const arm = () => {
        if (door + 1 >= doors.length) return;
        timer = setTimeout(() => mine === attempt && !reached && next(), settings.patience);
      };
      connection.posternLeft = false;
      connectOnce.call(connection, jid, password, listen, ...rest);
      arm();
    };

    const disconnectOnce = connection.disconnect;
    connection.disconnect = function (...args) {
      connection.posternLeft = true;
      return disconnectOnce.apply(connection, args);
    };
    // A session to come back to is one of BOSH.
    for (const name of ['attach', 'restore']) {
      const original = connection[name];
      connection[name] = function (...args) {
        door = doors.length - 1;
        enter();
        return original.apply(connection, args);
      };
    }
    return connection;
  }

  return { connect, transport, NS };
});
