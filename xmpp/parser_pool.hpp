// Lends expat parsers to StreamSplitters: a parser costs some 9 kB, an idle stream must not: PROTOCOL U-018 asks for
// a parser, and a session is to have 4 kB. A splitter keeps a parser only in the middle of a stanza: between two
// stanzas any parser that has read the same stream header can go on in its place, and headers are as good as all alike.
// So a shard reads nearly everything with one parser, whose tables stay in the processor's cache. One per shard; it
// must outlive its splitters. Not a general cache: it hands out nothing but what splitters need.
#pragma once
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "xmpp/limits.hpp"
#include "xmpp/namespace_fixup.hpp"
#include "xmpp/stream_splitter.hpp"
#include "xmpp/tag_scan.hpp"
#include "xmpp/xml_reader.hpp"

namespace xmpp {

// What a stream header leaves behind for the rest of the stream.
struct StreamContext {
  RootNamespaces namespaces;
  std::string header;  // the start tag again, with nothing but the declarations
};

struct LentParser {
  explicit LentParser(const Limits& limits) : reader(limits) {}

  XmlReader reader;
  std::shared_ptr<const StreamContext> context;  // the header it stands behind; null: must be reset
  std::string pending;                           // the bytes of a stanza that has begun, until it is complete
  std::uint64_t pending_begin = 0;
  std::string kept_back;  // behind `pending`, and not read yet: pieces of an unfinished tag
  TagScan scan;           // of `pending` and `kept_back`, as far as `scanned`
  std::size_t scanned = 0;
  bool swollen = false;  // its buffers have grown: not worth keeping
};

class ParserPool {
 public:
  // `max_spare`: one for each kind of stream header that is in use at the same time would be ideal.
  explicit ParserPool(std::size_t max_spare = 16);
  ~ParserPool();
  ParserPool(const ParserPool&) = delete;
  ParserPool& operator=(const ParserPool&) = delete;

  [[nodiscard]] std::size_t spare() const { return spare_.size(); }

 private:
  friend class StreamSplitter;

  // A parser that stands behind the header `context`, or at the beginning of a stream if there is none.
  std::unique_ptr<LentParser> lend(const Limits& limits, const std::shared_ptr<const StreamContext>& context);
  void give_back(std::unique_ptr<LentParser> parser);
  std::unique_ptr<LentParser> choose(const Limits& limits, const std::shared_ptr<const StreamContext>& context);

  std::shared_ptr<const StreamContext> intern(const QualifiedName& root, RootNamespaces& namespaces);

  std::size_t max_spare_;
  std::vector<std::unique_ptr<LentParser>> spare_;  // the one used last at the end
  std::unordered_map<std::string, std::weak_ptr<const StreamContext>> contexts_;
};

}  // namespace xmpp
