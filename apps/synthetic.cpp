// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

// Each shard is one stream: header, then the tensors one after another, computed into a buffer that leaves in
// large writes.

#include "apps/synthetic.hpp"

#include "apps/new_files.hpp"

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstring>
#include <exception>
#include <map>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <thread>
#include <utility>

#include <xxhash.h>

namespace ckpt::apps {

namespace {

constexpr std::uint64_t write_bytes = 8 << 20;
constexpr std::uint32_t default_shards = 4;
constexpr std::uint32_t shards_max = 99'999; // five digits in the file names
constexpr unsigned threads_max = 64;

struct shard {
  std::string file_name;
  std::vector<synthetic_tensor> tensors; // as they lie in the file
  std::string header;                    // length field and padding included
  std::uint64_t tensor_bytes = 0;
};

/// Cuts `tensors` into at most `count` runs of about the same size, none of them empty.
std::vector<shard> make_shards(std::vector<synthetic_tensor>&& tensors, std::uint32_t count) {
  std::uint64_t left = 0;
  for (const auto& tensor : tensors)
    left += tensor.bytes();
  count = static_cast<std::uint32_t>(std::min<std::uint64_t>(count, tensors.size()));
  std::vector<shard> shards(count);
  auto next = tensors.begin();
  for (std::uint32_t i = 0; i < count; ++i) {
    const auto shards_after = count - i - 1;
    const auto share = left / (shards_after + 1);
    auto& current = shards[i];
    do {
      current.tensor_bytes += next->bytes();
      current.tensors.push_back(std::move(*next++));
    } while (static_cast<std::uint64_t>(tensors.end() - next) > shards_after
             && (shards_after == 0 || current.tensor_bytes + next->bytes() / 2 <= share));
    left -= current.tensor_bytes;
  }
  return shards;
}

void write_header(shard& shard) {
  // The format's library puts wide types first, so that every tensor is aligned when the first one is.
  std::sort(shard.tensors.begin(), shard.tensors.end(), [](const auto& a, const auto& b) {
    const auto a_alignment = io::alignment_bytes(a.type);
    const auto b_alignment = io::alignment_bytes(b.type);
    return a_alignment != b_alignment ? a_alignment > b_alignment : a.name < b.name;
  });
  std::string json = R"({"__metadata__":{"format":"pt"})";
  std::uint64_t offset = 0;
  for (const auto& tensor : shard.tensors) {
    json += ",\"" + tensor.name + R"(":{"dtype":")" + std::string{io::name(tensor.type)} + R"(","shape":[)";
    for (std::size_t i = 0; i < tensor.shape.size(); ++i)
      json += (i == 0 ? "" : ",") + std::to_string(tensor.shape[i]);
    json += R"(],"data_offsets":[)" + std::to_string(offset) + ',';
    offset += tensor.bytes();
    json += std::to_string(offset) + "]}";
  }
  json += '}';
  json.resize((json.size() + 7) / 8 * 8, ' ');
  for (unsigned i = 0; i < 8; ++i)
    shard.header += static_cast<char>(json.size() >> (8 * i) & 0xff);
  shard.header += json;
}

void write_contents(new_file& file, const shard& shard, std::uint64_t seed) {
  std::vector<std::byte> buffer(write_bytes);
  std::size_t used = 0;
  for (const auto& tensor : shard.tensors) {
    const auto key = content_key(tensor.name, seed);
    const auto bytes = tensor.bytes();
    for (std::uint64_t done = 0; done < bytes;) {
      const auto piece = std::min<std::uint64_t>(bytes - done, buffer.size() - used);
      fill_content(key, tensor.type, done, {buffer.data() + used, piece});
      done += piece;
      used += piece;
      if (used == buffer.size()) {
        file.write(buffer);
        used = 0;
      }
    }
  }
  file.write(std::span{buffer}.first(used));
}

void write_shard(new_files& made, const shard& shard, const synthetic_options& options) {
  auto file = made.create(shard.file_name);
  file.write(shard.header);
  if (options.data == synthetic_options::contents::sparse)
    file.extend(shard.header.size() + shard.tensor_bytes);
  else
    write_contents(file, shard, options.seed);
  if (options.flush == synthetic_options::durability::on_disk)
    file.flush();
}

void write_shards(new_files& made, const std::vector<shard>& shards, const synthetic_options& options) {
  std::atomic<std::size_t> next = 0;
  std::mutex mutex;
  std::exception_ptr failure;
  const auto work = [&] {
    for (auto i = next++; i < shards.size(); i = next++) {
      try {
        write_shard(made, shards[i], options);
      } catch (...) {
        next = shards.size(); // the others stop after the shard they are at
        const std::lock_guard lock{mutex};
        if (!failure)
          failure = std::current_exception(); // rethrown below
      }
    }
  };
  {
    std::vector<std::jthread> helpers;
    for (unsigned i = 1; i < std::min<std::size_t>({options.threads, threads_max, shards.size()}); ++i)
      helpers.emplace_back(work);
    work();
  }
  if (failure)
    std::rethrow_exception(failure);
}

std::string make_index(const std::vector<shard>& shards) {
  std::map<std::string_view, std::string_view> weight_map;
  std::uint64_t total_bytes = 0;
  for (const auto& shard : shards) {
    total_bytes += shard.tensor_bytes;
    for (const auto& tensor : shard.tensors)
      weight_map.emplace(tensor.name, shard.file_name);
  }
  std::string json = "{\n  \"metadata\": {\n    \"total_size\": " + std::to_string(total_bytes) + "\n  },\n"
                     + "  \"weight_map\": {";
  std::string_view separator = "\n";
  for (const auto& [tensor, file] : weight_map) {
    json += std::string{separator} + "    \"" + std::string{tensor} + "\": \"" + std::string{file} + '"';
    separator = ",\n";
  }
  return json + "\n  }\n}\n";
}

} // namespace

std::uint64_t content_key(std::string_view name, std::uint64_t seed) noexcept {
  return XXH3_64bits_withSeed(name.data(), name.size(), seed);
}

void fill_content(std::uint64_t key, io::dtype type, std::uint64_t offset,
                  std::span<std::byte> destination) noexcept {
  // One multiplication a word: writing and checking at gigabytes per second leave no time for a better
  // generator.
  const std::uint64_t mask = type == io::dtype::boolean ? 0x0101010101010101 : ~std::uint64_t{0};
  const auto word = [key, mask](std::uint64_t index) {
    const auto product = (key + index) * 0x9e3779b97f4a7c15;
    return (product ^ product >> 32) & mask;
  };
  auto* out = destination.data();
  auto left = destination.size();
  auto index = offset / 8;
  if (const auto skipped = offset % 8; skipped > 0 && left > 0) {
    const auto value = word(index++);
    const auto count = std::min<std::size_t>(8 - skipped, left);
    std::memcpy(out, reinterpret_cast<const std::byte*>(&value) + skipped, count);
    out += count;
    left -= count;
  }
  for (; left >= 8; left -= 8, out += 8) {
    const auto value = word(index++);
    std::memcpy(out, &value, 8);
  }
  if (left > 0) {
    const auto value = word(index);
    std::memcpy(out, &value, left);
  }
}

synthetic_checkpoint write_checkpoint(const synthetic_options& options) {
  auto count = options.shards;
  if (count == 0)
    count = options.tensors.model ? published_shards(*options.tensors.model) : default_shards;
  if (count > shards_max)
    throw std::invalid_argument{"more than " + std::to_string(shards_max) + " shards make no sense"};
  auto tensors = make_tensors(options.tensors, options.seed);
  if (tensors.empty())
    throw std::invalid_argument{"a synthetic checkpoint needs at least one tensor"};

  auto shards = make_shards(std::move(tensors), count);
  synthetic_checkpoint result;
  for (std::size_t i = 0; i < shards.size(); ++i) {
    char file_name[64];
    std::snprintf(file_name, sizeof file_name, "model-%05zu-of-%05zu.safetensors", i + 1, shards.size());
    shards[i].file_name = file_name;
    write_header(shards[i]);
    result.files.push_back(options.directory / file_name);
    result.tensor_count += shards[i].tensors.size();
    result.tensor_bytes += shards[i].tensor_bytes;
    result.file_bytes += shards[i].header.size() + shards[i].tensor_bytes;
  }

  new_files made{options.directory};
  // Made first, written last: two writers of one directory cannot both get past here, and no reader finds an
  // index whose shards are incomplete.
  auto index = made.create("model.safetensors.index.json");
  write_shards(made, shards, options);
  index.write(make_index(shards));
  if (options.flush == synthetic_options::durability::on_disk) {
    index.flush();
    made.flush_directory();
  }
  made.keep();
  return result;
}

} // namespace ckpt::apps
