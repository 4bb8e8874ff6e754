// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

// Reads the checkpoint with plain pread on purpose: the proof must not depend on the reader that it is to
// prove.

#include "apps/sink/verifier.hpp"

#include "io/error.hpp"

#include <algorithm>
#include <cerrno>
#include <span>

#include <fcntl.h>
#include <unistd.h>

namespace ckpt::apps::sink {
namespace {

constexpr std::size_t compare_bytes = 1 << 20;
constexpr std::size_t complaints_max = 5;

std::string text_of(const std::vector<std::uint64_t>& shape) {
  std::string text = "[";
  for (const auto dimension : shape)
    text += (text.size() > 1 ? ", " : "") + std::to_string(dimension);
  return text + "]";
}

/// Fills `target` from `offset` on. A file that has become shorter is an error.
void read_fully(int file, const std::string& path, std::uint64_t offset, std::span<std::byte> target) {
  while (!target.empty()) {
    const auto count = ::pread(file, target.data(), target.size(), static_cast<off_t>(offset));
    if (count < 0 && errno == EINTR)
      continue;
    if (count < 0)
      throw io::system_failure(errno, "read", path);
    if (count == 0)
      throw io::checkpoint_error{path, "it has become shorter"};
    offset += static_cast<std::uint64_t>(count);
    target = target.subspan(static_cast<std::size_t>(count));
  }
}

} // namespace

expectation::expectation(const std::string& path) : source_{io::open_checkpoint(path)} {
  for (const auto& file : source_.files) {
    files_.emplace_back(::open(file.path.c_str(), O_RDONLY | O_CLOEXEC));
    if (!files_.back())
      throw io::system_failure(errno, "open", file.path.string());
  }
  by_name_.reserve(source_.tensors.size());
  for (std::uint32_t index = 0; index < source_.tensors.size(); ++index)
    by_name_.emplace(source_.tensors[index].name, index);
}

std::vector<std::byte> expectation::content(std::uint32_t index) const {
  const auto& tensor = source_.tensors.at(index);
  std::vector<std::byte> bytes(tensor.bytes.length);
  read_fully(file(tensor.file), source_.files.at(tensor.file).path.string(), tensor.bytes.offset, bytes);
  return bytes;
}

std::optional<std::uint32_t> expectation::find(std::string_view name) const {
  const auto found = by_name_.find(name);
  return found == by_name_.end() ? std::nullopt : std::optional{found->second};
}

verifier::verifier(std::shared_ptr<const expectation> expected, consumption how)
    : expected_{std::move(expected)}, pairs_{how}, arrived_(expected_->source().tensors.size()),
      file_bytes_(compare_bytes) {}

void verifier::complain(const std::string& tensor, const std::string& what) {
  if (++complaint_count_ <= complaints_max)
    complaints_.push_back("tensor \"" + tensor + "\" " + what);
}

void verifier::receive(const sent_tensor& tensor, shared_buffer& buffer, io::extent place) {
  const auto index = expected_->find(tensor.name);
  if (!index)
    return complain(tensor.name, "is not in the checkpoint");
  if (arrived_[*index])
    return complain(tensor.name, "came twice");
  arrived_[*index] = true;
  const auto& wanted = expected_->source().tensors[*index];
  const auto wanted_type = io::torch_name(wanted.type).value_or("no type of torch");
  if (tensor.torch_dtype != wanted_type)
    return complain(tensor.name, "came as " + tensor.torch_dtype + " instead of " + std::string{wanted_type});
  if (const auto wanted_shape = io::torch_shape(wanted); tensor.shape != wanted_shape)
    return complain(tensor.name,
                    "came with shape " + text_of(tensor.shape) + " instead of " + text_of(wanted_shape));
  if (place.length != wanted.bytes.length)
    return complain(tensor.name, "came with " + std::to_string(place.length) + " bytes instead of "
                                     + std::to_string(wanted.bytes.length));
  compare(*index, buffer, place.offset);
}

void verifier::end_list(const tensor_list& list, shared_buffer& buffer) {
  const auto is_expected = [&](std::string_view name) { return expected_->find(name).has_value(); };
  const auto is_intact = [&](std::string_view name, std::uint64_t offset) {
    return !difference(*expected_->find(name), buffer, offset);
  };
  for (const auto& [tensor, what] : pairs_.take(list, is_expected, is_intact))
    complain(tensor, what);
}

void verifier::compare(std::uint32_t index, shared_buffer& buffer, std::uint64_t offset) {
  const auto& wanted = expected_->source().tensors[index];
  if (const auto differs = difference(index, buffer, offset))
    complain(wanted.name, "differs from " + expected_->source().files.at(wanted.file).path.string()
                              + " at its byte " + std::to_string(*differs));
}

/// The first byte of the tensor that is not at `offset` in the buffer as it is in its file.
std::optional<std::uint64_t> verifier::difference(std::uint32_t index, shared_buffer& buffer,
                                                  std::uint64_t offset) {
  const auto& wanted = expected_->source().tensors[index];
  const auto path = expected_->source().files.at(wanted.file).path.string();
  for (std::uint64_t at = 0; at < wanted.bytes.length; at += compare_bytes) {
    const auto original =
        std::span{file_bytes_}.first(std::min<std::uint64_t>(compare_bytes, wanted.bytes.length - at));
    read_fully(expected_->file(wanted.file), path, wanted.bytes.offset + at, original);
    if (const auto differs = buffer.difference(offset + at, original))
      return at + *differs;
  }
  return std::nullopt;
}

std::string verifier::verdict() {
  for (std::size_t index = 0; index < arrived_.size(); ++index)
    if (!arrived_[index])
      complain(expected_->source().tensors[index].name, "never came");
  std::string text;
  for (const auto& complaint : complaints_)
    text += (text.empty() ? "" : "; ") + complaint;
  if (complaint_count_ > complaints_.size())
    text += "; and " + std::to_string(complaint_count_ - complaints_.size()) + " more";
  return text;
}

} // namespace ckpt::apps::sink
