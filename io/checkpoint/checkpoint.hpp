// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// A checkpoint as a table of tensors: which files it consists of and where each tensor lies in them. Built
// from the headers alone. Immutable once built; any thread may read it.

#include "io/checkpoint/file_stamp.hpp"
#include "io/checkpoint/safetensors.hpp"
#include "io/fd.hpp"

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

namespace ckpt::io {

/// One file of the checkpoint, open: headers and data are read from one descriptor, whatever becomes of the
/// file's name and of the links that led to it.
struct checkpoint_file {
  std::filesystem::path path; ///< for messages: below the checkpoint's directory, links not resolved
  std::uint64_t bytes = 0;
  file_stamp stamp = {}; ///< before the header was read
  std::uint64_t data_offset = 0;
  std::uint64_t content_digest = 0; ///< of a sample (content_sample.hpp), where it has been taken
  bool in_memory = false;           ///< lies on tmpfs or ramfs: its pages are memory already
  std::shared_ptr<const fd> descriptor = nullptr; ///< for reading; empty in tables that nothing is read from
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
  std::vector<checkpoint_file> files;     ///< sorted by name; only files that hold tensors the index names
  std::vector<checkpoint_tensor> tensors; ///< by file, then by offset
  std::uint64_t tensor_bytes = 0;         ///< sum of all extents
  std::vector<std::string> remarks;       ///< about what is odd, but no error: for log and report
};

/// Opens the checkpoint at `path`: a directory with `model.safetensors.index.json` (only the files that it
/// names count), a directory of `*.safetensors` without an index (`consolidated*` beside `model*` does not
/// count), or one such file. Links are followed, once.
/// Headers are read by `threads` threads. Throws std::system_error or checkpoint_error; a tensor that the
/// index names and its file does not hold, or that two files hold, is an error that names it and the files.
/// One that the index places in another file is left out here; one that it does not name at all belongs to
/// the checkpoint, as the engines' own loaders have it.
[[nodiscard]] checkpoint open_checkpoint(const std::filesystem::path& path, unsigned threads = 4);

/// Throws checkpoint_error when `file` has been written to since it was opened, or std::system_error when it
/// does not tell.
void require_unchanged(const checkpoint_file& file);

/// Throws checkpoint_error for the first tensor whose dtype the worker protocol cannot name.
void require_sendable(const checkpoint& source);

/// The shape as a worker has to see it: equal to `tensor.shape` but for packed types (see torch_name).
[[nodiscard]] std::vector<std::uint64_t> torch_shape(const checkpoint_tensor& tensor);

} // namespace ckpt::io
