// What is accepted as a form keeps the limits, is UTF-8 and is the same again when it is written anew.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "webclient/form.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view body(reinterpret_cast<const char*>(data), size);
  const webclient::FormLimits limits{.max_fields = 4, .max_name_bytes = 8, .max_value_bytes = 32};
  const auto read = webclient::read_form(body, limits);
  if (const auto* form = std::get_if<webclient::Form>(&read)) {
    if (form->size() > limits.max_fields) std::abort();
  }
  const auto component = webclient::decode_component(body);
  if (component) {
    if (!webclient::is_utf8(*component)) std::abort();
    const std::string again = webclient::encode_component(*component);
    if (webclient::decode_component(again) != component) std::abort();
    const auto one = webclient::read_form("a=" + again);
    const auto* form = std::get_if<webclient::Form>(&one);
    if (form == nullptr || form->value("a") != *component) std::abort();
  }
  return 0;
}
