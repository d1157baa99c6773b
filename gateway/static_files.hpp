// Web clients of the operator's own ([[static]]): JWChat, converse.js, JSXC and the like, dropped into a directory and
// served from the origin of postern, with a policy for clients that are scripts; the chat without scripts has one of
// its own. Deliberately not a web server: no listings, no uploads, no rewriting, one index file. Immutable; any thread.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "gateway/config.hpp"
#include "gateway/file_body.hpp"
#include "gateway/http_connection.hpp"

namespace gateway {

class Shard;

class StaticFiles {
 public:
  // Opens the roots; what is renamed over them later is not seen until the next configuration.
  explicit StaticFiles(const std::vector<StaticTree>& trees);

  // False when the path is below none of the trees. `path`: the target without scheme, host and query.
  bool serve(Shard& shard, HttpConnection& connection, const Request& request, std::string_view path) const;

 private:
  struct Tree {
    std::string prefix;  // ends in a slash
    Descriptor root;
    std::string cache_control;
    std::string policy;  // header fields that tell browsers what these pages may do
  };
  class Serving;

  std::vector<Tree> trees_;  // the longest prefix first
};

}  // namespace gateway
