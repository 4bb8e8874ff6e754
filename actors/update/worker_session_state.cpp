// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

#include "actors/update/worker_session.hpp"

namespace ckpt::actors {

bool worker_session_state::waits_for_worker() const {
  return at == step::opening || at == step::listing || at == step::releasing || at == step::signing_off
         || at == step::hooking || at == step::aborting;
}

std::string worker_session_state::doing() const {
  switch (at) {
  case step::idle:
    return "before it was needed";
  case step::opening:
    return "while it opened the buffer";
  case step::ready:
    return "between two buckets";
  case step::listing:
    return "while it loaded bucket " + std::to_string(listed + 1) + " of "
           + std::to_string(context->bucket_count());
  case step::releasing:
  case step::signing_off:
    return "while it let go of the buffer";
  case step::hooking:
    return "in its post-processing";
  case step::aborting:
  case step::over:
    break;
  }
  return "after the update";
}

std::string worker_session_state::why_nobody_came() const {
  if (const auto refused = channel->refused(); !refused.empty())
    return "; " + refused + " did, and was not let in: run the node as that user, or as root";
  if (context->options.engine == io::engine_kind::sglang && context->options.pause == io::pause_mode::none)
    return ": its engine may be waiting for running requests to end (--pause makes them wait)";
  return {};
}

} // namespace ckpt::actors
