// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// The files of --checkpoint-path beside --load-metas-file: for what no other host has (any longer). They are
// used if they hold the same content as the version of the metas file, which is found out by digests.

#include "actors/peers/peer_reader.hpp"
#include "actors/update/update.hpp"
#include "apps/node/command_line.hpp"

#include <filesystem>
#include <memory>
#include <stop_token>
#include <string>

namespace ckpt::apps {

class own_copy {
public:
  /// Reads the headers, if `path` is not empty. A mount that hangs costs no more than `timeout`.
  own_copy(std::filesystem::path path, std::chrono::milliseconds timeout, const std::stop_token& stop);

  /// Null if they are of no use.
  [[nodiscard]] const std::shared_ptr<const io::checkpoint>& files() const noexcept { return files_; }

  /// "; the files of /models/x: …" if there should be some that are of no use, for messages.
  [[nodiscard]] const std::string& why_not() const noexcept { return why_not_; }

  /// Files with other names, sizes or headers than those of `version` become of no use.
  void require_tables_of(const io::checkpoint& version);

  /// Reads the chunks whose digests no source has told, and adds their digests if they are those that the
  /// hosts had which have not answered. If none is, the files become of no use. `options` has the sizes of
  /// the plan. Throws what io::read_chunk_digests throws.
  void add_digests(actors::chunk_digests& digests, const actors::weights_version& version,
                   const node_options& options, const std::stop_token& stop);

  void refuse(const std::string& why);

private:
  std::filesystem::path path_;
  std::shared_ptr<const io::checkpoint> files_;
  std::string why_not_;
};

} // namespace ckpt::apps
