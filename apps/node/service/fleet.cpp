// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

#include "apps/node/service/fleet.hpp"

#include "apps/node/control_network.hpp"
#include "apps/node/take_part.hpp"

#include <algorithm>
#include <cstdlib>
#include <string>
#include <thread>
#include <utility>

#include <caf/actor_system.hpp>
#include <caf/send.hpp>
#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

#include <spdlog/spdlog.h>

namespace ckpt::apps {
namespace {

using namespace std::chrono_literals;

constexpr auto look_every = 50ms;

/// How long the others may take to stop.
constexpr auto stop_wait = 10s;

/// A client that wants to wait longer asks again: host 0 does not learn when it hangs up.
constexpr double forwarded_seconds_max = 30;

/// A request that another host received: the answer goes there.
class forwarded_exchange : public io::http_exchange {
public:
  forwarded_exchange(std::uint64_t number, actors::roster_actor from, actors::member_actor to)
      : number_{number}, from_{std::move(from)}, to_{std::move(to)} {}

  void respond(const io::http_answer& what) override {
    if (std::exchange(is_waiting_, false))
      caf::send_as(from_, to_, actors::forwarded_answer{number_, what.status, what.body, what.content_type});
  }
  [[nodiscard]] bool is_waiting() const override { return is_waiting_; }

private:
  std::uint64_t number_;
  actors::roster_actor from_; ///< a member takes answers from no one else
  actors::member_actor to_;
  bool is_waiting_ = true;
};

/// Orders of an earlier process with this rank must not be taken for those of this one.
[[nodiscard]] std::uint64_t first_number() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::microseconds>(now).count());
}

} // namespace

io::http_question question_of(const actors::forwarded_call& call) {
  io::http_question question;
  question.method = call.method;
  question.path = call.path;
  question.query = {call.query.begin(), call.query.end()};
  for (auto& [name, value] : question.query) {
    char* end = nullptr;
    if (name == "wait" && std::strtod(value.c_str(), &end) > forwarded_seconds_max && *end == '\0')
      value = std::to_string(forwarded_seconds_max); // What is no number stays: the route refuses it.
  }
  question.body = call.body;
  return question;
}

fleet::fleet(actor_runtime& runtime, const node_options& options)
    : runtime_{runtime}, options_{options},
      hosts_(options.layout.hosts), number_{first_number()}, self_{runtime.system()} {
  actors::roster_options roster{options.layout, options.host_timeout, describe_host(options), {}, {}};
  hosts_[0] = {true, true, roster.introduction.name, roster.introduction.endpoints};
  roster.changed = [this](const std::vector<actors::known_host>& hosts) {
    const std::lock_guard lock{mutex_};
    hosts_ = hosts;
  };
  roster.asked = [this](const actors::forwarded_call& call, const actors::member_actor& whom) {
    asked_(question_of(call), std::make_shared<forwarded_exchange>(call.number, roster_, whom));
  };
  roster_ = runtime.system().spawn(actors::roster, std::move(roster));
}

fleet::~fleet() noexcept { close(); }

void fleet::open(call_taker asked) {
  asked_ = std::move(asked); // Set before the first host can connect and call it.
  runtime_.network().publish(runtime_.system(), caf::actor_cast<caf::strong_actor_ptr>(roster_));
}

void fleet::close() noexcept {
  caf::anon_send_exit(roster_, caf::exit_reason::user_shutdown);
  self_->wait_for(roster_);
}

std::vector<actors::known_host> fleet::hosts() const {
  const std::lock_guard lock{mutex_};
  return hosts_;
}

bool fleet::was_complete() const {
  const auto known = hosts();
  return std::ranges::all_of(known, &actors::known_host::was_here);
}

// The roster takes orders of this process alone, and knows it by the sender.

void fleet::stop() { caf::send_as(roster_, roster_, actors::stop_order{number_}); }

void fleet::drop(const std::string& version) { caf::send_as(roster_, roster_, actors::drop_order{version}); }

std::vector<std::uint32_t> fleet::gather(const std::stop_token& stop) const {
  const auto deadline = started_ + options_.update.timeout;
  if (!was_complete())
    spdlog::info("waiting for hosts that have not been here yet");
  while (!was_complete() && !stop.stop_requested() && std::chrono::steady_clock::now() < deadline)
    std::this_thread::sleep_for(look_every);
  const auto known = hosts();
  return actors::hosts_of_whole_engines(options_.layout,
                                        [&](std::uint32_t host) { return host == 0 || known[host].is_here; });
}

actors::order_outcome fleet::end(std::uint64_t number, const std::stop_token& stop,
                                 std::optional<std::chrono::milliseconds> time_max) {
  using clock = std::chrono::steady_clock;
  std::optional<clock::time_point> deadline;
  if (time_max)
    deadline = clock::now() + *time_max;
  actors::order_outcome outcome;
  for (bool is_over = false; !is_over;) {
    if (!deadline && stop.stop_requested())
      deadline = clock::now() + stop_wait;
    if (deadline && clock::now() > *deadline) {
      self_->send(roster_, actors::abandon_atom_v, number);
      deadline = clock::time_point::max(); // The answer comes at once.
    }
    self_->receive(
        [&](actors::order_outcome& ended) {
          is_over = ended.number == number;
          outcome = std::move(ended);
        },
        [](const caf::error&) {}, caf::after(look_every) >> [] {});
  }
  return outcome;
}

} // namespace ckpt::apps
