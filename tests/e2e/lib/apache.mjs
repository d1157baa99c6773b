// A private Apache httpd in front of a gateway: as somebody sets it up who reads no documentation (nothing but ProxyPass, every
// time-out as built in), or exactly as conf/apache.conf of the product says.
import { readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { temp_dir } from './cleanup.mjs';
import { free_port } from './ports.mjs';
import { Child, wait_for_port } from './process.mjs';

const conf = join(dirname(fileURLToPath(import.meta.url)), '..', '..', '..', 'conf');

// What Debian's package loads, or `a2enmod` as the product's file says.
const modules = ['mpm_event', 'authz_core', 'ssl', 'proxy', 'proxy_http', 'headers', 'socache_shmcb'];

const main = (dir, port, rest) => `
ServerRoot ${dir}
ServerName localhost
PidFile ${dir}/pid
DefaultRuntimeDir ${dir}
Mutex file:${dir}
ErrorLog ${dir}/error.log
${process.getuid() === 0 ? 'User www-data\nGroup www-data' : ''}
${modules.map((name) => `LoadModule ${name}_module /usr/lib/apache2/modules/mod_${name}.so`).join('\n')}
StartServers 1
Listen 127.0.0.1:${port}
${rest}
`;

export class Apache {
  // extra: more directives, for scaled-down time-outs.
  static async stock(backend_port, { extra = '' } = {}) {
    const self = new Apache();
    self.port = await free_port();
    await self.start(() => `ProxyPass /http-bind http://127.0.0.1:${backend_port}/http-bind\n${extra}`);
    self.url = `http://127.0.0.1:${self.port}/http-bind`;
    return self;
  }

  // The file of the product, with nothing changed but ports and paths.
  static async recommended(backend_port, tls) {
    const self = new Apache();
    self.port = await free_port();
    await self.start((dir) => readFileSync(join(conf, 'apache.conf'), 'utf8')
      .replaceAll('127.0.0.1:5280', `127.0.0.1:${backend_port}`)
      .replaceAll('*:443', `127.0.0.1:${self.port}`)
      .replace(/SSLCertificateFile .*/g, `SSLCertificateFile ${tls.certificate}`)
      .replace(/SSLCertificateKeyFile .*/g, `SSLCertificateKeyFile ${tls.key}`)
      .replace('/var/www/chat', dir));
    self.url = `https://127.0.0.1:${self.port}/http-bind`;
    return self;
  }

  async start(rest) {
    const dir = temp_dir('apache');
    const config = join(dir, 'apache2.conf');
    writeFileSync(config, main(dir, this.port, rest(dir)));
    // A TERM from the kernel lets the parent take its workers along if Node is killed; a KILL would orphan them.
    this.child = new Child('apache2', ['/usr/sbin/apache2', '-DFOREGROUND', '-f', config], { death: 'TERM' });
    await wait_for_port(this.port, this.child);
  }

  async stop() {
    return this.child.stop('SIGTERM', 5000);
  }
}
