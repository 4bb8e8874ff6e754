// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

#include "tests/io/plan/model_shapes.hpp"

#include <algorithm>
#include <tuple>

namespace ckpt::io {
namespace {

constexpr std::uint64_t blocks_of(std::uint64_t length) { return (length + 127) / 128; }

class list {
public:
  void add(std::string name, dtype type, std::uint64_t elements) {
    tensors_.push_back({std::move(name), type, elements * bits(type) / 8});
  }
  void bf16(const std::string& name, std::uint64_t elements) { add(name, dtype::bf16, elements); }

  void block_scaled(const std::string& module, std::uint64_t rows, std::uint64_t columns) {
    add(module + ".weight", dtype::f8_e4m3, rows * columns);
    add(module + ".weight_scale_inv", dtype::f32, blocks_of(rows) * blocks_of(columns));
  }
  void row_scaled(const std::string& module, std::uint64_t rows, std::uint64_t columns) {
    add(module + ".weight", dtype::f8_e4m3, rows * columns);
    add(module + ".weight_scale", dtype::f32, rows);
  }
  void packed(const std::string& module, std::uint64_t rows, std::uint64_t columns) {
    add(module + ".weight_packed", dtype::i32, rows * columns / 8);
    add(module + ".weight_scale", dtype::bf16, rows * columns / 32);
    add(module + ".weight_shape", dtype::i64, 2);
  }
  [[nodiscard]] std::vector<model_tensor> take() { return std::move(tensors_); }

private:
  std::vector<model_tensor> tensors_;
};

enum class form : std::uint8_t { block_scaled, bf16 };

void add_linear(list& made, form as, const std::string& module, std::uint64_t rows, std::uint64_t columns) {
  if (as == form::block_scaled)
    made.block_scaled(module, rows, columns);
  else
    made.bf16(module + ".weight", rows * columns);
}

/// DeepSeek's attention: what it makes of the hidden state goes through two small matrices.
void add_latent_attention(list& made, form as, const std::string& layer, std::uint64_t hidden,
                          std::uint64_t heads) {
  const auto attention = layer + "self_attn.";
  add_linear(made, as, attention + "q_a_proj", 1536, hidden);
  made.bf16(attention + "q_a_layernorm.weight", 1536);
  add_linear(made, as, attention + "q_b_proj", heads * 192, 1536);
  add_linear(made, as, attention + "kv_a_proj_with_mqa", 576, hidden);
  made.bf16(attention + "kv_a_layernorm.weight", 512);
  add_linear(made, as, attention + "kv_b_proj", heads * 256, 512);
  add_linear(made, as, attention + "o_proj", hidden, heads * 128);
}

void add_indexer(list& made, const std::string& layer, std::uint64_t hidden) {
  const auto indexer = layer + "self_attn.indexer.";
  made.block_scaled(indexer + "wq_b", 8192, 1536);
  made.block_scaled(indexer + "wk", 128, hidden);
  made.add(indexer + "k_norm.weight", dtype::f32, 128);
  made.add(indexer + "k_norm.bias", dtype::f32, 128);
  made.bf16(indexer + "weights_proj.weight", 64 * hidden);
}

template <class Function>
void add_gated(const std::string& prefix, std::uint64_t hidden, std::uint64_t intermediate, Function add) {
  add(prefix + "gate_proj", intermediate, hidden);
  add(prefix + "up_proj", intermediate, hidden);
  add(prefix + "down_proj", hidden, intermediate);
}

std::vector<model_tensor> deepseek(int layers, bool has_indexer) {
  constexpr std::uint64_t hidden = 7168;
  list made;
  const auto linear = [&](const std::string& module, std::uint64_t rows, std::uint64_t columns) {
    made.block_scaled(module, rows, columns);
  };
  made.bf16("model.embed_tokens.weight", 129280 * hidden);
  for (int number = 0; number < layers; ++number) {
    const auto layer = "model.layers." + std::to_string(number) + ".";
    made.bf16(layer + "input_layernorm.weight", hidden);
    made.bf16(layer + "post_attention_layernorm.weight", hidden);
    add_latent_attention(made, form::block_scaled, layer, hidden, 128);
    if (has_indexer)
      add_indexer(made, layer, hidden);
    if (number < 3) {
      add_gated(layer + "mlp.", hidden, 18432, linear);
      continue;
    }
    made.bf16(layer + "mlp.gate.weight", 256 * hidden);
    made.add(layer + "mlp.gate.e_score_correction_bias", dtype::f32, 256);
    add_gated(layer + "mlp.shared_experts.", hidden, 2048, linear);
    for (int expert = 0; expert < 256; ++expert)
      add_gated(layer + "mlp.experts." + std::to_string(expert) + ".", hidden, 2048, linear);
  }
  made.bf16("model.norm.weight", hidden);
  made.bf16("lm_head.weight", 129280 * hidden);
  return made.take();
}

/// q, k, v and o, with biases where the model has them.
void add_attention(list& made, const std::string& layer, std::uint64_t hidden, std::uint64_t heads,
                   std::uint64_t kv_heads) {
  made.bf16(layer + "self_attn.q_proj.weight", heads * 128 * hidden);
  made.bf16(layer + "self_attn.k_proj.weight", kv_heads * 128 * hidden);
  made.bf16(layer + "self_attn.v_proj.weight", kv_heads * 128 * hidden);
  made.bf16(layer + "self_attn.o_proj.weight", hidden * heads * 128);
}

} // namespace

std::vector<model_tensor> deepseek_r1(int layers) { return deepseek(layers, false); }

std::vector<model_tensor> deepseek_v32(int layers) { return deepseek(layers, true); }

std::vector<model_tensor> kimi_k2(int layers) {
  constexpr std::uint64_t hidden = 7168;
  list made;
  made.bf16("model.embed_tokens.weight", 163840 * hidden);
  for (int number = 0; number < layers; ++number) {
    const auto layer = "model.layers." + std::to_string(number) + ".";
    made.bf16(layer + "input_layernorm.weight", hidden);
    made.bf16(layer + "post_attention_layernorm.weight", hidden);
    add_latent_attention(made, form::bf16, layer, hidden, 64);
    made.bf16(layer + "mlp.gate.weight", 384 * hidden);
    made.add(layer + "mlp.gate.e_score_correction_bias", dtype::f32, 384);
    for (int expert = 0; expert < 384; ++expert)
      add_gated(layer + "mlp.experts." + std::to_string(expert) + ".", hidden, 2048,
                [&](const std::string& module, std::uint64_t rows, std::uint64_t columns) {
                  made.packed(module, rows, columns);
                });
  }
  made.bf16("lm_head.weight", 163840 * hidden);
  return made.take();
}

std::vector<model_tensor> glm_45(int layers) {
  constexpr std::uint64_t hidden = 5120;
  list made;
  made.bf16("model.embed_tokens.weight", 151552 * hidden);
  for (int number = 0; number < layers; ++number) {
    const auto layer = "model.layers." + std::to_string(number) + ".";
    made.bf16(layer + "input_layernorm.weight", hidden);
    made.row_scaled(layer + "self_attn.q_proj", 96 * 128, hidden);
    made.bf16(layer + "self_attn.q_proj.bias", 96 * 128);
    made.row_scaled(layer + "self_attn.k_proj", 8 * 128, hidden);
    made.row_scaled(layer + "self_attn.v_proj", 8 * 128, hidden);
    made.row_scaled(layer + "self_attn.o_proj", hidden, 96 * 128);
    made.bf16(layer + "mlp.gate.weight", 160 * hidden);
    for (int expert = 0; expert < 160; ++expert)
      add_gated(layer + "mlp.experts." + std::to_string(expert) + ".", hidden, 1536,
                [&](const std::string& module, std::uint64_t rows, std::uint64_t columns) {
                  made.row_scaled(module, rows, columns);
                });
  }
  made.bf16("lm_head.weight", 151552 * hidden);
  return made.take();
}

std::vector<model_tensor> qwen3_moe(int layers) {
  constexpr std::uint64_t hidden = 4096;
  list made;
  made.bf16("model.embed_tokens.weight", 151936 * hidden);
  for (int number = 0; number < layers; ++number) {
    const auto layer = "model.layers." + std::to_string(number) + ".";
    made.bf16(layer + "input_layernorm.weight", hidden);
    add_attention(made, layer, hidden, 64, 4);
    made.bf16(layer + "self_attn.q_norm.weight", 128);
    made.bf16(layer + "self_attn.k_norm.weight", 128);
    made.bf16(layer + "post_attention_layernorm.weight", hidden);
    made.bf16(layer + "mlp.gate.weight", 128 * hidden);
    for (int expert = 0; expert < 128; ++expert)
      add_gated(layer + "mlp.experts." + std::to_string(expert) + ".", hidden, 1536,
                [&](const std::string& module, std::uint64_t rows, std::uint64_t columns) {
                  made.bf16(module + ".weight", rows * columns);
                });
  }
  made.bf16("lm_head.weight", 151936 * hidden);
  return made.take();
}

std::vector<model_tensor> llama_405b(int layers) {
  constexpr std::uint64_t hidden = 16384;
  list made;
  made.bf16("model.embed_tokens.weight", 128256 * hidden);
  for (int number = 0; number < layers; ++number) {
    const auto layer = "model.layers." + std::to_string(number) + ".";
    made.bf16(layer + "input_layernorm.weight", hidden);
    add_attention(made, layer, hidden, 128, 8);
    made.bf16(layer + "post_attention_layernorm.weight", hidden);
    add_gated(layer + "mlp.", hidden, 53248,
              [&](const std::string& module, std::uint64_t rows, std::uint64_t columns) {
                made.bf16(module + ".weight", rows * columns);
              });
  }
  made.bf16("lm_head.weight", 128256 * hidden);
  return made.take();
}

checkpoint cut_into_files(std::vector<model_tensor> tensors, std::uint64_t file_bytes, bool scales_first) {
  constexpr std::uint64_t scale_bytes_max = 1 << 20;
  if (scales_first)
    std::ranges::stable_partition(tensors,
                                  [](const auto& tensor) { return tensor.bytes <= scale_bytes_max; });
  checkpoint made;
  made.path = "/checkpoint";
  for (std::size_t first = 0; first < tensors.size();) {
    std::uint64_t bytes = 0;
    auto last = first;
    while (last < tensors.size() && (last == first || bytes + tensors[last].bytes <= file_bytes))
      bytes += tensors[last++].bytes;
    std::sort(tensors.begin() + first, tensors.begin() + last, [](const auto& left, const auto& right) {
      const auto one = bits(left.type);
      const auto other = bits(right.type);
      return std::tie(other, left.name) < std::tie(one, right.name);
    });
    const auto number = std::to_string(made.files.size() + 1);
    checkpoint_file file;
    file.path = "/checkpoint/model-" + std::string(5 - number.size(), '0') + number + ".safetensors";
    file.data_offset = 8 + 100'000 + first % 977 * 8;
    auto offset = file.data_offset;
    for (; first < last; ++first) {
      const auto& tensor = tensors[first];
      made.tensors.push_back({tensor.name,
                              tensor.type,
                              {tensor.bytes},
                              static_cast<std::uint32_t>(made.files.size()),
                              {offset, tensor.bytes}});
      offset += tensor.bytes;
      made.tensor_bytes += tensor.bytes;
    }
    file.bytes = offset;
    made.files.push_back(std::move(file));
  }
  return made;
}

} // namespace ckpt::io
