// Brings node_modules to what package-lock.json says, with `npm ci`, unless it is there already. Run by ctest before the
// end-to-end tests; several at a time (two build directories) wait for each other.
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { setTimeout as delay } from 'node:timers/promises';

const dir = fileURLToPath(new URL('..', import.meta.url));
const mark = join(dir, 'node_modules', '.installed-from');
const wanted = createHash('sha256').update(readFileSync(join(dir, 'package-lock.json'))).digest('hex');
const installed = () => existsSync(mark) && readFileSync(mark, 'utf8') === wanted;
const lock = join(dir, '.installing');

const give_up = Date.now() + 300_000;
while (!installed()) {
  try {
    mkdirSync(lock);
  } catch (error) {
    if (error.code !== 'EEXIST') throw error;
    if (Date.now() > give_up) throw new Error(`another installation does not end; if there is none, remove ${lock}`);
    await delay(200);
    continue;
  }
  try {
    const { status } = spawnSync('npm', ['ci', '--no-audit', '--no-fund'], { cwd: dir, stdio: 'inherit' });
    if (status !== 0) process.exit(1);
    writeFileSync(mark, wanted);
  } finally {
    rmdirSync(lock);
  }
}
