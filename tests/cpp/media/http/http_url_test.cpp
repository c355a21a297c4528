// The parts of HTTP URLs, and the targets of redirects.
// SPDX-License-Identifier: Apache-2.0
#include "media/http/http_url.hpp"

#include <gtest/gtest.h>

namespace freshframe::media::test {
namespace {

TEST(HttpUrl, HasItsPartsWithoutCredentials) {
  const auto url = parse_http_url("http://jo%40e:p%2Fw:x@Host/a?b=/c#d");
  ASSERT_TRUE(url);
  EXPECT_EQ(url->plain, "http://Host/a?b=/c#d");
  EXPECT_EQ(url->origin, "http://host:80");
  EXPECT_EQ(url->path, "/a?b=/c");
  EXPECT_EQ(url->credentials, (Credentials{"jo@e", "p/w:x"}));
  EXPECT_EQ(parse_http_url("HTTPS://host")->origin, "https://host:443");
  EXPECT_EQ(parse_http_url("https://host:8443/")->origin, "https://host:8443");
  EXPECT_EQ(parse_http_url("http://[::1]:81?x")->origin, "http://[::1]:81");
  EXPECT_EQ(parse_http_url("http://[::1]:81?x")->path, "/?x");
  EXPECT_EQ(parse_http_url("http://host:/")->origin, "http://host:80");
  EXPECT_EQ(parse_http_url("http://token@host/")->credentials, (Credentials{"token", ""}));
  EXPECT_EQ(parse_http_url("http://@host/")->credentials, std::nullopt);
  EXPECT_EQ(parse_http_url("crypto+http://u:p@host/a.ts")->plain, "crypto+http://host/a.ts");
  EXPECT_EQ(parse_http_url("crypto+https://host/a.ts")->origin, "https://host:443");
  for (const char* other : {"rtsp://u:p@host/", "file:a", "a.mp4", "", "http:/host", "udp://host:1"}) {
    EXPECT_FALSE(parse_http_url(other)) << other;
  }
}

TEST(HttpUrl, IsResolvedFromTheOneThatWasAskedFor) {
  const auto* const base = "http://host:81/a/b?c=/d";
  EXPECT_EQ(resolve_http_url(base, "https://other/x"), "https://other/x");
  EXPECT_EQ(resolve_http_url(base, "//other/x"), "http://other/x");
  EXPECT_EQ(resolve_http_url(base, "/x?y"), "http://host:81/x?y");
  EXPECT_EQ(resolve_http_url(base, "x"), "http://host:81/a/x");
  EXPECT_EQ(resolve_http_url(base, "?x"), "http://host:81/a/b?x");
  EXPECT_EQ(resolve_http_url(base, " /x "), "http://host:81/x");
  EXPECT_EQ(resolve_http_url(base, "/x?u=http://other/"), "http://host:81/x?u=http://other/");
  EXPECT_EQ(resolve_http_url("http://host", "x"), "http://host/x");
}

}  // namespace
}  // namespace freshframe::media::test
