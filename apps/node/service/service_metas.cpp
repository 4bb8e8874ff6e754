// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

// What a resident node tells hosts that want to join, and --save-metas-file: see service.hpp.

#include "apps/node/service/service.hpp"

#include <chrono>
#include <exception>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <stop_token>
#include <string>

#include <spdlog/spdlog.h>

namespace ckpt::apps {
namespace {

/// For a write of --save-metas-file. Longer than a report_file waits for the reader of a pipe.
constexpr auto metas_file_wait = std::chrono::seconds{15};

/// True, or an exception. A file that cannot be written is removed: it leads to a version that is served no more.
bool bring_up_to_date(const report_file& file, const std::string& text) {
  if (text.empty()) {
    file.remove();
    return true;
  }
  try {
    file.write(text);
  } catch (const std::exception& unwritten) {
    try {
      file.remove();
    } catch (const std::exception& unremoved) {
      throw std::runtime_error{std::string{unwritten.what()}
                               + "; an old one may be there: " + unremoved.what()};
    }
    throw;
  }
  return true;
}

} // namespace

/// Engines serve another version now: the old metas are wrong. If the new version is not offered, the file is removed.
void service::keep(const std::optional<io::metas>& metas) {
  {
    const std::lock_guard lock{mutex_};
    metas_ = metas ? io::serialize(*metas) : std::string{};
  }
  const auto& file = options_.peers.save_metas_file;
  if (file && !metas)
    spdlog::warn("{}: hosts cannot join with this version: it is not offered", file->path().string());
  is_metas_file_old_ = file.has_value();
  if (!write_metas_file() && !signals_.has_come())
    spdlog::error("--save-metas-file: {}", no_answer_from(file->path()).what);
}

/// Writes or removes the file, if that is still to be done. False if the file system does not answer: then the service
/// tries again later, because the write that hangs may be of an older version. A signal ends the wait.
bool service::write_metas_file() {
  if (!is_metas_file_old_)
    return true;
  std::stop_source ending;
  const signal_watch watch{signals_, [&] { ending.request_stop(); }};
  try {
    const auto answer = metas_file_.look(
        [file = *options_.peers.save_metas_file, text = metas()] { return bring_up_to_date(file, text); },
        metas_file_wait, ending.get_token());
    is_metas_file_old_ = !answer;
  } catch (const std::exception& error) {
    spdlog::error("--save-metas-file: {}", error.what());
    is_metas_file_old_ = false;
  }
  return !is_metas_file_old_;
}

std::string service::metas() const {
  const std::lock_guard lock{mutex_};
  return metas_;
}

} // namespace ckpt::apps
