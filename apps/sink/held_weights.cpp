// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

#include "apps/sink/held_weights.hpp"

#include <cstdio>

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace ckpt::apps::sink {

void held_weights::load(const expectation& checkpoint) {
  const auto& tensors = checkpoint.source().tensors;
  for (std::uint32_t index = 0; index < tensors.size(); ++index)
    tensors_[tensors[index].name] = checkpoint.content(index);
}

void held_weights::take(const std::string& name, std::span<const std::byte> bytes) {
  tensors_[name].assign(bytes.begin(), bytes.end());
}

void held_weights::scramble() {
  for (auto& [name, bytes] : tensors_)
    for (auto& each : bytes)
      each = static_cast<std::byte>(random_());
}

boost::json::object held_weights::checksums() const {
  boost::json::object told;
  for (const auto& [name, bytes] : tensors_) {
    char text[17];
    std::snprintf(text, sizeof text, "%016llx",
                  static_cast<unsigned long long>(XXH3_64bits(bytes.data(), bytes.size())));
    told[name] = text;
  }
  return told;
}

} // namespace ckpt::apps::sink
