// A private nginx in front of a gateway: as somebody sets it up who reads no documentation (nothing but proxy_pass, every
// time-out as built in), or exactly as conf/nginx.conf of the product says.
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { temp_dir } from './cleanup.mjs';
import { free_port } from './ports.mjs';
import { Child, wait_for_port } from './process.mjs';
import { files } from './static_server.mjs';

const conf = join(dirname(fileURLToPath(import.meta.url)), '..', '..', '..', 'conf');

const main = (dir, http) => `
daemon off;
worker_processes 1;
pid ${dir}/nginx.pid;
error_log stderr warn;
${process.getuid() === 0 ? 'user root;' : ''}
events { worker_connections 4096; }
http {
  log_format e2e '$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent "$http_referer" "$http_user_agent" '
    'upstream $upstream_status';
  access_log ${dir}/access.log e2e;
  ${['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((name) => `${name}_temp_path ${dir}/${name};`).join('\n  ')}
  types { text/html html; text/javascript js; }
  ${http}
}
`;

export class Nginx {
  // extra: directives of the location, for scaled-down time-outs.
  static async stock(backend_port, { extra = '' } = {}) {
    const self = new Nginx();
    self.dir = temp_dir('nginx');
    self.port = await free_port();
    const root = join(self.dir, 'root');
    mkdirSync(root);
    for (const [path, [, file]] of Object.entries(files)) copyFileSync(file, join(root, path === '/' ? 'index.html' : path));
    await self.start(`server { listen 127.0.0.1:${self.port}; root ${root};
      location /http-bind { proxy_pass http://127.0.0.1:${backend_port}; ${extra} } }`);
    self.origin = `http://127.0.0.1:${self.port}`;
    self.url = `${self.origin}/http-bind`;
    return self;
  }

  // Everything to the gateway, over plain HTTP, as behind an onion service; buffering as it is built in.
  static async plain(backend_port) {
    const self = new Nginx();
    self.dir = temp_dir('nginx');
    self.port = await free_port();
    await self.start(`server { listen 127.0.0.1:${self.port};
      location / { proxy_pass http://127.0.0.1:${backend_port}; proxy_set_header Host $http_host; } }`);
    self.origin = `http://127.0.0.1:${self.port}`;
    return self;
  }

  // The file of the product, with nothing changed but names, ports and the paths of certificates.
  static async recommended(backend_port, tls) {
    const self = new Nginx();
    self.dir = temp_dir('nginx');
    self.port = await free_port();
    const text = readFileSync(join(conf, 'nginx.conf'), 'utf8')
      .replaceAll('127.0.0.1:5280', `127.0.0.1:${backend_port}`)
      .replace(/listen 443 ssl/g, `listen 127.0.0.1:${self.port} ssl`).replace(/^.*listen \[::\]:443.*\n/gm, '')
      .replace(/ssl_certificate .*;/g, `ssl_certificate ${tls.certificate};`)
      .replace(/ssl_certificate_key .*;/g, `ssl_certificate_key ${tls.key};`)
      .replace('/var/www/chat', self.dir);
    writeFileSync(join(self.dir, 'postern.conf'), text);
    await self.start(`include ${self.dir}/postern.conf;`);
    self.origin = `https://127.0.0.1:${self.port}`;
    self.url = `${self.origin}/http-bind`;
    return self;
  }

  async start(http) {
    const config = join(this.dir, 'nginx.conf');
    writeFileSync(config, main(this.dir, http));
    // A TERM from the kernel lets the master take its worker along if Node is killed; a KILL would orphan it.
    this.child = new Child('nginx', ['/usr/sbin/nginx', '-e', 'stderr', '-c', config], { death: 'TERM' });
    await wait_for_port(this.port, this.child);
  }

  get access_log() {
    return readFileSync(join(this.dir, 'access.log'), 'utf8');
  }

  async stop() {
    return this.child.stop('SIGTERM', 5000);
  }
}
