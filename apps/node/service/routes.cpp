// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

#include "apps/node/service/routes.hpp"

#include "apps/node/service/http_side.hpp"
#include "apps/node/service/request_fields.hpp"
#include "apps/node/service/service.hpp"

#include <optional>
#include <stdexcept>
#include <utility>

#include <boost/json.hpp>

namespace ckpt::apps {
namespace {

namespace json = boost::json;

[[nodiscard]] io::http_answer reply(unsigned status, const json::value& body) {
  return {io::http_answer::form::http, status, json::serialize(body)};
}

[[nodiscard]] io::http_answer reply(const std::optional<update_book::refusal>& refused) {
  return refused ? refuse(refused->http_status, refused->why) : reply(200, json::object{});
}

/// True when a caller that waits for this update gets its answer.
[[nodiscard]] bool is_settled(const json::object& described) {
  return described.at("over").as_bool() || described.at("waits_for_commit").as_bool();
}

} // namespace

routes::routes(service& asked, boost::asio::io_context& context)
    : service_{asked}, waiters_{asked.updates(), context}, reference_{asked, waiters_} {}

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
  constexpr std::string_view updates = "/v1/updates/", versions = "/v1/versions/",
                             checkpoints = "/v1/checkpoints/";
  if (asked.path.starts_with(updates))
    return about_update(asked, asked.path.substr(updates.size()), waiting);
  if (asked.path.starts_with(versions))
    return about_version(asked, decoded(asked.path.substr(versions.size())));
  if (asked.path.starts_with(checkpoints))
    return reference_.answer(asked, asked.path.substr(checkpoints.size()), waiting);
  return refuse(404, "no such route");
}

io::http_answer routes::file_update(const io::http_question& asked) {
  const request_fields body{
      asked.body, {"checkpoint_path", "version", "engines", "method", "prepare_only", "pause", "force"}};
  update_request request;
  request.version = require_name(body.text("version"), "version");
  request.checkpoint_path = require_path(body.text("checkpoint_path").value_or(""), "checkpoint_path");
  request.engines = body.texts("engines");
  request.waits_for_commit = body.flag("prepare_only");
  request.is_forced = body.flag("force");
  if (const auto pause = body.text("pause"))
    try {
      request.pause = service_.parse_pause(*pause);
    } catch (const std::invalid_argument& error) {
      throw bad_request{error.what()};
    }
  if (const auto refused = choose_method(body.text("method").value_or("broadcast"), request))
    return reply(refused);
  auto change = std::optional{std::string{}};
  if (!request.is_from_memory)
    change = changes_.look(service_.versions().change_of(request.version, request.checkpoint_path));
  if (!change)
    return refuse(503, request.checkpoint_path.string() + ": the file system does not answer");
  const auto filed = service_.updates().file(request, {*change, is_served(request.version, request.engines)});
  if (filed.refused)
    return reply(filed.refused);
  return reply(202, service_.updates().describe(filed.id).value());
}

/// broadcast: all there is to say. p2p: to the engines named, from memory alone. all: to all, and then to
/// hosts that join.
std::optional<update_book::refusal> routes::choose_method(const std::string& method,
                                                          update_request& request) const {
  if (method == "broadcast")
    return std::nullopt;
  if (method == "all") {
    if (!request.engines.empty())
      throw bad_request{"\"method\" all brings the version to all engines: leave out \"engines\""};
    if (!service_.offers_to_others())
      return update_book::refusal{409, "\"method\" all offers the version to hosts that join: this node was "
                                       "started without --save-metas-file"};
    return std::nullopt;
  }
  if (method != "p2p")
    throw bad_request{"\"method\" has to be broadcast, p2p or all"};
  if (request.engines.empty())
    throw bad_request{"\"method\" p2p needs \"engines\": those that are to get the version"};
  request.is_from_memory = true;
  const auto version = service_.versions().find(request.version);
  if (!version || !version->resident)
    return update_book::refusal{409, "version " + request.version
                                         + " is not in memory, where \"method\" p2p takes it from"};
  if (version->checkpoint.path != request.checkpoint_path)
    return update_book::refusal{409, "version " + request.version + " in memory is that of "
                                         + version->checkpoint.path.string()};
  return std::nullopt;
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
  const request_fields body{asked.body, {"version", "engines", "heal"}};
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

io::http_answer routes::about_update(const io::http_question& asked, const std::string& rest,
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
  return waiters_.wait(rest, wait_of(asked), waiting,
                       [rest](const json::object* described, bool is_late) -> std::optional<io::http_answer> {
                         if (described == nullptr)
                           return refuse(404, "no update " + rest);
                         return is_late || is_settled(*described) ? std::optional{reply(200, *described)}
                                                                  : std::nullopt;
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
