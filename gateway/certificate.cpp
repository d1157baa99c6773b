#include "gateway/certificate.hpp"

#include <openssl/sha.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <array>
#include <boost/asio/ip/address.hpp>
#include <memory>
#include <optional>

#include "gateway/encoding.hpp"
#include "gateway/log.hpp"
#include "xmpp/ascii.hpp"
#include "xmpp/jid.hpp"

namespace gateway {

namespace {

struct FreeNames {
  void operator()(GENERAL_NAMES* names) const { GENERAL_NAMES_free(names); }
};
struct FreeBytes {
  void operator()(unsigned char* bytes) const { OPENSSL_free(bytes); }
};

std::string text_of(const ASN1_STRING* string) {
  return {reinterpret_cast<const char*>(ASN1_STRING_get0_data(string)),
          static_cast<std::size_t>(ASN1_STRING_length(string))};
}

std::string text_of(const ASN1_OBJECT* object) {
  std::array<char, 64> text{};
  const int size = OBJ_obj2txt(text.data(), static_cast<int>(text.size()), object, 1);
  return size > 0 && size < static_cast<int>(text.size()) ? std::string(text.data()) : std::string();
}

// A NUL inside a name is the trick of making C programs see another one.
void add(std::vector<std::string>& list, std::string name) {
  if (!name.empty() && name.find('\0') == name.npos) list.push_back(std::move(name));
}

void add_other(CertificateNames& names, const OTHERNAME& other) {
  constexpr std::string_view xmpp_addr = "1.3.6.1.5.5.7.8.5";
  constexpr std::string_view srv_name = "1.3.6.1.5.5.7.8.7";
  const std::string type = text_of(other.type_id);
  if (type == xmpp_addr && other.value->type == V_ASN1_UTF8STRING) {
    add(names.xmpp, text_of(other.value->value.utf8string));
    names.has_alternative_names = true;
  } else if (type == srv_name && other.value->type == V_ASN1_IA5STRING) {
    add(names.srv, text_of(other.value->value.ia5string));
    names.has_alternative_names = true;
  }
}

void add_address(CertificateNames& names, const ASN1_OCTET_STRING* octets) {
  const std::string bytes = text_of(octets);
  if (bytes.size() == 4) {
    boost::asio::ip::address_v4::bytes_type four;
    std::copy(bytes.begin(), bytes.end(), four.begin());
    names.addresses.push_back(boost::asio::ip::address_v4(four).to_string());
  } else if (bytes.size() == 16) {
    boost::asio::ip::address_v6::bytes_type six;
    std::copy(bytes.begin(), bytes.end(), six.begin());
    names.addresses.push_back(boost::asio::ip::address_v6(six).to_string());
  }
}

// `name` in A-labels. The wildcard stands for exactly one label, the left-most, as a whole (RFC 9525 6.3); one right
// above a top-level domain is refused: nobody owns all of it.
bool dns_matches(std::string_view presented, const std::string& name) {
  const std::string pattern = xmpp::lowered(presented);
  if (!pattern.starts_with("*.")) return pattern == name;
  const std::string_view parent = std::string_view(pattern).substr(1);  // ".example.org"
  if (parent.find('*') != parent.npos || parent.find('.', 1) == parent.npos) return false;
  const auto dot = name.find('.');
  return dot != name.npos && dot > 0 && std::string_view(name).substr(dot) == parent;
}

bool srv_matches(std::string_view presented, const std::string& name) {
  constexpr std::string_view service = "_xmpp-client.";
  const std::string pattern = xmpp::lowered(presented);
  return pattern.starts_with(service) && dns_matches(std::string_view(pattern).substr(service.size()), name);
}

std::optional<boost::asio::ip::address> literal(std::string_view name) {
  if (name.starts_with('[') && name.ends_with(']')) name = name.substr(1, name.size() - 2);
  boost::system::error_code error;
  const auto address = boost::asio::ip::make_address(std::string(name), error);
  if (error) return {};
  return address;
}

}  // namespace

CertificateNames names_of(const X509* certificate) {
  CertificateNames names;
  int critical = 0;
  const std::unique_ptr<GENERAL_NAMES, FreeNames> list(
      static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(certificate, NID_subject_alt_name, &critical, nullptr)));
  // -1: there is none. Anything else without a list is broken or there twice: then its common name is no better.
  if (!list && critical != -1) names.has_alternative_names = true;
  for (int i = 0; list && i < sk_GENERAL_NAME_num(list.get()); ++i) {
    const GENERAL_NAME* const name = sk_GENERAL_NAME_value(list.get(), i);
    switch (name->type) {
      case GEN_DNS:
        add(names.dns, text_of(name->d.dNSName));
        names.has_alternative_names = true;
        break;
      case GEN_URI:
        names.has_alternative_names = true;
        break;
      case GEN_IPADD:
        add_address(names, name->d.iPAddress);
        names.has_alternative_names = true;
        break;
      case GEN_OTHERNAME:
        add_other(names, *name->d.otherName);
        break;
      default:
        break;
    }
  }
  const X509_NAME* const subject = X509_get_subject_name(certificate);
  for (int at = -1; (at = X509_NAME_get_index_by_NID(subject, NID_commonName, at)) >= 0;) {
    unsigned char* utf8 = nullptr;
    const int size = ASN1_STRING_to_UTF8(&utf8, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at)));
    const std::unique_ptr<unsigned char, FreeBytes> owner(utf8);
    if (size > 0) add(names.common, {reinterpret_cast<const char*>(utf8), static_cast<std::size_t>(size)});
  }
  return names;
}

bool certificate_matches(const CertificateNames& names, std::string_view name, bool allow_common_name) {
  if (const auto address = literal(name)) {
    return std::find(names.addresses.begin(), names.addresses.end(), address->to_string()) != names.addresses.end();
  }
  const auto ascii = xmpp::domain_to_ascii(name);
  const auto prepared = xmpp::prepare_domain(name);
  if (!ascii || !prepared) return false;
  const auto any = [](const std::vector<std::string>& list, auto matches) {
    return std::any_of(list.begin(), list.end(), matches);
  };
  const auto by_dns = [&](const std::string& presented) { return dns_matches(presented, *ascii); };
  if (any(names.dns, by_dns)) return true;
  if (any(names.srv, [&](const std::string& presented) { return srv_matches(presented, *ascii); })) return true;
  if (any(names.xmpp, [&](const std::string& presented) { return xmpp::prepare_domain(presented) == prepared; }))
    return true;
  return allow_common_name && !names.has_alternative_names && any(names.common, by_dns);
}

std::string describe(const CertificateNames& names) {
  constexpr std::size_t most = 5;
  std::string text;
  std::size_t count = 0;
  const auto list = [&](std::string_view kind, const std::vector<std::string>& values) {
    for (const auto& value : values) {
      if (++count > most) continue;
      if (!text.empty()) text += ", ";
      text += kind;
      text += safe_text(value);
    }
  };
  list("", names.dns);
  list("SRV ", names.srv);
  list("XMPP ", names.xmpp);
  list("address ", names.addresses);
  if (!names.has_alternative_names) list("CN ", names.common);
  if (count > most) text += " and " + std::to_string(count - most) + " more";
  return text.empty() ? "no name at all" : text;
}

std::string public_key_pin(const X509* certificate) {
  unsigned char* encoded = nullptr;
  const int size = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(certificate), &encoded);
  const std::unique_ptr<unsigned char, FreeBytes> owner(encoded);
  if (size <= 0) return {};
  std::array<unsigned char, SHA256_DIGEST_LENGTH> digest{};
  SHA256(encoded, static_cast<std::size_t>(size), digest.data());
  return "sha256//" + base64(digest);
}

}  // namespace gateway
