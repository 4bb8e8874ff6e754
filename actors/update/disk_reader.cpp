// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

#include "actors/update/disk_reader.hpp"

#include "actors/update/chunk_source.hpp"
#include "io/error.hpp"

#include <algorithm>
#include <string>

#include <caf/exit_reason.hpp>
#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

#include <spdlog/spdlog.h>

namespace ckpt::actors {
namespace {

using namespace std::chrono_literals;
using self_pointer = chunk_source_actor::stateful_pointer<disk_reader_state>;

/// Chunks of files in memory that may wait for their copy: they take no slab, only a message.
constexpr std::uint32_t mapped_chunks_max = 64;

/// Slabs that may wait for their copy as long as files come from the page cache: so many for each device, and
/// so many more. To read further ahead would gain nothing, as the files are in memory already; and few slabs
/// stay in the processor's cache.
constexpr std::uint32_t cached_slabs_per_device = 8;
constexpr std::uint32_t cached_slabs_beside = 8;

/// How long one look for completions may keep messages waiting.
constexpr auto completion_wait = 2ms;

/// How long reads under way may take to end when the update has failed.
constexpr auto drain_wait = 5s;

void fail(self_pointer self, cause why) {
  auto& state = self->state;
  if (state.failed)
    return;
  state.failed = true;
  self->send(state.conductor, part_failed{std::move(why)});
}

open_file& open(disk_reader_state& state, std::uint32_t file) {
  auto& entry = state.context->files[file];
  if (!entry.file) {
    entry.chunks_left = state.chunks_left_by_file[file];
    entry.file = std::make_unique<io::source_file>(state.context->checkpoint.files[file]);
    // To pin a file in memory for a GPU takes longer than to copy it to memory that is pinned.
    entry.is_in_place = entry.file->mapping() != nullptr
                        && std::ranges::all_of(state.context->devices, [](const auto& device) {
                             return device->copies_from_anywhere();
                           });
    if (entry.file->direct_fd() < 0 && entry.file->mapping() == nullptr)
      spdlog::info("{}: its file system has no direct I/O; reading through the page cache",
                   entry.file->path());
  }
  return entry;
}

void hand_over(self_pointer self, std::uint32_t chunk, std::optional<io::slab_index> slab,
               const std::byte* data) {
  auto& state = self->state;
  const auto& planned = state.context->plan.chunks[chunk];
  state.context->disk_meter.add_bytes(planned.needed_bytes);
  state.context->disk_meter.buckets.end_piece(planned.bucket,
                                              state.context->plan.buckets[planned.bucket].chunks.size());
  self->send(state.stagers[device_of(*state.context, planned)], chunk_ready{chunk, slab, data});
}

/// Hands over the next chunk, of a file in memory. False when that has to wait.
[[nodiscard]] bool hand_over_in_place(self_pointer self, const io::source_file& file) {
  auto& state = self->state;
  if (state.mapped_chunks == mapped_chunks_max)
    return false;
  const auto chunk = state.chunks[state.next];
  const auto& planned = state.context->plan.chunks[chunk];
  ++state.mapped_chunks;
  ++state.next;
  state.context->in_place_bytes += planned.needed_bytes;
  hand_over(self, chunk, std::nullopt, file.mapping() + planned.window.offset);
  return true;
}

/// Hands over the next chunk, which this host keeps in its memory. False when that has to wait.
[[nodiscard]] bool hand_over_resident(self_pointer self, const io::resident_chunks& kept) {
  auto& state = self->state;
  if (state.mapped_chunks == mapped_chunks_max)
    return false;
  const auto chunk = state.chunks[state.next];
  ++state.mapped_chunks;
  ++state.next;
  state.context->in_place_bytes += state.context->plan.chunks[chunk].needed_bytes;
  hand_over(self, chunk, std::nullopt, kept.find(chunk));
  return true;
}

/// True when what is read comes from the page cache, and enough of it waits for its copy.
[[nodiscard]] bool is_far_ahead_of_copies(const disk_reader_state& state) {
  const auto devices = static_cast<std::uint32_t>(state.context->devices.size());
  return state.is_cached && state.slabs_taken >= cached_slabs_per_device * devices + cached_slabs_beside;
}

/// Starts as many reads as slabs and queue have room for.
void pump(self_pointer self) {
  auto& state = self->state;
  const auto& plan = state.context->plan;
  while (!state.failed && state.next < state.chunks.size()) {
    const auto chunk = state.chunks[state.next];
    const auto& planned = plan.chunks[chunk];
    if (state.context->version->resident) {
      if (!hand_over_resident(self, *state.context->version->resident))
        break;
      continue;
    }
    auto& source = open(state, planned.file);
    if (source.is_in_place) {
      if (!hand_over_in_place(self, *source.file))
        break;
      continue;
    }
    if (is_far_ahead_of_copies(state))
      break;
    const auto& device = *state.context->devices[device_of(*state.context, planned)];
    const auto slab = state.context->slabs->take(device.memory_node());
    if (!slab)
      break;
    const io::read_request request{source.file.get(), planned.window, planned.needed_bytes,
                                   state.context->slabs->bytes(*slab).data(), chunk};
    if (!state.reader->submit(request)) {
      state.context->slabs->give_back(*slab);
      break;
    }
    if (state.reading.empty())
      state.last_completion = meter::clock::now();
    state.context->disk_meter.buckets.begin(planned.bucket);
    state.reading.emplace(chunk, *slab);
    ++state.slabs_taken;
    ++state.next;
  }
  state.context->disk_meter.set_busy(!state.reading.empty());
  if (!state.reading.empty() && !state.ticking) {
    state.ticking = true;
    self->send(self, tick_atom_v);
  }
}

void complete(self_pointer self, const io::read_result& result) {
  auto& state = self->state;
  const auto chunk = static_cast<std::uint32_t>(result.tag);
  const auto& planned = state.context->plan.chunks[chunk];
  const auto slab = state.reading.at(chunk);
  state.reading.erase(chunk);
  if (result.error) {
    state.context->slabs->give_back(slab);
    io::require_unchanged(state.context->checkpoint.files[planned.file]); // Throws the better cause.
    const auto& path = state.context->checkpoint.files[planned.file].path.string();
    fail(self, {ec::checkpoint_invalid, path + ": reading " + std::to_string(planned.window.length)
                                            + " bytes at " + std::to_string(planned.window.offset)
                                            + " failed: " + result.error.message()});
    return;
  }
  state.is_cached = result.path == io::read_path::page_cache;
  if (state.is_cached)
    state.context->page_cache_bytes += planned.needed_bytes;
  hand_over(self, chunk, slab, state.context->slabs->bytes(slab).data());
}

void look_for_completions(self_pointer self) {
  auto& state = self->state;
  state.ticking = false;
  std::vector<io::read_result> results;
  state.reader->wait(completion_wait, results);
  const auto now = meter::clock::now();
  if (!results.empty())
    state.last_completion = now;
  for (const auto& result : results)
    complete(self, result);
  if (!state.reading.empty() && now - state.last_completion > state.context->options.timeout) {
    const auto& planned = state.context->plan.chunks[state.reading.begin()->first];
    fail(self,
         {ec::timed_out, state.context->checkpoint.files[planned.file].path.string() + ": no read at "
                             + std::to_string(planned.window.offset) + " came back within the timeout"});
    return; // Stops ticking: the conductor ends this actor.
  }
  pump(self);
}

void release(self_pointer self, const slab_free& freed) {
  auto& state = self->state;
  if (freed.slab) {
    state.context->slabs->give_back(*freed.slab);
    --state.slabs_taken;
  } else {
    --state.mapped_chunks;
  }
  if (state.context->version->resident)
    return pump(self);
  const auto file = state.context->plan.chunks[freed.chunk].file;
  auto& source = state.context->files.at(file);
  if (--source.chunks_left == 0) {
    io::require_unchanged(state.context->checkpoint.files[file]); // The earliest time at which that is known.
    state.context->files.erase(file);
  }
  pump(self);
}

/// Compares all files, even those of which this host has read only the header.
void check_files(self_pointer self) {
  auto& state = self->state;
  if (state.failed)
    return;
  if (!state.context->version->resident) // Kept chunks were compared when they were read.
    for (const auto& file : state.context->checkpoint.files)
      io::require_unchanged(file);
  self->send(state.conductor, checked_atom_v);
}

/// Runs `work` and turns what it throws into the update's failure.
template <class Function>
void guarded(self_pointer self, Function work) {
  try {
    work();
  } catch (const std::exception& error) {
    fail(self, to_cause(error, ec::checkpoint_invalid));
  }
}

void choose_chunks(disk_reader_state& state) {
  const auto& plan = state.context->plan;
  state.chunks = owned_chunks(state.context->layout, plan);
  state.chunks_left_by_file.resize(state.context->checkpoint.files.size());
  for (const auto chunk : state.chunks)
    ++state.chunks_left_by_file[plan.chunks[chunk].file];
}

} // namespace

chunk_source_actor::behavior_type disk_reader(self_pointer self, update_ptr context,
                                              conductor_actor conductor, std::vector<stager_actor> stagers) {
  auto& state = self->state;
  state.context = std::move(context);
  state.conductor = std::move(conductor);
  state.stagers = std::move(stagers);
  choose_chunks(state);
  self->set_exit_handler([self](const caf::exit_msg& message) {
    auto& reader = self->state.reader;
    self->state.context->disk_meter.set_busy(false);
    if (reader && !reader->drain(drain_wait)) {
      spdlog::error("reads are stuck in the kernel; their memory is left alone");
      self->state.context->slabs->abandon();
      static_cast<void>(reader.release());
    }
    self->quit(message.reason);
  });
  return {
      [self](start_atom) {
        guarded(self, [&] {
          io::chunk_reader_options options;
          options.in_flight_max = self->state.context->options.reads_in_flight_max;
          options.request_bytes_max = self->state.context->options.chunk_bytes;
          self->state.reader =
              io::make_chunk_reader(options, [](std::string_view line) { spdlog::warn("{}", line); });
          self->state.context->reader_engine = self->state.reader->engine_name().data();
          pump(self);
        });
      },
      [self](const slab_free& freed) { guarded(self, [&] { release(self, freed); }); },
      [self](check_atom) { guarded(self, [&] { check_files(self); }); },
      [self](tick_atom) { guarded(self, [&] { look_for_completions(self); }); },
  };
}

} // namespace ckpt::actors
