// XEP-0252 from both sides: any query; any content, cut where the first byte says, which must make no difference; any
// answer, which must stay within its string.
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "bosh/script_syntax.hpp"
#include "tests/fuzz/complain.hpp"
#include "xmpp/parser_pool.hpp"

namespace {

using fuzz::complain;

struct Outcome {
  std::string stanzas;
  bool fault = false;
};

void take(bosh::ScriptStream& stream, std::string_view content, Outcome& outcome) {
  if (outcome.fault) return;
  outcome.fault = stream.take(content).has_value();
  if (outcome.fault) return;
  for (const auto& stanza : stream.stanzas()) outcome.stanzas.append(stanza.bytes).append("\n");
}

void check_script(std::string_view body) {
  const std::string script = bosh::as_script(body);
  std::string_view text = script;
  if (!text.starts_with("_BOSH_(\"") || !text.ends_with("\")")) complain("not a call", text);
  text = text.substr(8, text.size() - 10);
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\') {
      ++i;
    } else if (text[i] == '"' || text[i] == '\n' || text[i] == '\r' || text.substr(i).starts_with("</")) {
      complain("the string ends early", text);
    }
  }
  if (text.find("\xE2\x80\xA8") != std::string_view::npos) complain("a line separator", text);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view input(reinterpret_cast<const char*>(data + 1), size - 1);
  const xmpp::Limits limits;
  xmpp::ParserPool pool;
  bosh::BodyReader reader(limits);
  std::string head;
  if (const auto document = bosh::decode_script_query(input)) {
    static_cast<void>(bosh::read_script_body(reader, *document, head));
  }
  check_script(input);

  const std::size_t cut = data[0] % (input.size() + 1);
  Outcome whole, cut_up;
  bosh::ScriptStream one(pool, limits), other(pool, limits);
  take(one, input, whole);
  take(other, input.substr(0, cut), cut_up);
  // What a fault follows depends on where it is: only complete readings can be compared.
  take(other, input.substr(cut), cut_up);
  if (whole.fault != cut_up.fault) complain("the cut makes a fault", input);
  if (!whole.fault && whole.stanzas != cut_up.stanzas) complain("the cut changes the stanzas", input);
  return 0;
}
