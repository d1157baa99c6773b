// Addresses and domain names: what is prepared stays as it is when it is prepared again, is within the lengths of RFC
// 7622, and the form for DNS has nothing in it that DNS or a certificate check could take for something else.
#include <string>

#include "tests/fuzz/complain.hpp"
#include "xmpp/jid.hpp"

namespace {

constexpr std::size_t longest_part = 1023;

void check_jid(std::string_view text) {
  const auto parts = xmpp::split_jid(text);
  const auto jid = xmpp::parse_jid(text);
  if (jid && !parts) fuzz::complain("parsed and not split", text);
  if (!jid) return;
  const auto again = xmpp::parse_jid(jid->full());
  if (!again || !(*again == *jid)) fuzz::complain("prepared twice it is another", text);
  for (const auto* part : {&jid->local, &jid->domain, &jid->resource}) {
    if (part->size() > longest_part) fuzz::complain("too long", *part);
    if (part->find('\0') != part->npos) fuzz::complain("a NUL", *part);
  }
  if (jid->local.find_first_of("\"&'/:<>@ ") != std::string::npos) fuzz::complain("a local part", jid->local);
}

void check_domain(std::string_view text) {
  const auto prepared = xmpp::prepare_domain(text);
  if (prepared) {
    const auto again = xmpp::prepare_domain(*prepared);
    if (!again || *again != *prepared) fuzz::complain("a domain that changes", *prepared);
  }
  const auto ascii = xmpp::domain_to_ascii(text);
  if (!ascii) return;
  for (const char c : *ascii) {
    if (c <= ' ' || c >= 0x7f || c == '/' || c == '@' || c == '%') fuzz::complain("not for DNS", *ascii);
  }
  const auto again = xmpp::domain_to_ascii(*ascii);
  if (!again || *again != *ascii) fuzz::complain("a host name that changes", *ascii);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = fuzz::text_of(data, size);
  check_jid(text);
  check_domain(text);
  if (const auto claimed = xmpp::claimed_bare_jid(text)) {
    if (!xmpp::parse_jid(*claimed)) fuzz::complain("a claim that is no address", *claimed);
  }
  return 0;
}
