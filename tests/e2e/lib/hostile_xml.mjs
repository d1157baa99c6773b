// Documents that no door may let through, around an element that it would: what is not XML, what XMPP forbids of it (RFC 6120
// 11.1), and what is too much of it.

export const nested = (n) => `${'<a>'.repeat(n)}${'</a>'.repeat(n)}`;

const laughs = Array.from({ length: 9 }, (_, i) => `<!ENTITY l${i + 1} "${`&l${i};`.repeat(10)}">`).join('');
const bytes = (...parts) => Buffer.concat(parts.map((part) => Buffer.from(part)));

// `open` and `close`: the tags of that element; its name stands behind the `<`.
export function hostile_documents(open, close) {
  const name = /^<(\w+)/.exec(open)[1];
  return {
    'text': 'hello',
    'an open tag': open,
    'two roots': `${open}${close}${open}${close}`,
    'text behind': `${open}${close}x`,
    'a wrong end tag': `${open}<a></b>${close}`,
    'an unbound prefix': `${open}<x:y/>${close}`,
    'a comment': `${open}<!-- hi -->${close}`,
    'a comment in front': `<!-- hi -->${open}${close}`,
    'a processing instruction': `${open}<?php echo 1 ?>${close}`,
    'a processing instruction in front': `<?xml-stylesheet href='x'?>${open}${close}`,
    'an XML declaration inside': `${open}<?xml version='1.0'?>${close}`,
    'a DTD': `<!DOCTYPE ${name}>${open}${close}`,
    'a DTD with an address': `<!DOCTYPE ${name} SYSTEM "http://127.0.0.1:1/x.dtd">${open}${close}`,
    'an external entity': `<!DOCTYPE ${name} [<!ENTITY x SYSTEM "file:///etc/passwd">]>${open}<a>&x;</a>${close}`,
    'a billion laughs': `<!DOCTYPE ${name} [<!ENTITY l0 "ha">${laughs}]>${open}<a>&l9;</a>${close}`,
    'an unknown entity': `${open}<a>&nbsp;</a>${close}`,
    'a bare ampersand': `${open}<a>a & b</a>${close}`,
    'the end of CDATA in text': `${open}<a>]]></a>${close}`,
    'NUL': `${open}<a>\0</a>${close}`,
    'a reference to NUL': `${open}<a>&#0;</a>${close}`,
    'a control character': `${open}<a>\x01</a>${close}`,
    'a reference to a surrogate': `${open}<a>&#xD800;</a>${close}`,
    'U+FFFE': `${open}<a>\uFFFE</a>${close}`,
    'Latin-1 bytes': Buffer.from(`${open}<a>é</a>${close}`, 'latin1'),
    'an overlong encoding': bytes(`${open}<a>`, [0xc0, 0xbc], `</a>${close}`),
    'an encoded surrogate': bytes(`${open}<a>`, [0xed, 0xa0, 0x80], `</a>${close}`),
    'a cut UTF-8 sequence': bytes(`${open}${close}`, [0xf0, 0x9f]),
    'UTF-16': Buffer.from(`\uFEFF${open}${close}`, 'utf16le'),
    'a declared encoding': `<?xml version='1.0' encoding='iso-8859-1'?>${open}${close}`,
    'depth': `${open}${nested(200)}${close}`,
    'depth without end': `${open}${'<a>'.repeat(10_000)}`,
    'attributes': `${open}<a ${Array.from({ length: 500 }, (_, i) => `a${i}='1'`).join(' ')}/>${close}`,
    'namespace declarations': `${open}<a ${Array.from({ length: 500 }, (_, i) => `xmlns:a${i}='urn:${i}'`).join(' ')}/>${close}`,
    'a long name': `${open}<${'n'.repeat(5000)}/>${close}`,
    'a long attribute name': `${open}<a ${'n'.repeat(5000)}='1'/>${close}`,
  };
}
