// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

#include "actors/update/bystander.hpp"

#include "actors/update/server_notifier.hpp"
#include "actors/update/worker_session.hpp"

#include <cstdint>
#include <utility>
#include <vector>

#include <caf/actor_system.hpp>
#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

namespace ckpt::actors {
namespace {

struct bystander_state {
  // CAF may construct the state from the actor's pointer: a flag as the first member would become true.
  std::vector<std::uint32_t> early; ///< buckets that came before the workers of other engines were asked for
  bool is_open = false;
};

/// Its device gets all bytes and keeps none: a bucket may be overwritten as soon as it is there.
worker_session_actor::behavior_type
bystanding_session(worker_session_actor::stateful_pointer<bystander_state> self, std::uint32_t device,
                   const conductor_actor& conductor) {
  using step = session_progress::step;
  const auto say = [=](step at, std::uint32_t bucket = 0) {
    self->send(conductor, session_progress{at, device, bucket});
  };
  say(step::bound);
  say(step::came); // Nobody is missing.
  return {
      [=](open_atom) {
        self->state.is_open = true;
        say(step::expecting);
        say(step::opened);
        for (const auto bucket : std::exchange(self->state.early, {}))
          say(step::acknowledged, bucket);
      },
      [=](const bucket_ready& ready) {
        if (self->state.is_open)
          say(step::acknowledged, ready.bucket);
        else
          self->state.early.push_back(ready.bucket);
      },
      [=](finish_atom) { say(step::finished); },
      [=](const abort_update&) { say(step::closed); },
      [](settled_atom) {},
      [](tick_atom, std::uint64_t) {},
  };
}

server_notifier_actor::behavior_type bystanding_notifier(server_notifier_actor::pointer self,
                                                         std::uint32_t engine,
                                                         const conductor_actor& conductor) {
  using step = server_progress::step;
  const auto say = [=](step at) { self->send(conductor, server_progress{at, engine, {}}); };
  return {
      [=](start_atom) { say(step::ready); },
      [=](clear_atom) { say(step::cleared); },
      [](post_atom) {},
      [](came_atom) {},
      [=](finish_atom) { say(step::answered); },
      [=](close_atom) { say(step::closed); },
      [=](prove_atom) { say(step::proved); },
      [=](const abort_update&) { say(step::ended); },
      [](told_atom) {},
      [](tick_atom) {},
  };
}

} // namespace

worker_session_actor spawn_session(caf::actor_system& system, const update_ptr& context, std::uint32_t device,
                                   const conductor_actor& conductor) {
  return context->is_spared(context->engine_of(device))
             ? system.spawn(bystanding_session, device, conductor)
             : system.spawn<caf::detached>(worker_session, context, device, conductor);
}

server_notifier_actor spawn_notifier(caf::actor_system& system, const update_ptr& context,
                                     std::uint32_t engine, const conductor_actor& conductor) {
  return context->is_spared(context->layout.engines_led_by(context->layout.host).begin + engine)
             ? system.spawn(bystanding_notifier, engine, conductor)
             : system.spawn<caf::detached>(server_notifier, context, engine, conductor);
}

} // namespace ckpt::actors
