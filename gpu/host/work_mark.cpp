// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

#include "gpu/host/work_mark.hpp"

namespace ckpt::gpu {
namespace {

/// A file of no bytes cannot be mapped.
constexpr std::uint64_t file_bytes = 1;

std::string file_prefix(const std::string& uuid) { return "ckpt-actor-mark-" + uuid + "-"; }

} // namespace

work_mark::work_mark(const std::string& uuid, const std::filesystem::path& directory)
    : file_{directory, file_bytes, "a mark"} {
  // The own mark first: if this process is killed in between, at least one mark is left.
  file_.publish(file_prefix(uuid) + random_text());
  was_abandoned_ = remove_stale_files(directory, file_prefix(uuid)) > 0;
  stays_ = was_abandoned_;
}

void work_mark::take_away() noexcept {
  if (stays_)
    file_.leave_behind();
  else
    file_.hide();
}

} // namespace ckpt::gpu
