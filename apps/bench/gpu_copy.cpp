// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

#include "apps/bench/gpu_copy.hpp"

#include "apps/bench/stopwatch.hpp"
#include "apps/synthetic.hpp"
#include "gpu/cuda/cuda_device.hpp"
#include "gpu/cuda/cuda_error.hpp"
#include "gpu/cuda/plain_copy.hpp"
#include "io/read/slab_pool.hpp"

#include <algorithm>
#include <deque>
#include <memory>
#include <span>
#include <stdexcept>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

namespace ckpt::apps::bench {
namespace {

/// No single copy takes that long.
constexpr std::chrono::seconds wait_max{60};

std::unique_ptr<gpu::device> open_gpu(std::uint32_t number) {
  const std::uint32_t numbers[] = {number};
  auto devices = gpu::open_cuda_devices(numbers);
  return std::move(devices.front());
}

/// Uses slabs and ring as disk reader and stager do, as if every chunk had been read before it is wanted.
///
///   slabs   [ 7 ][ 2 ][ 5 ] ...         any free one, one chunk each
///   ring    [ 0 ][ 1 ][ 2 ] ... [ n ]   places in turn; the last is followed by the first
///
/// A place is written again while the copy to it may be under way: copies of one device complete in order.
class staging_copy {
public:
  /// Opens the GPU first: where there is none, no memory is touched.
  explicit staging_copy(const gpu_copy_options& options)
      : options_{options}, slabs_{static_cast<std::uint32_t>(options.host_memory_bytes / options.chunk_bytes),
                                  options.chunk_bytes},
        device_{open_gpu(options.gpu)}, places_(2 * options.bucket_bytes / options.chunk_bytes) {
    if (const auto node = device_->memory_node())
      std::ignore = slabs_.place_on(std::span{&*node, 1}); // Before the first touch, as in an update.
    for (io::slab_index slab = 0; slab < slabs_.count(); ++slab)
      fill_content(content_key("slab " + std::to_string(slab), 1), io::dtype::u8, 0, slabs_.bytes(slab));
    device_->pin(slabs_.memory());
    device_->begin_run(2 * options.bucket_bytes);
  }

  [[nodiscard]] const std::string& description() const noexcept { return device_->description(); }

  [[nodiscard]] measurement run() {
    const stopwatch watch;
    std::uint64_t issued_bytes = 0;
    while (issued_bytes < options_.bytes || !under_way_.empty()) {
      while (issued_bytes < options_.bytes && slabs_.free_count() > 0) {
        const auto length = std::min(options_.chunk_bytes, options_.bytes - issued_bytes);
        issue(length);
        issued_bytes += length;
      }
      collect();
    }
    return watch.stop(options_.bytes);
  }

  /// Compares every place of the ring with the slab that was last copied there.
  void verify() {
    std::vector<std::byte> arrived(options_.chunk_bytes);
    for (std::size_t index = 0; index < places_.size(); ++index) {
      const auto [slab, length] = places_[index];
      const auto seen = std::span{arrived}.first(length);
      gpu::read_back(*device_, index * options_.chunk_bytes, seen);
      if (!std::ranges::equal(seen, slabs_.bytes(slab).first(length)))
        throw std::runtime_error{description() + " has other bytes than were copied to it, in the "
                                 + std::to_string(length) + " bytes from "
                                 + std::to_string(index * options_.chunk_bytes) + " on of its ring"};
    }
  }

private:
  struct copy_under_way {
    gpu::ticket ticket = 0;
    io::slab_index slab = 0;
  };

  struct place {
    io::slab_index slab = 0;
    std::uint64_t length = 0; ///< 0: nothing was copied there
  };

  void issue(std::uint64_t length) {
    const auto slab = *slabs_.take();
    const gpu::copy_piece pieces[] = {{0, next_place_ * options_.chunk_bytes, length}};
    under_way_.push_back({device_->copy(slabs_.bytes(slab).data(), pieces), slab});
    places_[next_place_] = {slab, length};
    next_place_ = (next_place_ + 1) % places_.size();
  }

  /// Waits until at least one copy is done, and frees the slabs of all that are.
  void collect() {
    const auto progress = device_->wait(completed_, wait_max);
    if (progress.failure)
      throw gpu::cuda_error{progress.failure->what};
    if (progress.completed == completed_)
      throw std::runtime_error{"no copy to " + description() + " was done within a minute"};
    completed_ = progress.completed;
    for (; !under_way_.empty() && under_way_.front().ticket <= completed_; under_way_.pop_front())
      slabs_.give_back(under_way_.front().slab);
  }

  gpu_copy_options options_;
  io::slab_pool slabs_; // Outlives the device, which has this memory pinned.
  std::unique_ptr<gpu::device> device_;
  std::vector<place> places_;
  std::size_t next_place_ = 0;
  std::deque<copy_under_way> under_way_;
  gpu::ticket completed_ = 0;
};

} // namespace

void measure_gpu_copy(const gpu_copy_options& options, bench_report& report) {
  staging_copy staging{options};
  const auto plain = gpu::make_plain_copy(options.gpu);
  const auto copy_plainly = [&] {
    const stopwatch watch;
    plain->run(options.bytes);
    return watch.stop(options.bytes);
  };
  // CUDA's setup on first use must not count in a round.
  static_cast<void>(staging.run());
  staging.verify();
  static_cast<void>(copy_plainly());

  series ours{"staging to GPU", {}};
  series theirs{"plain cudaMemcpyAsync 256MiB", {}};
  for (unsigned round = 0; round < options.rounds; ++round) {
    if (round % 2 == 0)
      ours.rounds.push_back(staging.run());
    theirs.rounds.push_back(copy_plainly());
    if (round % 2 == 1)
      ours.rounds.push_back(staging.run());
  }
  report.measured.insert(report.measured.end(), {std::move(ours), std::move(theirs)});
  report.remarks.push_back(staging.description());
}

} // namespace ckpt::apps::bench
