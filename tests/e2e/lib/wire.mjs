// A piece of network that a test can cut: a TCP relay in front of one port. Cut, it resets what it carries and whoever
// comes; deaf, it keeps every connection open and moves not a byte. A record (stream_record.mjs) is shown all that passes.
import { createConnection, createServer } from 'node:net';
import { at_exit } from './cleanup.mjs';

export class Wire {
  static async to(port, { host = '127.0.0.1', record } = {}) {
    const self = new Wire();
    self.record = record;
    self.target = { port, host };
    self.pairs = new Set();
    self.is_cut = false;
    self.is_deaf = false;
    self.server = createServer({ allowHalfOpen: true }, (near) => self.carry(near));
    await new Promise((resolve) => self.server.listen(0, '127.0.0.1', resolve));
    self.port = self.server.address().port;
    self.forget = at_exit(() => self.stop());
    return self;
  }

  carry(near) {
    if (this.is_cut) return near.resetAndDestroy();
    const far = createConnection({ ...this.target, allowHalfOpen: true });
    const pair = { near, far };
    this.pairs.add(pair);
    const tap = this.record?.tap();
    if (tap) {
      near.on('data', (chunk) => tap.near(chunk));
      far.on('data', (chunk) => tap.far(chunk));
    }
    const drop = () => {
      if (this.pairs.delete(pair)) tap?.closed();
      near.destroy();
      far.destroy();
    };
    for (const [from, to] of [[near, far], [far, near]]) {
      from.setNoDelay(true);
      from.on('data', (chunk) => {
        if (!to.write(chunk)) from.pause();
      });
      to.on('drain', () => this.is_deaf || from.resume());
      from.on('end', () => to.end());
      from.on('error', drop);
      from.on('close', drop);
    }
    if (this.is_deaf) this.deafen();
  }

  cut() {
    this.is_cut = true;
    for (const { near, far } of this.pairs) {
      near.resetAndDestroy();
      far.resetAndDestroy();
    }
  }

  // As a proxy that is restarted: it says good-bye to whoever came, and is there for who comes again.
  hang_up() {
    for (const { near, far } of this.pairs) {
      far.resetAndDestroy();
      near.end();
    }
  }

  deafen() {
    if (!this.is_deaf) this.mended = new Promise((resolve) => (this.on_mended = resolve));
    this.is_deaf = true;
    for (const { near, far } of this.pairs) {
      near.pause();
      far.pause();
    }
  }

  mend() {
    this.is_cut = false;
    this.is_deaf = false;
    for (const { near, far } of this.pairs) {
      near.resume();
      far.resume();
    }
    this.on_mended?.();
  }

  // The record has been shown all that was on its way by now: two turns of the loop, behind a silence if there is one.
  async all_seen() {
    await this.mended;
    for (let turn = 0; turn < 2; turn++) await new Promise((resolve) => setImmediate(resolve));
  }

  stop() {
    this.cut();
    this.server.close();
    this.forget?.();
  }
}
