// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// The tensors of a synthetic checkpoint: drawn at random, or those of a real model. Pure; any thread.

#include "io/checkpoint/dtype.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ckpt::apps {

struct synthetic_tensor {
  std::string name;
  io::dtype type = io::dtype::bf16;
  std::vector<std::uint64_t> shape;

  [[nodiscard]] std::uint64_t bytes() const noexcept;
};

/// Models whose names, shapes and dtypes are known here.
enum class known_model : std::uint8_t { qwen3_8b, deepseek_r1 };
[[nodiscard]] std::optional<known_model> parse_known_model(std::string_view name) noexcept;

/// How many files the model is published in.
[[nodiscard]] std::uint32_t published_shards(known_model model) noexcept;

struct tensor_options {
  std::optional<known_model> model; ///< when set, nothing below but `layers_max` counts
  std::uint32_t layers_max = 0;     ///< only this many of the model's layers; 0: all

  std::uint64_t total_bytes = std::uint64_t{1} << 30; ///< of all tensors together, to within one element
  std::uint64_t tensor_count = 0; ///< if not 0, draw exactly this many, whatever their sum
  std::uint64_t tensor_bytes_min = 4 << 10;
  std::uint64_t tensor_bytes_max = 64 << 20; ///< sizes are log-uniform between min and max
  std::vector<io::dtype> types{io::dtype::bf16};
  bool edge_cases = false; ///< adds a scalar, an empty and a one-byte tensor
};

/// The tensors in the order of the model's layers. Throws std::invalid_argument for options that make no
/// sense.
[[nodiscard]] std::vector<synthetic_tensor> make_tensors(const tensor_options& options, std::uint64_t seed);

} // namespace ckpt::apps
