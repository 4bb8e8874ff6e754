// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

#include "apps/node/command_line.hpp"

#include "actors/error.hpp"
#include "apps/node/flags.hpp"
#include "apps/node/key_file.hpp"
#include "apps/node/tls_files.hpp"
#include "io/engine/update_lock.hpp"
#include "io/extent.hpp"
#include "io/host_address.hpp"
#include "io/plan/name_pattern.hpp"
#include "io/utf8.hpp"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <iostream>
#include <set>
#include <stdexcept>
#include <vector>

#include <CLI/CLI.hpp>

namespace ckpt::apps {
namespace {

constexpr auto description =
    "Moves a safetensors checkpoint from disk into a live SGLang, vLLM or LMDeploy engine.\n"
    "Either every worker of the engine has every tensor, or the command says what went wrong.";

constexpr auto footer =
    R"(Exit status: 0 every engine is updated; 2 the command line makes no sense; 3 the checkpoint cannot be
read or is invalid; 4 an engine refused or failed, or does not hold what it should (--prove, doctor);
5 a host was lost, never came or does not fit; 6 a wait took longer than --timeout; 1 anything else.

Examples:
  ckpt-actor-node --checkpoint-path /models/Qwen3-8B --inference-parallel-size 1
  ckpt-actor-node --checkpoint-path /models/Qwen3-8B --inference-parallel-size 1 --device host \
                  --endpoint http://127.0.0.1:19730 --weight-version step-100 --report verdict.json
  ckpt-actor-node --checkpoint-path /models/Qwen3-8B --dry-run
  ckpt-actor-node doctor --checkpoint-path /models/Qwen3-8B --inference-parallel-size 1 --yes
  srun --ntasks-per-node=1 ckpt-actor-node --checkpoint-path /models/Qwen3-8B --inference-parallel-size 8 \
                  --tls-ca ca.pem --tls-cert node.pem --tls-key node.key)";

/// Larger sizes are negative numbers by mistake, and would overflow in computations.
constexpr std::uint64_t size_max = std::uint64_t{1} << 50;

void require_size(std::uint64_t bytes, const char* flag) {
  if (bytes > size_max)
    throw std::invalid_argument{std::string{flag} + " must be between 0 and 1PiB"};
}

void require_page_multiple(std::uint64_t bytes, const char* flag) {
  require_size(bytes, flag);
  if (bytes % io::page_bytes != 0)
    throw std::invalid_argument{std::string{flag} + " must be a multiple of 4096 bytes"};
}

[[nodiscard]] peer_options check_peers(const raw_options& raw, const cluster_place& place) {
  if (raw.update_method == "all" && raw.save_metas_file.empty())
    throw std::invalid_argument{
        "--update-method all is a broadcast, and then the offer to hosts that join: say with "
        "--save-metas-file where they find it"};
  peer_options peers;
  if (!raw.save_metas_file.empty())
    peers.save_metas_file.emplace(raw.save_metas_file, "--save-metas-file", 0600);
  peers.address = raw.peer_address;
  peers.send_bytes_per_second_max = raw.send_limit;
  if (!raw.load_metas_file.empty())
    peers.sources = io::read_metas(raw.load_metas_file);
  else if (raw.update_method == "p2p")
    throw std::invalid_argument{
        "--update-method p2p takes the weights from hosts: name them with --load-metas-file"};
  if (peers.sources
      && (raw.dry_run
          || (raw.checkpoint_path.empty() && (raw.bucket_bytes != 0 || !raw.keep_together.empty()))))
    throw std::invalid_argument{
        "--load-metas-file brings the plan from other hosts: leave out --dry-run, and without "
        "--checkpoint-path --bucket-size and --keep-together as well"};
  if (peers.sources && peers.sources->is_encrypted && raw.network.tls_ca.empty())
    throw std::invalid_argument{raw.load_metas_file
                                + ": its hosts speak TLS: give --tls-ca, --tls-cert and --tls-key"};
  if (peers.sources && !peers.sources->is_encrypted && !raw.network.tls_ca.empty())
    throw std::invalid_argument{raw.load_metas_file + ": its hosts do not speak TLS: leave out --tls-ca"};
  if (peers.sources && !peers.sources->is_encrypted && !raw.network.is_insecure
      && !std::ranges::all_of(peers.sources->hosts,
                              [](const auto& host) { return io::is_loopback(host.address); }))
    throw std::invalid_argument{raw.load_metas_file
                                + ": its hosts do not speak TLS, so anybody on the way can be one of "
                                  "them: --insecure-network says that this is as it should be"};
  if (peers.save_metas_file && raw.sleep_seconds == 0 && !raw.service.serve->parsed())
    throw std::invalid_argument{"--save-metas-file is for the time of --sleep-time: say how long"};
  if (io::is_unspecified(peers.address))
    throw std::invalid_argument{"--peer-address " + peers.address
                                + " is no address that others can connect to: name one of this host's"};
  const bool is_open = (peers.save_metas_file && !peers.address.empty() && !io::is_loopback(peers.address))
                       || (peers.save_metas_file && place.hosts > 1 && !io::is_loopback(place.master_addr));
  if (is_open && raw.network.tls_ca.empty() && !raw.network.is_insecure)
    throw std::invalid_argument{
        "the weights would be open to anybody who reads on the network: give --tls-ca, "
        "--tls-cert and --tls-key (apps/make-certificates.sh makes them), or "
        "--insecure-network"};
  return peers;
}

/// The layout of the cluster. All hosts have the same number of devices.
[[nodiscard]] actors::cluster_layout lay_out(const raw_options& raw, const cluster_place& place) {
  actors::cluster_layout layout;
  layout.hosts = place.hosts;
  layout.host = place.host;
  layout.devices_per_engine = raw.inference_parallel_size;
  if (raw.devices != 0)
    layout.devices_per_host = raw.devices;
  else if (place.local_rank)
    layout.devices_per_host = 1;
  else
    layout.devices_per_host = raw.inference_parallel_size * static_cast<std::uint32_t>(raw.endpoints.size());
  actors::require_whole_engines(layout);
  return layout;
}

/// The servers of the engines that this host leads. --endpoint names one for each of these, or one for each
/// engine of the cluster.
[[nodiscard]] std::vector<io::http_endpoint> choose_endpoints(const raw_options& raw,
                                                              const actors::cluster_layout& layout) {
  if (!raw.uds.empty() && raw.endpoints.size() > 1)
    throw std::invalid_argument{"--uds names one server: give one --endpoint with it"};
  const auto led = layout.engines_led_by(layout.host);
  std::size_t first = 0;
  if (raw.endpoints.size() == layout.engine_count())
    first = led.begin;
  else if (raw.endpoints.size() != led.size() && led.size() != 0)
    throw std::invalid_argument{
        std::to_string(raw.endpoints.size()) + " --endpoint for " + std::to_string(led.size())
        + " engine(s) led by this host and " + std::to_string(layout.engine_count())
        + " in all (--inference-parallel-size " + std::to_string(layout.devices_per_engine) + ", --devices "
        + std::to_string(layout.devices_per_host)
        + "): give one for each of the first or each of the second"};
  std::vector<io::http_endpoint> endpoints;
  for (std::size_t index = first; index < first + led.size(); ++index)
    endpoints.push_back(io::parse_endpoint(raw.endpoints[index], raw.uds));
  std::set<std::string> keys;
  for (const auto& endpoint : endpoints)
    if (!keys.insert(io::engine_key(endpoint)).second)
      throw std::invalid_argument{"--endpoint " + endpoint.url + " is there twice"};
  return endpoints;
}

[[nodiscard]] network_options check_network(const raw_options& raw, const cluster_place& place) {
  const auto& network = raw.network;
  const auto given = static_cast<int>(!network.tls_ca.empty()) + static_cast<int>(!network.tls_cert.empty())
                     + static_cast<int>(!network.tls_key.empty());
  if (given != 0 && given != 3)
    throw std::invalid_argument{"--tls-ca, --tls-cert and --tls-key go together"};
  require_usable(network);
  if (place.hosts > 1 && given == 0 && !network.is_insecure && !io::is_loopback(place.master_addr))
    throw std::invalid_argument{"host 0 at " + place.master_addr
                                + " would be open to anybody who reaches it: give --tls-ca, --tls-cert and "
                                  "--tls-key (apps/make-certificates.sh makes them), or --insecure-network"};
  return network;
}

[[nodiscard]] std::chrono::milliseconds milliseconds(double seconds) {
  if (!std::isfinite(seconds)) // NaN passes every range check.
    throw std::invalid_argument{"a time has to be a number of seconds"};
  return std::chrono::milliseconds{static_cast<std::int64_t>(seconds * 1000)};
}

[[nodiscard]] std::optional<std::string> read_variable(std::string_view name) {
  const auto* value = std::getenv(std::string{name}.c_str());
  return value == nullptr ? std::nullopt : std::optional<std::string>{value};
}

[[nodiscard]] service_options check_service(const raw_options& raw, const node_options& options) {
  if (!raw.checkpoint_path.empty() || !raw.weight_version.empty() || !raw.report.empty() || raw.dry_run)
    throw std::invalid_argument{"serve is told with each update what --checkpoint-path, --weight-version, "
                                "--report and --dry-run say of a single one: leave them out"};
  if (!options.prove_against.empty() || options.doctor || raw.sleep_seconds != 0)
    throw std::invalid_argument{
        "--prove-against, doctor and --sleep-time are for a single update, not for serve"};
  if (!raw.trace.empty())
    throw std::invalid_argument{
        "--trace is for a single update; serve records each: GET /v1/updates/ID/trace"};
  if (options.peers.sources)
    throw std::invalid_argument{"serve does not take weights from other hosts' memory yet: leave out "
                                "--load-metas-file"};
  if (options.peers.save_metas_file && raw.service.resident_memory_bytes == 0)
    throw std::invalid_argument{"--save-metas-file offers what is in memory: give --resident-memory, too"};
  return check(raw.service, options.network);
}

/// Turns the flags into options; throws std::invalid_argument for what makes no sense together.
[[nodiscard]] node_options check(const raw_options& raw) {
  node_options options;
  options.place = find_place(raw.cluster, read_variable);
  options.peers = check_peers(raw, options.place);
  options.layout = lay_out(raw, options.place);
  options.network = check_network(raw, options.place);
  options.update.endpoints = choose_endpoints(raw, options.layout);
  require_page_multiple(raw.bucket_bytes, "--bucket-size");
  require_page_multiple(raw.chunk_bytes, "--chunk-size");
  if (raw.chunk_bytes < io::page_bytes || raw.chunk_bytes > (1ull << 30))
    throw std::invalid_argument{"--chunk-size must be between 4KiB and 1GiB"};
  require_size(raw.host_memory_bytes, "--host-memory");
  if (raw.host_memory_bytes < raw.chunk_bytes)
    throw std::invalid_argument{"--host-memory must be at least --chunk-size"};
  options.update.checkpoint_name =
      options.peers.sources ? options.peers.sources->checkpoint_name : raw.checkpoint_name;
  options.update.engine = io::parse_engine_kind(raw.engine).value();
  if (!raw.api_key_file.empty())
    options.update.api_key = read_key_file("--api-key-file", raw.api_key_file);
  if (io::valid_utf8(raw.weight_version) != raw.weight_version)
    throw std::invalid_argument{"--weight-version is not UTF-8, which a server could not read"};
  if (!raw.weight_version.empty())
    options.update.weight_version = raw.weight_version;
  if (const auto& sources = options.peers.sources; sources && sources->weight_version) {
    if (options.update.weight_version.value_or(*sources->weight_version) != *sources->weight_version)
      throw std::invalid_argument{"--weight-version " + raw.weight_version + ": the hosts of "
                                  + raw.load_metas_file + " have version " + *sources->weight_version};
    options.update.weight_version = sources->weight_version;
  }
  options.update.pause = io::parse_pause_mode(options.update.engine, raw.pause);
  options.update.stay_time = milliseconds(raw.stay_seconds);
  options.update.timeout = milliseconds(raw.timeout_seconds);
  options.host_timeout = milliseconds(raw.host_timeout_seconds);
  options.update.reads_in_flight_max = raw.reads_in_flight;
  options.update.chunk_bytes = raw.chunk_bytes;
  options.update.host_memory_bytes = raw.host_memory_bytes;
  options.checkpoint_path = raw.checkpoint_path;
  options.device = raw.device == "host" ? device_kind::host : device_kind::cuda;
  if (raw.ipc_handle == "raw")
    options.cuda.form = gpu::handle_form::raw;
  options.bucket_bytes = raw.bucket_bytes;
  for (const auto& pattern : raw.keep_together)
    options.keep_together.push_back(io::name_pattern{pattern}.text());
  if (!raw.report.empty())
    options.report.emplace(raw.report);
  if (!raw.trace.empty() && options.layout.host == 0)
    options.trace.emplace(raw.trace, "--trace");
  options.dry_run = raw.dry_run;
  options.sleep_seconds = raw.sleep_seconds;
  apply(raw.proof, options);
  if (raw.service.serve->parsed())
    options.service = check_service(raw, options);
  else if (options.checkpoint_path.empty() && !options.peers.sources)
    throw std::invalid_argument{"--checkpoint-path is required"};
  return options;
}

/// An empty value comes from a shell variable that is not set. It must not turn the flag off.
void refuse_empty_files(const CLI::App& app) {
  for (const auto* flag : {"--report", "--trace", "--prove-against", "--api-key-file", "--tls-ca",
                           "--tls-cert", "--tls-key", "--save-metas-file", "--load-metas-file"})
    if (app.count(flag) > 0 && app[flag]->as<std::string>().empty())
      throw std::invalid_argument{std::string{flag} + " must not be empty"};
}

} // namespace

command_line parse_command_line(int argc, const char* const* argv) {
  raw_options raw;
  CLI::App app{description, "ckpt-actor-node"};
  app.footer(footer);
  app.set_version_flag("--version", "ckpt-actor-node " CKPT_VERSION);
  app.get_formatter()->column_width(34);
  // As in Python's argparse: a flag given again overrides itself, so that scripts can append.
  app.option_defaults()->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
  add_flags(app, raw);
  try {
    app.parse(argc, argv);
    refuse_empty_files(app);
    return {check(raw), 0};
  } catch (const CLI::ParseError& error) {
    const bool asked = error.get_exit_code() == 0; // --help and --version come as errors, too.
    app.exit(error);
    return {std::nullopt, asked ? 0 : actors::exit_status(actors::ec::usage)};
  } catch (const std::system_error& error) { // A file that a flag names.
    std::cerr << "ckpt-actor-node: " << error.what() << '\n';
    return {std::nullopt, actors::exit_status(actors::ec::usage)};
  } catch (const std::invalid_argument& error) {
    std::cerr << "ckpt-actor-node: " << error.what() << '\n';
    return {std::nullopt, actors::exit_status(actors::ec::usage)};
  }
}

} // namespace ckpt::apps
