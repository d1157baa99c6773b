#include "xmpp/parser_pool.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

namespace xmpp {
namespace {

constexpr std::size_t worth_keeping = 16 * 1024;  // of a `pending` that is empty now

// Headers are as good as all alike; a server that writes each differently must not fill the table.
constexpr std::size_t contexts_before_sweep = 64;

}  // namespace

ParserPool::ParserPool(std::size_t max_spare) : max_spare_(max_spare) {
  spare_.reserve(max_spare + 1);
}
ParserPool::~ParserPool() = default;

std::unique_ptr<LentParser> ParserPool::choose(const Limits& limits,
                                               const std::shared_ptr<const StreamContext>& context) {
  auto chosen = std::find_if(spare_.rbegin(), spare_.rend(),
                             [&](const auto& parser) { return context != nullptr && parser->context == context; });
  if (chosen == spare_.rend()) {
    // Two headers in turn must not take the same parser from each other with each stanza.
    const bool full = spare_.size() >= max_spare_;
    if (spare_.empty() || (context != nullptr && !full)) return std::make_unique<LentParser>(limits);
    chosen = context == nullptr ? spare_.rbegin() : std::prev(spare_.rend());
  }
  auto parser = std::move(*chosen);
  spare_.erase(std::prev(chosen.base()));
  return parser;
}

std::unique_ptr<LentParser> ParserPool::lend(const Limits& limits,
                                             const std::shared_ptr<const StreamContext>& context) {
  auto parser = choose(limits, context);
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
  if (parser->swollen || max_spare_ == 0) return;
  if (!parser->reader.between_children()) parser->context.reset();
  parser->pending.clear();
  parser->kept_back.clear();
  parser->scanned = 0;
  if (parser->pending.capacity() > worth_keeping) std::string().swap(parser->pending);
  spare_.push_back(std::move(parser));
  if (spare_.size() > max_spare_) spare_.erase(spare_.begin());
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
