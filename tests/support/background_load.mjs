// Many BOSH sessions that live quietly while a test does something else: each keeps a poll held and now and then sends a message
// that its server echoes. Brings its own server: start, read {"event":"upstream","port":N} from stdout, start the gateway,
// write {"port":N,"sessions":N} to stdin, read {"event":"ready"} and now and
// then {"event":"progress","messages":N}; close stdin to end: the last line is the account.
// Deliberately not a load generator: no rates, no percentiles; it only notices what was lost, doubled, late or refused.
import http from 'node:http';
import { createServer } from 'node:net';
import { createInterface } from 'node:readline';

const httpbind = 'http://jabber.org/protocol/httpbind';
const say = (event) => process.stdout.write(`${JSON.stringify(event)}\n`);
const account = { sessions: 0, messages: 0, polls: 0, failures: 0, slowest: 0, first_failure: null };

function fail(reason) {
  account.failures++;
  account.first_failure ??= reason;
}

// Features at once, then every message comes back with from and to exchanged.
function serve(socket) {
  socket.setEncoding('utf8').setNoDelay(true);
  let buffer = '';
  socket.on('error', () => {});
  socket.on('data', (text) => {
    buffer += text;
    if (buffer.includes('<stream:stream')) {
      buffer = '';
      socket.write(`<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' id='1' from='load.test' version='1.0'>`
        + "<stream:features><mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><mechanism>PLAIN</mechanism></mechanisms></stream:features>");
      return;
    }
    for (let end = buffer.indexOf('</message>'); end >= 0; end = buffer.indexOf('</message>')) {
      socket.write(buffer.slice(buffer.indexOf('<message'), end + 10));
      buffer = buffer.slice(end + 10);
    }
    if (buffer.includes('</stream:stream>')) socket.end('</stream:stream>');
  });
}

class Session {
  constructor(port, index) {
    this.port = port;
    this.index = index;
    // Limits per address are part of what runs here: a hundred sessions an address, as in an office.
    this.agent = new http.Agent({ keepAlive: true, localAddress: `127.0.${1 + Math.floor(index / 100)}.1` });
    this.rid = 1000 + index;
    this.sent = 0;
    this.seen = 0;
    this.ended = false;
  }

  post(attributes, payload = '') {
    const body = Buffer.from(`<body xmlns='${httpbind}' rid='${this.rid++}'${attributes}>${payload}</body>`);
    return new Promise((resolve, reject) => {
      const request = http.request({ host: '127.0.0.1', port: this.port, path: '/http-bind', method: 'POST', agent: this.agent,
        headers: { 'Content-Length': body.length } }, (response) => {
        let text = '';
        response.setEncoding('utf8').on('data', (part) => (text += part)).once('end', () => resolve(text)).once('error', reject);
      });
      request.once('error', reject);
      request.end(body);
    });
  }

  async open() {
    const text = await this.post(" to='load.test' wait='20' hold='1' ver='1.6' xmpp:version='1.0' xmlns:xmpp='urn:xmpp:xbosh'");
    this.sid = /sid=['"]([^'"]+)/.exec(text)?.[1];
    if (!this.sid) throw new Error(`no session: ${text.slice(0, 200)}`);
    account.sessions++;
  }

  // The client's side of hold=1, requests=2: a poll always out, messages beside it.
  async live() {
    while (!this.ended) {
      account.polls++;
      this.take(await this.post(` sid='${this.sid}'`));
    }
  }

  async talk() {
    const begun = Date.now();
    const text = `${this.index}.${this.sent++}`;
    this.waiting = { text, begun };
    this.take(await this.post(` sid='${this.sid}'`, `<message xmlns='jabber:client' to='x@load.test'><body>${text}</body></message>`));
  }

  take(answer) {
    if (/type=['"]terminate['"]/.test(answer) && !this.ended) {
      this.ended = true;
      fail(`session ${this.index}: ${answer.slice(0, 200)}`);
    }
    for (const [, text] of answer.matchAll(/<body>([^<]*)<\/body>/g)) {
      if (text !== `${this.index}.${this.seen++}`) fail(`session ${this.index}: ${text} instead of ${this.seen - 1}`);
      account.messages++;
      if (account.messages % 100 === 0) say({ event: 'progress', messages: account.messages });
      if (this.waiting?.text === text) account.slowest = Math.max(account.slowest, Date.now() - this.waiting.begun);
    }
  }

  async close() {
    this.ended = true;
    await this.post(` sid='${this.sid}' type='terminate'`);
    this.agent.destroy();
  }
}

async function run({ port, sessions: count }) {
  const sessions = Array.from({ length: count }, (_, i) => new Session(port, i));
  for (let i = 0; i < count; i += 50) await Promise.all(sessions.slice(i, i + 50).map((session) => session.open()));
  for (const session of sessions) session.live().catch((error) => session.ended || fail(error.message));
  say({ event: 'ready', sessions: account.sessions });
  let next = 0;
  const timer = setInterval(() => {
    // Twenty sessions speak every tenth of a second: everybody of a thousand within five seconds.
    for (let i = 0; i < 20; i++) {
      const session = sessions[next++ % count];
      if (!session.ended) session.talk().catch((error) => session.ended || fail(error.message));
    }
  }, 100);
  return async () => {
    clearInterval(timer);
    for (let i = 0; i < count; i += 50) await Promise.all(sessions.slice(i, i + 50).map((session) => session.close().catch((error) => fail(error.message))));
    for (const session of sessions) if (session.sent - session.seen > 1) fail(`session ${session.index}: ${session.sent} sent, ${session.seen} seen`);
  };
}

const server = createServer(serve).listen(0, '127.0.0.1', 4096, () => say({ event: 'upstream', port: server.address().port }));
let finish = async () => {};
const input = createInterface({ input: process.stdin });
input.on('line', async (line) => {
  try {
    finish = await run(JSON.parse(line));
  } catch (error) {
    say({ event: 'failed', reason: error.message });
    process.exit(1);
  }
});
input.on('close', async () => {
  await finish();
  say({ event: 'account', ...account });
  process.exit(0);
});
