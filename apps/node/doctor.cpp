// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

#include "apps/node/doctor.hpp"

#include "io/error.hpp"

#include <algorithm>
#include <chrono>
#include <iostream>
#include <stdexcept>
#include <string_view>
#include <system_error>

#include <spdlog/spdlog.h>

namespace ckpt::apps {
namespace {

using namespace std::chrono_literals;
using actors::cause;
using actors::ec;
using meaning = io::engine_answer::meaning;

/// How often a wait for an engine looks for a signal.
constexpr auto look_every = 50ms;

/// The user has ended it.
class interruption : public std::exception {
public:
  [[nodiscard]] const char* what() const noexcept override { return "interrupted"; }
};

void require(const io::engine_answer& answer) {
  if (answer.is != meaning::go)
    throw std::runtime_error{answer.why};
}

/// The parameters of one rank that are not proved right after the update.
struct findings {
  std::vector<std::string_view> unreached; ///< as random as before
  std::vector<std::string_view> otherwise; ///< not as the engine sets them itself
  std::vector<std::string_view> untouched; ///< never overwritten: of these nothing is known
};

[[nodiscard]] findings compare(const io::rank_checksums& loaded, const io::rank_checksums& overwritten,
                               const io::rank_checksums& updated) {
  findings found;
  for (const auto& [name, checksum] : loaded) {
    const auto random = overwritten.find(name);
    const auto now = updated.find(name);
    const bool is_known = random != overwritten.end();
    if (is_known && random->second == checksum)
      found.untouched.push_back(name);
    if (now != updated.end() && now->second == checksum)
      continue;
    const bool is_reached = now == updated.end() || !is_known || now->second != random->second;
    (is_reached ? found.otherwise : found.unreached).push_back(name);
  }
  for (const auto& [name, checksum] : updated)
    if (!loaded.contains(name))
      found.otherwise.push_back(name);
  return found;
}

/// Names the parameters that are wrong, of both kinds; empty when none is.
[[nodiscard]] std::string describe_wrong(const findings& found) {
  std::string text;
  if (!found.unreached.empty())
    text = "not reached: " + io::name_some(found.unreached);
  if (!found.otherwise.empty())
    text += (text.empty() ? "" : ", and ") + ("set otherwise: " + io::name_some(found.otherwise));
  return text;
}

/// The result for one engine, in words: wrong parameters, and unknown ones. Each may be empty.
struct summary {
  std::string wrong;
  std::string unknown;
  std::size_t known = 0; ///< parameters that were overwritten
};

/// `overwritten` is empty when the engine did not say what it held then: all of it may be as it was.
[[nodiscard]] summary compare_all(const io::engine_checksums& loaded, const io::engine_checksums& overwritten,
                                  const io::engine_checksums& updated) {
  if (overwritten.empty())
    return {"nothing is known of it, because it was not overwritten, or did not say so", "", 0};
  io::rank_remarks wrong;
  io::rank_remarks unknown;
  std::size_t known = 0;
  for (std::size_t rank = 0; rank < loaded.size(); ++rank) {
    const auto found = compare(loaded[rank], overwritten[rank], updated[rank]);
    if (const auto text = describe_wrong(found); !text.empty())
      wrong.add(rank, text);
    known += loaded[rank].size() - found.untouched.size();
    // A few buffers may be left out. When most parameters are, nothing is proved.
    if (found.untouched.size() * 2 > loaded[rank].size())
      wrong.add(rank, "the engine did not overwrite " + std::to_string(found.untouched.size()) + " of "
                          + std::to_string(loaded[rank].size())
                          + " parameters: " + io::name_some(found.untouched));
    else if (!found.untouched.empty())
      unknown.add(rank, io::name_some(found.untouched));
  }
  const auto names = unknown.text();
  return {wrong.text(), names.empty() ? "" : "not overwritten, so that nothing is known of them: " + names,
          known};
}

} // namespace

bool is_wanted(const node_options& options) {
  if (options.is_answered)
    return true;
  std::cerr
      << "This interrupts serving: " << options.update.endpoints.size()
      << " engine(s) are paused, all their weights are overwritten with random numbers, and then set anew "
         "from "
      << options.checkpoint_path.string()
      << ". If that fails they answer nothing sensible until an update succeeds.\nGo on? [y/N] "
      << std::flush;
  std::string answer;
  std::getline(std::cin, answer);
  return answer == "y" || answer == "Y" || answer == "yes";
}

doctor::doctor(const node_options& options, const signal_guard& signals)
    : options_{options}, signals_{signals} {
  for (std::size_t engine = 0; engine < options.update.endpoints.size(); ++engine)
    engines_.push_back(
        {io::make_engine_api(options.update.engine, options.update.pause), false, false, {}, {}});
}

cause doctor::begin() {
  try {
    examine();
  } catch (const interruption& ended) {
    resume();
    return {ec::interrupted, ended.what()};
  } catch (const std::exception& error) {
    resume();
    return actors::to_cause(error, ec::engine_failed);
  }
  overwrite();
  return {};
}

/// Does everything that can fail, while the engines still have their weights.
void doctor::examine() {
  for (std::size_t engine = 0; engine < engines_.size(); ++engine)
    try {
      engines_[engine].loaded = ask_checksums(engine);
    } catch (const std::system_error& error) {
      throw std::system_error{error.code(), "engine " + options_.update.endpoints[engine].url};
    } catch (const std::runtime_error& error) {
      throw std::runtime_error{"engine " + options_.update.endpoints[engine].url + ": " + error.what()};
    }
  for (std::size_t engine = 0; engine < engines_.size(); ++engine)
    pause(engine);
}

/// From here on only an update helps, so a failure is logged, and the other engines go on.
void doctor::overwrite() {
  may_be_interrupted_ = false;
  for (std::size_t engine = 0; engine < engines_.size(); ++engine) {
    auto& one = engines_[engine];
    const auto& url = options_.update.endpoints[engine].url;
    try {
      one.is_overwritten = true; // Whatever it answers: some weights may be gone.
      spdlog::info("engine {}: overwriting {} parameters with random numbers", url,
                   io::count_parameters(one.loaded));
      require(one.api->judge_overwrite(ask(engine, one.api->overwrite_request().value())));
      one.overwritten = ask_checksums(engine);
    } catch (const std::exception& error) {
      spdlog::error("engine {}: {}", url, error.what());
      one.overwritten.clear();
    }
  }
}

void doctor::pause(std::size_t engine) {
  auto& one = engines_[engine];
  const auto request = one.api->pause_request();
  if (!request)
    return;
  one.is_paused = true;
  require(one.api->judge_pause(ask(engine, *request)));
}

/// The engines still have their weights, so they can serve again.
void doctor::resume() noexcept {
  for (std::size_t engine = 0; engine < engines_.size(); ++engine)
    try {
      const auto request = engines_[engine].api->resume_request();
      if (engines_[engine].is_paused && request)
        static_cast<void>(ask(engine, *request));
    } catch (const std::exception& error) {
      spdlog::error("engine {} may still be paused: {}", options_.update.endpoints[engine].url, error.what());
    }
}

io::http_response doctor::ask(std::size_t engine, const io::http_request& request) const {
  io::http_call call{options_.update.endpoints[engine], request, options_.update.api_key,
                     options_.update.timeout};
  while (!call.wait(look_every))
    if (may_be_interrupted_ && signals_.wait(0ms) != 0)
      throw interruption{};
  if (call.error())
    throw std::system_error{call.error(), request.target};
  return call.response();
}

io::engine_checksums doctor::ask_checksums(std::size_t engine) const {
  const auto& api = *engines_[engine].api;
  auto said =
      api.judge_checksums(ask(engine, api.checksum_request().value()), options_.layout.devices_per_engine);
  require(said.answer);
  if (said.checksums.empty())
    throw std::runtime_error{said.answer.remark};
  return std::move(said.checksums);
}

void doctor::judge(actors::update_verdict& verdict, const actors::update& update) const {
  for (std::size_t index = 0; index < std::min(engines_.size(), verdict.engines.size()); ++index) {
    const auto& one = engines_[index];
    auto& engine = verdict.engines[index];
    if (one.is_overwritten && engine.serves != actors::served_weights::updated) {
      engine.serves = actors::served_weights::mixed;
      engine.why += "\nit was overwritten with random numbers before";
    }
    if (!one.is_overwritten || index >= update.checksums.size() || update.checksums[index].empty())
      continue;
    const auto [wrong, unknown, known] = compare_all(one.loaded, one.overwritten, update.checksums[index]);
    if (!unknown.empty())
      engine.account.remarks.push_back(unknown);
    if (wrong.empty()) {
      engine.account.remarks.push_back(std::to_string(known) + " of "
                                       + std::to_string(io::count_parameters(one.loaded))
                                       + " parameters are proved to be as it loaded them itself");
      continue;
    }
    engine.serves = actors::served_weights::unknown;
    engine.why = "it is not proved to hold after an update what it loads by itself: " + wrong;
    if (verdict.first_cause.code == ec::none)
      verdict.first_cause = {ec::engine_failed, "engine " + engine.endpoint + ": " + engine.why,
                             static_cast<int>(index)};
  }
}

} // namespace ckpt::apps
