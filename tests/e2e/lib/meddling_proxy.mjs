// A station on the way that does not like everything: WebSocket ('pass', 'refuse', 'swallow': no answer ever) and endless answers
// ('pass', 'swallow': collected, and never passed on). Everything else passes; cut() breaks all that is under way.
import http from 'node:http';
import { connect } from 'node:net';
import { at_exit } from './cleanup.mjs';

export class MeddlingProxy {
  static async start(backend_port, { websocket = 'pass', stream = 'pass' } = {}) {
    const self = new MeddlingProxy();
    Object.assign(self, { backend_port, websocket, stream, sockets: new Set(), seen: [] });
    self.server = http.createServer((request, response) => self.forward(request, response));
    self.server.on('upgrade', (request, socket, head) => self.upgrade(request, socket, head));
    self.server.on('connection', (socket) => self.track(socket));
    await new Promise((resolve) => self.server.listen(0, '127.0.0.1', resolve));
    self.port = self.server.address().port;
    self.forget = at_exit(() => self.server.close());
    self.bosh = `http://127.0.0.1:${self.port}/http-bind`;
    self.urls = { bosh: self.bosh, websocket: `ws://127.0.0.1:${self.port}/xmpp-websocket` };
    return self;
  }

  track(socket) {
    this.sockets.add(socket);
    socket.on('error', () => {});
    socket.once('close', () => this.sockets.delete(socket));
  }

  forward(request, response) {
    const streaming = request.url.includes('push=');
    this.seen.push(streaming ? 'stream' : request.method);
    const onward = http.request({ port: this.backend_port, host: '127.0.0.1', path: request.url, method: request.method, headers: request.headers,
      agent: false }, (answer) => {
      if (streaming && this.stream === 'swallow') {
        answer.resume();
        return;
      }
      response.writeHead(answer.statusCode, answer.headers);
      response.flushHeaders();
      answer.on('data', (chunk) => (streaming && this.stream === 'swallow' ? undefined : response.write(chunk)));
      answer.once('end', () => response.end());
      answer.once('error', () => response.destroy());
    });
    onward.once('error', () => response.destroy());
    response.once('close', () => onward.destroy());
    request.pipe(onward);
  }

  upgrade(request, socket, head) {
    this.seen.push('websocket');
    if (this.websocket === 'swallow') return;
    if (this.websocket === 'refuse') {
      socket.end('HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n');
      return;
    }
    const onward = connect(this.backend_port, '127.0.0.1');
    this.track(onward);
    const fields = Object.entries(request.headers).map(([name, value]) => `${name}: ${value}\r\n`).join('');
    onward.write(`${request.method} ${request.url} HTTP/1.1\r\n${fields}\r\n`);
    onward.write(head);
    onward.pipe(socket).pipe(onward);
    socket.once('close', () => onward.destroy());
    onward.once('close', () => socket.destroy());
  }

  cut() {
    for (const socket of this.sockets) socket.destroy();
  }

  async stop() {
    this.forget();
    this.cut();
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }
}
