// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

// A recursive descent without recursion: a list is names between commas outside brackets, a name is plain
// pieces and bracketed ones, and every bracketed piece multiplies the names so far.

#include "apps/node/slurm_nodelist.hpp"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <stdexcept>

namespace ckpt::apps {
namespace {

class expansion {
public:
  explicit expansion(std::string_view list) : list_{list} {}

  std::vector<std::string> run() {
    std::vector<std::string> hosts;
    while (true) {
      auto names = expand_name();
      require(hosts.size() + names.size() <= slurm_hosts_max, "names too many hosts");
      std::ranges::move(names, std::back_inserter(hosts));
      if (at_ == list_.size())
        return hosts;
      ++at_; // The comma.
    }
  }

private:
  void require(bool condition, const char* what) const {
    if (!condition)
      throw std::invalid_argument{"Slurm's list of nodes \"" + std::string{list_.substr(0, 200)} + "\" "
                                  + what};
  }

  [[nodiscard]] bool is_at(char c) const { return at_ < list_.size() && list_[at_] == c; }

  /// Up to the next comma outside brackets, or the end.
  std::vector<std::string> expand_name() {
    std::vector<std::string> names{""};
    const auto begin = at_;
    while (at_ < list_.size() && list_[at_] != ',') {
      require(list_[at_] != ']', "closes a bracket that is not open");
      if (list_[at_] == '[') {
        ++at_;
        multiply(names, expand_bracket());
      } else {
        for (auto& name : names)
          name += list_[at_];
        ++at_;
      }
    }
    require(at_ > begin, "has an empty name");
    return names;
  }

  void multiply(std::vector<std::string>& names, const std::vector<std::string>& endings) const {
    require(names.size() * endings.size() <= slurm_hosts_max, "names too many hosts");
    std::vector<std::string> longer;
    for (const auto& name : names)
      for (const auto& ending : endings)
        longer.push_back(name + ending);
    names = std::move(longer);
  }

  /// From behind the opening bracket to behind the closing one.
  std::vector<std::string> expand_bracket() {
    std::vector<std::string> numbers;
    do {
      expand_range(numbers);
    } while (is_at(',') && ++at_ != 0);
    require(is_at(']'), "leaves a bracket open");
    ++at_;
    return numbers;
  }

  void expand_range(std::vector<std::string>& numbers) {
    const auto first = read_digits();
    auto last = first;
    if (is_at('-')) {
      ++at_;
      last = read_digits();
    }
    const auto begin = value_of(first);
    const auto end = value_of(last);
    require(begin <= end, "has a range that runs backwards");
    require(end - begin < slurm_hosts_max && numbers.size() + (end - begin) < slurm_hosts_max,
            "names too many hosts");
    for (auto value = begin; value <= end; ++value) {
      auto digits = std::to_string(value);
      if (digits.size() < first.size())
        digits.insert(0, first.size() - digits.size(), '0');
      numbers.push_back(std::move(digits));
    }
  }

  std::string_view read_digits() {
    const auto begin = at_;
    while (at_ < list_.size() && list_[at_] >= '0' && list_[at_] <= '9')
      ++at_;
    require(at_ > begin, "lacks a number in its brackets");
    return list_.substr(begin, at_ - begin);
  }

  [[nodiscard]] std::uint64_t value_of(std::string_view digits) const {
    std::uint64_t value = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
    require(error == std::errc{} && value < (1ull << 40), "has a number that is too large");
    return value;
  }

  std::string_view list_;
  std::size_t at_ = 0;
};

} // namespace

std::vector<std::string> expand_slurm_nodelist(std::string_view list) { return expansion{list}.run(); }

} // namespace ckpt::apps
