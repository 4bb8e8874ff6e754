// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

// One table of all dtypes, in the order of the enumeration, and the look-ups in it.

#include "io/checkpoint/dtype.hpp"

#include <array>
#include <cassert>
#include <cstddef>

namespace ckpt::io {

namespace {

struct dtype_traits {
  dtype type;
  unsigned bits;
  std::string_view name;
  std::string_view torch_name; // empty when torch has no such type
};

constexpr auto traits_table = std::to_array<dtype_traits>({
    {dtype::boolean, 8, "BOOL", "bool"},
    {dtype::u8, 8, "U8", "uint8"},
    {dtype::i8, 8, "I8", "int8"},
    {dtype::u16, 16, "U16", "uint16"},
    {dtype::i16, 16, "I16", "int16"},
    {dtype::u32, 32, "U32", "uint32"},
    {dtype::i32, 32, "I32", "int32"},
    {dtype::u64, 64, "U64", "uint64"},
    {dtype::i64, 64, "I64", "int64"},
    {dtype::f16, 16, "F16", "float16"},
    {dtype::bf16, 16, "BF16", "bfloat16"},
    {dtype::f32, 32, "F32", "float32"},
    {dtype::f64, 64, "F64", "float64"},
    {dtype::c64, 64, "C64", "complex64"},
    {dtype::f8_e4m3, 8, "F8_E4M3", "float8_e4m3fn"},
    {dtype::f8_e5m2, 8, "F8_E5M2", "float8_e5m2"},
    {dtype::f8_e8m0, 8, "F8_E8M0", "float8_e8m0fnu"},
    {dtype::f4, 4, "F4", "float4_e2m1fn_x2"},
    {dtype::f6_e2m3, 6, "F6_E2M3", ""},
    {dtype::f6_e3m2, 6, "F6_E3M2", ""},
    {dtype::f8_e4m3fnuz, 8, "F8_E4M3FNUZ", "float8_e4m3fnuz"},
    {dtype::f8_e5m2fnuz, 8, "F8_E5M2FNUZ", "float8_e5m2fnuz"},
});

constexpr auto types = [] {
  std::array<dtype, traits_table.size()> result{};
  for (std::size_t i = 0; i < result.size(); ++i)
    result[i] = traits_table[i].type;
  return result;
}();

constexpr bool table_follows_enumeration() {
  for (std::size_t i = 0; i < types.size(); ++i)
    if (static_cast<std::size_t>(types[i]) != i)
      return false;
  return true;
}
static_assert(table_follows_enumeration(), "traits() finds a row by the value of its type");

const dtype_traits& traits(dtype type) noexcept {
  const auto row = static_cast<std::size_t>(type);
  assert(row < traits_table.size());
  return traits_table[row];
}

} // namespace

std::span<const dtype> all_dtypes() noexcept { return types; }

unsigned bits(dtype type) noexcept { return traits(type).bits; }

unsigned alignment_bytes(dtype type) noexcept {
  const auto width = bits(type);
  return width < 8 ? 1 : width / 8;
}

std::string_view name(dtype type) noexcept { return traits(type).name; }

std::optional<dtype> parse_dtype(std::string_view name) noexcept {
  for (const auto& row : traits_table)
    if (row.name == name)
      return row.type;
  return std::nullopt;
}

std::optional<std::string_view> torch_name(dtype type) noexcept {
  const auto attribute = traits(type).torch_name;
  if (attribute.empty())
    return std::nullopt;
  return attribute;
}

} // namespace ckpt::io
