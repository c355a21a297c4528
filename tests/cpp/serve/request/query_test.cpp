// The query parameters of a URL: absent, unreadable, unknown and duplicate ones.
// SPDX-License-Identifier: Apache-2.0
#include "serve/request/query.hpp"

#include <gtest/gtest.h>

using namespace freshframe::serve;  // NOLINT(google-build-using-namespace)

namespace {

TEST(Query, TellsAbsentFromUnreadableAndFromNought) {
  using Is = Parameter;
  const auto value = [](const char* query) { return query_value(query, "at"); };
  EXPECT_EQ(value("a=1&at=x%3D&at=y").text, "x=");
  EXPECT_EQ(value("at").is, Is::Read);
  for (const char* query : {"", "ats=1&&=", "%61t=1"}) EXPECT_EQ(value(query).is, Is::Absent) << query;
  for (const char* query : {"at=%", "at=-3%zz", "at=-3%00"})
    EXPECT_EQ(value(query).is, Is::Unreadable) << query;
  double number = 7;
  EXPECT_EQ(read_number("b=1", "at", -5, 5, number), Is::Absent);
  for (const char* query : {"at=", "at=x", "at=3x", "at=6", "at=nan", "at=inf", "at=+3", "at=3%", "at= 3"})
    EXPECT_EQ(read_number(query, "at", -5, 5, number), Is::Unreadable) << query;
  EXPECT_EQ(number, 7);
  EXPECT_EQ(read_number("at=0", "at", -5, 5, number), Is::Read);
  EXPECT_EQ(number, 0);
  EXPECT_TRUE(has_parameter("at=%zz", "at"));
}

TEST(Query, RefusesWhatWouldBeAnsweredAsAnotherQuestion) {
  EXPECT_EQ(find_query_fault("", {}), "");
  EXPECT_EQ(find_query_fault("a=1&&b=2", {"a", "b"}), "");
  for (const char* query : {"c=1", "a=1&c", "a=%", "%=1", "a=1&a=1", "=1", "A=1"})
    EXPECT_NE(find_query_fault(query, {"a", "b"}), "") << query;
  EXPECT_EQ(find_query_fault("c=1", {"a", "b"}), "there is no parameter 'c' here: the parameters are a, b");
  EXPECT_EQ(find_query_fault("c=1", {}), "there is no parameter 'c' here: this address has no parameters");
}

TEST(Query, DecodesAddresses) {
  EXPECT_EQ(strictly_decoded("a%20b%2Fc+d", false), "a b/c+d");
  EXPECT_EQ(strictly_decoded("a+b", true), "a b");
  for (const char* text : {"%", "%4", "%zz", "%00"}) EXPECT_FALSE(strictly_decoded(text, false)) << text;
}

}  // namespace
