// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// The addresses of a host's name. The system's resolver may take any time and cannot be stopped, so a
// detached thread asks it: nobody has to wait for that thread, not even the end of the process.

#include "io/fd.hpp"

#include <chrono>
#include <cstdint>
#include <future>
#include <string>
#include <utility>
#include <vector>

#include <boost/asio/ip/tcp.hpp>

namespace ckpt::actors {

struct found_addresses {
  std::vector<boost::asio::ip::tcp::endpoint> places;
  std::string error; ///< why there are none
};

/// One question to the resolver. One thread at a time.
class name_lookup {
public:
  /// Throws std::system_error for lack of threads or descriptors.
  name_lookup(const std::string& name, std::uint16_t port);

  /// Becomes readable when the answer is there. Call it once: the caller owns the descriptor.
  [[nodiscard]] io::fd take_descriptor() noexcept { return std::move(answered_); }

  [[nodiscard]] bool is_answered() const {
    return answer_.wait_for(std::chrono::seconds{0}) == std::future_status::ready;
  }

  /// Waits for the answer. Call it once.
  [[nodiscard]] found_addresses answer() { return answer_.get(); }

private:
  std::future<found_addresses> answer_;
  io::fd answered_;
};

} // namespace ckpt::actors
