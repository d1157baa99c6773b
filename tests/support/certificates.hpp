// Certificates made in process: an authority, and certificates of every kind that servers present, good and bad.
#pragma once
#include <openssl/evp.h>
#include <openssl/x509.h>

#include <memory>
#include <string>
#include <vector>

namespace support {

struct FreeX509 {
  void operator()(X509* certificate) const { X509_free(certificate); }
};
struct FreeKey {
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
};

struct Identity {
  std::unique_ptr<X509, FreeX509> certificate;
  std::unique_ptr<EVP_PKEY, FreeKey> key;

  [[nodiscard]] std::string certificate_pem() const;
  [[nodiscard]] std::string key_pem() const;
};

struct Request {
  std::string common_name = "test";
  std::string names = {};   // subjectAltName as in openssl.cnf; empty: none
  long valid_from = -3600;  // seconds from now
  long valid_to = 3600;
  bool authority = false;
  std::string purpose = {};  // extendedKeyUsage; empty: none
};

// Signed by `issuer`, or by itself. Throws std::runtime_error when OpenSSL refuses.
[[nodiscard]] Identity make_identity(const Request& request, const Identity* issuer = nullptr);

// A directory that is removed with its content.
class ScratchDirectory {
 public:
  ScratchDirectory();
  ~ScratchDirectory();
  ScratchDirectory(const ScratchDirectory&) = delete;
  ScratchDirectory& operator=(const ScratchDirectory&) = delete;
  // Returns the whole path.
  std::string write(const std::string& name, const std::string& content) const;
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  std::string path_;
};

}  // namespace support
