// The way of a BOSH request from its bytes to its session: content coding, <body/>, the session by sid, or the
// creation of one (PROTOCOL B-001...B-030, B-170, B-171, B-200...B-203, S-001...S-007).
#pragma once
#include <string_view>

#include "bosh/condition.hpp"
#include "bosh/engine.hpp"
#include "gateway/address.hpp"
#include "gateway/http_connection.hpp"
#include "xmpp/session.hpp"

namespace gateway {

class Shard;
struct Domain;

// Whether there may be one more stream, and to which domain: of the shard's present configuration (B-020 ... B-030,
// B-201). It has a place then.
struct Admitted {
  SessionPlace place;
  const Domain* domain = nullptr;  // null: no
  bosh::Condition condition = bosh::Condition::none;
};
[[nodiscard]] Admitted admit(Shard& shard, const bosh::Creation& creation, const Address& client);
[[nodiscard]] xmpp::StreamRequest stream_request(const Domain& domain, const bosh::Creation& creation);

void serve_bosh(Shard& shard, HttpConnection& connection, const Request& request);
// The same as XEP-0252 has it: a GET whose query is the <body/> (S-001 ... S-007).
void serve_bosh_script(Shard& shard, HttpConnection& connection, const Request& request, std::string_view query);

// A request for which no session is to blame (or known): the terminal condition as B-171 says.
void refuse_bosh(Shard& shard, HttpConnection& connection, const Request& request, bosh::Condition condition,
                 bool close);

}  // namespace gateway
