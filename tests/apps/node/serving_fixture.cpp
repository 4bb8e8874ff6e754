// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

#include "tests/apps/node/serving_fixture.hpp"

namespace ckpt::tests {

void serving_test::start_serving(const std::filesystem::path& checkpoint, const std::string& kind,
                                 const arguments& more) {
  kind_ = kind;
  arguments flags{"--engine", kind, "--readiness", "serving", "--report", scratch_.path() / "engine.json"};
  flags.insert(flags.end(), more.begin(), more.end());
  start_engine(checkpoint, flags);
  node_arguments_.insert(node_arguments_.end(), {"--engine", kind});
}

http_client serving_test::generation(double seconds) const {
  return {endpoint_, kind_ == "vllm" ? "/v1/completions" : "/generate",
          R"({"text": "a", "seconds": )" + std::to_string(seconds) + "}"};
}

http_client serving_test::running_generation(double seconds) const {
  auto request = generation(seconds);
  EXPECT_TRUE(eventually([&] { return ask(endpoint_, "/flush_cache", "{}") == 400; }, patience));
  return request;
}

bool serving_test::serves() const { return is_complete(generation(0).answer(patience)); }

bool serving_test::becomes_paused() const {
  // Requests in the queue do not use the cache.
  return eventually([&] { return ask(endpoint_, "/flush_cache", "{}") == 200; }, patience);
}

boost::json::object serving_test::last_update() const {
  const auto updates = read_report(scratch_.path() / "engine.json").at("updates").as_array();
  return updates.empty() ? boost::json::object{} : updates.back().as_object();
}

bool serving_test::has_taken_all() const {
  const auto update = last_update();
  const auto* verified = update.if_contains("verified");
  return verified != nullptr && *verified == true && update.at("success") == true;
}

boost::json::object serving_test::engine_report() const { return report().at("engines").at(0).as_object(); }

std::string serving_test::some_parameter() const {
  const auto ranks = engine_report().at("proof").at("checksums").as_array();
  for (const auto& [name, checksum] : ranks.at(0).as_object())
    if (!name.starts_with("edge."))
      return name;
  ADD_FAILURE() << "there is none";
  return {};
}

bool is_complete(const std::optional<http_answer>& answer) {
  return answer && answer->status == 200 && answer->body.find("\"length\"") != std::string::npos;
}

} // namespace ckpt::tests
