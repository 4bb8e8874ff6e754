// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

#include "tests/actors/update/played_parts.hpp"

#include "actors/update/broadcaster.hpp"
#include "actors/update/disk_reader.hpp"
#include "actors/update/server_notifier.hpp"
#include "actors/update/stager.hpp"
#include "actors/update/worker_session.hpp"

#include <utility>

#include <caf/exit_reason.hpp>
#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

namespace ckpt::actors {
namespace {

using namespace std::chrono_literals;

/// Makes `self` known to the test. Returns what writes down its messages.
template <class Self>
[[nodiscard]] auto play(Self self, const update_ptr& context, const std::string& part) {
  const auto played = std::static_pointer_cast<tests::played_update>(context);
  self->set_exit_handler([=](const caf::exit_msg& message) {
    played->write_down(part, "exit");
    if (!played->is_deaf(part))
      self->quit(message.reason);
  });
  played->arrive(part, caf::actor_cast<caf::actor>(caf::actor_cast<caf::strong_actor_ptr>(self)));
  return [=](const std::string& words) { played->write_down(part, words); };
}

[[nodiscard]] std::string describe(const abort_update& message) {
  return "abort: " + message.why + (message.late_workers > 0ms ? ", workers may come" : ", no worker comes");
}

[[nodiscard]] std::string describe(const buckets_acknowledged& message) {
  return "acknowledged " + std::to_string(message.count);
}

} // namespace

// These take the places of the real ones, which stay in their library.

broadcaster_state::~broadcaster_state() noexcept = default;

chunk_source_actor::behavior_type disk_reader(chunk_source_actor::stateful_pointer<disk_reader_state> self,
                                              update_ptr context, conductor_actor,
                                              std::vector<stager_actor>) {
  const auto say = play(self, context, "reader");
  return {
      [=](start_atom) { say("start"); },
      [](const slab_free&) {},
      [=](check_atom) { say("check"); },
      [](tick_atom) {},
  };
}

stager_actor::behavior_type stager(stager_actor::stateful_pointer<stager_state> self, update_ptr context,
                                   std::uint32_t device, conductor_actor, broadcaster_actor) {
  const auto say = play(self, context, "stager " + std::to_string(device));
  return {
      [=](start_atom) { say("start"); },
      [](const chunk_ready&) {},
      [=](const buckets_acknowledged& message) { say(describe(message)); },
      [](tick_atom) {},
  };
}

broadcaster_actor::behavior_type broadcaster(broadcaster_actor::stateful_pointer<broadcaster_state> self,
                                             update_ptr context, conductor_actor,
                                             std::vector<worker_session_actor>) {
  const auto say = play(self, context, "broadcaster");
  return {
      [=](start_atom) { say("start"); },
      [](const bucket_staged&) {},
      [=](const buckets_acknowledged& message) { say(describe(message)); },
      [](tick_atom) {},
  };
}

worker_session_actor::behavior_type
worker_session(worker_session_actor::stateful_pointer<worker_session_state> self, update_ptr context,
               std::uint32_t device, conductor_actor) {
  const auto say = play(self, context, "session " + std::to_string(device));
  return {
      [=](open_atom) { say("open"); },       [](const bucket_ready&) {},
      [=](finish_atom) { say("finish"); },   [=](const abort_update& message) { say(describe(message)); },
      [=](settled_atom) { say("settled"); }, [](tick_atom, std::uint64_t) {},
  };
}

server_notifier_actor::behavior_type
server_notifier(server_notifier_actor::stateful_pointer<server_notifier_state> self, update_ptr context,
                std::uint32_t engine, conductor_actor) {
  const auto say = play(self, context, "notifier " + std::to_string(engine));
  return {
      [=](start_atom) { say("start"); },   [=](clear_atom) { say("clear"); },
      [=](post_atom) { say("post"); },     [=](came_atom) { say("came"); },
      [=](finish_atom) { say("finish"); }, [=](close_atom) { say("close"); },
      [=](prove_atom) { say("prove"); },   [=](const abort_update& message) { say(describe(message)); },
      [=](told_atom) { say("told"); },     [](tick_atom) {},
  };
}

} // namespace ckpt::actors

namespace ckpt::tests {

using namespace actors;

void played_update::arrive(const std::string& part, caf::actor handle) {
  const std::lock_guard lock{mutex_};
  parts_.emplace(part, std::move(handle));
  arrived_.notify_all();
}

bool played_update::wait_for_parts(std::size_t count) {
  std::unique_lock lock{mutex_};
  return arrived_.wait_for(lock, pipeline_patience, [&] { return parts_.size() == count; });
}

std::map<std::string, caf::actor> played_update::everybody() const {
  const std::lock_guard lock{mutex_};
  return parts_;
}

void played_update::forget_everybody() {
  const std::lock_guard lock{mutex_};
  parts_.clear();
}

void played_update::write_down(const std::string& part, const std::string& words) {
  const std::lock_guard lock{mutex_};
  said_.push_back(part + ": " + words);
}

std::vector<std::string> played_update::take_said() {
  const std::lock_guard lock{mutex_};
  return std::exchange(said_, {});
}

conductor_test::~conductor_test() {
  if (!played_)
    return;
  auto& self = neighbours.self();
  self->send_exit(conductor_, caf::exit_reason::kill);
  for (const auto& [name, part] : played_->everybody())
    self->send_exit(part, caf::exit_reason::kill);
  played_->forget_everybody(); // They know it, and it would know them.
}

void conductor_test::begin(const cluster_layout& layout, std::uint32_t buckets, update_options options) {
  const auto led = layout.engines_led_by(layout.host).size();
  for (std::uint32_t engine = 0; engine < led; ++engine)
    options.endpoints.push_back({"http://engine-" + std::to_string(engine), {}, {}, {}, {}});
  played_ = make_held<played_update>(make_plan(std::vector<bucket_shape>(buckets), buckets), layout,
                                     std::move(options));
  played_->deaf_to_exits = deaf_to_exits_;
  conductor_ = system.spawn(conductor, update_ptr{played_}, neighbours.as<node_actor>());
  auto& self = owner_.self();
  auto answer = self->request(conductor_, 2 * pipeline_patience, run_atom_v);
  outcome_ = [answer = std::make_shared<decltype(answer)>(std::move(answer))] {
    host_verdict outcome;
    answer->receive([&](host_verdict& verdict) { outcome = std::move(verdict); },
                    [](const caf::error&) { ADD_FAILURE() << "the run does not end"; });
    return outcome;
  };
  const auto expected = led + 2 * layout.devices_per_host + 2;
  ASSERT_TRUE(played_->wait_for_parts(expected));
  tell(give_up_atom_v, static_cast<std::uint8_t>(conductor_state::phase::over)); // It has sent what it sends.
}

void conductor_test::settle_parts() {
  auto& self = neighbours.self();
  for (const auto& [name, part] : played_->everybody()) {
    const auto settle = [&](const auto&... words) { // One that has ended has nothing more to say.
      self->request(part, pipeline_patience, words...).receive([] {}, [](const caf::error&) {});
    };
    if (name.starts_with("session"))
      settle(tick_atom_v, std::uint64_t{0});
    else
      settle(tick_atom_v);
  }
}

void conductor_test::begin_transfer(const cluster_layout& layout, std::uint32_t buckets,
                                    update_options options) {
  using step = session_progress::step;
  begin(layout, buckets, std::move(options));
  for (const auto past : {milestone::ready, milestone::cleared, milestone::expected})
    pass(past);
  for (const auto at : {step::came, step::opened, step::listed})
    for (std::uint32_t device = 0; device < layout.devices_per_host; ++device)
      progress(at, device);
  static_cast<void>(told());
  static_cast<void>(node_heard());
}

void conductor_test::lose(const std::string& part) {
  neighbours.self()->send_exit(played_->everybody().at(part), caf::exit_reason::kill);
}

} // namespace ckpt::tests
