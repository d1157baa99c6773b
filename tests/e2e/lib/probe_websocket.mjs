// WebSocket on the bench of probe.mjs: a stream up to its features, a login, and the ways in which either ends.
import assert from 'node:assert/strict';
import { auth as auth_request } from './probe.mjs';
import { close_element, open_element, WebSocketClient } from './websocket.mjs';
import { ns, parse } from './xml.mjs';

export const auth = auth_request.payload;

export const error_of = (xml) => {
  const error = parse(xml);
  assert.equal(error.name, 'stream:error', xml);
  assert.equal(error.attributes['xmlns:stream'], ns.streams, 'W-015');
  return error.children[0].local;
};

export async function assert_refused(client, condition, code) {
  assert.equal(error_of(await client.message()), condition);
  assert.equal(await client.message(), close_element);
  assert.equal(await client.closed(), code);
}

// A connection, its stream at the server, both open and the features read.
export async function begin(bench, options = {}) {
  bench.postern.assert_running();
  bench.server.arrivals.clear();
  const client = await WebSocketClient.open(bench.port, options);
  client.send(open_element());
  const stream = await bench.server.accept();
  const open = parse(await client.message());
  const features = parse(await client.message());
  return { client, stream, open, features };
}

export async function log_in(bench, options) {
  const both = await begin(bench, options);
  both.client.send(auth);
  assert.match(await both.client.message(), /^<success /);
  both.client.send(open_element());
  assert.match(await both.client.message(), /^<open /);
  assert.match(await both.client.message(), /urn:ietf:params:xml:ns:xmpp-bind/);
  return both;
}
