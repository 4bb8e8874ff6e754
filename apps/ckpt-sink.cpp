// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

// Stands in for an inference engine, so that a cluster can be tried before the engines are there, and so that
// tests can see what happens when an engine misbehaves. See apps/sink/README.md.

#include "apps/sink/engine.hpp"
#include "apps/sink/options.hpp"
#include "apps/sink/report.hpp"
#include "apps/sink/worker_process.hpp"

#include <csignal>
#include <exception>
#include <iostream>
#include <memory>
#include <string>
#include <utility>
#include <variant>

#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>

namespace {

using namespace ckpt::apps::sink;

constexpr auto failure_status = 1;
constexpr auto checkpoint_status = 3;

int serve(const sink_options& options, std::shared_ptr<const expectation> expected) {
  boost::asio::io_context io{1};
  boost::asio::signal_set signals{io, SIGINT, SIGTERM};
  signals.async_wait([&io](const boost::system::error_code& error, int) {
    if (!error)
      io.stop();
  });
  report log{options};
  engine stand_in{io, options, std::move(expected), log};
  const auto server = listen(io, options, stand_in);
  if (!options.port_file.empty())
    replace_file(options.port_file, std::to_string(server.port()) + "\n");
  std::cout << "ckpt-sink ready on " << server.address() << std::endl;
  io.run();
  return stand_in.exit_status();
}

} // namespace

int main(int argc, char** argv) {
  const auto parsed = parse_command_line(argc, argv);
  if (const auto* status = std::get_if<int>(&parsed))
    return *status;
  const auto& options = std::get<sink_options>(parsed);
  auto status = checkpoint_status;
  try {
    std::shared_ptr<const expectation> expected;
    if (!options.verify_path.empty())
      expected = std::make_shared<const expectation>(options.verify_path);
    status = failure_status;
    if (options.as_worker)
      return serve_as_worker(options, std::move(expected), *options.as_worker);
    return serve(options, std::move(expected));
  } catch (const std::exception& error) {
    std::cerr << "ckpt-sink: " << error.what() << '\n';
    return status;
  }
}
