// The chat without scripts by hand: what a browser asks for, and what an attacker would. Node's own HTTP client, a cookie, and the
// tokens that stand in the forms; no page is rendered.
import { randomUUID } from 'node:crypto';
import { Agent, request } from 'node:http';
import { Agent as TlsAgent, request as tls_request } from 'node:https';
import { at_exit } from './cleanup.mjs';
import { deadline, until } from './wait.mjs';

const unescape = (text) => text.replace(/&(amp|lt|gt|quot|#39);/g, (_, name) => ({ amp: '&', lt: '<', gt: '>', quot: '"', '#39': "'" })[name]);

export const boundary = '----WebKitFormBoundaryx7Gd';

// What comes before the bytes of the file, and what behind.
export function multipart_around(fields, { name, type }) {
  const parts = Object.entries(fields).map(([key, value]) =>
    `--${boundary}\r\nContent-Disposition: form-data; name="${key}"\r\n\r\n${value}\r\n`);
  const quoted = name.replace(/"/g, '%22');
  return [`${parts.join('')}--${boundary}\r\nContent-Disposition: form-data; name="file"; filename="${quoted}"\r\n` +
    `Content-Type: ${type}\r\n\r\n`, `\r\n--${boundary}--\r\n`];
}

function multipart(fields, { name, type, content }) {
  const [before, behind] = multipart_around(fields, { name, type });
  return Buffer.concat([Buffer.from(before), Buffer.from(content), Buffer.from(behind)]);
}

// One answer, whole. from: the source address.
export function ask(url, { method = 'GET', headers = {}, body, from } = {}) {
  const secure = url.startsWith('https');
  const agent = secure ? new TlsAgent({ rejectUnauthorized: false }) : new Agent();
  const within = 15_000 + (body?.length ?? 0) / 500; // Prosody takes 2 MB of a file a second, with TLS and beside other tests
  return deadline(new Promise((resolve, reject) => {
    const outgoing = (secure ? tls_request : request)(url, { method, headers, agent, localAddress: from });
    outgoing.once('error', reject);
    outgoing.once('response', (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (chunk) => (text += chunk));
      response.once('error', reject);
      response.once('end', () => resolve({ status: response.statusCode, headers: response.headers, text }));
    });
    outgoing.end(body);
  }), within, `${method} ${url}`).finally(() => agent.destroy());
}

export class WebSession {
  constructor(origin, { from } = {}) {
    Object.assign(this, { origin, site: origin, base: '', from, cookie: '' });
  }

  // Whatever comes of it is in `answer`.
  static async log_in(origin, user, password, { from, how = 'password', mode = 'live', linger = '10', cookie = 'yes' } = {}) {
    const self = new WebSession(origin, { from });
    const { token } = await self.fields('/login');
    self.answer = await self.post('/login', { token, user, password, how, mode, linger, cookie });
    // Every path of such a session lies below its own, which is told by the first of them.
    self.base = /^\/s\/[^/]+/.exec(self.answer.headers.location ?? '')?.[0] ?? '';
    self.origin = origin + self.base;
    self.site = origin;
    return self;
  }

  // Logged in, and the server knows it.
  static async open(origin, user, password, options) {
    const self = await WebSession.log_in(origin, user, password, options);
    await until(async () => (await self.get('/settings')).text.includes('name="show"'), 15_000, `${user} is logged in`);
    return self;
  }

  get headers() {
    return { ...(this.cookie ? { cookie: this.cookie } : {}), connection: 'close' };
  }

  // What browsers add to a form; where no page may tell its address, that is all they say.
  get from_here() {
    return { origin: this.base ? 'null' : this.site };
  }

  async get(path, headers = {}) {
    return ask(this.origin + path, { headers: { ...this.headers, ...headers }, from: this.from });
  }

  // headers: of a browser, unless a test knows better.
  async post(path, fields, headers = {}) {
    const answer = await ask(this.origin + path, {
      method: 'POST', from: this.from, body: new URLSearchParams(fields).toString(),
      headers: { ...this.headers, ...this.from_here, 'content-type': 'application/x-www-form-urlencoded', ...headers },
    });
    const set = answer.headers['set-cookie']?.find((one) => /^(__Host-)?postern=/.test(one));
    if (set) this.cookie = set.split(';')[0];
    return answer;
  }

  // Hidden and filled fields of the form on a page that is sent to `action` (the page's own path, if none is named).
  async fields(path, action = path) {
    return this.fields_in((await this.get(path)).text, action);
  }

  fields_in(text, action) {
    const forms = text.split('<form ').slice(1).map((form) => form.split('</form>')[0]);
    const form = forms.find((one) => unescape(/action="([^"?#]*)/.exec(one)?.[1] ?? '') === this.base + action.split(/[?#]/)[0]);
    if (!form) throw new Error(`no form for ${action}: ${text.slice(0, 2000)}`);
    return Object.fromEntries([...form.matchAll(/<input[^>]*>/g)].map(([input]) =>
      [/name="([^"]*)"/.exec(input)?.[1], unescape(/value="([^"]*)"/.exec(input)?.[1] ?? '')]));
  }

  // Sends a form of a page: its token, and `fields`; one that was never sent before.
  async submit(path, fields) {
    const { token } = await this.fields(path);
    return this.post(path, { token, once: randomUUID(), ...fields });
  }

  async page(path) {
    return (await this.get(path)).text;
  }

  // The id of a row of the list, by its name.
  async row(name) {
    return until(async () => {
      const { text } = await this.get('/plain/');
      return text.split('<li id="').slice(1).find((row) => row.includes(name))?.split('"')[0];
    }, 15_000, `the row of ${name}`);
  }

  async send(id, text) {
    return this.post(`/compose/${id}`, { ...(await this.fields(`/compose/${id}`)), text });
  }

  // The form for a file in the place of that for messages, or on a page of its own, and such a form with a file in it, as
  // browsers write it.
  async file_form(id, { framed = true } = {}) {
    const action = `/upload/${id}${framed ? '' : '/plain'}`;
    if (!framed) return { action, ...(await this.fields(`/file/${id}`, action)) };
    const asked = { ...(await this.fields(`/compose/${id}`)), text: '', do: 'file' };
    return { action, ...this.fields_in((await this.post(`/compose/${id}`, asked)).text, action) };
  }

  async send_file(id, content, { form, name = 'note.txt', type = 'text/plain', headers = {} } = {}) {
    const { token, once, action, text = '' } = form ?? (await this.file_form(id));
    const body = multipart({ token, once, text }, { name, type, content });
    return ask(this.origin + (action ?? `/upload/${id}`), { method: 'POST', from: this.from, body,
      headers: { ...this.headers, ...this.from_here, 'content-type': `multipart/form-data; boundary=${boundary}`, ...headers } });
  }

  stream(path, headers = {}) {
    return EndlessPage.open(this, path, headers);
  }
}

// A response without end, as it grows.
export class EndlessPage {
  static async open(session, path, headers = {}) {
    const self = new EndlessPage();
    const secure = session.origin.startsWith('https');
    self.text = '';
    self.ended = false;
    const outgoing = (secure ? tls_request : request)(session.origin + path,
      { headers: { ...session.headers, ...headers }, agent: false, rejectUnauthorized: false });
    self.outgoing = outgoing;
    self.forget = at_exit(() => outgoing.destroy());
    outgoing.end();
    self.response = await deadline(new Promise((resolve, reject) => {
      outgoing.once('response', resolve).once('error', reject);
    }), 15_000, `${path} answers`);
    outgoing.on('error', () => { self.ended = true; });
    self.response.setEncoding('utf8');
    self.response.on('data', (chunk) => (self.text += chunk));
    for (const name of ['end', 'error', 'close']) self.response.once(name, () => { self.ended = true; });
    return self;
  }

  get headers() {
    return this.response.headers;
  }

  see(text, within = 15_000) {
    return until(() => this.text.includes(text), within, () => `${text} in ${this.text.slice(-1500)}`);
  }

  end(within = 15_000) {
    return until(() => this.ended, within, 'the page ends');
  }

  close() {
    this.forget();
    this.outgoing.destroy();
  }
}
