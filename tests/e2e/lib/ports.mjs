// Free ports on loopback for programs that cannot be asked for port 0. "Bind 0, close, hope" loses races when test files run
// in parallel and when outgoing connections take the port in between. So: ports below the ephemeral range, claimed
// by a lock file that names its owner, and proven free by binding once.
import { closeSync, mkdirSync, openSync, readFileSync, unlinkSync, writeSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { at_exit, process_is_alive } from './cleanup.mjs';

const first = 12_000;
const last = 31_999;
const locks = join(tmpdir(), 'postern-e2e-ports');

function claim(port) {
  mkdirSync(locks, { recursive: true });
  const path = join(locks, String(port));
  for (let attempt = 0; attempt < 2; attempt++) {
    try {
      const fd = openSync(path, 'wx');
      writeSync(fd, String(process.pid));
      closeSync(fd);
      at_exit(() => unlinkSync(path));
      return true;
    } catch (error) {
      if (error.code !== 'EEXIST') throw error;
    }
    try {
      const owner = Number(readFileSync(path, 'utf8') || '0');
      // An empty file is a claim in the making.
      if (owner === 0 || process_is_alive(owner)) return false;
      unlinkSync(path);
    } catch {
      return false;
    }
  }
  return false;
}

function can_bind(port) {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen({ port, host: '127.0.0.1', exclusive: true }, () => server.close(() => resolve(true)));
  });
}

export async function free_port() {
  for (let attempt = 0; attempt < 1000; attempt++) {
    const port = first + Math.floor(Math.random() * (last - first + 1));
    if (claim(port) && (await can_bind(port))) return port;
  }
  throw new Error('no free port found');
}
