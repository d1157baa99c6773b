// A private Prosody: own directory, own ports on loopback, own accounts, none of the system service's files. Configured as
// Debian installs it (encryption required, hashed passwords, stream management, offline storage, carbons), except for
// what makes tests slow without testing anything: the bandwidth limit of 10 kB/s per client, and server-to-server ports.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { temp_dir } from './cleanup.mjs';
import { free_port } from './ports.mjs';
import { Child, wait_for_port } from './process.mjs';
import { Server } from './server.mjs';
import { until } from './wait.mjs';

// As util.datamanager of Prosody names files: every byte but letters and digits escaped.
const file_name = (text) => text.replace(/[^A-Za-z0-9]/g, (c) => `%${c.charCodeAt(0).toString(16).padStart(2, '0')}`);

function catches_sigterm(pid) {
  const caught = /^SigCgt:\s*([0-9a-f]+)$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))[1];
  return (BigInt(`0x${caught}`) >> 14n) & 1n;
}

const config = (s) => `
run_as_root = true
data_path = "${s.dir}/data"
pidfile = "${s.dir}/prosody.pid"
admin_socket = "${s.dir}/admin.sock"
log = { { levels = { min = "info" }, to = "console" } }
network_backend = "epoll"
interfaces = { "127.0.0.1" }
c2s_ports = { ${s.c2s_port} }
c2s_direct_tls_ports = { ${s.direct_tls_port} }
http_ports = { ${s.http_port} }
http_interfaces = { "127.0.0.1" }
https_ports = { ${s.files ? s.https_port : ''} }
https_interfaces = { "127.0.0.1" }
https_ssl = { certificate = "${s.tls.certificate}", key = "${s.tls.key}" }
http_default_host = "${s.domain}"
consider_bosh_secure = true
consider_websocket_secure = true
ssl = { certificate = "${s.tls.certificate}", key = "${s.tls.key}" }
certificates = "${s.dir}"
c2s_require_encryption = ${s.plaintext ? 'false' : 'true'}
allow_unencrypted_plain_auth = ${s.plaintext ? 'true' : 'false'}
authentication = "internal_hashed"
modules_enabled = {
  "disco", "roster", "saslauth", "tls", "blocklist", "bookmarks", "carbons", "pep", "private", "vcard4",
  "vcard_legacy", "csi_simple", "ping", "register", "time", "uptime", "version", "admin_adhoc", "admin_shell", "posix",
  "bosh", "websocket"${s.management ? ', "smacks"' : ''}${s.archive ? ', "mam"' : ''}
}
modules_disabled = { "s2s" }
VirtualHost "${s.domain}"
${s.guests ? `VirtualHost "${s.guests}"\n  authentication = "anonymous"` : ''}
Component "${s.muc}" "muc"
  restrict_room_creation = false
${s.files ? `Component "files.${s.domain}" "http_file_share"
  http_host = "localhost"
  http_external_url = "${s.upload_origin}/"
  http_file_share_size_limit = ${s.files}
  http_file_share_allowed_file_types = { "text/*", "application/octet-stream" }
` : ''}
${s.more ?? ''}
`;

export class Prosody extends Server {
  static server_name = 'prosody';

  async prepare() {
    this.dir = temp_dir('prosody');
    this.c2s_port = await free_port();
    this.direct_tls_port = await free_port();
    this.http_port = await free_port();
    this.https_port = await free_port();
    await this.place_upload_wire('https', this.https_port);
    writeFileSync(join(this.dir, 'prosody.cfg.lua'), config(this));
    const host = join(this.dir, 'data', file_name(this.domain));
    mkdirSync(join(host, 'accounts'), { recursive: true });
    mkdirSync(join(host, 'roster'), { recursive: true });
    for (const user of this.users) {
      const name = `${file_name(user.name)}.dat`;
      // A password in the clear is hashed by Prosody at its first use.
      writeFileSync(join(host, 'accounts', name), `return { ["password"] = ${JSON.stringify(user.password)} };\n`);
      const items = user.buddies.map((buddy) =>
        `["${buddy}@${this.domain}"] = { subscription = "both", name = "${buddy}", groups = { ["Friends"] = true } };`);
      writeFileSync(join(host, 'roster', name),
        `return { [false] = { version = 1, pending = {} }; ${items.join(' ')} };\n`);
    }
  }

  async launch() {
    this.child = new Child('prosody', ['prosody', '-F', '--config', join(this.dir, 'prosody.cfg.lua')],
      { cwd: this.dir, log: join(this.dir, 'output.log') });
    for (const port of [this.c2s_port, this.direct_tls_port, this.http_port]) await wait_for_port(port, this.child);
    // Ports are open a moment before the signal handler is in place; a stop in between would not be the clean one.
    await until(() => catches_sigterm(this.child.pid), 5000, 'Prosody handles SIGTERM');
  }
}
