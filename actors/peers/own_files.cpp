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

/// With the name of the file; empty stays empty.
[[nodiscard]] std::string describe(const own_files_state& state, std::uint32_t chunk,
                                   const std::string& why_not) {
  const auto& file = state.files->files[state.context->plan.chunks[chunk].file];
  return why_not.empty() ? why_not : file.path.string() + ": " + why_not;
}

void answer(self_pointer self, std::uint32_t chunk, const std::string& why_not) {
  self->send(self->state.asker, own_read{chunk, describe(self->state, chunk, why_not), false});
}

void stop_reading(self_pointer self, const std::string& why) {
  for (auto& read : give_up_reads(self->state, why))
    self->send(self->state.asker, std::move(read));
}

[[nodiscard]] const io::source_file& open(own_files_state& state, std::uint32_t number) {
  auto& file = state.open[number];
  if (!file)
    file = std::make_unique<io::source_file>(state.files->files[number]);
  return *file;
}

/// Begins to read a chunk. False when that has to wait.
[[nodiscard]] bool submit(own_files_state& state, const read_own& asked) {
  const auto& planned = state.context->plan.chunks[asked.chunk];
  return state.reader->submit(
      {&open(state, planned.file), planned.window, planned.needed_bytes, asked.destination, asked.chunk});
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
      answer(self, asked.chunk, error.what()); // Nothing reads it.
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
  if (!state.reading.empty() && now - state.last_completion > state.context->options.timeout)
    return stop_reading(self, "no read came back within the timeout");
  pump(self);
}

void begin(self_pointer self, const read_own& asked) {
  auto& state = self->state;
  if (!state.given_up.empty())
    return answer(self, asked.chunk, state.given_up);
  state.waiting.push_back(asked);
  if (!state.reader) {
    io::chunk_reader_options options;
    options.in_flight_max = own_reads_max;
    options.request_bytes_max = state.context->options.chunk_bytes;
    state.reader = io::make_chunk_reader(options, [](std::string_view line) { spdlog::warn("{}", line); });
  }
  pump(self);
}

} // namespace

std::vector<own_read> give_up_reads(own_files_state& state, const std::string& why) {
  state.given_up = why;
  std::vector<own_read> answers;
  for (const auto& [chunk, asked] : std::exchange(state.reading, {}))
    answers.push_back({chunk, describe(state, chunk, why), true});
  for (const auto& asked : std::exchange(state.waiting, {}))
    answers.push_back({asked.chunk, describe(state, asked.chunk, why), false});
  return answers;
}

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
        self->state.asker = caf::actor_cast<peer_reader_actor>(self->current_sender());
        try {
          begin(self, asked);
        } catch (const std::exception& error) {
          stop_reading(self, error.what());
        }
      },
      [self](tick_atom) {
        if (self->current_sender() != self->ctrl())
          return;
        try {
          look(self);
        } catch (const std::exception& error) {
          stop_reading(self, error.what());
        }
      },
  };
}

} // namespace ckpt::actors
