// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

#include "apps/node/service/update_waiters.hpp"

#include "apps/node/service/http_side.hpp"
#include "apps/node/service/update_book.hpp"

#include <chrono>
#include <cstdint>
#include <utility>

namespace ckpt::apps {
namespace {

constexpr std::size_t waiters_max = 128;

} // namespace

std::optional<io::http_answer> update_waiters::ask(const std::string& id, const answer_of& answer,
                                                   bool is_late) const {
  const auto described = updates_.describe(id);
  return answer(described ? &*described : nullptr, is_late);
}

io::http_answer update_waiters::wait(const std::string& id, double seconds, const exchange_ptr& waiting,
                                     answer_of answer) {
  if (auto now = ask(id, answer, seconds <= 0))
    return std::move(*now);
  look_after(); // Some callers may have gone.
  if (waiters_.size() >= waiters_max)
    return refuse(429, "too many wait already");
  auto& one =
      waiters_.emplace_back(waiter{id, waiting, std::move(answer), boost::asio::steady_timer{context_}});
  one.timer.expires_after(std::chrono::milliseconds{static_cast<std::int64_t>(seconds * 1000)});
  one.timer.async_wait([this](const boost::system::error_code& ended) {
    if (!ended)
      look_after();
  });
  return {io::http_answer::form::http, 0, {}};
}

void update_waiters::look_after() {
  const auto now = std::chrono::steady_clock::now();
  std::erase_if(waiters_, [&](waiter& one) {
    if (!one.waiting->is_waiting())
      return true;
    const auto answer = ask(one.id, one.answer, now >= one.timer.expiry());
    if (answer)
      one.waiting->respond(*answer);
    return answer.has_value();
  });
}

} // namespace ckpt::apps
