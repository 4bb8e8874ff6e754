// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

#include "actors/error.hpp"

#include "io/error.hpp"

#include <stdexcept>
#include <system_error>

namespace ckpt::actors {

const char* name(ec code) noexcept {
  switch (code) {
  case ec::none:
    return "none";
  case ec::unspecified:
    return "unspecified";
  case ec::usage:
    return "usage";
  case ec::checkpoint_invalid:
    return "checkpoint_invalid";
  case ec::engine_failed:
    return "engine_failed";
  case ec::host_lost:
    return "host_lost";
  case ec::host_disagrees:
    return "host_disagrees";
  case ec::timed_out:
    return "timed_out";
  case ec::interrupted:
    return "interrupted";
  }
  return "unspecified";
}

int exit_status(ec code) noexcept {
  switch (code) {
  case ec::none:
    return 0;
  case ec::usage:
    return 2;
  case ec::checkpoint_invalid:
    return 3;
  case ec::engine_failed:
    return 4;
  case ec::host_lost:
  case ec::host_disagrees:
    return 5;
  case ec::timed_out:
    return 6;
  case ec::unspecified:
  case ec::interrupted:
    break;
  }
  return 1;
}

cause to_cause(const std::exception& error, ec otherwise) {
  if (dynamic_cast<const io::checkpoint_error*>(&error) != nullptr)
    return {ec::checkpoint_invalid, error.what()};
  if (dynamic_cast<const std::invalid_argument*>(&error) != nullptr)
    return {ec::usage, error.what()};
  const auto* system = dynamic_cast<const std::system_error*>(&error);
  if (system != nullptr && system->code() == std::errc::timed_out)
    return {ec::timed_out, error.what()};
  return {otherwise, error.what()};
}

} // namespace ckpt::actors
