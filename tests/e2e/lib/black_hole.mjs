// A port whose SYN nobody answers, as behind a firewall that drops: its program is stopped and its queue is full, so that the
// kernel answers no further connection either.
import { readFileSync } from 'node:fs';
import { createConnection } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { Child } from './process.mjs';
import { until } from './wait.mjs';

const program = `const server = require('node:net').createServer().listen({ port: 0, host: '127.0.0.1', backlog: 1 },
  () => console.log('port ' + server.address().port));`;

export class BlackHole {
  static async start() {
    const self = new BlackHole();
    self.child = new Child('black hole', [process.execPath, '-e', program]);
    self.port = Number((await self.child.line(/^port (\d+)$/))[1]);
    self.child.process.kill('SIGSTOP');
    await until(() => / T /.test(readFileSync(`/proc/${self.child.pid}/stat`, 'utf8')), 5000, 'a stopped program');
    self.guests = [];
    while (await self.answers());
    return self;
  }

  // Loopback needs microseconds to connect.
  async answers() {
    const guest = createConnection(this.port, '127.0.0.1');
    guest.on('error', () => {});
    this.guests.push(guest);
    await Promise.race([new Promise((resolve) => guest.once('connect', resolve)), delay(300)]);
    await new Promise(setImmediate); // a process that stood still has its timers before its sockets
    return !guest.connecting;
  }

  async stop() {
    for (const guest of this.guests) guest.destroy();
    this.child.signal_group('SIGKILL');
    await this.child.exited;
  }
}
