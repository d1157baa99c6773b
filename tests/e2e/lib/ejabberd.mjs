// A private ejabberd without its control scripts and its system user: the Erlang runtime is started directly with the paths of
// the Debian package. Modules as Debian installs it, except for what would punish a test instead of the tested: traffic
// shapers (3 kB/s per client), fail2ban (all users share one address here) and the listeners for MQTT, STUN and s2s.
import { mkdirSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';
import { temp_dir } from './cleanup.mjs';
import { free_port } from './ports.mjs';
import { Child, run, wait_for_port } from './process.mjs';
import { Server } from './server.mjs';
import { until } from './wait.mjs';

const config = (s) => `
hosts: ${JSON.stringify(s.guests ? [s.domain, s.guests] : [s.domain])}
${s.guests ? `host_config: { "${s.guests}": { auth_method: [anonymous], anonymous_protocol: sasl_anon } }` : ''}
loglevel: info
log_rotate_count: 0
certfiles: ["${s.dir}/server.pem"]
ca_file: "${s.tls.trust}"
listen:
  - port: ${s.c2s_port}
    ip: "127.0.0.1"
    module: ejabberd_c2s
    max_stanza_size: 262144
    access: all
    starttls: true
    starttls_required: ${s.plaintext ? 'false' : 'true'}
    tls_verify: ${s.verify_clients ? 'true' : 'false'}
    cafile: "${s.tls.trust}"
  - port: ${s.direct_tls_port}
    ip: "127.0.0.1"
    module: ejabberd_c2s
    max_stanza_size: 262144
    access: all
    tls: true
  - port: ${s.proxied_port}
    ip: "127.0.0.1"
    module: ejabberd_c2s
    max_stanza_size: 262144
    access: all
    starttls: true
    starttls_required: true
    use_proxy_protocol: true
  - port: ${s.http_port}
    ip: "127.0.0.1"
    module: ejabberd_http
    request_handlers:
      /http-bind: mod_bosh
      /xmpp-websocket: ejabberd_http_ws
      /api: mod_http_api
${s.files ? '      /upload: mod_http_upload\n' : ''}disable_sasl_mechanisms: ["digest-md5", "X-OAUTH2"]
auth_password_format: scram
acl:
  loopback: { ip: ["127.0.0.0/8"] }
api_permissions:
  "tests": { from: [mod_http_api], who: [{ acl: loopback }], what: ["*"] }
modules:
  mod_adhoc: {}
  mod_admin_extra: {}
  mod_blocking: {}
  mod_bosh: {}
  mod_caps: {}
  mod_carboncopy: {}
  mod_client_state: {}
  mod_disco: {}
${s.files ? `  mod_http_upload:
    host: "files.${s.domain}"
    put_url: "${s.upload_origin}/upload"
    docroot: "${s.dir}/files"
    max_size: ${s.files}
    access: all
` : ''}  mod_http_api: {}
  mod_last: {}
  ${s.archive ? 'mod_mam: { default: always }' : ''}
  mod_muc: { host: "${s.muc}" }
  mod_offline: {}
  mod_ping: {}
  mod_privacy: {}
  mod_private: {}
  mod_pubsub: { plugins: ["flat", "pep"] }
  mod_roster: { versioning: true }
${s.management ? `  mod_stream_mgmt:
    resend_on_timeout: if_offline
    ${s.ack_timeout ? `ack_timeout: ${s.ack_timeout}` : ''}
    ${s.max_ack_queue ? `max_ack_queue: ${s.max_ack_queue}` : ''}
` : ''}  mod_vcard: { search: false }
  mod_vcard_xupdate: {}
  mod_version: {}
`;

let erlang_paths = null;

async function library_paths() {
  if (!erlang_paths) {
    const { stdout } = await run(['dpkg', '-L', 'ejabberd']);
    erlang_paths = stdout.match(/^.*(?=\/ejabberd-[^/]*\/ebin\/ejabberd\.app$)/m)?.[0];
    if (!erlang_paths) throw new Error('the package ejabberd is not installed');
  }
  return erlang_paths;
}

export class Ejabberd extends Server {
  static server_name = 'ejabberd';

  async prepare() {
    this.dir = temp_dir('ejabberd');
    mkdirSync(join(this.dir, 'mnesia'));
    this.c2s_port = await free_port();
    this.direct_tls_port = await free_port();
    this.proxied_port = await free_port(); // expects a PROXY header
    this.http_port = await free_port();
    await this.place_upload_wire('http', this.http_port);
    await this.use_certificate(this.tls);
    writeFileSync(join(this.dir, 'ejabberd.yml'), config(this));
    this.filled = false;
  }

  async use_certificate(tls) {
    const { stdout } = await run(['cat', tls.key, tls.certificate]);
    writeFileSync(join(this.dir, 'server.pem'), stdout, { mode: 0o600 });
  }

  async launch() {
    const env = {
      ERL_LIBS: await library_paths(),
      EJABBERD_CONFIG_PATH: join(this.dir, 'ejabberd.yml'),
      EJABBERD_LOG_PATH: join(this.dir, 'ejabberd.log'),
      ERL_CRASH_DUMP: '/dev/null',
      HOME: this.dir,
    };
    // No busy waiting of the schedulers: they would eat the core that the tested program runs on.
    const argv = ['erl', '+K', 'true', '+S', '1:1', '+sbwt', 'none', '+sbwtdcpu', 'none', '+sbwtdio', 'none', '-noinput',
      '-mnesia', 'dir', `"${join(this.dir, 'mnesia')}"`, '-s', 'ejabberd'];
    this.child = new Child('ejabberd', argv, { cwd: this.dir, env, log: join(this.dir, 'output.log') });
    await wait_for_port(this.http_port, this.child, 60_000);
    for (const port of [this.c2s_port, this.direct_tls_port]) await wait_for_port(port, this.child);
    // Ports open a little before the virtual host is served.
    await until(() => this.api('status', {}), 20_000, 'ejabberd answers its API');
    if (!this.filled) await this.create_accounts();
    this.filled = true;
  }

  async create_accounts() {
    for (const { name, password } of this.users) {
      await this.api('register', { user: name, host: this.domain, password });
    }
    for (const { name, buddies } of this.users) {
      for (const buddy of buddies) {
        await this.api('add_rosteritem', { localuser: name, localhost: this.domain, user: buddy, host: this.domain,
          nick: buddy, group: 'Friends', subs: 'both' });
      }
    }
  }

  api(command, args) {
    return new Promise((resolve, reject) => {
      const outgoing = request({ host: '127.0.0.1', port: this.http_port, path: `/api/${command}`, method: 'POST',
        headers: { 'Content-Type': 'application/json' }, agent: false });
      outgoing.once('error', reject);
      outgoing.once('response', (response) => {
        let text = '';
        response.on('data', (chunk) => (text += chunk));
        response.once('end', () => {
          if (response.statusCode === 200) resolve(text);
          else reject(new Error(`ejabberd ${command}: ${response.statusCode} ${text}`));
        });
      });
      outgoing.end(JSON.stringify(args));
    });
  }

  // The runtime's own clean end (init:stop), with a stream end to every client.
  async stop() {
    return this.child.stop('SIGTERM', 20_000);
  }
}
