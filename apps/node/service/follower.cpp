// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

#include "apps/node/service/follower.hpp"

#include "apps/node/control_network.hpp"
#include "apps/node/service/engine_watch.hpp"
#include "apps/node/service/http_side.hpp"
#include "apps/node/service/service_manager.hpp"
#include "apps/node/service/update_metrics.hpp"
#include "apps/node/take_part.hpp"
#include "io/engine/engine_api.hpp"
#include "io/error.hpp"

#include <cerrno>
#include <utility>

#include <boost/asio/post.hpp>
#include <boost/json.hpp>
#include <caf/actor_system.hpp>
#include <caf/scoped_actor.hpp>
#include <caf/send.hpp>
#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>
#include <spdlog/spdlog.h>
#include <sys/eventfd.h>

namespace ckpt::apps {
namespace {

using actors::cause;
using actors::ec;

/// The longest single wait. A signal or an order ends it at once.
constexpr auto look_every = std::chrono::milliseconds{10'000};

/// Host 0 gives one order at a time, but after a restart it may give more before the first is done.
constexpr std::size_t orders_max = 64;

constexpr std::size_t waiting_max = 256;

[[nodiscard]] io::fd make_event() {
  io::fd made{::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
  if (!made)
    throw io::system_failure(errno, "eventfd", "the service");
  return made;
}

[[nodiscard]] const char* no_host_0() { return "host 0, which answers this, is not reachable"; }

} // namespace

follower::follower(const node_options& options, const signal_guard& signals)
    : options_{options}, signals_{signals}, wakeup_{make_event()}, host_{options, signals} {}

int follower::run() {
  http_side_options listen{options_.service->listen, options_.service->listen_key, {}, {}, {}, {}};
  listen.metrics = [this] {
    metrics_text text;
    text.add("ckpt_actor_resident_bytes", "gauge", "Memory of versions on this host",
             static_cast<double>(host_.versions().memory_bytes()));
    return text.text();
  };
  listen.why_unready = [this] { return is_enrolled_ ? std::string{} : std::string{no_host_0()}; };
  listen.route = [this](const io::http_question& asked, const std::shared_ptr<io::http_exchange>& waiting) {
    return forward(asked, waiting);
  };
  listen.last_words = [this] { answer_all_that_wait(); };
  auto& system = host_.runtime().system();
  actors::member_options member;
  member.introduction = describe_host(options_);
  member.host_timeout = options_.host_timeout;
  member.line = host_.runtime().network().outside_line(system);
  member.dial = {options_.place.master_addr, options_.place.master_port, options_.update.timeout};
  member.ordered = [this](actors::host_order order) { take(std::move(order)); };
  member.answered = [this](const actors::forwarded_answer& answered) {
    boost::asio::post(context_, [this, answered] { answer(answered); });
  };
  member.connected = [this](bool is_enrolled) {
    is_enrolled_ = is_enrolled;
    if (is_enrolled)
      return;
    boost::asio::post(context_, [this] { answer_all_that_wait(); });
    const std::lock_guard lock{mutex_};
    stop_preparing_.request_stop();
  };
  member.refused = [this](const cause& why) {
    {
      const std::lock_guard lock{mutex_};
      refused_ = why;
    }
    wake();
  };
  member_ = system.spawn(actors::member, std::move(member));
  const auto end_member = [&system](actors::member_actor* ended) {
    caf::anon_send_exit(*ended, caf::exit_reason::user_shutdown);
    caf::scoped_actor self{system};
    self->wait_for(*ended); // Its callbacks use this object.
  };
  const std::unique_ptr<actors::member_actor, decltype(end_member)> ending{&member_, end_member};
  int status = 0;
  {
    const http_side listening{context_, std::move(listen)};
    spdlog::info("listening at {}", listening.addresses());
    tell_service_manager("READY=1");
    std::optional<engine_watch> looking_after;
    if (options_.service->heals)
      looking_after.emplace(options_.update.endpoints, options_.update.api_key,
                            [this](std::uint32_t number) { return ask_to_heal(number); });
    for (bool is_ending = false; !is_ending;) {
      eventfd_t count = 0;
      ::eventfd_read(wakeup_.number(), &count);
      host_.versions().release_dropped();
      while (const auto order = is_stuck() || signals_.has_come() ? std::nullopt : next_order())
        work(*order);
      if (const auto refused = why_refused())
        status = actors::exit_status(refused->code);
      is_ending = is_stuck() || status != 0 || signals_.has_come()
                  || signals_.wait(look_every, wakeup_.number()) != 0;
    }
    spdlog::info("ending");
    tell_service_manager("STOPPING=1");
  }
  return is_stuck() || was_interrupted_ ? actors::exit_status(ec::interrupted) : status;
}

void follower::wake() noexcept { ::eventfd_write(wakeup_.number(), 1); }

/// On the member's thread.
void follower::take(actors::host_order order) {
  {
    const std::lock_guard lock{mutex_};
    if (const auto* stop = std::get_if<actors::stop_order>(&order)) {
      stopped_ = stop->number;
      if (preparing_ == stop->number)
        stop_preparing_.request_stop();
      return;
    }
    if (const auto* drop = std::get_if<actors::drop_order>(&order)) {
      static_cast<void>(host_.versions().drop(drop->version));
      wake();
      return;
    }
    stop_preparing_.request_stop(); // Host 0 has given up what it ordered before.
    if (orders_.size() >= orders_max) {
      spdlog::error("host 0 gives more orders than this host can remember");
      orders_.pop_front();
    }
    orders_.push_back(std::move(order));
  }
  wake();
}

std::optional<cause> follower::why_refused() {
  const std::lock_guard lock{mutex_};
  return refused_;
}

std::optional<actors::host_order> follower::next_order() {
  const std::lock_guard lock{mutex_};
  if (orders_.empty())
    return std::nullopt;
  auto order = std::move(orders_.front());
  orders_.pop_front();
  return order;
}

void follower::work(const actors::host_order& order) {
  if (const auto* prepare = std::get_if<actors::prepare_order>(&order))
    done(prepare->number, obey(*prepare));
  else if (const auto* push = std::get_if<actors::push_order>(&order))
    done(push->number, obey(*push));
}

void follower::done(std::uint64_t number, const cause& why) {
  if (why.code != ec::none)
    spdlog::error("{}", why.what);
  caf::send_as(member_, member_, actors::order_done{number, why}); // Without a sender it may be of anybody.
}

cause follower::obey(const actors::prepare_order& order) {
  std::stop_token stop;
  {
    const std::lock_guard lock{mutex_};
    preparing_ = order.number;
    stop_preparing_ = {};
    stop = stop_preparing_.get_token();
    if (stopped_ == order.number || !orders_.empty())
      stop_preparing_.request_stop();
  }
  const signal_watch watch{signals_, [this] {
                             const std::lock_guard lock{mutex_};
                             stop_preparing_.request_stop();
                           }};
  needed_.clear();
  for (const auto& name : order.needed)
    needed_.push_back(host_.versions().find(name));
  auto [version, failed] =
      host_.prepare({order.version, order.checkpoint_path, order.hosts, order.edition, order.has_it}, stop);
  needed_.push_back(std::move(version));
  return failed;
}

cause follower::obey(const actors::push_order& order) {
  try {
    resident_host::run run{host_.versions().find(order.version), order.version};
    if (!run.version || run.version->hosts != order.hosts || run.version->edition != order.edition)
      return {ec::unspecified, "version " + order.version + " has been forgotten here"};
    run.pause = io::parse_pause_mode(options_.update.engine, order.pause);
    run.spares_silent = order.spares_silent;
    run.is_offered = order.is_offered;
    run.engines = order.engines;
    run.meet = [&](const node_options&, const actors::update_ptr&) { return order.coordinator; };
    const auto verdict = host_.push(run).verdict;
    was_interrupted_ = verdict.first_cause.code == ec::interrupted;
    return verdict.first_cause;
  } catch (const std::exception& error) {
    return actors::to_cause(error);
  }
}

/// On the engine watch's thread. Calls of clients count from 1, so nobody waits for the answer to number 0.
bool follower::ask_to_heal(std::uint32_t engine) {
  if (!is_enrolled_)
    return false;
  const auto name = std::to_string(options_.layout.host) + "@" + options_.update.endpoints.at(engine).url;
  const boost::json::object body{{"heal", true}, {"engines", boost::json::array{boost::json::value(name)}}};
  caf::send_as(member_, member_,
               actors::forwarded_call{0, "POST", "/v1/rollback", {}, boost::json::serialize(body)});
  return true;
}

io::http_answer follower::forward(const io::http_question& asked,
                                  const std::shared_ptr<io::http_exchange>& waiting) {
  std::erase_if(waiting_, [](const auto& one) { return !one.second->is_waiting(); });
  if (!is_enrolled_)
    return refuse(503, no_host_0());
  if (waiting_.size() >= waiting_max)
    return refuse(429, "too many wait already");
  actors::forwarded_call call;
  call.number = ++calls_;
  call.method = asked.method;
  call.path = asked.path;
  call.query = {asked.query.begin(), asked.query.end()};
  call.body = asked.body;
  waiting_.emplace(call.number, waiting);
  caf::send_as(member_, member_, std::move(call));
  return {io::http_answer::form::http, 0, {}};
}

void follower::answer(const actors::forwarded_answer& answered) {
  const auto found = waiting_.find(answered.number);
  if (found == waiting_.end())
    return;
  const auto waiting = std::move(found->second);
  waiting_.erase(found);
  waiting->respond({io::http_answer::form::http, answered.status, answered.body, answered.content_type});
}

void follower::answer_all_that_wait() {
  for (const auto& [number, waiting] : std::exchange(waiting_, {}))
    waiting->respond(refuse(503, no_host_0()));
}

} // namespace ckpt::apps
