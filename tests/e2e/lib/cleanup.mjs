// What a test file leaves behind when it ends, however it ends: nothing. Every process and directory registers its undoing
// here; it runs on normal exit, on SIGINT/SIGTERM/SIGHUP and after an uncaught error. A SIGKILL of Node itself is covered
// elsewhere: children die with their parent (process.mjs), stale directories are swept by the next run.
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const undoings = new Set();

// `undo` must be synchronous: 'exit' handlers cannot wait. Returns a function that takes the registration back.
export function at_exit(undo) {
  undoings.add(undo);
  return () => undoings.delete(undo);
}

export function undo_all() {
  // Last registered first: a process goes before the directory it writes to.
  for (const undo of [...undoings].reverse()) {
    undoings.delete(undo);
    try {
      undo();
    } catch (error) {
      process.stderr.write(`cleanup: ${error.message}\n`);
    }
  }
}

process.on('exit', undo_all);
for (const [signal, number] of [['SIGINT', 2], ['SIGTERM', 15], ['SIGHUP', 1]]) {
  process.on(signal, () => {
    undo_all();
    process.exit(128 + number);
  });
}

// Stops what has a stop() (or quit()), in this order; one that fails does not keep the others running.
export async function stop_all(...things) {
  let first = null;
  for (const thing of things) {
    try {
      await (thing?.stop ?? thing?.quit)?.call(thing);
    } catch (error) {
      first ??= error;
    }
  }
  if (first) throw first;
}

export function process_is_alive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === 'EPERM';
  }
}

const prefix = 'postern-e2e-';
let own_root = null;

function sweep(base) {
  for (const name of readdirSync(base)) {
    const match = /^postern-e2e-(\d+)-/.exec(name);
    if (match && !process_is_alive(Number(match[1]))) rmSync(join(base, name), { recursive: true, force: true });
  }
}

function root() {
  if (own_root) return own_root;
  const base = process.env.POSTERN_E2E_TMP ?? tmpdir();
  sweep(base);
  own_root = mkdtempSync(join(base, `${prefix}${process.pid}-`));
  const dir = own_root;
  if (process.env.POSTERN_E2E_KEEP) process.stderr.write(`kept: ${dir}\n`);
  else at_exit(() => rmSync(dir, { recursive: true, force: true, maxRetries: 5 }));
  return own_root;
}

let serial = 0;

// A private directory below one temporary root per test file; POSTERN_E2E_KEEP=1 keeps it for a look afterwards.
export function temp_dir(name) {
  const dir = join(root(), `${name}-${++serial}`);
  mkdirSync(dir);
  return dir;
}
