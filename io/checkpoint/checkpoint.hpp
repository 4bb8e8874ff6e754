// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// A checkpoint as a table of tensors: its files, and where each tensor lies in them. Built from the file
// headers alone. Immutable once built; any thread may read it.

#include "io/checkpoint/file_stamp.hpp"
#include "io/checkpoint/safetensors.hpp"
#include "io/fd.hpp"

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

namespace ckpt::io {

/// One open file of the checkpoint. Header and data are read through the same descriptor, so the file may be
/// renamed, and links may change, meanwhile.
struct checkpoint_file {
  std::filesystem::path path; ///< for messages: below the checkpoint's directory, links not resolved
  std::uint64_t bytes = 0;
  file_stamp stamp = {}; ///< before the header was read
  std::uint64_t data_offset = 0;
  std::uint64_t content_digest = 0; ///< of a sample (content_sample.hpp); 0 where none was taken
  bool in_memory = false;           ///< lies on tmpfs or ramfs: its pages are memory already
  std::shared_ptr<const fd> descriptor = nullptr; ///< for reading; null in tables from which nothing is read
};

struct checkpoint_tensor {
  std::string name;
  dtype type = dtype::u8;
  std::vector<std::uint64_t> shape;
  std::uint32_t file = 0; ///< index into checkpoint::files
  extent bytes;           ///< from the start of that file
};

struct checkpoint {
  std::filesystem::path path;
  std::vector<checkpoint_file> files;     ///< sorted by name; with an index only those that it names
  std::vector<checkpoint_tensor> tensors; ///< by file, then by offset
  std::uint64_t tensor_bytes = 0;         ///< sum of all extents
  std::vector<std::string> remarks;       ///< oddities that are no errors: for log and report
};

/// Opens the checkpoint at `path`, which is a directory with `model.safetensors.index.json` (only the files
/// that the index names count), a directory of `*.safetensors` without an index (`consolidated*` does not
/// count beside `model*`), or one such file. Links are followed once, when a file is opened.
///
/// Headers are read by `threads` threads. Throws std::system_error or checkpoint_error. It is an error if the
/// index names a tensor that its file does not hold, or if two files hold the same tensor; the message names
/// tensor and files. A tensor that the index places in another file is left out here. One that the index does
/// not name at all belongs to the checkpoint, as for the engines' own loaders.
[[nodiscard]] checkpoint open_checkpoint(const std::filesystem::path& path, unsigned threads = 4);

/// Throws checkpoint_error when `file` has been written to since it was opened, std::system_error when that
/// cannot be found out.
void require_unchanged(const checkpoint_file& file);

/// Throws checkpoint_error for the first tensor that the worker protocol cannot describe: it has no name for
/// the dtype, or the last dimension of F4 elements is odd.
void require_sendable(const checkpoint& source);

/// The shape as a worker has to see it: equal to `tensor.shape` but for packed types (see torch_name).
[[nodiscard]] std::vector<std::uint64_t> torch_shape(const checkpoint_tensor& tensor);

} // namespace ckpt::io
