// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

#include "apps/node/dry_run.hpp"

#include "actors/update/verdict.hpp"
#include "io/error.hpp"

#include <algorithm>
#include <sstream>

namespace ckpt::apps {
namespace {

[[nodiscard]] std::uint64_t bytes_read_here(const actors::cluster_layout& layout,
                                            const io::bucket_plan& plan) {
  std::uint64_t bytes = 0;
  for (const auto& bucket : plan.buckets)
    if (layout.ranks_of_host(layout.host).contains(bucket.owner))
      bytes += bucket.tensor_bytes;
  return bytes;
}

} // namespace

std::string describe_plan(const node_options& options, const io::checkpoint& checkpoint,
                          const io::bucket_plan& plan) {
  using actors::describe_bytes;
  std::ostringstream out;
  out << "checkpoint  " << checkpoint.path.string() << '\n';
  for (const auto& file : checkpoint.files)
    out << "  file      " << file.path.filename().string() << "  " << describe_bytes(file.bytes)
        << (file.in_memory ? "  (in memory)" : "") << '\n';
  for (const auto& remark : checkpoint.remarks)
    out << "  note      " << remark << '\n';
  out << "tensors     " << checkpoint.tensors.size() << ", " << describe_bytes(checkpoint.tensor_bytes)
      << '\n';
  if (!checkpoint.tensors.empty()) {
    const auto& largest = *std::ranges::max_element(checkpoint.tensors, {},
                                                    [](const auto& tensor) { return tensor.bytes.length; });
    out << "largest     " << largest.name << ", " << describe_bytes(largest.bytes.length) << '\n';
  }
  out << "groups      " << plan.group_count << " that stay together, the largest "
      << io::printable(plan.largest.name) << ", " << describe_bytes(plan.largest.bytes) << '\n';
  for (const auto& module : plan.divided)
    out << "  divided   " << io::printable(module.name) << ", " << describe_bytes(module.bytes) << ", into "
        << module.parts << ": larger than " << describe_bytes(io::attention_bytes_max)
        << " and than every tensor\n";
  out << "buckets     " << plan.buckets.size() << " of at most " << describe_bytes(plan.bucket_bytes) << '\n'
      << "reads       " << plan.chunks.size() << ", " << describe_bytes(plan.read_bytes) << '\n';
  const auto slabs =
      actors::slab_count(options.update.host_memory_bytes, plan, options.update.chunk_bytes, options.layout);
  if (options.layout.hosts > 1)
    out << "hosts       " << options.layout.hosts << ", this is host " << options.layout.host << " ("
        << options.place.source << "); it reads " << describe_bytes(bytes_read_here(options.layout, plan))
        << '\n';
  out << "memory      " << describe_bytes(slabs * options.update.chunk_bytes) << " of this host for staging\n"
      << "ring        " << describe_bytes(plan.ring_bytes) << " of each of "
      << options.layout.devices_per_host << " device(s): the largest group and two buckets\n";
  for (std::size_t engine = 0; engine < options.update.endpoints.size(); ++engine)
    out << "engine      " << options.update.endpoints[engine].url << " (" << io::name(options.update.engine)
        << "), " << options.layout.devices_per_engine << " worker(s)\n";
  out << "nothing was moved";
  return out.str();
}

} // namespace ckpt::apps
