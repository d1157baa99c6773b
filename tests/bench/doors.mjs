// What the doors cost beside each other: BOSH, WebSocket, a push stream and HTTP polling, the same load through each of them, of one
// gateway after the other, in turn. All figures are of the gateway's process alone; generator and XMPP server are this one. Prints
// a table of medians (of two rounds: the higher), and beside each figure its ratio to BOSH in the same round.
//   POSTERN_BINARY=build/release/gateway/postern taskset -c 1 node tests/bench/doors.mjs [ROUNDS] [IDLE SESSIONS] [SECONDS]
// The gateway has CPU 0 to itself. Needs `ulimit -n` of four descriptors a session and some.
//
// Messages: 100 sessions with one message in flight each, which the server sends back; a client says nothing but that, so a
// request of BOSH or of polling carries the message out and its answer the message back, and one of a push stream acknowledges
// the last event beside its message. Idle: sessions that have logged in and wait as their clients do, with the connections that they keep.
import { readdirSync, readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { stop_all } from '../e2e/lib/cleanup.mjs';
import { start_postern } from '../e2e/lib/postern.mjs';
import { doors } from './lib/doors.mjs';
import { serve } from './lib/echo_server.mjs';

const [rounds, idle, seconds] = [3, 2000, 5].map((usual, i) => Number(process.argv[2 + i] ?? usual));
const talkers = 100;
const watched = 60; // seconds of idleness: every client has something to say in them
const text = 'x'.repeat(100);

const settings = {
  threads: 1, server: { log_level: 'info' }, within: ['taskset', '-c', '0'], bosh: { push_streams: true }, polling: { enabled: true },
  limits: { session_starts_per_minute_per_address: 0, max_sessions_per_address: 0, max_connections_per_address: 0 },
};

const bytes_of = (pid) => Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))[1]) * 1024;
const us_of = (pid) => readdirSync(`/proc/${pid}/task`).reduce(
  (sum, task) => sum + Number(readFileSync(`/proc/${pid}/task/${task}/schedstat`, 'utf8').split(' ')[0]) / 1000, 0);

async function log_in(Door, port, count) {
  const sessions = Array.from({ length: count }, () => new Door(port));
  for (let i = 0; i < count; i += 50) await Promise.all(sessions.slice(i, i + 50).map((session) => session.log_in()));
  return sessions;
}

// Until it is stopped.
function talk(sessions) {
  let messages = 0;
  let over = false;
  const message = `<message xmlns='jabber:client' to='x@bench.test' type='chat'><body>${text}</body></message>`;
  const play = async (session) => {
    while (!over) {
      await session.echo(message);
      messages += 1;
    }
  };
  const playing = sessions.map(play);
  const stop = async () => {
    over = true;
    await Promise.all(playing);
  };
  return { count: () => messages, stop };
}

async function measure(Door) {
  const server = createServer(serve);
  await new Promise((resolve) => server.listen(0, '127.0.0.1', 4096, resolve));
  const gateway = await start_postern({ ...settings, domains: [{ name: 'bench.test', server: `127.0.0.1:${server.address().port}`, tls: 'none' }] });
  const { pid } = gateway;
  try {
    const speaking = await log_in(Door, gateway.port, talkers);
    const conversation = talk(speaking);
    await delay(1000);
    const [before, said] = [us_of(pid), conversation.count()];
    await delay(seconds * 1000);
    const [used, messages] = [us_of(pid) - before, conversation.count() - said];
    await conversation.stop();
    await delay(500);
    const [empty, begun] = [bytes_of(pid), us_of(pid)];
    const waiting = await log_in(Door, gateway.port, idle);
    for (const session of waiting) session.wait();
    await delay(1000);
    const logins = us_of(pid) - begun;
    const bytes = bytes_of(pid) - empty;
    const quiet = us_of(pid);
    await delay(watched * 1000);
    const rest = us_of(pid) - quiet;
    for (const session of [...speaking, ...waiting]) session.close();
    return { 'CPU of a message, µs': used / messages, 'messages a second': messages / seconds, 'CPU of a login, µs': logins / idle,
      'bytes of an idle session': bytes / idle, 'CPU of an idle session in a minute, µs': (rest / idle) * (60 / watched) };
  } finally {
    await stop_all(gateway);
    server.close();
  }
}

const median = (values) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)];

async function main() {
  const results = Object.fromEntries(Object.keys(doors).map((name) => [name, []]));
  for (let round = 0; round < rounds; round++) {
    for (const [name, Door] of Object.entries(doors)) results[name].push(await measure(Door));
  }
  const names = Object.keys(doors);
  console.log(`| | ${names.join(' | ')} |\n|---|${'---|'.repeat(names.length)}`);
  for (const what of Object.keys(results.BOSH[0])) {
    const cells = names.map((name) => {
      const ratio = median(results[name].map((result, i) => result[what] / results.BOSH[i][what]));
      return `${median(results[name].map((result) => result[what])).toFixed(what.includes('µs') ? 1 : 0)}${name === 'BOSH' ? '' : ` (${ratio.toFixed(2)})`}`;
    });
    console.log(`| ${what} | ${cells.join(' | ')} |`);
  }
}

await main();
process.exit(0);
