// Who may use the server: tokens, hosts and origins.
// SPDX-License-Identifier: Apache-2.0
#include "serve/request/gate.hpp"

#include <optional>
#include <set>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

using namespace freshframe::serve;  // NOLINT(google-build-using-namespace)

namespace {

TEST(Gate, ComparesTokensOfAnyLengths) {
  EXPECT_TRUE(equal_in_constant_time("abc", "abc"));
  EXPECT_FALSE(equal_in_constant_time("abz", "abc"));
  EXPECT_FALSE(equal_in_constant_time("ab", "abc"));
  EXPECT_FALSE(equal_in_constant_time("abcabc", "abc"));
  EXPECT_FALSE(equal_in_constant_time("", "abc"));
}

TEST(Gate, MakesTokensThatDiffer) {
  std::set<std::string> tokens;
  for (int i = 0; i < 100; ++i) tokens.insert(make_token());
  EXPECT_EQ(tokens.size(), 100U);
  for (const auto& token : tokens) {
    EXPECT_EQ(token.size(), 32U);
    EXPECT_TRUE(is_plain_token(token));
  }
}

TEST(Gate, OnLoopbackAnswersToLoopbackNamesOnly) {
  const Gate gate({}, true, "box", 80);
  for (const char* host : {"127.0.0.1:8080", "127.1.2.3", "localhost", "LocalHost:1", "[::1]:99", "[::1]"}) {
    EXPECT_EQ(gate.judge({.host = host}), Verdict::Welcome) << host;
  }
  for (const char* host :
       {"", "evil.example", "127.0.0.1.evil.example", "localhost.evil.example", "box", "10.0.0.1",
        "localhost:", "localhost:x", "localhost:1234567", "[::1", "0x7f.1", "localhost@evil"}) {
    EXPECT_EQ(gate.judge({.host = host}), Verdict::WrongHost) << host;
  }
}

TEST(Gate, ElsewhereAnswersToAddressesAndTheMachinesName) {
  const Gate gate("0123456789abcdef", false, "Box", 80);
  const RequestHead head{.authorization = "Bearer 0123456789abcdef"};
  for (const char* host : {"10.0.0.1:8080", "[fe80::1]:80", "localhost", "box:80"}) {
    auto with_host = head;
    with_host.host = host;
    EXPECT_EQ(gate.judge(with_host), Verdict::Welcome) << host;
  }
  for (const RequestHead& rebound : {RequestHead{}, RequestHead{.cookie = "freshframe_80=0123456789abcdef"},
                                     RequestHead{.authorization = "Bearer 0123456789abcdeX"}}) {
    auto with_host = rebound;
    with_host.host = "evil.example";
    EXPECT_EQ(gate.judge(with_host), Verdict::WrongHost);
  }
}

TEST(Gate, AProgramWithTheTokenMayUseAnyNameButNotFromAPage) {
  const Gate gate("0123456789abcdef", false, "box", 80);
  const RequestHead program{.host = "watch:8080", .authorization = "Bearer 0123456789abcdef"};
  EXPECT_EQ(gate.judge(program), Verdict::Welcome);
  auto page = program;
  for (const char* origin : {"http://evil.example", "http://watch:8080"}) {
    page.origin = origin;
    EXPECT_EQ(gate.judge(page), Verdict::WrongOrigin);
  }
  const Gate open({}, true, "box", 80);
  EXPECT_EQ(open.judge({.host = "watch:8080", .authorization = "Bearer "}), Verdict::WrongHost);
}

// RFC 3986, 3.1. Browsers send lower case, and people write what they like.
TEST(Gate, TheSchemeOfAnOriginMayBeUpperCase) {
  EXPECT_TRUE(is_origin("HTTPS://my.site"));
  EXPECT_TRUE(is_origin("Http://my.site:8080"));
  EXPECT_FALSE(is_origin("FTP://my.site"));
  EXPECT_FALSE(is_origin("HTTPS://"));
  EXPECT_TRUE((PageOrigins{.listed = {"HTTPS://My.Site"}}.has("https://my.site")));
}

TEST(Gate, PagesOfOtherOriginsAreRefused) {
  const Gate gate({}, true, "box", 80);
  EXPECT_EQ(gate.judge({.host = "localhost:80", .origin = "http://localhost:80"}), Verdict::Welcome);
  for (const char* origin :
       {"http://evil.example", "null", "", "https://localhost:80", "http://localhost:81"}) {
    EXPECT_EQ(gate.judge({.host = "localhost:80", .origin = origin}), Verdict::WrongOrigin) << origin;
  }
}

TEST(Gate, TakesTheTokenFromHeaderAndCookie) {
  const Gate gate("0123456789abcdef", true, "box", 80);
  const auto judge = [&](std::string_view authorization, std::string_view cookie) {
    return gate.judge({.host = "localhost", .authorization = authorization, .cookie = cookie});
  };
  EXPECT_EQ(judge("Bearer 0123456789abcdef", ""), Verdict::Welcome);
  EXPECT_EQ(judge("bearer 0123456789abcdef", ""), Verdict::Welcome);
  EXPECT_EQ(judge("", "x=y; freshframe_80=0123456789abcdef; z=1"), Verdict::Welcome);
  for (const char* cookie : {"freshframe_80=", "freshframe_80", "freshframe_8=0123456789abcdef",
                             "freshframe_80=0", "xfreshframe_80=0123456789abcdef"}) {
    EXPECT_EQ(judge("", cookie), Verdict::NoToken) << cookie;
  }
  for (const char* header : {"", "Bearer", "Bearer ", "Basic 0123456789abcdef", "Bearer 0123456789abcdeF"}) {
    EXPECT_EQ(judge(header, ""), Verdict::NoToken) << header;
  }
}

}  // namespace
