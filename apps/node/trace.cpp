// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

#include "apps/node/trace.hpp"

#include "actors/update/recording.hpp"
#include "io/utf8.hpp"

#include <algorithm>
#include <cstdio>
#include <map>
#include <string_view>
#include <utility>

#include <boost/json.hpp>

namespace ckpt::apps {
namespace {

namespace json = boost::json;
using actors::server_step;
using actors::track_report;
using actors::worker_step;

[[nodiscard]] std::string_view category(track_report::kind of) {
  switch (of) {
  case track_report::kind::pause:
    return "pause";
  case track_report::kind::server:
    return "server";
  case track_report::kind::disk:
    return "disk";
  case track_report::kind::copy:
    return "copy";
  case track_report::kind::broadcast:
    return "broadcast";
  case track_report::kind::worker:
  case track_report::kind::worker_steps:
    break;
  }
  return "worker";
}

[[nodiscard]] std::string_view name(worker_step step) {
  switch (step) {
  case worker_step::open:
    return "comes and opens the ring";
  case worker_step::let_go:
    return "lets go of the ring";
  case worker_step::hook:
    return "post hook";
  case worker_step::count:
    break;
  }
  return "?";
}

[[nodiscard]] std::string_view name(server_step step) {
  switch (step) {
  case server_step::get_ready:
    return "until it is ready";
  case server_step::drain:
    return "ends the update of a killed node";
  case server_step::stop_requests:
    return "stops requests";
  case server_step::update:
    return "update request";
  case server_step::close:
    return "resumes and confirms";
  case server_step::prove:
    return "proof";
  case server_step::count:
    break;
  }
  return "?";
}

[[nodiscard]] bool counts_buckets(track_report::kind of) {
  using kind = track_report::kind;
  return of == kind::disk || of == kind::copy || of == kind::broadcast || of == kind::worker;
}

[[nodiscard]] std::string name(track_report::kind of, std::uint32_t part) {
  if (counts_buckets(of))
    return "bucket " + std::to_string(part);
  if (of == track_report::kind::worker_steps)
    return std::string{name(static_cast<worker_step>(part))};
  return of == track_report::kind::server ? std::string{name(static_cast<server_step>(part))} : "paused";
}

/// Host and device names may be in any encoding.
[[nodiscard]] std::string json_text(std::string_view text) {
  return json::serialize(json::value(io::valid_utf8(text)));
}

/// Writes the events of one trace. A value of text is only made where there is one: there may be many events.
class writer {
public:
  explicit writer(const trace& recorded) : recorded_{recorded} {}

  [[nodiscard]] std::string write() {
    for (const auto& host : recorded_.hosts)
      write(host);
    return "{\"displayTimeUnit\":\"ms\",\"otherData\":" + json::serialize(describe()) + ",\"traceEvents\":["
           + events_ + "\n]}\n";
  }

private:
  /// A span and its track.
  struct entry {
    track_report::kind of;
    actors::span when;
  };

  [[nodiscard]] json::object describe() const {
    return {{"version", io::valid_utf8(recorded_.version)},
            {"buckets", recorded_.buckets},
            {"recorded_buckets", recorded_.bucket_bytes.size()},
            {"bucket_spans_max", actors::spans_max},
            {"clocks",
             "Each host's times count from the message that told all hosts to start: between hosts they are "
             "off by the time that this message took."}};
  }

  void write(const trace::host& host) {
    auto title = "host " + std::to_string(host.number) + (host.name.empty() ? "" : " (" + host.name + ")");
    if (recorded_.recorded_every > 1)
      title += ", only one bucket in " + std::to_string(recorded_.recorded_every) + " was recorded";
    describe(host.number, {}, "process_name", "name", json_text(title));
    describe(host.number, {}, "process_sort_index", "sort_index", std::to_string(host.number));
    lines_ = 0;
    std::vector<std::string_view> names; // In the order in which they come.
    std::map<std::string_view, std::vector<entry>> by_name;
    for (const auto& track : host.tracks) {
      auto& entries = by_name[track.name];
      if (entries.empty())
        names.push_back(track.name);
      for (const auto& span : track.spans)
        entries.push_back({track.of, span});
    }
    for (const auto& name : names)
      write(host.number, name, by_name[name]);
  }

  /// Each span goes to the first line of the track on which the one before is over.
  void write(std::uint32_t host, std::string_view name, std::vector<entry>& entries) {
    std::ranges::stable_sort(entries, {}, [](const entry& one) { return one.when.begin_ns; });
    std::vector<std::int64_t> ends;
    for (const auto& one : entries) {
      auto line = static_cast<std::size_t>(
          std::ranges::find_if(ends, [&](std::int64_t end) { return end <= one.when.begin_ns; })
          - ends.begin());
      if (line == ends.size()) {
        ends.push_back(0);
        describe_line(host, lines_ + line,
                      line == 0 ? std::string{name}
                                : std::string{name} + " (" + std::to_string(line + 1) + ")");
      }
      ends[line] = std::max(one.when.end_ns, one.when.begin_ns);
      write(host, lines_ + line, one);
    }
    lines_ += ends.size();
  }

  void write(std::uint32_t host, std::size_t line, const entry& one) {
    const auto us = [](std::int64_t ns) { return static_cast<double>(ns) / 1e3; };
    char text[96];
    std::snprintf(text, sizeof text, "{\"ph\":\"X\",\"pid\":%u,\"tid\":%zu,\"ts\":%.3f,\"dur\":%.3f,", host,
                  line, us(one.when.begin_ns),
                  us(std::max<std::int64_t>(one.when.end_ns - one.when.begin_ns, 0)));
    begin_event();
    events_ += text;
    events_.append("\"cat\":\"").append(category(one.of)).append("\",\"name\":\"");
    events_.append(name(one.of, one.when.part)).append("\",\"args\":{");
    const auto index = one.when.part / recorded_.recorded_every;
    if (counts_buckets(one.of) && index < recorded_.bucket_bytes.size())
      events_.append("\"bytes\":").append(std::to_string(recorded_.bucket_bytes[index]));
    if (!one.when.is_over)
      events_.append(events_.back() == '{' ? "" : ",").append("\"unfinished\":true");
    events_ += "}}";
  }

  void describe(std::uint32_t host, std::string_view where, std::string_view what, std::string_view key,
                std::string_view value) {
    begin_event();
    events_.append("{\"ph\":\"M\",\"pid\":").append(std::to_string(host)).append(where);
    events_.append(",\"name\":\"").append(what).append("\",\"args\":{\"").append(key).append("\":");
    events_.append(value).append("}}");
  }

  void describe_line(std::uint32_t host, std::size_t line, std::string_view name) {
    const auto where = ",\"tid\":" + std::to_string(line);
    describe(host, where, "thread_name", "name", json_text(name));
    describe(host, where, "thread_sort_index", "sort_index", std::to_string(line));
  }

  void begin_event() { events_ += events_.empty() ? "\n" : ",\n"; }

  const trace& recorded_;
  std::string events_;
  std::size_t lines_ = 0; ///< of this host so far
};

} // namespace

trace trace_of(const actors::update_verdict& verdict, const actors::update& update) {
  trace made;
  made.version = update.options.weight_version.value_or(update.options.checkpoint_name);
  made.buckets = update.bucket_count();
  made.recorded_every = actors::recorded_every(made.buckets, update.layout);
  for (std::uint32_t bucket = 0; bucket < made.buckets; bucket += made.recorded_every)
    made.bucket_bytes.push_back(update.plan.buckets[bucket].tensor_bytes);
  for (const auto& host : verdict.hosts)
    made.hosts.push_back({host.host, host.name, host.tracks});
  return made;
}

std::string chrome_json(const trace& recorded) { return writer{recorded}.write(); }

} // namespace ckpt::apps
