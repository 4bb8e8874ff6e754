// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

// A resident node that is asked as checkpoint-engine's own daemon is, and the methods of an update.

#include "tests/apps/node/service_fixture.hpp"

#include "io/http/http_call.hpp"

#include <algorithm>
#include <fstream>
#include <vector>

namespace ckpt::tests {
namespace {

namespace fs = std::filesystem;
namespace json = boost::json;
using testing::HasSubstr;
using verb = io::http_request::verb;

class resident_reference_test : public service_test {
protected:
  void SetUp() override {
    expected_ = make_checkpoint();
    fs::copy(expected_, checkpoint_);
  }

  /// Two engines of one worker each: rank 0 is that of endpoint_, rank 1 that of first_.
  void start(const arguments& more = {"--resident-memory", "200MiB"}) {
    start_serving(expected_);
    first_ = endpoint_;
    first_engine_ = std::move(engine_);
    start_engine(expected_, {"--readiness", "serving"});
    arguments flags{"--endpoint", first_};
    flags.insert(flags.end(), more.begin(), more.end());
    start_service(flags);
  }

  io::http_response ask(verb method, const std::string& target, const json::value& body = nullptr) const {
    io::http_call call{io::parse_endpoint("http://localhost", socket_.string()),
                       {method, target, body.is_null() ? "" : json::serialize(body)},
                       {},
                       2 * patience};
    while (!call.wait(patience)) {
    }
    EXPECT_FALSE(call.error()) << call.error().message();
    return call.response();
  }

  io::http_response post(const std::string& target, const json::value& body = nullptr) const {
    return ask(verb::post, "/v1/checkpoints/" + target, body);
  }

  /// The files of a checkpoint's directory.
  [[nodiscard]] static json::array files_of(const fs::path& directory) {
    json::array files;
    for (const auto& entry : fs::directory_iterator{directory})
      if (entry.path().extension() == ".safetensors")
        files.emplace_back(entry.path().string());
    return files;
  }

  /// How many updates the first engine has seen.
  [[nodiscard]] std::size_t updates() const {
    return read_report(scratch_.path() / "engine.json").at("updates").as_array().size();
  }

  /// A failure as the daemon tells it: 500, and why, as a JSON text.
  static void expect_failure(const io::http_response& answer, const std::string& why) {
    EXPECT_EQ(answer.status, 500u) << answer.body;
    boost::system::error_code error;
    const auto said = json::parse(answer.body, error);
    ASSERT_TRUE(said.is_string()) << answer.body;
    EXPECT_THAT(std::string{said.as_string()}, HasSubstr(why));
  }

  static void expect_success(const io::http_response& answer) {
    EXPECT_EQ(answer.status, 200u) << answer.body;
    EXPECT_EQ(answer.body, "");
  }

  fs::path expected_;                              ///< what the engines compare with
  fs::path checkpoint_ = scratch_.path() / "step"; ///< the same
  std::string first_;
  std::unique_ptr<program> first_engine_;
};

TEST_F(resident_reference_test, brings_a_checkpoint_in_as_a_script_of_the_daemon_asks_for_it) {
  start();
  expect_success(ask(verb::get, "/v1/healthz"));
  auto files = files_of(checkpoint_);
  ASSERT_GT(files.size(), 1u);
  const json::array last{files.back()};
  files.pop_back();
  expect_success(post("step-1/files", {{"files", files}})); // Each rank names its part.
  expect_success(post("step-1/files", {{"files", last}}));
  expect_success(post("step-1/gather-metas"));
  EXPECT_EQ(updates(), 0u) << "no engine was asked for anything yet";
  fs::rename(checkpoint_, scratch_.path() / "elsewhere"); // What was gathered is in memory.
  expect_success(post("step-1/update", {{"ranks", json::array{}},
                                        {"update_url", first_ + "/collective_rpc"},
                                        {"inference_group_ranks", {1}},
                                        {"timeout", 60.0},
                                        {"uds", nullptr}}));
  EXPECT_EQ(served_version(), "step-1");
  EXPECT_TRUE(has_taken_all());
  expect_success(post("step-1/update")); // An engine may have been started again.
  EXPECT_EQ(updates(), 2u);
  expect_success(ask(verb::remove, "/v1/checkpoints/step-1"));
  expect_failure(post("step-1/update"), "not registered");
}

TEST_F(resident_reference_test, brings_it_to_the_engines_of_the_ranks_alone) {
  start();
  expect_success(post("a/files", {{"files", files_of(checkpoint_)}}));
  expect_success(post("a/gather-metas"));
  expect_success(post("a/update", {{"ranks", {1}}}));
  EXPECT_EQ(updates(), 1u);
  EXPECT_NE(served_version(), "a") << "rank 0 was spared";
  expect_success(post("a/update", {{"ranks", {0}}}));
  EXPECT_EQ(served_version(), "a");
  EXPECT_EQ(updates(), 1u);
  expect_failure(post("a/update", {{"ranks", {0, 2}}}), "there is no rank 2");
}

TEST_F(resident_reference_test, goes_on_with_an_update_whose_caller_does_not_wait) {
  start({"--resident-memory", "200MiB", "--read-limit", "6MiB"});
  expect_success(post("a/files", {{"files", files_of(checkpoint_)}}));
  expect_failure(post("a/update", {{"timeout", 0.01}}), "goes on");
  const auto is_over = [&] {
    return json::parse(ask(verb::get, "/v1/updates").body).at(0).at("state") == "updated";
  };
  EXPECT_TRUE(eventually(is_over, patience));
  EXPECT_EQ(served_version(), "a");
}

TEST_F(resident_reference_test, leaves_updates_of_others_alone) {
  start();
  ASSERT_EQ(publish(checkpoint_, "a", {"--prepare", "--wait"}), 0) << said_;
  const auto theirs = id();
  auto files = files_of(checkpoint_);
  files.pop_back();
  expect_success(post("a/files", {{"files", files}}));
  expect_failure(post("a/gather-metas"), "is not registered");
  EXPECT_EQ(ask_node("commit", {theirs, "--wait"}), 0) << said_;
  EXPECT_EQ(served_version(), "a");
}

TEST_F(resident_reference_test, takes_no_part_of_an_engine) {
  start_serving(expected_, "sglang", {"--workers", "2"});
  node_arguments_ = {"--inference-parallel-size", "2"};
  start_service();
  expect_success(post("a/files", {{"files", files_of(checkpoint_)}}));
  expect_failure(post("a/update", {{"ranks", {1}}}), "an engine has ranks 0 to 1");
  expect_success(post("a/update", {{"ranks", {1, 0}}}));
  EXPECT_EQ(served_version(), "a");
}

TEST_F(resident_reference_test, pushes_nothing_but_the_files_that_are_registered) {
  start();
  auto files = files_of(checkpoint_);
  files.pop_back();
  expect_success(post("part/files", {{"files", files}}));
  for (const auto* const call : {"part/gather-metas", "part/update"})
    expect_failure(post(call), "belongs to the checkpoint, and is not registered");
  const auto stray = scratch_.path() / "stray" / "model.safetensors";
  fs::create_directory(stray.parent_path());
  fs::copy_file(files.front().as_string().c_str(), stray);
  expect_failure(post("part/files", {{"files", json::array{stray.string()}}}), "one directory");
  const auto pickle = (checkpoint_ / "model.bin").string();
  std::ofstream{pickle} << "cos\nsystem\n(S'true'\ntR.";
  expect_failure(post("pickle/files", {{"files", json::array{pickle}}}), "pickled");
  expect_failure(post("pickle/update"), "not registered");
  expect_failure(post("nothing/gather-metas"), "not registered");
  EXPECT_EQ(updates(), 0u);
}

TEST_F(resident_reference_test, reads_a_name_anew_that_is_registered_anew) {
  start();
  expect_success(post("a/files", {{"files", files_of(checkpoint_)}}));
  expect_success(post("a/update"));
  expect_success(ask(verb::remove, "/v1/checkpoints/a")); // Engines serve it: that is no failure here.
  expect_success(ask(verb::remove, "/v1/checkpoints/a"));
  for (const auto& file : files_of(checkpoint_)) { // Other content, which the engine does not expect.
    std::fstream content{file.as_string().c_str(), std::ios::in | std::ios::out | std::ios::binary};
    content.seekp(-1, std::ios::end);
    content.put('\x7f');
  }
  expect_success(post("a/files", {{"files", files_of(checkpoint_)}}));
  expect_failure(post("a/update"), "http://");
}

TEST_F(resident_reference_test, says_what_is_wrong_with_a_request) {
  start();
  EXPECT_EQ(post("a/files", {{"files", {1}}}).status, 400u);
  EXPECT_EQ(post("a/files", {{"files", {"model.safetensors"}}}).status, 400u);
  EXPECT_EQ(post("a/update", {{"ranks", {-1}}}).status, 400u);
  EXPECT_EQ(post("a/update", {{"timeout", 0}}).status, 400u);
  EXPECT_EQ(post("a/no-such-call").status, 404u);
  EXPECT_EQ(ask(verb::get, "/v1/checkpoints/a/update").status, 405u);
  EXPECT_EQ(ask(verb::get, "/v1/checkpoints/a").status, 405u);
  expect_success(post("a/files", {{"files", files_of(checkpoint_)}}));
  expect_failure(post("a/update", {{"update_url", "http://127.0.0.1:9/collective_rpc"}}),
                 "is no engine of this node");
  expect_success(post("b/files", {{"files", {"/nowhere/model.safetensors"}}}));
  expect_failure(post("b/gather-metas"), "/nowhere/model.safetensors");
}

TEST_F(resident_reference_test, knows_the_methods_of_an_update) {
  start();
  EXPECT_EQ(publish(checkpoint_, "v1", {"--method", "p2p"}), 2) << "to which engines?";
  EXPECT_EQ(publish(checkpoint_, "v1", {"--method", "p2p", "--engine", first_}), 2);
  EXPECT_THAT(said_, HasSubstr("not in memory"));
  EXPECT_EQ(publish(checkpoint_, "v1", {"--method", "all"}), 2);
  EXPECT_THAT(said_, HasSubstr("--save-metas-file"));
  ASSERT_EQ(publish(checkpoint_, "v1", {"--method", "broadcast", "--engine", endpoint_, "--wait"}), 0)
      << said_;
  fs::rename(checkpoint_, scratch_.path() / "elsewhere");
  ASSERT_EQ(publish(checkpoint_, "v1", {"--method", "p2p", "--engine", first_, "--wait"}), 0) << said_;
  EXPECT_TRUE(has_taken_all());
  EXPECT_EQ(updates(), 1u);
}

TEST_F(resident_reference_test, offers_a_version_to_hosts_that_join_with_method_all) {
  const auto metas = scratch_.path() / "metas.json";
  start({"--resident-memory", "200MiB", "--save-metas-file", metas});
  EXPECT_EQ(publish(checkpoint_, "v1", {"--method", "all", "--engine", first_}), 2);
  ASSERT_EQ(publish(checkpoint_, "v1", {"--method", "all", "--wait"}), 0) << said_;
  EXPECT_EQ(json::parse(read_file(metas)).at("weight_version"), "v1");
}

} // namespace
} // namespace ckpt::tests
