// A plugin's descriptions of its columns are validated, and copies are complete.
// SPDX-License-Identifier: Apache-2.0
#include "plugin/tables.hpp"

#include "freshframe/error.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <functional>
#include <iterator>
#include <set>
#include <string>
#include <vector>

#include "core/utf8.hpp"
#include "plugin/foreign_text.hpp"
#include <gtest/gtest.h>

namespace freshframe::plugin {
namespace {

std::array<float, 8> numbers_of_test = {0, 1, 2, 3, 4, 5, 6, 7};

freshframe_column good_column() {
  freshframe_column column{};
  column.name = "n";
  column.dtype = "float32";
  column.ndim = 2;
  column.shape[0] = 2;
  column.shape[1] = 4;
  column.strides[0] = 16;
  column.strides[1] = 4;
  column.data = numbers_of_test.data();
  column.bytes = sizeof numbers_of_test;
  return column;
}

// Returns the error of a table with one column, or an empty string.
std::string error_of(const std::function<void(freshframe_column&)>& spoil) {
  auto column = good_column();
  spoil(column);
  freshframe_value value{};
  value.columns = {&column, 1, sizeof column};
  try {
    (void)checked_table(value);
  } catch (const Error& error) {
    return error.what();
  }
  return {};
}

TEST(ForeignText, ShowsWhereItIsCut) {
  EXPECT_EQ(shortened("abc", 3), "abc");
  EXPECT_EQ(shortened("abcd", 3), "abc...");
}

TEST(Tables, AcceptWhatLiesWithinItsMemory) {
  EXPECT_EQ(error_of([](auto&) {}), "");
  EXPECT_EQ(error_of([](auto& column) {
              column.shape[0] = 0;
              column.data = nullptr;
            }),
            "");
  EXPECT_EQ(error_of([](auto& column) { column.strides[0] = 0; }), "");  // both rows are the same memory
}

TEST(Tables, RefuseWhatDoesNot) {
  EXPECT_NE(error_of([](auto& column) { column.bytes = 31; }), "");
  EXPECT_NE(error_of([](auto& column) { column.shape[0] = 3; }), "");
  EXPECT_NE(error_of([](auto& column) { column.strides[0] = 20; }), "");
  EXPECT_NE(error_of([](auto& column) { column.data = nullptr; }), "");
}

TEST(Tables, RefuseSizesThatOverflow) {
  constexpr auto kMost = INT64_MAX;
  for (const auto shape : {kMost, kMost / 2, kMost / 4, std::int64_t{1} << 62}) {
    EXPECT_NE(error_of([&](auto& column) { column.shape[0] = shape; }), "") << shape;
    EXPECT_NE(error_of([&](auto& column) { column.shape[0] = column.shape[1] = shape; }), "") << shape;
  }
  for (const auto stride : {kMost - 3, std::int64_t{1} << 62, (std::int64_t{1} << 62) - 4}) {
    EXPECT_NE(error_of([&](auto& column) {
                column.strides[0] = stride;
                column.shape[0] = 5;
              }),
              "")
        << stride;
  }
}

TEST(Tables, AnEmptyColumnMayNotHideAWrongOne) {
  EXPECT_NE(error_of([](auto& column) {
              column.shape[0] = 0;
              column.shape[1] = -1;
            }),
            "");
  EXPECT_NE(error_of([](auto& column) {
              column.shape[0] = 0;
              column.strides[1] = 3;
            }),
            "");
}

TEST(Tables, AreReadAcrossEntriesThatHaveGrown) {
  struct Longer {
    freshframe_column known;
    std::array<char, 24> more;
  };
  std::array<Longer, 2> columns{};
  columns[0].known = columns[1].known = good_column();
  columns[1].known.name = "m";
  freshframe_value value{};
  value.columns = {columns.data(), columns.size(), sizeof(Longer)};
  EXPECT_EQ(checked_table(value).columns.at(1).name, "m");
}

TEST(Tables, RefuseAShortMemoryShownAsALongOne) {
  EXPECT_NE(error_of([](auto& column) {
              column.shape[0] = std::int64_t{1} << 40;
              column.strides[0] = 0;
            }),
            "");
}

TEST(Tables, NumbersOfAnEmptyColumnDoNotCountItsOtherSizes) {
  auto column = good_column();
  column.shape[0] = std::int64_t{1} << 60;
  column.shape[1] = 0;
  freshframe_value value{};
  value.columns = {&column, 1, sizeof column};
  EXPECT_TRUE(numbers<float>(checked_table(value).columns[0]).empty());
}

TEST(ForeignText, IsUtf8AsUnicodeDefinesIt) {
  for (const char* text :
       {"", "a", "\xC3\xA4", "\xE2\x82\xAC", "\xEF\xBF\xBF", "\xF0\x9F\x98\x80", "\xF4\x8F\xBF\xBF"}) {
    EXPECT_TRUE(core::is_utf8(text)) << text;
    EXPECT_EQ(core::to_utf8(text), text);
  }
  // Incomplete, a lone continuation byte, overlong, a surrogate, beyond Unicode.
  for (const char* text : {"\xC3", "\x80", "\xC0\x80", "\xE0\x80\x80", "\xED\xA0\x80", "\xF4\x90\x80\x80",
                           "\xF5", "\xE2\x82", "\xF0\x9F\x98", "\xFF"}) {
    EXPECT_FALSE(core::is_utf8(text)) << text;
    EXPECT_TRUE(core::is_utf8(core::to_utf8(text)));
  }
  EXPECT_EQ(core::to_utf8("caf\xE9!"), "caf\xEF\xBF\xBD!");
}

TEST(ForeignText, IsCutBetweenLetters) {
  const std::string text = "a\u00E4\u20AC\U0001F600z";  // 1, 2, 3, 4 and 1 bytes
  const std::set<std::size_t> ends{0, 1, 3, 6, 10, 11};
  for (std::size_t most = 0; most <= 12; ++most) {
    const auto first = core::first_letters(text, most);
    EXPECT_EQ(first.size(), *std::prev(ends.upper_bound(most))) << most;
    EXPECT_EQ(first, text.substr(0, first.size()));
    const auto last = core::last_letters(text, most);
    EXPECT_TRUE(ends.contains(text.size() - last.size()));
    EXPECT_TRUE(last.size() <= most && last.size() + 4 > std::min(most, text.size())) << most;
    EXPECT_TRUE(text.ends_with(last));
  }
  EXPECT_EQ(core::first_letters("\xFF\xFF\xFF\xFF", 2), "\xFF\xFF")
      << "these bytes are no letter to keep whole";
  EXPECT_EQ(core::last_letters("\xA4\xA4\xA4\xA4", 3), "\xA4\xA4\xA4");
}

TEST(ForeignText, ALetterIsWrittenByItsNumber) {
  std::string text;
  for (const std::uint32_t letter : {0x61U, 0xE4U, 0x20ACU, 0x1F600U, 0U, 0xDCFFU, 0x110000U})
    core::append_letter(text, letter);
  EXPECT_EQ(text, "a\u00E4\u20AC\U0001F600\uFFFD\uFFFD\uFFFD");
}

TEST(Tables, NumbersOfATransposeAreInRowOrder) {
  auto column = good_column();
  std::swap(column.shape[0], column.shape[1]);  // the transpose
  std::swap(column.strides[0], column.strides[1]);
  freshframe_value value{};
  value.columns = {&column, 1, sizeof column};
  const auto table = checked_table(value);
  EXPECT_EQ(numbers<float>(table.columns[0]), (std::vector<float>{0, 4, 1, 5, 2, 6, 3, 7}));
}

}  // namespace
}  // namespace freshframe::plugin
