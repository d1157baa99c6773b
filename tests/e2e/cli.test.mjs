// The command: its options, what it says about a wrong configuration, the private listener, the log, `postern check`.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { BoshSession } from './lib/bosh.mjs';
import { Authority } from './lib/certs.mjs';
import { at_exit, stop_all, temp_dir } from './lib/cleanup.mjs';
import { answer_client, answer_sasl, FakeServer, features, header, mechanisms } from './lib/fake_server.mjs';
import { leave_nothing_behind } from './lib/leave_nothing_behind.mjs';
import { free_port } from './lib/ports.mjs';
import { postern_binary, sanitizer_env, start_postern, write_config } from './lib/postern.mjs';
import { Child, run } from './lib/process.mjs';
import { exchange, post, request } from './lib/raw_http.mjs';
import { servers } from './lib/servers.mjs';
import { deadline, until } from './lib/wait.mjs';
import { ns } from './lib/xml.mjs';

const postern = (...args) => run([postern_binary, ...args], { env: sanitizer_env });
const postern_told = (input, ...args) => run([postern_binary, ...args], { env: sanitizer_env, input });
const lines = (text) => text.split('\n').filter((line) => line !== '');

describe('options', () => {
  it('--version says name and number', async () => {
    const { code, stdout, stderr } = await postern('--version');
    assert.equal(code, 0, stderr);
    assert.match(stdout, /^postern \d+\.\d+\.\d+\n$/);
  });

  it('--help names every option', async () => {
    const { code, stdout } = await postern('--help');
    assert.equal(code, 0);
    for (const word of ['--config', '--check-config', '--print-config', '--version', 'check']) assert.ok(stdout.includes(word), word);
  });

  it('an unknown option is one line and exit code 2', async () => {
    const { code, stderr } = await postern('--frobnicate');
    assert.equal(code, 2);
    assert.match(stderr, /frobnicate/);
  });

  it('--print-config prints what is in effect, readable again as a configuration', async () => {
    const config = write_config({ bosh: { max_wait: 33 }, domains: [{ name: 'a.test', server: '127.0.0.1:5222' }] });
    const first = await postern('--print-config', '--config', config);
    assert.equal(first.code, 0, first.stderr);
    assert.match(first.stdout, /^max_wait = 33$/m);
    assert.match(first.stdout, /^inactivity = 90$/m, 'the defaults are shown too');
    const second = await postern('--print-config', '--config', write_config(first.stdout));
    const without_origin = (text) => text.replace(/^# postern .*\n/, '');
    assert.equal(without_origin(second.stdout), without_origin(first.stdout));
  });

  it('without a file it serves localhost', async () => {
    const { code, stdout } = await postern('--print-config');
    assert.equal(code, 0);
    assert.match(stdout, /127\.0\.0\.1:5280/);
    assert.match(stdout, /name = ["']localhost["']/);
    assert.match(stdout, /127\.0\.0\.1:5222/);
  });

  it('the manual is a valid configuration', async () => {
    const manual = fileURLToPath(new URL('../../conf/postern.toml', import.meta.url));
    const { code, stdout, stderr } = await postern('--check-config', '--config', manual);
    assert.equal(code, 0, stderr);
    assert.equal(stderr, '');
    assert.ok(lines(stdout).length <= 1);
  });
});

describe('a wrong configuration is one line with file, line and cure, and exit code 2', () => {
  const domain = '[[domain]]\nname = "a.test"\nserver = "127.0.0.1:5222"\n';
  const cases = {
    'an unknown key': ['[server]\nthread = 1\n', 2, /thread/],
    'an unknown table': ['[sever]\nthreads = 1\n', 1, /sever/],
    'a wrong type': ['[server]\nthreads = "many"\n', 2, /threads/],
    'a number out of range': ['[bosh]\nmax_wait = -1\n', 2, /max_wait/],
    'a word that is not a choice': ['[server]\nlog_level = "loud"\n', 2, /loud|log_level/],
    'not TOML': ['[server\n', 1, /./],
    'a key twice': ['[server]\nthreads = 1\nthreads = 2\n', 3, /threads/],
    'an address without a port': ['[[listen]]\naddress = "127.0.0.1"\n', 2, /127\.0\.0\.1/],
    'an address that is none': ['[[listen]]\naddress = "300.0.0.1:80"\n', 2, /300/],
    'a certificate without its key': [`[[listen]]\naddress = "127.0.0.1:0"\ncertificate = "x.pem"\n${domain}`, null, /key/],
    'a domain without a name': ['[[domain]]\nserver = "127.0.0.1:5222"\n', 1, /name/],
    'a domain name that is none': ['[[domain]]\nname = "a b"\n', 2, /a b/],
    'a domain twice': [`${domain}${domain}`, 5, /a\.test/],
    'plain text to a server elsewhere': ['[[domain]]\nname = "a.test"\nserver = "192.0.2.1:5222"\ntls = "none"\n', null, /allow_plaintext/],
    'no certificate check for a server elsewhere': ['[[domain]]\nname = "a.test"\nserver = "192.0.2.1:5222"\ncheck_certificate = false\n', null,
      /check_certificate/],
    'credentials for everybody': ['[cors]\ncredentials = true\n', null, /credentials|origins/],
    'files in the place of a page of the chat': [`[webchat]\nenabled = true\n[[static]]\npath = "/login"\nroot = "/tmp"\n${domain}`, 4, /"\/login" is a path of the chat/],
    'files in the place of polling': [`[polling]\nenabled = true\n[[static]]\npath = "/http-poll"\nroot = "/tmp"\n${domain}`, 4, /"\/http-poll" is a path of polling/],
    'a way in in the place of a page of the chat': [`[webchat]\nenabled = true\n[paths]\nbosh = ["/app"]\n${domain}`, 4, /"\/app" is a path of the chat/],
    'a way in in the place of host-meta': [`[paths]\nwebsocket = ["/.well-known/host-meta"]\n${domain}`, 2, /host-meta/],
    'a token in a directory': [`[prebind]\ntoken_file = "/tmp"\n[[listen]]\naddress = "127.0.0.1:0"\nprivate = true\n${domain}`, 2,
      /"\/tmp" cannot be read: Is a directory/],
    'a network that is none': ['[server]\ntrusted_proxies = ["10.0.0.0/99"]\n', 2, /10\.0\.0\.0\/99/],
  };
  for (const [what, [text, line, says]] of Object.entries(cases)) {
    it(what, async () => {
      const config = write_config(text);
      for (const option of [['--check-config'], []]) {
        const { code, stdout, stderr } = await postern(...option, '--config', config);
        assert.equal(code, 2, stdout + stderr);
        assert.equal(lines(stderr).length, 1, stderr);
        assert.ok(stderr.includes(config), stderr);
        const at = /postern\.toml:(\d+):/.exec(stderr);
        assert.ok(at, `a line number: ${stderr}`);
        if (line !== null) assert.equal(Number(at[1]), line, stderr);
        assert.match(stderr, says);
        assert.match(stderr, /; \w/, 'a cure behind the semicolon');
      }
    });
  }

  it('a file that is not there', async () => {
    const { code, stderr } = await postern('--config', '/nonexistent/postern.toml');
    assert.equal(code, 2);
    assert.equal(lines(stderr).length, 1);
    assert.match(stderr, /\/nonexistent\/postern\.toml/);
  });
});

describe('certificates of listeners', () => {
  let authority, good;
  before(async () => {
    authority = await Authority.create();
    good = await authority.good('postern.test');
  });

  const refused = async (listen, says) => {
    const config = write_config({ listen: [{ address: '127.0.0.1:0', ...listen }], domains: [{ name: 'a.test', server: '127.0.0.1:1' }] });
    const { code, stderr } = await postern('--check-config', '--config', config);
    assert.equal(code, 2, stderr);
    assert.equal(lines(stderr).length, 1, stderr);
    assert.match(stderr, says);
  };

  it('missing, garbled or not belonging together: refused at the start', async () => {
    await refused({ certificate: '/nonexistent.pem', key: good.key }, /\/nonexistent\.pem/);
    await refused({ certificate: good.certificate, key: '/nonexistent.key' }, /\/nonexistent\.key/);
    const garbled = join(temp_dir('garbled'), 'cert.pem');
    writeFileSync(garbled, 'not a certificate');
    await refused({ certificate: garbled, key: good.key }, /garbled/);
    const other = await authority.good('other.test');
    await refused({ certificate: good.certificate, key: other.key }, /key/);
  });

  it('a ca_file that cannot be read: refused too', async () => {
    const config = write_config({ domains: [{ name: 'a.test', server: '127.0.0.1:1', ca_file: '/nonexistent-ca.pem' }] });
    const { code, stderr } = await postern('--check-config', '--config', config);
    assert.equal(code, 2, stderr);
    assert.match(stderr, /nonexistent-ca\.pem/);
  });
});

describe('starting', () => {
  it('a port that is taken is one line and exit code 1, with which the unit tries again', async () => {
    const taken = await FakeServer.start();
    const config = write_config({ listen: [{ address: `127.0.0.1:${taken.port}` }], domains: [{ name: 'a.test', server: '127.0.0.1:1' }] });
    const { code, stderr, stdout } = await postern('--config', config);
    assert.equal(code, 1, stderr);
    assert.match(stderr + stdout, new RegExp(`${taken.port}`));
    await taken.stop();
  });

  it('with no standard error its log goes nowhere, and into nothing else that is open', async () => {
    const config = write_config({ listen: [{ address: '127.0.0.1:0', private: true }], domains: [{ name: 'a.test', server: '127.0.0.1:1' }] });
    const shell = new Child('postern', ['sh', '-c', `"$0" --config "$1" 2>&- & echo "pid $!"; wait`, postern_binary, config], { env: sanitizer_env });
    const pid = (await shell.line(/^pid (\d+)$/))[1];
    const forget = at_exit(() => process.kill(pid, 'SIGKILL'));
    await until(() => readlinkSync(`/proc/${pid}/exe`).endsWith('/postern') && readdirSync(`/proc/${pid}/fd`).length > 4, 10_000, 'it runs');
    assert.equal(readlinkSync(`/proc/${pid}/fd/2`), '/dev/null');
    process.kill(pid, 'SIGTERM');
    await shell.ended;
    forget();
  });

  it('several listeners, each named with its real port; the private one serves health and nothing else', async () => {
    const server = await FakeServer.start({ on_element: answer_sasl });
    const gateway = await start_postern({
      listen: [{ address: '127.0.0.1:0' }, { address: '[::1]:0' }, { address: '127.0.0.1:0', private: true }],
      domains: [{ name: 'postern.test', server: `127.0.0.1:${server.port}`, tls: 'none' }],
    });
    const [v4, v6, inside] = gateway.listeners;
    assert.match(v6.origin, /^http:\/\/\[::1\]:\d+$/);
    assert.equal((await exchange(v6.port, request('GET', '/http-bind'), { connection: { host: '::1' } })).status, 200);
    for (const path of ['/healthz', '/readyz']) {
      assert.equal((await exchange(inside.port, request('GET', path))).status, 200, path);
      assert.equal((await exchange(v4.port, request('GET', path))).status, 404, `${path} is not for everybody`);
    }
    assert.equal((await exchange(inside.port, request('POST', '/http-bind', BoshSession.creation()))).status, 404);
    await gateway.stop();
    await server.stop();
  });
});

describe('/readyz', () => {
  it('says that no server can be reached, until the configuration names another', async () => {
    const inside = { address: '127.0.0.1:0', private: true };
    const domain = (port) => ({ name: 'postern.test', server: `127.0.0.1:${port}`, tls: 'none' });
    const gateway = await start_postern({ listen: [{ address: '127.0.0.1:0' }, inside], domains: [domain(await free_port())] });
    const ready = () => exchange(gateway.listeners[1].port, request('GET', '/readyz'));
    const refused = await exchange(gateway.port, post('/http-bind', BoshSession.creation()), { within: 20_000 });
    assert.match(refused.text, /remote-connection-failed/);
    const answer = await ready();
    assert.equal(answer.status, 503);
    assert.match(answer.text, /^server of postern\.test cannot be reached: /);
    const loaded = gateway.child.line(/configuration loaded anew/);
    await gateway.reload({ listen: gateway.listeners.map(({ port }, i) => ({ address: `127.0.0.1:${port}`, private: i === 1 })), domains: [domain(await free_port())] });
    await loaded;
    assert.equal((await ready()).status, 200, 'nobody has tried that one');
    await gateway.stop();
  });

  it('says that new sessions can be served when a server does not end the stream of one that leaves', async () => {
    const server = await FakeServer.start({ on_element: answer_client, on_close: null });
    const gateway = await start_postern({ listen: [{ address: '127.0.0.1:0' }, { address: '127.0.0.1:0', private: true }],
      domains: [{ name: 'postern.test', server: `127.0.0.1:${server.port}`, tls: 'none', closing_timeout: 0.5 }] });
    const [session, stream] = await Promise.all([BoshSession.create(gateway.port), server.accept()]);
    await session.ask({ attributes: { type: 'terminate' } });
    await stream.event('close');
    await stream.event('end'); // of the connection, closing_timeout later
    assert.equal((await exchange(gateway.listeners[1].port, request('GET', '/readyz'))).status, 200);
    await stop_all(gateway, server);
  });
});

describe('the log', () => {
  it('has one line for the end of a session: reason and counts, no full sid, no password, no stanza (B-201)', async () => {
    const server = await FakeServer.start({ on_element: answer_sasl });
    const gateway = await start_postern({ server: { log_level: 'trace' },
      domains: [{ name: 'postern.test', server: `127.0.0.1:${server.port}`, tls: 'none' }] });
    const [session, stream] = await Promise.all([BoshSession.create(gateway.port), server.accept()]);
    const secret = Buffer.from('\0alice\0correct horse').toString('base64');
    await session.ask({ payload: `<auth xmlns='${ns.sasl}' mechanism='PLAIN'>${secret}</auth>` });
    await session.send({ payload: "<message xmlns='jabber:client' to='b@postern.test'><body>deeply private</body></message>" });
    await stream.element();
    stream.send('<message><body>also private</body></message>');
    await session.ask({ attributes: { type: 'terminate' } });
    await stream.event('close');
    await gateway.stop();
    await server.stop();
    const { log } = gateway;
    for (const private_thing of [session.sid, secret, 'correct horse', 'deeply private', 'also private']) {
      assert.ok(!log.includes(private_thing), private_thing);
    }
    const about = lines(log).filter((line) => line.includes(session.sid.slice(0, 6)));
    assert.ok(about.length >= 1, `a line names the session by the beginning of its sid\n${log}`);
    const ends = lines(log).filter((line) => /terminated/i.test(line));
    assert.equal(ends.length, 1, log);
    assert.match(ends[0], /postern\.test/);
    assert.match(ends[0], /127\.0\.0\.1/);
  });
});

// A shell command at a terminal of its own.
class Terminal {
  constructor(command) {
    this.child = spawn('script', ['-qec', command, '/dev/null'], { env: { ...process.env, ...sanitizer_env, SHELL: '/bin/sh' } });
    this.shown = '';
    this.child.stdout.on('data', (chunk) => (this.shown += chunk));
    const forget = at_exit(() => this.child.kill('SIGKILL'));
    const closed = once(this.child, 'close').then(() => {
      forget();
      return this.shown;
    });
    this.ended = deadline(closed, 20_000, () => `the command ends\n${this.shown}`);
  }

  says(text) {
    return until(() => this.shown.includes(text), 20_000, `the command says ${text}`);
  }

  type(text) {
    this.child.stdin.write(text);
  }
}

describe('postern check', () => {
  let authority, tls;
  before(async () => {
    authority = await Authority.create();
    tls = await authority.good('postern.test', 'rooms.postern.test');
  });

  const config_of = (domain, config) => write_config({ domains: [{ name: 'postern.test', ...domain }], ...config });
  const check = async (domain, config) => {
    const result = await postern('check', 'postern.test', '--config', config_of(domain, config));
    return { ...result, steps: lines(result.stdout) };
  };
  const check_as = async (user, password, domain) => {
    const result = await postern_told(`${password}\n`, 'check', 'postern.test', '--user', user, '--config', config_of(domain));
    assert.ok(!`${result.stdout}${result.stderr}`.includes(password), 'no password in what it says');
    assert.equal(result.stderr, '', 'nobody is asked where there is no terminal');
    return result;
  };

  for (const kind of servers) {
    describe(kind.server_name, () => {
      let server;
      before(async () => (server = await kind.start({ tls })));
      after(() => server?.stop());

      it('each step is one line, the last names the SASL mechanisms; exit code 0', async () => {
        for (const [mode, port] of [['starttls', server.c2s_port], ['direct', server.direct_tls_port]]) {
          const { code, stdout, steps } = await check({ server: `127.0.0.1:${port}`, tls: mode, ca_file: tls.trust });
          assert.equal(code, 0, stdout);
          assert.ok(steps.length >= 4, stdout);
          assert.match(stdout, /TLSv?1\.[23]/);
          assert.match(stdout, /SCRAM-SHA-1/);
          assert.match(stdout, /note {2}delivery whether .* is not to be seen before the login \(--user USER .*\): .*smacks.*mod_stream_mgmt\n/);
          assert.match(stdout, /note {2}settings .*resend_on_timeout: if_offline.*ack_timeout/, 'what cannot be seen is said');
        }
      });

      it('--user logs in and sees stream management', async () => {
        const place = { server: `127.0.0.1:${server.c2s_port}`, ca_file: tls.trust };
        for (const user of ['alice', 'alice@postern.test']) {
          const { code, stdout } = await check_as(user, server.password('alice'), place);
          assert.equal(code, 0, stdout);
          assert.match(stdout, /^ok {4}login {4}as alice by SCRAM-SHA-(1|256)\nok {4}delivery the server offers stream management\nnote {2}settings /m);
          assert.equal(stdout.match(/opened by/g).length, 1, stdout);
        }
      });

      it('--user with a wrong password', async () => {
        const { code, stdout } = await check_as('alice', 'wonder-less', { server: `127.0.0.1:${server.c2s_port}`, ca_file: tls.trust });
        assert.equal(code, 1, stdout);
        assert.match(stdout, /^FAIL {2}login {4}the server does not accept alice with this password; /m);
      });

      it('an unknown authority is named, with a cure', async () => {
        const { code, stdout } = await check({ server: `127.0.0.1:${server.c2s_port}` });
        assert.equal(code, 1, stdout);
        assert.match(stdout, /certificate/i);
        assert.match(stdout, /ca_file/);
      });
    });
  }

  it('nobody listens', async () => {
    const port = await free_port();
    const { code, stdout } = await check({ server: `127.0.0.1:${port}` });
    assert.equal(code, 1);
    assert.match(stdout, /refused/i);
    assert.match(stdout, new RegExp(`${port}`));
  });

  it('no STARTTLS offered', async () => {
    const server = await FakeServer.start({ on_header: (stream) => stream.send(header() + features(mechanisms)) });
    const { code, stdout } = await check({ server: `127.0.0.1:${server.port}` });
    assert.equal(code, 1);
    assert.match(stdout, /STARTTLS/i);
    await server.stop();
  });

  it('stream management that a server shows before the login is seen; its settings are not', async () => {
    const inline = `<authentication xmlns='urn:xmpp:sasl:2'><mechanism>PLAIN</mechanism><inline><sm xmlns='${ns.sm}'/></inline></authentication>`;
    const server = await FakeServer.start({ on_header: (stream) => stream.send(header() + features(mechanisms + inline)) });
    const place = { server: `127.0.0.1:${server.port}`, tls: 'none' };
    const seen = await check({ ...place, max_unacknowledged: 77 });
    assert.equal(seen.code, 0, seen.stdout);
    assert.match(seen.stdout, /^ok {4}delivery the server offers stream management\nnote {2}settings not to be seen /m);
    assert.match(seen.stdout, /^note {2}settings .*max_ack_queue above 77, ack_timeout/m);
    const off = await check({ ...place, stream_management: false });
    assert.equal(off.code, 0, off.stdout);
    assert.match(off.stdout, /^note {2}delivery stream_management = false: what a vanished browser had not received is lost/m);
    assert.doesNotMatch(off.stdout, /settings|the server offers/);
    await server.stop();
  });

  it('--user without a password, with that of another domain, and where the server falls silent in the login', async () => {
    const server = await FakeServer.start({ on_element: (stream, { name }) => name === 'auth' });
    const place = { server: `127.0.0.1:${server.port}`, tls: 'none', negotiation_timeout: 1 };
    const silent = await check_as('alice', 'open sesame', place);
    assert.equal(silent.code, 1, silent.stdout);
    assert.match(silent.stdout, /^FAIL {2}login {4}not done after 1 s; /m);
    const stranger = await check_as('alice@other.test', 'open sesame', place);
    assert.equal(stranger.code, 1, stranger.stdout);
    assert.match(stranger.stdout, /^FAIL {2}login {4}alice@other\.test is not an account of postern\.test; /m);
    const none = await postern_told('', 'check', 'postern.test', '--user', 'alice', '--config', config_of(place));
    assert.equal(none.code, 2, none.stdout);
    assert.match(none.stderr, /^postern: no password; .*\n$/);
    await server.stop();
  });

  it('--user at a terminal asks for the password and does not show it; Ctrl-C leaves the terminal as it was', async () => {
    const server = await FakeServer.start({ on_element: answer_sasl });
    const config = config_of({ server: `127.0.0.1:${server.port}`, tls: 'none' });
    const terminal = new Terminal(`trap : INT; ${postern_binary} check postern.test --user alice --config ${config}; echo "status $?"; stty -a`);
    await terminal.says('Password of alice: ');
    terminal.type('half of it\x03');
    const left = await terminal.ended;
    assert.match(left, /status 130\r\n/);
    assert.match(left, / echo /);
    const second = new Terminal(`${postern_binary} check postern.test --user alice --config ${config}; echo "status $?"; stty -a`);
    await second.says('Password of alice: ');
    second.type('open sesame\n');
    const done = await second.ended;
    assert.match(done, /status 0\r\n/);
    assert.match(done, / echo /);
    assert.doesNotMatch(done + left, /sesame|half/);
    const auth = Buffer.from('\0alice\0open sesame').toString('base64');
    const { xml } = await (await server.accept()).events.take((e) => e.event === 'sasl', 5000, 'SASL');
    assert.ok(xml.includes(auth), xml);
    await server.stop();
  });

  it('a server that never speaks, and one that speaks HTTP', async () => {
    const silent = await FakeServer.start({ on_header: () => {} });
    const first = await check({ server: `127.0.0.1:${silent.port}`, negotiation_timeout: 1, connect_timeout: 1, tls: 'none' });
    assert.equal(first.code, 1, first.stdout);
    await silent.stop();
    const http = await FakeServer.start({ on_header: (stream) => stream.send('HTTP/1.1 400 Bad Request\r\n\r\n').end() });
    const second = await check({ server: `127.0.0.1:${http.port}`, tls: 'none' });
    assert.equal(second.code, 1, second.stdout);
    await http.stop();
  });

  it('a domain that is not served is said to be so', async () => {
    const { code, stdout } = await postern('check', 'nowhere.invalid', '--config', write_config({ domains: [{ name: 'a.test', server: '127.0.0.1:1' }],
      server: { dns_timeout: 1, dns: ['127.0.0.1:1'] } }));
    assert.equal(code, 1);
    assert.match(stdout, /not served|not configured|\[\[domain\]\]/i);
  });
});

leave_nothing_behind();
