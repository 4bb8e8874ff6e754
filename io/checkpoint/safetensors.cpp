// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

// Parsing goes over the JSON once, event by event; what can only be told from all tensors together
// (duplicates, holes, overlaps) is checked afterwards on the sorted table.

#include "io/checkpoint/safetensors.hpp"

#include "io/checkpoint/file_kind.hpp"
#include "io/checkpoint/json_events.hpp"
#include "io/checkpoint/regular_file.hpp"
#include "io/error.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <memory>
#include <tuple>
#include <unordered_set>
#include <utility>

#include <fcntl.h>

namespace ckpt::io {

namespace {

constexpr std::uint64_t length_field_bytes = 8;

/// Collects the entries of a header as they are written: extents still count from the start of the data
/// section.
class header_target {
public:
  header_target(std::string_view file_name, std::vector<tensor_entry>& tensors)
      : file_name_{file_name}, tensors_{tensors} {}

  bool begin_object() {
    switch (place_) {
    case place::document:
      place_ = place::names;
      return true;
    case place::name:
      place_ = is_metadata_ ? place::metadata : place::entry;
      if (!is_metadata_)
        tensors_.emplace_back().name = std::move(name_);
      seen_ = {};
      return true;
    default:
      return pass_over();
    }
  }

  void end_object() {
    if (place_ == place::entry)
      finish_entry();
    place_ = place_ == place::names ? place::document : place::names;
  }

  bool begin_array() {
    if (place_ == place::value && (field_ == field::shape || field_ == field::data_offsets)) {
      place_ = place::numbers;
      offset_count_ = 0;
      return true;
    }
    return pass_over();
  }

  void end_array() { place_ = place::entry; }

  void key(std::string_view text) {
    if (place_ == place::names) {
      is_metadata_ = text == "__metadata__";
      if (is_metadata_ && std::exchange(metadata_seen_, true))
        throw checkpoint_error{file_name_, "the header has __metadata__ twice"};
      name_ = text;
      place_ = place::name;
    } else if (place_ == place::entry) {
      field_ = text == "dtype"          ? field::dtype
               : text == "shape"        ? field::shape
               : text == "data_offsets" ? field::data_offsets
                                        : field::unknown;
      if (field_ != field::unknown && std::exchange(seen_[static_cast<std::size_t>(field_)], true))
        fail("has \"" + std::string{text} + "\" twice");
      place_ = place::value;
    }
  }

  void text(std::string_view value) {
    if (place_ == place::metadata)
      return;
    if (place_ != place::value || field_ != field::dtype) {
      pass_over();
      return;
    }
    const auto type = parse_dtype(value);
    if (!type)
      fail("has the unknown dtype \"" + printable(value) + "\"");
    tensors_.back().type = *type;
    place_ = place::entry;
  }

  void integer(std::uint64_t value) {
    if (place_ != place::numbers) {
      pass_over();
      return;
    }
    if (field_ == field::shape) {
      tensors_.back().shape.push_back(value);
      return;
    }
    if (offset_count_ == offsets_.size())
      fail("has more than two data_offsets");
    offsets_[offset_count_++] = value;
  }

  void other() {
    // Files exist with "__metadata__": null.
    if (place_ == place::name && is_metadata_)
      place_ = place::names;
    else
      pass_over();
  }

private:
  enum class place { document, names, name, metadata, entry, value, numbers };
  enum class field : unsigned { dtype, shape, data_offsets, unknown };

  /// Passes over the value of an unknown field; any other value that comes here has the wrong type.
  bool pass_over() {
    if (place_ == place::value && field_ == field::unknown) {
      place_ = place::entry;
      return false;
    }
    switch (place_) {
    case place::document:
      throw checkpoint_error{file_name_, "the header is not a JSON object"};
    case place::metadata:
      throw checkpoint_error{file_name_, "__metadata__ holds a value that is not a string"};
    case place::name:
      if (is_metadata_)
        throw checkpoint_error{file_name_, "__metadata__ is not a JSON object"};
      throw checkpoint_error{file_name_, name_, "is not described by a JSON object"};
    case place::numbers:
      fail(std::string{field_ == field::shape ? "shape" : "data_offsets"}
           + " holds something that is not an integer from 0 to 2^64-1");
    default:
      fail(field_ == field::dtype   ? "dtype is not a string"
           : field_ == field::shape ? "shape is not an array"
                                    : "data_offsets is not an array");
    }
  }

  void finish_entry() {
    constexpr std::array field_names{"dtype", "shape", "data_offsets"};
    for (std::size_t i = 0; i < seen_.size(); ++i)
      if (!seen_[i])
        fail(std::string{"has no "} + field_names[i]);
    if (offset_count_ != offsets_.size())
      fail("has fewer than two data_offsets");
    if (offsets_[0] > offsets_[1])
      fail("ends before it begins");
    tensors_.back().bytes = {offsets_[0], offsets_[1] - offsets_[0]};
  }

  [[noreturn]] void fail(std::string_view what) const {
    throw checkpoint_error{file_name_, tensors_.back().name, what};
  }

  std::string_view file_name_;
  std::vector<tensor_entry>& tensors_;
  place place_ = place::document;
  field field_ = field::unknown;
  std::string name_;
  bool is_metadata_ = false;
  bool metadata_seen_ = false;
  std::array<bool, 3> seen_{};
  std::array<std::uint64_t, 2> offsets_{};
  std::size_t offset_count_ = 0;
};

/// The bytes that `tensor` must occupy by its shape and dtype. Multiplies in the order of the dimensions, as
/// the format's own library does, so that both agree on what overflows.
std::uint64_t bytes_by_shape(const tensor_entry& tensor, std::string_view file_name) {
  std::uint64_t total_bits = 1;
  bool overflows = false;
  for (const auto dimension : tensor.shape)
    overflows |= __builtin_mul_overflow(total_bits, dimension, &total_bits);
  overflows |= __builtin_mul_overflow(total_bits, std::uint64_t{bits(tensor.type)}, &total_bits);
  if (overflows)
    throw checkpoint_error{file_name, tensor.name, "the size by its shape exceeds 64 bits"};
  if (total_bits % 8 != 0)
    throw checkpoint_error{file_name, tensor.name,
                           "its " + std::string{name(tensor.type)} + " elements do not fill whole bytes"};
  return total_bits / 8;
}

void check_names(const std::vector<tensor_entry>& tensors, std::string_view file_name) {
  std::unordered_set<std::string_view> names;
  names.reserve(tensors.size());
  for (const auto& tensor : tensors)
    if (!names.insert(tensor.name).second)
      throw checkpoint_error{file_name, tensor.name, "is in the header twice"};
}

/// Sorts by place and checks that the tensors fill `data_bytes` without a hole and without sharing a byte.
void check_layout(std::vector<tensor_entry>& tensors, std::uint64_t data_bytes, std::string_view file_name) {
  // Tensors without elements begin where the next one does and have to come before it.
  std::sort(tensors.begin(), tensors.end(), [](const tensor_entry& a, const tensor_entry& b) {
    return std::tie(a.bytes.offset, a.bytes.length, a.name)
           < std::tie(b.bytes.offset, b.bytes.length, b.name);
  });
  std::uint64_t position = 0;
  const tensor_entry* previous = nullptr;
  for (const auto& tensor : tensors) {
    if (const auto needed = bytes_by_shape(tensor, file_name); needed != tensor.bytes.length)
      throw checkpoint_error{file_name, tensor.name,
                             "its data_offsets span " + std::to_string(tensor.bytes.length)
                                 + " bytes, but its shape and " + std::string{name(tensor.type)} + " make "
                                 + std::to_string(needed)};
    if (tensor.bytes.end() > data_bytes)
      throw checkpoint_error{file_name, tensor.name,
                             "ends at byte " + std::to_string(tensor.bytes.end())
                                 + " of the data, but the file holds only " + std::to_string(data_bytes)
                                 + ": it is truncated or damaged"};
    if (tensor.bytes.offset > position)
      throw checkpoint_error{file_name, tensor.name,
                             "begins at byte " + std::to_string(tensor.bytes.offset)
                                 + " of the data, leaving a hole of "
                                 + std::to_string(tensor.bytes.offset - position) + " bytes before it"};
    if (tensor.bytes.offset < position)
      throw checkpoint_error{file_name, tensor.name, "overlaps tensor \"" + printable(previous->name) + '"'};
    position = tensor.bytes.end();
    previous = &tensor;
  }
  if (position < data_bytes)
    throw checkpoint_error{file_name,
                           std::to_string(data_bytes - position) + " bytes at the end belong to no tensor"};
}

} // namespace

safetensors_header parse_safetensors_header(std::string_view json, std::uint64_t file_bytes,
                                            std::string_view file_name) {
  safetensors_header header;
  header.data_offset = length_field_bytes + json.size();
  if (header.data_offset > file_bytes)
    throw checkpoint_error{file_name, "the header is longer than the file"};
  header_target target{file_name, header.tensors};
  parse_json(json, target, file_name, "the header");
  check_names(header.tensors, file_name);
  check_layout(header.tensors, file_bytes - header.data_offset, file_name);
  for (auto& tensor : header.tensors)
    tensor.bytes.offset += header.data_offset;
  return header;
}

namespace {

/// The file's real kind in words (describe_kind), or `otherwise` if that is unknown.
std::string kind_or(int file, std::uint64_t file_bytes, std::string_view file_name, std::string otherwise) {
  std::array<char, kind_bytes> beginning{};
  const auto length = std::min<std::uint64_t>(file_bytes, beginning.size());
  read_exactly(file, {0, length}, beginning.data(), file_name);
  const auto kind = describe_kind({beginning.data(), length});
  return kind.empty() ? std::move(otherwise) : std::string{kind};
}

} // namespace

safetensors_header read_safetensors_header(int file, std::uint64_t file_bytes, std::string_view file_name) {
  // Header only: reading ahead would fill the page cache with tensor data that is going to be read directly.
  ::posix_fadvise(file, 0, 0, POSIX_FADV_RANDOM);
  if (file_bytes < length_field_bytes)
    throw checkpoint_error{file_name,
                           kind_or(file, file_bytes, file_name, "is too short to be a safetensors file")};
  std::array<unsigned char, length_field_bytes> field{};
  read_exactly(file, {0, length_field_bytes}, reinterpret_cast<char*>(field.data()), file_name);
  std::uint64_t header_bytes = 0;
  for (std::size_t i = field.size(); i-- > 0;)
    header_bytes = header_bytes << 8 | field[i];
  if (header_bytes > header_bytes_max)
    throw checkpoint_error{file_name,
                           kind_or(file, file_bytes, file_name,
                                   "announces a header of " + std::to_string(header_bytes)
                                       + " bytes, more than the " + std::to_string(header_bytes_max)
                                       + " that the format allows: not a safetensors file?")};
  if (header_bytes > file_bytes - length_field_bytes)
    throw checkpoint_error{file_name, "announces a header of " + std::to_string(header_bytes)
                                          + " bytes, but the file has only " + std::to_string(file_bytes)
                                          + ": it is truncated or damaged"};
  const auto json = std::make_unique_for_overwrite<char[]>(header_bytes);
  read_exactly(file, {length_field_bytes, header_bytes}, json.get(), file_name);
  return parse_safetensors_header({json.get(), header_bytes}, file_bytes, file_name);
}

safetensors_header read_safetensors_header(const std::filesystem::path& path) {
  const auto file = open_regular(path);
  return read_safetensors_header(file.descriptor.number(), static_cast<std::uint64_t>(file.status.st_size),
                                 path.native());
}

} // namespace ckpt::io
