// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// A TCP connection between two hosts, inside TLS where the hosts have certificates. Used by one thread, with
// at most one read and one write under way.

#include "actors/cluster/tls_identity.hpp"
#include "io/secured_stream.hpp"

#include <string>

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl.hpp>

namespace ckpt::actors {

/// Both sides of a connection have to show a certificate of the authority. Throws std::system_error that
/// names the file that cannot be used.
[[nodiscard]] boost::asio::ssl::context make_tls_context(const tls_identity& files);

class secured_stream : public io::secured_stream<boost::asio::ip::tcp::socket> {
public:
  using tcp = boost::asio::ip::tcp;
  using io::secured_stream<tcp::socket>::secured_stream;

  /// Why the other side's certificate was refused; empty when it was not.
  [[nodiscard]] std::string doubt();

  [[nodiscard]] tcp::socket& socket() noexcept { return lower(); }

  /// Cancels what is under way; may be called again.
  void close() noexcept;
};

} // namespace ckpt::actors
