// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

// The whole way: ckpt-actor-node moves the checkpoint into a ckpt-sink, and its own report says how long each
// stage was busy.

#include "apps/bench/child.hpp"
#include "apps/bench/comparisons.hpp"
#include "apps/bench/page_cache.hpp"
#include "io/checkpoint/checkpoint.hpp"
#include "io/error.hpp"

#include <cerrno>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <thread>

#include <boost/json.hpp>
#include <stdlib.h>

namespace ckpt::apps::bench {
namespace {

namespace json = boost::json;

/// How long a sink may take to listen, and to end after its update.
constexpr std::chrono::seconds sink_wait_max{30};

/// How long one update may take.
constexpr std::chrono::minutes update_max{10};

class run_directory {
public:
  explicit run_directory(const std::filesystem::path& parent) {
    auto name = (parent / "ckpt-bench-XXXXXX").native();
    if (::mkdtemp(name.data()) == nullptr)
      throw io::system_failure(errno, "mkdtemp", name);
    path_ = name;
  }
  run_directory(const run_directory&) = delete;
  run_directory& operator=(const run_directory&) = delete;
  ~run_directory() noexcept {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }

  [[nodiscard]] std::filesystem::path operator/(const char* name) const { return path_ / name; }

private:
  std::filesystem::path path_;
};

std::string content(const std::filesystem::path& path) {
  std::ostringstream text;
  text << std::ifstream{path}.rdbuf();
  return text.str();
}

/// Waits until the sink has written its port.
std::string port_in(const std::filesystem::path& file) {
  const auto until = std::chrono::steady_clock::now() + sink_wait_max;
  while (std::chrono::steady_clock::now() < until) {
    auto port = content(file);
    if (!port.empty() && port.back() == '\n')
      return port.substr(0, port.size() - 1);
    std::this_thread::sleep_for(std::chrono::milliseconds{20});
  }
  throw std::runtime_error{"ckpt-sink does not listen"};
}

struct update_figures {
  measurement whole;
  measurement busiest;
  std::string busiest_stage;
};

update_figures figures_in(const std::filesystem::path& file) {
  const auto report = json::parse(content(file));
  const auto bytes = report.at("checkpoint").at("bytes").to_number<std::uint64_t>();
  update_figures figures;
  figures.whole = {bytes, report.at("seconds").to_number<double>(), 0};
  for (const auto& stage : report.at("stages").as_object()) {
    const auto seconds = stage.value().at("busy_seconds").to_number<double>();
    if (seconds > figures.busiest.seconds) {
      figures.busiest = {bytes, seconds, 0};
      figures.busiest_stage = stage.key();
    }
  }
  return figures;
}

update_figures update_once(const compare_options& options) {
  const run_directory directory{options.scratch};
  const auto port_file = directory / "port";
  const auto sink_log = directory / "sink.log";
  const auto node_log = directory / "node.log";
  const auto report = directory / "report.json";
  child sink{{(options.programs / "ckpt-sink").native(), "--port", "0", "--port-file", port_file.native(),
              "--updates", "1"},
             sink_log};
  const auto endpoint = "http://127.0.0.1:" + port_in(port_file);
  child node{{(options.programs / "ckpt-actor-node").native(), "--checkpoint-path",
              options.checkpoint.native(), "--inference-parallel-size", "1", "--device", "host", "--endpoint",
              endpoint, "--report", report.native()},
             node_log};
  if (const auto status = node.wait(update_max); status != 0)
    throw std::runtime_error{"ckpt-actor-node ended with status " + std::to_string(status) + ":\n"
                             + content(node_log)};
  if (const auto status = sink.wait(sink_wait_max); status != 0)
    throw std::runtime_error{"ckpt-sink ended with status " + std::to_string(status) + ":\n"
                             + content(sink_log)};
  return figures_in(report);
}

} // namespace

void compare_update(const compare_options& options, bench_report& report) {
  file_list files;
  for (const auto& file : io::open_checkpoint(options.checkpoint).files)
    files.push_back(file.path);
  series whole{"whole update", {}};
  series busiest{"busiest stage of it", {}};
  std::vector<double> ratios;
  std::string stages;
  for (unsigned round = 0; round < options.rounds; ++round) {
    drop(files);
    const auto figures = update_once(options);
    whole.rounds.push_back(figures.whole);
    busiest.rounds.push_back(figures.busiest);
    ratios.push_back(figures.whole.seconds / figures.busiest.seconds);
    stages += (round == 0 ? "" : ", ") + figures.busiest_stage;
  }
  report.measured.push_back(whole);
  report.measured.push_back(busiest);
  report.bars.push_back({"whole update / busiest stage", median(ratios), bar::direction::at_most, 1.15});
  report.remarks.push_back("busiest stage, round by round: " + stages);
}

} // namespace ckpt::apps::bench
