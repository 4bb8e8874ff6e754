// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// The outcome of an update, for programs and for people. The format of the first is described in the README.

#include "actors/update/update.hpp"
#include "actors/update/verdict.hpp"

#include <string>

#include <boost/json.hpp>

namespace ckpt::apps {

/// Everything that is known, as valid UTF-8 even where names of files and hosts are not.
[[nodiscard]] boost::json::object report_of(const actors::update_verdict& verdict,
                                            const actors::update& update);

/// One line per engine and one for the whole, without a final line end.
[[nodiscard]] std::string summary_of(const actors::update_verdict& verdict, const actors::update& update);

/// A line for each stage: busy seconds, rate, share of the whole, and which one was the bottleneck. Without a final line
/// end; empty where nothing was done.
[[nodiscard]] std::string stages_table(const actors::update_verdict& verdict);

} // namespace ckpt::apps
