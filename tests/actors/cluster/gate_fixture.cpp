// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

#include "tests/actors/cluster/gate_fixture.hpp"

#include "tests/support/program.hpp"

#include <array>
#include <future>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

namespace ckpt::tests {
namespace {

using namespace std::chrono_literals;

[[nodiscard]] actors::tls_identity make_identity(const std::filesystem::path& directory) {
  program script{{CKPT_MAKE_CERTIFICATES, directory}, directory.string() + ".log"};
  EXPECT_EQ(script.wait(gate_patience), 0) << script.output();
  return {directory / "ca.pem", directory / "node.pem", directory / "node.key"};
}

[[nodiscard]] sockaddr_in address_of(const char* host, std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  ::inet_pton(AF_INET, host, &address.sin_addr);
  return address;
}

} // namespace

two_authorities::two_authorities()
    : ours_{make_identity(scratch_.path() / "ours")}, theirs_{make_identity(scratch_.path() / "theirs")} {}

bare_port::bare_port() : socket_{make_socket()} {
  auto address = address_of("127.0.0.1", 0);
  socklen_t length = sizeof address;
  EXPECT_EQ(::bind(socket_.number(), reinterpret_cast<sockaddr*>(&address), length), 0);
  EXPECT_EQ(::listen(socket_.number(), 16), 0);
  EXPECT_EQ(::getsockname(socket_.number(), reinterpret_cast<sockaddr*>(&address), &length), 0);
  number_ = ntohs(address.sin_port);
}

io::fd bare_port::accept() const {
  return io::fd{::accept4(socket_.number(), nullptr, nullptr, SOCK_CLOEXEC)};
}

io::fd make_socket() {
  io::fd socket{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
  const timeval patience{std::chrono::seconds{gate_patience}.count(), 0};
  ::setsockopt(socket.number(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  return socket;
}

bool connect(const io::fd& socket, std::uint16_t port, const char* from) {
  if (from != nullptr) {
    const auto own = address_of(from, 0);
    if (::bind(socket.number(), reinterpret_cast<const sockaddr*>(&own), sizeof own) != 0)
      return false;
  }
  const auto address = address_of("127.0.0.1", port);
  return ::connect(socket.number(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
}

bool write_all(const io::fd& socket, std::string_view bytes) {
  while (!bytes.empty()) {
    const auto count = ::send(socket.number(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (count <= 0)
      return false;
    bytes.remove_prefix(static_cast<std::size_t>(count));
  }
  return true;
}

std::string read_bytes(const io::fd& socket, std::size_t count) {
  std::string bytes(count, '\0');
  const auto got = ::recv(socket.number(), bytes.data(), count, MSG_WAITALL);
  bytes.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
  return bytes;
}

bool is_ended(const io::fd& socket) {
  std::array<char, 4096> bytes{};
  ssize_t got = 0;
  while ((got = ::recv(socket.number(), bytes.data(), bytes.size(), 0)) > 0) {
  }
  return got == 0 || (errno != EAGAIN && errno != EWOULDBLOCK);
}

const two_authorities& gate_test::authorities() {
  static const two_authorities both;
  return both;
}

void gate_test::open_gate(actors::gate_options options) {
  options.address = "127.0.0.1";
  options.tls = tls_;
  gate_ = std::make_unique<actors::gate>(options, [this](io::fd guest) {
    const std::lock_guard lock{mutex_};
    guests_.push_back(std::move(guest));
    came_.notify_all();
  });
}

actors::call_result gate_test::call_once(const std::optional<actors::tls_identity>& tls, std::uint16_t port) {
  auto& caller = *callers_.emplace_back(std::make_unique<actors::caller>(
      tls, actors::call_times{.lookup_max = 10s, .connect_max = 2s, .greeting_max = 2s}));
  std::promise<actors::call_result> ended;
  caller.call("127.0.0.1", port, [&](actors::call_result result) { ended.set_value(std::move(result)); });
  auto result = ended.get_future().get();
  if (!result.line)
    callers_.pop_back();
  return result;
}

std::shared_ptr<io::fd> gate_test::come_in() {
  std::shared_ptr<io::fd> line;
  EXPECT_TRUE(
      eventually([&] { return (line = call_once(tls_, gate_->port()).line) != nullptr; }, gate_patience));
  return line;
}

void gate_test::expect_sound_caller_gets_in() {
  const auto line = come_in();
  ASSERT_NE(line, nullptr);
  const auto guest = next_guest();
  ASSERT_TRUE(guest);
  EXPECT_TRUE(write_all(*line, "inward"));
  EXPECT_EQ(read_bytes(guest, 6), "inward");
  EXPECT_TRUE(write_all(guest, "outward"));
  EXPECT_EQ(read_bytes(*line, 7), "outward");
}

io::fd gate_test::next_guest() {
  std::unique_lock lock{mutex_};
  if (!came_.wait_for(lock, gate_patience, [&] { return !guests_.empty(); }))
    return {};
  auto guest = std::move(guests_.front());
  guests_.pop_front();
  return guest;
}

bool gate_test::is_guest_waiting() {
  const std::lock_guard lock{mutex_};
  return !guests_.empty();
}

io::fd gate_test::stranger(std::string_view words, const char* from) const {
  auto socket = make_socket();
  EXPECT_TRUE(connect(socket, gate_->port(), from));
  EXPECT_TRUE(words.empty() || write_all(socket, words));
  return socket;
}

} // namespace ckpt::tests
