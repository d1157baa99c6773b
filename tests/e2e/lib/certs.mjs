// A certificate authority for one test file, made with the openssl command: good certificates and every kind of bad one that
// the name and trust rules of U-013 tell apart. EC keys, because making RSA ones takes longer than the tests.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { temp_dir } from './cleanup.mjs';
import { run } from './process.mjs';

const srv_name = '1.3.6.1.5.5.7.8.7;IA5STRING:_xmpp-client.'; // RFC 4985
const xmpp_addr = '1.3.6.1.5.5.7.8.5;UTF8:'; // RFC 6120 13.7.1.4

async function openssl(...args) {
  const result = await run(['openssl', ...args]);
  if (result.code !== 0) throw new Error(`openssl ${args.join(' ')}\n${result.stderr}`);
}

const ca_config = (dir) => `
[ca]
default_ca = this_ca
[this_ca]
new_certs_dir = ${dir}
database = ${dir}/index.txt
serial = ${dir}/serial
default_md = sha256
policy = any
copy_extensions = copy
unique_subject = no
[any]
commonName = supplied
[ca_extensions]
basicConstraints = critical, CA:true
keyUsage = critical, keyCertSign, cRLSign
`;

export class Authority {
  static async create(name = 'postern test authority') {
    const self = new Authority();
    self.dir = temp_dir('ca');
    self.serial = 0;
    self.config = join(self.dir, 'ca.cnf');
    self.certificate = join(self.dir, 'ca.pem');
    self.key = join(self.dir, 'ca.key');
    writeFileSync(self.config, ca_config(self.dir));
    writeFileSync(join(self.dir, 'index.txt'), '');
    writeFileSync(join(self.dir, 'serial'), '1000\n');
    await openssl('req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '30',
      '-subj', `/CN=${name}`, '-config', self.request_config('ca', ''), '-extensions', 'ca_extensions',
      '-keyout', self.key, '-out', self.certificate);
    return self;
  }

  request_config(stem, san) {
    const path = join(this.dir, `${stem}.cnf`);
    writeFileSync(path, `[req]\ndistinguished_name = dn\n[dn]\n${ca_config(this.dir)}
[leaf]
basicConstraints = CA:false
keyUsage = digitalSignature
extendedKeyUsage = serverAuth, clientAuth
${san ? `subjectAltName = ${san}` : ''}
`);
    return path;
  }

  // san: the value of subjectAltName as openssl writes it; '' for none. Gives {certificate, key, pem, chain_of}.
  async issue(common_name, san, { from = null, to = null, self_signed = false } = {}) {
    const stem = `leaf-${++this.serial}`;
    const config = this.request_config(stem, san);
    const key = join(this.dir, `${stem}.key`);
    const certificate = join(this.dir, `${stem}.pem`);
    const new_key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', key];
    if (self_signed) {
      await openssl('req', '-x509', ...new_key, '-days', '30', '-subj', `/CN=${common_name}`, '-config', config,
        '-extensions', 'leaf', '-out', certificate);
      return { certificate, key, trust: certificate };
    }
    const request = join(this.dir, `${stem}.csr`);
    await openssl('req', '-new', ...new_key, '-subj', `/CN=${common_name}`, '-config', config, '-reqexts', 'leaf',
      '-out', request);
    const dates = from ? ['-startdate', from, '-enddate', to] : ['-days', '30'];
    await openssl('ca', '-batch', '-notext', '-config', this.config, '-cert', this.certificate, '-keyfile', this.key,
      ...dates, '-in', request, '-out', certificate);
    return { certificate, key, trust: this.certificate };
  }

  good(domain, ...more) {
    return this.issue(domain, [domain, ...more].map((name) => `DNS:${name}`).join(', '));
  }

  expired(domain) {
    return this.issue(domain, `DNS:${domain}`, { from: '20200101000000Z', to: '20210101000000Z' });
  }

  not_yet_valid(domain) {
    return this.issue(domain, `DNS:${domain}`, { from: '20450101000000Z', to: '20460101000000Z' });
  }

  wrong_name(domain) {
    return this.issue('elsewhere.test', `DNS:elsewhere.test, DNS:not-${domain}`);
  }

  self_signed(domain) {
    return this.issue(domain, `DNS:${domain}`, { self_signed: true });
  }

  // Covers exactly the names one label below `parent`.
  wildcard(parent) {
    return this.issue(`any.${parent}`, `DNS:*.${parent}`);
  }

  srv_name(domain) {
    return this.issue('srv-name-only', `otherName:${srv_name}${domain}`);
  }

  xmpp_addr(domain) {
    return this.issue('xmpp-addr-only', `otherName:${xmpp_addr}${domain}`);
  }
}
