// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// Tells the service manager that started this process how it stands: systemd's notification protocol (sd_notify(3)), one
// datagram to the socket that $NOTIFY_SOCKET names. Nothing where there is none.

#include <string_view>

namespace ckpt::apps {

/// `state`: lines such as "READY=1". An answer is not expected, and a manager that does not read is not waited for.
void tell_service_manager(std::string_view state) noexcept;

} // namespace ckpt::apps
