// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

#include "apps/sink/options.hpp"

#include "apps/sink/tensor_pairs.hpp"
#include "io/error.hpp"

#include <cerrno>
#include <cmath>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <vector>

#include <CLI/CLI.hpp>

namespace ckpt::apps::sink {
namespace {

constexpr auto usage_status = 2;
constexpr auto checkpoint_status_note =
    "Exit status: 0 ended by SIGTERM or SIGINT, or all --updates were good; 1 an update failed, or it was "
    "ended "
    "before all --updates came; 2 usage; 3 the checkpoint of --verify cannot be read.";

/// The key in `path` without the line end that editors leave behind.
std::string read_key(const std::string& path) {
  if (path.empty())
    return {};
  std::ifstream file{path};
  std::string key{std::istreambuf_iterator<char>{file}, {}};
  if (!file)
    throw io::system_failure(errno, "read", path);
  while (!key.empty() && (key.back() == '\n' || key.back() == '\r'))
    key.pop_back();
  if (key.empty())
    throw std::invalid_argument{path + " holds no key"};
  return key;
}

/// The flags as given, not yet checked.
struct raw_options {
  sink_options parsed;
  std::string engine = "sglang";
  std::string consume = "copy";
  std::string device = "host";
  std::string key_file;
  std::string admin_key_file;
  std::vector<std::string> followers;
  std::vector<std::string> faults;
  double ready_after_seconds = 0;
  std::string ready = "ping-at-once";
  std::optional<double> dummy_after_seconds;
  double timeout_seconds = 300;
};

std::chrono::milliseconds milliseconds(double seconds) {
  return std::chrono::milliseconds{std::llround(seconds * 1000)};
}

// CLI11 lets only known names pass.
consumption parse_consumption(const std::string& name) {
  return name == "copy"    ? consumption::copy
         : name == "touch" ? consumption::touch
         : name == "none"  ? consumption::none
         : name == "hold"  ? consumption::hold
         : name == "fuse"  ? consumption::fuse
                           : consumption::held_views;
}

readiness parse_readiness(const std::string& name) {
  return name == "ping-at-once" ? readiness::pings_at_once
         : name == "wait"       ? readiness::waits
         : name == "old"        ? readiness::old
                                : readiness::serves;
}

void declare(CLI::App& app, raw_options& raw) {
  auto& options = raw.parsed;
  app.add_option("--engine", raw.engine, "engine to stand in for")
      ->check(CLI::IsMember({"sglang", "vllm", "lmdeploy"}))
      ->capture_default_str();
  app.add_option("--workers", options.workers, "workers, one for each device of the engine on this host")
      ->check(CLI::Range(1U, 1024U))
      ->capture_default_str();
  app.add_option("--device", raw.device,
                 "host: buffers are shared memory; cuda: they are memory of GPUs, as --worker-processes")
      ->check(CLI::IsMember({"host", "cuda"}))
      ->capture_default_str();
  app.add_flag("--worker-processes", options.worker_processes,
               "let every worker be a process of its own, as an engine's are");
  app.add_option("--as-worker", options.as_worker)->group(""); // How the sink starts one; not for users.
  app.add_option("--follower", raw.followers,
                 "the engine spans several hosts: another ckpt-sink with as many workers as this one\n"
                 "(repeatable, in the order of the hosts); this one hands each update on to it")
      ->option_text("URL");
  app.add_option("--host", options.host, "address to listen on")->capture_default_str();
  app.add_option("--port", options.port, "port to listen on; 0 takes a free one")->capture_default_str();
  app.add_option("--uds", options.unix_socket_path, "listen on this Unix socket instead");
  app.add_option("--port-file", options.port_file, "write the port there once it is known");
  app.add_option("--verify", options.verify_path, "compare every tensor with the checkpoint at this path");
  app.add_option("--consume", raw.consume, "what a worker does with its tensors")
      ->check(CLI::IsMember({"copy", "touch", "none", "hold", "fuse", "held-views"}))
      ->capture_default_str();
  app.add_option("--worker-seconds-per-gib", options.worker_seconds_per_gib,
                 "let workers take at least this long")
      ->check(CLI::Range(0.0, 1e6));
  app.add_option("--api-key-file", raw.key_file, "demand the bearer key in this file");
  app.add_option("--admin-api-key-file", raw.admin_key_file,
                 "demand this key instead on SGLang's update routes");
  app.add_option("--updates", options.updates, "end after this many good updates, or the first failed one")
      ->check(CLI::PositiveNumber);
  app.add_option("--ready-after", raw.ready_after_seconds, "be starting up for this many seconds")
      ->check(CLI::Range(0.0, 1e6));
  app.add_option(
         "--readiness", raw.ready,
         "SGLang: when it is ready. ping-at-once: /ping answers 200 at once, /health after the first\n"
         "weights (up to 0.5.21); wait: both after them (0.5.23); old: as the first, without\n"
         "/model_info; serving: it has weights from the start")
      ->check(CLI::IsMember({"ping-at-once", "wait", "old", "serving"}))
      ->capture_default_str();
  app.add_option("--dummy-after", raw.dummy_after_seconds,
                 "SGLang: be ready without weights after waiting for them so many seconds")
      ->check(CLI::Range(0.0, 1e6));
  app.add_flag("--unforgiving", options.unforgiving,
               "as real engines: queue updates, let them outlive their clients, wait for pushers for ever");
  app.add_flag("--start-asleep", options.starts_asleep, "LMDeploy: weights and kv_cache sleep at first");
  app.add_option("--report", options.report_path, "keep a JSON report of all updates in this file");
  app.add_option("--timeout", raw.timeout_seconds, "longest wait for anything, in seconds")
      ->check(CLI::Range(0.001, 1e6))
      ->capture_default_str();
  app.add_option("--fault", raw.faults, "misbehave (repeatable); see below")->option_text("KIND[:ARG]");
  app.add_option("--fault-updates", options.fault_updates, "only the first N updates misbehave")
      ->option_text("N");
}

sink_options check(raw_options raw) {
  auto options = std::move(raw.parsed);
  options.engine = *io::parse_engine_kind(raw.engine); // CLI11 lets only known names pass.
  options.consume = parse_consumption(raw.consume);
  options.ready = parse_readiness(raw.ready);
  if (raw.dummy_after_seconds)
    options.dummy_after = milliseconds(*raw.dummy_after_seconds);
  options.worker_processes = options.worker_processes || raw.device == "cuda";
  options.api_key = read_key(raw.key_file);
  options.admin_api_key = read_key(raw.admin_key_file);
  options.ready_after = milliseconds(raw.ready_after_seconds);
  options.timeout = milliseconds(raw.timeout_seconds);
  for (const auto& url : raw.followers)
    options.followers.push_back(io::parse_endpoint(url, {}));
  options.faults = parse_faults(raw.faults);
  if (options.faults.needs_tensor_count() && options.verify_path.empty())
    throw std::invalid_argument{
        "a fault in the middle or last list needs --verify to know which list that is"};
  if (!pairs_of(options.consume).empty() && options.verify_path.empty())
    throw std::invalid_argument{"--consume " + raw.consume + " shows only with --verify"};
  if (options.consume == consumption::hold && options.worker_processes)
    throw std::invalid_argument{"--consume hold needs workers that are no processes"};
  if (options.faults.only_worker && *options.faults.only_worker >= options.workers)
    throw std::invalid_argument{"--fault one-worker-only names a worker that there is not"};
  if (!options.unix_socket_path.empty() && !options.port_file.empty())
    throw std::invalid_argument{"--port-file needs a port, and --uds has none"};
  return options;
}

} // namespace

std::variant<sink_options, int> parse_command_line(int argc, const char* const* argv) {
  CLI::App app{
      "Stands in for an inference engine: takes weights as SGLang, vLLM or LMDeploy would, over HTTP and\n"
      "the weight channel of its workers, and can compare them with the checkpoint they come from."};
  app.name("ckpt-sink");
  app.footer("Faults:\n" + std::string{fault_help()} + "\n" + checkpoint_status_note);
  raw_options raw;
  declare(app, raw);
  try {
    app.parse(argc, argv);
    raw.parsed.arguments = {argv + 1, argv + argc};
    return check(std::move(raw));
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : usage_status;
  } catch (const std::exception& error) {
    std::cerr << "ckpt-sink: " << error.what() << '\n';
    return usage_status;
  }
}

} // namespace ckpt::apps::sink
