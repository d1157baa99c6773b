// How a client finds the way in by the domain alone (XEP-0156; PROTOCOL D-001...D-006): /.well-known/host-meta and its
// JSON twin. Written once from the configuration; nothing of a request gets into them, the Host field only chooses.
// Deliberately no DNS TXT records, which XEP-0156 has withdrawn (D-007), and no XEP-0487. Immutable; any thread.
#pragma once
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "gateway/config.hpp"

namespace gateway {

class HostMeta {
 public:
  struct Documents {
    std::string xml;   // XRD 1.0
    std::string json;  // JRD
  };

  // `config` must outlive this.
  explicit HostMeta(const Config& config);

  // `host`: the field of the request. Null when that domain has no public URL.
  [[nodiscard]] const Documents* find(std::string_view host) const;

  static constexpr std::string_view xml_type = "application/xrd+xml; charset=utf-8";
  static constexpr std::string_view json_type = "application/json";

 private:
  const Domains& domains_;
  std::string fallback_;              // the domain that a Host stands for which names none
  std::vector<Documents> documents_;  // in the order of the domains; empty ones where there is nothing to say
};

}  // namespace gateway
