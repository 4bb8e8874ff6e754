// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// A resident node, ckpt-actor-node serve, that updates ckpt-sink and is asked by the program's own shell
// commands.

#include "tests/apps/node/serving_fixture.hpp"

#include <memory>
#include <string>

#include <boost/json.hpp>

namespace ckpt::tests {

class service_test : public serving_test {
protected:
  /// Ends the node in order: one that is killed leaves marks, which a later engine at the same port would be
  /// taken for.
  void TearDown() override;

  /// Starts the node and waits until it listens.
  void start_service(const arguments& more = {});

  /// Runs one of the program's commands to its end; what it printed is in answer_. Returns the exit status.
  int ask_node(const std::string& command, const arguments& more = {});

  int publish(const std::filesystem::path& checkpoint, const std::string& version,
              const arguments& more = {"--wait"});

  /// What the last command printed.
  [[nodiscard]] boost::json::value answer() const;

  /// Of the last answer, which describes an update.
  [[nodiscard]] std::string state() const;
  [[nodiscard]] std::string id() const;

  /// True once the node has printed this; its log is written by a thread of its own.
  [[nodiscard]] bool has_said(const std::string& text) const;

  /// The version that the engine says it serves.
  [[nodiscard]] std::string served_version() const;

  std::filesystem::path socket_ = scratch_.path() / "node.sock";
  std::unique_ptr<program> node_;
  std::string answer_;
  std::string said_; ///< on standard error
};

} // namespace ckpt::tests
