// Every page of the chat without scripts, as files of a sample session: valid HTML, accessible, whole on a phone.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { HtmlValidate } from 'html-validate';
import { at_exit, temp_dir } from './lib/cleanup.mjs';
import { Chromium } from './lib/chromium.mjs';

const languages = ['en', 'de', 'ar'];
const directories = new Map();
const axe_source = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const type_of = (name) => (name.endsWith('.css') ? 'text/css' : name.endsWith('.svg') ? 'image/svg+xml' : 'text/html; charset=utf-8');

let server;
let browser;
let origin;

before(async () => {
  for (const language of languages) {
    const directory = temp_dir('pages');
    execFileSync(process.env.POSTERN_PAGE_SAMPLES, [directory, language]);
    directories.set(language, directory);
  }
  // /LANGUAGE/page.html, and what the pages themselves ask for: /assets/, and frames that stay empty here.
  server = createServer((request, response) => {
    const [, first, name] = request.url.split(/[/?]/);
    const directory = directories.get(first) ?? (first === 'assets' ? directories.get('en') : undefined);
    if (!directory || !/^[\w.-]+$/.test(name ?? '')) return response.writeHead(204).end();
    return response.writeHead(200, { 'Content-Type': type_of(name) }).end(readFileSync(join(directory, name)));
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  at_exit(() => server.close());
  origin = `http://127.0.0.1:${server.address().port}`;
  browser = await Chromium.launch();
});

after(async () => {
  await browser?.stop();
  server?.closeAllConnections();
  server?.close();
});

const pages = (language) => readdirSync(directories.get(language)).filter((name) => name.endsWith('.html'));

describe('pages of the chat', () => {
  it('are valid HTML', async () => {
    // Off: matters of taste, and what says nothing about a document (every form field is labelled, in its own way).
    const validator = new HtmlValidate({
      extends: ['html-validate:standard'],
      rules: { 'no-trailing-whitespace': 'off', 'void-style': 'off', 'long-title': 'off', 'require-sri': 'off', 'no-inline-style': 'error',
        'doctype-style': 'off' },
    });
    let seen = 0;
    const problems = [];
    for (const language of languages) {
      for (const name of pages(language)) {
        const report = await validator.validateFile(join(directories.get(language), name));
        const messages = report.results.flatMap((result) => result.messages.map((m) => `${m.line}: ${m.ruleId}: ${m.message}`));
        problems.push(...messages.map((message) => `${language}/${name}:${message}`));
        seen += 1;
      }
    }
    assert.deepEqual(problems, []);
    assert.ok(seen >= 60);
  });

  for (const scheme of ['light', 'dark']) {
    it(`are accessible (${scheme})`, async () => {
      const context = await browser.browser.newContext({ colorScheme: scheme });
      const page = await context.newPage();
      const problems = [];
      for (const language of ['en', 'ar']) {
        for (const name of pages(language)) {
          await page.goto(`${origin}/${language}/${name}`);
          await page.evaluate(axe_source);
          // What stands in a frame is not a page of its own: main part and heading are those of the page around it.
          const off = /^(stream|compose)/.test(name) ? ['landmark-one-main', 'page-has-heading-one', 'region'] : [];
          const found = await page.evaluate((rules) => globalThis.axe.run(document, {
            iframes: false,
            rules: Object.fromEntries(rules.map((rule) => [rule, { enabled: false }])),
          }), off);
          problems.push(...found.violations.map((v) =>
            `${language}/${name}: ${v.id}: ${v.nodes.map((n) => n.html.slice(0, 120)).join(' | ')}`));
        }
      }
      assert.deepEqual(problems, []);
      await context.close();
    });
  }

  it('fit a phone', async () => {
    const context = await browser.browser.newContext({ viewport: { width: 320, height: 640 } });
    const page = await context.newPage();
    for (const language of languages) {
      for (const name of pages(language)) {
        await page.goto(`${origin}/${language}/${name}`);
        const width = await page.evaluate(() => document.documentElement.scrollWidth);
        assert.ok(width <= 320, `${language}/${name} is ${width} wide`);
        // What is cut off at the side of a stream does not make its page wide.
        const outside = await page.evaluate(() => [...document.querySelectorAll('header a, header summary')].filter((node) => {
          const { left, right } = node.getBoundingClientRect();
          return left < 0 || right > 320;
        }).map((node) => node.textContent));
        assert.deepEqual(outside, [], `${language}/${name}`);
      }
    }
    await context.close();
  });

  it('keep the link of the outer page apart from the header of the stream beneath it', async () => {
    const context = await browser.browser.newContext();
    const page = await context.newPage();
    const boxes = (selector) => page.evaluate((what) => [...document.querySelectorAll(what)].map((node) => {
      const { left, right, top, bottom } = node.getBoundingClientRect();
      return { left, right, top, bottom };
    }), selector);
    for (const width of [320, 390, 740, 768, 1280]) {
      await page.setViewportSize({ width, height: 640 });
      for (const language of languages) {
        await page.goto(`${origin}/${language}/app.html`);
        const [link] = await boxes('.re a');
        for (const name of ['stream.html', 'stream_room.html']) {
          await page.goto(`${origin}/${language}/${name}`);
          const beneath = await boxes('header a, header summary');
          assert.ok(beneath.length >= 3);
          const hit = beneath.filter((box) => box.left < link.right && link.left < box.right && box.top < link.bottom && link.top < box.bottom);
          assert.deepEqual(hit, [], `${language}/${name} at ${width}`);
        }
      }
    }
    await context.close();
  });

  it('show all of the form in its frame, and three lines of a long text', async () => {
    const context = await browser.browser.newContext();
    const page = await context.newPage();
    for (const width of [390, 1008]) {
      await page.setViewportSize({ width, height: 640 });
      await page.goto(`${origin}/en/app.html`);
      const height = await page.evaluate(() => {
        const root = getComputedStyle(document.documentElement);
        return Math.floor(parseFloat(root.getPropertyValue('--write')) * parseFloat(root.fontSize));
      });
      await page.setViewportSize({ width, height });
      for (const language of languages) {
        for (const name of pages(language).filter((one) => one.startsWith('compose'))) {
          await page.goto(`${origin}/${language}/${name}`);
          const wrong = await page.evaluate(() => {
            const box = (node) => node.getBoundingClientRect();
            const field = document.querySelector('#t');
            const wide = [...document.querySelectorAll('.why p, .why a, #t, button, .more')];
            const out = wide.filter((node) => box(node).top < 0 || box(node).bottom > innerHeight || box(node).left < 0 || box(node).right > innerWidth);
            const covered = [...document.querySelectorAll('.why p')].filter((node) => box(node).bottom > box(field).top);
            if (field.matches('textarea:not([readonly])')) {
              field.value = 'one\ntwo\nthree';
              if (field.scrollHeight > field.clientHeight) covered.push(field);
            }
            return [...out, ...covered].map((node) => node.outerHTML);
          });
          assert.deepEqual(wrong, [], `${language}/${name} at ${width}`);
        }
      }
    }
    await context.close();
  });
});
