// A DNS server for tests, in process, over UDP on loopback: answers what the script holds, NXDOMAIN to all else, and
// misbehaves where told. Runs in a thread of its own.
#pragma once
#include <atomic>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace support {

class DnsServer {
 public:
  enum class Kind : std::uint16_t { a = 1, cname = 5, aaaa = 28, srv = 33 };
  enum class Mood : std::uint8_t { answer, silent, server_failure, garbage, wrong_id };

  DnsServer();
  ~DnsServer();
  DnsServer(const DnsServer&) = delete;
  DnsServer& operator=(const DnsServer&) = delete;

  [[nodiscard]] std::string address() const;  // "127.0.0.1:port"

  void add_a(const std::string& name, const std::string& address, std::uint32_t ttl = 60);
  void add_aaaa(const std::string& name, const std::string& address, std::uint32_t ttl = 60);
  void add_srv(const std::string& name, std::uint16_t priority, std::uint16_t weight, std::uint16_t port,
               const std::string& target, std::uint32_t ttl = 60);
  // The name exists, but nothing of any kind is known about it.
  void add_empty(const std::string& name);
  void set_mood(const std::string& name, Mood mood);
  void clear();

  [[nodiscard]] unsigned questions(const std::string& name) const;

 private:
  struct Record {
    std::uint32_t ttl;
    std::string data;
  };
  void run();
  std::string answer(const std::string& question);
  void add(const std::string& name, Kind kind, std::uint32_t ttl, std::string data);

  int socket_ = -1;
  std::uint16_t port_ = 0;
  std::atomic<bool> stopping_{false};
  mutable std::mutex mutex_;
  std::map<std::string, std::multimap<Kind, Record>> records_;
  std::map<std::string, Mood> moods_;
  std::map<std::string, unsigned> questions_;
  std::thread thread_;
};

}  // namespace support
