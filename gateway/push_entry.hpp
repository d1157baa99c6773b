// Whoever comes to read a BOSH session as a push stream: GET of the BOSH path with ?push=TOKEN&as=sse|frame&last=N
// (V-002, V-006, V-014, V-015, V-020, V-021 of docs/PROTOCOLS.md). The token names shard and session
// and is a secret of its own, so that an address which somebody has written down is good for reading one session and
// for nothing else.
#pragma once
#include <string>
#include <string_view>

#include "gateway/http_connection.hpp"
#include "gateway/ids.hpp"

namespace gateway {

class Shard;

[[nodiscard]] bool is_push_query(std::string_view query);
[[nodiscard]] std::string mint_stream_token(unsigned shard, SessionId session);
void serve_push_stream(Shard& shard, HttpConnection& connection, const Request& request, std::string_view query);

}  // namespace gateway
