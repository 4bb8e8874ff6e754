// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

#include "apps/sink/worker.hpp"

#include "apps/sink/tensor_place.hpp"

#include <chrono>
#include <stdexcept>
#include <variant>

namespace ckpt::apps::sink {
namespace {

using at = moment::at;
using clock = std::chrono::steady_clock;

constexpr double gib = 1 << 30;

/// Has the form of a Python traceback.
constexpr auto refusal_text = "Traceback (most recent call last):\n"
                              "  File \"worker.py\", line 7, in take\n"
                              "    model.load(tensors)\n"
                              "    ~~~~~~~~~~^^^^^^^^^\n"
                              "RuntimeError: fault: the worker refuses this message";

} // namespace

worker::worker(const sink_options& options, const fault_plan& faults, consumer& work,
               std::shared_ptr<const expectation> expected, update_signals& signals, held_weights* held)
    : options_{options}, faults_{faults}, work_{work}, expected_{std::move(expected)}, signals_{signals},
      held_{held} {
  if (expected_)
    verifier_.emplace(expected_, options_.consume);
}

worker_outcome worker::run(zmq::context_t& context, std::string device, const std::string& address) {
  outcome_.device = std::move(device);
  try {
    worker_socket socket{context, options_.patience(), signals_.stop};
    misbehave(socket, at::connect);
    socket.pause(faults_.connect_delay);
    socket.connect(address);
    converse(socket);
  } catch (const std::exception& error) {
    outcome_.error = error.what();
  }
  buffer_.reset();
  if (verifier_ && !outcome_.verified)
    outcome_.verified = false;
  return std::move(outcome_);
}

void worker::converse(worker_socket& socket) {
  open_buffer(socket);
  for (;;) {
    const auto raw = socket.receive();
    const auto message = read_worker_message(raw);
    if (const auto* list = std::get_if<tensor_list>(&message))
      take_list(socket, *list);
    else if (const auto* abort = std::get_if<abort_request>(&message))
      throw std::runtime_error{"the pusher aborted: " + abort->type + ": " + abort->message};
    else if (std::holds_alternative<end_mark>(message))
      break;
    else
      throw std::runtime_error{"a second buffer handle came"};
  }
  release(socket);
  // A real worker takes anything but None here as a programming error; an abort has something to say.
  const auto last = read_worker_message(socket.receive());
  if (const auto* abort = std::get_if<abort_request>(&last))
    throw std::runtime_error{"the pusher aborted: " + abort->type + ": " + abort->message};
  if (!std::holds_alternative<end_mark>(last))
    throw std::runtime_error{"something other than None came after the buffer had been released"};
  finish(socket);
}

void worker::open_buffer(worker_socket& socket) {
  const auto raw = socket.receive();
  try {
    misbehave(socket, at::handle);
    socket.pause(faults_.handle_delay);
    const auto message = read_worker_message(raw);
    if (const auto* abort = std::get_if<abort_request>(&message))
      throw std::runtime_error{"the pusher aborted: " + abort->type + ": " + abort->message};
    if (const auto* memory = std::get_if<cuda_handle>(&message))
      buffer_ = open_cuda_memory(*memory, outcome_.device);
    else if (const auto* file = std::get_if<file_handle>(&message))
      buffer_ = open_file(*file);
    else
      throw std::runtime_error{"the first message is not a buffer handle"};
  } catch (const channel_closed&) {
    throw;
  } catch (const std::exception& error) {
    // The worker says why, takes one more message of any kind as acknowledgement, and raises.
    socket.reply(error.what());
    try {
      static_cast<void>(socket.receive());
    } catch (const channel_closed&) {
      // A pusher that just goes away changes nothing about the cause.
    }
    throw;
  }
  socket.reply({});
}

void worker::take_list(worker_socket& socket, const tensor_list& list) {
  try {
    misbehave(socket, at::list, list.tensors.size());
    use(socket, list);
  } catch (const channel_closed&) {
    throw;
  } catch (const std::exception& error) {
    // Like the real one this worker stays in the conversation: the pusher has to abort all workers alike.
    if (refusal_.empty())
      refusal_ = error.what();
    ++outcome_.lists;
    socket.reply(error.what());
    return;
  }
  ++outcome_.lists;
  socket.reply({});
  signals_.list_answered(outcome_.lists);
}

void worker::use(const worker_socket& socket, const tensor_list& list) {
  const auto start = clock::now();
  std::uint64_t list_bytes = 0;
  for (const auto& tensor : list.tensors) {
    const auto place = place_of(tensor, buffer_->size());
    buffer_->load(place, work_);
    if (held_ != nullptr && faults_.loses != tensor.name)
      held_->take(tensor.name, buffer_->bytes(place));
    if (verifier_)
      verifier_->receive(tensor, *buffer_, place);
    list_bytes += place.length;
  }
  buffer_->settle();
  if (verifier_)
    verifier_->end_list(list, *buffer_);
  const std::chrono::duration<double> least{options_.worker_seconds_per_gib * static_cast<double>(list_bytes)
                                            / gib};
  socket.pause(start + std::chrono::duration_cast<clock::duration>(least) - clock::now());
  outcome_.tensors += list.tensors.size();
  outcome_.bytes += list_bytes;
  outcome_.busy_seconds += std::chrono::duration<double>(clock::now() - start).count();
}

void worker::release(worker_socket& socket) {
  misbehave(socket, at::release);
  buffer_.reset();
  socket.reply({});
}

void worker::finish(worker_socket& socket) {
  misbehave(socket, at::finish);
  if (faults_.finish_raises)
    throw std::runtime_error{"fault: the post hook raises"};
  if (faults_.hook_failure_swallowed)
    outcome_.hidden_error = "fault: the post hook failed, and the worker answered success";
  if (!refusal_.empty())
    throw std::runtime_error{"the pusher went on after a list had been refused: " + refusal_};
  if (verifier_) {
    const auto verdict = verifier_->verdict();
    outcome_.verified = verdict.empty();
    if (!verdict.empty())
      throw std::runtime_error{"verification failed: " + verdict};
  }
  socket.reply({});
}

bool worker::strikes(const std::optional<moment>& when, moment::at now,
                     std::uint64_t arriving_tensors) const {
  if (!when)
    return false;
  if (now != at::list)
    return when->is == now;
  const auto before = outcome_.tensors;
  const auto after = before + arriving_tensors;
  const auto total = expected_ ? expected_->source().tensors.size() : 0;
  switch (when->is) {
  case at::list:
    return when->index == outcome_.lists;
  case at::middle_list:
    return 2 * before <= total && 2 * after > total;
  case at::last_list:
    return after >= total;
  default:
    return false;
  }
}

void worker::misbehave(worker_socket& socket, moment::at now, std::uint64_t arriving_tensors) {
  if (strikes(faults_.die_at, now, arriving_tensors))
    signals_.die();
  if (strikes(faults_.close_at, now, arriving_tensors))
    throw channel_closed{"fault: the worker dies"};
  // A worker that has not connected cannot see that the pusher goes.
  const bool is_frozen = signals_.frozen && now != moment::at::connect;
  if (is_frozen || strikes(faults_.hang_at, now, arriving_tensors)) {
    socket.wait_for_end();
    throw channel_closed{"fault: the worker hangs"};
  }
  if (strikes(faults_.error_at, now, arriving_tensors))
    throw std::runtime_error{refusal_text};
}

} // namespace ckpt::apps::sink
