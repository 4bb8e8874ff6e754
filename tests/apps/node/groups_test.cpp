// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

// Whole updates of checkpoints whose tensors are not where those are that they have to travel with.

#include "tests/apps/node/update_fixture.hpp"
#include "tests/support/safetensors_text.hpp"

#include <algorithm>
#include <random>
#include <string>
#include <tuple>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace ckpt::tests {
namespace {

struct stored_tensor {
  std::string name;
  const char* type;
  std::uint64_t bytes;
  std::uint64_t item_bytes;
};

/// FP8 weights with F32 scales, as DeepSeek-R1 has them, in miniature.
std::vector<stored_tensor> scaled_layers(int layers) {
  std::vector<stored_tensor> tensors;
  const auto add_scaled = [&](const std::string& module, std::uint64_t bytes) {
    tensors.push_back({module + ".weight", "F8_E4M3", bytes, 1});
    tensors.push_back({module + ".weight_scale_inv", "F32", 4 * (bytes / 5000), 4});
  };
  for (int number = 0; number < layers; ++number) {
    const auto layer = "model.layers." + std::to_string(number) + ".";
    tensors.push_back({layer + "input_layernorm.weight", "BF16", 5120, 2});
    tensors.push_back({layer + "self_attn.kv_a_layernorm.weight", "BF16", 514, 2});
    for (const auto* projection : {"q_a_proj", "kv_a_proj_with_mqa", "kv_b_proj", "o_proj"})
      add_scaled(layer + "self_attn." + projection, 40'000 + static_cast<std::uint64_t>(number) * 333);
    for (int expert = 0; expert < 8; ++expert)
      for (const auto* projection : {"gate_proj", "up_proj", "down_proj"})
        add_scaled(layer + "mlp.experts." + std::to_string(expert) + "." + projection, 30'000);
  }
  return tensors;
}

/// A file with wide dtypes first, then names in order, and random bytes.
std::string file_of(std::vector<stored_tensor> tensors, std::mt19937& random) {
  std::ranges::sort(tensors, [](const auto& one, const auto& other) {
    return std::tie(other.item_bytes, one.name) < std::tie(one.item_bytes, other.name);
  });
  std::string header;
  std::uint64_t offset = 0;
  for (const auto& tensor : tensors) {
    const auto end = offset + tensor.bytes;
    header += (header.empty() ? "{" : ",")
              + entry(tensor.name, tensor.type, "[" + std::to_string(tensor.bytes / tensor.item_bytes) + "]",
                      "[" + std::to_string(offset) + "," + std::to_string(end) + "]");
    offset = end;
  }
  auto text = file_text(header + "}", offset);
  for (auto byte = text.end() - static_cast<std::ptrdiff_t>(offset); byte != text.end(); ++byte)
    *byte = static_cast<char>(random());
  return text;
}

TEST_F(update_test, moves_groups_that_are_scattered_over_files_whatever_the_bucket_size) {
  const auto seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random{seed};
  std::vector<std::vector<stored_tensor>> files(3);
  for (const auto& tensor : scaled_layers(4))
    files[random() % files.size()].push_back(tensor);
  const auto checkpoint = scratch_.path() / "scattered";
  std::filesystem::create_directory(checkpoint);
  for (std::size_t file = 0; file < files.size(); ++file)
    scratch_.write("scattered/model-" + std::to_string(file) + ".safetensors", file_of(files[file], random));

  start_engine(checkpoint, {"--report", scratch_.path() / "sink.json"});
  constexpr auto groups = 4 * (1 + 1 + 8 * 3); // each layer's norm, its attention, its experts' projections
  for (const auto* bucket_bytes : {"4KiB", "64KiB", "1MiB", "64MiB"}) {
    ASSERT_EQ(run_node(checkpoint, {"--bucket-size", bucket_bytes}), 0) << node_output_ << engine_->output();
    EXPECT_EQ(report().at("plan").at("groups"), groups) << bucket_bytes;
  }
  const auto lists = [&](std::size_t update) {
    const auto updates = read_report(scratch_.path() / "sink.json").at("updates");
    return updates.at(update).at("workers").at(0).at("lists").to_number<int>();
  };
  EXPECT_EQ(lists(0), groups) << "none of them fits in 4 KiB with another one";
  EXPECT_EQ(lists(3), 1);
}

} // namespace
} // namespace ckpt::tests
