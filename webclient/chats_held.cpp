// What no reader has got yet: for whom the server is not told that it has arrived, and who is told if it never does.
#include <algorithm>
#include <utility>
#include <vector>

#include "webclient/chats.hpp"
#include "xmpp/names.hpp"

namespace webclient {

namespace {

// More than comes while a page is on its way.
constexpr std::size_t max_held = 10'000, max_held_bytes = 2 * 1024 * 1024;

// What is still in the model of a conversation; what is not, no further page will show.
class Present {
 public:
  explicit Present(const Conversation* row) {
    if (row == nullptr) return;
    for (const auto& message : row->messages) ids_.push_back(message.id);
    std::sort(ids_.begin(), ids_.end());
  }
  [[nodiscard]] bool has(MessageId id) const { return std::binary_search(ids_.begin(), ids_.end(), id); }

 private:
  std::vector<MessageId> ids_;
};

xmpp::NewElement recipient_unavailable() {
  auto condition = xmpp::NewElement("recipient-unavailable", xmpp::ns::stanza_conditions);
  return xmpp::NewElement("error").set("type", "wait").add(std::move(condition));
}

}  // namespace

std::size_t Chats::weight(const Held& held) {
  return sizeof held + held.author.size() + held.wire_id.size();
}

template <typename Which>
void Chats::release(Which which) {
  std::erase_if(held_, [&](Held& held) {
    if (!which(held)) return false;
    held_bytes_ -= weight(held);
    due_ -= held.due ? 1U : 0U;
    return true;
  });
}

bool Chats::tell(Held& held, Turn& turn) {
  if (held.stored || tell_author(held.author, held.wire_id, turn)) return true;
  if (!std::exchange(held.due, true)) ++due_;
  return false;
}

// Until a reader has it, this session may end without anybody having seen it; what came out of the archive is not lost
// by that.
void Chats::hold(const Conversation& in, const Message& message, const std::string& author, Turn& turn) {
  if (!message.unread || message.archived) return;
  hold({wire_.mark(), in.id, message.id, author, message.wire_id}, turn);
}

// The server has sent it once more, so that it is this copy that counts; unless a reader has got it. One that is read
// may still be on no page that has arrived.
void Chats::hold_again(const Conversation& in, const Message& message, const std::string& author, Turn& turn) {
  const auto before = held_.size();
  release([&](const Held& held) { return held.conversation == in.id && held.message == message.id; });
  if (held_.size() < before) hold({wire_.mark(), in.id, message.id, author, message.wire_id}, turn);
}

void Chats::hold(Held held, Turn& turn) {
  held_bytes_ += weight(held);
  held_.push_back(std::move(held));
  while (held_.size() > max_held || held_bytes_ > max_held_bytes) {
    if (!tell(held_.front(), turn)) return;
    held_bytes_ -= weight(held_.front());
    due_ -= held_.front().due ? 1U : 0U;
    held_.pop_front();
  }
}

void Chats::on_room(Turn& turn) {
  if (due_ > 0) {
    release([&](const Held& held) { return held.due && tell_author(held.author, held.wire_id, turn); });
  }
}

std::size_t Chats::waiting(const Conversation& row) const {
  std::vector<MessageId> held;
  for (const auto& one : held_) {
    if (one.conversation == row.id) held.push_back(one.message);
  }
  std::sort(held.begin(), held.end());
  const auto first = std::find_if(row.messages.begin(), row.messages.end(), [&](const Message& message) {
    return message.unread || std::binary_search(held.begin(), held.end(), message.id);
  });
  return static_cast<std::size_t>(row.messages.end() - first);
}

void Chats::read(Conversation& row, Turn& turn) {
  model_.mark_read(row);
  if (held_.empty()) return;
  const Present present(&row);
  release([&](Held& held) {
    const bool waits = held.conversation == row.id && held.page == PageId::none;
    return waits && !present.has(held.message) && tell(held, turn);
  });
}

void Chats::put_on(PageId page, const Conversation& row) {
  const auto may_be_new = [&](const Held& held) { return held.conversation == row.id && held.page != page; };
  if (std::none_of(held_.begin(), held_.end(), may_be_new)) return;
  const Present present(&row);
  for (auto& held : held_) {
    if (!may_be_new(held) || !present.has(held.message)) continue;
    held.on_a_page = true;
    held.page = page;
  }
}

void Chats::proven(ConversationId in, const Wire::Mark& shown, PageId page) {
  if (held_.empty()) return;
  const Present present(model_.find(in));
  release([&](const Held& held) {
    if (held.conversation != in || !held.on_a_page || shown.is_before(held.mark)) return false;
    return held.page == page || present.has(held.message);
  });
}

void Chats::arrived(PageId page) {
  release([&](const Held& held) { return held.page == page; });
}

void Chats::gone(PageId page, Turn& turn) {
  release([&](Held& held) {
    if (held.page != page) return false;
    held.page = PageId::none;
    const auto* row = model_.find(held.conversation);
    const bool is_shown_again = row != nullptr && model_.find(*row, held.message) != nullptr;
    return !is_shown_again && tell(held, turn);
  });
}

void Chats::dismissed(ConversationId conversation) {
  release([&](const Held& held) { return held.conversation == conversation; });
}

// What has fallen out of the model with its row counts as well: its place is with the server, for the next session.
Wire::Mark Chats::not_held(Wire::Mark shown) {
  const auto first =
      std::find_if(held_.begin(), held_.end(), [this](const Held& held) { return !wire_.is_ours(held.mark); });
  if (first == held_.end() || shown.is_before(first->mark)) return shown;
  return {shown.stream, first->mark.stanza - 1};
}

void Chats::forget_what_the_server_has() {
  release([this](Held& held) {
    if (wire_.is_ours(held.mark)) return false;
    const auto* row = model_.find(held.conversation);
    due_ -= std::exchange(held.due, false) ? 1U : 0U;
    held.stored = row != nullptr && model_.find(*row, held.message) != nullptr;
    return !held.stored;
  });
}

void Chats::give_back(Turn& turn) {
  for (const Held& held : held_) {
    if (wire_.is_ours(held.mark) && !held.stored) (void)tell_author(held.author, held.wire_id, turn);
  }
  release([](const Held&) { return true; });
}

// As xmpp::bounce() does for a client that has vanished.
bool Chats::tell_author(std::string_view author, std::string_view wire_id, Turn& turn) {
  if (author.empty()) return true;
  if (wire_.full()) return false;
  auto error = xmpp::NewElement("message").set("type", "error").set("to", author);
  if (!wire_id.empty()) error.set("id", wire_id);
  wire_.send_error(std::move(error).add(recipient_unavailable()).bytes(), turn);
  return true;
}

// No page will ever have it.
void Chats::give_up(const Place& place, const std::string& wire_id, Turn& turn) {
  if (tell_author(place.author, wire_id, turn)) return;
  Held untold{wire_.mark(), {}, {}, place.author, wire_id};
  untold.due = true;
  ++due_;
  hold(std::move(untold), turn);
}

}  // namespace webclient
