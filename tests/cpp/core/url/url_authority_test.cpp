// The positions of user, host and port in a URL, including URLs that violate the RFCs.
// SPDX-License-Identifier: Apache-2.0
#include "core/url/url_authority.hpp"

#include <string>
#include <string_view>

#include "core/url/masked_url.hpp"
#include <gtest/gtest.h>

namespace freshframe::test {

using namespace freshframe::core;  // NOLINT(google-build-using-namespace)

namespace {

/// "user|host|port and rest of the authority", '-' for no user.
std::string parts_of(std::string_view url) {
  const auto parts = parse_authority(url, url.find("://") + 3);
  const auto user =
      parts.user_end ? std::string(url.substr(parts.begin, *parts.user_end - parts.begin)) : "-";
  return user + "|" + std::string(url.substr(parts.host_begin, parts.host_end - parts.host_begin)) + "|" +
         std::string(url.substr(parts.host_end, parts.end - parts.host_end));
}

TEST(UrlAuthority, FindsUserHostAndPort) {
  EXPECT_EQ(parts_of("rtsp://host/a@b:c"), "-|host|");
  EXPECT_EQ(parts_of("rtsp://user:secret@host:554/a"), "user:secret|host|:554");
  EXPECT_EQ(parts_of("rtsp://user@[::1]:554?a"), "user|[::1]|:554");
}

TEST(UrlAuthority, TheLastAtSignEndsTheUser) {
  EXPECT_EQ(parts_of("rtsp://user:se@c:ret@host:1#x"), "user:se@c:ret|host|:1");
}

TEST(UrlAuthority, KeepsToTheTextWhenPartsAreMissing) {
  EXPECT_EQ(parts_of("rtsp://"), "-||");
  EXPECT_EQ(parts_of("rtsp:///a"), "-||");
  EXPECT_EQ(parts_of("rtsp://user:secret@"), "user:secret||");
  EXPECT_EQ(parts_of("rtsp://[::1"), "-|[::1|");
  EXPECT_EQ(parts_of("rtsp://[::1/a]"), "-|[::1|");
  EXPECT_EQ(mask_passwords("rtsp://user:secret@"), "rtsp://user:***@");
  EXPECT_EQ(mask_passwords("rtsp://user:1@[::1"), "rtsp://user:***@[::1");
}

}  // namespace
}  // namespace freshframe::test
