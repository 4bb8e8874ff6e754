// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// Stands in for the work of an engine's load_weights. One per worker, made before the first update so that
// updates allocate nothing; one thread uses it.

#include "apps/sink/options.hpp"

#include <cstddef>
#include <span>
#include <vector>

namespace ckpt::apps::sink {

class consumer {
public:
  explicit consumer(consumption how);

  [[nodiscard]] consumption how() const noexcept { return how_; }

  void consume(std::span<const std::byte> tensor);

private:
  consumption how_;
  std::vector<std::byte> scratch_; ///< for copies; larger than the caches, so that copies reach memory
  std::size_t at_ = 0;             ///< where in scratch_ the next copy goes
};

} // namespace ckpt::apps::sink
