#include "tests/support/scram_server.hpp"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <array>
#include <stdexcept>
#include <utility>

namespace tests {

namespace {

const unsigned char* bytes_of(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

std::string text_of(const unsigned char* bytes, unsigned size) {
  return {reinterpret_cast<const char*>(bytes), size};
}

const EVP_MD* digest_of(const std::string& name) {
  const auto* digest = EVP_get_digestbyname(name.c_str());
  if (digest == nullptr) throw std::runtime_error("no such digest");
  return digest;
}

std::string hmac(const EVP_MD* digest, std::string_view key, std::string_view message) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> out{};
  unsigned size = 0;
  HMAC(digest, key.data(), static_cast<int>(key.size()), bytes_of(message), message.size(), out.data(), &size);
  return text_of(out.data(), size);
}

std::string hash(const EVP_MD* digest, std::string_view message) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> out{};
  unsigned size = 0;
  EVP_Digest(message.data(), message.size(), out.data(), &size, digest, nullptr);
  return text_of(out.data(), size);
}

std::string field(std::string_view message, std::string_view name) {
  const auto at = ("," + std::string(message)).find("," + std::string(name) + "=");
  if (at == std::string::npos) throw std::runtime_error("no field " + std::string(name));
  const auto rest = message.substr(at + name.size() + 1);
  return std::string(rest.substr(0, rest.find(',')));
}

}  // namespace

std::string base64(std::string_view bytes) {
  std::string out(4 * ((bytes.size() + 2) / 3) + 1, '\0');
  const int size =
      EVP_EncodeBlock(reinterpret_cast<unsigned char*>(out.data()), bytes_of(bytes), static_cast<int>(bytes.size()));
  out.resize(static_cast<std::size_t>(size));
  return out;
}

std::string from_base64(std::string_view text) {
  std::string out(3 * (text.size() / 4) + 1, '\0');
  const int size =
      EVP_DecodeBlock(reinterpret_cast<unsigned char*>(out.data()), bytes_of(text), static_cast<int>(text.size()));
  if (size < 0) throw std::runtime_error("no base64");
  std::size_t padding = 0;
  while (padding < text.size() && text[text.size() - 1 - padding] == '=') ++padding;
  out.resize(static_cast<std::size_t>(size) - padding);
  return out;
}

ScramServer::ScramServer(std::string digest, std::string password, std::string salt, unsigned rounds, std::string nonce,
                         std::string channel_binding)
    : digest_(std::move(digest)),
      password_(std::move(password)),
      salt_(std::move(salt)),
      rounds_(rounds),
      nonce_(std::move(nonce)),
      channel_binding_(std::move(channel_binding)) {}

std::string ScramServer::first(std::string_view client_first) {
  const auto comma = client_first.find(',');
  const auto second = client_first.find(',', comma + 1);
  if (second == std::string_view::npos) throw std::runtime_error("no gs2 header");
  gs2_header = client_first.substr(0, second + 1);
  client_first_bare_ = client_first.substr(second + 1);
  user = field(client_first_bare_, "n");
  server_first_ =
      "r=" + field(client_first_bare_, "r") + nonce_ + ",s=" + base64(salt_) + ",i=" + std::to_string(rounds_);
  return server_first_;
}

std::string ScramServer::final(std::string_view client_final) {
  const auto* const md = digest_of(digest_);
  if (field(client_final, "r") != field(server_first_, "r")) throw std::runtime_error("another nonce");
  if (from_base64(field(client_final, "c")) != gs2_header + channel_binding_)
    throw std::runtime_error("another channel");
  std::string salted(static_cast<std::size_t>(EVP_MD_get_size(md)), '\0');
  PKCS5_PBKDF2_HMAC(password_.data(), static_cast<int>(password_.size()), bytes_of(salt_),
                    static_cast<int>(salt_.size()), static_cast<int>(rounds_), md, static_cast<int>(salted.size()),
                    reinterpret_cast<unsigned char*>(salted.data()));
  const auto proof_at = client_final.rfind(",p=");
  const auto auth = client_first_bare_ + "," + server_first_ + "," + std::string(client_final.substr(0, proof_at));
  const auto client_key = hmac(md, salted, "Client Key");
  auto proof = from_base64(client_final.substr(proof_at + 3));
  const auto signature = hmac(md, hash(md, client_key), auth);
  for (std::size_t i = 0; i < proof.size(); ++i) proof[i] = static_cast<char>(proof[i] ^ signature.at(i));
  if (proof != client_key) throw std::runtime_error("wrong password");
  return "v=" + base64(hmac(md, hmac(md, salted, "Server Key"), auth));
}

}  // namespace tests
