// An XMPP server for tests of the shell: any domain, any password, no TLS. It knows just enough to let a browser log in
// and to return its messages; what it does otherwise is chosen by Manners. Not an XML parser: it looks for what the
// tests send. One thread per connection, all joined by the destructor.
#pragma once
#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "tests/support/tcp.hpp"

namespace support {

enum class Manners : std::uint8_t {
  friendly,      // header, features, SASL success, echo of every <message/>
  hangs_up,      // closes at once
  silent,        // accepts and says nothing
  garbage,       // answers with what is not XML
  stream_error,  // header, then host-unknown
  manages,       // friendly, and has stream management
};

class ScriptedServer {
 public:
  explicit ScriptedServer(Manners manners = Manners::friendly);
  ~ScriptedServer();
  ScriptedServer(const ScriptedServer&) = delete;
  ScriptedServer& operator=(const ScriptedServer&) = delete;

  [[nodiscard]] std::uint16_t port() const { return port_; }
  [[nodiscard]] unsigned accepted() const { return accepted_; }
  // Streams that the gateway ended with </stream:stream>.
  [[nodiscard]] unsigned ended_cleanly() const { return ended_cleanly_; }
  // The highest count of an <a/>.
  [[nodiscard]] unsigned acknowledged() const { return acknowledged_; }
  // Sends to every connected stream.
  void send_to_all(std::string_view bytes);

 private:
  struct Stream {
    Tcp tcp;
    std::string input;
    bool logged_in = false;
  };
  void accept_loop();
  void serve(Stream& stream);
  bool answer(Stream& stream);

  const Manners manners_;
  Tcp listener_;
  std::uint16_t port_ = 0;
  std::atomic<unsigned> accepted_{0}, ended_cleanly_{0}, acknowledged_{0};
  std::atomic<bool> stopping_{false};
  std::mutex mutex_;  // of streams_ and threads_
  std::vector<std::unique_ptr<Stream>> streams_;
  std::vector<std::thread> threads_;
  std::thread acceptor_;
};

}  // namespace support
