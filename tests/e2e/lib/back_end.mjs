// A site's back end: begins sessions for its users at postern's private listener.
import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { temp_dir } from './cleanup.mjs';
import { exchange, post } from './raw_http.mjs';

export class BackEnd {
  constructor() {
    this.token = randomBytes(32).toString('hex');
    this.file = join(temp_dir('back_end'), 'token');
    writeFileSync(this.file, `${this.token}\n`, { mode: 0o600 });
  }

  // What start_postern() needs: a public listener and the private one. `options`: more of [prebind].
  settings(options = {}) {
    return { listen: [{ address: '127.0.0.1:0' }, { address: '127.0.0.1:0', private: true }],
      prebind: { token_file: this.file, ...options } };
  }

  // {status, body}: body is the object that the JSON says.
  async begin(port, fields, { token = this.token } = {}) {
    const headers = { 'Content-Type': 'application/x-www-form-urlencoded' };
    if (token !== null) headers.Authorization = `Bearer ${token}`;
    const answer = await exchange(port, post('/prebind', new URLSearchParams(fields).toString(), { fields: headers }), { within: 30_000 });
    const json = answer.field('content-type') === 'application/json';
    return { status: answer.status, body: json ? JSON.parse(answer.text) : null, answer };
  }
}
