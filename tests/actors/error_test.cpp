// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

#include "actors/error.hpp"

#include "io/error.hpp"

#include <cerrno>
#include <stdexcept>

#include <gtest/gtest.h>

namespace ckpt::actors {
namespace {

TEST(error, has_the_exit_status_that_scripts_rely_on) {
  EXPECT_EQ(exit_status(ec::none), 0);
  EXPECT_EQ(exit_status(ec::unspecified), 1);
  EXPECT_EQ(exit_status(ec::interrupted), 1);
  EXPECT_EQ(exit_status(ec::usage), 2);
  EXPECT_EQ(exit_status(ec::checkpoint_invalid), 3);
  EXPECT_EQ(exit_status(ec::engine_failed), 4);
  EXPECT_EQ(exit_status(ec::host_lost), 5);
  EXPECT_EQ(exit_status(ec::timed_out), 6);
}

TEST(error, keeps_the_message_and_judges_exceptions_by_their_type) {
  const auto broken = to_cause(io::checkpoint_error{"a.safetensors", "w", "is odd"});
  EXPECT_EQ(broken.code, ec::checkpoint_invalid);
  EXPECT_EQ(broken.what, "a.safetensors: tensor \"w\": is odd");
  EXPECT_EQ(to_cause(std::invalid_argument{"x"}).code, ec::usage);
  EXPECT_EQ(to_cause(io::system_failure(EIO, "read", "f"), ec::checkpoint_invalid).code,
            ec::checkpoint_invalid);
  EXPECT_EQ(to_cause(io::system_failure(ETIMEDOUT, "read", "f"), ec::checkpoint_invalid).code, ec::timed_out);
  EXPECT_EQ(to_cause(io::system_failure(ENOMEM, "mmap", "slabs")).code, ec::unspecified);
}

} // namespace
} // namespace ckpt::actors
