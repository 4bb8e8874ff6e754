// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

#include "apps/sink/worker_outcome.hpp"

#include <boost/json.hpp>

namespace ckpt::apps::sink {

namespace json = boost::json;

json::object describe(const worker_outcome& worker) {
  return {{"device", worker.device},
          {"error", worker.error},
          {"hidden_error", worker.hidden_error},
          {"lists", worker.lists},
          {"tensors", worker.tensors},
          {"bytes", worker.bytes},
          {"busy_seconds", worker.busy_seconds},
          {"verified", worker.verified ? json::value(*worker.verified) : json::value(nullptr)}};
}

worker_outcome read_worker_outcome(const json::object& described) {
  worker_outcome worker;
  worker.device = described.at("device").as_string().c_str();
  worker.error = described.at("error").as_string().c_str();
  worker.hidden_error = described.at("hidden_error").as_string().c_str();
  worker.lists = described.at("lists").to_number<std::uint64_t>();
  worker.tensors = described.at("tensors").to_number<std::uint64_t>();
  worker.bytes = described.at("bytes").to_number<std::uint64_t>();
  worker.busy_seconds = described.at("busy_seconds").to_number<double>();
  if (const auto& verified = described.at("verified"); !verified.is_null())
    worker.verified = verified.as_bool();
  return worker;
}

} // namespace ckpt::apps::sink
