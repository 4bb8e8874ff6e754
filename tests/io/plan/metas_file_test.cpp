// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

#include "io/plan/metas_file.hpp"

#include "tests/support/temporary_directory.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <limits>
#include <map>
#include <random>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include <sys/stat.h>

namespace ckpt::io {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::StartsWith;
using tests::temporary_directory;

metas two_hosts() {
  return {"my-checkpoint",
          "step-100",
          0x0123456789abcdef,
          std::string{"\0\x01\x80\xff", 4} + "twelve bytes",
          true,
          {{"node7", "10.0.0.7", 41'234, 0x77}, {"node8", "fd00::8", 65'535, 0}}};
}

/// Names of members, and the JSON text of their values.
using members = std::map<std::string, std::string>;

const members host_members{{"name", R"("node7")"},
                           {"address", R"("10.0.0.7")"},
                           {"port", "41234"},
                           {"share", R"("0000000000000077")"}};

std::string text_of(const members& object) {
  std::string text = "{";
  for (const auto& [name, value] : object)
    text += (text.size() > 1 ? ",\"" : "\"") + name + "\":" + value;
  return text + '}';
}

const members file_members{{"format", R"("ckpt-actor-metas")"},
                           {"format_version", "1"},
                           {"checkpoint_name", R"("my-checkpoint")"},
                           {"weight_version", "null"},
                           {"tables", R"("0123456789abcdef")"},
                           {"secret", '"' + std::string(32, 'a') + '"'},
                           {"tls", "false"},
                           {"hosts", '[' + text_of(host_members) + ']'}};

std::string file_with(const std::string& member, const std::string& value) {
  auto changed = file_members;
  changed[member] = value;
  return text_of(changed);
}

std::string host_with(const std::string& member, const std::string& value) {
  auto changed = host_members;
  changed[member] = value;
  return file_with("hosts", '[' + text_of(changed) + ']');
}

/// Why `read` refuses `file`. Any other exception than the documented one gets out and fails the test.
template <class Read>
std::string refusal_by(const Read& read, const std::string& file) {
  try {
    (void)read();
  } catch (const std::invalid_argument& error) {
    EXPECT_THAT(error.what(), StartsWith(file + ": "));
    return error.what();
  }
  ADD_FAILURE() << file << " is accepted";
  return {};
}

std::string refusal(std::string_view text) {
  SCOPED_TRACE(text.substr(0, 1000));
  return refusal_by([&] { return parse_metas(text, "the.metas"); }, "the.metas");
}

std::string refusal_of_file(const std::filesystem::path& path) {
  return refusal_by([&] { return read_metas(path); }, path.native());
}

std::string in_quotes(const std::string& text) { return '"' + text + '"'; }

TEST(metas_file, is_the_json_that_is_documented) {
  EXPECT_EQ(serialize(two_hosts()),
            R"({"format":"ckpt-actor-metas","format_version":1,"checkpoint_name":"my-checkpoint",)"
            R"("weight_version":"step-100","tables":"0123456789abcdef",)"
            R"("secret":"000180ff7477656c7665206279746573","tls":true,"hosts":[)"
            R"({"name":"node7","address":"10.0.0.7","port":41234,"share":"0000000000000077"},)"
            R"({"name":"node8","address":"fd00::8","port":65535,"share":"0000000000000000"}]})"
            "\n");
}

TEST(metas_file, comes_back_as_it_was_written) {
  auto written = two_hosts();
  EXPECT_EQ(parse_metas(serialize(written), "the.metas"), written);
  written.weight_version = std::nullopt;
  written.is_encrypted = false;
  written.checkpoint_name = "quotes \" and \\, a line\nfeed, ü";
  written.tables_digest = std::numeric_limits<std::uint64_t>::max();
  written.secret = std::string(256, '\xff');
  written.hosts = {{"", "node7", 1, std::numeric_limits<std::uint64_t>::max()}};
  EXPECT_EQ(parse_metas(serialize(written), "the.metas"), written);
  written.weight_version = "";
  EXPECT_EQ(parse_metas(serialize(written), "the.metas"), written);
}

TEST(metas_file, can_be_read_back_even_when_a_name_is_no_utf8) {
  auto written = two_hosts();
  written.hosts[0].name = "node\xff";
  written.checkpoint_name = "\xc3";
  const auto read = parse_metas(serialize(written), "the.metas");
  EXPECT_EQ(read.hosts[0].name, "node?");
  EXPECT_EQ(read.checkpoint_name, "?");
}

TEST(metas_file, is_read_whatever_the_order_of_its_members) {
  const auto read = parse_metas(text_of(file_members), "the.metas");
  EXPECT_EQ(read.hosts, (std::vector<metas_host>{{"node7", "10.0.0.7", 41'234, 0x77}}));
}

TEST(metas_file, refuses_one_that_was_cut_off_anywhere) {
  const auto whole = serialize(two_hosts());
  for (std::size_t length = 0; length + 1 < whole.size(); ++length)
    EXPECT_FALSE(refusal(whole.substr(0, length)).empty()) << length;
  EXPECT_EQ(parse_metas(whole.substr(0, whole.size() - 1), "the.metas"), two_hosts()) << "only the line feed";
}

TEST(metas_file, tells_an_empty_file_and_a_pickle_from_damage) {
  EXPECT_THAT(refusal(""), HasSubstr("is empty"));
  EXPECT_THAT(refusal("\x80"), HasSubstr("is a pickle"));
  EXPECT_THAT(refusal("\x80\x04\x95" + serialize(two_hosts())), HasSubstr("is a pickle"));
}

TEST(metas_file, refuses_what_is_no_object_of_this_format) {
  for (const auto* text : {"[]", "null", "1", "\"text\"", "true", " ", "{", "\xef\xbb\xbf{}", "{}{}"})
    EXPECT_THAT(refusal(text), HasSubstr("is no file of --save-metas-file")) << text;
  EXPECT_THAT(refusal(text_of(file_members) + 'x'), HasSubstr("is no file of --save-metas-file"));
  EXPECT_THAT(refusal(file_with("format", R"("safetensors")")), HasSubstr("is no file of --save-metas-file"));
  EXPECT_THAT(refusal(file_with("format_version", "2")),
              AllOf(HasSubstr("format version 2"), HasSubstr("reads version 1")));
  for (const auto* version : {"0", "-1", "9223372036854775807"})
    EXPECT_THAT(refusal(file_with("format_version", version)), HasSubstr("format version")) << version;
}

TEST(metas_file, is_not_brought_down_by_deep_nesting) {
  EXPECT_THAT(refusal(std::string(1'000'000, '[')), HasSubstr("is no file of --save-metas-file"));
  std::string objects;
  for (int depth = 0; depth < 100'000; ++depth)
    objects += R"({"hosts":)";
  EXPECT_THAT(refusal(objects), HasSubstr("is no file of --save-metas-file"));
}

TEST(metas_file, names_the_member_that_is_missing) {
  for (const auto& [member, value] : file_members) {
    auto fewer = file_members;
    fewer.erase(member);
    EXPECT_THAT(refusal(text_of(fewer)), HasSubstr("has no \"" + member + '"'));
  }
  for (const auto& [member, value] : host_members) {
    auto fewer = host_members;
    fewer.erase(member);
    EXPECT_THAT(refusal(file_with("hosts", '[' + text_of(fewer) + ']')),
                HasSubstr("has no \"" + member + '"'));
  }
}

TEST(metas_file, names_the_member_that_has_another_type) {
  enum class kind { text, whole_number, truth, list, nothing, other };
  const std::vector<std::pair<std::string, kind>> values{
      {R"("abc")", kind::text}, {"1", kind::whole_number},
      {"1.0", kind::other},     {"18446744073709551615", kind::other},
      {"true", kind::truth},    {"null", kind::nothing},
      {"[]", kind::list},       {"{}", kind::other},
  };
  const auto kind_of = [](const std::string& member) {
    return member == "format_version" || member == "port" ? kind::whole_number
           : member == "tls"                              ? kind::truth
           : member == "hosts"                            ? kind::list
                                                          : kind::text;
  };
  for (const auto& [value, kind_of_value] : values) {
    for (const auto& [member, right] : file_members) {
      if (kind_of_value == kind_of(member) || (member == "weight_version" && value == "null"))
        continue;
      EXPECT_THAT(refusal(file_with(member, value)),
                  HasSubstr(member == "hosts" ? "names no hosts" : in_quotes(member)))
          << value;
    }
    for (const auto& [member, right] : host_members) {
      if (kind_of_value == kind_of(member))
        continue;
      EXPECT_THAT(refusal(host_with(member, value)), HasSubstr(in_quotes(member))) << value;
    }
    EXPECT_THAT(refusal(file_with("hosts", '[' + text_of(host_members) + ',' + value + ']')),
                HasSubstr(value == "{}" ? "has no \"name\"" : "one of its \"hosts\" is no object"))
        << value;
  }
}

TEST(metas_file, refuses_a_digest_that_is_not_16_hexadecimal_digits) {
  const auto complaint = HasSubstr("is not 16 hexadecimal digits");
  for (const auto* digits :
       {"", "0123456789abcde", "0123456789abcdef0", "0123456789abcdeg", "0x23456789abcdef",
        "-123456789abcdef", "+123456789abcdef", " 123456789abcdef", "0123456789abcde "}) {
    EXPECT_THAT(refusal(file_with("tables", in_quotes(digits))), AllOf(complaint, HasSubstr("tables")));
    EXPECT_THAT(refusal(host_with("share", in_quotes(digits))), AllOf(complaint, HasSubstr("share")));
  }
}

TEST(metas_file, refuses_a_secret_of_a_length_that_none_has) {
  for (const std::size_t digits : {0, 1, 2, 30, 31, 33, 511, 513, 514, 100'000})
    EXPECT_THAT(refusal(file_with("secret", in_quotes(std::string(digits, 'a')))),
                HasSubstr("\"secret\" has an impossible length"))
        << digits;
  for (const std::size_t digits : {32, 512})
    EXPECT_EQ(parse_metas(file_with("secret", in_quotes(std::string(digits, 'a'))), "the.metas").secret,
              std::string(digits / 2, '\xaa'));
}

TEST(metas_file, refuses_a_secret_that_is_not_hexadecimal) {
  for (const auto* byte : {"0g", "g0", "0x", "-1", "+1", " 1", "1 "})
    for (const std::size_t place : {0, 14, 30}) {
      std::string digits(32, 'a');
      digits.replace(place, 2, byte);
      EXPECT_THAT(refusal(file_with("secret", in_quotes(digits))), HasSubstr("\"secret\" is not hexadecimal"))
          << digits;
    }
}

TEST(metas_file, refuses_hosts_that_cannot_be_reached) {
  EXPECT_THAT(refusal(file_with("hosts", "[]")), HasSubstr("names no hosts"));
  EXPECT_THAT(refusal(host_with("address", R"("")")), AllOf(HasSubstr("usable address"), HasSubstr("node7")));
  for (const auto* port : {"0", "-1", "65536", "-9223372036854775808", "9223372036854775807"})
    EXPECT_THAT(refusal(host_with("port", port)),
                AllOf(HasSubstr("usable address and port"), HasSubstr("node7")))
        << port;
  for (const auto* port : {"41234.0", "4e4", "18446744073709551616"})
    EXPECT_THAT(refusal(host_with("port", port)), HasSubstr("\"port\" is no whole number")) << port;
}

TEST(metas_file, refuses_the_same_place_twice) {
  auto written = two_hosts();
  written.hosts[1].address = written.hosts[0].address;
  EXPECT_EQ(parse_metas(serialize(written), "the.metas"), written) << "another port is another process";
  written.hosts[1].port = written.hosts[0].port;
  EXPECT_THAT(refusal(serialize(written)), HasSubstr("names 10.0.0.7 twice"));
}

TEST(metas_file, refuses_more_hosts_than_there_can_be) {
  const auto with_hosts = [](std::size_t count) {
    auto written = two_hosts();
    written.hosts.clear();
    for (std::size_t host = 0; host < count; ++host)
      written.hosts.push_back({"", std::to_string(host), 1, 0});
    return serialize(written);
  };
  EXPECT_EQ(parse_metas(with_hosts(65'536), "the.metas").hosts.size(), 65'536U);
  EXPECT_THAT(refusal(with_hosts(65'537)), HasSubstr("more than 65536 hosts"));
}

TEST(metas_file, refuses_text_that_is_no_utf8) {
  for (const auto* text : {"\xff", "\xc3", "\xc0\x80", "\xed\xa0\x80", "\\ud800"}) {
    EXPECT_FALSE(refusal(file_with("checkpoint_name", in_quotes(text))).empty()) << text;
    EXPECT_FALSE(refusal(host_with("name", in_quotes(text))).empty()) << text;
    EXPECT_FALSE(refusal(host_with("address", in_quotes(text))).empty()) << text;
  }
}

TEST(metas_file, does_not_let_a_name_drive_the_terminal) {
  auto written = two_hosts();
  written.hosts[0] = {"a\x1b[2J", "", 1, 0};
  EXPECT_THAT(refusal(serialize(written)), HasSubstr("a?[2J"));
}

TEST(metas_file, damage_is_refused_or_gives_a_file_that_comes_back) {
  const auto seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random{seed};
  const auto whole = serialize(two_hosts());
  for (int round = 0; round < 3000; ++round) {
    auto damaged = whole;
    for (auto count = 1 + random() % 4; count > 0; --count)
      damaged[random() % damaged.size()] = static_cast<char>(random());
    metas read;
    try {
      read = parse_metas(damaged, "the.metas");
    } catch (const std::invalid_argument& error) {
      ASSERT_THAT(error.what(), StartsWith("the.metas: "));
      continue;
    }
    ASSERT_EQ(parse_metas(serialize(read), "the.metas"), read) << damaged;
  }
}

TEST(metas_file, is_read_from_a_file) {
  const temporary_directory directory;
  EXPECT_EQ(read_metas(directory.write("the.metas", serialize(two_hosts()))), two_hosts());
  EXPECT_THAT(refusal_of_file(directory.write("empty", "")), HasSubstr("is empty"));
  EXPECT_THAT(refusal_of_file(directory.write("pickle", "\x80\x04")), HasSubstr("is a pickle"));
}

TEST(metas_file, names_the_file_that_is_not_there) {
  const temporary_directory directory;
  const auto path = directory.path() / "none";
  try {
    (void)read_metas(path);
    FAIL() << "there is no file";
  } catch (const std::system_error& error) {
    EXPECT_EQ(error.code(), std::errc::no_such_file_or_directory);
    EXPECT_THAT(error.what(), HasSubstr(path.native()));
  }
}

TEST(metas_file, neither_reads_a_directory_nor_waits_at_a_pipe) {
  const temporary_directory directory;
  EXPECT_THAT(refusal_of_file(directory.path()), HasSubstr("is no regular file"));
  const auto pipe = directory.path() / "pipe";
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  EXPECT_THAT(refusal_of_file(pipe), HasSubstr("is no regular file"));
  EXPECT_THAT(refusal_of_file("/dev/zero"), HasSubstr("is no regular file"));
}

TEST(metas_file, reads_64_MiB_at_most) {
  const temporary_directory directory;
  auto text = serialize(two_hosts());
  text.resize(64 << 20, ' ');
  EXPECT_EQ(read_metas(directory.write("longest", text)), two_hosts());
  EXPECT_THAT(refusal_of_file(directory.write("longer", text + ' ')), HasSubstr("is too long"));
}

} // namespace
} // namespace ckpt::io
