// The JSON of the server: escapes, UTF-8 and numbers.
// SPDX-License-Identifier: Apache-2.0
#include "serve/state/json.hpp"

#include <cmath>
#include <limits>
#include <string>
#include <string_view>
#include <utility>

#include <gtest/gtest.h>

using namespace freshframe::serve;  // NOLINT(google-build-using-namespace)

namespace {

std::string json_of(std::string_view text) {
  std::string out;
  append_json(out, text);
  return out;
}

TEST(Json, EscapesWhatCouldEndAStringAScriptOrALine) {
  EXPECT_EQ(json_of("plain é"), "\"plain é\"");
  EXPECT_EQ(json_of("a\"b\\c"), R"("a\"b\\c")");
  EXPECT_EQ(json_of("</script>&"), R"("\u003c/script\u003e\u0026")");
  EXPECT_EQ(json_of(std::string_view("\0\n\x1f\x7f", 4)), R"("\u0000\u000a\u001f\u007f")");
  EXPECT_EQ(json_of("\xE2\x80\xA8\xE2\x80\xA9"), R"("\u2028\u2029")");
}

TEST(Json, ReplacesBytesThatAreNoUtf8) {
  EXPECT_EQ(json_of("a\xFFz"), "\"a\xEF\xBF\xBDz\"");
  EXPECT_EQ(json_of("\xC0\xAF"), "\"\xEF\xBF\xBD\xEF\xBF\xBD\"");  // an overlong encoding of "/"
  EXPECT_EQ(json_of("\xED\xA0\x80"), "\"\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\"");  // half of a surrogate pair
  EXPECT_EQ(json_of("\xF4\x90\x80\x80").find('\xF4'), std::string::npos);          // above U+10FFFF
  EXPECT_EQ(json_of("\xE2\x82"), "\"\xEF\xBF\xBD\xEF\xBF\xBD\"");                  // cut off
  EXPECT_EQ(json_of("\xF0\x9F\x98\x80"), "\"\xF0\x9F\x98\x80\"");
}

TEST(Json, WritesCommasAndNumbers) {
  JsonWriter json;
  json.begin_object().member("a", 1).key("b").begin_array().value(0.5).value(true).null();
  json.value(std::nan("")).value(std::numeric_limits<double>::infinity()).value(1e300).end_array();
  json.key("c").begin_object().end_object().member("d", "x").end_object();
  EXPECT_EQ(std::move(json).take(), R"({"a":1,"b":[0.5,true,null,null,null,1e+300],"c":{},"d":"x"})");
}

}  // namespace
