// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

// From a parsed command to figures on the terminal.

#include "apps/bench/command_line.hpp"
#include "apps/bench/stopwatch.hpp"
#include "io/checkpoint/checkpoint.hpp"
#include "io/error.hpp"
#include "io/plan/bucket_plan.hpp"

#include <cerrno>
#include <iostream>

#include <unistd.h>

namespace ckpt::apps::bench {
namespace {

void publish(const bench_report& report, const std::filesystem::path& json) {
  print(report, std::cout);
  if (!json.empty())
    write_json(report, json);
}

series read_headers(const read_command& command) {
  series measured{"headers and plan", {}};
  for (unsigned round = 0; round < command.rounds; ++round) {
    const stopwatch watch;
    const auto checkpoint = io::open_checkpoint(command.checkpoint);
    const auto plan = io::plan_buckets(checkpoint, {});
    measured.rounds.push_back(watch.stop(0));
  }
  return measured;
}

series read(const read_command& command) {
  staged_read reader{command.reading};
  series measured{"read with " + std::string{reader.engine_name()}, {}};
  for (unsigned round = 0; round < command.rounds; ++round)
    measured.rounds.push_back(reader.run(command.checkpoint));
  return measured;
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
    publish({{command.headers_only ? read_headers(command) : read(command)}, {}}, command.json);
    return 0;
  }

  int operator()(const gpu_copy_command& command) const {
    bench_report report;
    measure_gpu_copy(command.options, report);
    publish(report, command.json);
    return 0;
  }

  /// Becomes the script. Comes back only where it cannot.
  int operator()(const compare_command& command) const {
    auto words = command.arguments;
    words.insert(words.begin(), {"python3", (programs / "compare.py").native()});
    std::vector<char*> argv;
    for (auto& word : words)
      argv.push_back(word.data());
    argv.push_back(nullptr);
    ::execvp(argv.front(), argv.data());
    throw io::system_failure(errno, "run", words.front());
  }
};

} // namespace

int run(const command& parsed, const std::filesystem::path& programs) {
  return std::visit(runner{programs}, parsed);
}

} // namespace ckpt::apps::bench
