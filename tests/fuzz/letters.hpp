// What becomes of letters that strangers write to a reader of the chat without scripts, as those at the other end see
// it: the server, which counts (XEP-0198) and keeps what is not confirmed, and the authors, who may be told. Each must
// be with the reader, with the server, or told of (PROTOCOL U-060, X-050).
#pragma once
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "webclient/chat_model.hpp"
#include "xmpp/stanza.hpp"
#include "xmpp/strophe_stanza.hpp"

namespace tests {

inline void check(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "%s\n", what);
  std::abort();
}

class Letters {
 public:
  // The id of a new one, which is the next stanza that passes.
  std::string write() {
    auto id = "letter-" + std::to_string(letters_.size());
    letters_[id].number = counting_ ? static_cast<std::uint32_t>(counted_.size()) + 1 : 0;
    return id;
  }

  void look(const webclient::ChatModel& model) {
    for (auto& [id, letter] : letters_) letter.in_its_row = false;
    for (std::uint32_t n = 1; n < 400; ++n) {
      const auto* row = model.find(webclient::ConversationId{n});
      if (row == nullptr) continue;
      for (const auto& message : row->messages) {
        const auto found = letters_.find(message.wire_id);
        if (found == letters_.end()) continue;
        found->second.row = row->id;
        found->second.in_its_row = true;
      }
    }
  }
  // A page of this conversation as it is.
  void arrived(webclient::ConversationId page) {
    for (auto& [id, letter] : letters_) letter.with_the_reader |= letter.row == page && letter.in_its_row;
  }
  // Its text is on a screen, whether the session knows it or not.
  void on_a_screen(const std::string& id) {
    const auto found = letters_.find(id);
    if (found != letters_.end()) found->second.on_a_screen = true;
  }
  void dismissed(webclient::ConversationId row) {
    for (auto& [id, letter] : letters_) {
      if (letter.row != row) continue;
      // For which there is no place in the row any more, the author may be told already, on a link that is still to
      // come.
      (letter.in_its_row ? letter.with_the_reader : letter.not_wanted) = true;
    }
  }

  // From the server, on a stream where it may count.
  void passed(const xmpp::Stanza& stanza) {
    if (stanza.counts() && counting_) counted_.emplace_back(stanza.bytes);
    if (stanza.kind != xmpp::StanzaKind::management) return;
    if (stanza.bytes.starts_with("<failed")) enables_ = false;
    if (!stanza.bytes.starts_with("<enabled") || !std::exchange(enables_, false)) return;
    counting_ = true;
    counted_.clear();
    confirmed_ = 0;
    for (auto& [id, letter] : letters_) letter.number = 0;
  }
  // From the client.
  void sent(xmpp::ElementView element) {
    if (element.name() == "auth") resumes_ = false;
    if (element.name() == "resume") resumes_ = true;
    if (element.name() == "a" || element.name() == "resume") {
      confirmed_ = static_cast<std::uint32_t>(std::strtoul(std::string(element.attribute("h")).c_str(), nullptr, 10));
      check(confirmed_ <= counted_.size(), "more is confirmed than there was");
    }
    if (element.name() == "enable") {
      enables_ = true;
      for (auto& [id, letter] : letters_)
        if (letter.number_of_error <= server_has_) letter.number_of_error = 0;
      said_ = server_has_ = 0;
    }
    if (element.name() == "message" || element.name() == "iq" || element.name() == "presence") ++said_;
    const auto found = letters_.find(std::string(element.attribute("id")));
    if (element.attribute("type") != "error" || found == letters_.end()) return;
    check(!found->second.told || found->second.may_come_again, "an author who is told twice");
    check(!found->second.with_the_reader, "an author who is told of what was read");
    found->second.told = true;
    found->second.may_come_again = false;
    found->second.number_of_error = said_;
  }
  // From the server: what it has of the client, on a stream that counts or in its one answer to <resume/> (XEP-0198 5).
  void counted(xmpp::ElementView element, bool online) {
    const bool answers = element.name() == "resumed" || element.name() == "failed";
    if (answers ? !std::exchange(resumes_, false) : !online) return;
    const std::string_view h = element.attribute("h");
    const auto has = static_cast<std::uint32_t>(std::strtoul(std::string(h).c_str(), nullptr, 10));
    if (h.empty() || has > said_) return;
    server_has_ = std::max(server_has_, has);
    if (element.name() == "resumed") said_ = server_has_;  // what is behind it comes again
  }
  // Without a link: what the server does not say it has is said again on the next one.
  void link_lost() {
    for (auto& [id, letter] : letters_) letter.may_come_again = letter.number_of_error > server_has_;
  }
  // What was asked on it will have no answer.
  void link_closed() { resumes_ = enables_ = false; }
  // After a resume.
  [[nodiscard]] std::string unconfirmed() const {
    std::string again;
    for (std::size_t i = confirmed_; i < counted_.size(); ++i) again += counted_[i];
    return again;
  }
  // Instead of a resume: the server stores what it still has.
  void new_stream() {
    for (auto& [id, letter] : letters_) {
      letter.with_the_server |= letter.number > confirmed_;
      letter.number = 0;
    }
    counting_ = false;
  }

  // The session has ended, on a stream that took its last words.
  void check_all() const {
    for (const auto& [id, letter] : letters_) {
      const bool kept = letter.with_the_server || letter.number > confirmed_;
      check(letter.with_the_reader || letter.on_a_screen || letter.not_wanted || kept || letter.told,
            "a letter that nobody has, and nobody was told");
    }
  }

 private:
  struct Letter {
    std::uint32_t number = 0;  // of the stanza, as the server counts it; 0: it does not, or not any more
    webclient::ConversationId row{};
    bool in_its_row = false;       // still, where others may have taken its place
    bool with_the_reader = false;  // or closed with its row
    bool on_a_screen = false;
    bool not_wanted = false;       // its row was closed when it was not in there any more
    bool with_the_server = false;  // for the next session
    bool told = false;
    std::uint32_t number_of_error = 0;  // as the client counts what it has said; 0: not told, or the server has it
    bool may_come_again = false;
  };

  std::map<std::string, Letter> letters_;  // by id
  std::vector<std::string> counted_;       // by the server, since its <enabled/>
  std::uint32_t confirmed_ = 0;            // of them, as far as the server knows
  std::uint32_t said_ = 0;                 // by the client, since its <enable/>
  std::uint32_t server_has_ = 0;           // of that
  bool counting_ = false;
  bool resumes_ = false;  // the client has asked to, and has no answer yet
  bool enables_ = false;  // the same
};

}  // namespace tests
