// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// Notices engines that were restarted: their servers were away, and answer now. Such an engine does not serve what it
// was given. One thread of its own: asks all servers for their models, and again a second after the last answer.

#include "io/http/http_call.hpp"

#include <cstdint>
#include <functional>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

namespace ckpt::apps {

/// For each server the reason why it does not answer; no error if it answers, whatever the status. Asks all at once;
/// takes five seconds at most.
[[nodiscard]] std::vector<std::error_code> ask_for_life(const std::vector<io::http_endpoint>& endpoints,
                                                        const std::string& key);

class engine_watch {
public:
  /// Calls `is_back(number)`, on its thread, for each engine that is back, and again until that returns true.
  engine_watch(std::vector<io::http_endpoint> endpoints, std::string key,
               std::function<bool(std::uint32_t)> is_back);

private:
  void look();

  std::vector<io::http_endpoint> endpoints_;
  std::string key_;
  std::function<bool(std::uint32_t)> is_back_;
  std::vector<bool> was_away_;
  std::jthread thread_; ///< last: it uses everything above
};

} // namespace ckpt::apps
