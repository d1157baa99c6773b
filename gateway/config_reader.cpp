#include <algorithm>
#include <cmath>
#include <filesystem>
#include <set>
#include <sstream>

// Only here: the header alone is as long as the rest of the gateway.
#define TOML_HEADER_ONLY 1
// Some of its assertions fail on what the next lines say an error about ("[" alone): a debug build is to say so, too.
#define TOML_ASSERT(expr) static_assert(true)
#include <toml++/toml.h>

#include "gateway/config.hpp"
#include "gateway/config_options.hpp"
#include "gateway/config_rules.hpp"
#include "gateway/toml_text.hpp"
#include "xmpp/jid.hpp"

namespace gateway {

namespace {

std::string quote(std::string_view text) {
  return '"' + safe_text(text) + '"';
}

std::string_view describe(toml::node_type type) {
  switch (type) {
    case toml::node_type::table:
      return "a table";
    case toml::node_type::array:
      return "a list";
    case toml::node_type::string:
      return "a string";
    case toml::node_type::integer:
      return "an integer";
    case toml::node_type::floating_point:
      return "a number with a fraction";
    case toml::node_type::boolean:
      return "true or false";
    default:
      return "a date or time";
  }
}

// Levenshtein's distance, for "did you mean".
std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t above = row[j];
      row[j] = std::min({above + 1, row[j - 1] + 1, diagonal + (a[i - 1] == b[j - 1] ? 0 : 1)});
      diagonal = above;
    }
  }
  return row[b.size()];
}

std::string nearest(std::string_view key, const std::set<std::string, std::less<>>& known) {
  const auto best = std::min_element(known.begin(), known.end(),
                                     [&](const auto& a, const auto& b) { return distance(key, a) < distance(key, b); });
  if (best == known.end() || distance(key, *best) > 3) return {};
  return *best;
}

std::string place_of(const std::string& file, std::size_t line) {
  return file + ':' + std::to_string(line) + ": ";
}

std::string place_of(const std::string& file, const toml::source_region& source) {
  return place_of(file, source.begin.line == 0 ? std::size_t{1} : source.begin.line);
}

// One table of the file, as a visitor of the options: takes the values that are given, remembers which names exist.
class Section {
 public:
  Section(const toml::table& table, std::string head, const std::string& file)
      : table_(table), head_(std::move(head)), file_(file) {}

  void integer(std::string_view key, std::uint32_t& value, std::uint64_t least, std::uint64_t most) {
    number(key, value, least, most);
  }
  template <class Number>
  void bytes(std::string_view key, Number& value, std::uint64_t least, std::uint64_t most) {
    number(key, value, least, most);
  }
  void count(std::string_view key, std::uint32_t& value) {
    if (!given(key)) return;
    number(key, value, 0, no_limit - 1);
    if (value == 0) value = no_limit;
  }

  void time(std::string_view key, xmpp::Duration& value, xmpp::Duration least, xmpp::Duration most) {
    const toml::node* const node = find(key);
    if (node == nullptr) return;
    const auto seconds = node->is_number() ? node->value<double>() : std::nullopt;
    if (!seconds) wrong_type(key, *node, "a number of seconds");
    const auto as_seconds = [](xmpp::Duration d) { return std::chrono::duration<double>(d).count(); };
    // Not a number compares false with everything.
    if (!(*seconds >= as_seconds(least) && *seconds <= as_seconds(most))) {
      std::ostringstream range;
      range << "write seconds from " << as_seconds(least) << " to " << as_seconds(most);
      fail(*node, name(key) + " is out of range", range.str());
    }
    value = xmpp::Duration(std::llround(*seconds * 1e6));
  }

  void flag(std::string_view key, bool& value) {
    const toml::node* const node = find(key);
    if (node == nullptr) return;
    if (!node->is_boolean()) wrong_type(key, *node, "true or false");
    value = *node->value<bool>();
  }

  template <class Enum, std::size_t Size>
  void choice(std::string_view key, Enum& value, const options::Names<Enum, Size>& names) {
    const toml::node* const node = find(key);
    if (node == nullptr) return;
    const std::string text = string(key, *node);
    for (const auto& [candidate, meaning] : names) {
      if (candidate == text) {
        value = meaning;
        return;
      }
    }
    std::string list;
    for (const auto& [candidate, meaning] : names) list += (list.empty() ? "" : ", ") + quote(candidate);
    fail(*node, name(key) + " cannot be " + quote(text), "write one of " + list);
  }

  // A path; relative ones start at the directory of the configuration file.
  void file(std::string_view key, std::string& value) {
    const toml::node* const node = find(key);
    if (node == nullptr) return;
    const std::filesystem::path path = string(key, *node);
    if (path.empty()) fail(*node, name(key) + " is empty", "name a file or remove the line");
    value = (std::filesystem::absolute(std::filesystem::path(file_)).parent_path() / path).lexically_normal().string();
  }

  void text(std::string_view key, std::string& value) {
    if (const toml::node* const node = find(key)) value = string(key, *node);
  }
  void domain(std::string_view key, std::string& value) {
    if (const toml::node* const node = find(key)) value = prepared(key, *node);
  }
  void ascii_domain(std::string_view key, std::string& value) {
    const toml::node* const node = find(key);
    if (node == nullptr) return;
    const auto ascii = xmpp::domain_to_ascii(prepared(key, *node));
    if (!ascii) no_host(key, *node);
    value = *ascii;
  }
  void domains(std::string_view key, std::vector<std::string>& values) {
    list(key, values, [&](const toml::node& node) { return prepared(key, node); });
  }
  void texts(std::string_view key, std::vector<std::string>& values) {
    list(key, values, [&](const toml::node& node) { return string(key, node); });
  }
  void networks(std::string_view key, std::vector<Network>& values) {
    list(key, values, [&](const toml::node& node) {
      const std::string text = string(key, node);
      const auto network = Network::parse(text);
      if (!network) {
        fail(node, name(key) + ": " + quote(text) + " is not a network",
             "write an address or a prefix without host bits, like \"10.0.0.0/8\" or \"2001:db8::/32\"");
      }
      return *network;
    });
  }
  void dns_servers(std::string_view key, std::vector<std::string>& values) {
    list(key, values, [&](const toml::node& node) {
      constexpr std::uint16_t dns_port = 53;
      const std::string text = string(key, node);
      const auto server = rules::parse_host_port(text);
      boost::system::error_code error;
      if (server) boost::asio::ip::make_address(server->host, error);
      if (!server || error || server->port == 0) {
        fail(node, name(key) + ": " + quote(text) + " is not the address of a DNS server",
             "write it like \"127.0.0.1:53\" or \"[::1]:53\"");
      }
      return rules::host_port(server->host, server->port.value_or(dns_port));
    });
  }

  void endpoint(std::string_view key, boost::asio::ip::tcp::endpoint& value) {
    const toml::node* const node = find(key);
    if (node == nullptr) return;
    const std::string text = string(key, *node);
    const auto parsed = rules::parse_host_port(text);
    boost::system::error_code error;
    const Address address = parsed ? boost::asio::ip::make_address(parsed->host, error) : Address{};
    if (!parsed || error || !parsed->port) {
      fail(*node, name(key) + ": " + quote(text) + " is not an address with a port",
           "write it like \"127.0.0.1:5280\", \"0.0.0.0:443\" or \"[::]:443\"");
    }
    value = {address, *parsed->port};
  }

  void server(std::string_view key, std::string& host, std::uint16_t& port) {
    const toml::node* const node = find(key);
    if (node == nullptr) return;
    const std::string text = string(key, *node);
    const auto parsed = rules::parse_host_port(text);
    if (!parsed || parsed->port == 0) {
      fail(*node, name(key) + ": " + quote(text) + " is not a host with a port",
           "write it like \"127.0.0.1:5222\", \"[::1]:5222\" or \"xmpp.example.org:5222\"");
    }
    host = parsed->host;
    port = parsed->port.value_or(0);
  }

  // After the visit: whatever else stands in the table is a mistake.
  void reject_unknown() const {
    for (const auto& [key, node] : table_) {
      if (known_.contains(key.str())) continue;
      const std::string close = nearest(key.str(), known_);
      throw ConfigError(place_of(file_, key.source()) + "unknown option " + quote(key.str()) + " in " + head_ + "; " +
                        (close.empty() ? "remove it, or see conf/postern.toml for all options"
                                       : "did you mean " + quote(close) + "?"));
    }
  }

  void require(std::string_view key, std::string_view example) {
    if (!given(key)) fail(table_, head_ + " has no " + std::string(key), "write " + std::string(example));
  }

  [[nodiscard]] bool given(std::string_view key) { return find(key) != nullptr; }

  [[nodiscard]] rules::Place place() const {
    return [this](std::string_view key) {
      const toml::node* const node = table_.get(key);
      return place_of(file_, (node != nullptr ? *node : static_cast<const toml::node&>(table_)).source());
    };
  }

 private:
  const toml::node* find(std::string_view key) {
    known_.emplace(key);
    return table_.get(key);
  }

  [[nodiscard]] std::string name(std::string_view key) const { return head_ + ' ' + std::string(key); }

  [[noreturn]] void fail(const toml::node& node, std::string_view what, std::string_view cure) const {
    throw ConfigError(place_of(file_, node.source()) + std::string(what) + "; " + std::string(cure));
  }
  [[noreturn]] void wrong_type(std::string_view key, const toml::node& node, std::string_view wanted) const {
    fail(node, name(key) + " is " + std::string(describe(node.type())), "write " + std::string(wanted));
  }
  [[noreturn]] void no_host(std::string_view key, const toml::node& node) const {
    fail(node, name(key) + ": " + quote(node.value<std::string>().value_or("")) + " is not a host name",
         "write it like \"example.org\", without port and path");
  }

  template <class Number>
  void number(std::string_view key, Number& value, std::uint64_t least, std::uint64_t most) {
    const toml::node* const node = find(key);
    if (node == nullptr) return;
    if (!node->is_integer()) wrong_type(key, *node, "an integer");
    const std::int64_t given = *node->value<std::int64_t>();
    if (given < 0 || static_cast<std::uint64_t>(given) < least || static_cast<std::uint64_t>(given) > most) {
      fail(*node, name(key) + " = " + std::to_string(given) + " is out of range",
           "write a number from " + std::to_string(least) + " to " + std::to_string(most));
    }
    value = static_cast<Number>(given);
  }

  std::string string(std::string_view key, const toml::node& node) const {
    if (!node.is_string()) wrong_type(key, node, "a string");
    std::string text = *node.value<std::string>();
    if (text.find('\0') != text.npos) fail(node, name(key) + " holds a NUL character", "remove it");
    return text;
  }

  std::string prepared(std::string_view key, const toml::node& node) const {
    const auto result = xmpp::prepare_domain(string(key, node));
    if (!result) no_host(key, node);
    return *result;
  }

  template <class Value, class Read>
  void list(std::string_view key, std::vector<Value>& values, Read read) {
    const toml::node* const node = find(key);
    if (node == nullptr) return;
    values.clear();
    const toml::array* const array = node->as_array();
    if (array == nullptr) {
      // One value needs no brackets.
      if (!node->is_string()) wrong_type(key, *node, "a list of strings");
      values.push_back(read(*node));
      return;
    }
    for (const toml::node& element : *array) values.push_back(read(element));
  }

  const toml::table& table_;
  std::string head_;
  const std::string& file_;
  std::set<std::string, std::less<>> known_;
};

// The whole file.
class Document {
 public:
  Document(const toml::table& root, const std::string& file) : root_(root), file_(file) {}

  Config read() {
    Config config;
    config.file = file_;
    reject_unknown_tables();
    read_one("limits", config.limits);
    read_one("bosh", config.bosh);
    read_one("websocket", config.websocket);
    read_one("polling", config.polling);
    read_one("cors", config.cors);
    read_one("compression", config.compression);
    read_one("paths", config.paths);
    read_one("webchat", config.webchat);
    read_one("prebind", config.prebind);
    read_one("server", config.server);
    read_listeners(config);
    read_statics(config);
    read_domains(config);
    return config;
  }

 private:
  void reject_unknown_tables() const {
    const std::set<std::string, std::less<>> known = {"server", "listen",  "domain",     "paths",     "webchat",
                                                      "static", "prebind", "bosh",       "websocket", "polling",
                                                      "limits", "cors",    "compression"};
    for (const auto& [key, node] : root_) {
      if (known.contains(key.str())) continue;
      const std::string close = nearest(key.str(), known);
      throw ConfigError(place_of(file_, key.source()) + "unknown " + (node.is_table() ? "table " : "option ") +
                        quote(key.str()) + "; " +
                        (close.empty() ? "remove it, or see conf/postern.toml for all options"
                                       : "did you mean " + quote(close) + "?"));
    }
  }

  [[nodiscard]] const toml::table& table(std::string_view key) const {
    static const toml::table none;
    const toml::node* const node = root_.get(key);
    if (node == nullptr) return none;
    if (const toml::table* const found = node->as_table()) return *found;
    throw ConfigError(place_of(file_, node->source()) + std::string(key) + " is " +
                      std::string(describe(node->type())) + "; write it as a table: [" + std::string(key) + "]");
  }

  [[nodiscard]] std::vector<const toml::table*> tables(std::string_view key) const {
    std::vector<const toml::table*> result;
    const toml::node* const node = root_.get(key);
    if (node == nullptr) return result;
    const std::string cure = "; write it in double brackets: [[" + std::string(key) + "]]";
    const toml::array* const array = node->as_array();
    if (array == nullptr) {
      throw ConfigError(place_of(file_, node->source()) + std::string(key) + " is " +
                        std::string(describe(node->type())) + cure);
    }
    for (const toml::node& element : *array) {
      const toml::table* const found = element.as_table();
      if (found == nullptr) {
        throw ConfigError(place_of(file_, element.source()) + std::string(key) + " is a list of " +
                          std::string(describe(element.type())) + cure);
      }
      result.push_back(found);
    }
    return result;
  }

  template <class Part>
  void read_one(std::string_view key, Part& part) {
    Section section(table(key), '[' + std::string(key) + ']', file_);
    options::visit(section, part);
    section.reject_unknown();
    if constexpr (requires { rules::finish(part, section.place()); }) rules::finish(part, section.place());
  }

  [[nodiscard]] rules::Place place_in(const toml::table& where) const {
    return [this, &where](std::string_view key) {
      const toml::node* const node = where.get(key);
      return place_of(file_, (node != nullptr ? *node : static_cast<const toml::node&>(where)).source());
    };
  }

  void read_listeners(Config& config) {
    std::vector<rules::Place> places;
    for (const toml::table* found : tables("listen")) {
      Listen listen;
      Section section(*found, "[[listen]]", file_);
      options::visit(section, listen);
      section.reject_unknown();
      section.require("address", "address = \"127.0.0.1:5280\"");
      rules::finish(listen, section.place());
      config.listen.push_back(std::move(listen));
      places.push_back(place_in(*found));
    }
    if (config.listen.empty()) config.listen = default_config().listen;
    rules::check_listeners(config.listen, places, config.server);
    rules::check_prebind(config, place_in(table("prebind")));
    rules::check_shadowed_paths(config, place_in(table("paths")));
  }

  void read_statics(Config& config) {
    for (const toml::table* found : tables("static")) {
      StaticTree tree;
      Section section(*found, "[[static]]", file_);
      options::visit(section, tree);
      section.reject_unknown();
      section.require("path", "path = \"/chat\"");
      section.require("root", "root = \"/var/www/chat\"");
      rules::finish(tree, config, section.place());
      config.statics.push_back(std::move(tree));
    }
  }

  void read_domains(Config& config) {
    std::vector<rules::Place> places;
    std::vector<Domain> domains;
    for (const toml::table* found : tables("domain")) {
      Domain domain;
      Section section(*found, "[[domain]]", file_);
      options::visit(section, domain);
      section.reject_unknown();
      section.require("name", "name = \"example.org\"");
      rules::finish(domain, config.limits, section.place());
      domains.push_back(std::move(domain));
      places.push_back(place_in(*found));
    }
    if (domains.empty()) {
      throw ConfigError(file_ + ":1: there is no [[domain]], so nobody could log in; add one with its name");
    }
    rules::check_domains(domains, places, config.server, place_in(table("server")));
    config.domains = Domains(std::move(domains), config.server.removed_domains);
  }

  const toml::table& root_;
  const std::string& file_;
};

}  // namespace

Config parse_config(std::string_view text, const std::string& file) {
  const AsciiToml ascii = ascii_toml(text);
  if (ascii.fault_line != 0) throw ConfigError(place_of(file, ascii.fault_line) + std::string(ascii.fault));
  try {
    const toml::table root = toml::parse(ascii.text, file);
    return Document(root, file).read();
  } catch (const toml::parse_error& error) {
    throw ConfigError(place_of(file, error.source()) + "not TOML: " + safe_text(error.description(), 200) +
                      "; correct the line");
  }
}

}  // namespace gateway
