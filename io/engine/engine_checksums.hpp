// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// The checksums that an engine gives of the parameters that it holds, worker by worker, and how two such sets
// are compared. An engine computes them in a way of its own: only those of the same kind of engine, with
// equally many workers, can be compared.
//
// Whoever compares needs one side in full, for the names. Of the other it needs one number for each
// parameter: that is what travels between hosts. Pure; any thread.

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include <boost/json/value.hpp>

namespace ckpt::io {

/// Of one worker: a parameter's name and its checksum in the engine's own notation.
using rank_checksums = std::map<std::string, std::string, std::less<>>;

/// Of all workers of an engine, by rank.
using engine_checksums = std::vector<rank_checksums>;

/// One number for each parameter, made of its name and its checksum, in the order of the names.
using rank_digest = std::vector<std::uint64_t>;
using engine_digest = std::vector<rank_digest>;

/// The names and checksums in `{name: text, …}`. Throws std::invalid_argument that says what is wrong, also
/// when there is nothing in it.
[[nodiscard]] rank_checksums read_rank_checksums(const boost::json::value& object);

/// What SGLang answers: `{"ranks": [{"checksums": {name: text}, "parallelism_info": [{"rank": 0}]}]}`. A
/// worker may be there twice if it says the same. Throws std::invalid_argument when something is of another
/// form, or when the workers are not `rank_count`.
[[nodiscard]] engine_checksums read_engine_checksums(const boost::json::value& answer,
                                                     std::size_t rank_count);

[[nodiscard]] engine_digest digest(const engine_checksums& checksums);

/// Of all ranks together.
[[nodiscard]] std::size_t count_parameters(const engine_checksums& checksums);

/// "rank 1: a, b and 12 more": the parameters of `expected` that `found` does not have, or has with another
/// checksum, and how many it has beside them. Empty when both are the same.
[[nodiscard]] std::string describe_difference(const engine_checksums& expected, const engine_digest& found);

/// "rank 0: …; rank 3: …; and 2 more ranks": what there is to say of a few ranks.
class rank_remarks {
public:
  void add(std::size_t rank, const std::string& what);
  [[nodiscard]] std::string text() const;

private:
  std::string text_;
  std::size_t count_ = 0;
};

} // namespace ckpt::io
