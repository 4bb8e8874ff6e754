// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

#include "actors/cluster/name_lookup.hpp"

#include <array>
#include <cerrno>
#include <system_error>
#include <thread>

#include <boost/asio/io_context.hpp>
#include <fcntl.h>
#include <unistd.h>

namespace ckpt::actors {
namespace {

namespace asio = boost::asio;
using tcp = asio::ip::tcp;

[[nodiscard]] found_addresses ask(const std::string& name, std::uint16_t port) {
  asio::io_context io;
  tcp::resolver resolver{io};
  boost::system::error_code failed;
  const auto found = resolver.resolve(name, std::to_string(port), tcp::resolver::numeric_service, failed);
  if (failed)
    return {{}, failed.message()};
  return {{found.begin(), found.end()}, ""};
}

} // namespace

name_lookup::name_lookup(const std::string& name, std::uint16_t port) {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0)
    throw std::system_error{errno, std::generic_category(), "pipe"};
  answered_ = io::fd{ends[0]};
  io::fd closed_at_the_end{ends[1]};
  std::packaged_task<found_addresses()> question{[name, port] { return ask(name, port); }};
  answer_ = question.get_future();
  std::thread{[question = std::move(question), closed = std::move(closed_at_the_end)]() mutable {
    question();
    closed.reset();
  }}.detach();
}

} // namespace ckpt::actors
