#include "gateway/push_entry.hpp"

#include <charconv>
#include <cstdint>
#include <optional>
#include <utility>
#include <variant>

#include "bosh/engine.hpp"
#include "gateway/client_of.hpp"
#include "gateway/clock.hpp"
#include "gateway/random.hpp"
#include "gateway/response_head.hpp"
#include "gateway/routes.hpp"
#include "gateway/session_host.hpp"
#include "gateway/shard.hpp"
#include "gateway/wall_clock.hpp"
#include "gateway/web_access.hpp"
#include "webclient/form.hpp"

namespace gateway {

namespace {

// A number and the dash behind it.
template <typename Number>
std::optional<Number> take_number(std::string_view& text) {
  Number value{};
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc() || stop == end || *stop != '-') return std::nullopt;
  text.remove_prefix(static_cast<std::size_t>(stop - text.data()) + 1);
  return value;
}

struct Address {
  unsigned shard;
  SessionId session;
};

std::optional<Address> read_token(std::string_view token) {
  const auto shard = take_number<unsigned>(token);
  const auto slot = take_number<std::uint32_t>(token);
  const auto generation = take_number<std::uint32_t>(token);
  if (!shard || !slot || !generation) return std::nullopt;
  return Address{*shard, SessionId{*slot, *generation}};
}

// What is no number says nothing: then all comes that is not proven.
std::optional<std::uint64_t> read_event(std::string_view text) {
  std::uint64_t value = 0;
  const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || stop != text.data() + text.size()) return std::nullopt;
  return value;
}

std::string head_of(const Shard& shard, const Request& request, const bosh::StreamWish& wish) {
  if (wish.format == bosh::EventFormat::sse) {
    return endless_head("text/event-stream", shard.routes().cors().allow(CrossOrigin::configured, request.head.origin),
                        http_date_now());
  }
  // V-014: in a page of this origin or nowhere, with no script but ours, and without the token in any Referer.
  std::string fields = "Content-Security-Policy: default-src 'none'; script-src 'nonce-" + wish.nonce;
  fields +=
      "'; frame-ancestors 'self'; base-uri 'none'; form-action 'none'\r\nX-Frame-Options: SAMEORIGIN\r\n"
      "Referrer-Policy: no-referrer\r\nCross-Origin-Resource-Policy: same-origin\r\n";
  return endless_head("text/html; charset=utf-8", fields, http_date_now());
}

void refuse(HttpConnection& connection, const Request& request, std::uint16_t status, std::string_view text,
            bool close = false) {
  Answer answer;
  answer.status = status;
  answer.content_type = "text/plain; charset=utf-8";
  answer.body = text;
  answer.close = close;
  connection.answer(sequence_of(request.id), answer);
}

// As for sids that are not there (B-201): whoever guesses does not keep the connection.
void not_found(Shard& shard, HttpConnection& connection, const Request& request, const Client& client) {
  const bool tolerable = shard.admission().sid_missed(address_key(client.address), shard.config().limits, steady_now());
  refuse(connection, request, 404, "There is no such stream.\n", !tolerable);
}

}  // namespace

bool is_push_query(std::string_view query) {
  return query.starts_with("push=");
}

std::string mint_stream_token(unsigned shard, SessionId session) {
  return std::to_string(shard) + "-" + std::to_string(session.slot) + "-" + std::to_string(session.generation) + "-" +
         random_token();
}

void serve_push_stream(Shard& shard, HttpConnection& connection, const Request& request, std::string_view query) {
  const Client client = client_of(request, shard.config());
  const auto read = webclient::read_form(query);
  const auto* const asked = std::get_if<webclient::Form>(&read);
  const std::string_view format = asked == nullptr ? std::string_view() : asked->value("as");
  if (format != "sse" && format != "frame") return refuse(connection, request, 400, "This is not what as= may say.\n");
  const std::string_view token = asked->value("push");
  const auto address = read_token(token);
  if (!address || address->shard >= shard.count()) return not_found(shard, connection, request, client);
  if (address->shard != shard.index()) return shard.move_home(address->shard, connection, request);
  SessionHost* const host = shard.sessions().find(address->session);
  const bosh::Engine* const engine = host == nullptr ? nullptr : host->as<bosh::Engine>();
  if (engine == nullptr || engine->stream_token().empty() || !same_token(engine->stream_token(), token)) {
    return not_found(shard, connection, request, client);
  }
  if (host->secure() && !client.secure) {
    shard.say_refused("request of {} refused: a stream in clear for a session that was opened over TLS",
                      client.address.to_string());
    return connection.close();  // B-200
  }
  if (const auto full = connection.hold_for(client); !full.empty()) {
    shard.say_refused("request of {} refused: {}", client.address.to_string(), full);
    return refuse(connection, request, 503, "There are too many connections from this address.\n");
  }
  bosh::StreamWish wish;
  wish.format = format == "sse" ? bosh::EventFormat::sse : bosh::EventFormat::frame;
  wish.nonce = random_token();
  // A browser that comes back by itself asks for the same address, and says in the field how far it has come since.
  wish.last = read_event(request.head.last_event_id);
  if (!wish.last) wish.last = read_event(asked->value("last"));
  std::string head = head_of(shard, request, wish);
  connection.leave([&shard, session = address->session, head = std::move(head),
                    wish = std::move(wish)](HttpConnection::Left left) mutable {
    shard.add_connection<PushConnection>(std::move(left.stream), std::move(left.peer), [&](auto& stream) {
      stream.start(head, session);
      SessionHost* const reader_of = shard.sessions().find(session);
      if (reader_of == nullptr) return stream.finish(0);
      wish.connection = stream.ref();
      reader_of->enter<bosh::Engine>(
          [&](bosh::Engine& read_from, xmpp::Instant now, xmpp::Actions& out) { read_from.on_stream(wish, now, out); });
    });
  });
}

}  // namespace gateway
