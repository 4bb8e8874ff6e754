// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// Notices engines that were started again: their servers were away, and answer now. What such an engine serves is not what
// it was given. One thread of its own; asks every server every few seconds for something that it can tell at any time.

#include "io/http/http_call.hpp"

#include <cstdint>
#include <functional>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

namespace ckpt::apps {

/// Why each of these servers does not answer; no error where it does, in any way. Asks all at once; takes some seconds at
/// most.
[[nodiscard]] std::vector<std::error_code> ask_for_life(const std::vector<io::http_endpoint>& endpoints,
                                                        const std::string& key);

class engine_watch {
public:
  /// Calls `is_back(number)`, on its thread, for each engine that is back, and again until that returns true.
  engine_watch(std::vector<io::http_endpoint> endpoints, std::string key,
               std::function<bool(std::uint32_t)> is_back);

private:
  std::jthread thread_;
};

} // namespace ckpt::apps
