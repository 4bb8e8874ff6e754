// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// Detects tensors that came without their other half, during one update. One thread uses a check.

#include "apps/sink/tensor_pairs.hpp"
#include "apps/sink/worker_message.hpp"

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace ckpt::apps::sink {

class pair_check {
public:
  struct complaint {
    std::string tensor;
    std::string what;
  };

  /// True when the checkpoint has a tensor of that name.
  using expected_query = std::function<bool(std::string_view name)>;

  /// True when the bytes of that tensor still lie at `offset` in the shared buffer.
  using intact_query = std::function<bool(std::string_view name, std::uint64_t offset)>;

  explicit pair_check(consumption how) : how_{how} {}

  /// Takes the next list, all of whose tensors are valid. A split pair is reported even when a held view is
  /// still intact: the pusher was already free to overwrite it.
  [[nodiscard]] std::vector<complaint> take(const tensor_list& list, const expected_query& is_expected,
                                            const intact_query& is_intact);

private:
  consumption how_;
  std::map<std::string, std::uint64_t, std::less<>> held_; ///< places of halves whose other half has not come
};

} // namespace ckpt::apps::sink
