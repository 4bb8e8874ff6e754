// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

// A resident node that is asked over TCP: inside TLS, or plainly only where the user says so.

#include "tests/apps/node/service_fixture.hpp"
#include "tests/support/certificates.hpp"

#include <fstream>

namespace ckpt::tests {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

class resident_tls_test : public service_test {
protected:
  void SetUp() override {
    std::ofstream{key_} << "a key\n";
    endpoint_ = "http://127.0.0.1:9"; // No engine is needed to listen.
  }

  [[nodiscard]] arguments tls(const std::string& cert = {}, const std::string& key = {}) const {
    return {"--tls-ca",   node_files_.ca,
            "--tls-cert", cert.empty() ? node_files_.cert : cert,
            "--tls-key",  key.empty() ? node_files_.key : key};
  }

  /// What a node says that is started so and refuses to.
  [[nodiscard]] std::string refusal(const std::string& listen, const arguments& more = {}) {
    arguments command{CKPT_ACTOR_NODE,
                      "serve",
                      "--device",
                      "host",
                      "--inference-parallel-size",
                      "1",
                      "--endpoint",
                      "http://127.0.0.1:9",
                      "--listen",
                      listen,
                      "--listen-key-file",
                      key_};
    command.insert(command.end(), more.begin(), more.end());
    program node{command, scratch_.path() / "refusing.log"};
    EXPECT_EQ(node.wait(patience), 2) << node.output();
    return node.output();
  }

  /// Where the node listens that is told to at `listen`.
  [[nodiscard]] std::string start_at(const std::string& listen, const arguments& more) {
    arguments flags{"--listen", listen, "--listen-key-file", key_};
    flags.insert(flags.end(), more.begin(), more.end());
    start_service(flags);
    const auto said = node_->output();
    const auto at = said.find("http", said.find("listening at"));
    return said.substr(at, said.find_first_of(" \n,", at) - at);
  }

  /// Runs a command that asks the node at this place. Returns the exit status; what it said is in said_.
  int ask_at(const std::string& place, const arguments& command) {
    arguments all{CKPT_ACTOR_NODE};
    all.insert(all.end(), command.begin(), command.end());
    all.insert(all.end(), {"--node", place, "--listen-key-file", key_});
    program asking{all, scratch_.path() / "client.log"};
    const auto status = asking.wait(patience);
    said_ = asking.output();
    return status.value_or(-1000);
  }

  fs::path key_ = scratch_.path() / "key";
  io::tls_files node_files_ = make_certificate(scratch_.path() / "ours", "127.0.0.1");
};

TEST_F(resident_tls_test, is_asked_inside_tls_by_who_trusts_it) {
  const auto checkpoint = make_checkpoint();
  start_serving(checkpoint);
  const auto place = start_at("https://127.0.0.1:0", tls());
  ASSERT_TRUE(place.starts_with("https://127.0.0.1:")) << node_->output();
  const auto address = place.substr(place.rfind('/') + 1);
  for (const auto& spelled : {place, address})
    EXPECT_EQ(
        ask_at(spelled, {"publish", checkpoint, "--version", "v1", "--wait", "--tls-ca", node_files_.ca}), 0)
        << said_;
  EXPECT_EQ(served_version(), "v1");

  const auto theirs = make_certificate(scratch_.path() / "theirs", "127.0.0.1");
  EXPECT_EQ(ask_at(place, {"versions", "--tls-ca", theirs.ca}), 1);
  EXPECT_THAT(said_, HasSubstr("certificate is refused"));
  EXPECT_EQ(ask_at(place, {"versions"}), 1) << "the system does not trust it";
  EXPECT_EQ(ask_at("https://localhost:" + place.substr(place.rfind(':') + 1),
                   {"versions", "--tls-ca", node_files_.ca}),
            1);
  EXPECT_THAT(said_, HasSubstr("hostname mismatch"));
  EXPECT_EQ(ask_at("http://" + address, {"versions"}), 2);
  EXPECT_THAT(said_, HasSubstr("https"));
  EXPECT_EQ(ask_at(place, {"versions", "--tls-ca", key_}), 2);
  EXPECT_THAT(said_, HasSubstr("--tls-ca " + key_.string()));
  std::ofstream{key_} << "another key\n";
  EXPECT_EQ(ask_at(place, {"versions", "--tls-ca", node_files_.ca}), 2);
  EXPECT_THAT(said_, HasSubstr("bearer key"));
}

TEST_F(resident_tls_test, listens_for_other_hosts_inside_tls) {
  const auto place = start_at("0.0.0.0:0", tls());
  EXPECT_TRUE(place.starts_with("https://0.0.0.0:")) << place;
  EXPECT_EQ(ask_at("127.0.0.1" + place.substr(place.rfind(':')), {"versions", "--tls-ca", node_files_.ca}), 0)
      << said_;
}

TEST_F(resident_tls_test, listens_for_other_hosts_without_it_where_the_user_says_so) {
  EXPECT_THAT(refusal("0.0.0.0:0"), testing::AllOf(HasSubstr("--tls-cert"), HasSubstr("--insecure-network")));
  EXPECT_THAT(refusal("http://0.0.0.0:0", tls()), HasSubstr("--insecure-network"));
  EXPECT_THAT(refusal("https://127.0.0.1:0"), HasSubstr("--tls-cert"));
  const auto place = start_at("0.0.0.0:0", {"--insecure-network"});
  EXPECT_TRUE(place.starts_with("http://0.0.0.0:")) << place;
  EXPECT_EQ(ask_at("127.0.0.1" + place.substr(place.rfind(':')), {"versions"}), 0) << said_;
}

TEST_F(resident_tls_test, names_a_certificate_or_key_that_it_cannot_use) {
  const auto none = (scratch_.path() / "none.pem").string();
  EXPECT_THAT(refusal("0.0.0.0:0", tls(none)), HasSubstr("--tls-cert " + none + ": cannot be read"));
  std::ofstream{none} << "no certificate\n";
  EXPECT_THAT(refusal("0.0.0.0:0", tls(none)), HasSubstr("--tls-cert " + none + ": holds no certificate"));
  EXPECT_THAT(refusal("0.0.0.0:0", tls({}, none)), HasSubstr("--tls-key " + none + ": holds no key"));
  const auto other = make_certificate(scratch_.path() / "theirs", "127.0.0.1");
  EXPECT_THAT(refusal("0.0.0.0:0", tls({}, other.key)), HasSubstr("--tls-key " + other.key + ": "));
}

} // namespace
} // namespace ckpt::tests
