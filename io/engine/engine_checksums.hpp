// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// The checksums that an engine reports for its parameters, worker by worker, and how to compare two such
// sets. Each kind of engine has its own algorithm: compare only engines of the same kind with equally many
// workers.
//
// A comparison needs one side in full, for the names. Of the other side it needs one number for each
// parameter: only these travel between hosts. Pure; any thread.

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include <boost/json/value.hpp>

namespace ckpt::io {

/// One worker's checksums by parameter name, in the engine's own notation.
using rank_checksums = std::map<std::string, std::string, std::less<>>;

/// The checksums of all workers of an engine, by rank.
using engine_checksums = std::vector<rank_checksums>;

/// One number for each parameter, made of its name and its checksum, in the order of the names.
using rank_digest = std::vector<std::uint64_t>;
using engine_digest = std::vector<rank_digest>;

/// The names and checksums in `{name: text, …}`. Throws std::invalid_argument that says what is wrong, also
/// when there are none.
[[nodiscard]] rank_checksums read_rank_checksums(const boost::json::value& object);

/// Parses SGLang's answer: `{"ranks": [{"checksums": {name: text}, "parallelism_info": [{"rank": 0}]}]}`. A
/// worker may be there twice if both say the same. Throws std::invalid_argument when something has another
/// form, or when there are not `rank_count` workers.
[[nodiscard]] engine_checksums read_engine_checksums(const boost::json::value& answer,
                                                     std::size_t rank_count);

[[nodiscard]] engine_digest digest(const engine_checksums& checksums);

/// Summed over all ranks.
[[nodiscard]] std::size_t count_parameters(const engine_checksums& checksums);

/// "rank 1: a, b and 12 more": the parameters of `expected` that `found` lacks, or has with another checksum.
/// Also says when the numbers of ranks or of parameters differ. Empty when both are the same.
[[nodiscard]] std::string describe_difference(const engine_checksums& expected, const engine_digest& found);

/// "rank 0: …; rank 3: …; and 2 more ranks": collects remarks on ranks, and shows the first few.
class rank_remarks {
public:
  void add(std::size_t rank, const std::string& what);
  [[nodiscard]] std::string text() const;

private:
  std::string text_;
  std::size_t count_ = 0;
};

} // namespace ckpt::io
