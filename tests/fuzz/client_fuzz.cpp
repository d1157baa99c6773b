// The client of the chat driven by a script: stanzas of a server and of hostile contacts, commands of a reader, time,
// lost links, resumes. What must hold: every bound of the model, numbers that mean one thing for ever, well-formed
// stanzas only, nothing after the end, deadlines that go away when they are acted on; and of every letter of a stranger
// that a reader has it on a page, or the server still has it, or its author was told (PROTOCOL U-060, X-050).
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <map>
#include <string>
#include <string_view>

#include "tests/fuzz/chat_server.hpp"
#include "webclient/text.hpp"

namespace {

using namespace webclient;

using tests::check;

class Run {
 public:
  explicit Run(fuzz::Input input) : input_(input) {
    client_.start(now(), out());
    server_.collect();
    if (const auto how = input_.byte(); (how & 3U) != 0) server_.log_in((how & 12U) == 12U);
  }

  void run() {
    while (input_.more()) {
      step();
      server_.collect();
      check_model();
    }
    client_.log_out(now(), out());
    server_.collect();
    check(client_.ended() && client_.deadline() == xmpp::never, "a session that does not end");
  }

 private:
  [[nodiscard]] xmpp::Instant now() const { return server_.now(); }
  [[nodiscard]] xmpp::Actions& out() { return server_.actions(); }

  void read_row(ConversationId id) {
    client_.open_conversation(id, now(), out());
    client_.put_on(PageId::still, id);
    server_.collect();
    client_.seen({client_.mark(), id, PageId::still}, now(), out());
    server_.letters().arrived(id);
  }

  void close_row(ConversationId id) {
    if (client_.close_conversation(id) == Problem::none) server_.letters().dismissed(id);
  }

  ConversationId row() { return ConversationId{input_.below(24)}; }

  void step() {
    switch (input_.below(8)) {
      case 0:
        return command();
      case 1:
        return server_.pass_time(std::chrono::seconds(input_.byte()));
      case 2:
        if (const auto what = input_.byte(); what % 4U != 0) {
          return what < 128 ? client_.seen({client_.mark(), {}, PageId::none}, now(), out()) : read_row(row());
        }
        return server_.cut();
      case 3:
        return server_.come_up();
      default:
        return server_.say(input_.byte());
    }
  }

  void command() {
    auto& c = client_;
    switch (input_.below(25)) {
      case 0:
        c.start_chat(fuzz::addresses[input_.below(std::size(fuzz::addresses))], now(), out());
        return;
      case 1:
        c.start_private(row(), OccupantId{input_.byte()}, now(), out());
        return;
      case 2:
        c.open_conversation(row(), now(), out());
        return;
      case 3:
        close_row(row());
        return;
      case 4:
        c.load_older(row(), now(), out());
        return;
      case 5:
      case 6:
        c.send(row(), input_.text(), now(), out());
        return;
      case 7:
        c.correct(row(), MessageId{input_.byte()}, input_.text(), now(), out());
        return;
      case 8:
        c.add_buddy(fuzz::addresses[input_.below(std::size(fuzz::addresses))],
                    {input_.text(), {std::string(input_.text())}}, now(), out());
        return;
      case 9:
        c.remove_buddy(row(), now(), out());
        return;
      case 10:
        c.answer_request(row(), input_.flag(), now(), out());
        return;
      case 11:
        c.join_room({fuzz::addresses[input_.below(std::size(fuzz::addresses))], input_.text(), {}}, now(), out());
        return;
      case 12:
        c.leave_room(row(), now(), out());
        return;
      case 13:
        c.change_nick(row(), input_.text(), now(), out());
        return;
      case 14:
        c.set_bookmark(row(), {input_.text(), true}, now(), out());
        return;
      case 15:
        c.start_upload(row(), {input_.text(), input_.text(), input_.byte()}, now(), out());
        return;
      case 16:
        c.finish_upload(UploadId{input_.below(4)}, input_.flag(), now(), out());
        return;
      case 17:
        c.invite(row(), {fuzz::addresses[input_.below(std::size(fuzz::addresses))], input_.text()}, now(), out());
        return;
      case 18:
        c.set_subject(row(), input_.text(), now(), out());
        return;
      case 19:
        c.change_buddy(row(), {input_.text(), {std::string(input_.text())}}, now(), out());
        return;
      case 20:
        c.decline_invitation(row(), now(), out());
        return;
      case 21:
        c.remove_bookmark(row(), now(), out());
        return;
      case 22:
        c.mark_read(row(), now(), out());
        return;
      case 23:
        c.dismiss_upload(UploadId{input_.below(4)});
        return;
      default:
        c.set_presence(static_cast<Show>(input_.below(6)), input_.text(), now(), out());
        return;
    }
  }

  void check_text(std::string_view text, std::size_t bound) {
    check(text.size() <= bound, "a text above its bound");
    check(clean_text(text, text.size()).text == text, "a text that was not cleaned");
  }

  void check_model() {
    const auto& model = client_.model();
    const auto& bounds = model.bounds();
    std::size_t buddies = 0, others = 0, rooms = 0, messages = 0;
    for (std::uint32_t n = 1; n < 400; ++n) {
      const auto* found = model.find(ConversationId{n});
      if (found == nullptr) continue;
      const auto known = addresses_.emplace(n, found->address);
      check(known.first->second == found->address, "a number that means another conversation");
      (found->buddy ? buddies : others) += 1;
      rooms += found->room ? 1U : 0U;
      check_row(*found);
      messages += found->messages.size();
    }
    check(buddies == model.roster_size() && buddies <= bounds.roster, "too many buddies");
    // A buddy who is removed stays as a stranger until the next one needs the place.
    check(others <= bounds.conversations + bounds.roster + bounds.rooms, "too many conversations");
    check(rooms <= bounds.rooms, "too many rooms");
    check(messages * sizeof(Message) <= bounds.all_text, "too much text");
    const auto& journal = model.journal();
    check(journal.next() >= journal_, "the journal runs backwards");
    journal_ = journal.next();
  }

  void check_row(const Conversation& row) {
    const auto& bounds = client_.model().bounds();
    check(row.messages.size() <= bounds.messages, "too many messages");
    check_text(row.status, bounds.status);
    for (const auto& message : row.messages) {
      const auto n = static_cast<std::uint32_t>(message.id);
      check(messages_.emplace(n, row.id).first->second == row.id, "a number that means another message");
      const bool ours = message.direction == Direction::outgoing;
      check_text(message.text, std::max(ours ? bounds.sending * 4 : 0, std::max(bounds.text, bounds.status)));
      check_text(message.author, 3 * bounds.label);
      check(!message.replaced_by || *message.replaced_by != message.id, "a message that replaces itself");
    }
    if (!row.room) return;
    check(row.room->occupants.size() <= bounds.occupants + 1, "too many occupants");
    check_text(row.room->subject, bounds.status);
    for (const auto& [nick, occupant] : row.room->occupants) check_text(nick, bounds.label);
  }

  fuzz::Input input_;
  Client client_{fuzz::chat_settings(), fuzz::chat_identity(), fuzz::ChatServer<Client>::begin_of_time, WallTime{}};
  fuzz::ChatServer<Client> server_{client_, input_,
                                   [this](const xmpp::Action&) { check(!server_.over(), "an action after the end"); }};
  std::map<std::uint32_t, std::string> addresses_;
  std::map<std::uint32_t, ConversationId> messages_;
  std::uint64_t journal_ = 0;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Run(fuzz::Input(data, std::min<std::size_t>(size, 4096))).run();
  return 0;
}
