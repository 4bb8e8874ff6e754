// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

#include "apps/node/tls_error_queue.hpp"

#include <dlfcn.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

namespace ckpt::apps {
namespace {

/// OpenSSL's own function of this name. The program could not have started without it.
template <class Function>
[[nodiscard]] Function* find_own(const char* name) noexcept {
  return reinterpret_cast<Function*>(::dlsym(RTLD_NEXT, name));
}

} // namespace

void link_tls_error_queue() noexcept {}

} // namespace ckpt::apps

// Found by the loader before OpenSSL's, because they are in the program itself.
extern "C" {

int SSL_accept(SSL* session) {
  static auto* const own = ckpt::apps::find_own<int(SSL*)>("SSL_accept");
  ERR_clear_error();
  return own(session);
}

int SSL_connect(SSL* session) {
  static auto* const own = ckpt::apps::find_own<int(SSL*)>("SSL_connect");
  ERR_clear_error();
  return own(session);
}

int SSL_read(SSL* session, void* buffer, int bytes) {
  static auto* const own = ckpt::apps::find_own<int(SSL*, void*, int)>("SSL_read");
  ERR_clear_error();
  return own(session, buffer, bytes);
}

int SSL_write(SSL* session, const void* buffer, int bytes) {
  static auto* const own = ckpt::apps::find_own<int(SSL*, const void*, int)>("SSL_write");
  ERR_clear_error();
  return own(session, buffer, bytes);
}
}
