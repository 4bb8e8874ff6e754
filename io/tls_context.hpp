// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// The rules of TLS that all connections of these programs share: version 1.3, and no resumed sessions.

#include <string>

#include <boost/asio/ssl/context.hpp>

namespace ckpt::io {

/// Paths of PEM files. One that is empty is not needed.
struct tls_files {
  std::string ca;   ///< certificates of the authorities that are trusted
  std::string cert; ///< this side's certificate, and those between it and its authority
  std::string key;  ///< the key of that certificate, without a pass phrase
};

/// Verifies nobody: the caller sets that. Throws std::system_error that names the file that cannot be used.
[[nodiscard]] boost::asio::ssl::context make_tls_context(const tls_files& files);

/// Before a client's handshake: the server has to show a certificate for `host`, a name or an address, from
/// an authority that the connection's context trusts. Throws std::bad_alloc.
void expect_server(SSL* connection, const std::string& host);

} // namespace ckpt::io
