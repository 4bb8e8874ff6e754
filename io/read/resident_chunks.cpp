// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

#include "io/read/resident_chunks.hpp"

#include "io/error.hpp"
#include "io/read/source_file.hpp"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <map>
#include <string>
#include <thread>

#include <sys/mman.h>
#include <xxhash.h>

namespace ckpt::io {
namespace {

using namespace std::chrono_literals;
using clock = std::chrono::steady_clock;

/// How often a wait for reads checks whether it has to stop.
constexpr auto look_every = 50ms;

/// Time for reads under way to end after a failure.
constexpr auto drain_wait = 5s;

[[nodiscard]] std::span<std::byte> map_memory(std::uint64_t bytes) {
  if (bytes == 0)
    return {};
  void* memory = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED)
    throw system_failure(errno, "mmap", std::to_string(bytes) + " bytes to keep a version in memory");
  ::madvise(memory, bytes, MADV_HUGEPAGE); // Advice only: small pages work as well.
  // After a fork, copy-on-write could move a page away from a read that is under way into it.
  ::madvise(memory, bytes, MADV_DONTFORK);
  return {static_cast<std::byte*>(memory), bytes};
}

/// The files that are read now. A file is open from its first chunk to its last.
class open_files {
public:
  open_files(const checkpoint& source, const bucket_plan& plan, std::span<const std::uint32_t> chunks)
      : source_{source} {
    for (const auto chunk : chunks)
      ++chunks_left_[plan.chunks[chunk].file];
  }

  const source_file& open(std::uint32_t file) {
    auto& opened = files_[file];
    if (!opened)
      opened = std::make_unique<source_file>(source_.files[file]);
    return *opened;
  }

  void one_is_read(std::uint32_t file) {
    if (--chunks_left_[file] == 0)
      files_.erase(file);
  }

private:
  const checkpoint& source_;
  std::map<std::uint32_t, std::uint32_t> chunks_left_;
  std::map<std::uint32_t, std::unique_ptr<source_file>> files_;
};

} // namespace

std::uint64_t chunk_digest(std::span<const std::byte> needed) noexcept {
  return XXH3_64bits(needed.data(), needed.size());
}

resident_chunks::resident_chunks(const checkpoint& source, const bucket_plan& plan,
                                 std::span<const std::uint32_t> chunks, const resident_options& options,
                                 const std::stop_token& stop)
    : places_(plan.chunks.size()) {
  make_room(plan, chunks);
  try {
    read_all(source, plan, chunks, options, stop);
    for (const auto& file : source.files)
      require_unchanged(file);
  } catch (...) {
    if (!memory_.empty())
      ::munmap(memory_.data(), memory_.size());
    throw;
  }
}

resident_chunks::resident_chunks(const bucket_plan& plan, std::span<const std::uint32_t> chunks,
                                 std::span<const std::uint64_t> digests)
    : places_(plan.chunks.size()) {
  make_room(plan, chunks);
  for (std::size_t i = 0; i < chunks.size(); ++i)
    places_[chunks[i]].digest = digests[i];
}

void resident_chunks::make_room(const bucket_plan& plan, std::span<const std::uint32_t> chunks) {
  std::uint64_t bytes = 0;
  for (const auto chunk : chunks) {
    places_[chunk] = {nullptr, plan.chunks[chunk].needed_bytes, plan.chunks[chunk].window.length, 0};
    bytes += plan.chunks[chunk].window.length;
  }
  memory_ = map_memory(bytes);
  auto* next = memory_.data();
  for (const auto chunk : chunks) {
    places_[chunk].data = next;
    next += places_[chunk].room_bytes;
  }
}

std::byte* resident_chunks::move_room(std::uint32_t chunk) {
  auto& place = places_[chunk];
  place.data = map_memory(place.room_bytes).data();
  abandon();
  return place.data;
}

resident_chunks::~resident_chunks() noexcept {
  if (is_abandoned_)
    return;
  if (!memory_.empty())
    ::munmap(memory_.data(), memory_.size());
}

void resident_chunks::read_all(const checkpoint& source, const bucket_plan& plan,
                               std::span<const std::uint32_t> chunks, const resident_options& options,
                               const std::stop_token& stop) {
  open_files files{source, plan, chunks}; // Outlives the reader.
  auto settings = options.reader;
  for (const auto chunk : chunks)
    settings.request_bytes_max = std::max(settings.request_bytes_max, plan.chunks[chunk].window.length);
  const auto reader = make_chunk_reader(settings, [](std::string_view) {});
  const auto began = clock::now();
  auto last_completion = began;
  std::uint64_t submitted_bytes = 0;
  std::size_t next = 0, done = 0;
  std::vector<read_result> results;
  const auto is_early = [&] {
    if (options.bytes_per_second_max == 0)
      return false;
    const std::chrono::duration<double> due{static_cast<double>(submitted_bytes)
                                            / static_cast<double>(options.bytes_per_second_max)};
    return clock::now() - began < due;
  };
  // On every way out of here: no read writes to the memory any more, or the memory stays mapped for ever.
  const std::shared_ptr<void> at_end{nullptr, [&](void*) {
                                       if (reader->in_flight() > 0 && !reader->drain(drain_wait))
                                         memory_ = {};
                                     }};
  while (done < chunks.size()) {
    if (stop.stop_requested())
      throw system_failure(ECANCELED, "read", source.path.native());
    for (; next < chunks.size() && !is_early(); ++next) {
      const auto& planned = plan.chunks[chunks[next]];
      const auto& place = places_[chunks[next]];
      const bool was_idle = reader->in_flight() == 0;
      if (!reader->submit(
              {&files.open(planned.file), planned.window, planned.needed_bytes, place.data, chunks[next]}))
        break;
      if (was_idle)
        last_completion = clock::now();
      submitted_bytes += planned.window.length;
    }
    results.clear();
    if (reader->in_flight() == 0)
      std::this_thread::sleep_for(1ms); // Held back by the limit.
    else if (reader->wait(look_every, results) > 0)
      last_completion = clock::now();
    else if (clock::now() - last_completion > options.timeout)
      throw system_failure(ETIMEDOUT, "read", source.path.native());
    for (const auto& result : results) {
      const auto chunk = static_cast<std::uint32_t>(result.tag);
      const auto& planned = plan.chunks[chunk];
      const auto& file = source.files[planned.file];
      if (result.error) {
        require_unchanged(file); // A changed file explains the error better.
        throw checkpoint_error{file.path.native(), "reading " + std::to_string(planned.window.length)
                                                       + " bytes at " + std::to_string(planned.window.offset)
                                                       + " failed: " + result.error.message()};
      }
      auto& place = places_[chunk];
      place.digest = chunk_digest({place.data, place.bytes});
      files.one_is_read(planned.file);
      ++done;
    }
  }
}

const std::byte* resident_chunks::find(std::uint32_t chunk) const noexcept { return places_[chunk].data; }

std::byte* resident_chunks::room(std::uint32_t chunk) noexcept { return places_[chunk].data; }

std::optional<std::uint32_t> resident_chunks::find_changed() const {
  constexpr std::uint32_t none = ~0u;
  const auto began = clock::now();
  std::atomic<std::uint32_t> next{0}, changed{none};
  const auto compare = [&] {
    for (auto chunk = next++; chunk < places_.size() && changed == none; chunk = next++)
      if (const auto& place = places_[chunk];
          place.bytes > 0 && chunk_digest({place.data, place.bytes}) != place.digest)
        changed = chunk;
  };
  {
    std::vector<std::jthread> helpers;
    try {
      for (auto more = useful_copying_threads(); more > 1; --more)
        helpers.emplace_back(compare);
    } catch (const std::system_error&) {
      // No more threads can be started: those that run do the work.
    }
    compare();
  }
  if (changed != none)
    return changed.load();
  intact_at_ = began;
  return std::nullopt;
}

} // namespace ckpt::io
