// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

#include "tests/support/certificates.hpp"

#include "tests/support/program.hpp"

#include <gtest/gtest.h>

namespace ckpt::tests {

io::tls_files make_certificate(const std::filesystem::path& directory, const std::string& names) {
  program script{{CKPT_MAKE_CERTIFICATES, directory, names}, directory.string() + ".log"};
  EXPECT_EQ(script.wait(std::chrono::seconds{60}), 0) << script.output();
  const auto first = names.substr(0, names.find(','));
  return {directory / "ca.pem", directory / (first + ".pem"), directory / (first + ".key")};
}

} // namespace ckpt::tests
