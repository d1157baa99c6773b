// To be called at the end of every test file. A test that fails in its middle leaves servers and sockets open, and the runner
// would wait for them for ever; this last test takes them away whatever happened before. What then still keeps the process alive
// is named, and fails the file.
import { test } from 'node:test';
import { undo_all } from './cleanup.mjs';
import { patience } from './wait.mjs';

function describe_handle(handle) {
  const { localAddress: near, localPort: port, remotePort: far, spawnfile } = handle;
  return [handle.constructor.name, near && `${near}:${port} to ${far}`, spawnfile].filter(Boolean).join(' ');
}

function name_what_is_left() {
  // The list has no public name; the public one (getActiveResourcesInfo) tells kinds only.
  const handles = process._getActiveHandles().map(describe_handle);
  process.stderr.write(`still there: ${process.getActiveResourcesInfo().join(' ')}\n${handles.join('\n')}\n`);
  process.exit(1);
}

export function leave_nothing_behind() {
  // At its natural end Node 20 takes down what handles there still are, and now and then turns in a circle over sockets that were
  // reset. Who leaves in this event is spared that; the exit code stays.
  process.once('exit', () => process.exit());
  test('leaves nothing behind', async () => {
    await undo_all();
    setTimeout(name_what_is_left, 15_000 * patience).unref();
  });
}
