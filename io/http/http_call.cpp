// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

// The exchange is a chain of asynchronous steps (look up, connect, shake hands, write, read) on an io_context
// that only wait() runs. So every step but the look-up of a name runs on the thread that owns the call, and
// destroying the call cancels all of them but that.

#include "io/http/http_call.hpp"

#include "io/secured_stream.hpp"
#include "io/tls_context.hpp"

#include <boost/asio/connect.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>

#include <algorithm>
#include <future>
#include <optional>
#include <stdexcept>
#include <thread>
#include <utility>
#include <vector>

#include <netdb.h>
#include <openssl/err.h>
#include <openssl/sslerr.h>

namespace ckpt::io {

namespace {

namespace asio = boost::asio;
namespace http = boost::beast::http;
using steady_clock = std::chrono::steady_clock;
using protocol = asio::generic::stream_protocol;
using addresses = std::vector<protocol::endpoint>;

/// Longer times are cut to this: adding them to a time point would overflow.
constexpr std::chrono::milliseconds timeout_max = std::chrono::hours{24 * 365};

/// How often a look-up under way is asked whether it is done.
constexpr std::chrono::milliseconds lookup_poll{2};

constexpr std::uint32_t response_header_bytes_max = 64 << 10;

/// Room for the parts of an answer besides its body: a header, a chunk's size with its extensions, a trailer.
constexpr std::size_t buffer_bytes_max = 256 << 10;

/// Interim answers (HTTP 100, 102, 103) that are passed over.
constexpr unsigned interim_answers_max = 32;

/// Puts an error of Asio or Beast into the words of http_call.hpp.
std::error_code translate(const boost::system::error_code& error) {
  if (error == http::error::body_limit || error == http::error::header_limit
      || error == http::error::buffer_overflow)
    return http_errc::answer_too_long;
  if (error == http::error::end_of_stream || error == http::error::partial_message
      || error == asio::error::eof || error == asio::error::connection_reset
      || error == asio::error::broken_pipe || error == asio::ssl::error::stream_truncated)
    return http_errc::closed_early;
  if (error.category() == asio::error::get_ssl_category()
      && ERR_GET_REASON(static_cast<unsigned long>(error.value())) == SSL_R_WRONG_VERSION_NUMBER)
    return http_errc::not_tls;
  if (error.category() == http::make_error_code(http::error::bad_version).category())
    return http_errc::not_http;
  if (error.category() == boost::system::system_category())
    return {error.value(), std::generic_category()};
  return error;
}

addresses look_up(const std::string& host, const std::string& port) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_NUMERICSERV | AI_ADDRCONFIG;
  addrinfo* found = nullptr;
  addresses result;
  if (::getaddrinfo(host.c_str(), port.c_str(), &hints, &found) != 0)
    return result;
  for (const addrinfo* each = found; each != nullptr; each = each->ai_next)
    result.emplace_back(each->ai_addr, each->ai_addrlen);
  ::freeaddrinfo(found);
  return result;
}

/// The addresses of a host that needs no name server: a literal address, or localhost. IPv4 comes first:
/// servers bind it far more often.
std::optional<addresses> known_addresses(const http_endpoint& endpoint) {
  if (!endpoint.unix_socket_path.empty())
    return addresses{asio::local::stream_protocol::endpoint{endpoint.unix_socket_path}};
  const auto port = static_cast<asio::ip::port_type>(std::stoul(endpoint.port));
  if (endpoint.host == "localhost")
    return addresses{asio::ip::tcp::endpoint{asio::ip::address_v4::loopback(), port},
                     asio::ip::tcp::endpoint{asio::ip::address_v6::loopback(), port}};
  boost::system::error_code not_literal;
  const auto address = asio::ip::make_address(endpoint.host, not_literal);
  if (not_literal)
    return std::nullopt;
  return addresses{asio::ip::tcp::endpoint{address, port}};
}

http::request<http::string_body> compose(const http_endpoint& endpoint, const http_request& request,
                                         std::string_view bearer_key) {
  if (std::any_of(bearer_key.begin(), bearer_key.end(), [](unsigned char c) { return c < ' ' || c == 0x7f; }))
    throw std::invalid_argument{"the API key holds a control character (a line break?)"};
  const auto verb = request.method == http_request::verb::post     ? http::verb::post
                    : request.method == http_request::verb::remove ? http::verb::delete_
                                                                   : http::verb::get;
  http::request<http::string_body> message{verb, endpoint.base_path + request.target, 11};
  message.set(http::field::host, host_header(endpoint));
  message.set(http::field::user_agent, "ckpt-actor");
  message.set(http::field::accept, "application/json");
  if (!bearer_key.empty())
    message.set(http::field::authorization, "Bearer " + std::string{bearer_key});
  if (verb == http::verb::post)
    message.set(http::field::content_type, "application/json");
  message.body() = request.body;
  message.keep_alive(false);
  message.prepare_payload();
  return message;
}

} // namespace

struct http_call::exchange {
  exchange(const http_endpoint& endpoint, const http_request& request, std::string_view bearer_key,
           std::chrono::milliseconds timeout)
      : message{compose(endpoint, request, bearer_key)}, body_bytes_max{request.response_bytes_max},
        deadline{steady_clock::now() + std::min(timeout, timeout_max)}, host{endpoint.host} {
    if (endpoint.is_tls) {
      tls.emplace(make_tls_context({endpoint.tls_ca, {}, {}}));
      if (endpoint.tls_ca.empty())
        tls->set_default_verify_paths();
    }
    overall_timer.expires_at(deadline);
    overall_timer.async_wait([this](const auto& cancelled) {
      if (!cancelled)
        finish(connected ? http_errc::answer_timed_out : http_errc::connect_timed_out);
    });
    find(endpoint);
  }

  void finish(std::error_code why) {
    if (over)
      return;
    over = true;
    error = why;
    boost::system::error_code ignored;
    socket.close(ignored);
    overall_timer.cancel();
    step_timer.cancel();
  }

  /// A name goes to a thread that is never joined: getaddrinfo cannot be cancelled, and a call must not
  /// outlive its deadline because a name server does not answer. A destroyed call can leave that thread
  /// behind until the system's resolver gives up; the thread owns its data.
  void find(const http_endpoint& endpoint) {
    try {
      if (auto known = known_addresses(endpoint)) {
        candidates = std::move(*known);
        connect_next();
        return;
      }
      std::packaged_task<addresses()> task{
          [host = endpoint.host, port = endpoint.port] { return look_up(host, port); }};
      lookup = task.get_future();
      std::thread{std::move(task)}.detach();
      await_lookup();
    } catch (const std::system_error& failure) {
      finish(failure.code());
    }
  }

  void await_lookup() {
    step_timer.expires_after(lookup_poll);
    step_timer.async_wait([this](const auto&) {
      if (over)
        return;
      if (lookup.wait_for(std::chrono::seconds{0}) != std::future_status::ready)
        return await_lookup();
      candidates = lookup.get();
      last_failure = http_errc::host_unknown;
      connect_next();
    });
  }

  /// Tries the next address, for an equal share of the time that is left: one that swallows packets must not
  /// use up the time of the one that answers.
  void connect_next() {
    if (next_candidate == candidates.size())
      return finish(last_failure);
    const auto share = (deadline - steady_clock::now()) / (candidates.size() - next_candidate);
    const auto attempt = ++next_candidate;
    boost::system::error_code ignored;
    socket.close(ignored);
    step_timer.expires_after(share);
    step_timer.async_wait([this, attempt](const auto& cancelled) {
      if (!cancelled && !connected && attempt == next_candidate && !over) {
        last_failure = http_errc::connect_timed_out;
        connect_next();
      }
    });
    socket.async_connect(candidates[attempt - 1], [this, attempt](const auto& failure) {
      if (over || attempt != next_candidate)
        return;
      if (!failure)
        return shake_hands();
      last_failure = translate(failure);
      connect_next();
    });
  }

  void shake_hands() {
    connected = true;
    step_timer.cancel();
    if (!tls)
      return send();
    stream.handshake_with(host, *tls, [this](const auto& failure) {
      if (over)
        return;
      if (!failure)
        return send();
      const auto doubt = stream.verify_result();
      finish(doubt == X509_V_OK ? translate(failure)
                                : std::error_code{static_cast<int>(doubt), certificate_category()});
    });
  }

  void send() {
    http::async_write(stream, message, [this](const auto& write_failure, std::size_t) {
      // A server may answer (401, 413) and close without reading the request: its answer counts for more than
      // the failed write.
      receive(write_failure);
    });
  }

  void receive(const boost::system::error_code& write_failure) {
    parser.emplace();
    parser->body_limit(body_bytes_max);
    parser->header_limit(response_header_bytes_max);
    http::async_read(stream, buffer, *parser, [this, write_failure](const auto& read_failure, std::size_t) {
      if (over)
        return;
      if (read_failure)
        return finish(translate(write_failure ? write_failure : read_failure));
      const auto status = parser->get().result_int();
      if (status < 200 && status != 101) // "Switching protocols" was not asked for.
        return ++interim_answers > interim_answers_max ? finish(http_errc::answer_too_long)
                                                       : receive(write_failure);
      response.status = status;
      response.body = std::move(parser->get().body());
      finish({});
    });
  }

  asio::io_context context{1};
  secured_stream<protocol::socket> stream{protocol::socket{context}};
  protocol::socket& socket = stream.lower();
  asio::steady_timer overall_timer{context};
  asio::steady_timer step_timer{context};
  http::request<http::string_body> message;
  std::uint64_t body_bytes_max;
  std::optional<http::response_parser<http::string_body>> parser; ///< one for each answer
  unsigned interim_answers = 0;
  boost::beast::flat_buffer buffer{buffer_bytes_max};
  steady_clock::time_point deadline;
  std::future<addresses> lookup;
  addresses candidates;
  std::size_t next_candidate = 0; ///< how many of them have been tried, the one under way included
  std::error_code last_failure = http_errc::host_unknown;
  std::string host;
  std::optional<asio::ssl::context> tls; ///< for https
  bool connected = false;
  bool over = false;
  std::error_code error;
  http_response response;
};

http_call::http_call(const http_endpoint& endpoint, const http_request& request, std::string_view bearer_key,
                     std::chrono::milliseconds timeout)
    : exchange_{std::make_unique<exchange>(endpoint, request, bearer_key, timeout)} {}

http_call::~http_call() noexcept = default;

bool http_call::wait(std::chrono::milliseconds timeout) {
  const auto until = steady_clock::now() + std::min(timeout, timeout_max);
  // A timeout of zero still makes progress: run_one_until alone would look at nothing then.
  exchange_->context.poll();
  while (!exchange_->over && exchange_->context.run_one_until(until) > 0)
    ;
  return exchange_->over;
}

std::error_code http_call::error() const noexcept { return exchange_->error; }

const http_response& http_call::response() const noexcept { return exchange_->response; }

} // namespace ckpt::io
