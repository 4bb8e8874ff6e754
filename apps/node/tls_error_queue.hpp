// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// Keeps a stranger's failed handshake from ending other hosts' connections.
//
// OpenSSL wants the calling thread's error queue empty before every I/O call (man SSL_get_error). CAF 0.17.6
// does not see to that, and serves all connections from one thread: what a peer with a wrong certificate left
// in the queue is then taken for an error of the next sound connection that merely has nothing to read. So
// the four calls that CAF makes go through this program's own, which empty the queue first.

namespace ckpt::apps {

/// Does nothing but bring these calls into the program that uses TLS.
void link_tls_error_queue() noexcept;

} // namespace ckpt::apps
