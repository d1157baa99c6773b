// A reader of the chat without scripts: Firefox ESR with JavaScript switched off, over WebDriver BiDi. The interface is the upper part
// of lib/web_reader.mjs. Clicks and keys are real input at real places, since the browser's own search for an element needs scripts.
import { Firefox } from './firefox.mjs';
import { until } from './wait.mjs';
import { Reader, wait } from './web_reader.mjs';

// more: preferences.
export const launch_firefox = (more) => Firefox.launch({ 'javascript.enabled': false, ...more });

const keys = { Enter: '\uE007', Tab: '\uE004', End: '\uE010', Home: '\uE011', ArrowLeft: '\uE012' };

// The first that is shown; `text` is part of its own.
const find = `(selector, text) => [...document.querySelectorAll(selector)].find((node) =>
  (text === null || node.textContent.includes(text)) && node.checkVisibility({ visibilityProperty: true }))`;

// Its middle, in the coordinates of the outermost window.
const place = `(node) => {
  node.scrollIntoView({ block: 'nearest' });
  let { left: x, top: y, width, height } = node.getBoundingClientRect();
  x += width / 2;
  y += height / 2;
  for (let frame = node.ownerDocument.defaultView.frameElement; frame; frame = frame.ownerDocument.defaultView.frameElement) {
    x += frame.getBoundingClientRect().left;
    y += frame.getBoundingClientRect().top;
  }
  return JSON.stringify({ x: Math.round(x), y: Math.round(y) });
}`;

export class FirefoxReader extends Reader {
  static async open(firefox, origin) {
    const self = new FirefoxReader();
    Object.assign(self, { firefox, origin });
    self.user = (await firefox.command('browser.createUserContext', {})).userContext;
    self.context = (await firefox.command('browsingContext.create', { type: 'tab', userContext: self.user })).context;
    await firefox.command('browsingContext.setViewport', { context: self.context, viewport: { width: 1000, height: 640 } });
    return self;
  }

  async leave() {
    await this.evaluate(this.context, "void (location.href = 'about:blank')");
    await until(async () => (await this.evaluate(this.context, 'location.href')).value === 'about:blank', wait, 'the page is left');
  }

  // Not by browsingContext.navigate, which sometimes never answers when it leaves a page whose endless frame still loads. The page that
  // is left may have the same address. In one command: a page that was on its way already may come between two.
  async go(path) {
    const url = new URL(path, this.origin);
    await this.evaluate(this.context, `window.left = true; void (location.href = ${JSON.stringify(url)})`);
    await this.is_left(`${path} opens`);
  }

  async follow(where, selector, text) {
    await this.leads_on(() => this.click(where, selector, text), `${selector} leads to a page`);
  }

  async leads_on(action, what) {
    await this.evaluate(this.context, 'window.left = true');
    await action();
    await this.is_left(what);
  }

  async is_left(what) {
    const is_there = "!window.left && location.protocol !== 'about:'"; // the path may be another by then
    await until(async () => (await this.evaluate(this.context, is_there)).value, wait, what);
  }

  async path() {
    return (await this.evaluate(this.context, 'location.pathname')).value;
  }

  async evaluate(context, expression) {
    const { result, exceptionDetails } = await this.firefox.command('script.evaluate',
      { expression, target: { context }, awaitPromise: false });
    if (exceptionDetails) throw new Error(exceptionDetails.text);
    return result;
  }

  // The address of an endless frame is not told, its name is.
  async frame(where) {
    if (where === 'page') return this.context;
    const { contexts: [{ children }] } = await this.firefox.command('browsingContext.getTree', { root: this.context, maxDepth: 1 });
    for (const { context } of children) {
      if ((await this.evaluate(context, 'window.name')).value === where) return context;
    }
    throw new Error(`no frame ${where}`);
  }

  async see(where, selector, text) {
    await until(() => this.has(where, selector, text), wait, `${selector} with ${text} in the ${where}`);
  }

  async miss(where, selector, text) {
    await until(async () => !(await this.has(where, selector, text)), wait, `no ${selector} with ${text} in the ${where}`);
  }

  visible(where, selector, text) {
    return this.has(where, selector, text);
  }

  async has(where, selector, text) {
    return this.ask_any(where, selector, text, '(node) => node !== undefined');
  }

  async ask_any(where, selector, text, what, argument) {
    const found = `(${find})(${JSON.stringify(selector)}, ${JSON.stringify(text ?? null)})`;
    return (await this.evaluate(await this.frame(where), `(${what})(${found}, ${JSON.stringify(argument)})`)).value;
  }

  // A page may go between two questions, and its successor have no node yet.
  async ask(where, selector, what, argument, text) {
    let answer;
    await until(async () => {
      answer = await this.ask_any(where, selector, text, what, argument);
      return true;
    }, wait, `an answer about ${selector} in the ${where}`);
    return answer;
  }

  async texts(where, selector) {
    const all = `JSON.stringify([...document.querySelectorAll(${JSON.stringify(selector)})].map((node) => node.textContent))`;
    return JSON.parse((await this.evaluate(await this.frame(where), all)).value);
  }

  async set_file(where, selector, path) {
    const context = await this.frame(where);
    const { sharedId } = await this.evaluate(context, `document.querySelector(${JSON.stringify(selector)})`);
    await this.firefox.command('input.setFiles', { context, element: { sharedId }, files: [path] });
  }

  async cookies() {
    return (await this.firefox.command('storage.getCookies', { partition: { type: 'context', context: this.context } })).cookies;
  }

  input(actions) {
    return this.firefox.command('input.performActions', { context: this.context, actions });
  }

  async click(where, selector, text) {
    const { x, y } = JSON.parse(await this.ask(where, selector, place, undefined, text));
    await this.input([{ type: 'pointer', id: 'mouse', parameters: { pointerType: 'mouse' },
      actions: [{ type: 'pointerMove', x, y }, { type: 'pointerDown', button: 0 }, { type: 'pointerUp', button: 0 }] }]);
  }

  async fill(where, selector, value) {
    await this.click(where, selector);
    await this.ask(where, selector, '(node) => node.select()');
    await this.type(value);
  }

  async choose(where, selector, value) {
    await this.see(where, selector);
    await this.ask(where, selector, '(node, wanted) => { node.value = wanted; }', value);
  }

  async type(text) {
    const strokes = [...text].map((letter) => (letter === '\n' ? keys.Enter : letter)).flatMap((value) => [{ type: 'keyDown', value }, { type: 'keyUp', value }]);
    await this.input([{ type: 'key', id: 'keyboard', actions: strokes }]);
  }

  press(key) {
    return this.type(keys[key]);
  }

  async close() {
    await this.firefox.command('browser.removeUserContext', { userContext: this.user });
  }
}
