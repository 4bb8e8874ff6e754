// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

#include "tests/gpu/cuda/cuda_update_fixture.hpp"

#include <ostream>
#include <thread>

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

namespace ckpt::tests {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

/// A port that nobody listens at.
std::string free_port() {
  const int file = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t bytes = sizeof address;
  EXPECT_EQ(::bind(file, reinterpret_cast<sockaddr*>(&address), bytes), 0);
  EXPECT_EQ(::getsockname(file, reinterpret_cast<sockaddr*>(&address), &bytes), 0);
  ::close(file);
  return std::to_string(ntohs(address.sin_port));
}

} // namespace

void append(arguments& list, const arguments& more) { list.insert(list.end(), more.begin(), more.end()); }

void PrintTo(const shape& one, std::ostream* out) {
  *out << one.hosts << " x " << one.gpus << " GPUs, engines of " << one.workers;
}

void cuda_update_test::start_engines(const shape& wanted, const arguments& flags) {
  shape_ = wanted;
  engines_.clear();
  endpoints_.clear();
  for (unsigned host = 0; host < shape_.hosts; ++host)
    for (unsigned engine = 0; engine < shape_.engines_each(); ++engine)
      start_engine(host, flags);
}

void cuda_update_test::run_nodes(int expected_status, const arguments& more) {
  start_nodes(more);
  expect_all_end_with(expected_status);
}

void cuda_update_test::start_nodes(const arguments& more) {
  nodes_.clear();
  const auto port = free_port();
  for (unsigned host = 0; host < shape_.hosts; ++host)
    start_node(host, port, more);
}

void cuda_update_test::expect_all_end_with(int status) {
  for (unsigned host = 0; host < shape_.hosts; ++host)
    EXPECT_EQ(end_of(host), status) << node_output(host) << engine_output();
}

int cuda_update_test::end_of(unsigned host) {
  const auto status = nodes_[host]->wait(patience);
  EXPECT_TRUE(status.has_value()) << "host " << host << " hangs:\n" << node_output(host);
  return status.value_or(-1000);
}

void cuda_update_test::reach_the_middle() {
  for (unsigned host = 0; host < shape_.hosts; ++host)
    EXPECT_TRUE(eventually([&] { return node_output(host).find("is ready") != std::string::npos; }, patience))
        << node_output(host);
  std::this_thread::sleep_for(700ms);
}

void cuda_update_test::expect_verified() const {
  for (const auto& engine : engines_)
    EXPECT_TRUE(eventually([&] {
      const auto output = engine->output();
      const auto last = output.rfind("\nupdate ");
      return last != std::string::npos && output.find("verified bit for bit", last) != std::string::npos;
    })) << engine->output();
}

std::string cuda_update_test::engine_output() const {
  std::string all;
  for (const auto& engine : engines_)
    all += engine->output();
  return all;
}

fs::path cuda_update_test::log(const std::string& name, unsigned host) const {
  return scratch_.path() / (name + '-' + std::to_string(host));
}

stand_in::statistics cuda_update_test::node_statistics(unsigned host) const {
  return stand_in::read_report(log("node-gpus", host));
}

stand_in::statistics cuda_update_test::engine_statistics(unsigned host) const {
  return stand_in::read_report(log("engine-gpus", host));
}

void cuda_update_test::expect_clean() const {
  const auto node = node_statistics();
  EXPECT_EQ(node.allocations, 0u);
  EXPECT_EQ(node.registrations, 0u);
  EXPECT_EQ(node.pageable_bytes, 0u);
  EXPECT_GE(node.registered_bytes, gpu_checkpoint_bytes);
  const auto engine = engine_statistics();
  EXPECT_EQ(engine.openings, 0u);
  EXPECT_EQ(engine.allocations, 0u);
}

double cuda_update_test::connect_seconds() const {
  const auto report = read_report(log("report", 0));
  return report.at("stages").at("broadcast").at("connect_seconds").to_number<double>();
}

arguments cuda_update_test::on_host(unsigned host, const std::string& name,
                                    const arguments& variables) const {
  // Of this test alone: another one may run beside it, and a GPU has one weight channel.
  arguments command{"/usr/bin/env", "STAND_IN_HOST=" + log("host", is_one_machine_ ? 0 : host).string(),
                    "STAND_IN_REPORT=" + log(name, host).string()};
  append(command, variables);
  append(command, environment_);
  return command;
}

void cuda_update_test::start_engine(unsigned host, const arguments& flags) {
  const auto port_file = scratch_.path() / "port";
  fs::remove(port_file);
  auto command = on_host(host, "engine-gpus", engine_variables(host));
  append(command, sink_command(checkpoint_, {"--device", "cuda", "--workers", std::to_string(shape_.workers),
                                             "--port-file", port_file}));
  append(command, flags);
  engines_.push_back(
      std::make_unique<program>(command, log("engine", static_cast<unsigned>(engines_.size()))));
  ASSERT_TRUE(listens(*engines_.back())) << engines_.back()->output();
  auto port = read_file(port_file);
  port.erase(port.find_last_not_of('\n') + 1);
  endpoints_.push_back("http://127.0.0.1:" + port);
}

void cuda_update_test::start_node(unsigned host, const std::string& master_port, const arguments& more) {
  const auto launched = launcher_variables(host, master_port);
  auto command = on_host(host, "node-gpus", launched);
  append(command, node_command(checkpoint_, log("report", host),
                               {"--device", "cuda", "--timeout", "20", "--inference-parallel-size",
                                std::to_string(shape_.workers)}));
  for (unsigned engine = 0; engine < shape_.engines_each(); ++engine)
    append(command, {"--endpoint", endpoints_[host * shape_.engines_each() + engine]});
  if (shape_.hosts > 1 && launched.empty())
    append(command, {"--nnodes", std::to_string(shape_.hosts), "--node-rank", std::to_string(host),
                     "--master-addr", "127.0.0.1", "--master-port", master_port});
  append(command, more);
  nodes_.push_back(std::make_unique<program>(command, log("node", host)));
}

} // namespace ckpt::tests
