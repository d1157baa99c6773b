#include "tests/support/dns_server.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <stdexcept>

namespace support {

namespace {

std::string number16(unsigned value) {
  return {static_cast<char>(value >> 8 & 0xff), static_cast<char>(value & 0xff)};
}

std::string number32(std::uint32_t value) {
  return number16(value >> 16) + number16(value & 0xffff);
}

std::string encode_name(const std::string& name) {
  std::string encoded;
  std::size_t at = 0;
  while (at < name.size()) {
    const std::size_t dot = std::min(name.find('.', at), name.size());
    encoded += static_cast<char>(dot - at);
    encoded += name.substr(at, dot - at);
    at = dot + 1;
  }
  return encoded + '\0';
}

constexpr std::size_t header_size = 12;

// Lower case; `end` becomes the position after the name.
std::string decode_name(const std::string& message, std::size_t& end) {
  std::string name;
  while (end < message.size() && message[end] != '\0') {
    const auto size = static_cast<unsigned char>(message[end]);
    if (!name.empty()) name += '.';
    name += message.substr(end + 1, size);
    end += 1u + size;
  }
  ++end;
  std::transform(name.begin(), name.end(), name.begin(), [](unsigned char c) { return std::tolower(c); });
  return name;
}

}  // namespace

DnsServer::DnsServer() {
  socket_ = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  auto* const generic = reinterpret_cast<sockaddr*>(&address);
  if (socket_ < 0 || ::bind(socket_, generic, size) != 0 || ::getsockname(socket_, generic, &size) != 0) {
    throw std::runtime_error("no UDP socket");
  }
  port_ = ntohs(address.sin_port);
  thread_ = std::thread([this] { run(); });
}

DnsServer::~DnsServer() {
  stopping_ = true;
  thread_.join();
  ::close(socket_);
}

std::string DnsServer::address() const {
  return "127.0.0.1:" + std::to_string(port_);
}

void DnsServer::add(const std::string& name, Kind kind, std::uint32_t ttl, std::string data) {
  const std::lock_guard lock(mutex_);
  records_[name].emplace(kind, Record{ttl, std::move(data)});
}

void DnsServer::add_a(const std::string& name, const std::string& address, std::uint32_t ttl) {
  std::array<char, 4> bytes{};
  if (inet_pton(AF_INET, address.c_str(), bytes.data()) != 1) throw std::runtime_error(address);
  add(name, Kind::a, ttl, {bytes.begin(), bytes.end()});
}

void DnsServer::add_aaaa(const std::string& name, const std::string& address, std::uint32_t ttl) {
  std::array<char, 16> bytes{};
  if (inet_pton(AF_INET6, address.c_str(), bytes.data()) != 1) throw std::runtime_error(address);
  add(name, Kind::aaaa, ttl, {bytes.begin(), bytes.end()});
}

void DnsServer::add_srv(const std::string& name, std::uint16_t priority, std::uint16_t weight, std::uint16_t port,
                        const std::string& target, std::uint32_t ttl) {
  add(name, Kind::srv, ttl, number16(priority) + number16(weight) + number16(port) + encode_name(target));
}

void DnsServer::add_empty(const std::string& name) {
  const std::lock_guard lock(mutex_);
  records_[name];
}

void DnsServer::set_mood(const std::string& name, Mood mood) {
  const std::lock_guard lock(mutex_);
  moods_[name] = mood;
}

void DnsServer::clear() {
  const std::lock_guard lock(mutex_);
  records_.clear();
  moods_.clear();
}

unsigned DnsServer::questions(const std::string& name) const {
  const std::lock_guard lock(mutex_);
  const auto found = questions_.find(name);
  return found == questions_.end() ? 0 : found->second;
}

void DnsServer::run() {
  while (!stopping_) {
    pollfd wait{socket_, POLLIN, 0};
    if (::poll(&wait, 1, 20) <= 0) continue;
    std::array<char, 2048> buffer{};
    sockaddr_in from{};
    socklen_t size = sizeof from;
    const ssize_t got = ::recvfrom(socket_, buffer.data(), buffer.size(), 0, reinterpret_cast<sockaddr*>(&from), &size);
    if (got < static_cast<ssize_t>(header_size)) continue;
    const std::string reply = answer({buffer.data(), static_cast<std::size_t>(got)});
    if (reply.empty()) continue;
    ::sendto(socket_, reply.data(), reply.size(), 0, reinterpret_cast<sockaddr*>(&from), size);
  }
}

std::string DnsServer::answer(const std::string& question) {
  std::size_t end = header_size;
  const std::string name = decode_name(question, end);
  const std::string kind_bytes = question.substr(end, 2);
  end += 4;
  const auto kind =
      static_cast<Kind>(static_cast<unsigned char>(kind_bytes[0]) << 8 | static_cast<unsigned char>(kind_bytes[1]));
  const std::lock_guard lock(mutex_);
  ++questions_[name];
  const auto mood = moods_.find(name);
  const Mood how = mood == moods_.end() ? Mood::answer : mood->second;
  if (how == Mood::silent) return {};

  std::string records;
  unsigned count = 0;
  constexpr unsigned name_error = 3, server_failure = 2;
  unsigned code = 0;
  const auto found = records_.find(name);
  if (found == records_.end()) {
    code = name_error;
  } else {
    const auto [first, last] = found->second.equal_range(kind);
    for (auto record = first; record != last; ++record) {
      ++count;
      records += number16(0xc000 | header_size);  // the name of the question
      records += number16(static_cast<unsigned>(kind)) + number16(1) + number32(record->second.ttl);
      records += number16(static_cast<unsigned>(record->second.data.size())) + record->second.data;
    }
  }
  if (how == Mood::server_failure) {
    code = server_failure;
    count = 0;
    records.clear();
  }
  std::string id = question.substr(0, 2);
  if (how == Mood::wrong_id) id[0] = static_cast<char>(id[0] ^ 0x55);
  std::string reply = id + number16(0x8180 | code) + number16(1) + number16(count) + number16(0) + number16(0) +
                      question.substr(header_size, end - header_size) + records;
  // Cut within the records, with the header promising all of them.
  if (how == Mood::garbage) reply.resize(end + (reply.size() - end) / 2);
  return reply;
}

}  // namespace support
