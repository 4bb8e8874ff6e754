// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

#include "io/checkpoint/tensor_table.hpp"

#include "io/error.hpp"

#include <algorithm>
#include <limits>
#include <optional>
#include <set>
#include <string>
#include <unordered_set>

namespace ckpt::io {
namespace {

/// Nothing where it does not fit into 64 bits. Multiplies in the order in which the header of a file is checked, so
/// that both agree on what overflows: a dimension of 2^63 is sound when the next one is 0.
[[nodiscard]] std::optional<std::uint64_t> bytes_of(const checkpoint_tensor& tensor) {
  std::uint64_t total_bits = 1;
  for (const auto size : tensor.shape)
    if (__builtin_mul_overflow(total_bits, size, &total_bits))
      return std::nullopt;
  if (__builtin_mul_overflow(total_bits, std::uint64_t{bits(tensor.type)}, &total_bits)
      || total_bits % 8 != 0)
    return std::nullopt;
  return total_bits / 8;
}

void check_files(const checkpoint& table, std::string_view from) {
  constexpr auto offset_max = std::uint64_t{std::numeric_limits<std::int64_t>::max()};
  std::set<std::string> names;
  for (const auto& file : table.files) {
    const auto name = file.path.filename().string();
    if (name.empty() || !names.insert(name).second)
      throw checkpoint_error{from, "has a file without a name, or two of the same name: \"" + printable(name)
                                       + "\""};
    if (file.bytes > offset_max || file.data_offset > file.bytes)
      throw checkpoint_error{from, printable(name) + " has a size that cannot be"};
  }
}

void check_place(const checkpoint& table, const checkpoint_tensor& tensor, const checkpoint_tensor* before,
                 std::string_view from) {
  if (tensor.file >= table.files.size())
    throw checkpoint_error{from, tensor.name, "lies in a file that is not there"};
  const auto& file = table.files[tensor.file];
  if (tensor.bytes.offset < file.data_offset || tensor.bytes.offset > file.bytes
      || tensor.bytes.length > file.bytes - tensor.bytes.offset)
    throw checkpoint_error{from, tensor.name, "lies outside its file"};
  const bool follows = before == nullptr || before->file < tensor.file
                       || (before->file == tensor.file && before->bytes.end() <= tensor.bytes.offset);
  if (!follows)
    throw checkpoint_error{from, tensor.name, "overlaps the one before it, or is out of order"};
}

} // namespace

void require_sound_table(const checkpoint& table, std::string_view from) {
  check_files(table, from);
  if (table.tensors.empty())
    throw checkpoint_error{from, "holds no tensors"};
  std::unordered_set<std::string_view> names;
  std::uint64_t sum = 0;
  bool overflows = false;
  const checkpoint_tensor* before = nullptr;
  for (const auto& tensor : table.tensors) {
    if (tensor.name.empty() || !names.insert(tensor.name).second)
      throw checkpoint_error{from, tensor.name, "has no name, or one that is there twice"};
    if (std::ranges::find(all_dtypes(), tensor.type) == all_dtypes().end()
        || bytes_of(tensor) != tensor.bytes.length)
      throw checkpoint_error{from, tensor.name, "has a shape and a dtype that do not give its bytes"};
    check_place(table, tensor, before, from);
    before = &tensor;
    overflows |= __builtin_add_overflow(sum, tensor.bytes.length, &sum);
  }
  if (overflows || sum != table.tensor_bytes)
    throw checkpoint_error{from, "its tensors do not have as many bytes as it says"};
}

} // namespace ckpt::io
