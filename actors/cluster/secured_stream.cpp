// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

#include "actors/cluster/secured_stream.hpp"

#include <system_error>

namespace ckpt::actors {
namespace {

namespace ssl = boost::asio::ssl;

void require(const boost::system::error_code& error, const std::string& file) {
  if (error)
    throw std::system_error{std::make_error_code(std::errc::invalid_argument), file + ": " + error.message()};
}

} // namespace

ssl::context make_tls_context(const tls_identity& files) {
  ssl::context context{ssl::context::tls};
  boost::system::error_code error;
  context.load_verify_file(files.ca, error);
  require(error, files.ca);
  context.use_certificate_chain_file(files.cert, error);
  require(error, files.cert);
  context.use_private_key_file(files.key, ssl::context::pem, error);
  require(error, files.key);
  context.set_verify_mode(ssl::verify_peer | ssl::verify_fail_if_no_peer_cert);
  // Both ends are this program. Hosts connect rarely, so TLS sessions need not be resumed.
  ::SSL_CTX_set_min_proto_version(context.native_handle(), TLS1_3_VERSION);
  ::SSL_CTX_set_session_cache_mode(context.native_handle(), SSL_SESS_CACHE_OFF);
  ::SSL_CTX_set_num_tickets(context.native_handle(), 0);
  return context;
}

void secured_stream::handshake(ssl::context& context, role as, std::function<void(error_code)> done) {
  tls_.emplace(socket_, context);
  tls_->async_handshake(as, std::move(done));
}

std::string secured_stream::doubt() {
  const auto result = tls_ ? ::SSL_get_verify_result(tls_->native_handle()) : X509_V_OK;
  return result == X509_V_OK ? "" : ::X509_verify_cert_error_string(result);
}

void secured_stream::close() noexcept {
  error_code ignored; // The descriptor is closed in any case.
  socket_.close(ignored);
}

} // namespace ckpt::actors
