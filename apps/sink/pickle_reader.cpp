// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

// A stack machine over indices into one vector of values. Nothing here recurses, so that no message can
// exhaust the program's own stack.

#include "apps/sink/pickle_reader.hpp"

#include "apps/sink/pickle_opcodes.hpp"
#include "apps/sink/utf8.hpp"

#include <algorithm>
#include <cstdio>
#include <string>

namespace ckpt::apps::sink {

using kind = pickle_value::kind;

class pickle_parser {
public:
  pickle_parser(std::string_view message, const pickle_limits& limits) : in_{message}, limits_{limits} {}

  pickle_tree parse();

private:
  [[noreturn]] void fail(const std::string& what) const;
  [[nodiscard]] std::string_view take(std::uint64_t count);
  [[nodiscard]] std::uint64_t little_endian(unsigned byte_count);
  void push(pickle_value value);
  void push_text(std::uint64_t length);
  void push_bytes(std::uint64_t length);
  [[nodiscard]] value_index pop();
  [[nodiscard]] pickle_value& top();
  [[nodiscard]] std::vector<value_index> pop_to_mark();
  [[nodiscard]] std::vector<value_index> pop_last(std::size_t count);
  void adopt(pickle_value& parent, std::span<const value_index> items);
  void push_tuple(std::vector<value_index> items);
  void extend(kind wanted, const std::vector<value_index>& items);
  void recall(std::uint64_t slot);
  void call();
  void set_state();
  void global();
  bool leaf(unsigned char op);
  bool container(unsigned char op);
  bool object(unsigned char op);

  std::string_view in_;
  pickle_limits limits_;
  std::size_t at_ = 0;
  pickle_tree tree_;
  std::vector<value_index> stack_;
  std::vector<std::size_t> marks_;
  std::vector<value_index> memo_;
};

void pickle_parser::fail(const std::string& what) const {
  throw pickle_error{"pickle, at byte " + std::to_string(at_) + ": " + what};
}

std::string_view pickle_parser::take(std::uint64_t count) {
  if (count > in_.size() - at_)
    fail("it ends too early");
  const auto taken = in_.substr(at_, count);
  at_ += count;
  return taken;
}

std::uint64_t pickle_parser::little_endian(unsigned byte_count) {
  std::uint64_t value = 0;
  const auto bytes = take(byte_count);
  for (unsigned index = 0; index < byte_count; ++index)
    value |= static_cast<std::uint64_t>(static_cast<unsigned char>(bytes[index])) << (8 * index);
  return value;
}

void pickle_parser::push(pickle_value value) {
  if (tree_.values_.size() >= limits_.values_max)
    fail("it holds more than " + std::to_string(limits_.values_max) + " values");
  stack_.push_back(static_cast<value_index>(tree_.values_.size()));
  tree_.values_.push_back(std::move(value));
}

void pickle_parser::push_text(std::uint64_t length) {
  const auto text = take(length);
  if (!is_utf8(text))
    fail("a text is not UTF-8");
  push({.is = kind::text, .text = text});
}

void pickle_parser::push_bytes(std::uint64_t length) { push({.is = kind::bytes, .text = take(length)}); }

value_index pickle_parser::pop() {
  const auto floor = marks_.empty() ? 0 : marks_.back();
  if (stack_.size() <= floor)
    fail("a value is missing");
  const auto value = stack_.back();
  stack_.pop_back();
  return value;
}

pickle_value& pickle_parser::top() {
  const auto value = pop();
  stack_.push_back(value);
  return tree_.values_[value];
}

std::vector<value_index> pickle_parser::pop_to_mark() {
  if (marks_.empty())
    fail("a mark is missing");
  const auto first = stack_.begin() + static_cast<std::ptrdiff_t>(marks_.back());
  std::vector<value_index> items(first, stack_.end());
  stack_.erase(first, stack_.end());
  marks_.pop_back();
  return items;
}

std::vector<value_index> pickle_parser::pop_last(std::size_t count) {
  std::vector<value_index> items(count);
  for (auto item = items.rbegin(); item != items.rend(); ++item)
    *item = pop();
  return items;
}

/// Makes `items` parts of `parent`. A value that is a part already may not grow (see extend), which keeps
/// depths exact and cycles impossible.
void pickle_parser::adopt(pickle_value& parent, std::span<const value_index> items) {
  for (const auto item : items) {
    auto& child = tree_.values_[item];
    if (&child == &parent)
      fail("a value contains itself");
    child.is_part = true;
    parent.depth = std::max<std::uint16_t>(parent.depth, child.depth + 1);
  }
  if (parent.depth > limits_.depth_max)
    fail("values are nested more than " + std::to_string(limits_.depth_max) + " deep");
  parent.items.insert(parent.items.end(), items.begin(), items.end());
}

void pickle_parser::push_tuple(std::vector<value_index> items) {
  pickle_value tuple{.is = kind::tuple};
  adopt(tuple, items);
  push(std::move(tuple));
}

void pickle_parser::extend(kind wanted, const std::vector<value_index>& items) {
  auto& target = top();
  if (target.is != wanted || (wanted == kind::dict && items.size() % 2 != 0))
    fail("items are added to something that cannot hold them");
  if (target.is_part)
    fail("a value changes after it has become part of another");
  adopt(target, items);
}

void pickle_parser::recall(std::uint64_t slot) {
  if (slot >= memo_.size())
    fail("it refers to value " + std::to_string(slot) + ", which it has not stored");
  stack_.push_back(memo_[slot]);
  // Repeated references cost no value each, so they need a limit of their own.
  if (stack_.size() > limits_.values_max)
    fail("it holds too many values");
}

void pickle_parser::call() {
  const auto items = pop_last(2);
  const auto callable = tree_.values_[items[0]].is;
  if ((callable != kind::global && callable != kind::call) || tree_.values_[items[1]].is != kind::tuple)
    fail("a call needs a callable and a tuple of arguments");
  pickle_value result{.is = kind::call};
  adopt(result, items);
  push(std::move(result));
}

void pickle_parser::set_state() {
  const auto state = pop();
  auto& target = top();
  if (target.is != kind::call || target.items.size() != 2)
    fail("a state is set on something that cannot have one, or twice");
  if (target.is_part)
    fail("a value changes after it has become part of another");
  adopt(target, std::span{&state, 1});
}

void pickle_parser::global() {
  const auto names = pop_last(2);
  const auto& module = tree_.values_[names[0]];
  const auto& qualified = tree_.values_[names[1]];
  if (module.is != kind::text || qualified.is != kind::text)
    fail("a global is named by two texts");
  push({.is = kind::global, .text = module.text, .qualified = qualified.text});
}

bool pickle_parser::leaf(unsigned char op) {
  const auto push_number = [&](kind is, std::int64_t number) { push({.is = is, .number = number}); };
  switch (op) {
  case op_none:
    push({});
    return true;
  case op_newtrue:
  case op_newfalse:
    push_number(kind::boolean, op == op_newtrue);
    return true;
  case op_binint1:
    push_number(kind::integer, static_cast<std::int64_t>(little_endian(1)));
    return true;
  case op_binint2:
    push_number(kind::integer, static_cast<std::int64_t>(little_endian(2)));
    return true;
  case op_binint:
    push_number(kind::integer, static_cast<std::int32_t>(little_endian(4)));
    return true;
  case op_long1: {
    const auto length = static_cast<unsigned>(little_endian(1));
    if (length > 8)
      fail("an integer has more than 64 bits");
    auto value = little_endian(length);
    if (length > 0 && length < 8 && value >> (8 * length - 1) != 0)
      value |= ~std::uint64_t{0} << (8 * length); // The sign reaches up to the top.
    push_number(kind::integer, static_cast<std::int64_t>(value));
    return true;
  }
  case op_short_binunicode:
    push_text(little_endian(1));
    return true;
  case op_binunicode:
    push_text(little_endian(4));
    return true;
  case op_binunicode8:
    push_text(little_endian(8));
    return true;
  case op_short_binbytes:
    push_bytes(little_endian(1));
    return true;
  case op_binbytes:
    push_bytes(little_endian(4));
    return true;
  case op_binbytes8:
    push_bytes(little_endian(8));
    return true;
  default:
    return false;
  }
}

bool pickle_parser::container(unsigned char op) {
  switch (op) {
  case op_mark:
    if (marks_.size() > limits_.depth_max)
      fail("too many values are open at once");
    marks_.push_back(stack_.size());
    return true;
  case op_empty_tuple:
    push_tuple({});
    return true;
  case op_tuple:
    push_tuple(pop_to_mark());
    return true;
  case op_tuple1:
  case op_tuple2:
  case op_tuple3:
    push_tuple(pop_last(op - op_tuple1 + 1));
    return true;
  case op_empty_list:
    push({.is = kind::list});
    return true;
  case op_append:
    extend(kind::list, pop_last(1));
    return true;
  case op_appends:
    extend(kind::list, pop_to_mark());
    return true;
  case op_empty_dict:
    push({.is = kind::dict});
    return true;
  case op_setitem:
    extend(kind::dict, pop_last(2));
    return true;
  case op_setitems:
    extend(kind::dict, pop_to_mark());
    return true;
  default:
    return false;
  }
}

bool pickle_parser::object(unsigned char op) {
  switch (op) {
  case op_stack_global:
    global();
    return true;
  case op_reduce:
  case op_newobj: // cls.__new__(cls, *arguments): the same description
    call();
    return true;
  case op_build:
    set_state();
    return true;
  case op_memoize:
    if (memo_.size() >= limits_.values_max)
      fail("it stores too many values");
    memo_.push_back(pop());
    stack_.push_back(memo_.back());
    return true;
  case op_binget:
    recall(little_endian(1));
    return true;
  case op_long_binget:
    recall(little_endian(4));
    return true;
  case op_frame:
    // Frames only tell a reader how much to fetch at once; but one longer than the message is a broken
    // message.
    if (little_endian(8) > in_.size() - at_)
      fail("a frame is longer than the message");
    return true;
  default:
    return false;
  }
}

pickle_tree pickle_parser::parse() {
  if (in_.size() > limits_.message_bytes_max)
    fail("it is longer than " + std::to_string(limits_.message_bytes_max) + " bytes");
  if (little_endian(1) != op_proto)
    fail("it does not start with a protocol number");
  if (const auto protocol = little_endian(1); protocol != 4 && protocol != 5)
    fail("protocol " + std::to_string(protocol) + " is not understood, only 4 and 5");
  for (;;) {
    const auto op = static_cast<unsigned char>(little_endian(1));
    if (op == op_stop)
      break;
    if (!leaf(op) && !container(op) && !object(op)) {
      char name[8];
      std::snprintf(name, sizeof name, "0x%02x", op);
      fail(std::string{"opcode "} + name + " is not understood");
    }
  }
  if (!marks_.empty() || stack_.size() != 1)
    fail("it does not end with exactly one value");
  if (at_ != in_.size())
    fail("something follows its end");
  tree_.root_ = stack_.front();
  return std::move(tree_);
}

pickle_tree read_pickle(std::string_view message, const pickle_limits& limits) {
  return pickle_parser{message, limits}.parse();
}

} // namespace ckpt::apps::sink
