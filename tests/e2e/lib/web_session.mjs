// The chat without scripts by hand: a session with static pages, whose forms are sent without a browser.
import { until } from './wait.mjs';

const wait = 15_000;

export class WebSession {
  static async log_in(origin, user, password) {
    const self = new WebSession();
    self.origin = origin;
    const login = await fetch(`${origin}/login`);
    const token = /name="token" value="([^"]+)"/.exec(await login.text())[1];
    const answer = await fetch(`${origin}/login`, { method: 'POST', redirect: 'manual', headers: { origin },
      body: new URLSearchParams({ token, user, password, mode: 'static', how: 'password' }) });
    self.cookie = answer.headers.get('set-cookie').split(';')[0];
    self.headers = { cookie: self.cookie, origin };
    await until(async () => /<h1>Conversations/.test(await self.page('/plain/')), wait, 'the list of conversations');
    return self;
  }

  // Sends the form of a page: its token, and `fields`.
  async submit(path, fields) {
    const token = new RegExp(`action="${path}"[\\s\\S]*?name="token" value="([^"]+)"`).exec(await this.page(path))[1];
    return fetch(this.origin + path, { method: 'POST', redirect: 'manual', headers: this.headers, body: new URLSearchParams({ token, ...fields }) });
  }

  async page(path) {
    return (await fetch(this.origin + path, { headers: { cookie: this.cookie } })).text();
  }

  async conversation(name) {
    let found;
    await until(async () => (found = new RegExp(`href="/plain/(c\\d+)"[^>]*>(?:(?!</li>)[\\s\\S])*>${name}<`).exec(await this.page('/plain/'))), wait, `a row ${name}`);
    return found[1];
  }

  // The fields of the form for a file, once the server is known to take files.
  async file_form(id) {
    let page;
    await until(async () => /type="file"/.test((page = await this.page(`/file/${id}`))), wait, 'a form for files');
    const field = (name) => new RegExp(`name="${name}" value="([^"]*)"`).exec(page)[1];
    return { page, token: field('token'), once: field('once') };
  }

  send(id, { token, once }, content, { name = 'a.bin', headers = {} } = {}) {
    const form = new FormData();
    form.append('token', token);
    form.append('once', once);
    form.append('file', new Blob([content], { type: 'application/octet-stream' }), name);
    return fetch(`${this.origin}/upload/${id}`, { method: 'POST', redirect: 'manual', body: form, headers: { ...this.headers, ...headers } });
  }
}
