// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

// Clusters with uninvited guests: nodes without the right certificate, and clients that send anything at all.
// The update goes on.

#include "tests/cluster/cluster_fixture.hpp"

#include <sstream>

namespace ckpt::tests {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using testing::AnyOf;
using testing::HasSubstr;
using testing::Optional;

/// Longer than slow_engines: guests need time to be annoying.
const arguments very_slow_engines{"--worker-seconds-per-gib", "160"};

class intruder_test : public cluster_test {
protected:
  /// Makes a certificate authority, and certificates of it for hosts 0 and 1.
  fs::path make_certificates(const std::string& name) {
    const auto directory = scratch_.path() / name;
    program script{{CKPT_MAKE_CERTIFICATES, directory, "host0", "host1"}, scratch_.path() / (name + ".log")};
    EXPECT_EQ(script.wait(patience), 0) << script.output();
    return directory;
  }

  [[nodiscard]] static arguments tls_flags(const fs::path& authority, const fs::path& certificates,
                                           unsigned host) {
    const auto own = certificates / ("host" + std::to_string(host));
    return {"--tls-ca",  authority / "ca.pem", "--tls-cert", own.string() + ".pem",
            "--tls-key", own.string() + ".key"};
  }

  /// From here on the hosts talk over TLS.
  void use_tls() {
    certificates_ = make_certificates("certificates");
    std::erase(node_flags_, "--insecure-network");
  }

  void start_member(unsigned host) {
    start_node(host, certificates_.empty() ? arguments{} : tls_flags(certificates_, certificates_, host));
  }

  /// A node that claims to be host 1 and must not get in: neither before the real one comes, nor after. It
  /// learns why.
  void expect_stays_out(const arguments& flags, const std::string& why) {
    arguments more{"--nnodes",
                   "2",
                   "--node-rank",
                   "1",
                   "--master-addr",
                   virtual_hosts::address(0),
                   "--devices",
                   "1",
                   "--inference-parallel-size",
                   "1",
                   "--endpoint",
                   "http://127.0.0.1:1",
                   "--timeout",
                   "2"};
    more.insert(more.end(), flags.begin(), flags.end());
    program intruder{
        hosts_->command(1, node_command(checkpoints_[0], scratch_.path() / "intruder.json", more)),
        scratch_.path() / "intruder.log"};
    EXPECT_THAT(intruder.wait(patience), Optional(AnyOf(5, 6))) << intruder.output();
    EXPECT_THAT(intruder.output(), HasSubstr(why));
    EXPECT_THAT(node_output(0), HasSubstr(virtual_hosts::address(1) + " does not get in"));
  }

  void expect_update_in_spite_of(const arguments& intruder, const std::string& why) {
    start_cluster({.hosts = 2}, very_slow_engines);
    start_member(0);
    expect_stays_out(intruder, why);
    start_member(1);
    reach_the_middle();
    expect_stays_out(intruder, why);
    expect_all_end_with(0);
    expect_engines_verified();
  }

  /// The addresses, as "10.77.0.1/29500", on which the node of this host listens.
  [[nodiscard]] std::vector<std::string> listening(unsigned host) {
    program list{hosts_->command(host, {"ss", "-Hltnp"}), scratch_.path() / "ss.log"};
    EXPECT_EQ(list.wait(patience), 0) << list.output();
    std::vector<std::string> found;
    std::istringstream lines{list.output()};
    for (std::string line, state, queued, limit, local; std::getline(lines, line);) {
      if (line.find("pid=" + std::to_string(nodes_.at(host)->pid()) + ",") == std::string::npos)
        continue;
      std::istringstream{line} >> state >> queued >> limit >> local;
      const auto colon = local.rfind(':');
      const auto address = local.substr(0, colon);
      const bool any = address == "*" || address == "0.0.0.0" || address == "[::]";
      found.push_back((any ? virtual_hosts::address(host) : address) + "/" + local.substr(colon + 1));
    }
    return found;
  }

  /// To all these ports: random bytes, much and little, the same behind the eight bytes with which UCX begins,
  /// and connections on which nothing comes. Returns the clients with the silent connections.
  [[nodiscard]] std::vector<std::unique_ptr<program>> molest(unsigned host) {
    std::vector<std::unique_ptr<program>> clients;
    for (const auto& port : listening(host)) {
      const auto ready = scratch_.path() / ("molested-" + std::to_string(clients.size()));
      fs::remove(ready);
      const auto script = "for bytes in 1 7 64 5000 300000 64 64; do for magic in '' "
                          "'\\x78\\x56\\x34\\x12\\xbe\\xba\\xfe\\xca'; do "
                          "{ printf \"$magic\"; head -c $bytes /dev/urandom; } >/dev/tcp/"
                          + port + "; done; done 2>/dev/null; exec 3<>/dev/tcp/" + port + " && touch '"
                          + ready.string() + "' && exec sleep 1000";
      clients.push_back(std::make_unique<program>(hosts_->command(host, {"bash", "-c", script}),
                                                  scratch_.path() / "molest.log"));
      EXPECT_TRUE(eventually([&] { return fs::exists(ready); }, patience))
          << port << clients.back()->output();
    }
    return clients;
  }

  /// How often the host's node says that somebody at its own address wanted to take part in the broadcasts.
  [[nodiscard]] long times_named(unsigned host) const {
    const auto output = node_output(host);
    const auto line = virtual_hosts::address(host) + " connected without the key";
    long count = 0;
    for (auto at = output.find(line); at != std::string::npos; at = output.find(line, at + 1))
      ++count;
    return count;
  }

  fs::path certificates_;
};

TEST_F(intruder_test, a_cluster_with_certificates_updates_its_engines) {
  use_tls();
  start_cluster({.hosts = 2});
  for (const unsigned host : {1u, 0u})
    start_member(host);
  expect_all_end_with(0);
  expect_engines_verified();
}

TEST_F(intruder_test, a_node_without_certificate_stays_out) {
  use_tls();
  expect_update_in_spite_of({"--insecure-network"}, "it wants TLS");
}

TEST_F(intruder_test, a_node_with_the_certificate_of_another_authority_stays_out) {
  use_tls();
  const auto others = make_certificates("others");
  expect_update_in_spite_of(tls_flags(others, others, 1), "another authority than ours");
}

TEST_F(intruder_test, a_node_that_trusts_the_right_authority_but_is_not_of_it_stays_out) {
  use_tls();
  expect_update_in_spite_of(tls_flags(certificates_, make_certificates("others"), 1),
                            "refuses our certificate");
}

TEST_F(intruder_test, a_network_that_others_may_see_needs_a_word_of_consent) {
  start_cluster({.hosts = 2});
  std::erase(node_flags_, "--insecure-network");
  start_node(0);
  EXPECT_EQ(end_of(0), 2);
  EXPECT_THAT(node_output(0), HasSubstr("--insecure-network"));
}

class molested_test : public intruder_test, public testing::WithParamInterface<bool> {
protected:
  /// Runs `script` on host 1, with host 0's port as $port, until it says that it is ready.
  [[nodiscard]] std::unique_ptr<program> molest_with(const std::string& script) {
    const auto ready = scratch_.path() / "ready";
    fs::remove(ready);
    const auto port = virtual_hosts::address(0) + "/29500";
    auto client = std::make_unique<program>(
        hosts_->command(
            1, {"bash", "-c", "port=/dev/tcp/" + port + " ready='" + ready.string() + "'\n" + script}),
        scratch_.path() / "molest.log");
    EXPECT_TRUE(eventually([&] { return fs::exists(ready); }, patience)) << client->output();
    return client;
  }

  /// An update of two hosts, of which host 0 may open 200 files, while host 1 is also where `script` runs.
  void expect_update_in_spite_of_clients(const std::string& script) {
    if (GetParam())
      use_tls();
    start_cluster({.hosts = 2});
    node_wrapper_ = {"bash", "-c", "ulimit -n 200 && exec \"$@\"", "node"};
    start_member(0);
    EXPECT_TRUE(eventually([&] { return !listening(0).empty(); }, patience)) << node_output(0);
    const auto clients = molest_with(script);
    start_member(1);
    expect_all_end_with(0);
    expect_engines_verified();
    EXPECT_EQ(clients->wait(0ms), std::nullopt) << "they were there to the end";
  }
};

TEST_P(molested_test, by_random_bytes_on_every_port_goes_on) {
  if (GetParam())
    use_tls();
  start_cluster({.hosts = 2}, very_slow_engines);
  start_member(0);
  EXPECT_TRUE(eventually([&] { return !listening(0).empty(); }, patience)) << node_output(0);
  const auto early = molest(0);
  start_member(1);
  reach_the_middle();
  const auto late = molest(0);
  const auto other = molest(1);
  EXPECT_FALSE(late.empty());
  expect_all_end_with(0);
  expect_engines_verified();
  for (const unsigned host : {0u, 1u})
    EXPECT_EQ(times_named(host), 1) << node_output(host);
}

TEST_P(molested_test, by_400_silent_connections_goes_on_and_ends) {
  expect_update_in_spite_of_clients(R"(
    trap '' PIPE; ulimit -n 1000
    for number in {1..400}; do
      exec {connection}<>$port || exit
      ((number % 2)) || printf '\x16\x03\x01\x02' >&$connection 2>/dev/null
    done
    touch "$ready" && exec sleep 1000)");
}

TEST_P(molested_test, by_connections_without_end_goes_on_and_ends) {
  expect_update_in_spite_of_clients(R"(
    touch "$ready"
    while :; do
      exec 3<>$port && exec 3>&-
    done 2>/dev/null)");
}

INSTANTIATE_TEST_SUITE_P(of, molested_test, testing::Values(false, true),
                         [](const auto& one) { return std::string{one.param ? "tls" : "plain"}; });

} // namespace
} // namespace ckpt::tests
