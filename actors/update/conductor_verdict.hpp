// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// The conductor's verdict on its host: how far each engine came, and what each stage did.

#include "actors/update/conductor.hpp"

namespace ckpt::actors {

[[nodiscard]] host_verdict judge_host(const conductor_state& state);

} // namespace ckpt::actors
