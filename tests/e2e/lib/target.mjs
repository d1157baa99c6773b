// What stands between browser and XMPP server in a test: postern, or the server's own mod_bosh. The latter exists to prove the
// tests themselves: a scenario that fails there too is (usually) a wrong scenario. Chosen by POSTERN_E2E_TARGET.
import { start_postern } from './postern.mjs';

export const target = process.env.POSTERN_E2E_TARGET ?? 'postern';
if (target !== 'postern' && target !== 'mod_bosh') throw new Error(`POSTERN_E2E_TARGET=${target}: postern or mod_bosh`);

// For tests of what only postern promises: test(name, postern_only('why'), ...).
export function postern_only(reason) {
  return { skip: target === 'postern' ? false : `mod_bosh: ${reason}` };
}

class ModBosh {
  constructor(server) {
    this.url = server.bosh_url;
    this.websocket_url = server.bosh_url.replace('http', 'ws').replace('http-bind', 'xmpp-websocket');
    this.port = server.http_port;
    this.path = '/http-bind';
  }

  assert_running() {}

  async stop() {}
}

// A gateway in front of one server, reached over STARTTLS with the certificate checked: the configuration that
// postern recommends. More settings as start_postern() takes them.
export async function start_gateway(server, settings = {}) {
  if (target === 'mod_bosh') return new ModBosh(server);
  const { domain = {}, ...rest } = settings;
  return start_postern({
    domains: [{ name: server.domain, server: `127.0.0.1:${server.c2s_port}`, tls: 'starttls', ca_file: server.tls.trust,
      ...domain }],
    ...rest,
  });
}
