// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

#include "apps/node/client/client.hpp"

#include "actors/error.hpp"
#include "apps/node/key_file.hpp"
#include "apps/node/node_address.hpp"
#include "io/host_address.hpp"
#include "io/http/http_call.hpp"
#include "io/http/percent.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <iostream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>

#include <CLI/CLI.hpp>
#include <boost/json.hpp>

namespace ckpt::apps {
namespace {

namespace json = boost::json;
using namespace std::chrono_literals;
using verb = io::http_request::verb;

constexpr std::array<std::string_view, 11> commands{"trace",    "engines",  "hosts",  "metas",
                                                    "publish",  "commit",   "cancel", "status",
                                                    "versions", "rollback", "drop"};

/// How long a node may take to answer what it can answer at once.
constexpr auto answer_time = 30s;

/// A trace is the longest answer: see actors::spans_max.
constexpr std::uint64_t answer_bytes_max = 64 << 20;

/// How long the node may hold a request that waits for the end of an update.
constexpr auto poll_seconds = 30;

struct client_flags {
  std::string node = default_node_address();
  std::string key_file;
  std::string tls_ca;
  std::string directory;
  std::string version;
  std::string id;
  std::string pause;
  std::string method;
  std::vector<std::string> engines;
  bool waits = false;
  bool only_prepares = false;
  bool is_forced = false;
};

/// For how long a node may be busy, or host 0 away, while somebody waits for an update.
constexpr auto patience_max = 60s;

/// The node refuses, with this HTTP status, or cannot be reached: then the status is 0.
class refusal : public std::runtime_error {
public:
  explicit refusal(const std::string& what, unsigned http_status = 0)
      : runtime_error{what}, http_status_{http_status} {}

  /// The same request may do soon.
  [[nodiscard]] bool is_for_now() const noexcept { return http_status_ == 429 || http_status_ == 503; }

  /// Only where another request is needed, it is one of usage.
  [[nodiscard]] actors::ec code() const noexcept {
    return http_status_ >= 400 && http_status_ < 500 && !is_for_now() ? actors::ec::usage
                                                                      : actors::ec::unspecified;
  }

private:
  unsigned http_status_;
};

class client {
public:
  explicit client(const client_flags& flags) : flags_{flags} {
    const auto address = parse_node_address("--node", flags.node);
    const auto host = address.host.find(':') == std::string::npos ? address.host : "[" + address.host + "]";
    endpoint_ = address.unix_socket_path.empty()
                    ? io::parse_endpoint("http://" + host + ":" + std::to_string(address.port), {})
                    : io::parse_endpoint("http://localhost", address.unix_socket_path);
    endpoint_.is_tls = address.unix_socket_path.empty()
                       && address.is_tls.value_or(!flags.tls_ca.empty() || !io::is_loopback(address.host));
    endpoint_.tls_ca = flags.tls_ca;
    if (!flags.key_file.empty())
      key_ = read_key_file("--listen-key-file", flags.key_file);
  }

  [[nodiscard]] json::value ask(verb method, const std::string& target, const json::object& body = {}) const {
    const io::http_request request{method, target, method == verb::post ? json::serialize(body) : "",
                                   answer_bytes_max};
    io::http_call call{endpoint_, request, key_, answer_time + std::chrono::seconds{poll_seconds}};
    while (!call.wait(1s)) {
    }
    if (call.error())
      throw refusal{"the node at " + flags_.node + ": " + call.error().message()};
    boost::system::error_code error;
    auto answer = json::parse(call.response().body, error);
    if (error)
      throw refusal{"the node at " + flags_.node + " does not answer in JSON"};
    if (call.response().status >= 300) {
      const auto* why = answer.is_object() ? answer.as_object().if_contains("error") : nullptr;
      throw refusal{why != nullptr && why->is_string() ? std::string{why->as_string()}
                                                       : json::serialize(answer),
                    call.response().status};
    }
    return answer;
  }

  /// For what was asked for already. Goes on where the node is busy for a moment, or host 0 away.
  [[nodiscard]] json::value ask_patiently(const std::string& target) const {
    for (const auto until = std::chrono::steady_clock::now() + patience_max;;)
      try {
        return ask(verb::get, target);
      } catch (const refusal& no) {
        if (!no.is_for_now() || std::chrono::steady_clock::now() >= until)
          throw;
        std::this_thread::sleep_for(1s);
      }
  }

  /// The update once it is over, or prepared and waits for its commit.
  [[nodiscard]] json::object wait_for(const std::string& id) const {
    for (;;) {
      auto update = ask_patiently("/v1/updates/" + id + "?wait=" + std::to_string(poll_seconds)).as_object();
      if (update.at("over").as_bool() || update.at("waits_for_commit").as_bool())
        return update;
    }
  }

private:
  const client_flags& flags_;
  io::http_endpoint endpoint_;
  std::string key_;
};

/// The exit status that a single update would have had.
[[nodiscard]] int exit_status_of(const json::object& update) {
  if (update.at("state").as_string() == "updated" || update.at("waits_for_commit").as_bool())
    return 0;
  return update.at("exit_status").to_number<int>();
}

void print(const json::value& answer) { std::cout << answer << std::endl; }

/// `answer` describes an update that has just been asked for.
int follow(const client& node, const client_flags& flags, json::object answer) {
  if (flags.waits)
    answer = node.wait_for(std::string{answer.at("id").as_string()});
  print(answer);
  if (flags.waits && answer.at("error").is_string())
    std::cerr << "ckpt-actor-node: " << answer.at("error").as_string() << '\n';
  return flags.waits ? exit_status_of(answer) : 0;
}

int publish(const client& node, const client_flags& flags) {
  json::object body{
      {"checkpoint_path", std::filesystem::absolute(flags.directory).lexically_normal().string()},
      {"version", flags.version},
      {"prepare_only", flags.only_prepares},
      {"force", flags.is_forced}};
  if (!flags.pause.empty())
    body["pause"] = flags.pause;
  if (!flags.method.empty())
    body["method"] = flags.method;
  if (!flags.engines.empty())
    body["engines"] = json::value_from(flags.engines);
  return follow(node, flags, node.ask(verb::post, "/v1/updates", body).as_object());
}

int commit(const client& node, const client_flags& flags) {
  static_cast<void>(node.ask(verb::post, "/v1/updates/" + flags.id + "/commit"));
  return follow(node, flags, node.ask_patiently("/v1/updates/" + flags.id).as_object());
}

int say_status(const client& node, const client_flags& flags) {
  const auto answer = node.ask(verb::get, flags.id.empty() ? "/v1/updates" : "/v1/updates/" + flags.id);
  if (!flags.id.empty())
    return follow(node, flags, answer.as_object());
  print(answer);
  return 0;
}

int roll_back(const client& node, const client_flags& flags) {
  json::object body;
  if (!flags.version.empty())
    body["version"] = flags.version;
  if (!flags.engines.empty())
    body["engines"] = json::value_from(flags.engines);
  return follow(node, flags, node.ask(verb::post, "/v1/rollback", body).as_object());
}

} // namespace

bool is_client_command(int argc, const char* const* argv) noexcept {
  return argc > 1 && std::ranges::find(commands, std::string_view{argv[1]}) != commands.end();
}

int run_client_command(int argc, const char* const* argv) {
  client_flags flags;
  CLI::App app{"Asks a resident node (ckpt-actor-node serve) for something.", "ckpt-actor-node"};
  app.require_subcommand(1);
  const auto add = [&](const char* name, const char* help) {
    auto* command = app.add_subcommand(name, help);
    command
        ->add_option(
            "--node", flags.node,
            "Where it listens: unix:PATH or ADDRESS:PORT; on other hosts inside TLS, unless http:// is\n"
            "before it")
        ->capture_default_str();
    command->add_option("--listen-key-file", flags.key_file, "File with the key that it wants over TCP");
    command->add_option(
        "--tls-ca", flags.tls_ca,
        "Certificate of the authority that its certificate has to be from [those of the system]");
    return command;
  };
  const auto add_wait = [&](CLI::App* command) {
    return command->add_flag("--wait", flags.waits, "Until it is over; the exit status is the update's");
  };
  const auto add_engines = [&](CLI::App* command) {
    command
        ->add_option("--engine", flags.engines,
                     "Only this one: its endpoint, or HOST@ENDPOINT; may be given again [all]")
        ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  };
  auto* publish_it = add("publish", "Bring a checkpoint into the engines, as this version");
  publish_it->add_option("DIR", flags.directory, "Directory of the checkpoint, or one file")->required();
  publish_it->add_option("--version", flags.version, "What the engines shall report afterwards")->required();
  publish_it->add_option("--pause", flags.pause, "How requests are stopped, instead of as the node does it");
  publish_it
      ->add_option(
          "--method", flags.method,
          "broadcast: to all engines, or to those named; p2p: to those named, from memory alone; all:\n"
          "to all, and then to hosts that join [broadcast]")
      ->check(CLI::IsMember({"broadcast", "p2p", "all"}));
  publish_it->add_flag("--prepare", flags.only_prepares, "Only prepare it; commit lets it happen");
  publish_it->add_flag("--force", flags.is_forced, "Also where the engines are known to serve the version");
  add_engines(publish_it);
  add_wait(publish_it);
  auto* commit_it = add("commit", "Let a prepared update happen");
  commit_it->add_option("ID", flags.id, "Of the update")->required();
  add_wait(commit_it);
  auto* cancel = add("cancel", "Drop an update that is not being committed yet");
  cancel->add_option("ID", flags.id, "Of the update")->required();
  auto* status = add("status", "Say how one update stands, or which there are");
  add_wait(status)->needs(status->add_option("ID", flags.id, "Of the update"));
  auto* trace = add("trace", "Print what all hosts did in an update, and when, for ui.perfetto.dev");
  trace->add_option("ID", flags.id, "Of the update, which is over")->required();
  auto* versions = add("versions", "Say which versions are known, and which are in memory");
  auto* engines = add("engines", "Say what each engine serves, since when");
  auto* hosts = add("hosts", "Say which hosts are there");
  auto* metas = add("metas", "Say how a host that joins finds the weights: contains a secret");
  auto* rollback = add("rollback", "Bring back the version before, or the one named");
  rollback->add_option("--version", flags.version, "Which one");
  add_engines(rollback);
  add_wait(rollback);
  auto* drop = add("drop", "Forget a version");
  drop->add_option("VERSION", flags.version, "Which one")->required();
  try {
    app.parse(argc, argv);
    const client node{flags};
    if (publish_it->parsed())
      return publish(node, flags);
    if (commit_it->parsed())
      return commit(node, flags);
    if (rollback->parsed())
      return roll_back(node, flags);
    if (versions->parsed())
      print(node.ask(verb::get, "/v1/versions"));
    if (engines->parsed())
      print(node.ask(verb::get, "/v1/engines"));
    if (hosts->parsed())
      print(node.ask(verb::get, "/v1/hosts"));
    if (metas->parsed())
      print(node.ask(verb::get, "/v1/metas"));
    if (status->parsed())
      return say_status(node, flags);
    if (trace->parsed())
      print(node.ask(verb::get, "/v1/updates/" + flags.id + "/trace"));
    if (cancel->parsed())
      print(node.ask(verb::remove, "/v1/updates/" + flags.id));
    if (drop->parsed())
      print(node.ask(verb::remove, "/v1/versions/" + io::percent_encode(flags.version)));
    return 0;
  } catch (const CLI::ParseError& error) {
    const bool asked = error.get_exit_code() == 0;
    app.exit(error);
    return asked ? 0 : actors::exit_status(actors::ec::usage);
  } catch (const refusal& error) {
    std::cerr << "ckpt-actor-node: " << error.what() << '\n';
    return actors::exit_status(error.code());
  } catch (const std::invalid_argument& error) {
    std::cerr << "ckpt-actor-node: " << error.what() << '\n';
    return actors::exit_status(actors::ec::usage);
  } catch (const std::system_error& error) { // The file of --tls-ca.
    std::cerr << "ckpt-actor-node: --tls-ca " << error.what() << '\n';
    return actors::exit_status(actors::ec::usage);
  }
}

} // namespace ckpt::apps
