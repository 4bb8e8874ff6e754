// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// The PEM files with which hosts prove themselves to each other.

#include <string>

namespace ckpt::actors {

struct tls_identity {
  std::string ca; ///< the certificate of the authority that all hosts trust
  std::string cert;
  std::string key;
};

} // namespace ckpt::actors
