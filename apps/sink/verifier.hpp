// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// Checks that a worker was sent the checkpoint: every tensor once, with its dtype and shape, bit for bit. The
// expectation is immutable and shared by all workers; each worker has a verifier of its own for each update.

#include "apps/sink/pair_check.hpp"
#include "apps/sink/shared_buffer.hpp"
#include "apps/sink/worker_message.hpp"
#include "io/checkpoint/checkpoint.hpp"
#include "io/extent.hpp"
#include "io/fd.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace ckpt::apps::sink {

class expectation {
public:
  /// Opens the checkpoint and its files. Throws what io::open_checkpoint throws.
  explicit expectation(const std::string& path);

  [[nodiscard]] const io::checkpoint& source() const noexcept { return source_; }
  [[nodiscard]] int file(std::uint32_t index) const { return files_.at(index).number(); }

  /// The bytes of a tensor. Throws std::system_error when its file cannot be read.
  [[nodiscard]] std::vector<std::byte> content(std::uint32_t index) const;

  /// The index of the tensor called `name`, or nothing.
  [[nodiscard]] std::optional<std::uint32_t> find(std::string_view name) const;

private:
  io::checkpoint source_;
  std::vector<io::fd> files_;
  std::unordered_map<std::string_view, std::uint32_t> by_name_;
};

class verifier {
public:
  /// `how` decides which tensors have to come together.
  verifier(std::shared_ptr<const expectation> expected, consumption how);

  /// Checks one tensor that has arrived at `place` in `buffer`. Throws std::system_error when the
  /// checkpoint's file cannot be read, and what the buffer throws.
  void receive(const sent_tensor& tensor, shared_buffer& buffer, io::extent place);

  /// Call it after the tensors of each list have been received, before the list is answered.
  void end_list(const tensor_list& list, shared_buffer& buffer);

  /// Call it once, after the last tensor: adds those that never came. Returns an empty text when all was
  /// right, else one that names the first few faults and counts the rest.
  [[nodiscard]] std::string verdict();

private:
  void complain(const std::string& tensor, const std::string& what);
  void compare(std::uint32_t index, shared_buffer& buffer, std::uint64_t offset);
  [[nodiscard]] std::optional<std::uint64_t> difference(std::uint32_t index, shared_buffer& buffer,
                                                        std::uint64_t offset);

  std::shared_ptr<const expectation> expected_;
  pair_check pairs_;
  std::vector<bool> arrived_;
  std::vector<std::byte> file_bytes_;
  std::vector<std::string> complaints_;
  std::uint64_t complaint_count_ = 0;
};

} // namespace ckpt::apps::sink
