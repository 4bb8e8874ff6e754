// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

// Whole updates of engines on GPUs: the real programs as processes, on simulated GPUs (tests/stand_in). Hosts
// are processes with GPUs of their own.

#include "tests/stand_in/stand_in.hpp"
#include "tests/support/program.hpp"
#include "tests/support/temporary_directory.hpp"
#include "tests/support/update_programs.hpp"

#include <algorithm>
#include <csignal>
#include <fstream>
#include <memory>
#include <thread>
#include <utility>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

namespace ckpt::tests {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using testing::HasSubstr;

constexpr std::uint64_t checkpoint_bytes = 24 << 20;

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

void flip_last_byte(const fs::path& file) {
  std::fstream stream{file, std::ios::binary | std::ios::in | std::ios::out};
  stream.seekg(-1, std::ios::end);
  const auto byte = static_cast<char>(stream.get() ^ 1);
  stream.seekp(-1, std::ios::end);
  stream.put(byte);
}

void append(arguments& list, const arguments& more) { list.insert(list.end(), more.begin(), more.end()); }

/// `gpus` of each host belong to engines of `workers` consecutive ones, each on one host.
struct shape {
  unsigned hosts = 1;
  unsigned gpus = 2;
  unsigned workers = 2;

  [[nodiscard]] unsigned engines_each() const { return gpus / workers; }
};

void PrintTo(const shape& one, std::ostream* out) {
  *out << one.hosts << " x " << one.gpus << " GPUs, engines of " << one.workers;
}

class cuda_update_test : public testing::Test {
protected:
  /// Starts the engines of all hosts, each with these flags besides.
  void start_engines(const shape& wanted, const arguments& flags = {}) {
    shape_ = wanted;
    engines_.clear();
    endpoints_.clear();
    for (unsigned host = 0; host < shape_.hosts; ++host)
      for (unsigned engine = 0; engine < shape_.engines_each(); ++engine)
        start_engine(host, flags);
  }

  /// Runs the nodes of all hosts to their end; what they printed is in output_.
  void run_nodes(int expected_status, const arguments& more = {}) {
    start_nodes(more);
    expect_all_end_with(expected_status);
  }

  void start_nodes(const arguments& more = {}) {
    nodes_.clear();
    const auto port = free_port();
    for (unsigned host = 0; host < shape_.hosts; ++host)
      start_node(host, port, more);
  }

  void expect_all_end_with(int status) {
    for (unsigned host = 0; host < shape_.hosts; ++host)
      EXPECT_EQ(end_of(host), status) << node_output(host) << engine_output();
  }

  int end_of(unsigned host) {
    const auto status = nodes_[host]->wait(patience);
    EXPECT_TRUE(status.has_value()) << "host " << host << " hangs:\n" << node_output(host);
    return status.value_or(-1000);
  }

  /// Some moment of the transfer, which goes on for seconds from when the engines are ready; which one does
  /// not matter.
  void reach_the_middle() {
    for (unsigned host = 0; host < shape_.hosts; ++host)
      EXPECT_TRUE(
          eventually([&] { return node_output(host).find("is ready") != std::string::npos; }, patience))
          << node_output(host);
    std::this_thread::sleep_for(700ms);
  }

  void expect_verified() const {
    for (const auto& engine : engines_)
      EXPECT_TRUE(eventually([&] {
        const auto output = engine->output();
        const auto last = output.rfind("\nupdate ");
        return last != std::string::npos && output.find("verified bit for bit", last) != std::string::npos;
      })) << engine->output();
  }

  [[nodiscard]] std::string node_output(unsigned host) const { return nodes_[host]->output(); }
  [[nodiscard]] std::string engine_output() const {
    std::string all;
    for (const auto& engine : engines_)
      all += engine->output();
    return all;
  }

  [[nodiscard]] fs::path log(const std::string& name, unsigned host) const {
    return scratch_.path() / (name + '-' + std::to_string(host));
  }

  /// What the processes of one kind on one host did with their GPUs.
  [[nodiscard]] stand_in::statistics node_statistics(unsigned host = 0) const {
    return stand_in::read_report(log("node-gpus", host));
  }
  [[nodiscard]] stand_in::statistics engine_statistics(unsigned host = 0) const {
    return stand_in::read_report(log("engine-gpus", host));
  }

  /// Nothing that was taken from the GPUs is left, and copies came from memory that they knew.
  void expect_clean() const {
    const auto node = node_statistics();
    EXPECT_EQ(node.allocations, 0u);
    EXPECT_EQ(node.registrations, 0u);
    EXPECT_EQ(node.pageable_bytes, 0u);
    EXPECT_GE(node.registered_bytes, checkpoint_bytes);
    const auto engine = engine_statistics();
    EXPECT_EQ(engine.openings, 0u);
    EXPECT_EQ(engine.allocations, 0u);
  }

  /// As the report tells it.
  [[nodiscard]] double connect_seconds() const {
    const auto report = read_report(log("report", 0));
    return report.at("stages").at("broadcast").at("connect_seconds").to_number<double>();
  }

  temporary_directory scratch_{fs::current_path()};
  fs::path checkpoint_ = write_small_checkpoint(scratch_.path(), checkpoint_bytes);
  shape shape_;
  arguments environment_{"STAND_IN_GPUS=2"}; ///< of all programs: variables, then what runs them
  bool is_one_machine_ = false;              ///< whose GPUs all "hosts" see, each a process that drives one
  std::vector<std::unique_ptr<program>> engines_;
  std::vector<std::string> endpoints_;
  std::vector<std::unique_ptr<program>> nodes_;

private:
  /// By which an engine's workers see other GPUs than their host has.
  [[nodiscard]] virtual arguments engine_variables(unsigned) const { return {}; }

  /// By which a node finds the others, or nothing: then flags say it.
  [[nodiscard]] virtual arguments launcher_variables(unsigned, const std::string&) const { return {}; }

  [[nodiscard]] arguments on_host(unsigned host, const std::string& name, const arguments& variables) const {
    // Of this test alone: another one may run beside it, and a GPU has one weight channel.
    arguments command{"/usr/bin/env", "STAND_IN_HOST=" + log("host", is_one_machine_ ? 0 : host).string(),
                      "STAND_IN_REPORT=" + log(name, host).string()};
    append(command, variables);
    append(command, environment_);
    return command;
  }

  void start_engine(unsigned host, const arguments& flags) {
    const auto port_file = scratch_.path() / "port";
    fs::remove(port_file);
    auto command = on_host(host, "engine-gpus", engine_variables(host));
    append(command, sink_command(checkpoint_, {"--device", "cuda", "--workers",
                                               std::to_string(shape_.workers), "--port-file", port_file}));
    append(command, flags);
    engines_.push_back(
        std::make_unique<program>(command, log("engine", static_cast<unsigned>(engines_.size()))));
    ASSERT_TRUE(listens(*engines_.back())) << engines_.back()->output();
    auto port = read_file(port_file);
    port.erase(port.find_last_not_of('\n') + 1);
    endpoints_.push_back("http://127.0.0.1:" + port);
  }

  void start_node(unsigned host, const std::string& master_port, const arguments& more) {
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
};

class cuda_update_shapes : public cuda_update_test, public testing::WithParamInterface<shape> {};

TEST_P(cuda_update_shapes, brings_every_tensor_bit_for_bit) {
  environment_.push_back("STAND_IN_DELAY_US=500");
  start_engines(GetParam());
  run_nodes(0);
  expect_verified();
  for (unsigned host = 0; host < shape_.hosts; ++host) {
    EXPECT_EQ(node_statistics(host).contexts, shape_.gpus);
    EXPECT_EQ(engine_statistics(host).contexts, shape_.gpus) << "one for each worker";
  }
  EXPECT_EQ(connect_seconds() > 0, shape_.hosts * shape_.gpus > 1) << connect_seconds();
}

INSTANTIATE_TEST_SUITE_P(of, cuda_update_shapes,
                         testing::Values(shape{1, 1, 1}, shape{1, 2, 2}, shape{1, 2, 1}, shape{2, 1, 1},
                                         shape{2, 2, 2}, shape{2, 2, 1}, shape{3, 1, 1}),
                         [](const auto& one) {
                           return std::to_string(one.param.hosts) + "_hosts_of_"
                                  + std::to_string(one.param.gpus) + "_gpus_for_engines_of_"
                                  + std::to_string(one.param.workers);
                         });

TEST_F(cuda_update_test, gives_back_all_that_it_took) {
  start_engines({});
  for (int update = 0; update < 2; ++update) {
    run_nodes(0);
    expect_verified();
    expect_clean();
  }
}

/// Two processes on one machine with two GPUs, as torchrun starts them.
class process_per_gpu_test : public cuda_update_test {
protected:
  void update() {
    is_one_machine_ = true;
    start_engines({2, 1, 1});
    run_nodes(0);
    expect_verified();
    for (unsigned process = 0; process < 2; ++process)
      EXPECT_EQ(node_statistics(process).contexts, 1u) << "process " << process;
  }

  bool sees_all_ = true;

private:
  [[nodiscard]] arguments engine_variables(unsigned process) const override {
    return {"CUDA_VISIBLE_DEVICES=" + std::to_string(process)};
  }
  [[nodiscard]] arguments launcher_variables(unsigned process, const std::string& port) const override {
    const auto number = std::to_string(process);
    arguments variables{"RANK=" + number,     "WORLD_SIZE=2",          "LOCAL_RANK=" + number,
                        "LOCAL_WORLD_SIZE=2", "MASTER_ADDR=127.0.0.1", "MASTER_PORT=" + port};
    if (!sees_all_)
      append(variables, engine_variables(process));
    return variables;
  }
};

TEST_F(process_per_gpu_test, takes_memory_of_its_own_gpu_alone) { update(); }

TEST_F(process_per_gpu_test, finds_the_one_that_it_is_shown_alone) {
  sees_all_ = false;
  update();
}

class checkpoint_in_memory_test : public cuda_update_test {
protected:
  void SetUp() override {
    checkpoint_ = write_small_checkpoint(memory_.path(), checkpoint_bytes);
    for (const auto& entry : fs::directory_iterator{checkpoint_})
      fs::permissions(entry.path(), fs::perms::owner_read); // Root may write it all the same.
  }

  void update() {
    start_engines({});
    run_nodes(0);
    expect_verified();
    expect_clean();
  }

  [[nodiscard]] std::uint64_t in_place_bytes() const {
    return read_report(log("report", 0))
        .at("stages")
        .at("disk")
        .at("in_place_bytes")
        .to_number<std::uint64_t>();
  }

  static void let_me_write(const fs::path& directory) {
    for (const auto& entry : fs::directory_iterator{directory})
      fs::permissions(entry.path(), fs::perms::owner_write, fs::perm_options::add);
  }

  /// For programs whose user may only what the files' permissions say.
  static arguments without_privileges() {
    return ::geteuid() == 0 ? arguments{"setpriv", "--bounding-set", "-dac_override"} : arguments{};
  }

  temporary_directory memory_{"/dev/shm"};
};

TEST_F(checkpoint_in_memory_test, is_copied_from_where_it_lies) {
  let_me_write(checkpoint_);
  update();
  EXPECT_GT(in_place_bytes(), checkpoint_bytes);
}

TEST_F(checkpoint_in_memory_test, that_may_only_be_read_is_copied_through_staging) {
  append(environment_, without_privileges());
  update();
  EXPECT_EQ(in_place_bytes(), 0u);
  EXPECT_THAT(node_output(0), HasSubstr("copying it through staging memory"));
}

TEST_F(checkpoint_in_memory_test, that_may_only_be_read_is_copied_from_where_it_lies_if_the_driver_can) {
  environment_.push_back("STAND_IN_READ_ONLY_REGISTRATION=1");
  append(environment_, without_privileges());
  update();
  EXPECT_GT(in_place_bytes(), checkpoint_bytes);
}

TEST_F(cuda_update_test, of_other_weights_is_noticed_by_the_engine) {
  start_engines({});
  const auto expected = std::exchange(checkpoint_, scratch_.path() / "other");
  fs::copy(expected, checkpoint_);
  const auto is_shard = [](const auto& entry) { return entry.path().extension() == ".safetensors"; };
  const auto shard =
      std::find_if(fs::directory_iterator{checkpoint_}, fs::directory_iterator{}, is_shard)->path();
  flip_last_byte(shard);
  run_nodes(4);
  EXPECT_THAT(node_output(0),
              HasSubstr("differs from " + (expected / shard.filename()).string() + " at its byte "));
}

class cuda_fault_test : public cuda_update_test, public testing::WithParamInterface<const char*> {};

TEST_P(cuda_fault_test, of_a_worker_is_the_engines_failure_and_disturbs_no_later_update) {
  start_engines({}, {"--fault", GetParam(), "--fault-updates", "1"});
  run_nodes(4);
  EXPECT_THAT(node_output(0), HasSubstr(endpoints_[0])) << "the engine is named";
  if (engines_[0]->wait(0ms))
    start_engines({});
  run_nodes(0);
  expect_verified();
}

INSTANTIATE_TEST_SUITE_P(of, cuda_fault_test,
                         testing::Values("handle-error", "bucket-error:middle", "bucket-error:last",
                                         "post-hook-raises", "worker-dies:middle", "die-at:middle"),
                         [](const auto& one) {
                           std::string name = one.param;
                           std::ranges::replace_if(
                               name, [](char letter) { return letter == ':' || letter == '-'; }, '_');
                           return name;
                         });

/// Slow enough that a test can step in while buckets are under way.
const arguments slow_engines{"--worker-seconds-per-gib", "200"};

TEST_F(cuda_update_test,
       ends_beside_a_gpu_that_never_ends_what_it_does_and_the_same_command_succeeds_at_once) {
  start_engines({});
  const auto healthy = environment_;
  environment_.push_back("STAND_IN_STUCK_BROADCAST=3");
  run_nodes(1);
  EXPECT_THAT(node_output(0), HasSubstr("something is stuck"));
  environment_ = healthy;
  run_nodes(0);
  expect_verified();
}

TEST_F(cuda_update_test, after_kill_9_the_same_command_succeeds_at_once) {
  start_engines({}, slow_engines);
  start_nodes();
  reach_the_middle();
  nodes_[0]->send_signal(SIGKILL);
  EXPECT_EQ(end_of(0), -SIGKILL);
  run_nodes(0);
  expect_verified();
}

TEST_F(cuda_update_test, ends_at_sigterm_and_the_same_command_succeeds_at_once) {
  start_engines({}, slow_engines);
  start_nodes();
  reach_the_middle();
  nodes_[0]->send_signal(SIGTERM);
  EXPECT_EQ(end_of(0), 1) << node_output(0);
  EXPECT_THAT(node_output(0), HasSubstr("interrupted by SIGTERM"));
  run_nodes(0);
  expect_verified();
}

TEST_F(cuda_update_test, a_host_that_is_killed_ends_the_update_on_the_others) {
  start_engines({2, 1, 1}, slow_engines);
  start_nodes();
  reach_the_middle();
  nodes_[1]->send_signal(SIGKILL);
  EXPECT_EQ(end_of(0), 5) << node_output(0);
  EXPECT_EQ(end_of(1), -SIGKILL);
  run_nodes(0);
  expect_verified();
}

TEST_F(cuda_update_test, says_when_a_gpu_has_too_little_memory) {
  start_engines({});
  environment_.push_back("STAND_IN_GPU_BYTES=1048576");
  run_nodes(1);
  EXPECT_THAT(node_output(0), HasSubstr("for the ring of GPU 0"));
  EXPECT_THAT(node_output(0), HasSubstr("out of memory"));
}

TEST_F(cuda_update_test, says_when_the_nccl_that_is_there_will_not_do) {
  start_engines({});
  for (const auto& [version, why] :
       {std::pair{"21800", "2.18.0, and 2.19.3 or later"}, {"22203", "2.22.3, in which"}}) {
    environment_.push_back(std::string{"STAND_IN_NCCL_VERSION="} + version);
    run_nodes(2);
    EXPECT_THAT(node_output(0), HasSubstr(why));
  }
}

TEST_F(cuda_update_test, says_when_there_are_too_few_gpus) {
  start_engines({});
  environment_.push_back("CUDA_VISIBLE_DEVICES=1");
  run_nodes(2);
  EXPECT_THAT(node_output(0), HasSubstr("GPU 1 is wanted"));
}

} // namespace
} // namespace ckpt::tests
