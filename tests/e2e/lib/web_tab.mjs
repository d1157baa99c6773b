// A browser tab with the chat without scripts: forms, a cookie, and one endless page that is loaded anew whenever it ends. The
// same face as tab.mjs, for tests with many of them. A message is what a bubble of that page says; bubbles have numbers, so one
// that is shown again on a new page is the same. What the page looks like is web_chat.test.mjs's.
import { Agent, request } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { patience, until } from './wait.mjs';

const field = (page, name) => new RegExp(`name="${name}" value="([^"]*)"`).exec(page)?.[1];

// One request of a browser: {status, headers, text}. on_data takes the pieces of the answer as they come.
export function exchange_page({ port, method, path, agent, cookie, form, on_data }) {
  return new Promise((resolve, reject) => {
    const body = form ? new URLSearchParams(form).toString() : '';
    const headers = { ...(cookie ? { cookie } : {}),
      ...(form ? { 'Content-Type': 'application/x-www-form-urlencoded', 'Content-Length': Buffer.byteLength(body) } : {}) };
    const outgoing = request({ host: '127.0.0.1', port, path, method, agent, headers });
    outgoing.once('error', reject);
    outgoing.once('response', (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (chunk) => (on_data ? on_data(chunk) : (text += chunk)));
      response.once('end', () => resolve({ status: response.statusCode, headers: response.headers, text }));
      response.once('error', reject);
      response.once('aborted', () => reject(new Error('aborted')));
    });
    outgoing.end(body);
  });
}

async function send_login(ask, user, password) {
  const page = await ask('GET', '/login');
  const answer = await ask('POST', '/login', { form: { token: field(page.text, 'token'), user, password, how: 'password', linger: '10' } });
  const cookie = answer.headers['set-cookie']?.[0];
  if (answer.status !== 303 || !cookie) throw new Error(`login: ${answer.status}`);
  return cookie.split(';')[0];
}

// ask(method, path, {form, cookie}). Gives {cookie, text}: the list, or the form again with what is wrong.
export async function log_in_by_form(ask, user, password) {
  const cookie = await send_login(ask, user, password);
  return until(async () => {
    const { text } = await ask('GET', '/plain/', { cookie });
    return /action="\/logout"|name="password"/.test(text) ? { cookie, text } : null;
  }, 20_000, 'the login comes to something');
}

export class WebTab {
  // `kept`: what an earlier tab of the same browser has left: {cookie, shown}, or {}.
  static async log_in(port, { user, password, buddy }, listener, kept) {
    const self = new WebTab();
    Object.assign(self, { port, listener, kept, alive: true, outbox: [], agent: new Agent({ keepAlive: true, maxSockets: 6 }) });
    try {
      if (!kept.cookie || !(await self.find_row(buddy))) {
        kept.cookie = null;
        Object.assign(kept, { cookie: await send_login((...what) => self.ask(...what), user, password), shown: new Set() });
        listener.begins_anew();
        if (!(await self.find_row(buddy))) throw new Error('not logged in');
      }
    } catch (error) {
      self.agent.destroy();
      throw error;
    }
    self.has_page = new Promise((resolve) => (self.page_is_there = resolve));
    self.read();
    return self;
  }

  // Until the list has the buddy; false where there is no session (any more).
  async find_row(buddy) {
    for (let attempt = 0; attempt < 50 * patience && this.alive; attempt++) {
      const { text } = await this.ask('GET', '/plain/');
      const row = new RegExp(`href="/plain/(c\\d+)"[^]*?<bdi class="name">([^<]*)</bdi>`, 'g');
      for (const [, id, name] of text.matchAll(row)) {
        if (name === buddy) return (this.row = id);
      }
      if (text.includes('name="password"') || text.includes('href="/login"')) return (this.kept.cookie = false);
      await delay(200);
    }
    return false;
  }

  ask(method, path, options) {
    const { port, agent, kept: { cookie } } = this;
    return exchange_page({ port, method, path, agent, cookie, ...options });
  }

  // The endless page, again and again.
  async read() {
    while (this.alive) {
      let page = '';
      const take = (chunk) => {
        page += chunk;
        const bubble = /<div class="b in" id="m(\d+)">[^]*?<span class="x" dir="auto">([^<]*)<\/span>/g;
        let end = 0;
        for (const found of page.matchAll(bubble)) {
          end = found.index + found[0].length;
          if (this.kept.shown.has(found[1])) continue;
          this.kept.shown.add(found[1]);
          this.listener.text(found[2]);
        }
        page = page.slice(end);
        if (page.includes('animation-name:ka')) this.page_is_there(); // the first sign of life ends the page itself
      };
      const on_data = (chunk) => this.alive && take(chunk);
      const answer = await this.ask('GET', `/stream/${this.row}?w=chaos`, { on_data }).catch(() => null);
      if (!this.alive) return;
      if (answer !== null && page.includes('href="/login"')) {
        this.kept.cookie = null;
        return this.end('expired');
      }
      await delay(answer === null ? 300 : 50);
    }
  }

  message(to, id, body) {
    if (!this.alive) return false;
    this.outbox.push({ id: Number(id), body });
    if (this.outbox.length === 1) this.write();
    return true;
  }

  // A form is sent until there is an answer to it; it says itself that it is the same one.
  async write() {
    let once, token;
    while (this.alive && this.outbox.length > 0) {
      try {
        if (!once) {
          const { text } = await this.ask('GET', `/compose/${this.row}`);
          once = field(text, 'once');
          token = field(text, 'token');
        }
        const { id, body } = this.outbox[0];
        const answer = once ? await this.ask('POST', `/compose/${this.row}`, { form: { token, once, text: body } }) : null;
        if (answer?.status === 303) this.listener.answered([id]);
        else this.listener.unconfirmed(id);
        this.outbox.shift();
        once = undefined;
      } catch {
        await delay(200);
      }
    }
  }

  end(condition) {
    if (!this.alive) return;
    this.alive = false;
    this.agent.destroy();
    this.listener.ended(condition, this);
  }

  async log_out() {
    const { text } = await this.ask('GET', '/plain/');
    const form = text.slice(text.indexOf('action="/logout"'));
    await this.ask('POST', '/logout', { form: { token: field(form, 'token') } });
    this.kill();
  }

  // Its connections stay open and nobody reads.
  freeze() {
    this.frozen = Object.values(this.agent.sockets).flat();
    for (const socket of this.frozen) socket.pause();
  }

  // What the machine has taken meanwhile, up to the end of every connection, and no more.
  async take_rest() {
    const ends = this.frozen.map((socket) => socket.closed || new Promise((resolve) => socket.once('close', resolve)));
    for (const socket of this.frozen) socket.resume();
    await Promise.all(ends);
    this.kill();
  }

  // The window is closed without a word; the browser keeps its cookie.
  kill() {
    this.end('killed');
  }
}
