// A private HAProxy in front of a gateway: with the time-outs of Debian's own configuration file, or as conf/haproxy.cfg of the
// product says.
import { readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { temp_dir } from './cleanup.mjs';
import { free_port } from './ports.mjs';
import { Child, wait_for_port } from './process.mjs';

const conf = join(dirname(fileURLToPath(import.meta.url)), '..', '..', '..', 'conf');

// /etc/haproxy/haproxy.cfg as the package brings it.
export const debian_timeouts = { connect: '5000', client: '50000', server: '50000' };

export class Haproxy {
  // frontend: rules of its own for the frontend.
  static async stock(backend_port, { timeouts = debian_timeouts, defaults = '', frontend = '' } = {}) {
    const self = new Haproxy();
    self.port = await free_port();
    const lines = Object.entries(timeouts).map(([name, value]) => `  timeout ${name} ${value}\n`).join('');
    // One thread, so that what a test does to one connection is seen before what it does to the next.
    await self.start(`global\n  maxconn 4096\n  nbthread 1\ndefaults\n  mode http\n${lines}  ${defaults}
frontend web
  bind 127.0.0.1:${self.port}
  ${frontend}
  default_backend gateway
backend gateway
  server one 127.0.0.1:${backend_port}
`);
    self.origin = `http://127.0.0.1:${self.port}`;
    self.url = `${self.origin}/http-bind`;
    return self;
  }

  // The file of the product, with nothing changed but ports, the path of the certificate, and maxconn, which the descriptors of
  // a test machine may not suffice for.
  static async recommended(backend_port, tls) {
    const self = new Haproxy();
    self.port = await free_port();
    const both = join(temp_dir('haproxy-certificate'), 'both.pem');
    writeFileSync(both, readFileSync(tls.certificate, 'utf8') + readFileSync(tls.key, 'utf8'));
    const text = readFileSync(join(conf, 'haproxy.cfg'), 'utf8')
      .replace('bind :::443 v4v6', `bind 127.0.0.1:${self.port}`).replace(/crt \S+/, `crt ${both}`)
      .replaceAll('127.0.0.1:5280', `127.0.0.1:${backend_port}`).replace('maxconn 20000', 'maxconn 1000');
    await self.start(text);
    self.url = `https://127.0.0.1:${self.port}/http-bind`;
    return self;
  }

  // TCP mode: what comes goes on to the gateway behind a PROXY header. send: 'send-proxy', 'send-proxy-v2', ...
  static async introducing(backend_port, send, { bind = '' } = {}) {
    const self = new Haproxy();
    self.port = await free_port();
    await self.start(`defaults
  mode tcp
  timeout connect 5s
  timeout client 30s
  timeout server 30s
listen web
  bind 127.0.0.1:${self.port} ${bind}
  server one 127.0.0.1:${backend_port} ${send}
`);
    return self;
  }

  // TCP mode: takes PROXY headers off, says in its log who they named, and passes the rest on.
  static async introduced(backend_port) {
    const self = new Haproxy();
    self.port = await free_port();
    await self.start(`global
  log stdout format raw local0
defaults
  mode tcp
  log global
  log-format "client %ci server %bi"
  timeout connect 5s
  timeout client 30s
  timeout server 30s
listen c2s
  bind 127.0.0.1:${self.port} accept-proxy
  server one 127.0.0.1:${backend_port}
`);
    return self;
  }

  async start(text) {
    const config = join(temp_dir('haproxy'), 'haproxy.cfg');
    writeFileSync(config, text);
    this.child = new Child('haproxy', ['/usr/sbin/haproxy', '-db', '-f', config]);
    await wait_for_port(this.port, this.child);
  }

  async stop() {
    return this.child.stop('SIGTERM', 5000);
  }
}
