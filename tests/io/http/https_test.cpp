// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

// Server and calls inside TLS: who is trusted, and what strangers can do.

#include "io/http/http_call.hpp"
#include "io/http/http_server.hpp"
#include "tests/support/certificates.hpp"
#include "tests/support/temporary_directory.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <fstream>
#include <future>
#include <optional>
#include <thread>
#include <vector>

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/write.hpp>

namespace ckpt::io {
namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;
using testing::HasSubstr;
using testing::StartsWith;

/// Far above every deadline in play.
constexpr auto patience = 60s;

constexpr std::size_t connections_max = 8;

/// The beginning of a TLS handshake that never goes on: a record of 512 bytes, of which five have come.
constexpr std::string_view half_handshake{"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03", 10};

/// A server that says the path back. On "/later" it keeps what was asked.
class https_test : public testing::Test {
protected:
  void start(const std::optional<tls_files>& files, std::chrono::milliseconds timeout = patience) {
    http_server_options options;
    options.name = "test";
    options.timeout = timeout;
    options.connections_max = connections_max;
    server_.emplace(context_, http_listen_address{"127.0.0.1", 0, {}, files}, options,
                    [this](const http_question& asked, const std::shared_ptr<http_exchange>& waiting) {
                      if (asked.path == "/later") {
                        waiting->client_gone = [this] { client_gone_.set_value(); };
                        kept_ = waiting;
                        has_kept_ = true;
                        return;
                      }
                      waiting->respond({http_answer::form::http, 200, asked.method + " " + asked.path});
                    });
    thread_ = std::thread{[this] { context_.run(); }};
  }

  void start(std::chrono::milliseconds timeout = patience) { start(node_, timeout); }

  void TearDown() override {
    context_.stop();
    if (thread_.joinable())
      thread_.join();
  }

  /// What this host's server says to a client that trusts `ca` and calls it `host`; its body, or the error.
  [[nodiscard]] std::string ask(const std::string& ca, const std::string& host = "127.0.0.1") {
    auto endpoint = parse_endpoint("http://" + host + ":" + std::to_string(server_->port()), {});
    endpoint.is_tls = true;
    endpoint.tls_ca = ca;
    http_call call{endpoint, {http_request::verb::get, "/a", {}}, {}, patience};
    while (!call.wait(patience)) {
    }
    return call.error() ? call.error().message() : call.response().body;
  }

  [[nodiscard]] std::string ask() { return ask(node_.ca); }

  [[nodiscard]] asio::ip::tcp::socket connect() {
    asio::ip::tcp::socket socket{outside_};
    socket.connect({asio::ip::address_v4::loopback(), server_->port()});
    return socket;
  }

  /// Sends these bytes, without TLS, and reads until the server closes.
  [[nodiscard]] std::string say(std::string_view bytes) {
    auto socket = connect();
    boost::system::error_code ignored;
    asio::write(socket, asio::buffer(bytes), ignored);
    std::string said;
    asio::read(socket, asio::dynamic_buffer(said), ignored);
    return said;
  }

  tests::temporary_directory scratch_;
  tls_files node_ = tests::make_certificate(scratch_.path() / "ours", "127.0.0.1,localhost");
  asio::io_context context_{1};
  asio::io_context outside_;
  std::optional<http_server> server_;
  std::shared_ptr<http_exchange> kept_;
  std::atomic<bool> has_kept_ = false;
  std::promise<void> client_gone_;
  std::thread thread_;
};

TEST_F(https_test, answers_who_trusts_its_authority_and_calls_it_by_its_name) {
  start();
  EXPECT_THAT(server_->address(), StartsWith("https://127.0.0.1:"));
  EXPECT_EQ(ask(node_.ca, "127.0.0.1"), "GET /a");
  EXPECT_EQ(ask(node_.ca, "localhost"), "GET /a");
}

TEST_F(https_test, is_refused_by_who_trusts_another_authority) {
  start();
  const auto theirs = tests::make_certificate(scratch_.path() / "theirs", "127.0.0.1");
  EXPECT_THAT(ask(theirs.ca), StartsWith("the server's certificate is refused: "));
  EXPECT_THAT(ask(std::string{}), StartsWith("the server's certificate is refused: ")) << "the system's";
  EXPECT_EQ(ask(), "GET /a");
}

TEST_F(https_test, is_refused_by_who_calls_it_by_another_name) {
  start(tests::make_certificate(scratch_.path() / "ours", "node7,127.0.0.7"));
  EXPECT_THAT(ask(node_.ca, "127.0.0.1"), HasSubstr("certificate is refused: IP address mismatch"));
  EXPECT_THAT(ask(node_.ca, "localhost"), HasSubstr("certificate is refused: hostname mismatch"));
}

TEST_F(https_test, tells_plain_http_that_it_speaks_tls) {
  start();
  EXPECT_THAT(say("GET /a HTTP/1.1\r\nHost: a\r\n\r\n"),
              testing::AllOf(StartsWith("HTTP/1.1 400"), HasSubstr("https")));
}

TEST_F(https_test, is_told_from_a_server_without_tls) {
  start(std::nullopt);
  auto endpoint = parse_endpoint(server_->address(), {});
  endpoint.is_tls = true;
  endpoint.tls_ca = node_.ca;
  http_call call{endpoint, {http_request::verb::get, "/", {}}, {}, patience};
  while (!call.wait(patience)) {
  }
  EXPECT_EQ(call.error(), http_errc::not_tls) << call.error().message();
}

TEST_F(https_test, makes_room_for_others_among_silent_clients_and_half_handshakes) {
  start();
  std::vector<asio::ip::tcp::socket> silent;
  for (int number = 0; number < 200; ++number) {
    silent.push_back(connect());
    if (number % 2 == 0)
      continue;
    boost::system::error_code gone; // It may have had to make room by then.
    asio::write(silent.back(), asio::buffer(half_handshake), gone);
  }
  for (int number = 0; number < 20; ++number)
    EXPECT_EQ(ask(), "GET /a");
}

TEST_F(https_test, waits_for_no_handshake_longer_than_its_time) {
  start(100ms);
  EXPECT_EQ(say(""), "");
  EXPECT_EQ(say(half_handshake), "");
}

TEST_F(https_test, closes_on_who_only_begins_like_tls) {
  start();
  for (const auto& bytes : {std::string{"\x16"} + std::string(1'000, 'x'), std::string(100'000, '\x16'),
                            std::string{"\x16\x03\x01\xff\xff"} + std::string(100'000, '\0')})
    EXPECT_THAT(say(bytes), testing::Not(HasSubstr("HTTP")));
  EXPECT_EQ(ask(), "GET /a");
}

TEST_F(https_test, tells_when_a_client_has_gone_that_said_goodbye_first) {
  start();
  auto gone = client_gone_.get_future();
  {
    asio::ssl::context trust{asio::ssl::context::tls_client};
    asio::ssl::stream<asio::ip::tcp::socket> client{connect(), trust};
    client.handshake(asio::ssl::stream_base::client);
    asio::write(client, asio::buffer(std::string{"GET /later HTTP/1.1\r\nHost: a\r\n\r\n"}));
    while (!has_kept_)
      std::this_thread::yield();
    ::SSL_set_shutdown(client.native_handle(), SSL_RECEIVED_SHUTDOWN); // It does not wait for the server's.
    boost::system::error_code ignored;
    client.shutdown(ignored);
  }
  EXPECT_EQ(gone.wait_for(patience), std::future_status::ready);
}

TEST_F(https_test, says_goodbye_after_the_last_answer) {
  start();
  asio::ssl::context trust{asio::ssl::context::tls_client};
  asio::ssl::stream<asio::ip::tcp::socket> client{connect(), trust};
  client.handshake(asio::ssl::stream_base::client);
  asio::write(client, asio::buffer(std::string{"GET /a HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"}));
  std::string said;
  boost::system::error_code end;
  asio::read(client, asio::dynamic_buffer(said), end);
  EXPECT_THAT(said, HasSubstr("GET /a"));
  EXPECT_EQ(end, asio::error::eof) << end.message() << ": what is cut would be another error";
}

TEST_F(https_test, names_the_file_that_it_cannot_use) {
  const auto none = scratch_.path() / "no-certificate.pem";
  std::ofstream{none} << "no certificate\n";
  for (auto files : {tls_files{{}, none, node_.key}, tls_files{{}, node_.cert, none}}) {
    asio::io_context other;
    try {
      const http_server server{other, {"127.0.0.1", 0, {}, files}, {}, {}};
      ADD_FAILURE() << "it listens";
    } catch (const std::system_error& error) {
      EXPECT_THAT(error.what(), HasSubstr(none.string()));
    }
  }
  auto endpoint = parse_endpoint("http://127.0.0.1:1", {});
  endpoint.is_tls = true;
  endpoint.tls_ca = none;
  EXPECT_THROW((http_call{endpoint, {}, {}, patience}), std::system_error);
}

} // namespace
} // namespace ckpt::io
