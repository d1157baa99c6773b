// Blocking TCP on loopback for tests that talk to the shell from outside: every wait is bounded, a peer that does not
// come is a failed expectation and not a hanging test.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace support {

class Tcp {
 public:
  Tcp() = default;
  explicit Tcp(int descriptor);
  Tcp(Tcp&& other) noexcept;
  Tcp& operator=(Tcp&& other) noexcept;
  ~Tcp();

  [[nodiscard]] static Tcp connect(std::uint16_t port);
  [[nodiscard]] bool is_open() const { return descriptor_ >= 0; }
  bool send(std::string_view bytes);
  // What has come; empty when nothing comes for ten seconds; nothing at the end or on failure.
  [[nodiscard]] std::optional<std::string> receive();
  void shutdown_write();
  void reset();  // closes with RST
  void close();
  [[nodiscard]] int descriptor() const { return descriptor_; }

 private:
  int descriptor_ = -1;
};

struct HttpResponse {
  int status = 0;
  std::string head;
  std::string body;
};

// A client that sends what it is told, nonsense included, and reads whole responses.
class HttpClient {
 public:
  explicit HttpClient(std::uint16_t port) : tcp_(Tcp::connect(port)) {}

  bool send(std::string_view bytes) { return tcp_.send(bytes); }
  bool post(std::string_view body, std::string_view path = "/http-bind");
  // Nothing when the connection ended first.
  [[nodiscard]] std::optional<HttpResponse> receive();
  [[nodiscard]] HttpResponse exchange(std::string_view body) {
    post(body);
    return receive().value_or(HttpResponse{});
  }
  [[nodiscard]] Tcp& tcp() { return tcp_; }

 private:
  Tcp tcp_;
  std::string buffer_;
};

}  // namespace support
