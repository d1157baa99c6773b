// tools/demo as a newcomer uses it, in headless Chromium: two windows, one click each, presence, messages both ways, a reload, the
// room, a stop with Ctrl-C that leaves nothing behind, and what is said when it cannot start.
import assert from 'node:assert/strict';
import { existsSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { after, before, test } from 'node:test';
import { chromium } from 'playwright-core';
import { process_is_alive, temp_dir } from './lib/cleanup.mjs';
import { postern_binary, sanitizer_env } from './lib/postern.mjs';
import { Child, run } from './lib/process.mjs';
import { Reader } from './lib/web_reader.mjs';

const script = fileURLToPath(new URL('../../tools/demo.d/run.py', import.meta.url));
const command = ['python3', '-B', script, '--postern', postern_binary];
let demo, browser, url, directory, alice, bob;

const pids_below = async (pid) => (await run(['ps', '-o', 'pid=', '--ppid', String(pid)])).stdout.trim().split(/\s+/).map(Number);

async function window_of(user) {
  // A context each: what two windows share (nothing but cookies) does not matter to the page.
  const page = await (await browser.newContext()).newPage();
  page.errors = [];
  page.on('pageerror', (error) => page.errors.push(error.message));
  page.on('console', (message) => message.type() === 'error' && page.errors.push(message.text()));
  await page.goto(url);
  await page.click(`#be-${user}`);
  await page.waitForSelector('#roster button');
  return page;
}

const note = (page, text) =>
  page.waitForFunction((t) => document.querySelector('#roster .note')?.textContent === t, text, { timeout: 15_000 });
const see = (page, text) => page.waitForFunction(
  (t) => [...document.querySelectorAll('#log li:not(.mine)')].some((li) => li.textContent.endsWith(t)), text, { timeout: 15_000 });

async function say(page, text) {
  await page.fill('#text', text);
  await page.press('#text', 'Enter');
}

before(async () => {
  demo = new Child('demo', command, { env: sanitizer_env, death: 'TERM' });
  url = (await demo.line(/two windows of one browser:\s+(http:\S+)/, 60_000))[1];
  directory = (await demo.line(/log (\S+)\/postern\/postern\.log/))[1];
  browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: ['--no-sandbox'] });
});

after(async () => {
  await browser?.close();
  await demo?.stop('SIGTERM', 30_000);
});

test('one click each, and they see each other', async () => {
  alice = await window_of('alice');
  await note(alice, 'offline');
  bob = await window_of('bob');
  await note(alice, 'available');
  await note(bob, 'available');
  await alice.selectOption('#show', 'dnd');
  await note(bob, 'do not disturb');
});

test('messages both ways, as they were typed', async () => {
  await say(alice, 'hello <b>&amp; "😀"');
  await see(bob, 'hello <b>&amp; "😀"');
  await say(bob, 'hi');
  await see(alice, 'hi');
});

test('a reload keeps session, roster, presence and messages', async () => {
  const jid = await alice.textContent('#status');
  await alice.reload();
  await see(alice, 'hi');
  await note(alice, 'available');
  assert.equal(await alice.textContent('#status'), jid);
  await say(bob, 'still there?');
  await see(alice, 'still there?');
  await say(alice, 'yes');
  await see(bob, 'yes');
});

test('the chat without JavaScript, a file included', async () => {
  const origin = (await demo.line(/Open the chat without JavaScript: +(http:\S+)\//))[1];
  const reader = await Reader.open({ browser }, origin);
  await reader.log_in('alice', 'wonderland');
  await reader.open_chat('Bob');
  await reader.write('from a page without scripts');
  await see(bob, 'from a page without scripts');
  const path = join(temp_dir('file'), 'note.txt');
  writeFileSync(path, 'what I have written');
  await reader.attach(path);
  await reader.click('compose', 'button');
  await reader.see('stream', '.b a[href$="note.txt"]');
  await reader.close();
});

test('the room', async () => {
  for (const page of [alice, bob]) await page.click('#roster button[data-jid^=lobby]');
  await alice.waitForFunction(() => document.querySelector('#roster').textContent.includes('2 here'));
  await say(alice, 'all here');
  await see(bob, 'all here');
});

test('a log-out is seen', async () => {
  await bob.click('#logout');
  await note(alice, 'offline');
  assert.deepEqual([alice.errors, bob.errors], [[], []]);
});

test('Ctrl-C ends everything, and an open window says so in words', async () => {
  const children = await pids_below(demo.pid);
  assert.equal(children.length, 2);
  const end = await demo.stop('SIGINT', 30_000);
  assert.deepEqual([end.code, end.signal], [0, null], demo.tail());
  assert.deepEqual(children.filter(process_is_alive), []);
  assert.equal(existsSync(directory), false);
  // Told in its held request, or finding nobody there at its next one.
  await alice.waitForSelector('#error:not([hidden])', { timeout: 30_000 });
  assert.match(await alice.textContent('#error'), /postern (has been stopped|does not answer)/);
});

test('a port that is taken: one clear sentence, nothing left running', async () => {
  const other = createServer().listen(0, '127.0.0.1');
  const port = await new Promise((resolve) => other.once('listening', () => resolve(other.address().port)));
  const end = await run([...command, '--port', String(port)], { env: sanitizer_env, within: 60_000 });
  other.close();
  assert.equal(end.code, 1);
  assert.match(end.stderr, new RegExp(`port ${port} cannot be used .* --port`));
  assert.doesNotMatch(end.stderr, /Traceback/);
});

test('a postern that does not start: its own words', async () => {
  const end = await run(['python3', '-B', script, '--postern', '/bin/false'], { within: 60_000 });
  assert.equal(end.code, 1);
  assert.match(end.stderr, /postern ended while starting \(exit code 1\)/);
});
