// The <body/> wrapper of XEP-0124 6, read and checked for form, before any session is touched (PROTOCOL 0.2 step 1).
// Reader and Body are scratch of a shard: the views live until the next read().
#pragma once
#include <cstdint>
#include <optional>
#include <string_view>
#include <variant>
#include <vector>

#include "bosh/condition.hpp"
#include "xmpp/fragment_splitter.hpp"
#include "xmpp/limits.hpp"
#include "xmpp/stanza.hpp"

namespace bosh {

using Rid = std::uint64_t;
inline constexpr Rid max_rid = (Rid{1} << 53) - 1;  // B-120

// Of the attributes that ask for and go with push streams: an extension of ours.
inline constexpr std::string_view push_namespace = "urn:x-postern:push";

enum class BodyType : std::uint8_t { none, terminate, error, other };  // 'terminal' counts as terminate (B-193)

// An absent attribute is a null optional; a present but empty one is an empty view.
struct Body {
  std::string_view raw;  // the document as received: for the comparison of repeats (B-145)
  Rid rid = 0;           // always valid: a body without a proper rid never gets here
  std::optional<std::string_view> sid, to, from, route, ver, content, lang, key, newkey, stream, charsets;
  std::optional<std::uint64_t> ack;
  std::optional<std::int64_t> wait, hold, pause;  // as sent, clamped to the range of int64; negative values possible
  bool bad_number = false;                        // wait or hold is no integer (B-026)
  bool bad_pause = false, bad_ack = false;        // likewise (B-084)
  BodyType type = BodyType::none;
  std::optional<std::uint64_t> push_seen;               // V-005; also absent if it is no number
  bool push_ask = false, push_end = false;              // V-001, V-008
  bool restart = false;                                 // xmpp:restart='true' or '1'
  bool has_version = false;                             // xmpp:version present
  const std::vector<xmpp::Stanza>* payloads = nullptr;  // never null after read()
  std::string_view piece;  // script syntax only: instead of payloads, a piece of a stream (S-004)

  [[nodiscard]] bool empty() const { return payloads->empty() && piece.empty(); }
};

// Why a document is not a body; always bad-request or policy-violation on the wire.
struct BodyFault {
  Condition condition;
  std::string_view text;  // static storage, for the log
};
[[nodiscard]] BodyFault fault_of(const xmpp::Fault& fault);

class BodyReader {
 public:
  explicit BodyReader(const xmpp::Limits& limits, bool strict_text = false);  // strict: B-003
  [[nodiscard]] std::variant<Body, BodyFault> read(std::string_view document);

 private:
  xmpp::FragmentSplitter splitter_;
  xmpp::Fragment fragment_;
  bool strict_text_;
};

}  // namespace bosh
