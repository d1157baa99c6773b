#include "tests/support/scripted_server.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <memory>
#include <string>

namespace support {

namespace {

constexpr std::string_view header =
    "<?xml version='1.0'?><stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' "
    "id='scripted' from='localhost' version='1.0'>";
constexpr std::string_view login_features =
    "<stream:features><mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><mechanism>PLAIN</mechanism></mechanisms>"
    "</stream:features>";
constexpr std::string_view bind_features =
    "<stream:features><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></stream:features>";

constexpr std::string_view managed_features =
    "<stream:features><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/><sm xmlns='urn:xmpp:sm:3'/></stream:features>";

constexpr std::string_view host_unknown =
    "<stream:error><host-unknown xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error></stream:stream>";

// An address for who asks for one; all else it does not know.
std::string answer_to(std::string_view iq) {
  const auto value = iq.find(" id=") + 4;  // between quotes of either kind
  const std::string id(iq.substr(value + 1, iq.find(iq[value], value + 1) - value - 1));
  if (iq.find("urn:ietf:params:xml:ns:xmpp-bind") != std::string_view::npos) {
    return "<iq type='result' id='" + id +
           "'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><jid>user@localhost/scripted</jid></bind></iq>";
  }
  return "<iq type='error' id='" + id +
         "'><error type='cancel'><service-unavailable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>";
}

}  // namespace

ScriptedServer::ScriptedServer(Manners manners) : manners_(manners) {
  listener_ = Tcp(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  ::bind(listener_.descriptor(), reinterpret_cast<const sockaddr*>(&address), sizeof address);
  ::listen(listener_.descriptor(), 512);
  socklen_t size = sizeof address;
  ::getsockname(listener_.descriptor(), reinterpret_cast<sockaddr*>(&address), &size);
  port_ = ntohs(address.sin_port);
  acceptor_ = std::thread([this] { accept_loop(); });
}

ScriptedServer::~ScriptedServer() {
  stopping_ = true;
  ::shutdown(listener_.descriptor(), SHUT_RDWR);
  acceptor_.join();
  {
    const std::lock_guard lock(mutex_);
    for (auto& stream : streams_) ::shutdown(stream->tcp.descriptor(), SHUT_RDWR);
  }
  for (auto& thread : threads_) thread.join();
}

void ScriptedServer::accept_loop() {
  while (!stopping_) {
    const int descriptor = ::accept(listener_.descriptor(), nullptr, nullptr);
    if (descriptor < 0) continue;  // the time-out of the socket, or the end
    const std::lock_guard lock(mutex_);
    streams_.push_back(std::make_unique<Stream>());
    streams_.back()->tcp = Tcp(descriptor);
    threads_.emplace_back([this, &stream = *streams_.back()] { serve(stream); });
    ++accepted_;
  }
}

void ScriptedServer::send_to_all(std::string_view bytes) {
  const std::lock_guard lock(mutex_);
  for (auto& stream : streams_) stream->tcp.send(bytes);
}

void ScriptedServer::serve(Stream& stream) {
  if (manners_ == Manners::hangs_up) {
    ::shutdown(stream.tcp.descriptor(), SHUT_RDWR);
    return;
  }
  while (!stopping_) {
    const auto more = stream.tcp.receive();
    if (!more) return;
    stream.input += *more;
    if (manners_ == Manners::silent) continue;
    while (answer(stream)) {
    }
  }
}

// Takes one thing that it knows out of the input; false when there is none.
bool ScriptedServer::answer(Stream& stream) {
  auto& input = stream.input;
  const auto take = [&](std::string_view begin, std::string_view end) {
    const auto from = input.find(begin);
    if (from == std::string::npos) return std::string();
    const auto to = input.find(end, from);
    if (to == std::string::npos) return std::string();
    std::string taken = input.substr(from, to + end.size() - from);
    input.erase(from, taken.size());  // what comes before it may be another thing that is known
    return taken;
  };
  if (!take("<stream:stream", ">").empty()) {
    if (manners_ == Manners::garbage) return stream.tcp.send("HTTP/1.1 400 Bad Request\r\n\r\n<<<>>>");
    stream.tcp.send(header);
    if (manners_ == Manners::stream_error) return stream.tcp.send(host_unknown);
    if (!stream.logged_in) return stream.tcp.send(login_features);
    return stream.tcp.send(manners_ == Manners::manages ? managed_features : bind_features);
  }
  if (!take("<auth", "</auth>").empty()) {
    stream.logged_in = true;
    return stream.tcp.send("<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>");
  }
  if (const auto iq = take("<iq", "</iq>"); !iq.empty()) return stream.tcp.send(answer_to(iq));
  if (const auto message = take("<message", "</message>"); !message.empty()) return stream.tcp.send(message);
  if (!take("<enable ", "/>").empty()) return stream.tcp.send("<enabled xmlns='urn:xmpp:sm:3'/>");
  if (const auto a = take("<a xmlns='urn:xmpp:sm:3' h='", "/>"); !a.empty()) {
    acknowledged_ = std::max(acknowledged_.load(), static_cast<unsigned>(std::stoul(a.substr(a.find("h='") + 3))));
    return true;
  }
  if (!take("</stream:stream", ">").empty()) {
    ++ended_cleanly_;
    stream.tcp.send("</stream:stream>");
    stream.tcp.shutdown_write();
  }
  return false;
}

}  // namespace support
