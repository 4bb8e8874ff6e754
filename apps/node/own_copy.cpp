// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

#include "apps/node/own_copy.hpp"

#include "actors/update/chunk_source.hpp"
#include "apps/node/service/file_system_look.hpp"
#include "io/plan/plan_digest.hpp"
#include "io/read/chunk_digests.hpp"

#include <algorithm>
#include <cstdint>
#include <utility>
#include <vector>

#include <spdlog/spdlog.h>

namespace ckpt::apps {
namespace {

/// True when both have the same files, as far as names, sizes and headers tell.
[[nodiscard]] bool have_same_tables(const io::checkpoint& left, const io::checkpoint& right) {
  const auto is_same_file = [](const io::checkpoint_file& one, const io::checkpoint_file& other) {
    return one.path.filename() == other.path.filename() && one.bytes == other.bytes
           && one.data_offset == other.data_offset;
  };
  const auto is_same_tensor = [](const io::checkpoint_tensor& one, const io::checkpoint_tensor& other) {
    return one.name == other.name && one.type == other.type && one.shape == other.shape
           && one.file == other.file && one.bytes.offset == other.bytes.offset
           && one.bytes.length == other.bytes.length;
  };
  return std::ranges::equal(left.files, right.files, is_same_file)
         && std::ranges::equal(left.tensors, right.tensors, is_same_tensor);
}

/// Learns from the metas file which of the digests in `found`, of this host's own files, are those that the
/// hosts had which have not answered. The file has a digest of each host's whole share; which chunks are in
/// it depends on the number of devices that each of the hosts had. Returns what is known then.
[[nodiscard]] actors::chunk_digests confirm(const actors::chunk_digests& found,
                                            const actors::weights_version& version, const io::metas& metas,
                                            const node_options& options) {
  constexpr std::uint32_t devices_max = 16; // Of one host: the plan is made again for each number.
  actors::chunk_digests confirmed(found.size());
  actors::cluster_layout layout;
  layout.hosts = static_cast<std::uint32_t>(metas.hosts.size());
  bool is_any = false;
  for (layout.devices_per_host = 1; layout.devices_per_host <= devices_max && !is_any;
       ++layout.devices_per_host) {
    const auto plan = io::plan_buckets(version.checkpoint,
                                       {version.plan.bucket_bytes, options.update.chunk_bytes,
                                        layout.rank_count(), layout.devices_per_host, options.keep_together});
    for (layout.host = 0; layout.host < layout.hosts; ++layout.host) {
      const auto chunks = actors::owned_chunks(layout, plan);
      std::vector<std::uint64_t> digests;
      for (const auto chunk : chunks)
        digests.push_back(found[chunk].value());
      if (io::digest_of_share(chunks, digests) != metas.hosts[layout.host].share_digest)
        continue;
      is_any = true;
      for (const auto chunk : chunks)
        confirmed[chunk] = found[chunk];
    }
  }
  return confirmed;
}

} // namespace

own_copy::own_copy(std::filesystem::path path, std::chrono::milliseconds timeout, const std::stop_token& stop)
    : path_{std::move(path)} {
  if (path_.empty())
    return;
  using pointer = std::shared_ptr<const io::checkpoint>;
  try {
    const auto open = [from = path_] {
      return std::make_shared<const io::checkpoint>(io::open_checkpoint(from));
    };
    file_system_look<pointer> headers;
    if (auto opened = headers.look(open, timeout, stop))
      files_ = std::move(*opened);
    else
      refuse("the file system does not answer");
  } catch (const std::exception& error) {
    refuse(error.what());
  }
}

void own_copy::refuse(const std::string& why) {
  files_.reset();
  why_not_ = "; the files of " + path_.string() + ": " + why;
  spdlog::warn("the weights can only come from other hosts{}", why_not_);
}

void own_copy::require_tables_of(const io::checkpoint& version) {
  if (files_ && !have_same_tables(*files_, version))
    refuse("they are not those of the version of --load-metas-file");
}

void own_copy::add_digests(actors::chunk_digests& digests, const actors::weights_version& version,
                           const node_options& options, const std::stop_token& stop) {
  std::vector<std::uint32_t> unknown;
  std::uint64_t bytes = 0;
  for (std::uint32_t chunk = 0; chunk < digests.size(); ++chunk)
    if (!digests[chunk]) {
      unknown.push_back(chunk);
      bytes += version.plan.chunks[chunk].needed_bytes;
    }
  spdlog::info("reading {} of {}, to compare it with what the hosts had that do not answer",
               actors::describe_bytes(bytes), path_.string());
  const auto read = io::read_chunk_digests(*files_, version.plan, unknown, options.update.timeout, stop);
  auto found = digests;
  for (std::size_t i = 0; i < unknown.size(); ++i)
    found[unknown[i]] = read[i];
  const auto confirmed = confirm(found, version, *options.peers.sources, options);
  for (const auto chunk : unknown)
    digests[chunk] = confirmed[chunk];
  if (std::ranges::none_of(unknown, [&](auto chunk) { return digests[chunk].has_value(); }))
    refuse("they have another content than those hosts had");
}

} // namespace ckpt::apps
