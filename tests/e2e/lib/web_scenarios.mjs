// What every browser must do with the chat without scripts, told in the words of lib/web_reader.mjs: one list for Chromium and
// Firefox. `world` has server, gateway, bob (lib/buddy.mjs); open() gives a reader.
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { until } from './wait.mjs';
import { wait } from './web_reader.mjs';

const value_of = (reader) => reader.ask('compose', '#t', (node) => node.value);

async function is_empty(reader) {
  await until(async () => (await value_of(reader)) === '', wait, 'an empty form');
}

export function web_scenarios({ world, open }) {
  const alice = () => world.server.jid('alice');
  const from_alice = (body) => world.bob.event('message', (event) => event.body === body);
  const log_in = async () => {
    const reader = await open();
    await reader.log_in('alice', world.server.password('alice'));
    await reader.see('stream', '.rows li', 'bob');
    return reader;
  };

  it('says in words why a login failed', async () => {
    const reader = await open();
    await reader.log_in('alice', 'wrong');
    await reader.see('page', '[role=alert]', 'Address or password is wrong.');
    await reader.close();
  });

  it('shows presence and unread messages as they come', async () => {
    world.bob.presence({ show: 'away', status: 'gone <fishing>' });
    const reader = await log_in();
    await reader.see('stream', '.st', 'gone <fishing>');
    for (const [show, words] of [['away', 'away'], ['dnd', 'do not disturb'], ['xa', 'away for long']]) {
      world.bob.presence({ show });
      await reader.shows('.rows li .p', `"${words}"`);
    }
    world.bob.message(alice(), 'unread');
    await reader.shows('.rows li .n', '"1"');
    await reader.close();
  });

  it('chats live both ways, with an empty form and the caret in it after each message', async () => {
    const reader = await log_in();
    await reader.open_chat('bob');
    world.bob.message(alice(), 'are you <there>?');
    await reader.see_message('are you <there>?');
    await reader.write('yes & no');
    await from_alice('yes & no');
    await reader.see_message('yes & no');
    // No click from here on: the form has the caret again.
    for (const text of ['second', 'third "quoted"']) {
      await is_empty(reader);
      await reader.type(text);
      await reader.press('Enter');
      await from_alice(text);
      await reader.see_message(text);
    }
    world.bob.message(alice(), 'live');
    await reader.see_message('live');
    await reader.close();
  });

  it('leaves a draft and its caret alone while messages come', async () => {
    const reader = await log_in();
    await reader.open_chat('bob');
    await reader.fill('compose', '#t', 'begun');
    await reader.press('Home');
    world.bob.message(alice(), 'in between');
    await reader.see_message('in between');
    await reader.type('re-');
    assert.equal(await value_of(reader), 're-begun');
    await reader.press('Enter');
    await from_alice('re-begun');
    await reader.close();
  });

  it('follows the newest message, but not under the eyes of who reads further up', async () => {
    const reader = await log_in();
    await reader.open_chat('bob');
    for (let i = 1; i <= 30; i++) world.bob.message(alice(), `line ${i}.`);
    await reader.see_message('line 30.');
    const bottom = () => reader.ask('stream', '#sc', (node) => node.scrollTop);
    await until(async () => Math.abs(await bottom()) < 2, wait, 'the newest is in view');
    await reader.ask('stream', '#sc', (node) => { node.scrollTop = -300; });
    const place = () => reader.ask('stream', '#log section:first-of-type .b:nth-of-type(5)', (node) => Math.round(node.getBoundingClientRect().top));
    const before = await place();
    for (let i = 31; i <= 40; i++) world.bob.message(alice(), `line ${i}.`);
    await reader.see_message('line 40.');
    assert.ok(Math.abs(await place() - before) <= 2, `moved by ${await place() - before} pixels`);
    await reader.click('stream', '.tools a', 'Newest');
    await until(async () => Math.abs(await bottom()) < 2, wait, 'the newest is in view again');
    world.bob.message(alice(), 'line 41.');
    await reader.see_message('line 41.');
    await until(async () => Math.abs(await bottom()) < 2, wait, 'it is followed again');
    await reader.close();
  });

  it('renews its stream by itself when the list changes: what was before is there still, and what comes after comes', async () => {
    const reader = await log_in();
    await reader.open_chat('bob');
    world.bob.message(alice(), 'before the renewal');
    await reader.see_message('before the renewal');
    const stranger = world.carol;
    stranger.message(alice(), 'a new row');
    await reader.see('stream', '.rows li', 'carol');
    await reader.see_message('before the renewal');
    world.bob.message(alice(), 'after the renewal');
    await reader.see_message('after the renewal');
    await reader.close();
  });

  it('logs out for good', async () => {
    const reader = await log_in();
    await reader.click('stream', '.own button');
    await reader.see('page', '[role=alert]', 'You are logged out.');
    await reader.go('/settings');
    await reader.see('page', 'a.button', 'Log in again');
    await reader.close();
  });
}
