// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

#include "actors/peers/own_files.hpp"

#include <string>
#include <utility>
#include <vector>

#include <caf/exit_reason.hpp>
#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

#include <spdlog/spdlog.h>

namespace ckpt::actors {
namespace {

using namespace std::chrono_literals;
using self_pointer = own_files_actor::stateful_pointer<own_files_state>;

/// How long one look for completions may keep messages waiting.
constexpr auto completion_wait = 2ms;

/// How long reads under way may take to end when the run is over.
constexpr auto drain_wait = 5s;

[[nodiscard]] const io::checkpoint_file& file_of(const own_files_state& state, std::uint32_t chunk) {
  return state.files->files[state.context->plan.chunks[chunk].file];
}

void answer(self_pointer self, std::uint32_t chunk, std::string why) {
  if (!why.empty())
    why = file_of(self->state, chunk).path.string() + ": " + why;
  self->send(self->state.asker, own_read{chunk, std::move(why)});
}

/// Begins to read a chunk. False when that has to wait.
[[nodiscard]] bool submit(own_files_state& state, const read_own& asked) {
  const auto& planned = state.context->plan.chunks[asked.chunk];
  auto& file = state.open[planned.file];
  if (!file)
    file = std::make_unique<io::source_file>(state.files->files[planned.file]);
  return state.reader->submit(
      {file.get(), planned.window, planned.needed_bytes, asked.destination, asked.chunk});
}

void pump(self_pointer self) {
  auto& state = self->state;
  while (!state.waiting.empty()) {
    const auto asked = state.waiting.front();
    try {
      if (!submit(state, asked))
        break;
      if (state.reading.empty())
        state.last_completion = meter::clock::now();
      state.reading.emplace(asked.chunk, asked);
    } catch (const std::exception& error) {
      answer(self, asked.chunk, error.what());
    }
    state.waiting.pop_front();
  }
  if (!state.reading.empty() && !state.ticking) {
    state.ticking = true;
    self->send(self, tick_atom_v);
  }
}

void look(self_pointer self) {
  auto& state = self->state;
  state.ticking = false;
  std::vector<io::read_result> results;
  state.reader->wait(completion_wait, results);
  const auto now = meter::clock::now();
  for (const auto& result : results) {
    state.last_completion = now;
    const auto chunk = static_cast<std::uint32_t>(result.tag);
    state.reading.erase(chunk);
    answer(self, chunk, result.error ? "reading it failed: " + result.error.message() : std::string{});
  }
  if (!state.reading.empty() && now - state.last_completion > state.context->options.timeout) {
    // The memory stays the kernel's: the reads are not forgotten, only given up.
    for (const auto& [chunk, asked] : state.reading)
      answer(self, chunk, "no read came back within the timeout");
    return;
  }
  pump(self);
}

} // namespace

own_files_actor::behavior_type own_files(self_pointer self, update_ptr context,
                                         std::shared_ptr<const io::checkpoint> files,
                                         std::shared_ptr<io::resident_chunks> kept) {
  auto& state = self->state;
  state.context = std::move(context);
  state.files = std::move(files);
  state.kept = std::move(kept);
  self->set_exit_handler([self](const caf::exit_msg& message) {
    auto& ended = self->state;
    if (ended.reader && !ended.reader->drain(drain_wait)) {
      spdlog::error("reads are stuck in the kernel; their memory is left alone");
      ended.context->slabs->abandon();
      if (ended.kept)
        ended.kept->abandon();
      static_cast<void>(ended.reader.release());
    }
    self->quit(message.reason);
  });
  return {
      [self](const read_own& asked) {
        auto& asking = self->state;
        asking.asker = caf::actor_cast<peer_reader_actor>(self->current_sender());
        try {
          if (!asking.reader) {
            io::chunk_reader_options options;
            options.in_flight_max = own_reads_max;
            options.request_bytes_max = asking.context->options.chunk_bytes;
            asking.reader =
                io::make_chunk_reader(options, [](std::string_view line) { spdlog::warn("{}", line); });
          }
          asking.waiting.push_back(asked);
          pump(self);
        } catch (const std::exception& error) {
          answer(self, asked.chunk, error.what());
        }
      },
      [self](tick_atom) {
        try {
          look(self);
        } catch (const std::exception& error) {
          for (const auto& [chunk, asked] : self->state.reading)
            answer(self, chunk, error.what());
        }
      },
  };
}

} // namespace ckpt::actors
