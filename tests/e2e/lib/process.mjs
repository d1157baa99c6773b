// One child process: its lines as they come, its exit as a promise, an orderly and a hard end. Children get their own process
// group (Ctrl-C reaches Node alone, which then stops them in order) and die with Node even if that is killed.
import { spawn } from 'node:child_process';
import { createWriteStream } from 'node:fs';
import { createConnection } from 'node:net';
import { createInterface } from 'node:readline';
import { at_exit } from './cleanup.mjs';
import { deadline, until } from './wait.mjs';

const kept_lines = 20_000;

export class Child {
  // argv: program and arguments. death: the signal the kernel sends it when Node dies.
  constructor(name, argv, { env = {}, cwd, log, death = 'KILL', stdin = 'ignore' } = {}) {
    this.name = name;
    this.lines = [];
    this.watchers = new Set();
    this.log = log ? createWriteStream(log, { flags: 'a' }) : null;
    const environment = { ...process.env, ...env };
    // The runner's own marker must not leak: a child `node` would report its results to it.
    delete environment.NODE_TEST_CONTEXT;
    this.process = spawn('setpriv', ['--pdeathsig', death, '--', ...argv],
      { cwd, env: environment, detached: true, stdio: [stdin, 'pipe', 'pipe'] });
    this.pid = this.process.pid;
    const forget = at_exit(() => this.signal_group('SIGKILL'));
    this.exited = new Promise((resolve) => {
      this.process.once('error', (error) => resolve({ code: null, signal: null, error }));
      this.process.once('close', (code, signal) => {
        forget();
        this.log?.end();
        resolve({ code, signal });
      });
    });
    this.exited.then((result) => {
      this.result = result;
      for (const watcher of [...this.watchers]) watcher.gone();
    });
    for (const stream of [this.process.stdout, this.process.stderr]) {
      createInterface({ input: stream, crlfDelay: Infinity }).on('line', (line) => this.on_line(line));
    }
  }

  on_line(line) {
    this.log?.write(`${line}\n`);
    this.lines.push(line);
    if (this.lines.length > kept_lines) this.lines.splice(0, kept_lines / 2);
    for (const watcher of [...this.watchers]) watcher.line(line);
  }

  get output() {
    return this.lines.join('\n');
  }

  // The first line that matches, among those already there (from index `since` on) or to come.
  line(pattern, within = 10_000, since = 0) {
    for (let i = since; i < this.lines.length; i++) {
      const match = pattern.exec(this.lines[i]);
      if (match) return Promise.resolve(match);
    }
    let watcher;
    const promise = new Promise((resolve, reject) => {
      watcher = {
        line: (line) => {
          const match = pattern.exec(line);
          if (match) resolve(match);
        },
        gone: () => reject(new Error(`${this.name} ended (${this.describe_end()}) before ${pattern}\n${this.tail()}`)),
      };
      if (this.result) watcher.gone();
      this.watchers.add(watcher);
    });
    return deadline(promise, within, () => `${this.name}: line ${pattern}\n${this.tail()}`)
      .finally(() => this.watchers.delete(watcher));
  }

  tail(count = 30) {
    return this.lines.slice(-count).map((line) => `  | ${line}`).join('\n');
  }

  describe_end() {
    const { code, signal, error } = this.result;
    return error ? error.message : signal ? `signal ${signal}` : `exit code ${code}`;
  }

  get running() {
    return !this.result;
  }

  signal_group(signal) {
    try {
      process.kill(-this.pid, signal);
    } catch (error) {
      if (error.code !== 'ESRCH') throw error;
    }
  }

  // Asks, waits, insists. Returns the end and how long it took; a forced end shows as signal SIGKILL.
  async stop(signal = 'SIGTERM', within = 10_000) {
    const begun = Date.now();
    if (this.running) this.process.kill(signal);
    let result;
    try {
      result = await deadline(this.exited, within, `${this.name} ends after ${signal}`);
    } catch {
      this.signal_group('SIGKILL');
      result = await this.exited;
    }
    this.signal_group('SIGKILL'); // what it may have left in its group
    return { ...result, took: Date.now() - begun };
  }

  async kill() {
    this.signal_group('SIGKILL');
    return this.exited;
  }
}

export function can_connect(port, host = '127.0.0.1') {
  return new Promise((resolve) => {
    const socket = createConnection({ port, host });
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}

// Until the port answers; a child that has ended meanwhile is reported as such instead of as a late port.
export async function wait_for_port(port, child, within = 30_000) {
  await until(async () => child?.result || can_connect(port), within, `${child?.name ?? 'server'} listens on port ${port}`);
  if (child?.result) throw new Error(`${child.name} ended (${child.describe_end()}) while starting\n${child.tail()}`);
}

// Runs to the end and gives everything it said.
export async function run(argv, { env = {}, cwd, within = 20_000, input } = {}) {
  const child = spawn(argv[0], argv.slice(1), { cwd, env: { ...process.env, ...env }, stdio: ['pipe', 'pipe', 'pipe'] });
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (chunk) => (stdout += chunk));
  child.stderr.on('data', (chunk) => (stderr += chunk));
  child.stdin.on('error', () => {});
  child.stdin.end(input ?? '');
  const forget = at_exit(() => child.kill('SIGKILL'));
  const ended = new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code, signal) => resolve({ code, signal, stdout, stderr }));
  });
  try {
    return await deadline(ended, within, () => `${argv.join(' ')} ends\n${stdout}${stderr}`);
  } finally {
    child.kill('SIGKILL');
    forget();
  }
}
