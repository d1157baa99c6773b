// Windows that open, stall and go away in any order while the model changes: never more than four, nothing given to one
// that is full, no half style element, nothing of a user's text as markup; no chunk far above its size, and no model
// above its bounds.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <set>
#include <string>
#include <string_view>

#include "tests/unit/webclient/sample.hpp"
#include "webclient/push_engine.hpp"

namespace {

using namespace webclient;  // NOLINT(google-build-using-namespace): all of it is driven

std::size_t count(std::string_view text, std::string_view what) {
  std::size_t n = 0;
  for (auto at = text.find(what); at != std::string_view::npos; at = text.find(what, at + 1)) ++n;
  return n;
}

class World {
 public:
  World() { sample::account(model_); }

  void step(std::uint8_t op, std::uint8_t argument) {
    const xmpp::ConnectionRef some{argument % 6u + 1};
    out_.clear();
    switch (op % 8) {
      case 0: {
        StreamWish wish;
        wish.connection = xmpp::ConnectionRef{++last_};
        full_.erase(wish.connection);  // said before it was there
        wish.page.window = std::string(1, static_cast<char>('a' + argument % 7));
        wish.shown = argument % 2 == 0 ? bob_.id : ConversationId{};
        engine_.open(wish, view_, pages(), now_, out_);
        break;
      }
      case 1:
        engine_.on_unsent(some, argument % 3);
        if (argument % 3 == 0) {
          full_.erase(some);
        } else {
          full_.insert(some);
        }
        return;
      case 2:
        engine_.on_gone(some);
        return;
      case 3:
        model_.add_message(bob_, sample::incoming("</style><script>" + std::string(argument, 'x')));
        break;
      case 4:
        model_.set_presence(bob_, static_cast<Show>(argument % 6), "<b>");
        break;
      case 5:
        for (unsigned i = 0; i < argument * 20u; ++i) model_.note(EventKind::presence_changed, bob_.id);
        break;
      case 6:
        model_.note(static_cast<EventKind>(argument % 15), bob_.id, argument);
        break;
      default:
        now_ += std::chrono::seconds(argument);
    }
    engine_.on_change(view_, now_, out_);
    check();
  }

 private:
  static Bounds bounds() {
    Bounds bounds;
    bounds.all_text = 32 * 1024;
    bounds.events = 512;
    return bounds;
  }

  static Pages& pages() {
    static Pages all;
    return all;
  }

  void check() {
    if (engine_.size() > 4) std::abort();
    constexpr std::size_t slack = 16 * 1024;  // rows of the sample, and its statuses
    if (model_.held_bytes() > model_.bounds().all_text + model_.bounds().events * sizeof(Event) + slack) std::abort();
    for (const auto& chunk : out_) {
      if (full_.contains(chunk.connection) && !chunk.last) std::abort();
      if (chunk.bytes.size() > 2 * PushPolicy{}.chunk_bytes) std::abort();
      if (count(chunk.bytes, "<style nonce") != count(chunk.bytes, "</style>")) std::abort();
      if (count(chunk.bytes, "<script") != 0) std::abort();
    }
  }

  ChatModel model_{bounds()};
  Conversation& bob_ = sample::buddy(model_, "bob@example.org", "<script>");
  Reader reader_ = sample::reader();
  TokenFor token_ = [](std::string_view) { return std::string("t"); };
  View view_{model_, reader_, token_};
  PushEngine engine_{PushPolicy{}};
  std::vector<Chunk> out_;
  std::set<xmpp::ConnectionRef> full_;
  std::uint64_t last_ = 0;
  xmpp::Instant now_{std::chrono::seconds(1000)};
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  World world;
  for (std::size_t i = 0; i + 1 < size && i < 400; i += 2) world.step(data[i], data[i + 1]);
  return 0;
}
