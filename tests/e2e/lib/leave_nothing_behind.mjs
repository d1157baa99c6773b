// To be called at the end of every test file. A test that fails in its middle leaves servers and sockets open, and the runner
// would wait for them for ever; this last test takes them away whatever happened before.
import { test } from 'node:test';
import { undo_all } from './cleanup.mjs';

export function leave_nothing_behind() {
  test('leaves nothing behind', () => undo_all());
}
