#include "xmpp/stream_splitter.hpp"

#include <algorithm>
#include <optional>
#include <utility>

#include "xmpp/element_skip.hpp"
#include "xmpp/names.hpp"
#include "xmpp/parser_pool.hpp"
#include "xmpp/raw_tag.hpp"
#include "xmpp/xml_reader.hpp"

namespace xmpp {
namespace {

// What expat is given at once while stanzas are small: bounds its buffer, which never shrinks.
constexpr std::size_t slice_bytes = 16 * 1024;

// expat remembers every name it has seen until it is freed; names are chosen by whoever writes to our user.
constexpr std::uint64_t renew_after = 128 * 1024;

// A stanza above this leaves buffers behind that are not worth keeping.
constexpr std::size_t swollen_bytes = 32 * 1024;

constexpr Fault too_large{FaultKind::too_large, "stanza or stream header too large"};

// What an expat parser takes with its tables, apart from what it holds of a tag.
constexpr std::size_t parser_bytes = 9 * 1024;

// An unfinished tag below this is read again with every piece of it; above, small pieces wait for more.
constexpr std::size_t rescan_bytes = 2 * 1024;

// What is left of a stanza that is passed over: its kind, whom it is from and for, and what answers refer to.
std::string start_tag_alone(std::string_view stanza) {
  const auto tag = read_start_tag(stanza, 0);
  if (!tag) return {};
  std::string alone("<");
  alone.append(split_name(tag->name).local).append(" xmlns='jabber:client'");
  for (const auto& attribute : tag->attributes) {
    const auto name = attribute.name;
    if (name == "from" || name == "to" || name == "id" || name == "type") alone.append(" ").append(attribute.text);
  }
  return alone.append("/>");
}

}  // namespace

// What becomes of a stanza above a limit.
struct StreamSplitter::Cut {
  ElementSkip skip;
  std::size_t bytes;  // of the stanza, so far
  std::string start;  // its start tag again, with nothing but addresses, and closed
  Stanza stanza;      // without the bytes
};

// One feed(), or what follows in it after a change of the parser.
class StreamSplitter::Run final : public XmlReader::Sink {
 public:
  Run(StreamSplitter& splitter, std::string_view bytes, StreamEvents& out)
      : splitter_(splitter), out_(out), chunk_(bytes), chunk_begin_(parser().reader.fed()) {}
  ~Run() = default;

  // What is left of the bytes, and not for this parser.
  std::string_view go() {
    std::size_t at = 0;
    while (at < chunk_.size()) {
      const std::size_t size = next_slice(chunk_.size() - at);
      if (!parser().reader.feed(chunk_.substr(at, size), false, this)) return stopped();
      at += size;
      if (outstanding() >= max_bytes()) return end();
    }
    keep_outstanding();
    return {};
  }

 private:
  LentParser& parser() { return *splitter_.parser_; }
  std::size_t outstanding() { return static_cast<std::size_t>(parser().reader.fed() - parser().reader.base()); }
  [[nodiscard]] std::size_t max_bytes() const { return std::max<std::size_t>(splitter_.limits_.max_bytes, 1); }

  // Never beyond the limit of the stanza that is being read: what lies behind it must not be able to make another
  // fault of it, or the events would depend on how the bytes were cut.
  std::size_t next_slice(std::size_t available) {
    // expat guesses the encoding from the first two bytes if it gets them at once.
    if (parser().reader.fed() == 0) return 1;
    const std::size_t begun = outstanding();
    if (available <= slice_bytes && available <= max_bytes() - begun) return available;
    // What is outstanding may be one tag, which is scanned again with each slice: then the slices grow with it.
    return std::min({available, std::max(slice_bytes, begun), max_bytes() - begun});
  }

  void on_root(const RootElement& root) override {
    XmlReader& reader = parser().reader;
    if (root.name().uri != ns::streams) return reader.fail(FaultKind::invalid_namespace, "not a stream header");
    if (root.name().local != "stream") return reader.fail(FaultKind::bad_format, "not a stream header");
    RootNamespaces& namespaces = reader.namespaces();
    const auto& content = namespaces.default_uri;
    if (!content.empty() && content != ns::client && content != ns::streams) {
      return reader.fail(FaultKind::invalid_namespace, "not a stream for clients");
    }
    splitter_.context_ = splitter_.pool_.intern(root.name(), namespaces);
    parser().context = splitter_.context_;
    reader.use_namespaces(splitter_.context_->namespaces);
    namespaces.clear();
    StreamOpened opened;
    root.each_attribute([&](const QualifiedName& name, std::string_view value) {
      if (name.uri == ns::xml && name.local == "lang") opened.lang = out_.arena.store(value);
      if (!name.uri.empty()) return;
      if (name.local == "id") opened.id = out_.arena.store(value);
      if (name.local == "from") opened.from = out_.arena.store(value);
      if (name.local == "version") opened.version = out_.arena.store(value);
    });
    out_.list.emplace_back(opened);
  }

  void on_child(const Payload& payload) override {
    XmlReader& reader = parser().reader;
    std::string_view head;
    auto begin = payload.begin;
    if (begin < chunk_begin_) {
      head = std::string_view(parser().pending).substr(static_cast<std::size_t>(begin - parser().pending_begin));
      begin = chunk_begin_;
    }
    const auto tail =
        chunk_.substr(static_cast<std::size_t>(begin - chunk_begin_), static_cast<std::size_t>(payload.end - begin));
    if (!append(payload, {head, tail})) return;
    if (payload.end > renew_after) {
      renew_at_ = payload.end;
      reader.stop();
    }
  }

  // False: it is a fault of whom the stream comes from.
  bool append(const Payload& payload, Original original) {
    XmlReader& reader = parser().reader;
    const auto most = most_growth * (original.head.size() + original.tail.size()) + most_declared;
    const auto bytes =
        make_self_contained(payload, splitter_.context_->namespaces, reader.uses(), original, most, out_.arena);
    Stanza stanza{{}, payload.kind, payload.type};
    if (const auto* fault = std::get_if<Fault>(&bytes)) {
      if (fault->kind != FaultKind::too_large || !splitter_.limits_.leave_out || !stanza.counts()) {
        reader.fail(fault->kind, fault->text);
        return false;
      }
      stanza.bytes = out_.arena.store(start_tag_alone(std::string(original.head).append(original.tail)));
      stanza.excess = fault->text;
    } else {
      stanza.bytes = std::get<std::string_view>(bytes);
    }
    out_.list.emplace_back(stanza);
    return true;
  }

  void on_root_end() override {
    closed_ = true;
    parser().reader.stop();
  }

  std::string_view stopped() {
    if (renew_at_) return leave_at(*renew_at_);
    if (const auto& excess = parser().reader.excess()) return cut(*excess);
    return end();
  }

  // Gives the parser up, which has served. The rest of the chunk.
  std::string_view leave_at(std::uint64_t position) {
    splitter_.parser_.reset();
    return chunk_.substr(static_cast<std::size_t>(position - chunk_begin_));
  }

  std::string_view cut(const XmlReader::Excess& excess) {
    const auto& stanza = excess.stanza;
    std::string tags;  // from that of the stanza to the one that is too much
    auto begin = stanza.begin;
    if (begin < chunk_begin_) {
      tags = std::string_view(parser().pending).substr(static_cast<std::size_t>(begin - parser().pending_begin));
      begin = chunk_begin_;
    }
    tags +=
        chunk_.substr(static_cast<std::size_t>(begin - chunk_begin_), static_cast<std::size_t>(excess.tag_end - begin));
    const bool is_empty = tags[tags.size() - 2] == '/';
    const auto open = excess.open + (is_empty ? 0U : 1U);
    splitter_.cut_ = std::make_unique<Cut>(
        Cut{ElementSkip(open), tags.size(), start_tag_alone(tags), {{}, stanza.kind, stanza.type, excess.text}});
    return leave_at(excess.tag_end);
  }

  std::string_view end() {
    if (outstanding() > swollen_bytes) parser().swollen = true;
    const auto& fault = parser().reader.fault();
    if (fault) {
      out_.list.emplace_back(*fault);
    } else if (closed_) {
      out_.list.emplace_back(StreamClosed{});
    } else {
      out_.list.emplace_back(too_large);
    }
    splitter_.done_ = true;
    return {};
  }

  void keep_outstanding() {
    LentParser& lent = parser();
    const auto base = lent.reader.base();
    if (base == lent.reader.fed()) {
      lent.pending.clear();
      lent.scanned = 0;
      return;
    }
    if (outstanding() > swollen_bytes) lent.swollen = true;
    if (base < chunk_begin_) {
      lent.pending.append(chunk_);
    } else {
      lent.pending.assign(chunk_.substr(static_cast<std::size_t>(base - chunk_begin_)));
      lent.pending_begin = base;
      lent.scanned = 0;
    }
  }

  StreamSplitter& splitter_;
  StreamEvents& out_;
  std::string_view chunk_;
  std::uint64_t chunk_begin_;
  std::optional<std::uint64_t> renew_at_;
  bool closed_ = false;
};

StreamSplitter::StreamSplitter(ParserPool& pool, const Limits& limits) : pool_(pool), limits_(limits) {}

StreamSplitter::~StreamSplitter() {
  reset();
}

void StreamSplitter::reset() {
  cut_.reset();
  if (parser_) {
    parser_->context.reset();
    pool_.give_back(std::move(parser_));
  }
  context_.reset();
  done_ = false;
}

std::size_t StreamSplitter::pending_bytes() const {
  if (cut_) return cut_->start.size();
  return parser_ ? parser_->pending.size() + parser_->kept_back.size() : 0;
}

std::size_t StreamSplitter::held_bytes() const {
  if (cut_) return sizeof(Cut) + cut_->start.capacity();
  if (!parser_) return 0;
  return parser_bytes + parser_->pending.capacity() + parser_->kept_back.capacity() + parser_->reader.unread();
}

void StreamSplitter::feed(std::string_view bytes, StreamEvents& out) {
  if (done_ || bytes.empty()) return;
  if (cut_) return read(bytes, out);
  if (!parser_) parser_ = pool_.lend(limits_, context_);
  if (may_wait(bytes)) {
    parser_->kept_back.append(bytes);
  } else if (parser_->kept_back.empty()) {
    read(bytes, out);
  } else {
    std::string all = std::exchange(parser_->kept_back, {});
    read(all.append(bytes), out);
  }
}

// True: these bytes do not finish the tag that has begun, and are few beside it. What is above a limit never waits.
bool StreamSplitter::may_wait(std::string_view bytes) {
  LentParser& lent = *parser_;
  const std::size_t there = lent.pending.size() + lent.kept_back.size();
  if (lent.pending.size() < rescan_bytes || lent.kept_back.size() + bytes.size() > lent.pending.size() / 2 ||
      there + bytes.size() >= limits_.max_bytes) {
    return false;
  }
  if (lent.scanned == 0) lent.scan = TagScan();
  if (lent.scanned < lent.pending.size()) {
    lent.scan.advance(std::string_view(lent.pending).substr(lent.scanned));
    lent.scanned = lent.pending.size();
  }
  TagScan with = lent.scan;
  if (!lent.scan.in_tag() || !with.advance(bytes)) return false;
  lent.scan = with;
  lent.scanned = there + bytes.size();
  return true;
}

void StreamSplitter::read(std::string_view bytes, StreamEvents& out) {
  do {
    if (!cut_) {
      if (!parser_) parser_ = pool_.lend(limits_, context_);
      bytes = Run(*this, bytes, out).go();
    }
    if (cut_) bytes.remove_prefix(pass_over(bytes, out));
  } while (!bytes.empty() && !done_);
  if (!parser_) return;
  if (done_) {
    parser_->context.reset();
    pool_.give_back(std::move(parser_));
  } else if (parser_->reader.between_children()) {
    pool_.give_back(std::move(parser_));
  }
}

// How many of `bytes` belong to the stanza that is passed over.
std::size_t StreamSplitter::pass_over(std::string_view bytes, StreamEvents& out) {
  Cut& cut = *cut_;
  const auto max_bytes = std::max(limits_.max_bytes, cut.bytes);
  const auto passed = cut.skip.advance(bytes.substr(0, max_bytes - cut.bytes));
  cut.bytes += passed;
  if (cut.skip.over()) {
    cut.stanza.bytes = out.arena.store(cut.start);
    out.list.emplace_back(cut.stanza);
    cut_.reset();
  } else if (cut.skip.fault() || cut.bytes >= max_bytes) {
    out.list.emplace_back(cut.skip.fault().value_or(too_large));
    cut_.reset();
    done_ = true;
  }
  return passed;
}

}  // namespace xmpp
