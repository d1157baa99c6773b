// A client and a server that says what the test writes: bytes in, what was sent and asked for out. Time is stepped.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "webclient/client.hpp"
#include "xmpp/parser_pool.hpp"
#include "xmpp/stream_splitter.hpp"

namespace tests {

inline constexpr std::string_view stream_header =
    "<stream:stream id='s1' from='example.org' version='1.0' xmlns='jabber:client' "
    "xmlns:stream='http://etherx.jabber.org/streams'>";

class Play {
 public:
  explicit Play(webclient::Bounds bounds = {}, xmpp::SaslKind kind = xmpp::SaslKind::password);

  // The server says this; back comes what the client sends and asks for: <...>, [open], [restart], [end], one a line.
  std::string hears(std::string_view bytes);
  std::string waits(xmpp::Duration duration);
  std::string closes(xmpp::EndReason reason = xmpp::EndReason::server_lost);
  // The actions of a command.
  template <typename Command>
  std::string does(Command command) {
    command(*client, now, actions_);
    return collect();
  }

  // Start to the features of the authenticated stream.
  std::string authenticates(std::string_view features);
  // To a session that is online as julia@example.org/web, with XEP-0198; what it sent is returned.
  std::string logs_in();
  // A new link after the old one was lost: to just before the resume.
  std::string reconnects();
  // The same, where the server resumes nothing: to the new session, and what it says first.
  std::string begins_anew();
  // The server has an archive (XEP-0313).
  std::string has_archive();

  // The id of the last stanza sent that contains `text`.
  [[nodiscard]] std::string id_of(std::string_view text) const;
  // The server answers the last question that contains `about` with a result around `content`.
  std::string answers(std::string_view about, std::string_view content, std::string_view from = {});

  [[nodiscard]] const webclient::ChatModel& model() const { return client->model(); }
  [[nodiscard]] const webclient::Conversation& row(std::string_view address) const;
  // The texts of a conversation, each in brackets after its author.
  [[nodiscard]] std::string texts(std::string_view address) const;

  xmpp::Instant now{std::chrono::seconds(1000)};
  std::unique_ptr<webclient::Client> client;
  std::vector<std::string> sent;  // all of it

 private:
  std::string collect();

  xmpp::Limits limits_{.leave_out = true};
  xmpp::ParserPool pool_;
  std::unique_ptr<xmpp::StreamSplitter> splitter_;
  xmpp::Actions actions_;
};

inline constexpr std::string_view bound_features =
    "<stream:features><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/><sm xmlns='urn:xmpp:sm:3'/></stream:features>";

}  // namespace tests
