// Limits per address where a proxy stands in between: what it holds open counts for its clients (H-020, B-203).
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { answer_client, bind_feature, features, header, mechanisms } from './lib/fake_server.mjs';
import { leave_nothing_behind } from './lib/leave_nothing_behind.mjs';
import { Bench } from './lib/probe.mjs';
import { asking, PushReader, token_of } from './lib/push_reader.mjs';
import { HttpConnection, post } from './lib/raw_http.mjs';
import { until } from './lib/wait.mjs';
import { exchange_page, log_in_by_form } from './lib/web_tab.mjs';
import { WebSocketClient } from './lib/websocket.mjs';

describe('limits behind a proxy', () => {
  const bench = Bench.around({ server: { trusted_proxies: ['127.0.0.1'] }, limits: { max_connections_per_address: 3 }, bosh: { push_streams: true } });
  const of = (client) => ({ fields: { 'X-Forwarded-For': client } });

  it('what it holds open counts for the clients and not for the proxy (H-020, B-203)', async () => {
    const idle = [];
    for (let i = 0; i < 10; i++) {
      idle.push(await bench.connect());
      idle.at(-1).write(post('/http-bind', 'x', of('192.0.2.1')));
      assert.equal((await idle.at(-1).read_answer()).status, 200, `connection ${i}`);
    }
    const socket = (client) => WebSocketClient.open(bench.port, of(client));
    const open = [await socket('192.0.2.1'), await socket('192.0.2.1')];
    const { session } = await bench.pair({ attributes: asking });
    const stream = (client) => PushReader.open(bench.port, token_of(session.created), of(client));
    const reader = await stream('192.0.2.1');
    assert.equal(reader.head.status, 200);
    await assert.rejects(socket('192.0.2.1'), /503/);
    const more = await stream('192.0.2.1');
    assert.equal(more.head.status, 503);
    await bench.postern.child.line(/request of 192\.0\.2\.1 refused: max_connections_per_address reached$/);
    open.push(await socket('192.0.2.2'));
    const other = await HttpConnection.open(bench.port, { from: '127.0.0.9' }); // no proxy: what it says of itself means nothing
    other.write(post('/http-bind', 'x', of('192.0.2.1')));
    assert.equal((await other.read_answer()).status, 200);
    open[0].http.destroy();
    open.push(await until(() => socket('192.0.2.1'), 5000, 'a place is free again'));
    for (const { http } of open) http.destroy();
    for (const connection of [...idle, other, reader, more]) connection.destroy();
  });
});

describe('files behind a proxy', () => {
  const script = { on_element: answer_client,
    on_header: (stream) => stream.send(header() + features(stream.authenticated ? bind_feature : mechanisms)) };
  const bench = Bench.around({ script, server: { trusted_proxies: ['127.0.0.1'] }, limits: { max_connections_per_address: 1 }, webchat: { enabled: true } });

  it('count for the client that sends them (B-203)', async () => {
    const ask = (method, path, options) => exchange_page({ port: bench.port, method, path, ...options });
    const { cookie } = await log_in_by_form(ask, 'alice', 'secret');
    const path = '/contact/add';
    const token = /name="token" value="([^"]*)"/.exec((await ask('GET', path, { cookie })).text)[1];
    const { headers } = await ask('POST', path, { cookie, form: { token, address: 'bob@postern.test', do: 'write' } });
    const row = headers.location.split('/').at(-1);
    const upload = async (client) => {
      const connection = await bench.connect();
      connection.write(`POST /upload/${row} HTTP/1.1\r\nHost: x\r\nCookie: ${cookie}\r\nX-Forwarded-For: ${client}\r\n` +
        'Content-Type: multipart/form-data; boundary=x\r\nContent-Length: 1000\r\n\r\n--x\r\n');
      return connection;
    };
    const socket = (client) => WebSocketClient.open(bench.port, { fields: { 'X-Forwarded-For': client } });
    const first = await upload('192.0.2.1');
    await until(async () => {
      const other = await socket('192.0.2.1').catch(() => null);
      other?.http.destroy();
      return other === null;
    }, 5000, 'the file has taken the place');
    const second = await upload('192.0.2.1');
    assert.equal((await second.read_answer()).status, 503);
    await bench.postern.child.line(/file of 192\.0\.2\.1 refused: max_connections_per_address reached$/);
    const other = await socket('192.0.2.2');
    for (const connection of [first, second, other.http]) connection.destroy();
    (await until(() => socket('192.0.2.1').catch(() => null), 5000, 'the place is free again')).http.destroy();
  });
});

leave_nothing_behind();
