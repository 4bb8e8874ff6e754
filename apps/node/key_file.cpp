// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

#include "apps/node/key_file.hpp"

#include <fstream>
#include <stdexcept>

namespace ckpt::apps {

std::string read_key_file(const std::string& flag, const std::string& path) {
  std::ifstream file{path};
  std::string key;
  if (!std::getline(file, key))
    throw std::invalid_argument{flag + " " + path + ": cannot be read, or is empty"};
  while (!key.empty() && (key.back() == '\r' || key.back() == ' ' || key.back() == '\t'))
    key.pop_back();
  if (key.empty())
    throw std::invalid_argument{flag + " " + path + ": the first line is empty"};
  return key;
}

} // namespace ckpt::apps
