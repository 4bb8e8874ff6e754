// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

// Sources: sglang/srt/models/deepseek_common/deepseek_weight_loader.py;
// vllm/model_executor/models/deepseek_v2.py and mimo_v2.py; lmdeploy/pytorch/models/deepseek_v32.py.

#include "apps/sink/tensor_pairs.hpp"

namespace ckpt::apps::sink {
namespace {

constexpr tensor_pair fused[] = {
    {"q_a_proj.weight", "kv_a_proj_with_mqa.weight"},
    {"q_a_proj.weight_scale_inv", "kv_a_proj_with_mqa.weight_scale_inv"},
    {"indexer.wk.weight", "indexer.wk.weight_scale_inv"},
    {"indexer.weights_proj.weight", "indexer.weights_proj.weight_scale_inv"},
};

constexpr tensor_pair held[] = {
    {"indexer.wk.weight", "indexer.wk.weight_scale_inv"},
    {"qkv_proj.weight", "qkv_proj.weight_scale_inv"},
};

/// The name with its end replaced, if it has that end, after a dot or as a whole.
std::optional<std::string> replace_end(std::string_view name, std::string_view end, std::string_view with) {
  if (!name.ends_with(end))
    return std::nullopt;
  const auto start = name.substr(0, name.size() - end.size());
  if (!start.empty() && !start.ends_with('.'))
    return std::nullopt;
  return std::string{start} + std::string{with};
}

} // namespace

std::span<const tensor_pair> pairs_of(consumption how) {
  switch (how) {
  case consumption::fuse:
    return fused;
  case consumption::held_views:
    return held;
  case consumption::copy:
  case consumption::touch:
  case consumption::none:
  case consumption::hold:
    break;
  }
  return {};
}

std::optional<std::string> partner_of(std::string_view name, consumption how) {
  for (const auto& [one, other] : pairs_of(how)) {
    if (auto partner = replace_end(name, one, other))
      return partner;
    if (auto partner = replace_end(name, other, one))
      return partner;
  }
  return std::nullopt;
}

} // namespace ckpt::apps::sink
