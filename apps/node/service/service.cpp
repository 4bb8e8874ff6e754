// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

#include "apps/node/service/service.hpp"

#include "actors/cluster/introductions.hpp"
#include "actors/update/verdict.hpp"
#include "apps/node/service/http_side.hpp"
#include "apps/node/service/routes.hpp"
#include "apps/node/service/service_manager.hpp"
#include "apps/node/take_part.hpp"
#include "io/error.hpp"
#include "io/utf8.hpp"

#include <algorithm>
#include <cerrno>
#include <stdexcept>
#include <utility>

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <spdlog/spdlog.h>
#include <sys/eventfd.h>

namespace ckpt::apps {
namespace {

namespace json = boost::json;
using actors::cause;
using actors::ec;

/// The longest single wait. A signal or work ends it at once.
constexpr auto look_every = std::chrono::milliseconds{10'000};

/// How long the other hosts may take to end once the run is over here, beyond --stay-time.
constexpr auto others_wait = std::chrono::seconds{30};

/// Other hosts may still have editions of an earlier process with this rank.
[[nodiscard]] std::uint64_t first_edition() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::microseconds>(now).count());
}

/// Of the last versions that --keep leaves: one that is not known any more is none of them either.
[[nodiscard]] bool may_be_forgotten(const std::optional<update_book::refusal>& refused) {
  return !refused || refused->http_status == 404;
}

} // namespace

service::service(const node_options& options, const signal_guard& signals)
    : options_{options}, signals_{signals}, host_{options, signals}, edition_{first_edition()} {
  if (options.layout.hosts > 1)
    fleet_ = std::make_unique<fleet>(host_.runtime(), options);
  releasing_ = std::jthread{[this](const std::stop_token& stop) { release_what_is_dropped(stop); }};
}

int service::run() {
  const io::fd wakeup{::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
  if (!wakeup)
    throw io::system_failure(errno, "eventfd", "the service");
  boost::asio::io_context context{1};
  routes answers{*this, context};
  book_.on_change([&] {
    ::eventfd_write(wakeup.number(), 1);
    boost::asio::post(context, [&] { answers.look_after_waiters(); });
    const std::lock_guard lock{mutex_};
    if (!preparing_.empty() && book_.is_cancelled(preparing_))
      stop_preparing();
  });
  http_side_options listen{options_.service->listen, options_.service->listen_key, {}, {}, {}, {}};
  listen.metrics = [this] { return metrics(); };
  listen.why_unready = [this] {
    return fleet_ && !fleet_->was_complete() ? std::string{"some hosts have not been here yet"}
                                             : std::string{};
  };
  listen.route = [&](const io::http_question& asked, const std::shared_ptr<io::http_exchange>& waiting) {
    return answers.answer(asked, waiting);
  };
  listen.last_words = [&] { answers.look_after_waiters(); };
  http_side listening{context, std::move(listen)};
  if (fleet_)
    fleet_->open([&](const io::http_question& asked, const std::shared_ptr<io::http_exchange>& waiting) {
      boost::asio::post(context, [&, asked, waiting] { listening.answer(asked, waiting, true); });
    });
  std::optional<engine_watch> looking_after;
  if (options_.service->heals)
    looking_after.emplace(options_.update.endpoints, options_.update.api_key, [this](std::uint32_t number) {
      static_cast<void>(heal({"0@" + options_.update.endpoints.at(number).url}));
      return true;
    });
  std::optional<watcher> watching;
  if (!options_.service->watch.directory.empty())
    watching.emplace(options_.service->watch, [this](const seen_version& seen) { return publish(seen); });
  spdlog::info("listening at {}", listening.addresses());
  tell_service_manager("READY=1");
  while (!is_ending_) {
    eventfd_t count = 0;
    ::eventfd_read(wakeup.number(), &count);
    while (const auto next = is_ending_ ? std::nullopt : book_.take_work()) {
      work(*next);
      is_ending_ = is_ending_ || signals_.has_come(); // An update may have ended well in spite of a signal.
    }
    if (is_ending_)
      break;
    static_cast<void>(write_metas_file());
    is_ending_ =
        signals_.has_come() || signals_.wait(std::min(look_every, heal_again()), wakeup.number()) != 0;
  }
  spdlog::info("ending");
  tell_service_manager("STOPPING=1");
  if (fleet_)
    fleet_->close(); // Before the HTTP side, to which it passes requests.
  return is_stuck() || was_interrupted_ ? actors::exit_status(ec::interrupted) : 0;
}

void service::work(const update_book::work& next) {
  try {
    if (next.version)
      commit(next);
    else if (next.asked.is_rollback)
      prepare_rollback(next);
    else
      prepare_update(next);
  } catch (const std::exception& error) {
    const auto why = actors::to_cause(error);
    spdlog::error("update {}: {}", next.id, why.what);
    end(next.id, why);
  }
}

void service::end(const std::string& id, const cause& why, json::object report,
                  std::shared_ptr<const trace> recorded) {
  book_.end(id, why.code == ec::none ? update_state::updated : update_state::failed, why, std::move(report),
            std::move(recorded));
}

void service::commit(const update_book::work& next) {
  const auto kept = divide_anew(next.id, next.asked, next.version);
  if (!kept.version) {
    end(next.id, kept.failed);
    return;
  }
  const auto reached = reach_of(next.asked, kept.version->hosts);
  auto pushed = push(next.id, next.asked, kept.version, reached);
  const auto& verdict = pushed.verdict;
  const bool is_updated = verdict.first_cause.code == ec::none;
  was_interrupted_ = verdict.first_cause.code == ec::interrupted;
  if (is_updated && reached == reach::all) {
    versions().serve(next.asked.version, next.asked.is_rollback);
    do_engines_differ_ = false;
    keep(pushed.metas);
  }
  if (!is_updated && options_.service->rolls_back)
    pushed.report["rollback"] = roll_back_after_failure(next, verdict);
  end(next.id, verdict.first_cause, std::move(pushed.report), std::move(pushed.recorded));
}

resident_host::pushed service::push(const std::string& id, const update_request& asked,
                                    const actors::version_ptr& version, reach reached) {
  resident_host::run run{version,
                         asked.version,
                         asked.pause.value_or(options_.update.pause),
                         reached == reach::those_that_live,
                         reached == reach::all,
                         engine_states::find_all(asked.engines, known_hosts())};
  std::optional<std::uint64_t> order;
  run.meet = [&](const node_options& options, const actors::update_ptr& update) {
    auto coordinator = spawn_coordinator(host_.runtime(), options, update);
    if (fleet_)
      order = fleet_->begin(actors::push_order{0, run.name, version->edition,
                                               std::string{io::name(run.pause)}, run.spares_silent,
                                               run.is_offered, version->hosts, run.engines, coordinator});
    return coordinator;
  };
  run.begins = [&](const actors::update_ptr& update) { book_.now_runs(id, update); };
  auto pushed = host_.push(run);
  if (order && !is_stuck()) // The verdict tells what went wrong there.
    static_cast<void>(fleet_->end(*order, {}, options_.update.stay_time + others_wait));
  is_ending_ = is_ending_ || is_stuck();
  const bool is_updated = pushed.verdict.first_cause.code == ec::none;
  if (!is_updated && !std::ranges::all_of(pushed.verdict.engines, [](const auto& engine) {
        return engine.serves == actors::served_weights::unchanged;
      }))
    do_engines_differ_ = true;
  metrics_.note_push(pushed.verdict);
  engines_.note(pushed.verdict, content_of(asked.version), known_hosts(), options_.layout, version->hosts);
  if (do_all_serve(versions().served(), version->hosts))
    do_engines_differ_ = false;
  if (fleet_)
    pushed.report["absent_hosts"] = absent_hosts(version->hosts);
  return pushed;
}

/// On the watcher's thread. Throws when it is to be tried again.
bool service::publish(const seen_version& seen) {
  update_request request;
  request.version = io::valid_utf8(seen.name);
  request.checkpoint_path = seen.path;
  const auto change = watched_changes_.look(versions().change_of(request.version, request.checkpoint_path));
  if (!change)
    throw std::runtime_error{seen.path.string() + ": the file system does not answer"};
  const auto filed = book_.file(request, {*change, is_served(request.version)});
  if (filed.refused && filed.refused->http_status == 429)
    throw std::runtime_error{filed.refused->why};
  if (filed.refused) {
    spdlog::error("--watch: {}", filed.refused->why);
    return true;
  }
  spdlog::info("--watch: version {} is complete", request.version);
  if (const auto before = book_.describe(last_watched_);
      before && before->at("state").as_string() == name(update_state::queued))
    static_cast<void>(book_.cancel(last_watched_)); // It is overtaken.
  last_watched_ = filed.id;
  std::erase(watched_, request.version);
  watched_.push_back(request.version);
  const auto kept_max = options_.service->kept_versions_max;
  while (kept_max != 0 && watched_.size() > kept_max && !book_.is_waiting(watched_.front())
         && may_be_forgotten(drop(watched_.front())))
    watched_.erase(watched_.begin());
  return true;
}

std::vector<actors::known_host> service::known_hosts() const {
  if (fleet_)
    return fleet_->hosts();
  return {{true, true, host_name(), actors::endpoint_urls(options_.update)}};
}

json::array service::hosts() const {
  json::array all;
  const auto known = known_hosts();
  for (std::uint32_t host = 0; host < known.size(); ++host)
    all.push_back(json::object{{"host", host},
                               {"name", known[host].name},
                               {"here", known[host].is_here},
                               {"was_here", known[host].was_here}});
  return all;
}

json::array service::absent_hosts(const std::vector<std::uint32_t>& hosts) const {
  json::array absent;
  const auto known = known_hosts();
  for (std::uint32_t host = 0; host < known.size(); ++host)
    if (!std::ranges::binary_search(hosts, host))
      absent.emplace_back(actors::host_label(host, known[host].name));
  if (!absent.empty())
    spdlog::warn("{} host(s) had no part in it: {}", absent.size(), json::serialize(absent));
  return absent;
}

std::optional<update_book::refusal> service::drop(const std::string& version) {
  const update_book::refusal is_served{409, "version " + version + " is what engines serve"};
  if (versions().served() == version) // Before anything is cancelled.
    return is_served;
  const auto cancelled = book_.forget(version);
  if (!cancelled)
    return update_book::refusal{409, "an update to version " + version + " is under way"};
  const auto dropped = versions().drop(version);
  if (dropped == version_shelf::dropped::is_served)
    return is_served;
  if (dropped == version_shelf::dropped::yes && fleet_)
    fleet_->drop(version);
  {
    const std::lock_guard lock{mutex_};
    is_some_dropped_ = true;
  }
  dropped_.notify_one();
  if (dropped == version_shelf::dropped::unknown && *cancelled == 0)
    return update_book::refusal{404, "no version " + version + " is known"};
  return std::nullopt;
}

/// On a thread of its own: to unpin memory takes seconds, for which neither callers nor updates wait.
void service::release_what_is_dropped(const std::stop_token& stop) {
  std::unique_lock lock{mutex_};
  while (dropped_.wait(lock, stop, [this] { return is_some_dropped_; })) {
    is_some_dropped_ = false;
    lock.unlock();
    versions().release_dropped();
    lock.lock();
  }
}

std::string service::metrics() const {
  const auto known = known_hosts();
  metrics_text text;
  text.begin("ckpt_actor_updates_total", "counter", "Updates that are over, by how they ended");
  for (const auto outcome : {update_state::updated, update_state::failed, update_state::cancelled})
    text.sample(static_cast<double>(book_.count(outcome)), "outcome=\"" + std::string{name(outcome)} + "\"");
  metrics_.write(text);
  text.add("ckpt_actor_resident_bytes", "gauge", "Memory of versions on this host",
           static_cast<double>(host_.versions().memory_bytes()));
  text.add("ckpt_actor_hosts", "gauge", "Hosts of this cluster", static_cast<double>(known.size()));
  text.add("ckpt_actor_hosts_here", "gauge", "Hosts that are reachable",
           static_cast<double>(std::ranges::count_if(known, &actors::known_host::is_here)));
  return text.text();
}

} // namespace ckpt::apps
