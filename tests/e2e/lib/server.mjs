// What tests need to know of an XMPP server, whichever it is: a domain, ports, accounts; start, stop, restart, kill.
// alice and bob are buddies of each other; carol knows nobody.
import { Wire } from './wire.mjs';

export const domain = 'postern.test';

const default_users = [
  { name: 'alice', password: 'wonder & <land>', buddies: ['bob'] },
  { name: 'bob', password: 'builder-42', buddies: ['alice'] },
  { name: 'carol', password: 'carol-pass', buddies: [] },
];

export class Server {
  // tls: {certificate, key, trust} (certs.mjs). plaintext: also allow login without encryption on the c2s port. guests: a second
  // host, guests.<domain>, where anybody logs in anonymously. archive: it keeps messages (XEP-0313). more: for the end of Prosody's
  // configuration. verify_clients: ejabberd asks for certificates of clients and lets them in by those (SASL EXTERNAL). files: the
  // size up to which files can be uploaded (XEP-0363), at upload_origin, through upload_wire (wire.mjs); nothing: not at all. ack_timeout: how long ejabberd waits for
  // an <a/>, in seconds. max_ack_queue: how many stanzas it keeps without one. management: false: it has no XEP-0198.
  static async start({ tls, plaintext = false, domain: name = domain, users = default_users, guests = false, management = true, ...options }) {
    const self = new this();
    Object.assign(self, { tls, plaintext, domain: name, muc: `rooms.${name}`, users, guests: guests ? `guests.${name}` : null, management, ...options });
    await self.prepare();
    await self.launch();
    return self;
  }

  get name() {
    return this.constructor.server_name;
  }

  // The server's own BOSH endpoint: what TARGET=mod_bosh tests against (target.mjs).
  get bosh_url() {
    return `http://127.0.0.1:${this.http_port}/http-bind`;
  }

  jid(user) {
    return `${user}@${this.domain}`;
  }

  password(user) {
    return this.users.find((entry) => entry.name === user).password;
  }

  // Between everybody and the upload service at this port. localhost is what the certificate is for.
  async place_upload_wire(scheme, port) {
    if (!this.files) return;
    this.upload_wire = await Wire.to(port);
    this.upload_origin = `${scheme}://localhost:${this.upload_wire.port}`;
  }

  async stop() {
    return this.child.stop('SIGTERM', 15_000);
  }

  // No goodbye to anybody: every connection ends by the kernel's hand.
  async kill() {
    return this.child.kill();
  }

  async restart() {
    await this.stop();
    await this.launch();
  }
}
