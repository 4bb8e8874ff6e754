// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

#include "actors/cluster/secured_stream.hpp"

#include "io/tls_context.hpp"

namespace ckpt::actors {

namespace ssl = boost::asio::ssl;

ssl::context make_tls_context(const tls_identity& files) {
  auto context = io::make_tls_context({files.ca, files.cert, files.key});
  context.set_verify_mode(ssl::verify_peer | ssl::verify_fail_if_no_peer_cert);
  return context;
}

std::string secured_stream::doubt() {
  const auto result = verify_result();
  return result == X509_V_OK ? "" : ::X509_verify_cert_error_string(result);
}

void secured_stream::close() noexcept {
  error_code ignored; // The descriptor is closed in any case.
  socket().close(ignored);
}

} // namespace ckpt::actors
