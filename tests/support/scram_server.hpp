// The server's side of SCRAM (RFC 5802), written from the RFC with OpenSSL and without the library that is tested.
// Messages without base64 around them.
#pragma once
#include <string>
#include <string_view>

namespace tests {

[[nodiscard]] std::string base64(std::string_view bytes);
[[nodiscard]] std::string from_base64(std::string_view text);

class ScramServer {
 public:
  // `digest` as OpenSSL calls it; `salt` raw; `nonce` is the server's own part.
  ScramServer(std::string digest, std::string password, std::string salt, unsigned rounds, std::string nonce,
              std::string channel_binding = {});

  // Each throws std::runtime_error at what a server would refuse.
  [[nodiscard]] std::string first(std::string_view client_first);
  [[nodiscard]] std::string final(std::string_view client_final);

  std::string user, gs2_header;  // what the client said

 private:
  std::string digest_, password_, salt_;
  unsigned rounds_;
  std::string nonce_, channel_binding_, client_first_bare_, server_first_;
};

}  // namespace tests
