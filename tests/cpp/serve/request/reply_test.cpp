// The head of a response: its length, its headers, and the security headers that every response has.
// SPDX-License-Identifier: Apache-2.0
#include "serve/request/reply.hpp"

#include <string>

#include <gtest/gtest.h>

namespace freshframe::test {
namespace {

using serve::format_head;

bool has_line(const std::string& head, const std::string& line) {
  return head.find("\r\n" + line + "\r\n") != std::string::npos;
}

TEST(ReplyHead, HasStatusTypeAndLength) {
  const auto head = format_head(serve::plain(404, "there is nothing here"), true);
  EXPECT_TRUE(head.starts_with("HTTP/1.1 404 Not Found\r\n")) << head;
  EXPECT_TRUE(has_line(head, "Content-Type: text/plain; charset=utf-8")) << head;
  EXPECT_TRUE(has_line(head, "Content-Length: 22")) << head;  // with the newline that plain() appends
  EXPECT_TRUE(head.ends_with("\r\n\r\n"));
  EXPECT_FALSE(has_line(head, "Connection: close"));
  EXPECT_TRUE(has_line(format_head({}, false), "Connection: close"));
}

TEST(ReplyHead, HasTheLengthOfAStaticBody) {
  EXPECT_TRUE(has_line(format_head({.fixed = "12345"}, true), "Content-Length: 5"));
}

TEST(ReplyHead, HasNoLengthWhereThereIsNoBodyOrItsEndIsUnknown) {
  for (const unsigned status : {204U, 304U}) {
    EXPECT_EQ(format_head({.status = status}, true).find("Content-Length"), std::string::npos) << status;
  }
  EXPECT_EQ(format_head({.sized = false}, true).find("Content-Length"), std::string::npos);
}

TEST(ReplyHead, IsProtectedUnlessOtherSitesMayEmbedThePage) {
  const auto head = format_head({}, true);
  EXPECT_TRUE(has_line(head, "X-Frame-Options: DENY"));
  EXPECT_NE(head.find("frame-ancestors 'none'"), std::string::npos);
  const auto framed = format_head({.framed = true}, true);
  EXPECT_EQ(framed.find("X-Frame-Options"), std::string::npos);
  EXPECT_NE(framed.find("frame-ancestors *"), std::string::npos);
  for (const auto& each : {head, framed}) {
    EXPECT_TRUE(has_line(each, "X-Content-Type-Options: nosniff"));
    EXPECT_TRUE(has_line(each, "Referrer-Policy: no-referrer"));
  }
}

TEST(ReplyHead, LetsAHeaderReplaceItsDefault) {
  const auto head = format_head(
      {.headers = "Cache-Control: no-cache\r\nCross-Origin-Resource-Policy: cross-origin\r\n"}, true);
  EXPECT_EQ(head.find("no-store"), std::string::npos);
  EXPECT_EQ(head.find("Cross-Origin-Resource-Policy: same-origin"), std::string::npos);
  const auto usual = format_head({}, true);
  EXPECT_TRUE(has_line(usual, "Cache-Control: no-store"));
  EXPECT_TRUE(has_line(usual, "Cross-Origin-Resource-Policy: same-origin"));
}

}  // namespace
}  // namespace freshframe::test
