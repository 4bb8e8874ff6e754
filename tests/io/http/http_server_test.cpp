// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

#include "io/http/http_server.hpp"

#include "io/http/http_call.hpp"
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
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>
#include <sys/stat.h>

namespace ckpt::io {
namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;
using testing::HasSubstr;
using testing::StartsWith;

/// Far above every deadline in play.
constexpr auto patience = 60s;

constexpr std::size_t connections_max = 8;
constexpr std::uint64_t body_bytes_max = 1'000;

/// A server that says the path and the query back. On "/later" it keeps what was asked.
class http_server_test : public testing::Test {
protected:
  void start(http_listen_address where = {"127.0.0.1", 0, {}}, std::chrono::milliseconds timeout = patience) {
    http_server_options options;
    options.name = "test";
    options.timeout = timeout;
    options.connections_max = connections_max;
    options.body_bytes_max = body_bytes_max;
    options.is_private = true;
    server_.emplace(context_, std::move(where), options,
                    [this](const http_question& asked, const std::shared_ptr<http_exchange>& waiting) {
                      if (asked.path == "/later") {
                        waiting->client_gone = [this] { client_gone_.set_value(); };
                        kept_ = waiting;
                        has_kept_ = true;
                        return;
                      }
                      auto said = asked.method + " " + asked.path;
                      for (const auto& [name, value] : asked.query)
                        said += " " + name + "=" + value;
                      waiting->respond({http_answer::form::http, 200, said});
                    });
    thread_ = std::thread{[this] { context_.run(); }};
  }

  void TearDown() override {
    context_.stop();
    if (thread_.joinable())
      thread_.join();
  }

  [[nodiscard]] http_response ask(const std::string& target, const std::string& body = {}) {
    http_call call{parse_endpoint(server_->address(), {}),
                   {body.empty() ? http_request::verb::get : http_request::verb::post, target, body},
                   {},
                   patience};
    while (!call.wait(patience)) {
    }
    return call.error() ? http_response{0, call.error().message()} : call.response();
  }

  [[nodiscard]] asio::ip::tcp::socket connect() {
    asio::ip::tcp::socket socket{outside_};
    socket.connect({asio::ip::address_v4::loopback(), server_->port()});
    return socket;
  }

  /// Sends these bytes and reads until the server closes.
  [[nodiscard]] std::string say(const std::string& bytes) {
    auto socket = connect();
    boost::system::error_code ignored;
    asio::write(socket, asio::buffer(bytes), ignored);
    std::string said;
    asio::read(socket, asio::dynamic_buffer(said), ignored);
    return said;
  }

  asio::io_context context_{1};
  asio::io_context outside_;
  std::optional<http_server> server_;
  std::shared_ptr<http_exchange> kept_;
  std::atomic<bool> has_kept_ = false;
  std::promise<void> client_gone_;
  std::thread thread_;
};

TEST_F(http_server_test, carries_questions_and_answers) {
  start();
  EXPECT_EQ(ask("/a").body, "GET /a");
  EXPECT_EQ(ask("/b?c=d", "body").body, "POST /b c=d");
}

TEST_F(http_server_test, tells_the_parts_of_a_query) {
  start();
  EXPECT_EQ(ask("/a?").body, "GET /a");
  EXPECT_EQ(ask("/a?b=c&d=e").body, "GET /a b=c d=e");
  EXPECT_EQ(ask("/a?b=c?d=e&f").body, "GET /a b=c?d=e f=") << "a question mark may be in a value";
  EXPECT_EQ(ask("/a?&&b=c&&d=e=f&").body, "GET /a b=c d=e=f") << "nothing between two marks";
}

TEST_F(http_server_test, makes_room_when_all_connections_are_silent) {
  start();
  std::vector<asio::ip::tcp::socket> silent;
  for (int number = 0; number < 200; ++number)
    silent.push_back(connect());
  for (int number = 0; number < 20; ++number)
    EXPECT_EQ(ask("/a").status, 200u);
  // The first ones had to go, and learn it.
  char byte = 0;
  boost::system::error_code error;
  silent.front().receive(asio::buffer(&byte, 1), 0, error);
  EXPECT_TRUE(error);
}

TEST_F(http_server_test, takes_no_connection_from_who_has_few_for_one_that_opens_many) {
  start();
  auto quiet = connect();
  std::vector<asio::ip::tcp::socket> many;
  for (int number = 0; number < 200; ++number) {
    auto& one = many.emplace_back(outside_);
    one.open(asio::ip::tcp::v4());
    one.bind({asio::ip::make_address_v4("127.0.0.2"), 0});
    one.connect({asio::ip::address_v4::loopback(), server_->port()});
  }
  ASSERT_EQ(ask("/a").status, 200u) << "all of them have been accepted";
  asio::write(quiet, asio::buffer(std::string{"GET /b HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"}));
  std::string said;
  boost::system::error_code end;
  asio::read(quiet, asio::dynamic_buffer(said), end);
  EXPECT_THAT(said, HasSubstr("GET /b"));
}

TEST_F(http_server_test, waits_for_no_request_longer_than_its_time) {
  start({"127.0.0.1", 0, {}}, 100ms);
  EXPECT_EQ(say(""), "");
  EXPECT_EQ(say("GET / HT"), "");
  EXPECT_EQ(say("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc"), "");
}

TEST_F(http_server_test, refuses_what_is_too_long_or_no_http) {
  start();
  EXPECT_EQ(ask("/a", std::string(body_bytes_max, 'x')).status, 200u);
  EXPECT_EQ(ask("/a", std::string(body_bytes_max + 1, 'x')).status, 413u);
  EXPECT_THAT(say("GET /" + std::string(100'000, 'a') + " HTTP/1.1\r\n\r\n"), Not(HasSubstr(" 200 ")));
  EXPECT_THAT(say("GET / HTTP/1.1\r\nA: " + std::string(100'000, 'a') + "\r\n\r\n"), Not(HasSubstr(" 200 ")));
  EXPECT_THAT(say("\x16\x03 this is not HTTP\r\n\r\n"), StartsWith("HTTP/1.1 400"));
  EXPECT_THAT(say("GET / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\nzzz\r\n"),
              Not(HasSubstr(" 200 ")));
  EXPECT_EQ(ask("/a").status, 200u) << "others are served all the same";
}

TEST_F(http_server_test, answers_a_body_that_is_too_long_though_it_is_still_coming) {
  start();
  const std::string much(16 << 20, 'x'); // More than sockets hold.
  const std::string head = "POST /a HTTP/1.1\r\nHost: a\r\n";
  for (const auto& rest : {"Content-Length: " + std::to_string(much.size()) + "\r\n\r\n" + much,
                           "Transfer-Encoding: chunked\r\n\r\n1000000\r\n" + much + "\r\n0\r\n\r\n"}) {
    auto socket = connect();
    boost::system::error_code error;
    asio::write(socket, asio::buffer(head + rest), error);
    EXPECT_FALSE(error) << error.message();
    std::string said;
    asio::read(socket, asio::dynamic_buffer(said), error);
    EXPECT_EQ(error, asio::error::eof) << error.message();
    EXPECT_THAT(said, StartsWith("HTTP/1.1 413"));
  }
}

TEST_F(http_server_test, bounds_what_stands_beside_the_body) {
  start();
  const std::string head = "POST /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
  const std::string much(1 << 20, 'x');
  std::string trailers;
  while (trailers.size() < much.size())
    trailers += "T: x\r\n";
  EXPECT_THAT(say(head + "1;" + much), StartsWith("HTTP/1.1 431")) << "a chunk's extension";
  EXPECT_THAT(say(head + "1\r\nb\r\n0\r\nTrailer: " + much), StartsWith("HTTP/1.1 431"));
  EXPECT_THAT(say(head + "1\r\nb\r\n0\r\n" + trailers), StartsWith("HTTP/1.1 431"));
}

TEST_F(http_server_test, tells_when_nobody_waits_for_an_answer_any_more) {
  start();
  auto gone = client_gone_.get_future();
  {
    auto socket = connect();
    asio::write(socket, asio::buffer(std::string{"GET /later HTTP/1.1\r\nHost: a\r\n\r\n"}));
    while (!has_kept_)
      std::this_thread::yield();
  }
  EXPECT_EQ(gone.wait_for(patience), std::future_status::ready);
}

TEST_F(http_server_test, tells_so_also_when_the_client_has_asked_for_more_already) {
  start();
  auto gone = client_gone_.get_future();
  {
    auto socket = connect();
    asio::write(socket,
                asio::buffer(std::string{"GET /later HTTP/1.1\r\nHost: a\r\n\r\nGET /a HTTP/1.1\r\n"}));
    while (!has_kept_)
      std::this_thread::yield();
    asio::write(socket, asio::buffer(std::string{"Host: a\r\n\r\n"}));
  }
  EXPECT_EQ(gone.wait_for(patience), std::future_status::ready);
}

TEST_F(http_server_test, keeps_a_unix_socket_to_its_user) {
  const tests::temporary_directory directory;
  const auto path = directory.path() / "socket";
  start({{}, 0, path});
  struct stat status {};
  ASSERT_EQ(::stat(path.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600u);
  asio::io_context other;
  EXPECT_THROW((http_server{other, {{}, 0, path}, {}, {}}), std::runtime_error) << "a living process has it";
}

TEST_F(http_server_test, replaces_a_dead_processs_socket_and_nothing_else) {
  const tests::temporary_directory directory;
  const auto dead = directory.path() / "dead";
  { asio::local::stream_protocol::acceptor left{outside_, asio::local::stream_protocol::endpoint{dead}}; }
  ASSERT_TRUE(std::filesystem::exists(dead));
  start({{}, 0, dead});
  const auto file = directory.path() / "file";
  std::ofstream{file} << "a user's";
  asio::io_context other;
  EXPECT_THROW((http_server{other, {{}, 0, file}, {}, {}}), std::runtime_error);
  EXPECT_TRUE(std::filesystem::exists(file));
}

} // namespace
} // namespace ckpt::io
