// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// Strangers on the data port between hosts: connections that carry bytes of their own, or none.

#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <set>
#include <sstream>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

namespace ckpt::tests {

/// The ports on which this process accepts connections.
inline std::vector<std::uint16_t> listening_ports() {
  std::set<std::string> own_sockets;
  std::error_code gone;
  for (const auto& file : std::filesystem::directory_iterator{"/proc/self/fd"})
    own_sockets.insert(std::filesystem::read_symlink(file, gone).string());
  std::vector<std::uint16_t> ports;
  std::ifstream table{"/proc/self/net/tcp"};
  for (std::string line; std::getline(table, line);) {
    std::istringstream words{line};
    std::string number, local, remote, state, queues, timer, retransmits, user, timeout, socket;
    words >> number >> local >> remote >> state >> queues >> timer >> retransmits >> user >> timeout
        >> socket;
    if (state == "0A" && own_sockets.contains("socket:[" + socket + "]"))
      ports.push_back(static_cast<std::uint16_t>(std::stoul(local.substr(local.find(':') + 1), nullptr, 16)));
  }
  return ports;
}

/// How many files this process has open.
inline std::size_t open_files() {
  const std::filesystem::directory_iterator files{"/proc/self/fd"};
  return static_cast<std::size_t>(std::distance(begin(files), end(files)));
}

/// One connection to a port of this machine, open as long as the caller lives.
class caller {
public:
  explicit caller(std::uint16_t port) : file_{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)} {
    sockaddr_in where{};
    where.sin_family = AF_INET;
    where.sin_port = htons(port);
    where.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (::connect(file_, reinterpret_cast<const sockaddr*>(&where), sizeof where) != 0)
      throw std::system_error{errno, std::generic_category(), "connect"};
  }
  caller(caller&& from) noexcept : file_{std::exchange(from.file_, -1)} {}
  caller& operator=(caller&&) = delete;
  ~caller() { ::close(file_); }

  void say(const std::string& bytes) const {
    static_cast<void>(::send(file_, bytes.data(), bytes.size(), MSG_NOSIGNAL));
  }

  /// Whether the other end ends this connection within half a minute. What it says until then is ignored.
  [[nodiscard]] bool is_turned_away() const {
    pollfd event{file_, POLLIN, 0};
    while (::poll(&event, 1, 30'000) == 1)
      if (char ignored[4096]; ::recv(file_, ignored, sizeof ignored, 0) <= 0)
        return true;
    return false;
  }

  /// The connection ends in a reset, not in an orderly way.
  void reset_at_the_end() const {
    const linger none{1, 0};
    ::setsockopt(file_, SOL_SOCKET, SO_LINGER, &none, sizeof none);
  }

private:
  int file_;
};

inline std::string random_bytes(std::mt19937& random, std::size_t count_max) {
  std::string bytes(random() % (count_max + 1), '\0');
  for (auto& byte : bytes)
    byte = static_cast<char>(random());
  return bytes;
}

/// One unit of UCX's TCP protocol: a number that says what it is, its length as announced, and its content.
inline std::string ucx_unit(std::uint8_t id, std::uint32_t announced, const std::string& content) {
  std::string unit{static_cast<char>(id)};
  unit.append(reinterpret_cast<const char*>(&announced), sizeof announced);
  return unit + content;
}

/// How UCX's connections begin, and then what UCX takes on trust. `peer_port` is that of a real host, which
/// the connection claims to be.
inline std::string ucx_garbage(std::mt19937& random, std::uint16_t peer_port) {
  constexpr std::uint64_t magic = 0xCAFEBABE12345678;
  constexpr std::uint8_t connections = 32, put = 33, put_done = 34; // Below 32: messages.
  const std::string greeting{reinterpret_cast<const char*>(&magic), sizeof magic};
  sockaddr_in peer{};
  peer.sin_family = AF_INET;
  peer.sin_port = htons(peer_port);
  peer.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const auto request = [&](char flags, std::uint64_t number) {
    std::string content{'\1', '\0', '\0', '\0', flags};
    content.append(reinterpret_cast<const char*>(&number), sizeof number);
    content.append(reinterpret_cast<const char*>(&peer), sizeof peer);
    return ucx_unit(connections, static_cast<std::uint32_t>(content.size()), content);
  };
  const auto opened = greeting + request(0, random() % 3);
  switch (random() % 9) {
  case 0:
    return greeting + random_bytes(random, 5000);
  case 1:
    return greeting + ucx_unit(3, 0xFFFF'FFFF, random_bytes(random, 300'000));
  case 2:
    return greeting + ucx_unit(connections, 4, std::string(4, '\x7F'));
  case 3:
    return greeting + request(1, random());
  case 4:
    return greeting + ucx_unit(connections, 1, "\1");
  case 5: // Written to address 0x4141414141414141, were it believed.
    return opened
           + ucx_unit(put, 20,
                      std::string(8, 'A') + std::string{'\x10', 0, 0, 0, 0, 0, 0, 0} + std::string(20, 'B'));
  case 6:
    return opened + ucx_unit(put_done, 4, random_bytes(random, 4));
  case 7:
    return opened + ucx_unit(connections, 4, std::string{'\4', 0, 0, 0});
  default: {
    const auto content = random_bytes(random, 3000);
    return opened
           + ucx_unit(static_cast<std::uint8_t>(random() % 32), static_cast<std::uint32_t>(content.size()),
                      content);
  }
  }
}

} // namespace ckpt::tests
