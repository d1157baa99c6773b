// Two readings of XML for tests: a strict parse of a whole document (saxes, so that "well-formed" and "namespace-correct" are
// checked by somebody else's parser), and a slicer that cuts an XMPP stream into its top-level pieces byte by byte as they come.
import { SaxesParser } from 'saxes';

export const ns = {
  httpbind: 'http://jabber.org/protocol/httpbind',
  xbosh: 'urn:xmpp:xbosh',
  client: 'jabber:client',
  streams: 'http://etherx.jabber.org/streams',
  stream_errors: 'urn:ietf:params:xml:ns:xmpp-streams',
  sasl: 'urn:ietf:params:xml:ns:xmpp-sasl',
  tls: 'urn:ietf:params:xml:ns:xmpp-tls',
  bind: 'urn:ietf:params:xml:ns:xmpp-bind',
  sm: 'urn:xmpp:sm:3',
};

// {name, local, uri, attributes: {name: value}, attribute(uri, local), children, text, xml}
export function parse(document) {
  const parser = new SaxesParser({ xmlns: true });
  const root = { children: [] };
  const stack = [root];
  parser.on('error', (error) => {
    throw new Error(`not well-formed: ${error.message}\n${document.slice(0, 500)}`);
  });
  parser.on('opentag', (tag) => {
    const attributes = {};
    for (const [name, attribute] of Object.entries(tag.attributes)) attributes[name] = attribute.value;
    const element = {
      name: tag.name, local: tag.local, uri: tag.uri, attributes, children: [], text: '',
      qualified: Object.values(tag.attributes), start: null,
    };
    element.attribute = (uri, local) => element.qualified.find((a) => a.uri === uri && a.local === local)?.value;
    stack.at(-1).children.push(element);
    stack.push(element);
  });
  parser.on('text', (text) => {
    if (stack.length > 1) stack.at(-1).text += text;
  });
  parser.on('cdata', (text) => (stack.at(-1).text += text));
  parser.on('closetag', () => stack.pop());
  parser.on('doctype', () => {
    throw new Error('a DTD');
  });
  parser.write(document).close();
  return root.children[0];
}

// Every element below (and with) `element` for which fits() holds.
export function find_all(element, fits) {
  const found = fits(element) ? [element] : [];
  for (const child of element.children) found.push(...find_all(child, fits));
  return found;
}

export const find = (element, local) => find_all(element, (e) => e.local === local)[0];

// Text in the form that goes into XML text and attribute values.
export const escape_xml = (text) => text.replace(/[&<>"']/g, (c) =>
  ({ '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&apos;' })[c]);

// What a stream consists of: {event: header | element | close | space}, with the text as received. Assumes well-formed input
// (tests say so with parse() where it matters) and takes a <stream:stream> at any moment for a restart.
export class StreamSlicer {
  constructor(on_event) {
    this.on_event = on_event;
    this.buffer = '';
    this.depth = 0; // of the element being collected
    this.element = '';
  }

  write(text) {
    this.buffer += text;
    for (let token = this.next(); token !== null; token = this.next()) this.on_token(token);
  }

  // One tag, comment, CDATA section, declaration or run of text; null when the buffer does not hold a whole one.
  next() {
    const text = this.buffer;
    if (text === '') return null;
    let end;
    if (text[0] !== '<') end = text.indexOf('<') < 0 ? text.length : text.indexOf('<');
    else if (text.startsWith('<![CDATA[')) end = this.after(']]>');
    else if (text.startsWith('<?')) end = this.after('?>');
    else if ('<![CDATA['.startsWith(text.slice(0, 9))) return null;
    else end = end_of_tag(text);
    if (end <= 0) return null;
    this.buffer = text.slice(end);
    return text.slice(0, end);
  }

  after(mark) {
    const found = this.buffer.indexOf(mark);
    return found < 0 ? 0 : found + mark.length;
  }

  on_token(token) {
    const name = /^<\/?([^\s/>]+)/.exec(token)?.[1];
    if (name === 'stream:stream') {
      this.depth = 0;
      this.element = '';
      this.on_event(token[1] === '/' ? { event: 'close' } : { event: 'header', text: token });
      return;
    }
    if (this.depth === 0 && (token[0] !== '<' || token.startsWith('<?'))) {
      if (token[0] !== '<') this.on_event({ event: 'space', text: token });
      return;
    }
    this.element += token;
    if (token[0] !== '<' || token.startsWith('<![CDATA[')) return;
    if (token[1] === '/') this.depth--;
    else if (!token.endsWith('/>')) this.depth++;
    if (this.depth > 0) return;
    const xml = this.element;
    this.element = '';
    this.on_event({ event: 'element', name: /^<([^\s/>]+)/.exec(xml)[1], xml });
  }
}

function end_of_tag(text) {
  let quote = '';
  for (let i = 1; i < text.length; i++) {
    const c = text[i];
    if (quote) {
      if (c === quote) quote = '';
    } else if (c === '"' || c === "'") {
      quote = c;
    } else if (c === '>') {
      return i + 1;
    }
  }
  return 0;
}
