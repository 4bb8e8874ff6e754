// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

#include "apps/bench/yardsticks.hpp"

#include "apps/bench/child.hpp"

#include <stdexcept>

#include <boost/json.hpp>

namespace ckpt::apps::bench {
namespace {

namespace json = boost::json;

/// Parses the object that begins with the first brace of `output`.
json::value parse_object(std::string_view output, std::string_view program) {
  const auto brace = output.find('{');
  boost::system::error_code error;
  const auto end = output.rfind('}');
  const auto text = brace == std::string_view::npos || end == std::string_view::npos || end < brace
                        ? std::string_view{}
                        : output.substr(brace, end - brace + 1);
  auto value = json::parse({text.data(), text.size()}, error);
  if (error)
    throw std::runtime_error{std::string{program} + " printed no JSON: " + std::string{output}};
  return value;
}

/// Colons separate the files in fio's option.
std::string escaped(const std::filesystem::path& path) {
  std::string text;
  const auto full_path = std::filesystem::absolute(path);
  for (const auto letter : full_path.native()) {
    if (letter == ':' || letter == '\\')
      text += '\\';
    text += letter;
  }
  return text;
}

} // namespace

std::string name(const fio_job& job) {
  return "fio " + std::to_string(job.block_bytes >> 20) + " MiB x " + std::to_string(job.depth)
         + (job.huge_pages ? ", huge pages" : "");
}

std::vector<std::string> fio_command(const std::string& program, const fio_job& job, const file_list& files) {
  std::string names;
  for (const auto& file : files)
    names += (names.empty() ? "" : ":") + escaped(file);
  // fio has no option of its own for it; the C library asks for huge pages on its behalf.
  std::vector<std::string> command;
  if (job.huge_pages)
    command = {"env", "GLIBC_TUNABLES=glibc.malloc.hugetlb=1"};
  const std::vector<std::string> arguments{program,
                                           "--name=read",
                                           "--filename=" + names,
                                           "--rw=read",
                                           "--readonly",
                                           "--direct=1",
                                           "--ioengine=io_uring",
                                           "--mem=malloc",
                                           "--iomem_align=2m",
                                           "--file_service_type=sequential",
                                           "--bs=" + std::to_string(job.block_bytes),
                                           "--iodepth=" + std::to_string(job.depth),
                                           "--output-format=json"};
  command.insert(command.end(), arguments.begin(), arguments.end());
  return command;
}

measurement parse_fio(std::string_view output) {
  const auto report = parse_object(output, "fio");
  try {
    const auto& job = report.at("jobs").as_array().at(0);
    if (const auto error = job.at("error").to_number<int>(); error != 0)
      throw std::runtime_error{"fio reports error " + std::to_string(error)};
    const auto& read = job.at("read");
    return {read.at("io_bytes").to_number<std::uint64_t>(), read.at("runtime").to_number<double>() / 1000, 0};
  } catch (const boost::system::system_error&) {
  } catch (const std::out_of_range&) {
  } catch (const std::invalid_argument&) {
  }
  throw std::runtime_error{"fio's JSON has no figures of a job"};
}

measurement read_with_fio(const std::string& program, const fio_job& job, const file_list& files) {
  return parse_fio(run_program(fio_command(program, job, files)));
}

measurement parse_python(std::string_view output) {
  const auto report = parse_object(output, "Python");
  try {
    return {report.at("bytes").to_number<std::uint64_t>(), report.at("seconds").to_number<double>(),
            report.at("cpu_seconds").to_number<double>()};
  } catch (const boost::system::system_error&) {
  } catch (const std::out_of_range&) {
  } catch (const std::invalid_argument&) {
  }
  throw std::runtime_error{"the JSON of the Python program has no bytes and seconds"};
}

measurement read_with_python(const python_loaders& loaders, const std::string& package,
                             const file_list& files) {
  std::vector<std::string> command{loaders.python, loaders.script.native(), package};
  for (const auto& file : files)
    command.push_back(file.native());
  return parse_python(run_program(command));
}

package_versions parse_versions(std::string_view output) {
  const auto report = parse_object(output, "Python");
  package_versions found;
  for (const auto& [package, version] : report.as_object())
    if (version.is_string())
      found.emplace(package, version.as_string());
  return found;
}

package_versions versions(const python_loaders& loaders) {
  return parse_versions(run_program({loaders.python, loaders.script.native(), "versions"}));
}

} // namespace ckpt::apps::bench
