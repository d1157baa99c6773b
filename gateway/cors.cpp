#include "gateway/cors.hpp"

#include <algorithm>
#include <chrono>

namespace gateway {

Cors::Cors(const CorsConfig& config)
    : any_origin_(config.any_origin()), credentials_(config.credentials), origins_(config.origins) {
  preflight_ = "Access-Control-Allow-Methods: GET, POST, OPTIONS\r\nAccess-Control-Allow-Headers: ";
  for (std::size_t i = 0; i < config.headers.size(); ++i) {
    if (i > 0) preflight_ += ", ";
    preflight_ += config.headers[i];
  }
  preflight_ += "\r\nAccess-Control-Max-Age: ";
  preflight_ += std::to_string(std::chrono::duration_cast<std::chrono::seconds>(config.max_age).count());
  preflight_ += "\r\n";
}

std::string Cors::allow(CrossOrigin who, std::string_view origin) const {
  if (who == CrossOrigin::none) return {};
  if (any_origin_ || who == CrossOrigin::any) return "Access-Control-Allow-Origin: *\r\n";
  // A cache must not hand the answer for one origin to another.
  std::string fields = "Vary: Origin\r\n";
  if (std::find(origins_.begin(), origins_.end(), origin) == origins_.end()) return fields;
  fields.append("Access-Control-Allow-Origin: ").append(origin).append("\r\n");
  if (credentials_) fields += "Access-Control-Allow-Credentials: true\r\n";
  return fields;
}

}  // namespace gateway
