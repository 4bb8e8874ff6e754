// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

// A worker's process from the inside. One thread reads orders, so that the end of the sink is noticed
// whatever the update is doing; the update has a thread of its own.

#include "apps/sink/worker_process.hpp"

#include <csignal>
#include <iostream>
#include <thread>

#include <unistd.h>

namespace ckpt::apps::sink {
namespace {

void say(const worker_line& line) { std::cout << write_line(line) << std::flush; }

/// Kills the sink, and then this process, which a dead sink cannot kill any more.
[[noreturn]] void die_with_the_sink() {
  ::kill(::getppid(), SIGKILL);
  ::kill(::getpid(), SIGKILL);
  std::abort();
}

} // namespace

int serve_as_worker(const sink_options& options, std::shared_ptr<const expectation> expected,
                    unsigned number) {
  consumer work{options.consume};
  zmq::context_t context{1};
  std::unique_ptr<update_signals> signals; // Of the present update; outlives the thread that uses it.
  std::jthread updating;
  for (std::string text; std::getline(std::cin, text);) {
    const auto line = read_line(text);
    if (std::holds_alternative<freeze_order>(line)) {
      if (signals)
        signals->frozen = true;
      continue;
    }
    const auto& order = std::get<worker_order>(line);
    if (updating.joinable())
      updating.join(); // It has reported its outcome.
    say(order_taken{});
    const auto faults = order.faulty ? options.faults.for_worker(number) : fault_plan{};
    signals = std::make_unique<update_signals>();
    signals->die = die_with_the_sink;
    signals->list_answered = [&now = *signals, faults](std::uint64_t lists) {
      now.frozen = now.frozen || faults.freezes_after(lists);
      say(list_news{lists});
    };
    updating = std::jthread{[&options, &work, &context, expected, faults, order, &now = *signals] {
      worker one{options, faults, work, expected, now};
      say(one.run(context, order.device, order.address));
    }};
  }
  std::_Exit(0); // The sink has gone; nobody waits for what is under way.
}

} // namespace ckpt::apps::sink
