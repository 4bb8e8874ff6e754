// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

#include "apps/node/run.hpp"

#include "actors/update/verdict.hpp"
#include "apps/node/attendant.hpp"
#include "apps/node/doctor.hpp"
#include "apps/node/prepare.hpp"
#include "apps/node/resources.hpp"
#include "apps/node/service/service.hpp"
#include "apps/node/take_part.hpp"

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <memory>
#include <optional>
#include <utility>

#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>

namespace ckpt::apps {
namespace {

using actors::ec;

/// The file of the checkpoint that the report would take the place of; usually none.
[[nodiscard]] std::filesystem::path weights_in_place_of(const node_options& options) {
  std::error_code none; // What cannot be looked at is found out when it is opened.
  if (!options.report)
    return {};
  if (options.report->replaces(options.checkpoint_path))
    return options.checkpoint_path;
  for (const auto& entry : std::filesystem::directory_iterator{options.checkpoint_path, none})
    if (const auto name = entry.path().filename().string();
        (name.ends_with(".safetensors") || name.ends_with(".index.json"))
        && options.report->replaces(entry.path()))
      return entry.path();
  return {};
}

/// False when the report cannot be written.
[[nodiscard]] bool report(const actors::update_verdict& verdict, const actors::update& update,
                          const node_options& options) {
  std::cout << actors::describe(verdict, update) << std::endl;
  try {
    if (options.report)
      options.report->write(actors::report_text(verdict, update));
    return true;
  } catch (const std::exception& error) {
    spdlog::error("--report: {}", error.what());
    return false;
  }
}

} // namespace

int run(const node_options& options) {
  if (const auto file = weights_in_place_of(options); !file.empty()) {
    std::cerr << "ckpt-actor-node: --report would replace " << file.string() << '\n';
    return actors::exit_status(ec::usage);
  }
  spdlog::set_default_logger(spdlog::stderr_color_mt("ckpt-actor-node"));
  spdlog::set_pattern("%Y-%m-%dT%H:%M:%S.%e %^%l%$ %v");
  raise_open_file_limit();
  // Whoever reads the log may go away, and files may be limited in size: writing then fails, and says so.
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGXFSZ, SIG_IGN);
  if (options.doctor && !options.dry_run && !is_wanted(options)) // Before signals are kept for later.
    return actors::exit_status(ec::interrupted);
  const signal_guard signals; // Before the first thread: threads inherit the mask.
  if (options.service) {
    service staying{options, signals};
    const auto status = staying.run();
    if (staying.is_stuck())
      std::_Exit(status); // To free what is stuck would wait for it for ever.
    return status;
  }
  auto prepared = prepare(options);
  if (!prepared.update)
    return actors::exit_status(prepared.failed.code); // A dry run.
  std::optional<doctor> examination;
  if (options.doctor && prepared.failed.code == ec::none)
    prepared.failed = examination.emplace(options, signals).begin();
  const auto conclude = [&](actors::update_verdict verdict) {
    if (examination)
      examination->judge(verdict, *prepared.update);
    const bool is_reported = report(verdict, *prepared.update, options);
    auto status = actors::exit_status(verdict.first_cause.code);
    if (status == 0 && !is_reported)
      status = actors::exit_status(ec::unspecified);
    // What serves to find the rings goes away also when this process ends without more ado.
    for (const auto& device : prepared.update->devices)
      device->withdraw_export();
    if (verdict.parts_left) {
      spdlog::error("something is stuck in the kernel or a library; ending without waiting for it");
      std::_Exit(status); // The actor system would wait for it for ever.
    }
    if (status == 0 && options.sleep_seconds > 0)
      static_cast<void>(signals.wait(std::chrono::seconds{options.sleep_seconds}));
    return status;
  };
  // A host that cannot take part still tells the others, where there are any.
  const bool is_over = options.layout.hosts == 1 && prepared.failed.code != ec::none;
  return is_over ? conclude(actors::conclude(
             prepared.failed,
             {actors::untouched(prepared.failed, options.layout, actors::endpoint_urls(options.update))},
             options.layout, options.update.weight_version))
                 : take_part(options, prepared.update, prepared.failed, signals, conclude);
}

} // namespace ckpt::apps
