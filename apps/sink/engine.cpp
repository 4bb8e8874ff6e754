// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

// Routing and state; what an update does is in engine_update.cpp.

#include "apps/sink/engine.hpp"

#include "apps/sink/generation_dialect.hpp"
#include "apps/sink/json_body.hpp"
#include "apps/sink/running_update.hpp"
#include "apps/sink/timed_generation.hpp"

#include <algorithm>
#include <stdexcept>

#include <boost/asio/post.hpp>
#include <boost/json.hpp>

namespace ckpt::apps::sink {
namespace {

namespace json = boost::json;

/// The values of `tags` in the query, or `all` when there are none.
std::set<std::string> tags_of(const question& asked, std::set<std::string> all) {
  const auto [first, last] = asked.query.equal_range("tags");
  if (first == last)
    return all;
  std::set<std::string> tags;
  for (auto each = first; each != last; ++each)
    tags.insert(each->second);
  return tags;
}

std::set<std::string> all_tags() { return {"weights", "kv_cache"}; }

bool has_to_do_with_pauses(action does) {
  return does == action::pause || does == action::resume || does == action::is_paused;
}

const char* load_format(const sink_options& options) {
  return options.ready == readiness::serves ? "auto" : "dummy";
}

} // namespace

engine::engine(boost::asio::io_context& io, const sink_options& options,
               std::shared_ptr<const expectation> expected, report& log)
    : io_{io}, options_{options}, log_{log},
      resources_{options, std::move(expected), {}, {}}, gate_{make_request_gate(options.engine, io)},
      ready_at_{clock::now() + options.ready_after}, quiet_{io}, patience_{io} {
  for (unsigned index = 0; index < options.workers; ++index)
    if (options.worker_processes)
      resources_.processes.emplace_back(options, index);
    else
      resources_.consumers.emplace_back(options.consume);
  if (options.consume == consumption::hold)
    resources_.held.resize(options.workers);
  if (options.ready == readiness::serves && resources_.expected)
    for (auto& worker : resources_.held)
      worker.load(*resources_.expected);
  // LMDeploy starts (with --empty-init) without its KV cache.
  if (options.engine == io::engine_kind::lmdeploy)
    sleeping_tags_ = options.starts_asleep ? all_tags() : std::set<std::string>{"kv_cache"};
}

engine::~engine() = default;

int engine::exit_status() const {
  const bool all_came = !options_.updates || good_ >= *options_.updates;
  return failed_ == 0 && all_came ? 0 : options_.updates ? 1 : 0;
}

void engine::handle(const question& asked, const std::shared_ptr<exchange>& waiting) {
  if (enough_)
    end_when_quiet(); // The client may still ask how the update went.
  const auto routes = routes_of(options_.engine);
  const auto on_path = [&](const route& each) {
    return each.path == asked.path && (each.in == age::all || options_.ready != readiness::old)
           && !(options_.faults.has_no_pause && has_to_do_with_pauses(each.does))
           && !(resources_.held.empty() && each.does == action::check_weights);
  };
  if (std::none_of(routes.begin(), routes.end(), on_path))
    return waiting->respond(plain_error(404, "Not Found"));
  const auto matched = std::find_if(routes.begin(), routes.end(), [&](const route& each) {
    return on_path(each) && each.method == asked.method;
  });
  if (matched == routes.end())
    return waiting->respond(plain_error(405, "Method Not Allowed"));
  if (auto denied = deny(*matched, asked))
    return waiting->respond(*denied);
  if (matched->does == action::update)
    return begin_update(asked, waiting);
  if (!pass_gate(matched->does, asked, waiting))
    waiting->respond(perform(matched->does, asked));
}

/// Passes requests for tokens, and what pauses them, to the gate, which decides when they are answered. False
/// for other actions.
bool engine::pass_gate(action does, const question& asked, const std::shared_ptr<exchange>& waiting) {
  try {
    switch (does) {
    case action::generate:
      generate(asked, waiting);
      return true;
    case action::pause:
      pause(asked, waiting);
      return true;
    case action::resume:
      gate_->resume([this, waiting] { waiting->respond(resumed_answer(options_.engine)); });
      return true;
    case action::is_paused:
      gate_->ask_whether_paused([waiting](bool is_paused) { waiting->respond(is_paused_answer(is_paused)); });
      return true;
    case action::readiness:
      gate_->ask_whether_paused([this, waiting](bool is_paused) {
        waiting->respond({answer::form::http, is_ready() && !is_paused ? 200U : 503U, {}});
      });
      return true;
    default:
      return false;
    }
  } catch (const std::invalid_argument& error) {
    waiting->respond(plain_error(400, error.what()));
    return true;
  }
}

void engine::generate(const question& asked, const std::shared_ptr<exchange>& waiting) {
  std::make_shared<timed_generation>(io_, *gate_, read_generation_length(asked),
                                     answers_to_generation(options_.engine), waiting)
      ->start();
}

void engine::pause(const question& asked, const std::shared_ptr<exchange>& waiting) {
  gate_->pause(read_pause_mode(options_.engine, asked),
               [this, waiting] { waiting->respond(paused_answer(options_.engine)); });
}

std::optional<answer> engine::deny(const route& matched, const question& asked) const {
  // An API key alone opens the admin routes, too. If there is also an admin key, only that opens them.
  const auto& admin = options_.admin_api_key.empty() ? options_.api_key : options_.admin_api_key;
  const auto& wanted = matched.needs == key::admin ? admin : options_.api_key;
  if (matched.needs != key::none && !wanted.empty() && asked.authorization != "Bearer " + wanted) {
    const bool is_other_key =
        !options_.api_key.empty() && asked.authorization == "Bearer " + options_.api_key;
    return is_other_key ? plain_error(403, "Forbidden") : plain_error(401, "Unauthorized");
  }
  // While it starts, LMDeploy has an answer about its state. All other routes get 503.
  if (starting() && matched.does != action::update_state)
    return plain_error(503, "the engine is starting");
  return std::nullopt;
}

answer engine::perform(action does, const question& asked) {
  switch (does) {
  case action::ping:
    if (options_.ready == readiness::waits && !is_ready())
      return {answer::form::http, 503, {}};
    break;
  case action::health:
    if (!is_ready())
      return {answer::form::http, 503, {}};
    break;
  case action::model_info:
    return model_info();
  case action::server_info:
    return server_info();
  case action::flush_cache:
    if (!gate_->can_flush_cache())
      return plain_error(400, "requests that use the cache are in the batch");
    break;
  case action::update_state:
    return update_state();
  case action::sleep:
    if (current_)
      return plain_error(400, "an update is under way");
    sleeping_tags_ = all_tags();
    break;
  case action::wake_up:
    for (const auto& tag : tags_of(asked, all_tags()))
      sleeping_tags_.erase(tag);
    break;
  case action::check_weights:
    return check_weights(asked);
  case action::nothing:
  case action::generate:
  case action::pause:
  case action::resume:
  case action::is_paused:
  case action::readiness:
  case action::update:
    break;
  }
  return {};
}

/// SGLang, told to wait for its first weights, is not ready before it has them, or has waited long enough.
bool engine::is_ready() const {
  if (options_.engine != io::engine_kind::sglang || options_.ready == readiness::serves || has_weights_)
    return true;
  return options_.dummy_after && clock::now() >= ready_at_ + *options_.dummy_after;
}

answer engine::model_info() const {
  const auto version = tells_wrong_version_ ? weight_version_ + "-not" : weight_version_;
  return json_answer(200, {{"model_path", "ckpt-sink"},
                           {"is_generation", true},
                           {"weight_version", version},
                           {"load_format", load_format(options_)}});
}

/// The options of its start, which no update changes.
answer engine::server_info() const {
  return json_answer(200,
                     {{"model_path", "ckpt-sink"},
                      {"load_format", load_format(options_)},
                      {"checkpoint_engine_wait_weights_before_ready", options_.ready != readiness::serves}});
}

/// SGLang's answers about the copies that workers keep (--consume hold).
answer engine::check_weights(const question& asked) {
  if (current_)
    return update_refused(options_.engine, "an update is under way");
  if (options_.faults.has_no_checksums)
    return update_refused(options_.engine, "fault: no answer about checksums");
  json::error_code unreadable;
  const auto body = json::parse(asked.body, unreadable);
  const auto* object = body.if_object();
  const auto* action = object == nullptr ? nullptr : object->if_contains("action");
  if (action != nullptr && *action == "reset_tensors") {
    if (!options_.faults.overwrites_nothing)
      for (auto& worker : resources_.held)
        worker.scramble();
    return json_answer(200, {{"success", true}, {"message", "Success."}});
  }
  if (action == nullptr || *action != "checksum")
    return update_refused(options_.engine, "Unsupported action");
  json::array ranks;
  for (unsigned index = 0; index < options_.workers; ++index)
    ranks.push_back(json::object{{"checksums", resources_.held[index].checksums()},
                                 {"parallelism_info", json::array{json::object{{"rank", index}}}}});
  return json_answer(200, {{"success", true}, {"message", "Success."}, {"ranks", std::move(ranks)}});
}

bool engine::takes_weights() const {
  return options_.engine != io::engine_kind::lmdeploy
         || (!sleeping_tags_.contains("weights") && sleeping_tags_.contains("kv_cache"));
}

answer engine::update_state() const {
  const bool ready = !starting() && !current_ && takes_weights();
  const char* message = ready        ? "ready"
                        : starting() ? "the engine is starting"
                        : current_ != nullptr
                            ? "an update is under way"
                            : "the engine has to sleep without its KV cache, but with its weights awake";
  json::array ranks;
  for (unsigned index = 0; index < options_.workers; ++index)
    ranks.push_back(index);
  const json::object body{{"ready", ready},
                          {"message", message},
                          {"backend", "pytorch"},
                          {"device_type", "cuda"},
                          {"checkpoint_engine_version", "0.4.2"},
                          {"is_sleeping", !sleeping_tags_.empty()},
                          {"sleeping_tags", json::array(sleeping_tags_.begin(), sleeping_tags_.end())},
                          {"device_uuids", json::array{}},
                          {"worker_ranks", std::move(ranks)}};
  return json_answer(200, body);
}

io::http_server listen(boost::asio::io_context& context, const sink_options& options, engine& stand_in) {
  io::http_server_options limits;
  limits.name = "ckpt-sink";
  limits.timeout = options.timeout;
  return {context,
          {options.host, options.port, options.unix_socket_path},
          limits,
          [&stand_in](const question& asked, const std::shared_ptr<exchange>& waiting) {
            stand_in.handle(asked, waiting);
          }};
}

} // namespace ckpt::apps::sink
