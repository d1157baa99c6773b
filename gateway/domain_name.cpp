#include "gateway/domain_name.hpp"

#include <idna.h>

#include <algorithm>
#include <boost/asio/ip/address.hpp>
#include <cstdlib>
#include <memory>

namespace gateway {

namespace {

constexpr std::size_t max_utf8 = 1023;     // RFC 7622 3.2
constexpr std::size_t max_dns_name = 253;  // RFC 1035, as text
constexpr std::size_t max_label = 63;

struct Free {
  void operator()(char* text) const { std::free(text); }
};
using Text = std::unique_ptr<char, Free>;

bool is_ascii(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < 0x80; });
}

std::string lower(std::string_view text) {
  std::string result(text);
  for (char& c : result) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
  }
  return result;
}

// Letters, digits, hyphens, and the underscore that some internal hosts carry.
bool is_dns_name(std::string_view name) {
  if (name.empty() || name.size() > max_dns_name) return false;
  std::size_t label = 0;
  for (const char c : name) {
    if (c == '.') {
      if (label == 0) return false;
      label = 0;
      continue;
    }
    if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_')) return false;
    if (++label > max_label) return false;
  }
  return label != 0;
}

bool has_a_label(std::string_view name) {
  return name.starts_with("xn--") || name.find(".xn--") != name.npos;
}

// An IPv6 literal in brackets in its canonical form.
std::optional<std::string> bracketed(std::string_view name) {
  if (name.size() < 4 || name.back() != ']' || name.find('%') != name.npos) return {};
  boost::system::error_code error;
  const auto address = boost::asio::ip::make_address_v6(std::string(name.substr(1, name.size() - 2)), error);
  if (error) return {};
  return '[' + address.to_string() + ']';
}

std::optional<std::string> acceptable(std::string_view name) {
  if (name.size() > 1 && name.back() == '.') name.remove_suffix(1);
  if (name.empty() || name.size() > max_utf8 || name.find('\0') != name.npos) return {};
  return std::string(name);
}

std::optional<std::string> idna_to_ascii(const std::string& name) {
  char* raw = nullptr;
  const int status = idna_to_ascii_8z(name.c_str(), &raw, 0);
  const Text text(raw);
  if (status != IDNA_SUCCESS) return {};
  std::string ascii = lower(text.get());
  if (!is_dns_name(ascii)) return {};
  return ascii;
}

}  // namespace

std::optional<std::string> prepare_domain(std::string_view name) {
  const auto plain = acceptable(name);
  if (!plain) return {};
  if (plain->front() == '[') return bracketed(*plain);
  if (is_ascii(*plain)) {
    std::string ascii = lower(*plain);
    if (!is_dns_name(ascii)) return {};
    if (!has_a_label(ascii)) return ascii;
  }
  // By way of the A-labels, so that all spellings of one name come out the same.
  const auto ascii = idna_to_ascii(*plain);
  if (!ascii) return {};
  char* raw = nullptr;
  const int status = idna_to_unicode_8z8z(ascii->c_str(), &raw, 0);
  const Text text(raw);
  if (status != IDNA_SUCCESS) return {};
  return std::string(text.get());
}

std::optional<std::string> to_a_labels(std::string_view name) {
  const auto plain = acceptable(name);
  if (!plain) return {};
  if (plain->front() == '[') return bracketed(*plain);
  if (is_ascii(*plain)) {
    std::string ascii = lower(*plain);
    if (!is_dns_name(ascii)) return {};
    return ascii;
  }
  return idna_to_ascii(*plain);
}

}  // namespace gateway
