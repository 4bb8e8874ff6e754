// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

// When SGLang calls itself ready, by version and by how it was started.

#include "tests/apps/sink/engine_fixture.hpp"

namespace ckpt::apps::sink {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using tests::running_sink;
using namespace std::chrono_literals;

class engine_readiness_test : public engine_test {
protected:
  [[nodiscard]] sink_options ready(readiness when) const {
    auto wanted = sglang();
    wanted.ready = when;
    return wanted;
  }

  static unsigned status(const running_sink& sink, const std::string& target) {
    return sink.get(target).response.status;
  }
};

TEST_F(engine_readiness_test, pings_fail_until_the_first_weights_are_in) {
  const running_sink sink{ready(readiness::waits)};
  EXPECT_EQ(status(sink, "/ping"), 503U);
  EXPECT_EQ(status(sink, "/health"), 503U);
  EXPECT_EQ(status(sink, "/model_info"), 200U);
  EXPECT_EQ(status(sink, "/get_model_info"), 200U);
  EXPECT_EQ(update(sink).response.status, 200U);
  EXPECT_EQ(status(sink, "/ping"), 200U);
  EXPECT_EQ(status(sink, "/health"), 200U);
}

TEST_F(engine_readiness_test, is_not_ready_before_the_first_weights_nor_while_it_is_paused) {
  const running_sink sink{ready(readiness::pings_at_once)};
  EXPECT_EQ(status(sink, "/ready"), 503U);
  EXPECT_EQ(update(sink).response.status, 200U);
  EXPECT_EQ(status(sink, "/ready"), 200U);
  EXPECT_EQ(sink.post("/pause_generation").response.status, 200U);
  EXPECT_EQ(status(sink, "/ready"), 503U);
  EXPECT_EQ(sink.post("/continue_generation").response.status, 200U);
  EXPECT_EQ(status(sink, "/ready"), 200U);
}

TEST_F(engine_readiness_test, a_failed_update_does_not_make_it_ready) {
  auto wanted = ready(readiness::waits);
  wanted.faults = parse_faults(std::vector<std::string>{"http-status-after:500"});
  const running_sink sink{wanted};
  EXPECT_EQ(update(sink).response.status, 500U);
  EXPECT_EQ(status(sink, "/ping"), 503U);
}

TEST_F(engine_readiness_test, old_versions_ping_at_once_and_lack_the_new_routes) {
  const running_sink sink{ready(readiness::old)};
  EXPECT_EQ(status(sink, "/ping"), 200U);
  EXPECT_EQ(status(sink, "/health"), 503U);
  EXPECT_EQ(status(sink, "/model_info"), 404U);
  EXPECT_EQ(status(sink, "/server_info"), 404U);
  EXPECT_EQ(status(sink, "/ready"), 404U);
  EXPECT_EQ(status(sink, "/get_model_info"), 200U);
  EXPECT_EQ(status(sink, "/get_server_info"), 200U);
}

TEST_F(engine_readiness_test, is_ready_at_once_when_started_with_weights) {
  const running_sink sink{ready(readiness::serves)};
  EXPECT_EQ(status(sink, "/ping"), 200U);
  EXPECT_EQ(status(sink, "/health"), 200U);
  EXPECT_THAT(sink.get("/server_info").response.body, HasSubstr(R"("load_format":"auto")"));
}

TEST_F(engine_readiness_test, goes_on_with_dummy_weights_when_it_has_waited_long_enough) {
  auto wanted = ready(readiness::waits);
  wanted.dummy_after = 0ms;
  const running_sink sink{wanted};
  EXPECT_EQ(status(sink, "/ping"), 200U);
  EXPECT_EQ(status(sink, "/health"), 200U);
  EXPECT_THAT(sink.get("/model_info").response.body, HasSubstr(R"("weight_version":"default")"));
  EXPECT_THAT(sink.get("/server_info").response.body, HasSubstr(R"("load_format":"dummy")"));
  EXPECT_EQ(update(sink, "v1").response.status, 200U);
  EXPECT_THAT(sink.get("/model_info").response.body, HasSubstr(R"("weight_version":"v1")"));
  EXPECT_THAT(sink.get("/server_info").response.body, // How it was started does not change.
              HasSubstr(R"("load_format":"dummy")"));
}

TEST_F(engine_readiness_test, does_not_go_on_before) {
  auto wanted = ready(readiness::waits);
  wanted.dummy_after = 1h;
  const running_sink sink{wanted};
  EXPECT_EQ(status(sink, "/ping"), 503U);
  EXPECT_EQ(status(sink, "/health"), 503U);
}

} // namespace
} // namespace ckpt::apps::sink
