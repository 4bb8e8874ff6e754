// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

#include "apps/sink/worker_pipe.hpp"

#include <stdexcept>

#include <boost/json.hpp>

namespace ckpt::apps::sink {
namespace {

namespace json = boost::json;

json::object describe_line(const worker_order& order) {
  return {{"device", order.device}, {"address", order.address}, {"faulty", order.faulty}};
}
json::object describe_line(const freeze_order&) { return {{"freeze", true}}; }
json::object describe_line(const order_taken&) { return {{"taken", true}}; }
json::object describe_line(const list_news& news) { return {{"lists", news.lists}}; }
json::object describe_line(const worker_outcome& outcome) { return {{"outcome", describe(outcome)}}; }

} // namespace

std::string write_line(const worker_line& line) {
  return std::visit([](const auto& what) { return json::serialize(describe_line(what)); }, line) + "\n";
}

worker_line read_line(std::string_view text) {
  try {
    const auto parsed = json::parse(text);
    const auto& line = parsed.as_object();
    if (const auto* outcome = line.if_contains("outcome"))
      return read_worker_outcome(outcome->as_object());
    if (const auto* lists = line.if_contains("lists"))
      return list_news{lists->to_number<std::uint64_t>()};
    if (line.contains("freeze"))
      return freeze_order{};
    if (line.contains("taken"))
      return order_taken{};
    return worker_order{line.at("device").as_string().c_str(), line.at("address").as_string().c_str(),
                        line.at("faulty").as_bool()};
  } catch (const std::exception& error) {
    throw std::runtime_error{std::string{"a line between sink and worker makes no sense: "} + error.what()};
  }
}

} // namespace ckpt::apps::sink
