// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// Who has sent the message that an actor handles now. Any host that is let in can send any message to an
// actor that it can reach, so actors ask before they obey. A message without a sender may be of anybody.

#include <caf/actor_control_block.hpp>

namespace ckpt::actors {

/// True for messages of this process. Other hosts must not send what is meant for it alone.
template <class Self>
[[nodiscard]] bool is_of_this_process(Self self) {
  return self->current_sender() != nullptr && self->current_sender()->node() == self->node();
}

/// True for messages of `who`, which may be null.
template <class Self, class Handle>
[[nodiscard]] bool is_from(Self self, const Handle& who) {
  return who && self->current_sender() != nullptr && self->current_sender()->address() == who.address();
}

} // namespace ckpt::actors
