// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

#include "tests/apps/node/service_fixture.hpp"

#include <csignal>
#include <sstream>

namespace ckpt::tests {

namespace json = boost::json;

void service_test::TearDown() {
  if (!node_)
    return;
  node_->send_signal(SIGTERM);
  EXPECT_EQ(node_->wait(patience), 0) << node_->output();
}

void service_test::start_service(const arguments& more) {
  arguments command{
      CKPT_ACTOR_NODE, "serve", "--device",     "host",    "--timeout",     "20",
      "--bucket-size", "4MiB",  "--chunk-size", "1MiB",    "--host-memory", "8MiB",
      "--stay-time",   "3",     "--endpoint",   endpoint_, "--listen",      "unix:" + socket_.string()};
  command.insert(command.end(), node_arguments_.begin(), node_arguments_.end());
  command.insert(command.end(), more.begin(), more.end());
  node_ = std::make_unique<program>(command, scratch_.path() / "node.log");
  ASSERT_TRUE(eventually([&] { return node_->output().find("listening at") != std::string::npos; }, patience))
      << node_->output();
}

int service_test::ask_node(const std::string& command, const arguments& more) {
  arguments all{CKPT_ACTOR_NODE, command, "--node", "unix:" + socket_.string()};
  all.insert(all.end(), more.begin(), more.end());
  program asking{all, scratch_.path() / "client.log"};
  const auto status = asking.wait(patience);
  EXPECT_TRUE(status.has_value()) << command << " hangs:\n" << node_->output();
  answer_.clear();
  said_.clear();
  std::istringstream lines{asking.output()};
  for (std::string line; std::getline(lines, line);)
    (line.starts_with('{') || line.starts_with('[') ? answer_ : said_) += line + "\n";
  return status.value_or(-1000);
}

int service_test::publish(const std::filesystem::path& checkpoint, const std::string& version,
                          const arguments& more) {
  arguments all{checkpoint, "--version", version};
  all.insert(all.end(), more.begin(), more.end());
  return ask_node("publish", all);
}

json::value service_test::answer() const {
  boost::system::error_code error;
  auto value = json::parse(answer_, error);
  EXPECT_FALSE(error) << answer_ << said_;
  return value;
}

std::string service_test::state() const { return std::string{answer().at("state").as_string()}; }

std::string service_test::id() const { return std::string{answer().at("id").as_string()}; }

bool service_test::has_said(const std::string& text) const {
  return eventually([&] { return node_->output().find(text) != std::string::npos; }, patience);
}

std::string service_test::served_version() const {
  const auto told = http_client{endpoint_, "/model_info"}.answer(patience);
  return told && told->status == 200 ? std::string{json::parse(told->body).at("weight_version").as_string()}
                                     : "";
}

} // namespace ckpt::tests
