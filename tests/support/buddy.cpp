// The other end of a conversation in the end-to-end tests: an XMPP client on plain TCP, written with libstrophe and
// sharing no code with postern. It logs in, prints what happens as JSON lines and does what JSON lines on stdin say:
//   {"do":"message","to":...,"body":...,"type":...}   {"do":"presence","to":...,"type":...,"show":...,"status":...}
//   {"do":"roster"}   {"do":"join","room":...,"nick":...}   {"do":"raw","xml":...}   {"do":"connect"}   {"do":"quit"}
// It is deliberately not a client for people. One thread; libstrophe's loop and stdin take turns.
#include <fcntl.h>
#include <strophe.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "tests/support/buddy_json.hpp"

namespace buddy {
namespace {

struct Options {
  std::string jid, password, host, ca_file;
  std::string tls = "starttls";
  unsigned short port = 5222;
  bool stream_management = false;
};

void print(const Line& line) {
  const std::string text = line.text();
  std::fwrite(text.data(), 1, text.size(), stdout);
  std::fflush(stdout);
}

struct StanzaRelease {
  void operator()(xmpp_stanza_t* stanza) const { xmpp_stanza_release(stanza); }
};
using StanzaPtr = std::unique_ptr<xmpp_stanza_t, StanzaRelease>;

class Client {
 public:
  explicit Client(Options options) : options_(std::move(options)) {
    xmpp_initialize();
    log_ = xmpp_get_default_logger(XMPP_LEVEL_ERROR);
    context_ = xmpp_ctx_new(nullptr, log_);
  }
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;
  ~Client() {
    if (connection_ != nullptr) xmpp_conn_release(connection_);
    xmpp_ctx_free(context_);
    xmpp_shutdown();
  }

  void connect();
  void run();

 private:
  static void on_connection(xmpp_conn_t* connection, xmpp_conn_event_t event, int error,
                            xmpp_stream_error_t* stream_error, void* self);
  static int on_message(xmpp_conn_t* connection, xmpp_stanza_t* stanza, void* self);
  static int on_presence(xmpp_conn_t* connection, xmpp_stanza_t* stanza, void* self);
  static int on_iq(xmpp_conn_t* connection, xmpp_stanza_t* stanza, void* self);

  bool read_commands();
  void obey(const Command& command);
  void send_message(const Command& command);
  void send_presence(const Command& command);
  void send_join(const Command& command);
  void request_roster();
  void add_text_child(xmpp_stanza_t* parent, const char* name, const std::string& text);
  [[nodiscard]] std::string child_text(xmpp_stanza_t* stanza, const char* name) const;

  Options options_;
  xmpp_log_t* log_ = nullptr;
  xmpp_ctx_t* context_ = nullptr;
  xmpp_conn_t* connection_ = nullptr;
  std::string input_;
  bool quitting_ = false;
  bool connected_ = false;
};

std::string value_of(const Command& command, const std::string& name) {
  const auto found = command.find(name);
  return found == command.end() ? std::string() : found->second;
}

void Client::connect() {
  if (connection_ != nullptr) xmpp_conn_release(connection_);
  connection_ = xmpp_conn_new(context_);
  long flags = options_.stream_management ? 0 : static_cast<long>(XMPP_CONN_FLAG_DISABLE_SM);
  if (options_.tls == "none") flags |= static_cast<long>(XMPP_CONN_FLAG_DISABLE_TLS);
  if (options_.tls == "starttls") flags |= static_cast<long>(XMPP_CONN_FLAG_MANDATORY_TLS);
  if (options_.tls == "direct") flags |= static_cast<long>(XMPP_CONN_FLAG_LEGACY_SSL);
  xmpp_conn_set_flags(connection_, flags);
  if (!options_.ca_file.empty()) xmpp_conn_set_cafile(connection_, options_.ca_file.c_str());
  xmpp_conn_set_jid(connection_, options_.jid.c_str());
  xmpp_conn_set_pass(connection_, options_.password.c_str());
  const char* host = options_.host.empty() ? nullptr : options_.host.c_str();
  if (xmpp_connect_client(connection_, host, options_.port, &Client::on_connection, this) != XMPP_EOK) {
    print(Line("disconnected").add("reason", "cannot connect"));
  }
}

void Client::on_connection(xmpp_conn_t* connection, xmpp_conn_event_t event, int error,
                           xmpp_stream_error_t* stream_error, void* self) {
  auto& client = *static_cast<Client*>(self);
  if (event == XMPP_CONN_CONNECT) {
    client.connected_ = true;
    xmpp_handler_add(connection, &Client::on_message, nullptr, "message", nullptr, self);
    xmpp_handler_add(connection, &Client::on_presence, nullptr, "presence", nullptr, self);
    xmpp_handler_add(connection, &Client::on_iq, nullptr, "iq", nullptr, self);
    print(Line("connected")
              .add("jid", xmpp_conn_get_bound_jid(connection))
              .add("secured", xmpp_conn_is_secured(connection) != 0 ? "yes" : "no"));
    return;
  }
  client.connected_ = false;
  Line line("disconnected");
  line.add("error", std::to_string(error));
  if (stream_error != nullptr) line.add("stream_error", std::to_string(static_cast<int>(stream_error->type)));
  print(line);
  if (client.quitting_) xmpp_stop(client.context_);
}

std::string Client::child_text(xmpp_stanza_t* stanza, const char* name) const {
  xmpp_stanza_t* child = xmpp_stanza_get_child_by_name(stanza, name);
  if (child == nullptr) return {};
  char* text = xmpp_stanza_get_text(child);
  std::string result = text == nullptr ? "" : text;
  if (text != nullptr) xmpp_free(context_, text);
  return result;
}

int Client::on_message(xmpp_conn_t*, xmpp_stanza_t* stanza, void* self) {
  const auto& client = *static_cast<Client*>(self);
  Line line("message");
  line.add("from", xmpp_stanza_get_from(stanza)).add("type", xmpp_stanza_get_type(stanza));
  line.add("id", xmpp_stanza_get_id(stanza));
  if (xmpp_stanza_get_child_by_name(stanza, "body") != nullptr) line.add("body", client.child_text(stanza, "body"));
  if (xmpp_stanza_get_child_by_name(stanza, "subject") != nullptr) {
    line.add("subject", client.child_text(stanza, "subject"));
  }
  // A file (XEP-0066): what clients that show files look for.
  if (xmpp_stanza_t* oob = xmpp_stanza_get_child_by_ns(stanza, "jabber:x:oob"); oob != nullptr) {
    line.add("oob", client.child_text(oob, "url"));
  }
  // An invitation to a room (XEP-0045 7.8.2).
  xmpp_stanza_t* const room = xmpp_stanza_get_child_by_ns(stanza, "http://jabber.org/protocol/muc#user");
  xmpp_stanza_t* const invite = room == nullptr ? nullptr : xmpp_stanza_get_child_by_name(room, "invite");
  if (invite != nullptr) {
    line.add("invited_by", xmpp_stanza_get_from(invite)).add("reason", client.child_text(invite, "reason"));
  }
  print(line.add("delayed", xmpp_stanza_get_child_by_ns(stanza, "urn:xmpp:delay") != nullptr ? "yes" : "no"));
  return 1;
}

int Client::on_presence(xmpp_conn_t*, xmpp_stanza_t* stanza, void* self) {
  const auto& client = *static_cast<Client*>(self);
  Line line("presence");
  line.add("from", xmpp_stanza_get_from(stanza)).add("type", xmpp_stanza_get_type(stanza));
  line.add("show", client.child_text(stanza, "show")).add("status", client.child_text(stanza, "status"));
  std::vector<std::string> codes;
  if (xmpp_stanza_t* room = xmpp_stanza_get_child_by_ns(stanza, "http://jabber.org/protocol/muc#user")) {
    for (auto* child = xmpp_stanza_get_children(room); child != nullptr; child = xmpp_stanza_get_next(child)) {
      const char* code = xmpp_stanza_get_attribute(child, "code");
      if (code != nullptr) codes.push_back(quoted(code));
    }
  }
  print(line.add_raw("codes", list_of(codes)));
  return 1;
}

// The own account asks without `from`, to push changes of the roster (RFC 6121 2.1.6); libstrophe's replies need one.
StanzaPtr reply_to(xmpp_ctx_t* context, xmpp_stanza_t* request) {
  if (xmpp_stanza_get_from(request) == nullptr) {
    return StanzaPtr(xmpp_iq_new(context, "result", xmpp_stanza_get_id(request)));
  }
  return StanzaPtr(xmpp_stanza_reply_error(request, "cancel", "service-unavailable", nullptr));
}

int Client::on_iq(xmpp_conn_t* connection, xmpp_stanza_t* stanza, void* self) {
  const char* type = xmpp_stanza_get_type(stanza);
  if (type != nullptr && (std::strcmp(type, "get") == 0 || std::strcmp(type, "set") == 0)) {
    xmpp_send(connection, reply_to(static_cast<Client*>(self)->context_, stanza).get());
    return 1;
  }
  xmpp_stanza_t* query = xmpp_stanza_get_child_by_ns(stanza, XMPP_NS_ROSTER);
  if (query == nullptr) return 1;
  std::vector<std::string> items;
  for (auto* item = xmpp_stanza_get_children(query); item != nullptr; item = xmpp_stanza_get_next(item)) {
    Line line("item");
    line.add("jid", xmpp_stanza_get_attribute(item, "jid"));
    std::string text = line.add("subscription", xmpp_stanza_get_attribute(item, "subscription")).text();
    text.pop_back();
    items.push_back(text);
  }
  print(Line("roster").add_raw("items", list_of(items)));
  return 1;
}

void Client::add_text_child(xmpp_stanza_t* parent, const char* name, const std::string& text) {
  const StanzaPtr child(xmpp_stanza_new(context_));
  xmpp_stanza_set_name(child.get(), name);
  const StanzaPtr content(xmpp_stanza_new(context_));
  xmpp_stanza_set_text(content.get(), text.c_str());
  xmpp_stanza_add_child(child.get(), content.get());
  xmpp_stanza_add_child(parent, child.get());
}

void Client::send_message(const Command& command) {
  const std::string type = value_of(command, "type");
  const std::string id = value_of(command, "id");
  const StanzaPtr message(xmpp_message_new(context_, type.empty() ? "chat" : type.c_str(),
                                           value_of(command, "to").c_str(), id.empty() ? nullptr : id.c_str()));
  xmpp_message_set_body(message.get(), value_of(command, "body").c_str());
  xmpp_send(connection_, message.get());
}

void Client::send_presence(const Command& command) {
  const StanzaPtr presence(xmpp_presence_new(context_));
  const std::string to = value_of(command, "to");
  const std::string type = value_of(command, "type");
  if (!to.empty()) xmpp_stanza_set_to(presence.get(), to.c_str());
  if (!type.empty()) xmpp_stanza_set_type(presence.get(), type.c_str());
  for (const char* name : {"show", "status"}) {
    if (command.contains(name)) add_text_child(presence.get(), name, command.at(name));
  }
  xmpp_send(connection_, presence.get());
}

void Client::send_join(const Command& command) {
  const StanzaPtr presence(xmpp_presence_new(context_));
  xmpp_stanza_set_to(presence.get(), (value_of(command, "room") + "/" + value_of(command, "nick")).c_str());
  const StanzaPtr marker(xmpp_stanza_new(context_));
  xmpp_stanza_set_name(marker.get(), "x");
  xmpp_stanza_set_ns(marker.get(), "http://jabber.org/protocol/muc");
  xmpp_stanza_add_child(presence.get(), marker.get());
  xmpp_send(connection_, presence.get());
}

void Client::request_roster() {
  const StanzaPtr iq(xmpp_iq_new(context_, "get", "roster-1"));
  const StanzaPtr query(xmpp_stanza_new(context_));
  xmpp_stanza_set_name(query.get(), "query");
  xmpp_stanza_set_ns(query.get(), XMPP_NS_ROSTER);
  xmpp_stanza_add_child(iq.get(), query.get());
  xmpp_send(connection_, iq.get());
}

void Client::obey(const Command& command) {
  const std::string what = value_of(command, "do");
  if (what == "message") return send_message(command);
  if (what == "presence") return send_presence(command);
  if (what == "join") return send_join(command);
  if (what == "roster") return request_roster();
  if (what == "connect") return connect();
  if (what == "raw") {
    const std::string xml = value_of(command, "xml");
    return xmpp_send_raw(connection_, xml.data(), xml.size());
  }
  if (what == "quit") {
    quitting_ = true;
    if (connected_) xmpp_disconnect(connection_);
    return;
  }
  print(Line("error").add("text", "unknown command: " + what));
}

// False at the end of stdin: whoever gave the commands is gone.
bool Client::read_commands() {
  std::array<char, 65536> buffer{};
  for (;;) {
    const ssize_t got = read(STDIN_FILENO, buffer.data(), buffer.size());
    if (got == 0) return false;
    if (got < 0) break;
    input_.append(buffer.data(), static_cast<std::size_t>(got));
  }
  for (std::size_t end = input_.find('\n'); end != std::string::npos; end = input_.find('\n')) {
    const std::string line = input_.substr(0, end);
    input_.erase(0, end + 1);
    if (const auto command = read_command(line)) {
      obey(*command);
    } else {
      print(Line("error").add("text", "not a command: " + line));
    }
  }
  return true;
}

void Client::run() {
  fcntl(STDIN_FILENO, F_SETFL, fcntl(STDIN_FILENO, F_GETFL) | O_NONBLOCK);
  while (read_commands() && !(quitting_ && !connected_)) {
    // libstrophe cannot watch a descriptor of ours, so this bound is how late a command may be noticed.
    xmpp_run_once(context_, 10);
  }
}

bool parse(int argc, char** argv, Options& options) {
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::string_view name = argv[i];
    const char* value = argv[i + 1];
    if (name == "--jid") {
      options.jid = value;
    } else if (name == "--password") {
      options.password = value;
    } else if (name == "--host") {
      options.host = value;
    } else if (name == "--port") {
      options.port = static_cast<unsigned short>(std::strtoul(value, nullptr, 10));
    } else if (name == "--tls") {
      options.tls = value;
    } else if (name == "--ca-file") {
      options.ca_file = value;
    } else if (name == "--stream-management") {
      options.stream_management = std::string_view(value) == "yes";
    } else {
      return false;
    }
  }
  return argc % 2 == 1 && !options.jid.empty();
}

}  // namespace
}  // namespace buddy

int main(int argc, char** argv) {
  buddy::Options options;
  if (!buddy::parse(argc, argv, options)) {
    std::fprintf(
        stderr,
        "usage: buddy --jid JID --password P [--host H] [--port N] [--tls starttls|direct|none] [--ca-file F]\n"
        "             [--stream-management yes|no]\n");
    return 2;
  }
  buddy::Client client(options);
  client.connect();
  client.run();
  return 0;
}
