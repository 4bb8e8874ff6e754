// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

// A host that does not get in learns why.

#include "actors/cluster/greeting.hpp"
#include "tests/actors/cluster/gate_fixture.hpp"

#include <future>
#include <latch>
#include <string_view>
#include <thread>

#include <dlfcn.h>
#include <netdb.h>
#include <sys/socket.h>

namespace ckpt::tests {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

/// The resolver does not answer for this name until it is let go.
constexpr std::string_view held_name = "held.invalid";
std::latch is_asked_for_held{1}, let_go_of_held{1};

} // namespace
} // namespace ckpt::tests

/// The linker finds this one before the C library's.
extern "C" int getaddrinfo(const char* name, const char* service, const addrinfo* hints, addrinfo** found) {
  if (name != nullptr && name == ckpt::tests::held_name) {
    ckpt::tests::is_asked_for_held.count_down();
    ckpt::tests::let_go_of_held.wait();
    return EAI_NONAME;
  }
  static const auto original = reinterpret_cast<decltype(&getaddrinfo)>(::dlsym(RTLD_NEXT, "getaddrinfo"));
  return original(name, service, hints, found);
}

namespace ckpt::tests {
namespace {

class caller_test : public gate_test {
protected:
  /// A program that is none of ours answers with `words` and hangs up, or is silent where there are none.
  [[nodiscard]] actors::call_result call_foreign_program(const std::string& words,
                                                         const std::optional<actors::tls_identity>& tls) {
    const bare_port port;
    actors::call_result result;
    std::thread call{[&] { result = call_once(tls, port.number()); }};
    auto connection = port.accept();
    if (!words.empty()) {
      EXPECT_TRUE(write_all(connection, words));
      ::shutdown(connection.number(), SHUT_WR);
    }
    call.join();
    return result;
  }
};

TEST_F(caller_test, is_told_that_nobody_listens) {
  bare_port port;
  port.close();
  const auto result = call_once({}, port.number());
  EXPECT_FALSE(result.is_answered);
  EXPECT_EQ(result.why, "Connection refused");
}

TEST_F(caller_test, is_told_that_nobody_knows_the_name) {
  actors::caller caller{{}};
  std::promise<actors::call_result> ended;
  caller.call("no-such-host.invalid", 1, [&](auto result) { ended.set_value(std::move(result)); });
  const auto result = ended.get_future().get();
  EXPECT_FALSE(result.is_answered);
  EXPECT_FALSE(result.why.empty());
}

TEST_F(caller_test, finds_a_host_by_its_name) {
  open_gate();
  actors::caller caller{{}};
  std::promise<actors::call_result> ended;
  caller.call("localhost", gate_->port(), [&](auto result) { ended.set_value(std::move(result)); });
  const auto result = ended.get_future().get();
  EXPECT_NE(result.line, nullptr) << result.why;
}

TEST_F(caller_test, does_not_wait_for_the_address_of_a_host_that_was_given_up) {
  open_gate();
  actors::caller caller{{}};
  caller.call(std::string{held_name}, 1, [](const auto&) { ADD_FAILURE() << "nobody waits for it"; });
  is_asked_for_held.wait();
  std::promise<actors::call_result> ended;
  caller.call("localhost", gate_->port(), [&](auto result) { ended.set_value(std::move(result)); });
  const auto result = ended.get_future().get();
  EXPECT_NE(result.line, nullptr) << result.why;
  let_go_of_held.count_down();
}

TEST_F(caller_test, with_the_certificate_of_another_authority_learns_so) {
  tls_ = authorities().ours();
  open_gate();
  const auto result = call_once(authorities().theirs(), gate_->port());
  EXPECT_EQ(result.line, nullptr);
  EXPECT_TRUE(result.is_answered);
  EXPECT_THAT(result.why, HasSubstr("another authority"));
  EXPECT_FALSE(is_guest_waiting());
}

TEST_F(caller_test, that_trusts_the_authority_but_is_not_of_it_learns_so) {
  tls_ = authorities().ours();
  open_gate();
  auto mixed = authorities().theirs();
  mixed.ca = tls_->ca;
  const auto result = call_once(mixed, gate_->port());
  EXPECT_EQ(result.line, nullptr);
  EXPECT_TRUE(result.is_answered);
  EXPECT_THAT(result.why, HasSubstr("refuses our certificate"));
  EXPECT_FALSE(is_guest_waiting());
}

TEST_F(caller_test, without_certificate_learns_that_host_0_wants_TLS) {
  tls_ = authorities().ours();
  open_gate();
  const auto result = call_once({}, gate_->port());
  EXPECT_TRUE(result.is_answered);
  EXPECT_THAT(result.why, HasSubstr("wants TLS"));
  EXPECT_FALSE(is_guest_waiting());
}

TEST_F(caller_test, with_certificate_learns_that_host_0_has_none) {
  open_gate();
  const auto result = call_once(authorities().ours(), gate_->port());
  EXPECT_TRUE(result.is_answered);
  EXPECT_THAT(result.why, HasSubstr("runs without TLS"));
  EXPECT_FALSE(is_guest_waiting());
}

TEST_F(caller_test, learns_that_another_version_is_there) {
  const auto result = call_foreign_program("ckpt-actor-node greets, 9\n", {});
  EXPECT_TRUE(result.is_answered);
  EXPECT_THAT(result.why, HasSubstr("another version"));
}

TEST_F(caller_test, of_another_version_is_greeted_and_not_let_in) {
  open_gate();
  const auto other = stranger("ckpt-actor-node greets, 9\n");
  EXPECT_EQ(read_bytes(other, 100), actors::greeting_line);
  EXPECT_FALSE(is_guest_waiting());
}

TEST_F(caller_test, learns_that_another_program_is_there) {
  for (const auto* words : {"SSH-2.0-OpenSSH_9.2\r\n", "5", "HTTP/1.1 400 Bad Request\r\n\r\n"}) {
    const auto plain = call_foreign_program(words, {});
    EXPECT_TRUE(plain.is_answered);
    EXPECT_THAT(plain.why, HasSubstr("no ckpt-actor-node"));
  }
  const auto secured = call_foreign_program("HTTP/1.1 400 Bad Request\r\n\r\n", authorities().ours());
  EXPECT_TRUE(secured.is_answered);
  EXPECT_THAT(secured.why, HasSubstr("no ckpt-actor-node"));
}

TEST_F(caller_test, does_not_wait_for_ever_for_a_program_that_is_silent) {
  for (const auto& tls : {std::optional<actors::tls_identity>{}, std::optional{authorities().ours()}}) {
    const auto result = call_foreign_program("", tls);
    EXPECT_TRUE(result.is_answered);
    EXPECT_THAT(result.why, HasSubstr("does not greet"));
  }
}

TEST_F(caller_test, may_be_told_to_end_in_the_middle) {
  const bare_port port;
  actors::caller caller{{}};
  caller.call("127.0.0.1", port.number(), [](const auto&) { ADD_FAILURE() << "too late"; });
  const auto connection = port.accept();
  EXPECT_EQ(read_bytes(connection, actors::line_bytes), actors::greeting_line);
  caller.close();
  EXPECT_TRUE(is_ended(connection));
}

TEST_F(caller_test, names_a_certificate_that_cannot_be_used) {
  const temporary_directory scratch;
  auto broken = authorities().ours();
  broken.cert = scratch.write("empty.pem", "");
  try {
    const actors::caller caller{broken};
    FAIL() << "an empty certificate";
  } catch (const std::system_error& error) {
    EXPECT_THAT(error.what(), HasSubstr("empty.pem"));
  }
}

} // namespace
} // namespace ckpt::tests
