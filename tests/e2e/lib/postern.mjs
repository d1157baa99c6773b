// The program under test: writes its configuration, starts it on port 0, reads the real port from its log, stops it with SIGTERM
// and holds it to its promises: exit code 0, within a bound, no sanitizer report. POSTERN_BINARY names the binary.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { find_built } from './buddy.mjs';
import { temp_dir } from './cleanup.mjs';
import { Child } from './process.mjs';

export const postern_binary = process.env.POSTERN_BINARY || find_built('gateway/postern');

const sanitizer_report = /ERROR: (?:Address|Leak|Memory)Sanitizer|WARNING: ThreadSanitizer|: runtime error: /;

export const sanitizer_env = {
  ASAN_OPTIONS: 'detect_leaks=1:detect_stack_use_after_return=1:exitcode=99',
  UBSAN_OPTIONS: 'print_stacktrace=1:halt_on_error=1:exitcode=99',
  TSAN_OPTIONS: 'halt_on_error=1:exitcode=99:second_deadlock_stack=1',
};

function toml_value(value) {
  if (Array.isArray(value)) return `[${value.map(toml_value).join(', ')}]`;
  return typeof value === 'string' ? JSON.stringify(value) : String(value);
}

const toml_lines = (table) =>
  Object.entries(table).filter(([, value]) => value !== undefined).map(([key, value]) => `${key} = ${toml_value(value)}\n`);

// settings: {domains: [...], listen: [...], statics: [...], server, bosh, limits, ...}: each key as in conf/postern.toml.
export function toml(settings) {
  const { domains = [], listen = [{ address: '127.0.0.1:0' }], statics = [], ...tables } = settings;
  let text = '';
  for (const [name, table] of Object.entries(tables)) text += `[${name}]\n${toml_lines(table).join('')}`;
  for (const entry of listen) text += `[[listen]]\n${toml_lines(entry).join('')}`;
  for (const entry of statics) text += `[[static]]\n${toml_lines(entry).join('')}`;
  for (const entry of domains) text += `[[domain]]\n${toml_lines(entry).join('')}`;
  return text;
}

export function write_config(settings) {
  const dir = temp_dir('postern');
  const path = join(dir, 'postern.toml');
  writeFileSync(path, typeof settings === 'string' ? settings : toml(settings));
  return path;
}

export class Postern {
  constructor(child, listeners, config) {
    this.child = child;
    this.listeners = listeners;
    this.config = config;
    this.port = listeners[0].port;
    this.path = '/http-bind';
    this.url = `${listeners[0].origin}${this.path}`;
    this.websocket_url = `${listeners[0].origin.replace('http', 'ws')}/xmpp-websocket`;
  }

  get log() {
    return this.child.output;
  }

  get pid() {
    return this.child.pid;
  }

  // For tests to fail at once, and with the last words, where every wait would only run into its deadline.
  assert_running() {
    if (!this.child.running) assert.fail(`postern is gone: ${this.child.describe_end()}\n${this.child.tail()}`);
  }

  async reload(settings) {
    writeFileSync(this.config, toml(settings));
    this.child.process.kill('SIGHUP');
  }

  // The end every test file goes through. `within`: the bound on a drain that has nothing to wait for.
  async stop(within = 10_000) {
    const end = await this.child.stop('SIGTERM', within);
    assert.doesNotMatch(this.log, sanitizer_report, `sanitizer report:\n${this.child.tail(80)}`);
    assert.deepEqual({ code: end.code, signal: end.signal }, { code: 0, signal: null }, this.child.tail());
    return end;
  }
}

// The log names each listener once it accepts: one line a listener, in the order of the configuration.
// within: a command line to start it with, like ['prlimit', '--nofile=50:50']. env: beside that of the sanitizers. binary: another
// build of it.
export async function start_postern({ threads, within = [], env = {}, binary = postern_binary, ...settings }) {
  if (!binary) throw new Error('no postern: build it (target postern) or set POSTERN_BINARY');
  const server = { log_level: 'debug', ...(threads === undefined ? {} : { threads }), ...settings.server };
  const config = write_config({ ...settings, server });
  const child = new Child('postern', [...within, binary, '--config', config],
    { env: { ...sanitizer_env, ...env }, log: join(config, '..', 'postern.log') });
  const listeners = [];
  let since = 0;
  for (let i = 0; i < (settings.listen?.length ?? 1); i++) {
    const match = await child.line(/listening (https?):\/\/(\[[^\]]+\]|[0-9.]+):(\d+)/, 20_000, since);
    since = child.lines.indexOf(match.input) + 1;
    listeners.push({ origin: `${match[1]}://${match[2]}:${match[3]}`, port: Number(match[3]), secure: match[1] === 'https' });
  }
  return new Postern(child, listeners, config);
}
