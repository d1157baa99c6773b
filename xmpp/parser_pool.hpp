// Lends expat parsers to StreamSplitters: a parser costs some 9 kB, an idle stream must not (PROTOCOL U-018 asks for
// a parser, HOUSE for 4 kB a session). A splitter in the middle of a stanza keeps its parser; between stanzas it may
// be taken back at any time, because a parser that has read the same stream header can go on in its place.
// One per shard; it must outlive its splitters. Not a general cache: it hands out nothing but what splitters need.
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
  bool swollen = false;  // its buffers have grown: not worth keeping

  // The list of those that may be taken back, by the time of their last use.
  StreamSplitter* owner = nullptr;
  LentParser* newer = nullptr;
  LentParser* older = nullptr;
};

class ParserPool {
 public:
  explicit ParserPool(std::size_t max_lent = 256);
  ~ParserPool();
  ParserPool(const ParserPool&) = delete;
  ParserPool& operator=(const ParserPool&) = delete;

  // Parsers that are with splitters between stanzas, and unused ones that are kept.
  [[nodiscard]] std::size_t parked() const { return parked_; }
  [[nodiscard]] std::size_t spare() const { return spare_.size(); }

 private:
  friend class StreamSplitter;

  // A parser that stands behind the header `context`, or at the beginning of a stream if there is none.
  std::unique_ptr<LentParser> lend(const Limits& limits, const std::shared_ptr<const StreamContext>& context);
  void give_back(std::unique_ptr<LentParser> parser);
  // From park() to unpark() the parser of the splitter may be taken away.
  void park(StreamSplitter& splitter);
  void unpark(LentParser& parser);
  std::unique_ptr<LentParser> take_oldest();

  std::shared_ptr<const StreamContext> intern(const QualifiedName& root, RootNamespaces& namespaces);

  std::size_t max_lent_;
  std::size_t parked_ = 0;
  LentParser* newest_ = nullptr;
  LentParser* oldest_ = nullptr;
  std::vector<std::unique_ptr<LentParser>> spare_;
  std::unordered_map<std::string, std::weak_ptr<const StreamContext>> contexts_;
};

}  // namespace xmpp
