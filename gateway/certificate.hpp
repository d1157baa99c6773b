// Does this certificate speak for this XMPP domain (RFC 6120 13.7.1, RFC 9525, RFC 6125 6.4.4; PROTOCOL U-013, E-47)?
// Names only, pure; the chain of trust is OpenSSL's (tls.cpp).
#pragma once
#include <openssl/x509.h>

#include <string>
#include <string_view>
#include <vector>

namespace gateway {

struct CertificateNames {
  std::vector<std::string> dns;        // dNSName
  std::vector<std::string> srv;        // SRVName (RFC 4985): "_xmpp-client.example.org"
  std::vector<std::string> xmpp;       // id-on-xmppAddr (RFC 6120 13.7.1.4)
  std::vector<std::string> addresses;  // iPAddress, as text
  std::vector<std::string> common;     // CN of the subject
  bool has_alternative_names = false;  // any subjectAltName of a kind that names a server
};

[[nodiscard]] CertificateNames names_of(const X509* certificate);

// `name`: the domain, in A-labels or prepared. The common name counts only if allowed and nothing better is there.
[[nodiscard]] bool certificate_matches(const CertificateNames& names, std::string_view name, bool allow_common_name);

// The names for a log line, shortened.
[[nodiscard]] std::string describe(const CertificateNames& names);

// "sha256//BASE64" of the public key (SubjectPublicKeyInfo); empty on failure.
[[nodiscard]] std::string public_key_pin(const X509* certificate);

}  // namespace gateway
