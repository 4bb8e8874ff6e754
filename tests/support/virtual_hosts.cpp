// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

#include "tests/support/virtual_hosts.hpp"

#include "tests/support/program.hpp"
#include "tests/support/temporary_directory.hpp"

#include <atomic>
#include <cstdio>
#include <exception>
#include <stdexcept>

#include <unistd.h>

namespace ckpt::tests {
namespace {

using namespace std::chrono_literals;

using arguments = std::vector<std::string>;

/// What `virtual-hosts.sh` printed when it failed; empty when it did not.
[[nodiscard]] std::string complaint(arguments command) {
  const temporary_directory scratch;
  command.insert(command.begin(), CKPT_VIRTUAL_HOSTS);
  program script{command, scratch.path() / "log"};
  const auto status = script.wait(30s);
  if (status == 0)
    return {};
  return script.output() + (status ? "" : "virtual-hosts.sh " + command[1] + " does not end");
}

void run(arguments command) {
  if (const auto what = complaint(std::move(command)); !what.empty())
    throw std::runtime_error{what};
}

/// A name that nobody else has, and that tells whether its owner lives.
[[nodiscard]] std::string new_name() {
  static std::atomic<unsigned> number{0};
  return std::to_string(::getpid()) + "-" + std::to_string(number++);
}

} // namespace

virtual_hosts::virtual_hosts(unsigned count) : cluster_{new_name()} {
  run({"remove-stale"});
  if (const auto what = complaint({"make", cluster_, std::to_string(count)}); !what.empty()) {
    run({"remove", cluster_});
    throw std::runtime_error{what};
  }
}

virtual_hosts::~virtual_hosts() noexcept {
  try {
    run({"remove", cluster_});
  } catch (const std::exception& error) {
    std::fprintf(stderr, "virtual hosts are left behind: %s\n", error.what());
  }
}

std::string virtual_hosts::why_not() { return complaint({"check"}); }

std::string virtual_hosts::address(unsigned host) { return "10.77.0." + std::to_string(host + 1); }

arguments virtual_hosts::command(unsigned host, const arguments& program_arguments) const {
  arguments whole{CKPT_VIRTUAL_HOSTS, "run", cluster_, std::to_string(host)};
  whole.insert(whole.end(), program_arguments.begin(), program_arguments.end());
  return whole;
}

void virtual_hosts::pull_cable(unsigned host) const { run({"link", cluster_, std::to_string(host), "down"}); }

void virtual_hosts::plug_cable(unsigned host) const { run({"link", cluster_, std::to_string(host), "up"}); }

void virtual_hosts::part(unsigned host, unsigned other) const {
  run({"part", cluster_, std::to_string(host), std::to_string(other)});
}

void virtual_hosts::limit_disk(unsigned host, const std::filesystem::path& path,
                               std::uint64_t bytes_per_second) const {
  run({"disk", cluster_, std::to_string(host), path, std::to_string(bytes_per_second)});
}

} // namespace ckpt::tests
