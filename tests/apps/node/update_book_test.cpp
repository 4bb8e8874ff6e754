// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

// What a resident node remembers of the updates that it was asked for.

#include "apps/node/service/update_book.hpp"

#include <gtest/gtest.h>

namespace ckpt::apps {
namespace {

namespace json = boost::json;

class update_book_test : public testing::Test {
protected:
  update_book_test() {
    book_.on_change([] {});
  }

  /// An update from the request to this report; returns its id.
  std::string update(const std::string& version, const json::object& report) {
    const auto id = begin(version);
    book_.end(id, update_state::updated, {}, report);
    return id;
  }

  std::string begin(const std::string& version) {
    update_request asked;
    asked.version = version;
    asked.checkpoint_path = "/checkpoints/" + version;
    const auto filed = book_.file(asked, {});
    EXPECT_TRUE(filed.is_new);
    EXPECT_TRUE(book_.take_work());
    return filed.id;
  }

  [[nodiscard]] json::value report_on(const std::string& id) const {
    return book_.describe(id).value().at("report");
  }

  update_book book_;
};

TEST_F(update_book_test, keeps_the_checksums_of_the_last_updates_only) {
  const auto proved = json::parse(R"({"engines": [
      {"outcome": "updated", "proof": {"seconds": 1.5, "checksums": [{"model.norm.weight": "c0ffee"}]}},
      {"outcome": "spared", "proof": null}]})")
                          .as_object();
  auto rolled_back = proved;
  rolled_back["rollback"] = proved;
  const auto first = update("v0", rolled_back);
  EXPECT_EQ(report_on(first), rolled_back);
  std::string last;
  for (int number = 1; number < 20; ++number)
    last = update("v" + std::to_string(number), proved);
  EXPECT_EQ(report_on(last), proved);
  const auto report = report_on(first);
  for (const auto& one : {report, report.at("rollback")}) {
    EXPECT_EQ(one.at("engines").at(0).at("outcome"), "updated");
    EXPECT_EQ(one.at("engines").at(0).at("proof").at("seconds"), 1.5);
    EXPECT_TRUE(one.at("engines").at(0).at("proof").at("checksums").is_null());
  }
}

TEST_F(update_book_test, keeps_what_is_known_of_an_update_that_was_asked_for_long_before_its_end) {
  const json::object report{{"engines", json::array{}}};
  const auto first = begin("v0");
  for (int number = 1; number < 200; ++number)
    static_cast<void>(update("v" + std::to_string(number), report));
  book_.end(first, update_state::updated, {}, report, std::make_shared<const trace>());
  EXPECT_EQ(report_on(first), report);
  EXPECT_TRUE(book_.find_trace(first).recorded);
}

TEST_F(update_book_test, keeps_the_reports_of_the_last_updates_only) {
  const json::object report{{"engines", json::array{}}};
  const auto first = update("v0", report);
  for (int number = 1; number < 128; ++number)
    static_cast<void>(update("v" + std::to_string(number), report));
  EXPECT_EQ(report_on(first), report);
  const auto last = update("v128", report);
  EXPECT_TRUE(report_on(first).is_null());
  EXPECT_EQ(book_.describe(first)->at("state"), "updated");
  EXPECT_EQ(report_on(last), report);
}

} // namespace
} // namespace ckpt::apps
