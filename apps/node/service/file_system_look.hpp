// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// Asks the file system for something, and does not wait for it for ever: a mount may hang.

#include <functional>
#include <memory>
#include <optional>
#include <string>

namespace ckpt::apps {

class file_system_look {
public:
  /// What `look` returns, which runs on a thread of its own. Nothing when that takes more than two seconds, or while an
  /// earlier one still hangs. Throws what `look` throws.
  [[nodiscard]] std::optional<std::string> look(std::function<std::string()> look);

private:
  struct result;
  std::shared_ptr<result> hanging_;
};

} // namespace ckpt::apps
