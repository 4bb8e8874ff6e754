// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

// One table row per kind of fault: its name, what its argument is, and what it sets.

#include "apps/sink/fault.hpp"

#include <charconv>
#include <cmath>
#include <stdexcept>

namespace ckpt::apps::sink {
namespace {

using at = moment::at;

/// Parses all of `text` as a number, or throws.
template <class Number>
Number parse_number(std::string_view text, const char* what) {
  Number value{};
  const auto end = text.data() + text.size();
  if (const auto [stop, error] = std::from_chars(text.data(), end, value);
      error != std::errc{} || stop != end)
    throw std::invalid_argument{std::string{what} + " is needed, not \"" + std::string{text} + "\""};
  return value;
}

unsigned parse_status(std::string_view text) {
  const auto status = parse_number<unsigned>(text, "an HTTP status");
  if (status < 200 || status > 599)
    throw std::invalid_argument{"an HTTP status is between 200 and 599"};
  return status;
}

moment parse_list(std::string_view text) {
  if (text == "first")
    return {at::list, 0};
  if (text == "middle")
    return {at::middle_list};
  if (text == "last")
    return {at::last_list};
  return {at::list, parse_number<std::uint64_t>(text, "first, middle, last or the number of a list")};
}

moment parse_moment(std::string_view text) {
  if (text == "connect")
    return {at::connect};
  if (text == "handle")
    return {at::handle};
  if (text == "none")
    return {at::release};
  if (text == "post-hook")
    return {at::finish};
  return parse_list(text);
}

/// CODE or CODE:LISTS.
void parse_status_during(fault_plan& plan, std::string_view text) {
  const auto colon = text.find(':');
  plan.status_during = parse_status(text.substr(0, colon));
  if (colon != std::string_view::npos)
    plan.lists_before_trouble = parse_number<std::uint64_t>(text.substr(colon + 1), "a number of lists");
}

std::chrono::milliseconds parse_seconds(std::string_view text) {
  const auto seconds = parse_number<double>(text, "a number of seconds");
  if (!std::isfinite(seconds) || seconds < 0 || seconds > 1e6)
    throw std::invalid_argument{"seconds are between 0 and 1000000"};
  return std::chrono::milliseconds{std::llround(seconds * 1000)};
}

enum class argument : std::uint8_t { none, optional, needed };

struct fault_kind {
  std::string_view name;
  argument takes;
  void (*apply)(fault_plan&, std::string_view);
};

constexpr fault_kind fault_kinds[] = {
    {"http-status", argument::needed,
     [](fault_plan& p, std::string_view a) { p.status_before = parse_status(a); }},
    {"http-status-during", argument::needed, parse_status_during},
    {"http-status-after", argument::needed,
     [](fault_plan& p, std::string_view a) { p.status_after = parse_status(a); }},
    {"early-status", argument::needed,
     [](fault_plan& p, std::string_view a) { p.early_status = parse_status(a); }},
    {"no-pause-route", argument::none, [](fault_plan& p, std::string_view) { p.has_no_pause = true; }},
    {"early-200", argument::none, [](fault_plan& p, std::string_view) { p.answers_early = true; }},
    {"never-start-workers", argument::none,
     [](fault_plan& p, std::string_view) { p.starts_no_workers = true; }},
    {"handle-error", argument::none,
     [](fault_plan& p, std::string_view) { p.error_at = moment{at::handle}; }},
    {"bucket-error", argument::needed, [](fault_plan& p, std::string_view a) { p.error_at = parse_list(a); }},
    {"post-hook-raises", argument::none, [](fault_plan& p, std::string_view) { p.finish_raises = true; }},
    {"post-hook-swallowed", argument::none,
     [](fault_plan& p, std::string_view) { p.hook_failure_swallowed = true; }},
    {"loses", argument::needed, [](fault_plan& p, std::string_view a) { p.loses = std::string{a}; }},
    {"overwrites-nothing", argument::none,
     [](fault_plan& p, std::string_view) { p.overwrites_nothing = true; }},
    {"weights-checker-fails", argument::none,
     [](fault_plan& p, std::string_view) { p.has_no_checksums = true; }},
    {"die-at", argument::needed, [](fault_plan& p, std::string_view a) { p.die_at = parse_moment(a); }},
    {"worker-dies", argument::needed,
     [](fault_plan& p, std::string_view a) { p.close_at = parse_moment(a); }},
    {"hang-at", argument::needed, [](fault_plan& p, std::string_view a) { p.hang_at = parse_moment(a); }},
    {"slow-connect", argument::needed,
     [](fault_plan& p, std::string_view a) { p.connect_delay = parse_seconds(a); }},
    {"slow-handle", argument::needed,
     [](fault_plan& p, std::string_view a) { p.handle_delay = parse_seconds(a); }},
    {"wrong-version", argument::none, [](fault_plan& p, std::string_view) { p.tells_wrong_version = true; }},
    {"garbage-http", argument::none, [](fault_plan& p, std::string_view) { p.answers_garbage = true; }},
    {"drop-connection", argument::optional,
     [](fault_plan& p, std::string_view a) {
       p.drops_connection = true;
       if (!a.empty())
         p.lists_before_trouble = parse_number<std::uint64_t>(a, "a number of lists");
     }},
    {"one-worker-only", argument::needed,
     [](fault_plan& p, std::string_view a) {
       p.only_worker = parse_number<unsigned>(a, "the index of a worker");
     }},
};

void apply(fault_plan& plan, const std::string& value) {
  const auto colon = value.find(':');
  const auto name = std::string_view{value}.substr(0, colon);
  const auto text =
      colon == std::string::npos ? std::string_view{} : std::string_view{value}.substr(colon + 1);
  for (const auto& kind : fault_kinds) {
    if (kind.name != name)
      continue;
    if (kind.takes == argument::needed && text.empty())
      throw std::invalid_argument{"it needs an argument"};
    if (kind.takes == argument::none && colon != std::string::npos)
      throw std::invalid_argument{"it takes no argument"};
    kind.apply(plan, text);
    return;
  }
  throw std::invalid_argument{"there is no such fault; there are:\n" + std::string{fault_help()}};
}

} // namespace

bool fault_plan::needs_tensor_count() const {
  for (const auto& when : {error_at, die_at, hang_at, close_at})
    if (when && (when->is == at::middle_list || when->is == at::last_list))
      return true;
  return false;
}

fault_plan fault_plan::for_worker(unsigned worker) const {
  auto plan = *this;
  if (only_worker && *only_worker != worker) {
    plan.error_at = plan.die_at = plan.hang_at = plan.close_at = std::nullopt;
    plan.finish_raises = plan.hook_failure_swallowed = false;
    plan.loses.reset();
    plan.connect_delay = plan.handle_delay = {};
  }
  return plan;
}

fault_plan parse_faults(std::span<const std::string> values) {
  fault_plan plan;
  for (const auto& value : values) {
    try {
      apply(plan, value);
    } catch (const std::invalid_argument& error) {
      throw std::invalid_argument{"--fault " + value + ": " + error.what()};
    }
  }
  return plan;
}

std::string_view fault_help() {
  return R"(  http-status:CODE           answers the update with CODE at once and starts no worker
  http-status-during:CODE[:K] answers CODE after K lists (1); the workers stop answering
  http-status-after:CODE     answers CODE although all workers came through; with 502 and 504 the update counts
  early-status:CODE          answers CODE at once, as a gateway without patience; the workers start all the same
  early-200                  answers success at once, while the workers have only begun
  never-start-workers        takes the update, never connects a worker, never answers
  handle-error               a worker answers the buffer handle with an error text
  bucket-error:LIST          a worker answers a list with an error text
  post-hook-raises           a worker raises in its post hook: no reply, and the server reports it
  post-hook-swallowed        a worker's post hook fails, but it answers success; only the report tells
  loses:NAME                 a worker does not keep the tensor of this name and says nothing (--consume hold)
  overwrites-nothing         says that it has overwritten its weights, and has not, whatever --fault-updates says
  weights-checker-fails      has no answer about checksums, whatever --fault-updates says
  die-at:MOMENT              the sink and its workers are killed (SIGKILL)
  worker-dies:MOMENT         a worker's socket closes; the server never answers
  hang-at:MOMENT             a worker never replies
  slow-connect:SECONDS       a worker takes its time to connect
  slow-handle:SECONDS        a worker takes its time to open the buffer
  no-pause-route             has no routes to pause and to resume, whatever --fault-updates says
  wrong-version              model_info tells another weight version than was asked for
  garbage-http               answers the update with bytes that are not HTTP
  drop-connection[:K]        closes the HTTP connection after K lists (1); the workers go on
  one-worker-only:INDEX      the worker faults above happen to this worker alone
LIST is first, middle, last or a number from 0; MOMENT is that, connect, handle, none (the first None) or
post-hook (the second). The fault strikes when the message has come, before it is answered; at connect, before the
worker connects. middle and last need --verify.
)";
}

} // namespace ckpt::apps::sink
