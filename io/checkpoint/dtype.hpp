// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// The element types of the safetensors format, their widths, and the names by which the worker protocol knows
// them (attributes of the Python module `torch`). Pure; any thread.

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace ckpt::io {

/// Every dtype of the safetensors format.
enum class dtype : std::uint8_t {
  boolean,
  u8,
  i8,
  u16,
  i16,
  u32,
  i32,
  u64,
  i64,
  f16,
  bf16,
  f32,
  f64,
  c64,
  f8_e4m3,
  f8_e5m2,
  f8_e8m0,
  f4,
  f6_e2m3,
  f6_e3m2,
  f8_e4m3fnuz,
  f8_e5m2fnuz,
};

/// All of them, for tables and tests.
[[nodiscard]] std::span<const dtype> all_dtypes() noexcept;

/// Width of one element in bits; below 8 for the packed types.
[[nodiscard]] unsigned bits(dtype type) noexcept;

/// The alignment in bytes that a tensor view of this type needs inside the shared buffer (1 for packed
/// types).
[[nodiscard]] unsigned alignment_bytes(dtype type) noexcept;

/// The name in a safetensors header, such as "BF16".
[[nodiscard]] std::string_view name(dtype type) noexcept;

/// The inverse of name(); nothing for a name the format does not have.
[[nodiscard]] std::optional<dtype> parse_dtype(std::string_view name) noexcept;

/// The attribute of `torch` that names this type to a worker, such as "bfloat16". Nothing for the types that
/// the protocol cannot name (F6_E2M3, F6_E3M2). F4 is "float4_e2m1fn_x2": two elements a byte, so the shape
/// that is sent to a worker counts bytes in its last dimension.
[[nodiscard]] std::optional<std::string_view> torch_name(dtype type) noexcept;

} // namespace ckpt::io
