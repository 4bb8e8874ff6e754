// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

#include "apps/node/service/reference_routes.hpp"

#include "apps/node/service/http_side.hpp"
#include "apps/node/service/request_fields.hpp"
#include "apps/node/service/service.hpp"
#include "io/checkpoint/shard_names.hpp"

#include <stdexcept>
#include <utility>

namespace ckpt::apps {
namespace {

namespace json = boost::json;

constexpr std::size_t names_max = 64;
constexpr std::size_t files_max = 4'096; ///< of one name

constexpr double timeout_default = 300; ///< The daemon's own.

[[nodiscard]] io::http_answer succeed() { return {io::http_answer::form::http, 200, {}}; }

[[nodiscard]] io::http_answer fail(const std::string& why) {
  return {io::http_answer::form::http, 500, json::serialize(json::value(why))};
}

[[nodiscard]] std::string no_files(const std::string& name) {
  return "checkpoint " + name + " is not registered: POST its files first";
}

/// The checkpoint that these files are: their directory, or the one file if its name is not that of one of
/// several.
[[nodiscard]] std::filesystem::path path_of(const std::set<std::filesystem::path>& files) {
  const auto& first = *files.begin();
  return files.size() == 1 && !io::is_one_of_several(first.filename().native()) ? first : first.parent_path();
}

} // namespace

io::http_answer reference_routes::answer(const io::http_question& asked, std::string_view rest,
                                         const exchange_ptr& waiting) {
  const auto slash = rest.find('/');
  const auto action = slash == std::string_view::npos ? std::string_view{} : rest.substr(slash + 1);
  const auto name = require_name(decoded(rest.substr(0, slash)), "the checkpoint's name");
  if (action.empty() && slash == std::string_view::npos)
    return asked.method == "DELETE" ? forget(name) : refuse(405, "DELETE");
  if (action != "files" && action != "gather-metas" && action != "update")
    return refuse(404, "no such route");
  if (asked.method != "POST")
    return refuse(405, "POST");
  try {
    return action == "files"          ? add_files(name, asked)
           : action == "gather-metas" ? gather_metas(name, waiting)
                                      : update(name, asked, waiting);
  } catch (const bad_request&) {
    throw;
  } catch (const std::exception& error) { // Files that cannot be looked at, say.
    return fail(error.what());
  }
}

/// Touches no file: a mount that hangs must not keep other callers waiting.
io::http_answer reference_routes::add_files(const std::string& name, const io::http_question& asked) {
  const request_fields body{asked.body, {"files"}};
  std::set<std::filesystem::path> files;
  for (const auto& file : body.texts("files"))
    files.insert(require_path(file, "files"));
  for (const auto& file : files)
    if (file.extension() != ".safetensors")
      return fail(file.native()
                  + " is no .safetensors file, and nothing else is read: what Python has pickled "
                    "could execute anything");
  auto known = known_.find(name);
  if (known == known_.end() && known_.size() >= names_max)
    return fail("too many checkpoints are registered: DELETE some");
  if (known != known_.end())
    files.insert(known->second.files.begin(), known->second.files.end());
  if (files.size() > files_max)
    return fail("checkpoint " + name + " has more than " + std::to_string(files_max) + " files");
  for (const auto& file : files)
    if (file.parent_path() != files.begin()->parent_path())
      return fail("the files of a checkpoint have to be in one directory, and these are not: "
                  + files.begin()->native() + ", " + file.native());
  auto& one = known_[name];
  one.is_read = one.is_read && one.files == files;
  one.files = std::move(files);
  return succeed();
}

/// Files an update that waits for its commit. One that is under way is joined; what was read is not read
/// again if it is in memory.
update_book::filed reference_routes::file(const std::string& name, const checkpoint& known,
                                          update_request request) {
  request.version = name;
  request.checkpoint_path = path_of(known.files);
  request.waits_for_commit = true;
  if (const auto version = service_.versions().find(name)) // Not held for longer: its last owner unpins it.
    request.is_from_memory =
        known.is_read && version->resident && version->checkpoint.path == request.checkpoint_path;
  auto change = std::optional{std::string{}};
  if (!request.is_from_memory)
    change = changes_.look(service_.versions().change_of(name, request.checkpoint_path));
  if (!change)
    return {{}, false, update_book::refusal{503, no_answer_from(request.checkpoint_path).what}};
  auto filed = service_.updates().file(request, {*change, service_.is_served(name, request.engines)});
  std::erase_if(own_, [this](const std::string& id) {
    const auto described = service_.updates().describe(id);
    return !described || described->at("over").as_bool();
  });
  if (filed.is_new)
    own_.insert(filed.id);
  return filed;
}

io::http_answer reference_routes::gather_metas(const std::string& name, const exchange_ptr& waiting) {
  const auto known = known_.find(name);
  if (known == known_.end() || known->second.files.empty())
    return fail(no_files(name));
  const auto filed = file(name, known->second, {});
  if (filed.refused)
    return fail(filed.refused->why);
  known->second.prepared = filed.id;
  return waiters_.wait(filed.id, wait_seconds_max, waiting,
                       [this, name](const json::object* described, bool is_late) {
                         return tell(name, false, described, is_late);
                       });
}

io::http_answer reference_routes::update(const std::string& name, const io::http_question& asked,
                                         const exchange_ptr& waiting) {
  const request_fields body{asked.body, {"ranks", "update_url", "inference_group_ranks", "timeout", "uds"}};
  const auto ranks = body.counts("ranks");
  static_cast<void>(body.counts("inference_group_ranks")); // The node knows them.
  const auto seconds = body.number("timeout").value_or(timeout_default);
  if (!(seconds > 0 && seconds <= wait_seconds_max))
    throw bad_request{"\"timeout\" has to be a number of seconds, at most 3600"};
  const auto url = body.text("update_url");
  const bool is_elsewhere = url && !body.text("uds"); // What a URL says beside a Unix socket means nothing.
  const auto known = known_.find(name);
  if (known == known_.end() || known->second.files.empty())
    return fail(no_files(name));
  update_request request;
  request.is_forced = true; // As there: an engine may have been started again.
  update_book::filed filed;
  try {
    request.engines = service_.engines_of_ranks(ranks);
    if (is_elsewhere && !service_.has_engine_at(*url))
      return fail("update_url " + *url + " is no engine of this node: --endpoint names those that it has");
    filed = file(name, known->second, std::move(request));
  } catch (const std::invalid_argument& error) {
    return fail(error.what());
  }
  if (filed.refused)
    return fail(filed.refused->why);
  if (const auto prepared = std::exchange(known->second.prepared, {}); prepared != filed.id) {
    const auto before =
        service_.updates().describe(prepared); // Of other engines: its version stays in memory.
    if (before && before->at("waits_for_commit").as_bool() && own_.contains(prepared))
      static_cast<void>(service_.updates().cancel(prepared));
  }
  to_commit_.insert_or_assign(filed.id, name);
  return waiters_.wait(filed.id, seconds, waiting, [this, name](const json::object* described, bool is_late) {
    return tell(name, true, described, is_late);
  });
}

/// Of the files that were registered and those of the prepared version: empty if there is none.
std::string reference_routes::find_difference(const std::string& name, const checkpoint& known) const {
  const auto version = service_.versions().find(name);
  if (!version)
    return "version " + name + " has been forgotten meanwhile";
  std::set<std::filesystem::path> there;
  for (const auto& file : version->checkpoint.files)
    there.insert(file.path);
  for (const auto& file : there)
    if (!known.files.contains(file))
      return file.native() + " belongs to the checkpoint, and is not registered";
  for (const auto& file : known.files)
    if (!there.contains(file))
      return file.native() + " is registered, but does not belong to the checkpoint of its directory";
  return {};
}

/// What a caller is told of the update that it waits for. An update that waits for its commit gets it, if
/// `is_to_commit`.
std::optional<io::http_answer> reference_routes::tell(const std::string& name, bool is_to_commit,
                                                      const json::object* described, bool is_late) {
  if (described == nullptr)
    return fail("the update of checkpoint " + name + " is not known any more");
  const std::string id{described->at("id").as_string()};
  const auto& state = described->at("state").as_string();
  if (!is_to_commit && !described->at("waits_for_commit").as_bool()
      && (state == apps::name(update_state::prepared) || state == apps::name(update_state::committing)))
    return succeed(); // Somebody has committed it already.
  if (described->at("waits_for_commit").as_bool()) {
    const auto known = known_.find(name);
    const auto difference = known == known_.end() ? no_files(name) : find_difference(name, known->second);
    if (!difference.empty()) {
      if (own_.contains(id))
        static_cast<void>(service_.updates().cancel(id));
      return fail(difference);
    }
    known->second.is_read = true;
    if (!is_to_commit)
      return succeed();
    if (const auto refused = service_.updates().commit(id))
      return fail(refused->why);
  } else if (described->at("over").as_bool()) {
    const auto& why = described->at("error");
    return state == apps::name(update_state::updated)
               ? succeed()
               : fail(why.is_string() ? std::string{why.as_string()}
                                      : "update " + id + " was " + std::string{state});
  }
  if (is_late)
    return fail("update " + id + " of checkpoint " + name + " goes on, but was not over within the time");
  return std::nullopt;
}

void reference_routes::look_after() {
  std::erase_if(to_commit_, [this](const auto& one) {
    const auto described = service_.updates().describe(one.first);
    if (!described || described->at("over").as_bool())
      return true;
    if (described->at("waits_for_commit").as_bool())
      static_cast<void>(tell(one.second, true, &*described, false)); // Commits it, or cancels it.
    return false;
  });
}

io::http_answer reference_routes::forget(const std::string& name) {
  if (!known_.contains(name))
    return succeed(); // As there.
  const auto refused = service_.drop(name);
  // One that engines serve stays in memory, but the name may mean other files from now on.
  if (refused && refused->http_status == 409 && !service_.updates().forget(name))
    return fail(refused->why);
  known_.erase(name);
  return succeed();
}

} // namespace ckpt::apps
