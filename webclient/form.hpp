// What an HTML form sends: application/x-www-form-urlencoded as browsers write it (WHATWG URL 5.1), decoded into UTF-8
// text that is fit to be handled. Deliberately not a general decoder: repeated names, bad escapes and bytes that are no
// UTF-8 do not come from our own pages, so they make the whole form a fault instead of something to be guessed at.
// Pure; any thread. Files are another encoding and not read here.
#pragma once
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace webclient {

struct FormLimits {
  std::size_t max_fields = 32;
  std::size_t max_name_bytes = 64;
  std::size_t max_value_bytes = 64 * 1024;  // decoded
};

enum class FormFault : std::uint8_t { malformed, not_utf8, repeated, too_many, too_long };

class Form {
 public:
  // The decoded value; nothing when the form has no such field. Lives as long as the form.
  [[nodiscard]] std::optional<std::string_view> find(std::string_view name) const;
  // The same, with the empty text for an absent field.
  [[nodiscard]] std::string_view value(std::string_view name) const { return find(name).value_or(std::string_view{}); }
  [[nodiscard]] std::size_t size() const { return fields_.size(); }

  // Overwrites every value, of which one may be a password.
  void wipe();

 private:
  friend std::variant<Form, FormFault> read_form(std::string_view body, const FormLimits& limits);
  std::vector<std::pair<std::string, std::string>> fields_;
};

// A whole body, or the query of a URL.
[[nodiscard]] std::variant<Form, FormFault> read_form(std::string_view body, const FormLimits& limits = {});

// One component of a path or query, percent-decoded ('+' stays). Nothing for bad escapes or what is no UTF-8.
[[nodiscard]] std::optional<std::string> decode_component(std::string_view text);
// The reverse, for paths and queries: everything but unreserved characters is escaped (RFC 3986 2.3).
[[nodiscard]] std::string encode_component(std::string_view text);

// The groups of a buddy as a field has them: "family, work". Cleaned, each once, as many as a buddy may have.
[[nodiscard]] std::vector<std::string> split_groups(std::string_view text);

// RFC 3629: no overlong forms, no surrogates, nothing above U+10FFFF.
[[nodiscard]] bool is_utf8(std::string_view text);

}  // namespace webclient
