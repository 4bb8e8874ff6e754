// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

#include "actors/update/stager.hpp"

#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

namespace ckpt::actors {
namespace {

using namespace std::chrono_literals;
using self_pointer = stager_actor::stateful_pointer<stager_state>;

/// How long one look for completions may keep messages waiting.
constexpr auto completion_wait = 1ms;

void issue(stager_state& state, const chunk_ready& chunk) {
  const auto& plan = state.context->plan;
  const auto& planned = plan.chunks[chunk.chunk];
  const auto slot_offset = plan.buckets[planned.bucket].slot_offset;
  auto& meter = state.context->device_meter_list[state.device]->copy;
  meter.buckets.begin(planned.bucket);
  std::vector<gpu::copy_piece> pieces;
  pieces.reserve(planned.copies.size());
  for (const auto& copy : plan.copies_of(planned)) {
    pieces.push_back({copy.window_offset, slot_offset + copy.bucket_offset, copy.length});
    meter.add_bytes(copy.length);
  }
  const auto ticket = state.context->devices[state.device]->copy(chunk.data, pieces);
  state.copying.push_back({ticket, chunk});
}

/// Issues the copies whose slots are free, and keeps looking for completions while any are under way.
void pump(self_pointer self) {
  auto& state = self->state;
  std::deque<chunk_ready> still_waiting;
  for (const auto& chunk : state.waiting) {
    if (state.context->slot_is_free(state.context->plan.chunks[chunk.chunk].bucket, state.acknowledged))
      issue(state, chunk);
    else
      still_waiting.push_back(chunk);
  }
  state.waiting = std::move(still_waiting);
  state.context->device_meter_list[state.device]->copy.set_busy(!state.copying.empty());
  if (!state.copying.empty() && !state.ticking) {
    state.ticking = true;
    self->send(self, tick_atom_v);
  }
}

void fail(self_pointer self, const gpu::queue_failure& failure) {
  auto& state = self->state;
  state.failed = true;
  const auto& context = *state.context;
  const auto chunk = state.copying.empty() ? 0 : state.copying.front().chunk.chunk;
  const auto& path = context.checkpoint.files[context.plan.chunks[chunk].file].path.string();
  if (failure.source_lost)
    self->send(state.conductor, part_failed{{ec::checkpoint_invalid, path + ": " + failure.what}});
  else
    self->send(state.conductor,
               part_failed{{ec::unspecified, "copying " + path + " to "
                                                 + context.devices[state.device]->description() + ": "
                                                 + failure.what}});
}

void look_for_completions(self_pointer self) {
  auto& state = self->state;
  state.ticking = false;
  const auto progress = state.context->devices[state.device]->wait(state.completed, completion_wait);
  state.completed = progress.completed;
  while (!state.copying.empty() && state.copying.front().ticket <= state.completed) {
    const auto chunk = state.copying.front().chunk;
    state.copying.pop_front();
    self->send(state.reader, slab_free{chunk.chunk, chunk.slab});
    const auto bucket = state.context->plan.chunks[chunk.chunk].bucket;
    if (--state.chunks_left[bucket] > 0)
      continue;
    state.context->device_meter_list[state.device]->copy.buckets.end(bucket);
    self->send(state.broadcaster, bucket_staged{bucket});
  }
  if (progress.failure)
    fail(self, *progress.failure);
  else
    pump(self);
}

} // namespace

stager_actor::behavior_type stager(self_pointer self, update_ptr context, std::uint32_t device,
                                   conductor_actor conductor, broadcaster_actor broadcaster) {
  auto& state = self->state;
  state.context = std::move(context);
  state.device = device;
  state.conductor = std::move(conductor);
  state.broadcaster = std::move(broadcaster);
  for (const auto& bucket : state.context->plan.buckets)
    state.chunks_left.push_back(bucket.chunks.size());
  return {
      [self](start_atom) {
        const auto& buckets = self->state.context->plan.buckets;
        for (std::uint32_t bucket = 0; bucket < buckets.size(); ++bucket)
          if (buckets[bucket].owner == self->state.context->rank_of(self->state.device)
              && buckets[bucket].chunks.size() == 0)
            self->send(self->state.broadcaster, bucket_staged{bucket});
      },
      [self](const chunk_ready& chunk) {
        self->state.reader = caf::actor_cast<chunk_source_actor>(self->current_sender());
        self->state.waiting.push_back(chunk);
        if (!self->state.failed)
          pump(self);
      },
      [self](const buckets_acknowledged& acknowledged) {
        self->state.acknowledged = acknowledged.count;
        if (!self->state.failed)
          pump(self);
      },
      [self](tick_atom) {
        if (!self->state.failed)
          look_for_completions(self);
      },
  };
}

} // namespace ckpt::actors
