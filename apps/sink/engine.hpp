// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// The engine as its HTTP clients see it: its state, and what each request does to it. Belongs to the thread
// that runs the io_context; workers report to it through posted handlers.

#include "apps/sink/dialect.hpp"
#include "apps/sink/report.hpp"
#include "apps/sink/request_gate.hpp"
#include "apps/sink/update.hpp"
#include "io/http/http_server.hpp"

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <string>

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

namespace ckpt::apps::sink {

class engine {
public:
  /// `expected` is null without --verify. All references outlive the engine.
  engine(boost::asio::io_context& io, const sink_options& options,
         std::shared_ptr<const expectation> expected, report& log);
  ~engine();

  /// Answers now; updates, pauses and requests for tokens may be answered later.
  void handle(const question& asked, const std::shared_ptr<exchange>& waiting);

  /// With --updates: 1 when an update failed or fewer came. Else 0.
  [[nodiscard]] int exit_status() const;

private:
  using clock = std::chrono::steady_clock;
  struct running_update;

  [[nodiscard]] bool starting() const { return clock::now() < ready_at_; }
  [[nodiscard]] std::optional<answer> deny(const route& matched, const question& asked) const;
  [[nodiscard]] answer perform(action does, const question& asked);
  [[nodiscard]] bool is_ready() const;
  [[nodiscard]] answer model_info() const;
  [[nodiscard]] answer server_info() const;
  [[nodiscard]] answer update_state() const;
  [[nodiscard]] answer check_weights(const question& asked);
  [[nodiscard]] bool takes_weights() const;

  bool pass_gate(action does, const question& asked, const std::shared_ptr<exchange>& waiting);
  void generate(const question& asked, const std::shared_ptr<exchange>& waiting);
  void pause(const question& asked, const std::shared_ptr<exchange>& waiting);

  void begin_update(const question& asked, const std::shared_ptr<exchange>& waiting);
  void admit(update_request request, const std::shared_ptr<exchange>& waiting);
  void take_turn(update_request request, const std::shared_ptr<exchange>& waiting);
  [[nodiscard]] std::optional<answer> refuse(const update_request& request) const;
  void start(update_request request, const std::shared_ptr<exchange>& waiting);
  void start_workers();
  void list_answered(std::uint64_t serial, std::uint64_t lists);
  void workers_ended(std::uint64_t serial, const update_outcome& outcome);
  void client_gone(std::uint64_t serial);
  void wait_for_client();
  void conclude(const std::string& error, const update_outcome& outcome);
  void end_when_quiet();

  boost::asio::io_context& io_;
  const sink_options& options_;
  report& log_;
  worker_resources resources_;
  std::unique_ptr<request_gate> gate_;
  clock::time_point ready_at_;
  std::string weight_version_ = "default";
  bool has_weights_ = false;
  bool tells_wrong_version_ = false;
  std::set<std::string> sleeping_tags_; ///< LMDeploy only
  std::uint64_t attempts_ = 0;
  std::uint64_t good_ = 0;
  std::uint64_t failed_ = 0;
  bool enough_ = false;                ///< all --updates have come, or one has failed
  boost::asio::steady_timer quiet_;    ///< until the end after the last update
  boost::asio::steady_timer patience_; ///< with a client that never gets an answer
  std::unique_ptr<running_update> current_;
};

/// Carries requests to `stand_in`, which outlives it. Throws what io::http_server throws.
[[nodiscard]] io::http_server listen(boost::asio::io_context& context, const sink_options& options,
                                     engine& stand_in);

} // namespace ckpt::apps::sink
