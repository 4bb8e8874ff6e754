// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

// What workers keep (--consume hold), and the checksums that SGLang's route tells of it.

#include "tests/apps/sink/engine_fixture.hpp"

#include <boost/json.hpp>

namespace ckpt::apps::sink {
namespace {

using tests::running_sink;
namespace json = boost::json;

class held_weights_test : public engine_test {
protected:
  [[nodiscard]] sink_options holding(const std::vector<std::string>& faults = {}) const {
    auto wanted = sglang(faults);
    wanted.consume = consumption::hold;
    return wanted;
  }

  static unsigned check(const running_sink& sink, const std::string& action) {
    return sink.post("/weights_checker", R"({"action": ")" + action + "\"}").response.status;
  }

  /// Of the first worker.
  static json::object checksums(const running_sink& sink) {
    const auto answer = sink.post("/weights_checker", R"({"action": "checksum"})").response;
    EXPECT_EQ(answer.status, 200U) << answer.body;
    return json::parse(answer.body).at("ranks").at(0).at("checksums").as_object();
  }
};

TEST_F(held_weights_test, have_checksums_only_where_they_are_held) {
  const running_sink forgetful{sglang()};
  EXPECT_EQ(check(forgetful, "checksum"), 404U);
  const running_sink sink{holding()};
  EXPECT_TRUE(checksums(sink).empty());
  EXPECT_EQ(update(sink).response.status, 200U);
  EXPECT_FALSE(checksums(sink).empty());
  EXPECT_EQ(check(sink, "compare"), 400U);
  EXPECT_EQ(sink.post("/weights_checker", "[").response.status, 400U);
}

TEST_F(held_weights_test, are_those_of_the_checkpoint_after_an_update_and_after_a_start_with_it) {
  const running_sink sink{holding()};
  EXPECT_EQ(update(sink).response.status, 200U);
  const auto taken = checksums(sink);
  auto with_weights = holding();
  with_weights.ready = readiness::serves;
  const running_sink serving{with_weights};
  EXPECT_EQ(checksums(serving), taken);
}

TEST_F(held_weights_test, are_others_once_they_are_overwritten_and_come_back_with_an_update) {
  const running_sink sink{holding()};
  EXPECT_EQ(update(sink).response.status, 200U);
  const auto taken = checksums(sink);
  EXPECT_EQ(check(sink, "reset_tensors"), 200U);
  EXPECT_NE(checksums(sink), taken);
  EXPECT_EQ(update(sink).response.status, 200U);
  EXPECT_EQ(checksums(sink), taken);
}

TEST_F(held_weights_test, miss_the_tensor_that_a_fault_loses_although_the_update_is_good) {
  const running_sink whole{holding()};
  EXPECT_EQ(update(whole).response.status, 200U);
  auto expected = checksums(whole);
  const std::string lost{expected.begin()->key()};
  const running_sink sink{holding({"loses:" + lost})};
  EXPECT_EQ(update(sink).response.status, 200U);
  expected.erase(lost);
  EXPECT_EQ(checksums(sink), expected);
}

TEST_F(held_weights_test, are_not_told_by_a_checker_that_fails) {
  const running_sink sink{holding({"weights-checker-fails"})};
  EXPECT_EQ(check(sink, "checksum"), 400U);
}

} // namespace
} // namespace ckpt::apps::sink
