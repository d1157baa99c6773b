// What readers of the chat without scripts cost: guests on a private Prosody, each with one endless page, and one buddy who writes to
// them. Prints memory, processor time and latency as lines of a table.
//   POSTERN_BINARY=build/release/gateway/postern POSTERN_BUDDY=build/dev/tests/support/buddy node tests/bench/web_streams.mjs [READERS]
// Needs `ulimit -n` of three descriptors a reader and some. No browser takes part: see tests/e2e/web_*.test.mjs for what one shows.
import { readFileSync } from 'node:fs';
import { stop_all } from '../e2e/lib/cleanup.mjs';
import { Prosody } from '../e2e/lib/prosody.mjs';
import { WebSession } from '../e2e/lib/web_session.mjs';
import { start_world, stop_world } from '../e2e/lib/web_world.mjs';

const readers = Number(process.argv[2] ?? 2000);
const at_once = 20;
const events = 5000;

const world = {};
const kilobytes = () => Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${world.gateway.pid}/status`, 'utf8'))[1]);
const cpu_ms = () => {
  const [, user, system] = /^\d+ \(.*\) \S+(?: \S+){10} (\d+) (\d+)/.exec(readFileSync(`/proc/${world.gateway.pid}/stat`, 'utf8'));
  return (Number(user) + Number(system)) * 10;
};
const row = (what, value) => console.log(`| ${what} | ${value} |`);
const quantile = (sorted, q) => sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))].toFixed(1);

async function in_parallel(count, job) {
  let next = 0;
  await Promise.all(Array.from({ length: at_once }, async () => {
    while (next < count) await job(next++);
  }));
}

// From the buddy's command to the bytes on the stream; the buddy looks for commands every 10 ms at the latest.
async function latency(page, to, count) {
  const took = [];
  for (let i = 0; i < count; i++) {
    const text = `message ${i} of ${count}.`;
    const begun = performance.now();
    const seen = new Promise((resolve) => {
      const look = () => {
        if (!page.text.includes(text)) return;
        page.response.off('data', look);
        resolve();
      };
      page.response.on('data', look);
    });
    world.bob.message(to, text);
    await seen;
    took.push(performance.now() - begun);
  }
  took.sort((a, b) => a - b);
  return `${quantile(took, 0.5)}, ${quantile(took, 0.99)} ms`;
}

async function main() {
  await start_world(world, Prosody, {
    server: { guests: true, plaintext: true }, people: ['bob'], tls: 'none',
    gateway: { threads: 1, server: { log_level: 'info' }, limits: { session_starts_per_minute_per_address: 0, max_sessions_per_address: 0, max_connections_per_address: 0 } },
  });
  const empty = kilobytes();
  const sessions = new Array(readers);
  let begun = cpu_ms();
  await in_parallel(readers, async (i) => {
    sessions[i] = await WebSession.open(world.origin, '', '', { how: 'guest' });
  });
  const logged_in = kilobytes();
  row(`${readers} sessions: CPU per login, with its three to five pages`, `${((cpu_ms() - begun) / readers).toFixed(1)} ms`);
  row('memory per session without a window', `${((logged_in - empty) / readers).toFixed(1)} kB`);
  const pages = new Array(readers);
  begun = cpu_ms();
  await in_parallel(readers, async (i) => {
    pages[i] = await sessions[i].stream('/stream/');
    await pages[i].see('id="log"');
  });
  row('memory per session with its stream', `${((kilobytes() - empty) / readers).toFixed(1)} kB`);
  row('CPU to open a stream', `${((cpu_ms() - begun) / readers).toFixed(2)} ms`);
  begun = cpu_ms();
  const from = performance.now();
  await new Promise((resolve) => setTimeout(resolve, 30_000));
  row('CPU of all of them waiting, with a keep-alive every 15 s',
    `${((cpu_ms() - begun) / (performance.now() - from) * 100).toFixed(1)} % of a core`);

  // One of them in a conversation.
  const reader = sessions[0];
  const { text } = await reader.get('/settings');
  const to = /[\w-]+@guests\.postern\.test/.exec(text)[0];
  world.bob.message(to, 'the first');
  const page = await reader.stream(`/stream/${await reader.row('bob')}`);
  await page.see('the first');
  row(`from the buddy's command to the bytes on the stream, beside ${readers} streams: p50, p99`, await latency(page, to, 200));
  begun = cpu_ms();
  const before = kilobytes();
  const length = page.text.length;
  const written = performance.now();
  for (let i = 1; i <= events; i++) world.bob.message(to, `event ${i}.`);
  let pages_of_it = 1;
  let last = page;
  while (!last.text.includes(`event ${events}.`)) {
    if (last.ended) {
      last = await reader.stream(`/stream/${await reader.row('bob')}`);
      pages_of_it += 1;
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  row(`${events} messages in one conversation: pages it took, bytes of a message, CPU of a message`,
    `${pages_of_it}, ${Math.round((page.text.length - length) / (page.text.match(/event \d+\./g)?.length ?? 1))} bytes, ${((cpu_ms() - begun) * 1000 / events).toFixed(0)} µs`);
  row('and the time, memory grown', `${((performance.now() - written) / 1000).toFixed(1)} s, ${kilobytes() - before} kB`);
  for (const one of [...pages, page, last]) one.close();
}

try {
  await main();
} finally {
  await stop_all({ stop: () => stop_world(world) });
}
