// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

#include "apps/sink/pair_check.hpp"

#include <set>

namespace ckpt::apps::sink {

std::vector<pair_check::complaint>
pair_check::take(const tensor_list& list, const expected_query& is_expected, const intact_query& is_intact) {
  std::vector<complaint> complaints;
  if (pairs_of(how_).empty())
    return complaints;
  std::set<std::string_view> names;
  for (const auto& tensor : list.tensors)
    names.insert(tensor.name);
  for (const auto& tensor : list.tensors) {
    const auto partner = partner_of(tensor.name, how_);
    if (!partner || names.contains(*partner) || !is_expected(*partner) || !is_expected(tensor.name))
      continue;
    if (how_ == consumption::fuse) {
      complaints.push_back(
          {tensor.name,
           "came without \"" + *partner + "\" in its list: the parameter made of both keeps its old value"});
      continue;
    }
    const auto first = held_.find(*partner);
    if (first == held_.end()) {
      held_.emplace(tensor.name, tensor.offset);
      continue;
    }
    complaints.push_back(
        {first->first, "was read only when \"" + tensor.name + "\" came, in a later list: "
                           + (is_intact(first->first, first->second) ? "it was still there by luck alone"
                                                                     : "other bytes lay in its place")});
    held_.erase(first);
  }
  return complaints;
}

} // namespace ckpt::apps::sink
