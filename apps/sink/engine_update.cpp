// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

// The course of one update on the HTTP side, good or with the faults it was told to have.
//
//   request ── refused? ──> gate ──> start ──> workers run ──> workers_ended ──> conclude
//                                      │                             │              ^
//                                      └── never to be answered: ────┴── until the client has gone, or the
//                                                                        deadline
//
// From start to conclude the update holds the gate. With --unforgiving it does so until the workers have
// ended, whatever becomes of the client.

#include "apps/sink/generation_dialect.hpp"
#include "apps/sink/running_update.hpp"

#include <stdexcept>

#include <boost/asio/post.hpp>

namespace ckpt::apps::sink {
namespace {

using namespace std::chrono_literals;

/// After the last of --updates the program ends once no request has come for this long. Clients ask for the
/// version or wake the engine up after an update.
constexpr auto quiet_time = 1s;

answer closed() { return {answer::form::close, 0, {}}; }

} // namespace

void engine::begin_update(const question& asked, const std::shared_ptr<exchange>& waiting) {
  update_request request;
  try {
    request = read_update_request(options_.engine, asked);
  } catch (const std::invalid_argument& error) {
    return waiting->respond(update_refused(options_.engine, error.what()));
  }
  admit(std::move(request), waiting);
}

/// Refuses an update while the client of another waits, but not with --unforgiving. If that client has gone or
/// has its answer, the other update ends by itself, and this one waits for it.
void engine::admit(update_request request, const std::shared_ptr<exchange>& waiting) {
  if (!options_.unforgiving && current_ && current_->waiting->is_waiting())
    return waiting->respond(update_refused(options_.engine, "another update is under way"));
  gate_->update([this, request = std::move(request), waiting] { take_turn(request, waiting); });
}

/// Called by the gate when no other update is under way.
void engine::take_turn(update_request request, const std::shared_ptr<exchange>& waiting) {
  if (!options_.unforgiving && !waiting->is_waiting())
    return gate_->update_ended();
  if (const auto refused = refuse(request)) {
    gate_->update_ended();
    return waiting->respond(*refused);
  }
  start(std::move(request), waiting);
}

std::optional<answer> engine::refuse(const update_request& request) const {
  if (!takes_weights())
    return update_refused(options_.engine, "the engine cannot take weights in this state of sleep");
  if (const auto workers = options_.workers * (1 + options_.followers.size());
      request.devices.size() != workers)
    return update_failed(options_.engine, "the request names " + std::to_string(request.devices.size())
                                              + " devices, but the engine has " + std::to_string(workers)
                                              + " workers");
  return std::nullopt;
}

void engine::start(update_request request, const std::shared_ptr<exchange>& waiting) {
  current_ = std::make_unique<running_update>();
  auto& now = *current_;
  now.serial = ++attempts_;
  now.is_faulty = !options_.fault_updates || now.serial <= *options_.fault_updates;
  if (now.is_faulty)
    now.faults = options_.faults;
  now.request = std::move(request);
  now.waiting = waiting;
  waiting->client_gone = [this, serial = now.serial] { client_gone(serial); };
  if (const auto status = now.faults.status_before) {
    conclude("fault: the update was answered at once", {});
    return waiting->respond(plain_error(*status, "fault: the update is answered at once"));
  }
  if (now.faults.early_status)
    waiting->respond(plain_error(*now.faults.early_status, "fault: nobody waits for the update"));
  if (now.faults.answers_early)
    waiting->respond(update_succeeded(options_.engine, {}));
  if (now.faults.answers_garbage)
    waiting->respond({answer::form::bytes, 0, std::string{"\x16\x03 this is not HTTP\r\n\r\n"}});
  if (!now.faults.starts_no_workers)
    return start_workers();
  if (now.faults.answers_early || now.faults.answers_garbage)
    return conclude("fault: no worker was started", {});
  now.ended = update_outcome{};
  wait_for_client();
}

void engine::start_workers() {
  auto& now = *current_;
  const auto serial = now.serial;
  now.workers = std::make_unique<update>(
      resources_, now.is_faulty, now.request,
      [this, serial](std::uint64_t lists) {
        boost::asio::post(io_, [this, serial, lists] { list_answered(serial, lists); });
      },
      [this, serial](update_outcome outcome) {
        boost::asio::post(io_,
                          [this, serial, outcome = std::move(outcome)] { workers_ended(serial, outcome); });
      });
}

void engine::list_answered(std::uint64_t serial, std::uint64_t lists) {
  if (!current_ || current_->serial != serial || lists < current_->faults.lists_before_trouble)
    return;
  if (current_->faults.status_during)
    current_->waiting->respond(
        plain_error(*current_->faults.status_during, "fault: an error during the update"));
  if (current_->faults.drops_connection)
    current_->waiting->respond(closed());
}

void engine::workers_ended(std::uint64_t serial, const update_outcome& outcome) {
  if (!current_ || current_->serial != serial)
    return;
  auto& now = *current_;
  now.workers.reset();
  auto error = outcome.error();
  if (error.empty() && now.request.flush_cache && !gate_->can_flush_cache())
    error = cache_not_flushed();
  if (now.faults.never_answers() && !now.client_is_gone) {
    now.ended = outcome;
    return wait_for_client();
  }
  auto reply =
      error.empty() ? update_succeeded(options_.engine, outcome) : update_failed(options_.engine, error);
  if (error.empty() && now.faults.status_after) {
    const std::string words = "fault: an error after all workers came through";
    reply = plain_error(*now.faults.status_after, words);
    if (!now.faults.only_gateway_fails_after())
      error = words;
  }
  // The report first: a client that has the answer finds the update in it.
  const auto waiting = now.waiting;
  conclude(error, outcome);
  waiting->respond(reply);
}

/// Keeps the engine busy with an update that is never answered, for as long as the client has patience.
void engine::wait_for_client() {
  if (options_.unforgiving)
    return; // For as long as the sink lives.
  patience_.expires_after(options_.timeout);
  patience_.async_wait([this, serial = current_->serial](const boost::system::error_code& error) {
    if (error || !current_ || current_->serial != serial)
      return;
    current_->waiting->respond(closed());
    client_gone(serial);
  });
}

void engine::client_gone(std::uint64_t serial) {
  if (options_.unforgiving || !current_ || current_->serial != serial)
    return;
  current_->client_is_gone = true;
  if (!current_->ended)
    return; // The workers will see for themselves whether the pusher is gone too.
  patience_.cancel();
  const auto outcome = std::move(*current_->ended);
  const auto error = outcome.error();
  conclude(error.empty() ? "fault: the update was never answered" : error, outcome);
}

void engine::conclude(const std::string& error, const update_outcome& outcome) {
  const auto& request = current_->request;
  if (error.empty()) {
    ++good_;
    has_weights_ = true;
    if (request.weight_version)
      weight_version_ = *request.weight_version;
    tells_wrong_version_ = current_->faults.tells_wrong_version;
  } else {
    ++failed_;
  }
  log_.add({current_->serial, request.weight_version, error, outcome});
  current_.reset();
  gate_->update_ended();
  if (options_.updates && (failed_ > 0 || good_ >= *options_.updates)) {
    enough_ = true;
    end_when_quiet();
  }
}

void engine::end_when_quiet() {
  quiet_.expires_after(quiet_time);
  quiet_.async_wait([this](const boost::system::error_code& error) {
    if (!error)
      io_.stop();
  });
}

} // namespace ckpt::apps::sink
