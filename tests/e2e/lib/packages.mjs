// Fails unless node_modules is what the lock file says, as tools/setup has left it: without this, every end-to-end test
// would fail with a reason of its own. Installs nothing: there is one installer.
import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const read = (name) => readFileSync(fileURLToPath(new URL(`../${name}`, import.meta.url)));
const stamp = fileURLToPath(new URL('../node_modules/.postern-stamp', import.meta.url));
const wanted = createHash('sha256').update(read('package.json')).update(read('package-lock.json')).digest('hex');
if (!existsSync(stamp) || !readFileSync(stamp, 'utf8').startsWith(wanted)) {
  console.error('The npm packages of tests/e2e are missing or old. Run: tools/setup test');
  process.exit(1);
}
