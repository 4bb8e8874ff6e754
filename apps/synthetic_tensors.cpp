// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

// Dimensions come from the models' public configurations (config.json of Qwen/Qwen3-8B and
// deepseek-ai/DeepSeek-R1).

#include "apps/synthetic_tensors.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <random>
#include <stdexcept>
#include <utility>

namespace ckpt::apps {

namespace {

using io::dtype;
using shape_type = std::vector<std::uint64_t>;

struct model_facts {
  known_model model;
  std::string_view name;
  std::uint32_t shards;
};

constexpr std::array known_models{
    model_facts{known_model::qwen3_8b, "qwen3-8b", 5},
    model_facts{known_model::deepseek_r1, "deepseek-r1", 163},
};

constexpr std::uint64_t tensor_count_max = 10'000'000;

class tensor_list {
public:
  void add(std::string name, dtype type, shape_type shape) {
    tensors_.push_back({std::move(name), type, std::move(shape)});
  }

  void bf16(std::string name, shape_type shape) { add(std::move(name), dtype::bf16, std::move(shape)); }

  /// A weight in float8 with one inverse scale for each block of 128 by 128.
  void block_scaled(const std::string& name, std::uint64_t rows, std::uint64_t columns) {
    constexpr std::uint64_t block = 128;
    add(name, dtype::f8_e4m3, {rows, columns});
    add(name + "_scale_inv", dtype::f32, {(rows + block - 1) / block, (columns + block - 1) / block});
  }

  [[nodiscard]] std::vector<synthetic_tensor> take() { return std::move(tensors_); }

private:
  std::vector<synthetic_tensor> tensors_;
};

std::uint32_t limited(std::uint32_t layers, std::uint32_t layers_max) {
  return layers_max == 0 ? layers : std::min(layers, layers_max);
}

std::vector<synthetic_tensor> qwen3_8b(std::uint32_t layers_max) {
  constexpr std::uint64_t hidden = 4096, intermediate = 12288, heads = 32, kv_heads = 8, head = 128,
                          vocabulary = 151936;
  tensor_list list;
  list.bf16("model.embed_tokens.weight", {vocabulary, hidden});
  const auto layers = limited(36, layers_max);
  for (std::uint32_t i = 0; i < layers; ++i) {
    const auto layer = "model.layers." + std::to_string(i) + '.';
    list.bf16(layer + "input_layernorm.weight", {hidden});
    list.bf16(layer + "self_attn.q_proj.weight", {heads * head, hidden});
    list.bf16(layer + "self_attn.k_proj.weight", {kv_heads * head, hidden});
    list.bf16(layer + "self_attn.v_proj.weight", {kv_heads * head, hidden});
    list.bf16(layer + "self_attn.o_proj.weight", {hidden, heads * head});
    list.bf16(layer + "self_attn.q_norm.weight", {head});
    list.bf16(layer + "self_attn.k_norm.weight", {head});
    list.bf16(layer + "post_attention_layernorm.weight", {hidden});
    list.bf16(layer + "mlp.gate_proj.weight", {intermediate, hidden});
    list.bf16(layer + "mlp.up_proj.weight", {intermediate, hidden});
    list.bf16(layer + "mlp.down_proj.weight", {hidden, intermediate});
  }
  list.bf16("model.norm.weight", {hidden});
  list.bf16("lm_head.weight", {vocabulary, hidden});
  return list.take();
}

constexpr std::uint64_t r1_hidden = 7168;
constexpr std::uint64_t r1_vocabulary = 129280;

void add_r1_attention(tensor_list& list, const std::string& layer) {
  constexpr std::uint64_t heads = 128, q_rank = 1536, kv_rank = 512, nope = 128, rope = 64, value = 128;
  list.block_scaled(layer + "self_attn.q_a_proj.weight", q_rank, r1_hidden);
  list.bf16(layer + "self_attn.q_a_layernorm.weight", {q_rank});
  list.block_scaled(layer + "self_attn.q_b_proj.weight", heads * (nope + rope), q_rank);
  list.block_scaled(layer + "self_attn.kv_a_proj_with_mqa.weight", kv_rank + rope, r1_hidden);
  list.bf16(layer + "self_attn.kv_a_layernorm.weight", {kv_rank});
  list.block_scaled(layer + "self_attn.kv_b_proj.weight", heads * (nope + value), kv_rank);
  list.block_scaled(layer + "self_attn.o_proj.weight", r1_hidden, heads * value);
}

void add_r1_mlp(tensor_list& list, const std::string& prefix, std::uint64_t intermediate) {
  list.block_scaled(prefix + "gate_proj.weight", intermediate, r1_hidden);
  list.block_scaled(prefix + "up_proj.weight", intermediate, r1_hidden);
  list.block_scaled(prefix + "down_proj.weight", r1_hidden, intermediate);
}

void add_r1_layer(tensor_list& list, const std::string& layer, std::uint32_t number) {
  constexpr std::uint64_t dense_layers = 3, dense_intermediate = 18432, expert_intermediate = 2048,
                          experts = 256;
  list.bf16(layer + "input_layernorm.weight", {r1_hidden});
  add_r1_attention(list, layer);
  list.bf16(layer + "post_attention_layernorm.weight", {r1_hidden});
  if (number < dense_layers) {
    add_r1_mlp(list, layer + "mlp.", dense_intermediate);
    return;
  }
  list.bf16(layer + "mlp.gate.weight", {experts, r1_hidden});
  list.add(layer + "mlp.gate.e_score_correction_bias", dtype::f32, {experts});
  add_r1_mlp(list, layer + "mlp.shared_experts.", expert_intermediate);
  for (std::uint64_t i = 0; i < experts; ++i)
    add_r1_mlp(list, layer + "mlp.experts." + std::to_string(i) + '.', expert_intermediate);
}

std::vector<synthetic_tensor> deepseek_r1(std::uint32_t layers_max) {
  constexpr std::uint32_t layers = 61; // numbered from 0; one more predicts the token after next
  tensor_list list;
  list.bf16("model.embed_tokens.weight", {r1_vocabulary, r1_hidden});
  const auto layers_kept = limited(layers + 1, layers_max);
  for (std::uint32_t i = 0; i < layers_kept; ++i) {
    const auto layer = "model.layers." + std::to_string(i) + '.';
    add_r1_layer(list, layer, i);
    if (i < layers)
      continue;
    list.bf16(layer + "embed_tokens.weight", {r1_vocabulary, r1_hidden});
    list.bf16(layer + "enorm.weight", {r1_hidden});
    list.bf16(layer + "hnorm.weight", {r1_hidden});
    list.bf16(layer + "eh_proj.weight", {r1_hidden, 2 * r1_hidden});
    list.bf16(layer + "shared_head.norm.weight", {r1_hidden});
    list.bf16(layer + "shared_head.head.weight", {r1_vocabulary, r1_hidden});
  }
  list.bf16("model.norm.weight", {r1_hidden});
  list.bf16("lm_head.weight", {r1_vocabulary, r1_hidden});
  return list.take();
}

/// A shape of about `bytes`: a matrix of rows that look like a model's where the size allows it.
shape_type shape_of(std::uint64_t bytes, dtype type) {
  const auto elements = bytes * 8 / io::bits(type);
  // Four elements of any packed type fill whole bytes.
  const std::uint64_t unit = io::bits(type) < 8 ? 4 : 1;
  for (const std::uint64_t columns : {4096, 1024, 128})
    if (elements >= columns * columns / 4)
      return {elements / columns, columns};
  return {std::max<std::uint64_t>(elements / unit, 1) * unit};
}

void check_random_options(const tensor_options& options) {
  if (options.types.empty())
    throw std::invalid_argument{"a synthetic checkpoint needs at least one dtype"};
  if (options.tensor_bytes_min == 0 || options.tensor_bytes_min > options.tensor_bytes_max)
    throw std::invalid_argument{"tensor sizes must be at least 1 byte, the smallest not above the largest"};
  if (options.tensor_bytes_max > std::uint64_t{1} << 48)
    throw std::invalid_argument{"tensors of more than 2^48 bytes make no sense"};
  if (options.tensor_count > tensor_count_max)
    throw std::invalid_argument{"more than " + std::to_string(tensor_count_max) + " tensors make no sense"};
}

std::vector<synthetic_tensor> random_tensors(const tensor_options& options, std::uint64_t seed) {
  check_random_options(options);
  tensor_list list;
  if (options.edge_cases) {
    list.add("edge.scalar", dtype::f32, {});
    list.add("edge.empty", dtype::bf16, {0, 128});
    list.add("edge.one_byte", dtype::u8, {1});
  }
  std::mt19937_64 random{seed};
  const auto log_min = std::log2(static_cast<double>(options.tensor_bytes_min));
  const auto log_max = std::log2(static_cast<double>(options.tensor_bytes_max));
  // Own arithmetic instead of the library's distributions, whose results differ between libraries.
  const auto draw_bytes = [&] {
    const auto fraction = static_cast<double>(random() >> 11) * 0x1p-53;
    const auto bytes = static_cast<std::uint64_t>(std::exp2(log_min + fraction * (log_max - log_min)));
    return std::clamp(bytes, options.tensor_bytes_min, options.tensor_bytes_max);
  };
  std::uint64_t left = options.total_bytes;
  for (std::uint64_t i = 0; options.tensor_count > 0 ? i < options.tensor_count : left > 0; ++i) {
    if (i == tensor_count_max)
      throw std::invalid_argument{"so small tensors make more than " + std::to_string(tensor_count_max)
                                  + " of them"};
    const auto type = options.types[random() % options.types.size()];
    auto bytes = draw_bytes();
    if (options.tensor_count == 0)
      bytes = std::min(bytes, left);
    synthetic_tensor tensor{"layers." + std::to_string(i) + ".weight", type, shape_of(bytes, type)};
    left -= std::min(left, tensor.bytes());
    list.add(std::move(tensor.name), tensor.type, std::move(tensor.shape));
  }
  return list.take();
}

} // namespace

std::uint64_t synthetic_tensor::bytes() const noexcept {
  std::uint64_t result = io::bits(type);
  for (const auto dimension : shape)
    result *= dimension;
  return result / 8;
}

std::optional<known_model> parse_known_model(std::string_view name) noexcept {
  for (const auto& facts : known_models)
    if (facts.name == name)
      return facts.model;
  return std::nullopt;
}

std::uint32_t published_shards(known_model model) noexcept {
  for (const auto& facts : known_models)
    if (facts.model == model)
      return facts.shards;
  return 1;
}

std::vector<synthetic_tensor> make_tensors(const tensor_options& options, std::uint64_t seed) {
  if (!options.model)
    return random_tensors(options, seed);
  return *options.model == known_model::qwen3_8b ? qwen3_8b(options.layers_max)
                                                 : deepseek_r1(options.layers_max);
}

} // namespace ckpt::apps
