// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

#include "apps/node/earlier_report.hpp"

#include "io/engine/engine_answers.hpp"

#include <cerrno>
#include <cstdint>
#include <fstream>
#include <stdexcept>
#include <string>
#include <system_error>

#include <boost/json.hpp>

namespace ckpt::apps {
namespace {

namespace json = boost::json;
using io::member;

/// Far more than the checksums of a host's engines take.
constexpr std::uint64_t report_bytes_max = 2ull << 30;

constexpr std::size_t report_depth_max = 32;

[[nodiscard]] json::value parse(const std::filesystem::path& path) {
  std::error_code failure;
  if (const auto bytes = std::filesystem::file_size(path, failure); failure)
    throw std::invalid_argument{"cannot be read: " + failure.message()};
  else if (bytes > report_bytes_max)
    throw std::invalid_argument{"is too long for a report"};
  std::ifstream file{path};
  if (!file)
    throw std::invalid_argument{"cannot be read: " + std::generic_category().message(errno)};
  json::parse_options options;
  options.max_depth = report_depth_max;
  json::stream_parser parser{{}, options};
  json::error_code error;
  std::string part(1 << 20, '\0');
  while (file && !error) {
    file.read(part.data(), static_cast<std::streamsize>(part.size()));
    parser.write(part.data(), static_cast<std::size_t>(file.gcount()), error);
  }
  if (!error)
    parser.finish(error);
  if (error)
    throw std::invalid_argument{"is no JSON: " + error.message()};
  return parser.release();
}

/// The checksums in the report on one engine; null when it has none.
[[nodiscard]] const json::array* checksums_of(const json::value& engine) {
  const auto* proof = member(engine, "proof");
  const auto* checksums = proof == nullptr ? nullptr : member(*proof, "checksums");
  return checksums == nullptr ? nullptr : checksums->if_array();
}

[[nodiscard]] const json::array& find_checksums(const json::value& report) {
  const auto* listed = member(report, "engines");
  const auto* engines = listed == nullptr ? nullptr : listed->if_array();
  if (engines == nullptr)
    throw std::invalid_argument{"is no report of ckpt-actor-node"};
  for (const auto& engine : *engines)
    if (const auto* checksums = checksums_of(engine))
      return *checksums;
  throw std::invalid_argument{
      "has no checksums: that update ran without --prove, or its engines could not tell "
      "them"};
}

[[nodiscard]] io::engine_checksums read(const json::value& report, io::engine_kind engine,
                                        std::size_t rank_count) {
  const auto& ranks = find_checksums(report);
  const auto* outcome = member(report, "outcome");
  if (outcome == nullptr || *outcome != "updated")
    throw std::invalid_argument{"is of an update that failed"};
  const auto* kind = member(report, "engine");
  if (kind == nullptr || *kind != json::value(std::string{io::name(engine)}))
    throw std::invalid_argument{"is of another kind of engine than " + std::string{io::name(engine)}};
  if (ranks.size() != rank_count)
    throw std::invalid_argument{"is of engines with " + std::to_string(ranks.size()) + " worker(s), not "
                                + std::to_string(rank_count)};
  io::engine_checksums checksums;
  for (const auto& rank : ranks)
    checksums.push_back(io::read_rank_checksums(rank));
  return checksums;
}

} // namespace

io::engine_checksums read_earlier_checksums(const std::filesystem::path& report, io::engine_kind engine,
                                            std::size_t rank_count) {
  try {
    return read(parse(report), engine, rank_count);
  } catch (const std::exception& error) {
    throw std::invalid_argument{"--prove-against " + report.string() + ": " + error.what()};
  }
}

} // namespace ckpt::apps
