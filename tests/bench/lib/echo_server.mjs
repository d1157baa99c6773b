// An XMPP server that costs little: logs in whoever comes, without XEP-0198, and sends every message back. Reads elements by their
// end tags, which is enough for the stanzas of the benchmarks.
const ns = { sasl: 'urn:ietf:params:xml:ns:xmpp-sasl', bind: 'urn:ietf:params:xml:ns:xmpp-bind' };
const features = (inner) => `<stream:features>${inner}</stream:features>`;
const endings = /<\/(?:auth|iq|message|stream:stream)>|<(?:presence|iq)\b[^>]*\/>|<stream:stream[^>]*>/g;
let bound = 0;

export function serve(socket) {
  let buffer = '';
  let authenticated = false;
  const answer = (element) => {
    if (element.endsWith('</message>')) return element;
    if (element.includes('<stream:stream')) {
      return "<?xml version='1.0'?><stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' id='1' from='bench.test' version='1.0'>"
        + features(authenticated ? `<bind xmlns='${ns.bind}'/>` : `<mechanisms xmlns='${ns.sasl}'><mechanism>PLAIN</mechanism></mechanisms>`);
    }
    if (element.endsWith('</auth>')) {
      authenticated = true;
      return `<success xmlns='${ns.sasl}'/>`;
    }
    if (element.endsWith('</iq>')) {
      return `<iq type='result' id='bind'><bind xmlns='${ns.bind}'><jid>user${++bound}@bench.test/r</jid></bind></iq>`;
    }
    if (element.endsWith('</stream:stream>')) socket.end('</stream:stream>');
    return '';
  };
  socket.setNoDelay(true).setEncoding('latin1');
  socket.on('error', () => {});
  socket.on('data', (more) => {
    buffer += more;
    let answers = '';
    let from = 0;
    for (const { 0: match, index } of buffer.matchAll(endings)) {
      answers += answer(buffer.slice(from, index + match.length));
      from = index + match.length;
    }
    buffer = buffer.slice(from);
    if (answers) socket.write(answers, 'latin1');
  });
}
