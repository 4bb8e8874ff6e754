// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

#include "io/plan/plan_digest.hpp"

#include "io/error.hpp"

#include <algorithm>

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace ckpt::io {
namespace {

class hasher {
public:
  hasher() { XXH3_64bits_reset(&state_); }
  void number(std::uint64_t value) { XXH3_64bits_update(&state_, &value, sizeof value); }
  void text(const std::string& value) {
    number(value.size());
    XXH3_64bits_update(&state_, value.data(), value.size());
  }
  void tensor(const checkpoint_tensor& value) {
    text(value.name);
    number(static_cast<std::uint64_t>(value.type));
    number(value.shape.size());
    for (const auto dimension : value.shape)
      number(dimension);
    number(value.bytes.offset);
    number(value.bytes.length);
  }
  [[nodiscard]] std::uint64_t result() const { return XXH3_64bits_digest(&state_); }

private:
  XXH3_state_t state_;
};

[[nodiscard]] std::string describe_file_difference(const file_identity& ours, const file_identity& theirs) {
  const auto name = printable(theirs.name);
  if (theirs.bytes < ours.bytes)
    return "has " + name + " with " + std::to_string(ours.bytes - theirs.bytes) + " bytes less";
  if (theirs.bytes > ours.bytes)
    return "has " + name + " with " + std::to_string(theirs.bytes - ours.bytes) + " bytes more";
  return "has other tensors in " + name;
}

} // namespace

std::uint64_t digest(const checkpoint& source, const bucket_plan& plan) {
  hasher hash;
  hash.number(source.files.size());
  for (const auto& file : source.files) {
    hash.text(file.path.filename().string());
    hash.number(file.bytes);
    hash.number(file.data_offset);
    hash.number(file.content_digest);
  }
  hash.number(plan.tensors.size());
  for (const auto& placed : plan.tensors) {
    const auto& tensor = source.tensors[placed.tensor];
    hash.tensor(tensor);
    hash.number(tensor.file);
    hash.number(placed.bucket_offset);
  }
  for (const auto& bucket : plan.buckets) {
    hash.number(bucket.tensors.end);
    hash.number(bucket.slot_offset);
    hash.number(bucket.slot_bytes);
    hash.number(bucket.owner);
  }
  hash.number(plan.ring_bytes);
  return hash.result();
}

std::uint64_t digest_of_tables(const checkpoint& source, const bucket_plan& plan) {
  hasher hash;
  hash.number(source.files.size());
  for (const auto& file : source.files) {
    hash.text(file.path.filename().string());
    hash.number(file.bytes);
    hash.number(file.data_offset);
  }
  hash.number(source.tensors.size());
  for (const auto& tensor : source.tensors) {
    hash.tensor(tensor);
    hash.number(tensor.file);
  }
  for (const auto& chunk : plan.chunks) {
    hash.number(chunk.bucket);
    hash.number(chunk.file);
    hash.number(chunk.window.offset);
    hash.number(chunk.window.length);
    hash.number(chunk.needed_bytes);
  }
  return hash.result();
}

std::uint64_t digest_of_share(std::span<const std::uint32_t> chunks, std::span<const std::uint64_t> digests) {
  hasher hash;
  for (const auto chunk : chunks)
    hash.number(chunk);
  for (const auto digest : digests)
    hash.number(digest);
  return hash.result();
}

std::vector<file_identity> identify_files(const checkpoint& source) {
  std::vector<hasher> hashes(source.files.size());
  for (const auto& tensor : source.tensors)
    hashes[tensor.file].tensor(tensor);
  std::vector<file_identity> table;
  for (std::size_t index = 0; index < source.files.size(); ++index)
    table.push_back({source.files[index].path.filename().string(), source.files[index].bytes,
                     hashes[index].result(), source.files[index].content_digest});
  return table;
}

std::string describe_difference(const std::vector<file_identity>& ours,
                                const std::vector<file_identity>& theirs) {
  for (const auto& file : theirs) {
    const auto same_name = std::ranges::find(ours, file.name, &file_identity::name);
    if (same_name == ours.end())
      return "has " + printable(file.name) + ", which is not here";
    if (same_name->bytes != file.bytes || same_name->header_digest != file.header_digest)
      return describe_file_difference(*same_name, file);
  }
  for (const auto& file : ours)
    if (std::ranges::find(theirs, file.name, &file_identity::name) == theirs.end())
      return "lacks " + printable(file.name);
  // Content comes last: the choice of the sampled pages depends on the sizes of all files.
  for (const auto& file : theirs)
    if (std::ranges::find(ours, file.name, &file_identity::name)->content_digest != file.content_digest)
      return "has another content in " + printable(file.name);
  return {};
}

} // namespace ckpt::io
