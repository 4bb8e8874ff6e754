// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// Tells the service manager that started this process its state: systemd's notification protocol (sd_notify(3)), one
// datagram to the socket that $NOTIFY_SOCKET names. Does nothing without that variable.

#include <string_view>

namespace ckpt::apps {

/// `state`: lines such as "READY=1". Expects no answer, and does not wait for a manager that does not read.
void tell_service_manager(std::string_view state) noexcept;

} // namespace ckpt::apps
