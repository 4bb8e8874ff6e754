// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

#include "actors/update/broadcaster.hpp"

#include "actors/update/deadlines.hpp"

#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

namespace ckpt::actors {
namespace {

using namespace std::chrono_literals;
using self_pointer = broadcaster_actor::stateful_pointer<broadcaster_state>;

/// How long one look for completions may keep messages waiting.
constexpr auto completion_wait = 1ms;

/// A bucket waits for the slowest host: until its server is ready, until its worker has opened the ring, and
/// until that worker has taken the buckets before. Each of these waits has a deadline on that host; when all
/// three have passed, no report will come any more.
constexpr int waits_of_a_host = 3;

/// Issues what may be issued: the next bucket of the sequence, as long as its slots here are free and, if
/// this host reads it, it is staged. Buckets that other hosts read need no staging here.
void pump(self_pointer self) {
  auto& state = self->state;
  const auto& buckets = state.context->plan.buckets;
  while (state.next < buckets.size()
         && (state.staged[state.next] || !state.context->is_owned_here(state.next))
         && state.context->slot_is_free(state.next, state.acknowledged)) {
    const auto& bucket = buckets[state.next];
    state.context->broadcast_meter.buckets.begin(state.next);
    const auto ticket =
        state.context->collective->broadcast(bucket.owner, bucket.slot_offset, bucket.slot_bytes);
    if (state.under_way.empty())
      state.last_completion = meter::clock::now();
    state.under_way.push_back({ticket, state.next});
    ++state.next;
  }
  state.context->broadcast_meter.set_busy(!state.under_way.empty());
  if (!state.under_way.empty() && !state.ticking) {
    state.ticking = true;
    self->send(self, tick_atom_v);
  }
}

/// Reports a failure and returns true when nothing has arrived for longer than these waits together.
[[nodiscard]] bool is_overdue(self_pointer self) {
  auto& state = self->state;
  const auto timeout = waits_of_a_host * state.context->options.timeout;
  if (state.under_way.empty() || meter::clock::now() - state.last_completion < timeout)
    return false;
  state.failed = true;
  const auto bucket = state.under_way.front().bucket;
  const auto rank = state.context->plan.buckets[bucket].owner;
  self->send(state.conductor,
             part_failed{{ec::timed_out, "bucket " + std::to_string(bucket + 1) + " of "
                                             + std::to_string(state.context->bucket_count())
                                             + " did not arrive from rank " + std::to_string(rank) + " (host "
                                             + std::to_string(state.context->layout.host_of_rank(rank))
                                             + ") within " + describe_seconds(timeout)}});
  return true;
}

void look_for_completions(self_pointer self) {
  auto& state = self->state;
  state.ticking = false;
  const auto progress = state.context->collective->wait(state.completed, completion_wait);
  if (progress.completed != state.completed)
    state.last_completion = meter::clock::now();
  state.completed = progress.completed;
  while (!state.under_way.empty() && state.under_way.front().ticket <= state.completed) {
    const auto bucket = state.under_way.front().bucket;
    state.under_way.pop_front();
    state.context->broadcast_meter.add_bytes(state.context->plan.buckets[bucket].tensor_bytes);
    state.context->broadcast_meter.buckets.end(bucket);
    for (const auto& session : state.sessions)
      self->send(session, bucket_ready{bucket});
  }
  if (!progress.failure) {
    if (!is_overdue(self))
      pump(self);
    return;
  }
  state.failed = true;
  const auto what = "broadcast: " + progress.failure->what;
  if (state.context->layout.hosts > 1) // Nearly always the other end has gone.
    self->send(state.conductor, neighbour_suspected{{ec::host_lost, what}});
  else
    self->send(state.conductor, part_failed{{ec::unspecified, what}});
}

} // namespace

broadcaster_state::~broadcaster_state() noexcept {
  if (context)
    context->collective->stop();
}

broadcaster_actor::behavior_type broadcaster(self_pointer self, update_ptr context, conductor_actor conductor,
                                             std::vector<worker_session_actor> sessions) {
  auto& state = self->state;
  state.context = std::move(context);
  state.conductor = std::move(conductor);
  state.sessions = std::move(sessions);
  state.staged.resize(state.context->plan.buckets.size());
  return {
      [self](start_atom) { pump(self); },
      [self](const bucket_staged& staged) {
        self->state.staged[staged.bucket] = true;
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
