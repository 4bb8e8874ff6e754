// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

// From a parsed command to figures on the terminal.

#include "apps/bench/command_line.hpp"

#include <iostream>

namespace ckpt::apps::bench {
namespace {

void publish(const bench_report& report, const std::filesystem::path& json) {
  print(report, std::cout);
  if (!json.empty())
    write_json(report, json);
}

struct runner {
  std::filesystem::path programs;

  int operator()(int status) const { return status; }

  int operator()(const write_command& command) const {
    const auto written = write_checkpoint(command.options);
    std::cout << command.options.directory.native() << ": " << written.tensor_count << " tensors, "
              << written.tensor_bytes << " bytes in " << written.files.size() << " files\n";
    return 0;
  }

  int operator()(const read_command& command) const {
    bench_report report;
    name_disk(command.options, report);
    if (command.state)
      measure_read(command.options, *command.state, report);
    else
      measure_dirty_read(command.options, report);
    publish(report, command.json);
    return 0;
  }

  int operator()(const compare_command& command) const {
    auto options = command.options;
    options.programs = programs;
    bench_report report;
    name_disk(options, report);
    // First: a missing Python package shows before the long measurements.
    if (command.cases.contains("loaders"))
      compare_loaders(options, report);
    if (command.cases.contains("cold"))
      compare_cold(options, report);
    if (command.cases.contains("warm"))
      compare_warm(options, report);
    if (command.cases.contains("dirty"))
      compare_dirty(options, report);
    if (command.cases.contains("plan"))
      compare_planning(options, report);
    if (command.cases.contains("update"))
      compare_update(options, report);
    publish(report, command.json);
    return command.strict && !report.all_hold() ? 1 : 0;
  }

  int operator()(const gpu_copy_command& command) const {
    bench_report report;
    compare_gpu_copy(command.options, report);
    publish(report, command.json);
    return command.strict && !report.all_hold() ? 1 : 0;
  }
};

} // namespace

int run(const command& parsed, const std::filesystem::path& programs) {
  return std::visit(runner{programs}, parsed);
}

} // namespace ckpt::apps::bench
