// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

#include "tests/support/http_client.hpp"

#include "tests/support/update_programs.hpp"

#include <boost/asio/connect.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>

#include <sys/socket.h>

namespace ckpt::tests {
namespace {

namespace asio = boost::asio;
namespace http = boost::beast::http;

constexpr std::string_view scheme = "http://";

} // namespace

struct http_client::connection {
  asio::io_context io;
  asio::ip::tcp::socket socket{io};
};

http_client::http_client(const std::string& endpoint, const std::string& target,
                         const std::optional<std::string>& body)
    : connection_{std::make_unique<connection>()} {
  const auto colon = endpoint.rfind(':');
  auto& socket = connection_->socket;
  asio::ip::tcp::resolver resolver{connection_->io};
  asio::connect(socket, resolver.resolve(endpoint.substr(scheme.size(), colon - scheme.size()),
                                         endpoint.substr(colon + 1)));
  http::request<http::string_body> request{body ? http::verb::post : http::verb::get, target, 11};
  request.set(http::field::host, "localhost");
  request.set(http::field::content_type, "application/json");
  request.body() = body.value_or("");
  request.prepare_payload();
  http::write(socket, request);
  answer_ = std::async(std::launch::async, [&socket]() -> http_answer {
    boost::beast::flat_buffer buffer;
    http::response<http::string_body> response;
    boost::system::error_code error;
    http::read(socket, buffer, response, error);
    if (error)
      return {};
    return {response.result_int(), response.body()};
  });
}

http_client::http_client(http_client&&) noexcept = default;

http_client::~http_client() noexcept {
  if (!connection_)
    return;
  // Ends the reading thread, for which the future waits. The socket itself it may still use.
  ::shutdown(connection_->socket.native_handle(), SHUT_RDWR);
  if (answer_.valid())
    answer_.wait();
}

bool http_client::is_answered() const {
  return answer_.wait_for(std::chrono::seconds{0}) == std::future_status::ready;
}

std::optional<http_answer> http_client::answer(std::chrono::milliseconds deadline) {
  if (answer_.wait_for(deadline) != std::future_status::ready)
    return std::nullopt;
  return answer_.get();
}

unsigned ask(const std::string& endpoint, const std::string& target, const std::optional<std::string>& body) {
  return http_client{endpoint, target, body}.answer(patience).value_or(http_answer{}).status;
}

} // namespace ckpt::tests
