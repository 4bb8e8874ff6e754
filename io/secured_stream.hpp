// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// A connection, `Lower`, that may be inside TLS. Used by one thread, with at most one read and one write
// under way.

#include "io/tls_context.hpp"

#include <functional>
#include <optional>
#include <string>
#include <utility>

#include <boost/asio/buffer.hpp>
#include <boost/asio/ssl/stream.hpp>

namespace ckpt::io {

template <class Lower>
class secured_stream {
public:
  using error_code = boost::system::error_code;
  using executor_type = typename Lower::executor_type;
  using role = boost::asio::ssl::stream_base::handshake_type;

  /// Without TLS until handshake() is called.
  explicit secured_stream(Lower lower) : lower_{std::move(lower)} {}

  /// May throw for lack of memory.
  void handshake(boost::asio::ssl::context& context, role as, std::function<void(error_code)> done) {
    tls_.emplace(lower_, context);
    tls_->async_handshake(as, std::move(done));
  }

  /// As above, where the other side's first bytes were read already. They have to stay until `done` is
  /// called.
  void handshake(boost::asio::ssl::context& context, role as, boost::asio::const_buffer heard,
                 std::function<void(error_code)> done) {
    tls_.emplace(lower_, context);
    tls_->async_handshake(as, heard,
                          [done = std::move(done)](error_code failed, std::size_t) { done(failed); });
  }

  /// As a client of `host`, a name or an address: the server's certificate has to be for it, and from an
  /// authority of the context. May throw for lack of memory.
  void handshake_with(const std::string& host, boost::asio::ssl::context& context,
                      std::function<void(error_code)> done) {
    tls_.emplace(lower_, context);
    expect_server(tls_->native_handle(), host);
    tls_->async_handshake(role::client, std::move(done));
  }

  /// Says good-bye inside TLS, and waits for the other side's. Only inside TLS.
  void say_goodbye(std::function<void(error_code)> done) { tls_->async_shutdown(std::move(done)); }

  [[nodiscard]] bool is_secured() const noexcept { return tls_.has_value(); }

  /// What is wrong with the other side's certificate, as X509_V_… counts; X509_V_OK if nothing.
  [[nodiscard]] long verify_result() {
    return tls_ ? ::SSL_get_verify_result(tls_->native_handle()) : X509_V_OK;
  }

  template <class Buffers, class Handler>
  void async_read_some(const Buffers& buffers, Handler&& handler) {
    if (tls_)
      tls_->async_read_some(buffers, std::forward<Handler>(handler));
    else
      lower_.async_read_some(buffers, std::forward<Handler>(handler));
  }

  template <class Buffers, class Handler>
  void async_write_some(const Buffers& buffers, Handler&& handler) {
    if (tls_)
      tls_->async_write_some(buffers, std::forward<Handler>(handler));
    else
      lower_.async_write_some(buffers, std::forward<Handler>(handler));
  }

  [[nodiscard]] Lower& lower() noexcept { return lower_; }
  [[nodiscard]] executor_type get_executor() { return lower_.get_executor(); }

private:
  Lower lower_;
  std::optional<boost::asio::ssl::stream<Lower&>> tls_;
};

} // namespace ckpt::io
