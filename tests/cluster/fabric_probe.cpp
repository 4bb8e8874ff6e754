// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

// One host of a broadcast, to measure how fast it goes between hosts. The processes find each other through
// files in a directory that all of them see. Prints the bytes per second that came to each device.

#include "gpu/fabric/fabric_collective.hpp"

#include <cstdio>
#include <exception>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <stdexcept>
#include <thread>

#include <CLI/CLI.hpp>

namespace {

using namespace ckpt::gpu;
using namespace std::chrono_literals;
using clock = std::chrono::steady_clock;
namespace fs = std::filesystem;

constexpr std::uint64_t mebibyte = 1 << 20;
constexpr auto patience = 30s;

struct probe_options {
  fs::path directory;
  std::uint32_t host = 0;
  std::uint32_t hosts = 2;
  std::uint32_t devices = 1;
  std::uint64_t ring_mib = 512;
  std::uint64_t bucket_mib = 64;
  std::uint64_t total_mib = 4096;
  bool do_roots_rotate = false;
  fabric_options fabric;
};

void parse(int argc, char** argv, probe_options& options) {
  CLI::App app{"One host of a broadcast among hosts"};
  std::uint64_t piece_kib = options.fabric.piece_bytes / 1024;
  app.add_option("--directory", options.directory, "where all of them leave their addresses")->required();
  app.add_option("--host", options.host)->required();
  app.add_option("--hosts", options.hosts);
  app.add_option("--devices", options.devices, "on each host");
  app.add_option("--ring-mib", options.ring_mib);
  app.add_option("--bucket-mib", options.bucket_mib);
  app.add_option("--total-mib", options.total_mib, "to be broadcast after a first round to warm up");
  app.add_flag("--rotate", options.do_roots_rotate, "every device in turn is the root, not only the first");
  app.add_option("--piece-kib", piece_kib);
  app.add_option("--pieces-in-flight", options.fabric.pieces_in_flight_max);
  app.add_option("--network-devices", options.fabric.network_devices);
  app.add_option("--transports", options.fabric.transports);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    std::exit(app.exit(error));
  }
  options.fabric.piece_bytes = piece_kib * 1024;
}

fs::path file_of(const probe_options& options, std::uint32_t host) {
  return options.directory / ("host-" + std::to_string(host));
}

void leave_address(const probe_options& options, const std::string& address) {
  const auto path = file_of(options, options.host);
  const auto unfinished = path.string() + ".new";
  std::ofstream{unfinished, std::ios::binary} << address;
  fs::rename(unfinished, path);
}

std::string find_address(const probe_options& options, std::uint32_t host) {
  const auto path = file_of(options, host);
  for (const auto deadline = clock::now() + patience; !fs::exists(path); std::this_thread::sleep_for(10ms))
    if (clock::now() > deadline)
      throw std::runtime_error{path.string() + " never came"};
  std::ifstream file{path, std::ios::binary};
  return {std::istreambuf_iterator<char>{file}, {}};
}

void complete(collective& hosts, ticket last, queue_progress& progress) {
  for (auto deadline = clock::now() + patience; progress.completed < last;) {
    const auto before = progress.completed;
    progress = hosts.wait(progress.completed, 100ms);
    if (progress.failure)
      throw std::runtime_error{progress.failure->what};
    if (progress.completed > before)
      deadline = clock::now() + patience;
    else if (clock::now() > deadline)
      throw std::runtime_error{"broadcast " + std::to_string(last) + " never completed"};
  }
}

/// Broadcasts `mib` through the slots of the ring, each as soon as it is free.
void broadcast(collective& hosts, const probe_options& options, std::uint64_t mib, queue_progress& progress) {
  const auto slots = options.ring_mib / options.bucket_mib;
  ticket last = progress.completed;
  for (std::uint64_t bucket = 0; bucket < mib / options.bucket_mib; ++bucket) {
    if (bucket >= slots)
      complete(hosts, last + 1 - slots, progress);
    const auto root = options.do_roots_rotate ? bucket % (options.hosts * options.devices) : 0;
    last = hosts.broadcast(static_cast<std::uint32_t>(root), bucket % slots * options.bucket_mib * mebibyte,
                           options.bucket_mib * mebibyte);
  }
  complete(hosts, last, progress);
}

void run(const probe_options& options) {
  std::vector<std::unique_ptr<host_device>> devices;
  std::vector<const host_device*> members;
  for (std::uint32_t device = 0; device < options.devices; ++device) {
    devices.push_back(std::make_unique<host_device>(device));
    devices.back()->begin_run(options.ring_mib * mebibyte);
    members.push_back(devices.back().get());
  }
  fabric_collective hosts{members, options.fabric};
  leave_address(options, hosts.address());
  hosts.connect({options.host, options.hosts,
                 find_address(options, (options.host + options.hosts - 1) % options.hosts),
                 find_address(options, (options.host + 1) % options.hosts), "no secret in a measurement"});
  queue_progress progress;
  broadcast(hosts, options, options.ring_mib, progress);
  const auto start = clock::now();
  broadcast(hosts, options, options.total_mib, progress);
  const std::chrono::duration<double> seconds = clock::now() - start;
  std::printf("%.0f\n", static_cast<double>(options.total_mib * mebibyte) / seconds.count());
}

} // namespace

int main(int argc, char** argv) {
  probe_options options;
  parse(argc, argv, options);
  try {
    run(options);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "fabric_probe: host %u: %s\n", options.host, error.what());
    return 1;
  }
  return 0;
}
