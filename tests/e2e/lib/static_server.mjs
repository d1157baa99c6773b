// Serves the test page and the library it needs on loopback: the "web site" whose visitors chat. Read-only, a fixed list of files.
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { at_exit } from './cleanup.mjs';

const pages = join(dirname(fileURLToPath(import.meta.url)), '..', 'pages');
const strophe = join(dirname(createRequire(import.meta.url).resolve('strophe.js')), 'strophe.umd.min.js');

const plugin = join(pages, '..', '..', '..', 'webclient', 'strophe', 'postern-push.js');

export const files = {
  '/': ['text/html; charset=utf-8', join(pages, 'chat.html')],
  '/chat_client.js': ['text/javascript; charset=utf-8', join(pages, 'chat_client.js')],
  '/postern-push.js': ['text/javascript; charset=utf-8', plugin],
  '/strophe.js': ['text/javascript; charset=utf-8', strophe],
};

export async function start_static_server() {
  const server = createServer((request, response) => {
    const [path] = request.url.split('?');
    const file = files[path];
    if (!file) {
      response.writeHead(path === '/favicon.ico' ? 204 : 404).end();
      return;
    }
    response.writeHead(200, { 'Content-Type': file[0], 'Cache-Control': 'no-store' }).end(readFileSync(file[1]));
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const forget = at_exit(() => server.close());
  return {
    origin: `http://127.0.0.1:${server.address().port}`,
    async stop() {
      forget();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
