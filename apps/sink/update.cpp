// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

#include "apps/sink/update.hpp"

#include <cassert>
#include <csignal>

#include <unistd.h>

namespace ckpt::apps::sink {

std::string update_outcome::error() const {
  std::string text;
  for (std::size_t index = 0; index < workers.size(); ++index)
    if (const auto& each = workers[index]; !each.error.empty())
      text += (text.empty() ? "worker " : "; worker ") + std::to_string(index) + " (" + each.device
              + "): " + each.error;
  for (const auto& each : followers)
    if (!each.error.empty())
      text += (text.empty() ? "follower " : "; follower ") + each.url + ": " + each.error;
  return text;
}

std::string update_outcome::hidden_error() const {
  std::string text;
  for (std::size_t index = 0; index < workers.size(); ++index)
    if (const auto& each = workers[index]; !each.hidden_error.empty())
      text += (text.empty() ? "worker " : "; worker ") + std::to_string(index) + ": " + each.hidden_error;
  return text;
}

std::optional<bool> update_outcome::verified() const {
  std::optional<bool> all;
  for (const auto& each : workers)
    if (each.verified)
      all = all.value_or(true) && *each.verified;
  return all;
}

update::update(worker_resources& resources, bool is_faulty, const update_request& request,
               list_handler on_list, end_handler on_end)
    : is_faulty_{is_faulty}, request_{request}, on_end_{std::move(on_end)} {
  const auto& options = resources.options;
  assert(request.devices.size() == options.workers * (1 + options.followers.size()));
  done_.workers.resize(options.workers);
  done_.followers.resize(options.followers.size());
  running_ = options.workers + static_cast<unsigned>(options.followers.size());
  signals_.die = [] { ::kill(::getpid(), SIGKILL); };
  signals_.list_answered = [this, &options, on_list = std::move(on_list)](std::uint64_t lists) {
    // Freezes at once: by way of the HTTP side some workers would answer one more list.
    if (is_faulty_ && options.faults.freezes_after(lists))
      signals_.frozen = true;
    on_list(lists);
  };
  threads_.reserve(running_);
  for (unsigned index = 0; index < options.workers; ++index)
    threads_.emplace_back([this, &resources, index] { run_worker(resources, index); });
  for (unsigned index = 0; index < options.followers.size(); ++index)
    threads_.emplace_back([this, &options, index] { run_follower(options, index); });
}

update::~update() noexcept { signals_.stop = true; }

void update::run_worker(worker_resources& resources, unsigned index) {
  const auto& [device, address] = request_.devices[index];
  auto outcome = resources.processes.empty()
                     ? run_in_place(resources, index)
                     : resources.processes[index].run({device, address, is_faulty_}, signals_);
  const std::lock_guard lock{mutex_};
  done_.workers[index] = std::move(outcome);
  end_one();
}

worker_outcome update::run_in_place(worker_resources& resources, unsigned index) {
  const auto& [device, address] = request_.devices[index];
  const auto faults = is_faulty_ ? resources.options.faults.for_worker(index) : fault_plan{};
  worker one{resources.options,  faults,   resources.consumers[index],
             resources.expected, signals_, resources.held.empty() ? nullptr : &resources.held[index]};
  return one.run(resources.context, device, address);
}

void update::run_follower(const sink_options& options, unsigned index) {
  const auto first = request_.devices.begin() + (1 + index) * options.workers;
  auto outcome = lead(options, options.followers[index], {first, first + options.workers},
                      request_.weight_version, signals_.stop);
  const std::lock_guard lock{mutex_};
  done_.followers[index] = std::move(outcome);
  end_one();
}

/// Called with the lock held.
void update::end_one() {
  if (--running_ > 0)
    return;
  done_.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
  on_end_(done_);
}

} // namespace ckpt::apps::sink
