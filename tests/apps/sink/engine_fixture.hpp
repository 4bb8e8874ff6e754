// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// What tests of the engine over real connections share.

#include "apps/sink/engine.hpp"
#include "io/engine/pickle_writer.hpp"
#include "tests/apps/sink/harness.hpp"

#include <chrono>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace ckpt::apps::sink {

class engine_test : public testing::Test {
protected:
  /// Options of a sink that verifies and commits these faults.
  [[nodiscard]] sink_options options(io::engine_kind engine,
                                     const std::vector<std::string>& faults = {}) const {
    sink_options result;
    result.engine = engine;
    result.verify_path = source_.path();
    result.faults = parse_faults(faults);
    return result;
  }

  [[nodiscard]] sink_options sglang(const std::vector<std::string>& faults = {}) const {
    return options(io::engine_kind::sglang, faults);
  }

  /// A whole good update; the answer to its request.
  [[nodiscard]] tests::http_result update(const tests::running_sink& sink,
                                          const std::string& version = "v1") {
    tests::hand_pusher pusher;
    auto answered = sink.start_update({&pusher}, version);
    EXPECT_THAT(tests::push_all(pusher, source_), testing::Each(testing::IsEmpty()));
    return answered.get();
  }

  /// Like update(), again and again for as long as it is refused: the sink learns a little later than the
  /// test that the last pusher is gone. The status of the last answer.
  [[nodiscard]] unsigned update_when_free(const tests::running_sink& sink) {
    auto status = 400U;
    const auto end = std::chrono::steady_clock::now() + tests::patience;
    while (status == 400U && std::chrono::steady_clock::now() < end) {
      tests::hand_pusher pusher;
      auto answered = sink.start_update({&pusher});
      while (!pusher.connected()
             && answered.wait_for(std::chrono::milliseconds{20}) == std::future_status::timeout) {
      }
      if (pusher.connected()) {
        EXPECT_THAT(tests::push_all(pusher, source_), testing::Each(testing::IsEmpty()));
      }
      status = answered.get().response.status;
    }
    return status;
  }

  std::string handle() const { return io::pickle_file_handle(source_.buffer_path(), source_.buffer_bytes()); }

  tests::sample_checkpoint source_;
};

} // namespace ckpt::apps::sink
