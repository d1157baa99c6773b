// Drives tests/support/buddy: the independent libstrophe client on TCP. Where its binary is: POSTERN_BUDDY.
import { existsSync, readdirSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Child } from './process.mjs';
import { Mailbox } from './wait.mjs';

const repository = join(dirname(fileURLToPath(import.meta.url)), '..', '..', '..');

// The newest build of a program, for a developer who runs a test file by hand.
export function find_built(path_in_build) {
  const builds = join(repository, 'build');
  if (!existsSync(builds)) return null;
  const found = readdirSync(builds).map((name) => join(builds, name, path_in_build)).filter((path) => existsSync(path));
  return found.sort((a, b) => statSync(b).mtimeMs - statSync(a).mtimeMs)[0] ?? null;
}

export const buddy_binary = process.env.POSTERN_BUDDY || find_built('tests/support/buddy');

export class Buddy {
  // tls: starttls | direct | none. port: another way to the server than its own.
  static async connect(server, user, { tls = 'starttls', resource = 'tcp', stream_management = false, port } = {}) {
    if (!buddy_binary) throw new Error('no buddy: build it (target buddy) or set POSTERN_BUDDY');
    const self = new Buddy();
    self.jid = `${server.jid(user)}/${resource}`;
    self.bare = server.jid(user);
    self.events = new Mailbox(`buddy ${user}`);
    port ??= tls === 'direct' ? server.direct_tls_port : server.c2s_port;
    self.child = new Child(`buddy ${user}`,
      [buddy_binary, '--jid', self.jid, '--password', server.password(user), '--host', '127.0.0.1', '--port', String(port),
        '--tls', tls, '--ca-file', server.tls.trust, '--stream-management', stream_management ? 'yes' : 'no'],
      { stdin: 'pipe' });
    self.child.process.stdout.setEncoding('utf8');
    self.child.watchers.add({ line: (line) => self.on_line(line), gone: () => self.events.close(() => `${self.child.describe_end()}\n${self.child.tail()}`) });
    await self.event('connected', () => true, 15_000);
    return self;
  }

  on_line(line) {
    if (line.startsWith('{')) this.events.push(JSON.parse(line));
  }

  event(name, fits = () => true, within = 10_000) {
    return this.events.take((event) => event.event === name && fits(event), within, `${name} with ${fits}`);
  }

  tell(command) {
    this.child.process.stdin.write(`${JSON.stringify(command)}\n`);
  }

  message(to, body, more = {}) {
    this.tell({ do: 'message', to, body, ...more });
  }

  presence(fields = {}) {
    this.tell({ do: 'presence', ...fields });
  }

  async join(room, nick) {
    this.tell({ do: 'join', room, nick });
    return this.event('presence', (event) => event.from === `${room}/${nick}` && event.codes.includes('110'));
  }

  async roster() {
    this.tell({ do: 'roster' });
    return (await this.event('roster')).items;
  }

  async reconnect(within) {
    this.tell({ do: 'connect' });
    return this.event('connected', () => true, within);
  }

  async quit() {
    if (this.child.running) this.tell({ do: 'quit' });
    return this.child.stop('SIGTERM', 5000);
  }
}
