// The kernel's own list of sockets, for what no program is told.
import { readFileSync } from 'node:fs';

// The sockets of this host between two ports, as the kernel lists them: in `timer`, 02 is that of keep-alive, 04 that of a
// window that is closed.
export function sockets_of(local_port, remote_port) {
  const port = (text) => Number.parseInt(text.split(':')[1], 16);
  return readFileSync('/proc/net/tcp', 'utf8').trim().split('\n').slice(1).map((line) => line.trim().split(/\s+/))
    .filter((fields) => port(fields[1]) === local_port && port(fields[2]) === remote_port)
    .map((fields) => ({ timer: fields[5].split(':')[0], seconds: Number.parseInt(fields[5].split(':')[1], 16) / 100 }));
}
