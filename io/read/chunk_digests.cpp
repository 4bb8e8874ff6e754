// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

#include "io/read/chunk_digests.hpp"

#include "io/error.hpp"
#include "io/read/chunk_reader.hpp"
#include "io/read/resident_chunks.hpp"
#include "io/read/slab_pool.hpp"

#include <algorithm>
#include <cerrno>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace ckpt::io {
namespace {

using namespace std::chrono_literals;

/// Enough for a disk; so many chunks are in memory at a time.
constexpr std::uint32_t in_flight_max = 16;

/// How often a wait for reads checks whether it has to stop.
constexpr auto look_every = 50ms;

/// Time for reads under way to end after a failure.
constexpr auto drain_wait = 5s;

class digester {
public:
  digester(const checkpoint& source, const bucket_plan& plan, std::span<const std::uint32_t> chunks,
           std::uint64_t window_bytes_max)
      : source_{source}, plan_{plan}, chunks_{chunks}, slabs_{std::make_unique<slab_pool>(in_flight_max,
                                                                                          window_bytes_max)},
        digests_(chunks.size()), slab_of_(chunks.size()) {
    chunk_reader_options options;
    options.in_flight_max = in_flight_max;
    options.request_bytes_max = window_bytes_max;
    reader_ = make_chunk_reader(options, [](std::string_view) {});
  }
  digester(const digester&) = delete;
  digester& operator=(const digester&) = delete;

  ~digester() {
    if (!reader_->drain(drain_wait)) { // Stuck in the kernel, which may still write there.
      slabs_->abandon();
      static_cast<void>(reader_.release());
    }
  }

  [[nodiscard]] std::vector<std::uint64_t> run(std::chrono::milliseconds timeout,
                                               const std::stop_token& stop) {
    auto last_completion = std::chrono::steady_clock::now();
    std::vector<read_result> results;
    while (next_ < chunks_.size() || reader_->in_flight() > 0) {
      if (stop.stop_requested())
        throw system_failure(ECANCELED, "read", source_.path.native());
      submit();
      results.clear();
      const auto now = std::chrono::steady_clock::now();
      if (reader_->wait(look_every, results) > 0)
        last_completion = std::chrono::steady_clock::now();
      else if (now - last_completion > timeout)
        throw system_failure(ETIMEDOUT, "read", source_.path.native());
      for (const auto& result : results)
        take(result);
    }
    return std::move(digests_);
  }

private:
  void submit() {
    for (; next_ < chunks_.size(); ++next_) {
      const auto& planned = plan_.chunks[chunks_[next_]];
      auto& file = files_[planned.file];
      if (!file)
        file = std::make_unique<source_file>(source_.files[planned.file]);
      const auto slab = slabs_->take();
      if (!slab)
        return;
      if (!reader_->submit(
              {file.get(), planned.window, planned.needed_bytes, slabs_->bytes(*slab).data(), next_}))
        return slabs_->give_back(*slab);
      slab_of_[next_] = *slab;
    }
  }

  void take(const read_result& result) {
    const auto& planned = plan_.chunks[chunks_[result.tag]];
    const auto& file = source_.files[planned.file];
    if (result.error) {
      require_unchanged(file); // A changed file explains the error better.
      throw checkpoint_error{file.path.native(), "reading " + std::to_string(planned.window.length)
                                                     + " bytes at " + std::to_string(planned.window.offset)
                                                     + " failed: " + result.error.message()};
    }
    const auto slab = slab_of_[result.tag];
    digests_[result.tag] = chunk_digest(slabs_->bytes(slab).first(planned.needed_bytes));
    slabs_->give_back(slab);
  }

  const checkpoint& source_;
  const bucket_plan& plan_;
  std::span<const std::uint32_t> chunks_;
  std::unique_ptr<slab_pool> slabs_;
  std::map<std::uint32_t, std::unique_ptr<source_file>> files_;
  std::vector<std::uint64_t> digests_;
  std::vector<slab_index> slab_of_;      ///< by place in chunks_
  std::size_t next_ = 0;                 ///< into chunks_
  std::unique_ptr<chunk_reader> reader_; ///< declared last: it uses the files and the slabs
};

} // namespace

std::vector<std::uint64_t> read_chunk_digests(const checkpoint& source, const bucket_plan& plan,
                                              std::span<const std::uint32_t> chunks,
                                              std::chrono::milliseconds timeout,
                                              const std::stop_token& stop) {
  if (chunks.empty())
    return {};
  std::uint64_t window_bytes_max = 0;
  for (const auto chunk : chunks)
    window_bytes_max = std::max(window_bytes_max, plan.chunks[chunk].window.length);
  return digester{source, plan, chunks, window_bytes_max}.run(timeout, stop);
}

} // namespace ckpt::io
