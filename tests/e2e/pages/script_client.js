// A page of the kind that XEP-0252 was made for: it can load scripts from another origin and nothing else, and its addresses
// may not be longer than `longest`, so it cuts its stanzas wherever that is reached.
window.ScriptClient = class {
  constructor(url, { longest = 2083 } = {}) {
    Object.assign(this, { url, longest, rid: 1000, open: 0, received: [], waiting: [], sizes: [] });
  }

  load(attributes, content) {
    const names = Object.entries({ rid: this.rid++, xmlns: 'http://jabber.org/protocol/httpbind', ...attributes });
    const body = `<body ${names.map(([name, value]) => `${name}='${value}'`).join(' ')}>${content}</body>`;
    const script = document.createElement('script');
    script.src = `${this.url}?${encodeURIComponent(body)}`;
    this.sizes.push(script.src.length);
    this.open++;
    window._BOSH_ = (text) => { this.last = text; };
    // A script runs and is loaded in one go, so the last call was its own.
    script.onload = () => this.answered(this.last);
    script.onerror = () => this.answered('<error/>');
    document.head.append(script);
  }

  answered(text) {
    this.open--;
    this.received.push(text);
    for (const waiter of this.waiting.splice(0)) waiter();
  }

  create(to) {
    this.load({ to, ver: '1.6', wait: '20', hold: '1', 'xmpp:version': '1.0', 'xmlns:xmpp': 'urn:xmpp:xbosh' }, '');
  }

  // Two requests may be open at once, so that is what it has at most.
  async send(content, attributes = {}) {
    let rest = content;
    do {
      while (this.open > 1) await new Promise((resolve) => this.waiting.push(resolve));
      let piece = Array.from(rest).slice(0, this.longest);  // characters: half of a pair cannot be encoded
      while (encodeURIComponent(piece.join('')).length > this.longest - 300) piece = piece.slice(0, -10);
      this.load({ sid: this.sid, ...attributes }, piece.join(''));
      rest = rest.slice(piece.join('').length);
    } while (rest !== '');
  }

  // Polls until an answer has come that fits, and takes it.
  async until(pattern) {
    for (;;) {
      const at = this.received.findIndex((text) => new RegExp(pattern).test(text));
      if (at >= 0) return this.received.splice(at, 1)[0];
      if (this.received.some((text) => text === '<error/>' || text.includes('terminate'))) return this.received.join('\n');
      if (this.open === 0) await this.send('');
      await new Promise((resolve) => this.waiting.push(resolve));
    }
  }

  async log_in(domain, user, password) {
    this.create(domain);
    this.sid = /sid='([^']*)'/.exec(await this.until('sid='))[1];
    await this.send(`<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>${btoa(`\0${user}\0${password}`)}</auth>`);
    await this.until('<success');
    await this.send('', { 'xmpp:restart': 'true', 'xmlns:xmpp': 'urn:xmpp:xbosh' });
    await this.until('xmpp-bind');
    await this.send("<iq type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><resource>script</resource></bind></iq>");
    const bound = await this.until('<jid>');
    await this.send('<presence/>');
    return /<jid>([^<]*)/.exec(bound)[1];
  }
};
