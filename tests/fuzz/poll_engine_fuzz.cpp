// Bytes of a polling client, cut into requests by the input itself: every request gets one answer, nothing but complete
// stanzas reaches the server, and they are the same however the stream was cut.
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

#include "bosh/poll_engine.hpp"
#include "xmpp/parser_pool.hpp"

namespace {

constexpr std::string_view header =
    "<stream:stream to='a' version='1.0' xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>";

struct Run {
  xmpp::ParserPool pool;
  xmpp::Limits limits{.max_bytes = 4096};
  bosh::PollPolicy policy;
  bosh::PollEngine engine{policy, pool, limits, {"id", "a", "/p"}, {}};
  xmpp::Actions actions;
  xmpp::Instant now{};
  std::uint64_t asked = 0, answered = 0;
  std::string to_server;
  bool over = false;

  void collect() {
    for (const auto& action : actions.list) {
      if (const auto* const sent = std::get_if<xmpp::ToServer>(&action)) to_server += sent->bytes;
      if (std::holds_alternative<xmpp::Reply>(action)) ++answered;
      if (std::holds_alternative<xmpp::EndSession>(action)) over = true;
    }
    actions.clear();
  }
  explicit Run(std::string_view stream, std::size_t step) {
    engine.on_create(xmpp::RequestId{++asked}, header, now, actions);
    engine.opened({"1", "a", "1.0", {}}, now, actions);
    engine.deliver({"<stream:features xmlns:stream='http://etherx.jabber.org/streams'/>", xmpp::StanzaKind::features},
                   now, actions);
    engine.delivered_all(now, actions);
    collect();
    for (std::size_t at = 0; at < stream.size() && !over; at += step) {
      engine.on_poll(xmpp::RequestId{++asked}, {"id", {}, {}, stream.substr(at, step)}, now, actions);
      collect();
    }
    while (engine.deadline() != xmpp::never) {
      now = engine.deadline();
      engine.on_time(now, actions);
      collect();
    }
    if (answered != asked) std::abort();
  }
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  if (const auto request = bosh::read_poll_request(input)) {
    if (request->id.empty() || request->xml.size() > input.size()) std::abort();
    xmpp::ParserPool pool;
    const xmpp::Limits limits{.max_bytes = 4096};
    static_cast<void>(bosh::read_poll_header(request->xml, pool, limits));
    bosh::PollKeys keys(request->key);
    static_cast<void>(keys.accept(*request));
  }
  const Run whole(input, size + 1);
  const Run cut(input, 3);
  if (whole.to_server != cut.to_server || whole.over != cut.over) {
    std::fprintf(stderr, "depends on how it is cut\n");
    std::abort();
  }
  return 0;
}
