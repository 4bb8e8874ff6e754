// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

// Any bytes as a pickle: they are refused, or give a tree that keeps what its header promises: items exist,
// and no value contains itself, which exact depths prove.

#include "apps/sink/pickle_reader.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>
#include <vector>

namespace {

using namespace ckpt::apps::sink;

void check(const pickle_tree& tree, const pickle_limits& limits) {
  // Not by recursion: shared values can make the number of paths exponential.
  std::vector<const pickle_value*> open{&tree.root()};
  std::vector<const pickle_value*> seen;
  while (!open.empty()) {
    const auto* value = open.back();
    open.pop_back();
    if (std::find(seen.begin(), seen.end(), value) != seen.end())
      continue;
    seen.push_back(value);
    if (value->depth > limits.depth_max)
      std::abort();
    for (const auto item : value->items) {
      const auto& child = tree[item];
      if (child.depth >= value->depth)
        std::abort();
      open.push_back(&child);
    }
  }
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view message{reinterpret_cast<const char*>(data), size};
  const pickle_limits limits{.message_bytes_max = 4096, .values_max = 1000, .depth_max = 8};
  try {
    check(read_pickle(message, limits), limits);
  } catch (const pickle_error&) {
    // Refused: as good as read.
  }
  return 0;
}
