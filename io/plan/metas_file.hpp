// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// The file of --save-metas-file and --load-metas-file: how a host that joins reaches those that keep a
// version in memory. JSON, readable by its owner alone, because whoever has the secret gets the weights:
//
//   {"format": "ckpt-actor-metas", "format_version": 1,
//    "checkpoint_name": "my-checkpoint", "weight_version": "step-100",     (weight_version may be null)
//    "tables": "0f3c…", "secret": "9a0b…", "tls": true,
//    "hosts": [{"name": "node7", "address": "10.0.0.7", "port": 41234, "share": "77aa…"}, …]}
//
// `tables` is a digest of files, tensors and plan, `share` one of the content that a host keeps. They reveal
// a host that has another version meanwhile. Nothing in the file points into memory, and nothing of it is
// executed. The reference's files are pickles; they are recognised and refused.

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ckpt::io {

/// A host that keeps its share of a version in memory.
struct metas_host {
  std::string name; ///< for messages
  std::string address;
  std::uint16_t port = 0;
  std::uint64_t share_digest = 0;

  friend bool operator==(const metas_host&, const metas_host&) = default;
};

struct metas {
  std::string checkpoint_name;
  std::optional<std::string> weight_version;
  std::uint64_t tables_digest = 0;
  std::string secret; ///< random bytes
  bool is_encrypted = false;
  std::vector<metas_host> hosts;

  friend bool operator==(const metas&, const metas&) = default;
};

/// The text of the file.
[[nodiscard]] std::string serialize(const metas& written);

/// Throws std::system_error when it cannot be read, and std::invalid_argument that names the file and what is
/// wrong with it.
[[nodiscard]] metas read_metas(const std::filesystem::path& path);

/// The text of `file`, which is only its name. Throws std::invalid_argument.
[[nodiscard]] metas parse_metas(std::string_view text, std::string_view file);

} // namespace ckpt::io
