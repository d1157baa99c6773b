#include "gateway/poll_entry.hpp"

#include <algorithm>
#include <string>
#include <utility>

#include "bosh/poll_engine.hpp"
#include "gateway/client_of.hpp"
#include "gateway/clock.hpp"
#include "gateway/log.hpp"
#include "gateway/session_host.hpp"
#include "gateway/session_table.hpp"
#include "gateway/shard.hpp"

namespace gateway {

namespace {

using bosh::PollError;

// Ids may not hold what sids do (P-002); a sid never ends in what would make it look like an error.
std::string id_of(std::string sid) {
  std::replace(sid.begin(), sid.end(), '_', ':');
  return sid;
}
std::optional<Sid> sid_of(std::string_view id) {
  std::string sid(id);
  std::replace(sid.begin(), sid.end(), ':', '_');
  return read_sid(sid);
}

// One request that is not, or not yet, one of a session.
class PollEntry {
 public:
  PollEntry(Shard& shard, HttpConnection& connection, const Request& request)
      : shard_(shard), connection_(connection), request_(request), client_(client_of(request, shard.config())) {}

  void serve() {
    const auto poll = bosh::read_poll_request(request_.body);
    if (!poll || request_.head.coding != Coding::identity)
      return refuse(PollError::bad_request, "not a polling request");
    if (poll->id == "0") return create(*poll);
    const auto sid = sid_of(poll->id);
    if (!sid || sid->shard >= shard_.count()) return not_found();
    if (sid->shard != shard_.index()) return shard_.move_home(sid->shard, connection_, request_);
    SessionHost* const host = shard_.sessions().find(sid->secret);
    if (host == nullptr || !host->has<bosh::PollEngine>()) return not_found();
    if (host->secure() && !client_.secure) {
      log("request in clear for a session that was opened over TLS");
      return connection_.close();
    }
    connection_.belongs_to(sequence_of(request_.id), host->id());
    host->enter<bosh::PollEngine>([&](bosh::PollEngine& engine, xmpp::Instant now, xmpp::Actions& out) {
      engine.on_poll(request_.id, *poll, now, out);
    });
  }

 private:
  void create(const bosh::PollRequest& poll) {
    const Config& config = shard_.config();
    const auto header = bosh::read_poll_header(poll.xml, shard_.parser_pool(), config.limits.from_client);
    if (!header) return refuse(PollError::bad_request, "no stream header in the first request");
    if (shard_.draining()) return refuse(PollError::server_error, "shutting down");
    const std::string& to = header->to.empty() ? config.server.default_domain : header->to;
    const auto found = config.domains.find(to);
    if (found.standing != Domains::Standing::served) {
      return refuse(PollError::bad_request, "domain '" + safe_text(to) + "' is not served");
    }
    auto started = shard_.session_started(client_.address, *found.domain);
    if (!started.why_not.empty()) return refuse(PollError::server_error, started.why_not);
    const Sid sid = shard_.mint_sid();
    std::string name = write_sid(sid);
    bosh::PollEngine engine(config.polling, shard_.parser_pool(), config.limits.from_client,
                            bosh::PollIdentity{id_of(name), found.domain->name, config.paths.poll.front()}, poll.key);
    xmpp::StreamRequest stream{header->lang, {}, header->version};
    if (found.domain->stream.management.enabled) stream.management = xmpp::Management::owned;  // U-050
    SessionHost& host = shard_.create_session(
        sid.secret, SessionStart{std::move(started.place), *found.domain, std::move(name), std::move(engine),
                                 std::move(stream), SessionOrigin{client_.address, client_.secure}});
    connection_.belongs_to(sequence_of(request_.id), host.id());
    host.enter<bosh::PollEngine>([&](bosh::PollEngine& created, xmpp::Instant now, xmpp::Actions& out) {
      created.on_create(request_.id, poll.xml, now, out);
    });
  }

  void not_found() {
    const bool tolerable =
        shard_.admission().sid_missed(address_key(client_.address), shard_.config().limits, steady_now());
    if (!tolerable) log("too many requests for sessions that do not exist");
    answer(PollError::unknown_session, !tolerable);
  }

  void refuse(PollError error, std::string_view why) {
    log(why);
    answer(error, false);
  }

  // P-002: the status is always 200, and every answer names an id.
  void answer(PollError error, bool close) {
    const std::string fields = bosh::poll_cookie(bosh::poll_error_id(error), shard_.config().paths.poll.front());
    Answer answer;
    answer.content_type = "text/xml; charset=utf-8";
    answer.fields = fields;
    answer.close = close;
    connection_.answer(sequence_of(request_.id), answer);
  }

  void log(std::string_view what) const {
    shard_.say_refused("request of {} refused: {}", client_.address.to_string(), what);
  }

  Shard& shard_;
  HttpConnection& connection_;
  const Request& request_;
  const Client client_;
};

}  // namespace

void serve_poll(Shard& shard, HttpConnection& connection, const Request& request) {
  PollEntry(shard, connection, request).serve();
}

}  // namespace gateway
