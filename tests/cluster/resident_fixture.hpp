// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// A resident node of several virtual hosts, with an engine or more on each, and the commands that it is asked by.

#include "tests/cluster/cluster_fixture.hpp"

#include <algorithm>
#include <csignal>
#include <sstream>
#include <string>

namespace ckpt::tests {

class resident_cluster_test : public cluster_test {
protected:
  void TearDown() override {
    for (unsigned host = 0; host < services_.size(); ++host)
      if (services_[host]) {
        services_[host]->send_signal(SIGCONT);
        services_[host]->send_signal(SIGTERM);
        EXPECT_EQ(services_[host]->wait(patience), 0) << "host " << host << ":\n"
                                                      << services_[host]->output();
      }
  }

  [[nodiscard]] std::filesystem::path socket(unsigned host) const {
    return scratch_.path() / ("node-" + std::to_string(host) + ".sock");
  }

  void start_service(unsigned host, const arguments& more = {}) {
    arguments command{CKPT_ACTOR_NODE,     "serve",
                      "--device",          "host",
                      "--bucket-size",     "4MiB",
                      "--chunk-size",      "1MiB",
                      "--host-memory",     "8MiB",
                      "--stay-time",       "3",
                      "--listen",          "unix:" + socket(host).string(),
                      "--resident-memory", "200MiB"};
    for (const auto& flags : {place_of(host), engines_of(host), node_flags_, more})
      command.insert(command.end(), flags.begin(), flags.end());
    services_.resize(shape_.hosts);
    services_[host] = std::make_unique<program>(
        hosts_->command(host, command),
        scratch_.path() / ("service-" + std::to_string(host) + "-" + std::to_string(++starts_)));
    ASSERT_TRUE(eventually([&] { return log_of(host).find("listening at") != std::string::npos; }, patience))
        << log_of(host);
  }

  /// The engines have served since they were started.
  void start_resident_cluster(const cluster_shape& shape, const arguments& engine_flags = {},
                              const arguments& more = {}) {
    arguments flags{"--readiness", "serving"};
    flags.insert(flags.end(), engine_flags.begin(), engine_flags.end());
    start_cluster(shape, flags);
    for (auto host = shape.hosts; host-- > 0;)
      start_service(host, more);
    expect_all_here();
  }

  /// Every host of them says so.
  void expect_all_here() {
    for (unsigned host = 0; host < shape_.hosts; ++host)
      EXPECT_TRUE(eventually([&] { return hosts_here(host) == shape_.hosts; }, patience)) << all_logs();
  }

  void kill_service(unsigned host) {
    services_.at(host)->send_signal(SIGKILL);
    EXPECT_TRUE(services_[host]->wait(patience).has_value());
    services_[host].reset();
  }

  [[nodiscard]] std::string log_of(unsigned host) const { return services_.at(host)->output(); }

  [[nodiscard]] std::string all_logs() const {
    std::string all;
    for (unsigned host = 0; host < services_.size(); ++host)
      if (services_[host])
        all += "host " + std::to_string(host) + ":\n" + log_of(host);
    return all;
  }

  /// Asks the node of one host; the answer is in answer_.
  int ask(unsigned host, const std::string& command, const arguments& more = {}) {
    arguments all{CKPT_ACTOR_NODE, command, "--node", "unix:" + socket(host).string()};
    all.insert(all.end(), more.begin(), more.end());
    program asking{all, scratch_.path() / "client.log"};
    const auto status = asking.wait(patience);
    EXPECT_TRUE(status.has_value()) << command << " hangs:\n" << all_logs();
    std::istringstream lines{asking.output()};
    said_.clear();
    std::string described;
    for (std::string line; std::getline(lines, line);)
      (line.starts_with('{') || line.starts_with('[') ? described : said_) += line + "\n";
    boost::system::error_code error;
    answer_ = boost::json::parse(described, error);
    return status.value_or(-1000);
  }

  int publish(unsigned host, const std::string& version, const arguments& more = {"--wait"}) {
    arguments all{checkpoints_[0], "--version", version};
    all.insert(all.end(), more.begin(), more.end());
    return ask(host, "publish", all);
  }

  /// Returns the id of an update of which some buckets are taken, and some not.
  [[nodiscard]] std::string publish_and_reach_the_middle(const std::string& version) {
    EXPECT_EQ(publish(0, version, {}), 0) << said_;
    const auto id = std::string{answer_.at("id").as_string()};
    EXPECT_TRUE(eventually(
        [&] {
          return ask(0, "status", {id}) == 0 && answer_.at("progress").is_object()
                 && answer_.at("progress").at("bytes").to_number<std::uint64_t>() > 0;
        },
        patience));
    return id;
  }

  /// Every engine says that it serves it, and has it bit for bit.
  void expect_served(const std::string& version, const std::vector<unsigned>& engines) const {
    for (const auto engine : engines) {
      const auto output = engines_[engine][0]->output();
      const auto last = output.rfind("\nupdate ");
      ASSERT_NE(last, std::string::npos) << output;
      EXPECT_THAT(output.substr(last), testing::HasSubstr("verified bit for bit")) << "engine " << engine;
      EXPECT_THAT(output.substr(last), testing::HasSubstr(version)) << "engine " << engine;
    }
  }

  [[nodiscard]] std::size_t hosts_here(unsigned asked = 0) {
    const auto status = ask(asked, "hosts");
    if (status != 0)
      return 0;
    return static_cast<std::size_t>(
        std::ranges::count_if(answer_.as_array(), [](const auto& one) { return one.at("here").as_bool(); }));
  }

  /// What the last answer, which describes an update, says of hosts that had no part in it.
  [[nodiscard]] std::size_t absent_hosts() const {
    return answer_.at("report").at("absent_hosts").as_array().size();
  }

  std::vector<std::unique_ptr<program>> services_; ///< by host
  boost::json::value answer_;
  std::string said_; ///< on standard error
  int starts_ = 0;
};

} // namespace ckpt::tests
