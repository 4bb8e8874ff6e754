// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

#include "apps/sink/update.hpp"

#include <cassert>

namespace ckpt::apps::sink {

std::string update_outcome::error() const {
  std::string text;
  for (std::size_t index = 0; index < workers.size(); ++index)
    if (const auto& each = workers[index]; !each.error.empty())
      text += (text.empty() ? "worker " : "; worker ") + std::to_string(index) + " (" + each.device
              + "): " + each.error;
  return text;
}

std::optional<bool> update_outcome::verified() const {
  std::optional<bool> all;
  for (const auto& each : workers)
    if (each.verified)
      all = all.value_or(true) && *each.verified;
  return all;
}

update::update(worker_resources& resources, const fault_plan& faults, const update_request& request,
               list_handler on_list, end_handler on_end)
    : faults_{faults}, request_{request}, on_end_{std::move(on_end)},
      done_(request.devices.size()), running_{static_cast<unsigned>(request.devices.size())} {
  assert(!request.devices.empty() && request.devices.size() == resources.consumers.size());
  signals_.list_answered = [this, on_list = std::move(on_list)](std::uint64_t lists) {
    // Frozen here and now: on the way over the HTTP side some workers would answer one more list.
    if (faults_.status_during && lists >= faults_.lists_before_trouble)
      signals_.frozen = true;
    on_list(lists);
  };
  threads_.reserve(request.devices.size());
  for (unsigned index = 0; index < request.devices.size(); ++index)
    threads_.emplace_back([this, &resources, index] { run_worker(resources, index); });
}

update::~update() noexcept { signals_.stop = true; }

void update::run_worker(worker_resources& resources, unsigned index) {
  const auto& [device, address] = request_.devices[index];
  worker one{resources.options, faults_.for_worker(index), resources.consumers[index], resources.expected,
             signals_};
  auto outcome = one.run(resources.context, device, address);
  const std::lock_guard lock{mutex_};
  done_[index] = std::move(outcome);
  if (--running_ == 0)
    on_end_({done_, std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count()});
}

} // namespace ckpt::apps::sink
