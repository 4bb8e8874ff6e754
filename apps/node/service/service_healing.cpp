// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

// How a resident node brings engines that were started again what they are to serve: see service.hpp.

#include "apps/node/service/service.hpp"

#include <algorithm>
#include <utility>

#include <spdlog/spdlog.h>

namespace ckpt::apps {
namespace {

using namespace std::chrono_literals;
using std::chrono::steady_clock;

/// Between two tries to heal an engine. Doubled each time: a try may interrupt the engine, and holds up other
/// updates.
constexpr auto wait_min = 1s;
constexpr std::chrono::seconds wait_max = 256s;

/// With nothing to heal. Whatever changes that wakes the service.
constexpr std::chrono::milliseconds nothing_to_do = 1h;

} // namespace

std::optional<update_book::filed> service::heal(const std::vector<std::string>& engines) {
  const auto these = engine_states::find_all(engines, known_hosts());
  engines_.forget(these);
  if (versions().served().empty())
    return std::nullopt;
  auto filed = file_healing(engines);
  const std::lock_guard lock{mutex_};
  for (const auto& one : these)
    ailing_[one] = {filed.refused ? std::string{} : filed.id, steady_clock::now() + wait_min, wait_min};
  return filed;
}

update_book::filed service::file_healing(const std::vector<std::string>& engines) {
  update_request request;
  request.is_rollback = request.is_heal = true;
  request.engines = engines;
  return book_.file(request, {});
}

/// On the service's thread. Files updates for engines whose last one has failed, and returns when to look
/// again. An engine whose update was cancelled is left alone, and so is one that any update has reached
/// meanwhile.
std::chrono::milliseconds service::heal_again() {
  const auto known = known_hosts();
  const auto now = steady_clock::now();
  std::vector<engine_states::engine_key> due;
  auto soonest = nothing_to_do;
  {
    const std::lock_guard lock{mutex_};
    std::erase_if(ailing_, [&](const auto& each) {
      return engines_.is_whole(each.first, known)
             || book_.state_of(each.second.id) == update_state::cancelled;
    });
    for (auto& [engine, one] : ailing_) {
      const auto state = book_.state_of(one.id);
      if (state && !is_over(*state))
        continue;
      if (!std::exchange(one.id, {}).empty()) {
        one.next = now + one.wait;
        one.wait = std::min(2 * one.wait, wait_max);
      }
      if (now >= one.next && known.at(engine.first).is_here
          && engine.second < known.at(engine.first).endpoints.size())
        due.push_back(engine);
      soonest = std::min(soonest, std::max<std::chrono::milliseconds>(
                                      1s, std::chrono::ceil<std::chrono::milliseconds>(one.next - now)));
    }
  }
  for (const auto& engine : due) {
    const auto name = std::to_string(engine.first) + "@" + known.at(engine.first).endpoints.at(engine.second);
    const auto filed = file_healing({name});
    if (!filed.refused)
      spdlog::warn("--heal: engine {} does not serve yet: update {} tries again", name, filed.id);
    const std::lock_guard lock{mutex_};
    if (const auto one = ailing_.find(engine); one != ailing_.end() && !filed.refused)
      one->second.id = filed.id;
  }
  return soonest;
}

} // namespace ckpt::apps
