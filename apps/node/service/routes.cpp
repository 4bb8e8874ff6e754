// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

#include "apps/node/service/routes.hpp"

#include "apps/node/service/http_side.hpp"
#include "apps/node/service/service.hpp"
#include "io/http/percent.hpp"
#include "io/utf8.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <filesystem>
#include <optional>
#include <stdexcept>
#include <utility>

#include <boost/json.hpp>

namespace ckpt::apps {
namespace {

namespace json = boost::json;

constexpr std::size_t waiters_max = 128;
constexpr double wait_seconds_max = 3'600;
constexpr std::size_t version_length_max = 256;
constexpr std::size_t texts_max = 4'096;

[[nodiscard]] io::http_answer reply(unsigned status, const json::value& body) {
  return {io::http_answer::form::http, status, json::serialize(body)};
}

[[nodiscard]] io::http_answer reply(const std::optional<update_book::refusal>& refused) {
  return refused ? refuse(refused->http_status, refused->why) : reply(200, json::object{});
}

/// The fields of a request's body. Refuses a body with unknown ones.
class fields {
public:
  fields(const std::string& body, std::initializer_list<std::string_view> known) {
    boost::system::error_code error;
    auto parsed = json::parse(body.empty() ? "{}" : body, error);
    if (error || !parsed.is_object())
      throw bad_request{"the body is no JSON object"};
    values_ = std::move(parsed.as_object());
    for (const auto& field : values_)
      if (std::ranges::find(known, std::string_view{field.key()}) == known.end())
        throw bad_request{"unknown field \"" + std::string{field.key()} + "\""};
  }

  [[nodiscard]] std::optional<std::string> text(std::string_view name) const {
    const auto* value = values_.if_contains(name);
    if (value == nullptr || value->is_null())
      return std::nullopt;
    if (!value->is_string())
      throw bad_request{"\"" + std::string{name} + "\" has to be a text"};
    return std::string{value->as_string()};
  }

  [[nodiscard]] std::vector<std::string> texts(std::string_view name) const {
    std::vector<std::string> all;
    const auto* value = values_.if_contains(name);
    if (value == nullptr || value->is_null())
      return all;
    if (!value->is_array() || value->as_array().size() > texts_max
        || !std::ranges::all_of(value->as_array(), [](const auto& one) { return one.is_string(); }))
      throw bad_request{"\"" + std::string{name} + "\" has to be a list of texts"};
    for (const auto& one : value->as_array())
      all.emplace_back(one.as_string());
    return all;
  }

  [[nodiscard]] bool flag(std::string_view name) const {
    const auto* value = values_.if_contains(name);
    if (value == nullptr || value->is_null())
      return false;
    if (!value->is_bool())
      throw bad_request{"\"" + std::string{name} + "\" has to be true or false"};
    return value->as_bool();
  }

private:
  json::object values_;
};

[[nodiscard]] std::string require_version(const std::optional<std::string>& version) {
  if (!version || version->empty() || version->size() > version_length_max
      || io::valid_utf8(*version) != *version)
    throw bad_request{"\"version\" has to be a text of 1 to 256 bytes of UTF-8"};
  return *version;
}

[[nodiscard]] std::string decoded(const std::string& part) {
  auto text = io::percent_decode(part);
  if (!text)
    throw bad_request{"a percent sign in the path is not followed by two hexadecimal digits"};
  return std::move(*text);
}

/// The one spelling of a place: without "..", and without a slash at the end.
[[nodiscard]] std::filesystem::path normal_path(const std::filesystem::path& asked) {
  const auto path = asked.lexically_normal();
  return path.has_filename() ? path : path.parent_path();
}

[[nodiscard]] double wait_of(const io::http_question& asked) {
  const auto found = asked.query.find("wait");
  if (found == asked.query.end())
    return 0;
  char* end = nullptr;
  const double seconds = std::strtod(found->second.c_str(), &end);
  if (found->second.empty() || *end != '\0' || !std::isfinite(seconds) || seconds < 0
      || seconds > wait_seconds_max)
    throw bad_request{"\"wait\" has to be a number of seconds, at most 3600"};
  return seconds;
}

/// True when a caller that waits for this update gets its answer.
[[nodiscard]] bool is_settled(const json::object& described) {
  return described.at("over").as_bool() || described.at("waits_for_commit").as_bool();
}

} // namespace

io::http_answer routes::answer(const io::http_question& asked, const exchange_ptr& waiting) {
  const auto is = [&](std::string_view method, std::string_view path) {
    return asked.method == method && asked.path == path;
  };
  if (is("POST", "/v1/updates"))
    return file_update(asked);
  if (is("GET", "/v1/updates"))
    return reply(200, service_.updates().describe_all());
  if (is("POST", "/v1/rollback"))
    return roll_back(asked);
  if (is("GET", "/v1/engines"))
    return reply(200, service_.engines());
  if (is("GET", "/v1/hosts"))
    return reply(200, service_.hosts());
  if (is("GET", "/v1/metas"))
    return metas();
  if (is("GET", "/v1/versions"))
    return reply(200, service_.versions().describe());
  constexpr std::string_view updates = "/v1/updates/", versions = "/v1/versions/";
  if (asked.path.starts_with(updates))
    return about_update(asked, asked.path.substr(updates.size()), waiting);
  if (asked.path.starts_with(versions))
    return about_version(asked, decoded(asked.path.substr(versions.size())));
  return refuse(404, "no such route");
}

io::http_answer routes::file_update(const io::http_question& asked) {
  const fields body{asked.body, {"checkpoint_path", "version", "engines", "prepare_only", "pause", "force"}};
  update_request request;
  request.version = require_version(body.text("version"));
  request.checkpoint_path = normal_path(body.text("checkpoint_path").value_or(""));
  if (!request.checkpoint_path.is_absolute())
    throw bad_request{"\"checkpoint_path\" has to be an absolute path"};
  request.waits_for_commit = body.flag("prepare_only");
  request.is_forced = body.flag("force");
  if (const auto pause = body.text("pause"))
    try {
      request.pause = service_.parse_pause(*pause);
    } catch (const std::invalid_argument& error) {
      throw bad_request{error.what()};
    }
  const auto change = changes_.look(service_.versions().change_of(request.version, request.checkpoint_path));
  if (!change)
    return refuse(503, request.checkpoint_path.string() + ": the file system does not answer");
  request.engines = body.texts("engines");
  const auto filed = service_.updates().file(request, {*change, is_served(request.version, request.engines)});
  if (filed.refused)
    return reply(filed.refused);
  return reply(202, service_.updates().describe(filed.id).value());
}

void routes::require_known(const std::vector<std::string>& engines) const {
  static_cast<void>(is_served({}, engines));
}

bool routes::is_served(const std::string& version, const std::vector<std::string>& engines) const {
  try {
    return service_.is_served(version, engines);
  } catch (const std::invalid_argument& error) {
    throw bad_request{error.what()};
  }
}

/// Files a roll-back to the version before, or to a named one. Its turn decides which version is the one before.
io::http_answer routes::roll_back(const io::http_question& asked) {
  const fields body{asked.body, {"version", "engines", "heal"}};
  if (body.flag("heal"))
    return heal(body.texts("engines"));
  update_request request;
  request.version = body.text("version").value_or("");
  request.engines = body.texts("engines");
  require_known(request.engines);
  request.is_rollback = true;
  const auto& versions = service_.versions();
  if (request.version.empty() && versions.served().empty())
    return refuse(404, "there is no version before the one that is served");
  if (!request.version.empty() && !versions.find(request.version))
    return refuse(404, "no version " + request.version + " is known");
  const auto filed = service_.updates().file(request, {});
  if (filed.refused)
    return reply(filed.refused);
  return reply(202, service_.updates().describe(filed.id).value());
}

/// Committing again an update that is done succeeds only while engines still serve its version.
io::http_answer routes::commit_update(const std::string& id) {
  auto& updates = service_.updates();
  if (const auto described = updates.describe(id);
      described && described->at("state").as_string() == name(update_state::updated)
      && !is_served(std::string{described->at("version").as_string()},
                    json::value_to<std::vector<std::string>>(described->at("engines"))))
    return refuse(409,
                  "update " + id + " is over, and engines serve something else by now: publish it again");
  return reply(updates.commit(id));
}

io::http_answer routes::trace_of_update(const std::string& id) const {
  const auto found = service_.updates().find_trace(id);
  return found.recorded ? io::http_answer{io::http_answer::form::http, 200, chrome_json(*found.recorded)}
                        : refuse(found.refused.http_status, found.refused.why);
}

io::http_answer routes::about_update(const io::http_question& asked, std::string rest,
                                     const exchange_ptr& waiting) {
  auto& updates = service_.updates();
  constexpr std::string_view commit = "/commit";
  if (asked.method == "POST" && rest.ends_with(commit))
    return commit_update(rest.substr(0, rest.size() - commit.size()));
  if (asked.method == "DELETE")
    return reply(updates.cancel(rest));
  if (asked.method != "GET")
    return refuse(405, "GET, DELETE, POST …/commit, or GET …/trace");
  if (constexpr std::string_view trace = "/trace"; rest.ends_with(trace))
    return trace_of_update(rest.substr(0, rest.size() - trace.size()));
  const auto described = updates.describe(rest);
  if (!described)
    return refuse(404, "no update " + rest);
  const auto seconds = wait_of(asked);
  if (seconds == 0 || is_settled(*described))
    return reply(200, *described);
  look_after_waiters(); // Some callers may have gone.
  if (waiters_.size() >= waiters_max)
    return refuse(429, "too many wait already");
  auto& one = waiters_.emplace_back(context_, std::move(rest), waiting);
  one.timer.expires_after(std::chrono::milliseconds{static_cast<std::int64_t>(seconds * 1000)});
  one.timer.async_wait([this](const boost::system::error_code& ended) {
    if (!ended)
      look_after_waiters();
  });
  return {io::http_answer::form::http, 0, {}};
}

void routes::look_after_waiters() {
  const auto now = std::chrono::steady_clock::now();
  std::erase_if(waiters_, [&](waiter& one) {
    if (!one.waiting->is_waiting())
      return true;
    const auto described = service_.updates().describe(one.id);
    if (described && !is_settled(*described) && now < one.timer.expiry())
      return false;
    one.waiting->respond(described ? reply(200, *described) : refuse(404, "no update " + one.id));
    return true;
  });
}

io::http_answer routes::heal(const std::vector<std::string>& engines) {
  try {
    const auto filed = service_.heal(engines);
    if (!filed)
      return refuse(404, "no version is known to be served");
    return filed->refused ? reply(filed->refused)
                          : reply(202, service_.updates().describe(filed->id).value());
  } catch (const std::invalid_argument& error) {
    throw bad_request{error.what()};
  }
}

io::http_answer routes::metas() const {
  auto text = service_.metas();
  return text.empty() ? refuse(404, "no version is offered to hosts that join: see --save-metas-file")
                      : io::http_answer{io::http_answer::form::http, 200, std::move(text)};
}

io::http_answer routes::about_version(const io::http_question& asked, const std::string& name) {
  if (asked.method != "DELETE")
    return refuse(405, "DELETE");
  return reply(service_.drop(name));
}

} // namespace ckpt::apps
