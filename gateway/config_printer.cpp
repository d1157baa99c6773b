#include <algorithm>
#include <cstdio>

#include "gateway/config.hpp"
#include "gateway/config_options.hpp"
#include "gateway/config_rules.hpp"
#include "gateway/version.hpp"

namespace gateway {

namespace {

std::string quoted(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
      char escape[8];
      std::snprintf(escape, sizeof escape, "\\u%04x", static_cast<unsigned>(static_cast<unsigned char>(c)));
      out += escape;
    } else {
      out += c;
    }
  }
  return out + '"';
}

std::string seconds_text(xmpp::Duration duration) {
  constexpr long long micros = 1000000;
  const long long whole = duration.count() / micros;
  long long rest = duration.count() % micros;
  std::string text = std::to_string(whole);
  if (rest == 0) return text;
  std::string digits = std::to_string(rest);
  digits.insert(0, 6 - digits.size(), '0');
  digits.erase(digits.find_last_not_of('0') + 1);
  return text + '.' + digits;
}

class Printer {
 public:
  explicit Printer(std::string& out) : out_(out) {}

  void table(std::string_view head) {
    out_ += '\n';
    out_ += head;
    out_ += '\n';
  }
  template <class Number>
  void integer(std::string_view key, Number value, std::uint64_t, std::uint64_t) {
    line(key, std::to_string(value));
  }
  template <class Number>
  void bytes(std::string_view key, Number value, std::uint64_t, std::uint64_t) {
    line(key, std::to_string(value));
  }
  void count(std::string_view key, std::uint32_t value) { line(key, std::to_string(value == no_limit ? 0 : value)); }
  void time(std::string_view key, xmpp::Duration value, xmpp::Duration, xmpp::Duration) {
    line(key, seconds_text(value));
  }
  void flag(std::string_view key, bool value) { line(key, value ? "true" : "false"); }
  template <class Enum, std::size_t Size>
  void choice(std::string_view key, Enum value, const options::Names<Enum, Size>& names) {
    const auto it = std::find_if(names.begin(), names.end(), [&](const auto& name) { return name.second == value; });
    line(key, quoted(it->first));
  }
  void file(std::string_view key, const std::string& value) { text(key, value); }
  void domain(std::string_view key, const std::string& value) { text(key, value); }
  void ascii_domain(std::string_view key, const std::string& value) { text(key, value); }
  void domains(std::string_view key, const std::vector<std::string>& values) { texts(key, values); }
  void dns_servers(std::string_view key, const std::vector<std::string>& values) { texts(key, values); }
  void texts(std::string_view key, const std::vector<std::string>& values) {
    std::string list = "[";
    for (const auto& value : values) list += (list.size() > 1 ? ", " : "") + quoted(value);
    line(key, list + ']');
  }
  void networks(std::string_view key, const std::vector<Network>& values) {
    std::vector<std::string> list;
    for (const auto& value : values) list.push_back(value.to_string());
    texts(key, list);
  }
  void endpoint(std::string_view key, const boost::asio::ip::tcp::endpoint& value) {
    line(key, quoted(rules::host_port(value.address().to_string(), value.port())));
  }
  void server(std::string_view key, const std::string& host, std::uint16_t port) {
    text(key, host.empty() ? host : rules::host_port(host, port));
  }
  void text(std::string_view key, const std::string& value) {
    // Not given: shown all the same, as a reminder that there is such an option.
    if (value.empty()) out_ += "# ";
    line(key, quoted(value));
  }

 private:
  void line(std::string_view key, std::string_view value) {
    out_ += key;
    out_ += " = ";
    out_ += value;
    out_ += '\n';
  }

  std::string& out_;
};

// Collects "table.key" for every option that it is shown.
class Collector {
 public:
  explicit Collector(std::vector<std::string>& names) : names_(names) {}
  void table(std::string_view name) { table_ = name; }

  template <class... Rest>
  void integer(std::string_view key, Rest&&...) {
    add(key);
  }
  template <class... Rest>
  void bytes(std::string_view key, Rest&&...) {
    add(key);
  }
  template <class... Rest>
  void count(std::string_view key, Rest&&...) {
    add(key);
  }
  template <class... Rest>
  void time(std::string_view key, Rest&&...) {
    add(key);
  }
  template <class... Rest>
  void flag(std::string_view key, Rest&&...) {
    add(key);
  }
  template <class... Rest>
  void choice(std::string_view key, Rest&&...) {
    add(key);
  }
  template <class... Rest>
  void file(std::string_view key, Rest&&...) {
    add(key);
  }
  template <class... Rest>
  void domain(std::string_view key, Rest&&...) {
    add(key);
  }
  template <class... Rest>
  void ascii_domain(std::string_view key, Rest&&...) {
    add(key);
  }
  template <class... Rest>
  void domains(std::string_view key, Rest&&...) {
    add(key);
  }
  template <class... Rest>
  void dns_servers(std::string_view key, Rest&&...) {
    add(key);
  }
  template <class... Rest>
  void text(std::string_view key, Rest&&...) {
    add(key);
  }
  template <class... Rest>
  void texts(std::string_view key, Rest&&...) {
    add(key);
  }
  template <class... Rest>
  void networks(std::string_view key, Rest&&...) {
    add(key);
  }
  template <class... Rest>
  void endpoint(std::string_view key, Rest&&...) {
    add(key);
  }
  template <class... Rest>
  void server(std::string_view key, Rest&&...) {
    add(key);
  }

 private:
  void add(std::string_view key) { names_.push_back(table_ + '.' + std::string(key)); }

  std::vector<std::string>& names_;
  std::string table_;
};

template <class Part>
void print(Printer& printer, std::string_view head, Part part) {
  printer.table(head);
  options::visit(printer, part);
}

}  // namespace

std::string print_config(const Config& config) {
  std::string out = "# postern " + std::string(version) + ", configuration in effect";
  if (!config.file.empty()) out += ", from " + safe_text(config.file, 500);
  out += '\n';
  Printer printer(out);
  print(printer, "[server]", config.server);
  for (const auto& listen : config.listen) print(printer, "[[listen]]", listen);
  for (const auto& domain : config.domains.all()) print(printer, "[[domain]]", domain);
  print(printer, "[paths]", config.paths);
  print(printer, "[webchat]", config.webchat);
  print(printer, "[prebind]", config.prebind);
  for (const auto& tree : config.statics) print(printer, "[[static]]", tree);
  print(printer, "[bosh]", config.bosh);
  print(printer, "[websocket]", config.websocket);
  print(printer, "[polling]", config.polling);
  print(printer, "[limits]", config.limits);
  print(printer, "[cors]", config.cors);
  print(printer, "[compression]", config.compression);
  return out;
}

std::vector<std::string> option_names() {
  std::vector<std::string> names;
  Collector collector(names);
  const auto collect = [&](std::string_view table, auto part) {
    collector.table(table);
    options::visit(collector, part);
  };
  collect("server", ServerConfig{});
  collect("listen", Listen{});
  collect("domain", Domain{});
  collect("paths", PathsConfig{});
  collect("webchat", WebchatConfig{});
  collect("prebind", PrebindConfig{});
  collect("static", StaticTree{});
  collect("bosh", bosh::Policy{});
  collect("websocket", WebSocketConfig{});
  collect("polling", bosh::PollPolicy{});
  collect("limits", LimitsConfig{});
  collect("cors", CorsConfig{});
  collect("compression", CompressionConfig{});
  return names;
}

}  // namespace gateway
