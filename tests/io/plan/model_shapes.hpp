// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// The tensor tables of published checkpoints, without their bytes: names, dtypes and sizes of the real
// models, in files as the safetensors library writes them.

#include "io/checkpoint/checkpoint.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace ckpt::io {

/// A tensor before it has a place in a file.
struct model_tensor {
  std::string name;
  dtype type = dtype::bf16;
  std::uint64_t bytes = 0;
};

/// The first `layers` of them: widths are the real ones.
[[nodiscard]] std::vector<model_tensor> deepseek_r1(int layers);  ///< FP8 in blocks, 62 layers, 256 experts
[[nodiscard]] std::vector<model_tensor> deepseek_v32(int layers); ///< the same with an indexer
[[nodiscard]] std::vector<model_tensor> kimi_k2(int layers);      ///< 384 experts, packed INT4
[[nodiscard]] std::vector<model_tensor> glm_45(int layers);       ///< FP8 with a scale for each row
[[nodiscard]] std::vector<model_tensor> qwen3_moe(int layers);    ///< BF16, 128 experts
[[nodiscard]] std::vector<model_tensor> llama_405b(int layers);   ///< BF16, dense

/// Cuts `tensors` into files of about `file_bytes`. Inside a file wide dtypes come first, then names in
/// order, and the data starts at an odd place. With `scales_first` all that is no larger than a scale fills
/// the first files, so that every weight is in another file than its scale.
[[nodiscard]] checkpoint cut_into_files(std::vector<model_tensor> tensors, std::uint64_t file_bytes,
                                        bool scales_first = false);

} // namespace ckpt::io
