#include "xmpp/parser_pool.hpp"

#include <algorithm>
#include <utility>

namespace xmpp {
namespace {

constexpr std::size_t max_spare = 16;
constexpr std::size_t worth_keeping = 16 * 1024;  // of a `pending` that is empty now

// Headers are as good as all alike; a server that writes each differently must not fill the table.
constexpr std::size_t contexts_before_sweep = 64;

}  // namespace

ParserPool::ParserPool(std::size_t max_lent) : max_lent_(max_lent) {}
ParserPool::~ParserPool() = default;

std::unique_ptr<LentParser> ParserPool::lend(const Limits& limits,
                                             const std::shared_ptr<const StreamContext>& context) {
  if (spare_.empty() && parked_ >= max_lent_ && parked_ > 0) spare_.push_back(take_oldest());
  auto found = std::find_if(spare_.rbegin(), spare_.rend(),
                            [&](const auto& parser) { return context != nullptr && parser->context == context; });
  if (found == spare_.rend() && !spare_.empty()) found = spare_.rbegin();
  std::unique_ptr<LentParser> parser;
  if (found != spare_.rend()) {
    std::swap(*found, spare_.back());
    parser = std::move(spare_.back());
    spare_.pop_back();
  } else {
    parser = std::make_unique<LentParser>(limits);
  }
  if (context != nullptr && parser->context == context) {
    parser->reader.use_limits(limits);
    return parser;
  }
  parser->reader.reset(limits, XmlReader::Scope::child);
  parser->context = context;
  if (context != nullptr) {
    parser->reader.feed(context->header, false, nullptr);
    parser->reader.use_namespaces(context->namespaces);
    parser->reader.namespaces().clear();
  }
  return parser;
}

void ParserPool::give_back(std::unique_ptr<LentParser> parser) {
  if (parser->swollen || spare_.size() >= max_spare) return;
  if (!parser->reader.between_children()) parser->context.reset();
  parser->owner = nullptr;
  parser->pending.clear();
  if (parser->pending.capacity() > worth_keeping) std::string().swap(parser->pending);
  spare_.push_back(std::move(parser));
}

void ParserPool::park(StreamSplitter& splitter) {
  LentParser& parser = *splitter.parser_;
  if (parser.swollen || max_lent_ == 0) return give_back(std::move(splitter.parser_));
  parser.owner = &splitter;
  parser.newer = nullptr;
  parser.older = newest_;
  (newest_ == nullptr ? oldest_ : newest_->newer) = &parser;
  newest_ = &parser;
  ++parked_;
  if (parked_ > max_lent_) give_back(take_oldest());
}

void ParserPool::unpark(LentParser& parser) {
  (parser.newer == nullptr ? newest_ : parser.newer->older) = parser.older;
  (parser.older == nullptr ? oldest_ : parser.older->newer) = parser.newer;
  parser.newer = parser.older = nullptr;
  parser.owner = nullptr;
  --parked_;
}

std::unique_ptr<LentParser> ParserPool::take_oldest() {
  StreamSplitter& owner = *oldest_->owner;
  unpark(*owner.parser_);
  return std::move(owner.parser_);
}

std::shared_ptr<const StreamContext> ParserPool::intern(const QualifiedName& root, RootNamespaces& namespaces) {
  std::string header = "<";
  if (!root.prefix.empty()) header.append(root.prefix).append(":");
  header.append(root.local);
  if (!namespaces.default_uri.empty()) header += namespaces.default_text;
  for (const auto& declaration : namespaces.prefixes) header += declaration.text;
  header += ">";
  auto& known = contexts_[header];
  if (auto context = known.lock()) return context;
  auto context = std::make_shared<const StreamContext>(StreamContext{std::move(namespaces), header});
  known = context;
  if (contexts_.size() > contexts_before_sweep) {
    std::erase_if(contexts_, [](const auto& entry) { return entry.second.expired(); });
  }
  return context;
}

}  // namespace xmpp
