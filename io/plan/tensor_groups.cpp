// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

// Every rule turns a name into a key; tensors with equal keys are joined (union-find). The rules that hold
// without exception come first and make atoms; attention modules are made of atoms.

#include "io/plan/tensor_groups.hpp"

#include <algorithm>
#include <array>
#include <map>
#include <numeric>
#include <optional>
#include <stdexcept>
#include <unordered_map>

namespace ckpt::io {
namespace {

/// Most of these lie in one attention module anyway. The table keeps them together however large the module
/// is, and whatever a model calls it.
constexpr std::array table{
    known_combination{
        "*.{q_a_proj,kv_a_proj_with_mqa,g_proj}", "SGLang",
        "deepseek_v2 (V3, R1, V3.2), kimi_k25, gigachat35, hunyuan_v4, glm4_moe_lite, glm5_next, "
        "longcat_flash, bailing_moe_linear, bailing_moe_v3, kimi_k25_eagle3; with g_proj: dots3"},
    known_combination{"*.indexer.{wk,weights_proj}", "SGLang", "deepseek_v2 (V3.2)"},
    known_combination{"*.{wq_a,wkv}", "SGLang", "deepseek_v4"},
    known_combination{"*.{wkv,wgate}", "SGLang", "deepseek_v4: compressors"},
    known_combination{"*vision*.self_attn.{q_proj,k_proj,v_proj}", "SGLang", "minimax_m3_vl"},
    known_combination{"llm.*.self_attn.{q_proj,k_proj,v_proj}", "SGLang", "sarashina2_vision"},
    known_combination{"*.mlp.{gate_proj,up_proj}", "SGLang", "sarashina2_vision, and vision towers"},
};

class joined_sets {
public:
  explicit joined_sets(std::size_t count) : parents_(count) {
    std::iota(parents_.begin(), parents_.end(), 0u);
  }

  [[nodiscard]] std::uint32_t find(std::uint32_t member) {
    while (parents_[member] != member)
      member = parents_[member] = parents_[parents_[member]];
    return member;
  }

  /// The smaller index stands for both.
  void join(std::uint32_t one, std::uint32_t other) {
    one = find(one);
    other = find(other);
    parents_[std::max(one, other)] = std::min(one, other);
  }

private:
  std::vector<std::uint32_t> parents_;
};

/// Joins the tensors for which `key_of` gives the same key. Returns the number of tensors that have a key.
template <class Key, class Function>
std::size_t join_by(joined_sets& sets, std::span<const checkpoint_tensor> tensors, Function key_of) {
  std::unordered_map<Key, std::uint32_t> first_with;
  std::size_t count = 0;
  for (std::uint32_t index = 0; index < tensors.size(); ++index)
    if (auto key = key_of(std::string_view{tensors[index].name})) {
      ++count;
      const auto [first, is_new] = first_with.try_emplace(std::move(*key), index);
      if (!is_new)
        sets.join(first->second, index);
    }
  return count;
}

/// A name without a `.` has no module.
[[nodiscard]] std::optional<std::string_view> module_path(std::string_view name) {
  const auto dot = name.rfind('.');
  return dot == std::string_view::npos ? std::nullopt : std::optional{name.substr(0, dot)};
}

[[nodiscard]] bool starts_with_ignoring_case(std::string_view text, std::string_view lower) {
  const auto to_lower = [](char letter) {
    return letter >= 'A' && letter <= 'Z' ? static_cast<char>(letter - 'A' + 'a') : letter;
  };
  return text.size() >= lower.size() && std::ranges::equal(text.substr(0, lower.size()), lower, {}, to_lower);
}

[[nodiscard]] bool names_attention(std::string_view text) {
  return starts_with_ignoring_case(text, "attn") || starts_with_ignoring_case(text, "attention");
}

/// The path of the outermost attention module that the tensor is in.
[[nodiscard]] std::optional<std::string_view> attention_path(std::string_view name) {
  const auto path = module_path(name);
  if (!path)
    return std::nullopt;
  for (auto at = path->find_first_of("aA"); at != std::string_view::npos;
       at = path->find_first_of("aA", at + 1))
    if (names_attention(path->substr(at)))
      return path->substr(0, path->find('.', at));
  return std::nullopt;
}

void join_by_row(joined_sets& sets, std::span<const checkpoint_tensor> tensors, const name_pattern& row,
                 bool has_to_match) {
  const auto matches =
      join_by<std::string>(sets, tensors, [&](std::string_view name) { return row.match(name); });
  if (matches == 0 && has_to_match)
    throw std::invalid_argument{"--keep-together " + row.text() + " matches no tensor of the checkpoint"};
}

/// The sets in order of their first members.
[[nodiscard]] std::vector<tensor_group> list_groups(joined_sets& sets,
                                                    std::span<const checkpoint_tensor> tensors) {
  constexpr auto none = ~std::uint32_t{0};
  std::vector<tensor_group> groups;
  std::vector<std::uint32_t> group_of(tensors.size(), none);
  for (std::uint32_t index = 0; index < tensors.size(); ++index) {
    auto& group = group_of[sets.find(index)];
    if (group == none) {
      group = static_cast<std::uint32_t>(groups.size());
      groups.emplace_back();
    }
    groups[group].tensors.push_back(index);
    groups[group].bytes += tensors[index].bytes.length;
  }
  return groups;
}

/// Cuts `module` between its atoms: each part takes atoms as they come, up to `bytes_max`. A larger atom is a
/// part of its own.
void divide(const tensor_group& module, joined_sets& atoms, std::uint64_t bytes_max,
            std::span<const checkpoint_tensor> tensors, tensor_groups& result) {
  std::map<std::uint32_t, tensor_group> members; // by the atom's first tensor
  for (const auto index : module.tensors) {
    auto& atom = members[atoms.find(index)];
    atom.tensors.push_back(index);
    atom.bytes += tensors[index].bytes.length;
  }
  const auto first_part = result.groups.size();
  for (auto& [first, atom] : members) {
    if (result.groups.size() == first_part || result.groups.back().bytes + atom.bytes > bytes_max)
      result.groups.emplace_back();
    auto& part = result.groups.back();
    part.tensors.insert(part.tensors.end(), atom.tensors.begin(), atom.tensors.end());
    part.bytes += atom.bytes;
  }
  for (auto part = first_part; part < result.groups.size(); ++part)
    std::ranges::sort(result.groups[part].tensors);
  const auto parts = static_cast<std::uint32_t>(result.groups.size() - first_part);
  if (parts > 1)
    result.divided.push_back({name_of(module, tensors), module.bytes, parts});
}

} // namespace

std::span<const known_combination> known_combinations() { return table; }

tensor_groups group_tensors(std::span<const checkpoint_tensor> tensors, std::span<const name_pattern> rows) {
  joined_sets atoms{tensors.size()};
  join_by<std::string_view>(atoms, tensors, module_path);
  for (const auto& known : table)
    join_by_row(atoms, tensors, name_pattern{known.pattern}, false);
  for (const auto& row : rows)
    join_by_row(atoms, tensors, row, true);
  auto modules = atoms;
  join_by<std::string_view>(modules, tensors, attention_path);
  auto bytes_max = attention_bytes_max;
  for (const auto& tensor : tensors)
    bytes_max = std::max(bytes_max, tensor.bytes.length);
  tensor_groups result;
  for (auto& group : list_groups(modules, tensors)) {
    if (group.bytes > bytes_max)
      divide(group, atoms, bytes_max, tensors, result);
    else
      result.groups.push_back(std::move(group));
  }
  return result;
}

std::string name_of(const tensor_group& group, std::span<const checkpoint_tensor> tensors) {
  const std::string_view first = tensors[group.tensors.front()].name;
  auto length = first.size();
  for (const auto index : group.tensors) {
    const std::string_view other = tensors[index].name;
    const auto limit = std::min(length, other.size());
    length = static_cast<std::size_t>(std::mismatch(first.begin(), first.begin() + limit, other.begin()).first
                                      - first.begin());
  }
  if (length == first.size())
    return std::string{first};
  const auto dot = first.substr(0, length + 1).rfind('.');
  if (dot == std::string_view::npos)
    return std::string{first} + " and others";
  return std::string{first.substr(0, dot)};
}

} // namespace ckpt::io
