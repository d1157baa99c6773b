// A reader of the chat without scripts: Chromium with JavaScript switched off. What lib/web_scenarios.mjs asks of a reader is the
// upper part, which lib/web_firefox.mjs has as well; below it is what only tests in this browser use.
import { until } from './wait.mjs';

export const wait = 15_000;

export class Reader {
  static async open(browser, origin, options = {}) {
    const self = new Reader();
    self.origin = origin;
    self.context = await browser.browser.newContext({ javaScriptEnabled: false, viewport: { width: 1000, height: 640 }, ...options });
    self.page = await self.context.newPage();
    self.page.setDefaultTimeout(wait);
    return self;
  }

  async go(path) {
    await this.page.goto(this.origin + path, { waitUntil: 'commit' });
  }

  async path() {
    return new URL(this.page.url()).pathname;
  }

  // where: page, stream or compose.
  in(where) {
    return where === 'page' ? this.page : this.page.frameLocator(`iframe[name=${where}]`);
  }

  find(where, selector, text) {
    return this.in(where).locator(selector, text === undefined ? {} : { hasText: text }).first();
  }

  see(where, selector, text) {
    return this.find(where, selector, text).waitFor();
  }

  miss(where, selector, text) {
    return this.find(where, selector, text).waitFor({ state: 'hidden' });
  }

  click(where, selector, text) {
    return this.find(where, selector, text).click();
  }

  // A click that leads to another page, or to the same anew: done when that one is there.
  async follow(where, selector, text) {
    const led_on = this.page.waitForEvent('framenavigated', { predicate: (frame) => frame === this.page.mainFrame(), timeout: wait });
    await Promise.all([led_on, this.click(where, selector, text)]);
  }

  fill(where, selector, value) {
    return this.find(where, selector).fill(value);
  }

  choose(where, selector, value) {
    return this.find(where, selector).selectOption(value);
  }

  type(text) {
    return this.page.keyboard.type(text);
  }

  press(key) {
    return this.page.keyboard.press(key);
  }

  visible(where, selector, text) {
    return this.find(where, selector, text).isVisible();
  }

  // A function of the node, which runs beside the page.
  ask(where, selector, what, argument, text) {
    return this.find(where, selector, text).evaluate(what, argument);
  }

  texts(where, selector) {
    return this.in(where).locator(selector).allTextContents();
  }

  set_file(where, selector, path) {
    return this.find(where, selector).setInputFiles(path);
  }

  // To a page of nobody's.
  leave() {
    return this.page.goto('about:blank');
  }

  cookies() {
    return this.context.cookies();
  }

  close() {
    return this.context.close();
  }

  // ---- what people do

  // cookie: none, for a session that the path names. at: where the form is.
  async log_in(user, password, { mode, cookie, at = '/' } = {}) {
    await this.go(at);
    await this.fill('page', '#user', user);
    await this.fill('page', '#password', password);
    if ((mode || cookie) && !(await this.visible('page', '#mode'))) await this.click('page', 'summary');
    if (mode) await this.choose('page', '#mode', mode);
    if (cookie) await this.choose('page', '#cookie', cookie);
    await this.follow('page', 'button[value=password]');
  }

  async open_chat(name) {
    await this.click('stream', '.rows li a', name);
    await until(async () => /^(\/s\/[^/]+)?\/app\/c\d+$/.test(await this.path()), wait, `the conversation with ${name} opens`);
    await this.see('compose', '#t');
  }

  see_message(text) {
    return this.see('stream', '.b', text);
  }

  async write(text) {
    await this.fill('compose', '#t', text);
    await this.send();
  }

  // Sends what is in the form, and waits for the form that follows: what is filled in before may land in the one that goes.
  send() {
    return this.renew_form(() => this.press('Enter'));
  }

  // The same by one of its buttons.
  submit(selector) {
    return this.renew_form(() => this.click('compose', selector));
  }

  async renew_form(action) {
    await this.ask('compose', '#t', (node) => node.setAttribute('data-sent', ''));
    await action();
    await this.see('compose', '#t:not([data-sent])');
  }

  // Chooses a file. The server may still be asked whether it takes any, which a page says that is loaded afterwards.
  async attach(path) {
    await until(async () => {
      if (await this.visible('compose', '.attach')) return true;
      await this.go(await this.path());
      await this.see('compose', '#t');
      return false;
    }, wait, 'files are offered');
    await this.click('compose', '.attach');
    await this.see('compose', '#t[type=file]');
    await this.set_file('compose', '#t[type=file]', path);
  }

  async count(where, selector, text) {
    return (await this.texts(where, selector)).filter((one) => one.includes(text)).length;
  }

  // What a rule shows, since it is in no document.
  shown(selector, property = 'content', pseudo = '::after') {
    return this.ask('stream', selector, (node, [p, name]) => getComputedStyle(node, name)[p], [property, pseudo]);
  }

  async shows(selector, value, property, pseudo) {
    let last;
    await until(async () => (last = await this.shown(selector, property, pseudo)) === value, wait,
      () => `${selector} shows ${value}, not ${last}`);
  }

  // ---- in Chromium only

  get stream() {
    return this.in('stream');
  }

  get compose() {
    return this.in('compose');
  }

  row(name) {
    return this.stream.locator('.rows li', { hasText: name });
  }

  bubble(text) {
    return this.stream.locator('.b', { hasText: text });
  }

  async cookie_field() {
    return (await this.cookies()).map(({ name, value }) => `${name}=${value}`).join('; ');
  }
}
