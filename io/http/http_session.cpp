// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

#include "io/http/http_session.hpp"

#include <algorithm>
#include <utility>

#include <boost/asio/write.hpp>
#include <boost/json.hpp>
#include <poll.h>

namespace ckpt::io {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;

constexpr std::uint32_t header_bytes_max = 16 << 10;

/// Of what has come and is not understood yet, such as the extension of a chunk.
constexpr std::size_t buffer_bytes_max = 64 << 10;

/// Of every record that begins a TLS handshake. No method of HTTP begins with it.
constexpr char tls_first_byte = 0x16;

/// How often a client is looked at that waits for its answer and has sent something else meanwhile.
constexpr std::chrono::seconds look_again_wait{1};

/// At once, of a request that is refused.
constexpr std::size_t forgotten_bytes_max = 16 << 10;

using boost::system::error_code;

/// True when the client has closed its side, whatever it has sent before: its next request, or its good-bye
/// inside TLS.
[[nodiscard]] bool has_hung_up(int socket) noexcept {
  pollfd asked{socket, POLLRDHUP, 0};
  return ::poll(&asked, 1, 0) > 0;
}

/// Splits "path?a=b&c=d". Percent signs stay as they are: handlers decode the parts that may have them.
void split_target(std::string_view target, http_question& asked) {
  const auto cut = [](std::string_view& text, char mark) { // Returns what is before the mark.
    const auto before = text.substr(0, text.find(mark));
    text.remove_prefix(std::min(before.size() + 1, text.size()));
    return before;
  };
  asked.path = cut(target, '?');
  while (!target.empty()) {
    auto value = cut(target, '&');
    if (const auto name = cut(value, '='); !name.empty())
      asked.query.emplace(name, value);
  }
}

} // namespace

/// A request that waits for its answer. The handler may keep it when the connection is gone, or busy with the
/// next request.
class http_session::one_exchange : public http_exchange {
public:
  explicit one_exchange(std::shared_ptr<http_session> session) : session_{std::move(session)} {}

  void respond(const http_answer& what) override {
    if (auto session = std::exchange(session_, nullptr)) {
      error_code ignored;
      session->stream_.lower().socket().cancel(ignored); // Ends watch_client().
      session->look_again_.cancel();
      session->write(what);
    }
  }

  [[nodiscard]] bool is_waiting() const override { return session_ != nullptr; }

  void give_up() {
    session_ = nullptr;
    if (client_gone)
      client_gone();
  }

private:
  std::shared_ptr<http_session> session_;
};

http_session::http_session(protocol::socket socket, http_server_options options, http_handler handler,
                           std::shared_ptr<asio::ssl::context> tls)
    : stream_{beast::basic_stream<protocol>{std::move(socket)}}, options_{std::move(options)},
      handler_{std::move(handler)}, tls_{std::move(tls)},
      look_again_{stream_.get_executor()}, buffer_{buffer_bytes_max} {}

/// TLS is not begun for a client that is silent.
void http_session::start() {
  if (!tls_)
    return read();
  silent_since_ = clock::now();
  stream_.lower().expires_after(options_.timeout);
  stream_.async_read_some(
      asio::buffer(&first_byte_, 1), [self = shared_from_this()](const error_code& error, std::size_t) {
        if (error)
          return self->close();
        self->first_byte_ == tls_first_byte ? self->shake_hands() : self->refuse_plain_http();
      });
}

void http_session::shake_hands() {
  try {
    stream_.handshake(
        *tls_, asio::ssl::stream_base::server, asio::buffer(&first_byte_, 1),
        [self = shared_from_this()](const error_code& error) { error ? self->close() : self->read(); });
  } catch (const std::exception&) { // For lack of memory.
    close();
  }
}

/// In plain HTTP, which is what the client understands.
void http_session::refuse_plain_http() { refuse(400, "this port speaks TLS: https"); }

void http_session::read() {
  parser_.emplace();
  parser_->header_limit(header_bytes_max);
  parser_->body_limit(options_.body_bytes_max);
  silent_since_ = clock::now();
  stream_.lower().expires_after(options_.timeout);
  http::async_read(stream_, buffer_, *parser_,
                   [self = shared_from_this()](const error_code& error, std::size_t) {
                     if (!error)
                       return self->dispatch();
                     if (error == http::error::body_limit)
                       return self->refuse(413, "the body is too long");
                     if (error == http::error::header_limit || error == http::error::buffer_overflow)
                       return self->refuse(431, "what stands beside the body is too long");
                     if (error.category() == http::make_error_code(http::error::bad_method).category()
                         && error != http::error::end_of_stream && error != http::error::partial_message)
                       return self->refuse(400, "the request is not HTTP: " + error.message());
                     self->close();
                   });
}

void http_session::dispatch() {
  const auto& request = parser_->get();
  http_question asked;
  asked.method = request.method_string();
  split_target(request.target(), asked);
  asked.body = request.body();
  asked.content_type = request[http::field::content_type];
  asked.authorization = request[http::field::authorization];
  stream_.lower().expires_never();
  silent_since_.reset();
  const auto waiting = std::make_shared<one_exchange>(shared_from_this());
  handler_(asked, waiting);
  if (waiting->is_waiting())
    watch_client(waiting);
}

void http_session::watch_client(const std::shared_ptr<one_exchange>& waiting) {
  auto& socket = stream_.lower().socket();
  socket.async_wait(protocol::socket::wait_read,
                    [self = shared_from_this(), waiting, &socket](const error_code& error) {
                      if (!waiting->is_waiting())
                        return;
                      if (error || has_hung_up(socket.native_handle())) {
                        waiting->give_up();
                        return self->close();
                      }
                      self->look_again_.expires_after(look_again_wait);
                      self->look_again_.async_wait([self, waiting](const error_code& ended) {
                        if (!waiting->is_waiting())
                          return;
                        if (!ended)
                          return self->watch_client(waiting);
                        waiting->give_up(); // The session was closed meanwhile.
                      });
                    });
}

void http_session::refuse(unsigned status, const std::string& why) {
  write({http_answer::form::http, status,
         boost::json::serialize(boost::json::object{{"error", boost::json::string_view{why}}})});
}

void http_session::write(const http_answer& what) {
  if (what.is == http_answer::form::close)
    return close();
  // A client far away takes long for a long answer: a second more for each MiB.
  stream_.lower().expires_after(options_.timeout + std::chrono::seconds{what.body.size() >> 20});
  if (what.is == http_answer::form::bytes) {
    raw_ = what.body;
    return asio::async_write(stream_, asio::buffer(raw_),
                             [self = shared_from_this()](const error_code&, std::size_t) { self->finish(); });
  }
  response_ = {static_cast<http::status>(what.status), 11};
  response_.set(http::field::server, options_.name);
  if (!what.body.empty())
    response_.set(http::field::content_type, what.content_type);
  response_.body() = what.body;
  response_.keep_alive(parser_ && parser_->is_done() && parser_->get().keep_alive());
  response_.prepare_payload();
  http::async_write(stream_, response_, [self = shared_from_this()](const error_code& error, std::size_t) {
    if (error)
      return self->close();
    self->response_.keep_alive() ? self->read() : self->finish();
  });
}

/// Inside TLS the client is told that this was all: it could not tell from an answer that somebody has cut.
void http_session::finish() {
  if (!stream_.is_secured())
    return forget_the_rest();
  silent_since_ = clock::now();
  stream_.lower().expires_after(options_.timeout);
  stream_.say_goodbye([self = shared_from_this()](const error_code&) { self->forget_the_rest(); });
}

void http_session::forget_the_rest() {
  if (parser_ && parser_->is_done())
    return close();
  error_code ignored;
  stream_.lower().socket().shutdown(protocol::socket::shutdown_send, ignored);
  buffer_.clear();
  stream_.lower().async_read_some(buffer_.prepare(forgotten_bytes_max),
                                  [self = shared_from_this()](const error_code& error, std::size_t) {
                                    return error ? self->close() : self->forget_the_rest();
                                  });
}

void http_session::close() {
  error_code ignored;
  look_again_.cancel();
  stream_.lower().socket().shutdown(protocol::socket::shutdown_both, ignored);
  stream_.lower().close();
}

} // namespace ckpt::io
