// What particular clients rely on and no other file shows: rules of H, U, X and Q one by one, on the wire.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { BoshSession, read_body } from './lib/bosh.mjs';
import { bind_feature, features, answer_sasl } from './lib/fake_server.mjs';
import { leave_nothing_behind } from './lib/leave_nothing_behind.mjs';
import { assert_terminated, Bench, from_server, message, texts_in } from './lib/probe.mjs';
import { post, request } from './lib/raw_http.mjs';
import { sockets_of } from './lib/tcp_table.mjs';
import { until } from './lib/wait.mjs';
import { find, ns } from './lib/xml.mjs';

const path = '/http-bind';

describe('one document, one body', () => {
  const bench = Bench.around();

  it('H-001 a POST is one document, and its answer is one <body/>', async () => {
    const { session, stream } = await bench.pair();
    const held = await session.send({ payload: message('one') + message('two') });
    assert.match(await stream.element(), /one/);
    assert.match(await stream.element(), /two/);
    stream.send(from_server('a') + from_server('b'));
    assert.deepEqual(texts_in(await held.answer), ['a', 'b']);
    const two = session.text({}, '', session.rid + 1) + session.text({}, '', session.rid + 2);
    assert_terminated(read_body(await bench.exchange(post(path, two))), 'bad-request');
    const next = await session.send({ payload: message('unharmed') });
    assert.match(await stream.element(), /unharmed/);
    stream.send(from_server('c'));
    assert.deepEqual(texts_in(await next.answer), ['c']);
  });

  it('H-023 a held connection and the link behind it are probed, so that a peer that vanished is noticed', async () => {
    const { session, stream } = await bench.pair();
    const held = await session.send({ payload: message('here') });
    await stream.element();
    await bench.still_held(held);
    for (const [local, remote] of [[bench.port, held.connection.socket.localPort], [stream.socket.remotePort, bench.server.port]]) {
      // First the timer of what was sent and is not acknowledged yet.
      await until(() => sockets_of(local, remote).some(({ timer, seconds }) => timer === '02' && seconds <= 20), 5000,
        `a keep-alive timer of ${local} -> ${remote}`);
    }
    held.connection.destroy();
  });

  it('Q-41 gloox: "Content-Length: n" in that spelling, never chunked, whatever is answered', async () => {
    const { session } = await bench.pair();
    const unknown = session.text({ sid: 'nobody' });
    for (const bytes of [post(path, 'x'), post(path, unknown), request('GET', path), post('/elsewhere', 'x'), request('PUT', path)]) {
      const answer = await bench.exchange(bytes);
      const head = answer.raw.slice(0, answer.raw.indexOf('\r\n\r\n'));
      const [, length] = /^Content-Length: (\d+)\r?$/m.exec(head);
      assert.equal(Number(length), answer.body.length);
      assert.doesNotMatch(head, /Transfer-Encoding/i);
    }
  });
});

describe('who a session belongs to', () => {
  const bench = Bench.around();

  it('Q-01 JSJaC: rids that anybody can guess open nothing, the sid does', async () => {
    const jsjac = { rid: 100_001 };
    const [a, b] = [await bench.pair(jsjac), await bench.pair(jsjac)];
    assert.notEqual(a.session.sid, b.session.sid);
    const held = await a.session.send();
    const last = a.session.sid.at(-1);
    for (const sid of [`${a.session.sid.slice(0, -1)}${last === 'A' ? 'B' : 'A'}`, a.session.sid.slice(0, -1), `${a.session.sid}A`, a.session.sid.toLowerCase()]) {
      if (sid === a.session.sid) continue;
      assert_terminated(read_body(await bench.exchange(post(path, a.session.text({ sid }, '', 100_003)))), 'item-not-found');
    }
    a.stream.send(from_server('still mine'));
    assert.deepEqual(texts_in(await held.answer), ['still mine']);
  });

  it('X-031 a login at the web server is none at the XMPP server: EXTERNAL is not made up', async () => {
    const fields = { Authorization: 'Basic YWxpY2U6c2VjcmV0', Cookie: 'session=1', 'X-Remote-User': 'alice' };
    const [answer, stream] = await Promise.all([bench.exchange(post(path, BoshSession.creation(), { fields })), bench.server.accept()]);
    const created = read_body(answer);
    const offered = find(created.children[0], 'mechanisms').children.map((mechanism) => mechanism.text);
    assert.deepEqual(offered, ['PLAIN'], 'what the server offers, and nothing else');
    assert.doesNotMatch(stream.headers[0], /alice|\sfrom=/);
  });
});

describe('compression of the stream', () => {
  const compression = "<compression xmlns='http://jabber.org/features/compress'><method>zlib</method></compression>";
  const bench = Bench.around({
    script: {
      on_header: (stream) => stream.send(`<?xml version='1.0'?><stream:stream xmlns='jabber:client' xmlns:stream='${ns.streams}' `
        + `id='c' from='postern.test' version='1.0'>${features(compression + bind_feature)}`),
      on_element: answer_sasl,
    },
  });

  it('U-017 neither asked for nor passed on: the browser does not see the offer, the server no <compress/>', async () => {
    const { session, stream } = await bench.pair();
    assert.equal(find(session.created.children[0], 'compression'), undefined);
    assert.ok(find(session.created.children[0], 'bind'));
    const refused = await session.ask({ payload: "<compress xmlns='http://jabber.org/protocol/compress'><method>zlib</method></compress>" });
    assert.ok(find(refused.root, 'unsupported-method'));
    const held = await session.send({ payload: message('plain') });
    assert.match(await stream.element(), /plain/);
    assert.doesNotMatch(stream.raw, /compress/);
    held.connection.destroy();
  });
});

describe('pages of other origins', () => {
  const bench = Bench.around({ cors: { headers: ['Content-Type', 'X-Custom'] } });

  it('Q-28, Q-71 Strophe: a preflight for text/xml and its customHeaders, then the POST that it was for', async () => {
    const asked = { Origin: 'https://chat.example', 'Access-Control-Request-Method': 'POST', 'Access-Control-Request-Headers': 'content-type,x-custom' };
    const preflight = await bench.exchange(request('OPTIONS', path, '', { fields: asked, length: false }));
    assert.equal(preflight.status, 204);
    const allowed = preflight.field('access-control-allow-headers').toLowerCase().split(/\s*,\s*/);
    for (const name of ['content-type', 'x-custom']) assert.ok(allowed.includes(name), name);
    assert.ok(Number(preflight.field('access-control-max-age')) >= 600, 'not one for each request');
    const fields = { Origin: 'https://chat.example', 'Content-Type': 'text/xml; charset=utf-8', 'X-Custom': '1' };
    const [answer] = await Promise.all([bench.exchange(post(path, BoshSession.creation(), { fields })), bench.server.accept()]);
    assert.equal(read_body(answer).attributes.from, 'postern.test');
    assert.equal(answer.field('access-control-allow-origin'), '*');
  });
});

leave_nothing_behind();
