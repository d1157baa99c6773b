// EventSource for Node (HTML Standard 9.2), as much of it as clients use, over node:http and on the network of lib/xhr.mjs, so that
// a test can cut it. It does not come back by itself: an error is its end.
import http from 'node:http';
import https from 'node:https';
import { Network } from './xhr.mjs';

export class EventSource {
  constructor(url) {
    this.listeners = new Map();
    this.lastEventId = '';
    this.network = Network.current;
    this.network.streams.add(this);
    this.text = '';
    const secure = url.startsWith('https');
    this.outgoing = (secure ? https : http).get(url, { agent: false, headers: { Accept: 'text/event-stream' } });
    this.outgoing.once('response', (response) => this.on_response(response));
    this.outgoing.on('error', () => this.fail());
    if (this.network.down) this.outgoing.destroy(new Error('network down'));
  }

  addEventListener(name, listener) {
    this.listeners.set(name, listener);
  }

  on_response(response) {
    response.on('error', () => this.fail());
    response.once('end', () => this.fail());
    if (response.statusCode !== 200 || !response.headers['content-type']?.startsWith('text/event-stream')) {
      this.fail();
      return;
    }
    response.setEncoding('utf8');
    response.on('data', (text) => {
      this.text += text;
      this.take();
    });
  }

  take() {
    for (let end; this.network && (end = this.text.indexOf('\n\n')) >= 0;) {
      const lines = this.text.slice(0, end).split('\n');
      this.text = this.text.slice(end + 2);
      let type = '';
      const data = [];
      for (const line of lines) {
        const [, name, value] = /^([^:]*):? ?(.*)$/.exec(line);
        if (name === 'id') this.lastEventId = value;
        if (name === 'event') type = value;
        if (name === 'data') data.push(value);
      }
      const event = { data: data.join('\n'), lastEventId: this.lastEventId };
      if (data.length > 0) (type ? this.listeners.get(type) : this.onmessage)?.(event);
    }
  }

  fail() {
    if (!this.network) return;
    this.close();
    this.onerror?.({});
  }

  close() {
    this.network?.streams.delete(this);
    this.network = null;
    this.outgoing.destroy();
  }
}
