// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

#include "io/tls_context.hpp"

#include <new>
#include <system_error>

#include <boost/asio/ip/address.hpp>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

namespace ckpt::io {
namespace {

namespace ssl = boost::asio::ssl;

void require(const boost::system::error_code& error, const std::string& file) {
  if (error)
    throw std::system_error{std::make_error_code(std::errc::invalid_argument), file + ": " + error.message()};
}

} // namespace

ssl::context make_tls_context(const tls_files& files) {
  ssl::context context{ssl::context::tls};
  boost::system::error_code error;
  if (!files.ca.empty())
    context.load_verify_file(files.ca, error);
  require(error, files.ca);
  if (!files.cert.empty())
    context.use_certificate_chain_file(files.cert, error);
  require(error, files.cert);
  if (!files.key.empty())
    context.use_private_key_file(files.key, ssl::context::pem, error);
  require(error, files.key);
  ::SSL_CTX_set_min_proto_version(context.native_handle(), TLS1_3_VERSION);
  // Connections are made rarely, so TLS sessions need not be resumed.
  ::SSL_CTX_set_session_cache_mode(context.native_handle(), SSL_SESS_CACHE_OFF);
  ::SSL_CTX_set_num_tickets(context.native_handle(), 0);
  return context;
}

void expect_server(SSL* connection, const std::string& host) {
  ::SSL_set_verify(connection, SSL_VERIFY_PEER, nullptr);
  ::SSL_set_hostflags(connection, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
  if (::SSL_set1_host(connection, host.c_str()) != 1) // Knows an address when it sees one.
    throw std::bad_alloc{};
  boost::system::error_code is_name;
  boost::asio::ip::make_address(host, is_name);
  if (is_name && ::SSL_set_tlsext_host_name(connection, host.c_str()) != 1)
    throw std::bad_alloc{};
}

} // namespace ckpt::io
