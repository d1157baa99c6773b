// A private Caddy in front of a gateway: as somebody sets it up who reads no documentation (nothing but reverse_proxy, every
// time-out as built in), or exactly as conf/Caddyfile of the product says. It neither asks for certificates nor listens
// anywhere else.
import { readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { temp_dir } from './cleanup.mjs';
import { free_port } from './ports.mjs';
import { Child, wait_for_port } from './process.mjs';

const conf = join(dirname(fileURLToPath(import.meta.url)), '..', '..', '..', 'conf');

const main = '{\n\tadmin off\n\tauto_https off\n}\n';

export class Caddy {
  static async stock(backend_port) {
    const self = new Caddy();
    self.port = await free_port();
    await self.start(`:${self.port} {\n\tbind 127.0.0.1\n\treverse_proxy 127.0.0.1:${backend_port}\n}\n`, temp_dir('caddy'));
    self.url = `http://127.0.0.1:${self.port}/http-bind`;
    return self;
  }

  // The file of the product, with nothing changed but ports and paths, with a certificate, and for clients that name no host.
  static async recommended(backend_port, tls) {
    const self = new Caddy();
    self.port = await free_port();
    const dir = temp_dir('caddy');
    const site = (names) => `${names.map((name) => `https://${name}:${self.port}`).join(', ')} {
	bind 127.0.0.1
	tls ${tls.certificate} ${tls.key}`;
    const text = readFileSync(join(conf, 'Caddyfile'), 'utf8')
      .replaceAll('127.0.0.1:5280', `127.0.0.1:${backend_port}`)
      .replace(/^chat\.example\.org \{/m, site(['chat.example.org', 'localhost']))
      .replace(/^webchat\.example\.org \{/m, site(['webchat.example.org']))
      .replace('/var/www/chat', dir);
    await self.start(text, dir);
    self.url = `https://127.0.0.1:${self.port}/http-bind`;
    return self;
  }

  async start(text, dir) {
    const config = join(dir, 'Caddyfile');
    writeFileSync(config, main + text);
    this.child = new Child('caddy', ['/usr/bin/caddy', 'run', '--adapter', 'caddyfile', '--config', config],
      { env: { HOME: dir, XDG_DATA_HOME: dir, XDG_CONFIG_HOME: dir } });
    await wait_for_port(this.port, this.child);
  }

  async stop() {
    return this.child.stop('SIGTERM', 5000);
  }
}
