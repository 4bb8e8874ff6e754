// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

// One exchange against servers that behave, and against every way of not behaving.

#include "io/http/http_call.hpp"

#include "tests/support/scripted_server.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <future>
#include <stdexcept>

namespace ckpt::io {
namespace {

using namespace std::chrono_literals;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;
using tests::connection;
using tests::scripted_server;

/// Long enough for any machine that works; no test waits for it unless it fails.
constexpr auto plenty = 60s;

const http_request ping{http_request::verb::get, "/ping", {}};

struct outcome {
  std::error_code error;
  http_response response;
};

outcome finish(http_call& call) {
  while (!call.wait(1s))
    ;
  return {call.error(), call.response()};
}

outcome ask(const std::string& url, const http_request& request = ping, std::string_view key = {},
            std::chrono::milliseconds timeout = plenty) {
  http_call call{parse_endpoint(url, ""), request, key, timeout};
  return finish(call);
}

/// What a client makes of a server that reads the request, sends `bytes` and closes.
outcome ask_server_sending(const std::string& bytes) {
  scripted_server server{[&bytes](connection& client) {
    static_cast<void>(client.read_request());
    client.write(bytes);
  }};
  return ask(server.url());
}

TEST(http_call, delivers_status_and_body) {
  scripted_server server{[](connection& client) {
    static_cast<void>(client.read_request());
    client.answer(418, "short and stout");
  }};
  const auto [error, response] = ask(server.url());
  EXPECT_FALSE(error) << error.message();
  EXPECT_EQ(response.status, 418U);
  EXPECT_EQ(response.body, "short and stout");
}

TEST(http_call, sends_target_key_and_json_body) {
  std::promise<std::string> seen;
  scripted_server server{[&seen](connection& client) {
    seen.set_value(client.read_request());
    client.answer(200, "");
  }};
  const auto result =
      ask(server.url() + "/base/", {http_request::verb::post, "/go?x=1", R"({"a":1})"}, "s3cret");
  EXPECT_FALSE(result.error) << result.error.message();
  const auto port = std::to_string(server.port());
  EXPECT_THAT(
      seen.get_future().get(),
      AllOf(StartsWith("POST /base/go?x=1 HTTP/1.1\r\n"), HasSubstr("Host: 127.0.0.1:" + port + "\r\n"),
            HasSubstr("Authorization: Bearer s3cret\r\n"), HasSubstr("Content-Type: application/json\r\n"),
            HasSubstr("Content-Length: 7\r\n"), testing::EndsWith("\r\n\r\n{\"a\":1}")));
}

TEST(http_call, sends_no_key_and_no_body_when_there_is_none) {
  std::promise<std::string> seen;
  scripted_server server{[&seen](connection& client) {
    seen.set_value(client.read_request());
    client.answer(200, "");
  }};
  EXPECT_FALSE(ask(server.url()).error);
  EXPECT_THAT(seen.get_future().get(), AllOf(StartsWith("GET /ping HTTP/1.1\r\n"),
                                             Not(HasSubstr("Authorization")), Not(HasSubstr("Content-"))));
}

TEST(http_call, refuses_a_key_that_would_break_out_of_its_header_without_repeating_it) {
  using namespace std::string_literals;
  for (const auto& key : {"s3cret\n"s, "s3cret\r\nX: y"s, "s3c\0ret"s, "s3cret\x7f"s}) {
    try {
      http_call call{parse_endpoint("http://127.0.0.1:9", ""), ping, key, plenty};
      FAIL() << "accepted";
    } catch (const std::invalid_argument& refusal) {
      EXPECT_THAT(refusal.what(), Not(HasSubstr("s3c")));
    }
  }
}

TEST(http_call, reads_an_answer_that_comes_byte_by_byte_and_in_chunks) {
  const std::string answer =
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n";
  scripted_server server{[&answer](connection& client) {
    static_cast<void>(client.read_request());
    for (const char byte : answer)
      client.write({&byte, 1});
  }};
  const auto result = ask(server.url());
  EXPECT_FALSE(result.error) << result.error.message();
  EXPECT_EQ(result.response.body, "abcde");
}

TEST(http_call, takes_an_answer_that_comes_before_the_request_was_read) {
  scripted_server server{[](connection& client) { client.answer(401, "no"); }};
  const auto result = ask(server.url(), {http_request::verb::post, "/x", std::string(1000, ' ')});
  EXPECT_FALSE(result.error) << result.error.message();
  EXPECT_EQ(result.response.status, 401U);
}

TEST(http_call, makes_progress_when_polled_without_waiting) {
  scripted_server server{[](connection& client) {
    static_cast<void>(client.read_request());
    client.answer(200, "ok");
  }};
  http_call call{parse_endpoint(server.url(), ""), ping, {}, plenty};
  while (!call.wait(0ms))
    ;
  EXPECT_FALSE(call.error()) << call.error().message();
  EXPECT_EQ(call.response().body, "ok");
}

class unix_socket : public testing::Test {
protected:
  unix_socket() {
    std::string pattern = testing::TempDir() + "ckpt-http-XXXXXX";
    if (::mkdtemp(pattern.data()) == nullptr)
      throw std::runtime_error{"mkdtemp"};
    directory_ = pattern;
  }
  ~unix_socket() override { std::filesystem::remove_all(directory_); }

  [[nodiscard]] std::string path() const { return directory_ / "server.sock"; }

private:
  std::filesystem::path directory_;
};

TEST_F(unix_socket, carries_the_exchange) {
  std::promise<std::string> seen;
  scripted_server server{path(), [&seen](connection& client) {
                           seen.set_value(client.read_request());
                           client.answer(200, "ok");
                         }};
  http_call call{parse_endpoint("http://localhost:19730", path()), ping, {}, plenty};
  const auto [error, response] = finish(call);
  EXPECT_FALSE(error) << error.message();
  EXPECT_EQ(response.body, "ok");
  EXPECT_THAT(seen.get_future().get(), HasSubstr("Host: localhost:19730\r\n"));
}

TEST_F(unix_socket, that_nobody_made_is_an_error) {
  http_call call{parse_endpoint("http://localhost", path()), ping, {}, plenty};
  EXPECT_EQ(finish(call).error, std::errc::no_such_file_or_directory);
}

TEST(http_call, reports_a_refused_connection) {
  unsigned port = 0;
  {
    port = scripted_server{[](connection&) {}}.port();
  }
  const auto result = ask("http://127.0.0.1:" + std::to_string(port));
  EXPECT_EQ(result.error, std::errc::connection_refused);
  EXPECT_EQ(result.error.message(), "Connection refused");
}

TEST(http_call, tries_both_families_for_localhost) {
  std::unique_ptr<scripted_server> server;
  try {
    server = std::make_unique<scripted_server>(
        [](connection& client) {
          static_cast<void>(client.read_request());
          client.answer(200, "six");
        },
        scripted_server::family::ipv6);
  } catch (const std::system_error& no_ipv6) {
    GTEST_SKIP() << "this machine has no IPv6: " << no_ipv6.what();
  }
  const auto result = ask("http://localhost:" + std::to_string(server->port()));
  EXPECT_FALSE(result.error) << result.error.message();
  EXPECT_EQ(result.response.body, "six");
}

TEST(http_call, ends_for_a_name_that_does_not_resolve) {
  const auto result = ask("http://no-such-host.invalid:80", ping, {}, 5s);
  EXPECT_TRUE(result.error == http_errc::host_unknown || result.error == std::errc::timed_out)
      << result.error.message();
}

TEST(http_call, can_be_dropped_while_the_name_is_looked_up) {
  // Fails by hanging for the resolver's own timeout where no name server answers.
  http_call{parse_endpoint("http://no-such-host.invalid:80", ""), ping, {}, plenty};
}

TEST(http_call, times_out_when_the_server_never_answers) {
  scripted_server server{[](connection& client) { client.await_close(); }};
  const auto result = ask(server.url(), ping, {}, 50ms);
  EXPECT_EQ(result.error, http_errc::answer_timed_out);
  EXPECT_EQ(result.error, std::errc::timed_out);
}

TEST(http_call, times_out_when_the_answer_never_ends) {
  scripted_server server{[](connection& client) {
    client.write("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nabc");
    client.await_close();
  }};
  EXPECT_EQ(ask(server.url(), ping, {}, 50ms).error, http_errc::answer_timed_out);
}

TEST(http_call, closes_the_connection_when_it_is_dropped) {
  std::promise<void> asked;
  std::promise<void> closed;
  scripted_server server{[&](connection& client) {
    static_cast<void>(client.read_request());
    asked.set_value();
    client.await_close();
    closed.set_value();
  }};
  {
    http_call call{parse_endpoint(server.url(), ""), ping, {}, plenty};
    const auto request_seen = asked.get_future();
    while (request_seen.wait_for(0s) != std::future_status::ready)
      ASSERT_FALSE(call.wait(1ms));
  }
  EXPECT_EQ(closed.get_future().wait_for(plenty), std::future_status::ready);
}

TEST(http_call, reports_a_server_that_closes_too_early) {
  for (const std::string sent :
       {"", "HTT", "HTTP/1.1 200 OK\r\nContent-Le", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n"})
    EXPECT_EQ(ask_server_sending(sent).error, http_errc::closed_early) << sent;
}

TEST(http_call, reports_a_server_that_resets_the_connection) {
  scripted_server server{[](connection& client) {
    static_cast<void>(client.read_request());
    client.reset_on_close();
  }};
  EXPECT_EQ(ask(server.url()).error, http_errc::closed_early);
}

TEST(http_call, reports_what_is_not_http) {
  for (const std::string sent :
       {"SSH-2.0-OpenSSH_9.2\r\n\r\n", "\x15\x03\x01\x02\x02\x50\r\n\r\n", "HTTP/9.9 200 OK\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", "HTTP/1.1 2x0 OK\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n"})
    EXPECT_EQ(ask_server_sending(sent).error, http_errc::not_http) << sent;
}

TEST(http_call, reports_an_answer_beyond_the_limit) {
  const auto too_many = response_body_bytes_max + 1;
  const std::string head = "HTTP/1.1 200 OK\r\n";
  EXPECT_EQ(ask_server_sending(head + "Content-Length: " + std::to_string(too_many) + "\r\n\r\n").error,
            http_errc::answer_too_long);
  EXPECT_EQ(ask_server_sending(head + "Connection: close\r\n\r\n" + std::string(too_many, 'x')).error,
            http_errc::answer_too_long);
  EXPECT_EQ(
      ask_server_sending(head + "Transfer-Encoding: chunked\r\n\r\nfffffff\r\n" + std::string(too_many, 'x'))
          .error,
      http_errc::answer_too_long);
  EXPECT_EQ(ask_server_sending(head + "X: " + std::string(1 << 20, 'x')).error, http_errc::answer_too_long);
}

TEST(http_call, bounds_what_stands_beside_the_body) {
  const std::string head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
  const std::string much(1 << 20, 'x');
  EXPECT_EQ(ask_server_sending(head + "1;" + much).error, http_errc::answer_too_long)
      << "a chunk's extension";
  EXPECT_EQ(ask_server_sending(head + "1\r\nb\r\n0\r\nTrailer: " + much).error, http_errc::answer_too_long);
  std::string trailers;
  while (trailers.size() < much.size())
    trailers += "T: x\r\n";
  EXPECT_EQ(ask_server_sending(head + "1\r\nb\r\n0\r\n" + trailers).error, http_errc::answer_too_long);
}

TEST(http_call, passes_over_answers_before_the_answer) {
  const std::string answer = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ndone";
  for (const auto* interim : {"100 Continue", "102 Processing", "103 Early Hints\r\nLink: </x>"}) {
    const auto one = "HTTP/1.1 " + std::string{interim} + "\r\n\r\n";
    const auto result = ask_server_sending(one + one + answer);
    EXPECT_FALSE(result.error) << interim << ": " << result.error.message();
    EXPECT_EQ(result.response.status, 200U);
    EXPECT_EQ(result.response.body, "done");
  }
  std::string endless;
  for (int i = 0; i < 1000; ++i)
    endless += "HTTP/1.1 102 Processing\r\n\r\n";
  EXPECT_EQ(ask_server_sending(endless).error, http_errc::answer_too_long);
  EXPECT_EQ(ask_server_sending("HTTP/1.1 101 Switching Protocols\r\n\r\n").response.status, 101U);
}

TEST(http_call, takes_an_answer_at_the_limit) {
  const std::string body(response_body_bytes_max, 'x');
  scripted_server server{[&body](connection& client) {
    static_cast<void>(client.read_request());
    client.answer(200, body);
  }};
  const auto result = ask(server.url());
  EXPECT_FALSE(result.error) << result.error.message();
  EXPECT_EQ(result.response.body.size(), body.size());
}

TEST(http_call, takes_a_longer_answer_where_the_request_allows_it) {
  const std::string body(response_body_bytes_max + 1, 'x');
  scripted_server server{[&body](connection& client) {
    static_cast<void>(client.read_request());
    client.answer(200, body);
  }};
  http_request request{http_request::verb::get, "/", {}};
  for (const bool is_allowed : {false, true}) {
    request.response_bytes_max = is_allowed ? body.size() : response_body_bytes_max;
    http_call call{parse_endpoint(server.url(), {}), request, {}, std::chrono::seconds{20}};
    EXPECT_TRUE(call.wait(std::chrono::seconds{30}));
    EXPECT_EQ(call.error(), is_allowed ? std::error_code{} : make_error_code(http_errc::answer_too_long));
    EXPECT_EQ(call.response().body.size(), is_allowed ? body.size() : 0);
  }
}

} // namespace
} // namespace ckpt::io
