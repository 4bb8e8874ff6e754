// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

#include "apps/node/tls_files.hpp"

#include <cerrno>
#include <filesystem>
#include <memory>
#include <stdexcept>
#include <string>
#include <system_error>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <unistd.h>

namespace ckpt::apps {
namespace {

template <auto Free>
struct freer {
  template <class Thing>
  void operator()(Thing* thing) const noexcept {
    Free(thing);
  }
};

using context = std::unique_ptr<SSL_CTX, freer<SSL_CTX_free>>;

[[noreturn]] void refuse(const char* flag, const std::string& file, const std::string& why) {
  throw std::invalid_argument{std::string{flag} + " " + file + ": " + why};
}

/// OpenSSL's last error. Empties OpenSSL's queue of errors.
[[nodiscard]] std::string last_complaint() {
  const char* reason = ::ERR_reason_error_string(::ERR_peek_last_error());
  const std::string text = reason != nullptr ? reason : "no reason given";
  ::ERR_clear_error();
  return text;
}

void require_readable(const char* flag, const std::string& file) {
  if (::access(file.c_str(), R_OK) != 0)
    refuse(flag, file, "cannot be read: " + std::generic_category().message(errno));
  if (!std::filesystem::is_regular_file(file))
    refuse(flag, file, "is no file");
}

void require_valid_now(const char* flag, const std::string& file, const X509* certificate) {
  if (::X509_cmp_current_time(::X509_get0_notAfter(certificate)) < 0)
    refuse(flag, file, "the certificate has run out");
  if (::X509_cmp_current_time(::X509_get0_notBefore(certificate)) > 0)
    refuse(flag, file, "the certificate is not valid yet: is this machine's clock right?");
}

} // namespace

void require_usable(const network_options& network) {
  if (!network.is_encrypted())
    return;
  require_readable("--tls-ca", network.tls_ca);
  require_readable("--tls-cert", network.tls_cert);
  require_readable("--tls-key", network.tls_key);
  const context tls{::SSL_CTX_new(::TLS_method())};
  if (!tls)
    throw std::runtime_error{"OpenSSL: " + last_complaint()};
  if (::SSL_CTX_load_verify_locations(tls.get(), network.tls_ca.c_str(), nullptr) != 1)
    refuse("--tls-ca", network.tls_ca, "holds no certificate: " + last_complaint());
  if (::SSL_CTX_use_certificate_chain_file(tls.get(), network.tls_cert.c_str()) != 1)
    refuse("--tls-cert", network.tls_cert, "holds no certificate: " + last_complaint());
  require_valid_now("--tls-cert", network.tls_cert, ::SSL_CTX_get0_certificate(tls.get()));
  // No question for a pass phrase: nobody may be there to answer it.
  ::SSL_CTX_set_default_passwd_cb(tls.get(), [](char*, int, int, void*) { return -1; });
  if (::SSL_CTX_use_PrivateKey_file(tls.get(), network.tls_key.c_str(), SSL_FILETYPE_PEM) != 1)
    refuse("--tls-key", network.tls_key,
           "holds no key without a pass phrase that fits the certificate in " + network.tls_cert + ": "
               + last_complaint());
  if (::SSL_CTX_check_private_key(tls.get()) != 1)
    refuse("--tls-key", network.tls_key,
           "is not the key of the certificate in " + network.tls_cert + ": " + last_complaint());
}

} // namespace ckpt::apps
