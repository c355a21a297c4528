// The parts of a network source's URL, and what each scheme permits.
// SPDX-License-Identifier: Apache-2.0
#include "core/url/live_url.hpp"

#include <string>

#include <gtest/gtest.h>

namespace freshframe::test {

using namespace freshframe::core;  // NOLINT(google-build-using-namespace)

namespace {

TEST(LiveUrl, FindsTheHostBetweenCredentialsPortAndPath) {
  const LiveUrl url("RTSP://joe:p@ss@cam1.local:554/a?b=c@d");
  EXPECT_EQ(url.scheme, "rtsp");
  EXPECT_EQ(url.host, "cam1.local");
  EXPECT_EQ(url.at("192.0.2.1"), "rtsp://joe:p@ss@192.0.2.1:554/a?b=c@d") << "FFmpeg knows no capitals";
  EXPECT_EQ(LiveUrl("rtsp://[::1]:8554/a").host, "::1");
  EXPECT_EQ(LiveUrl("tcp://host").at("::1"), "tcp://[::1]");
  EXPECT_EQ(LiveUrl("udp://@:5000").host, "");
  EXPECT_EQ(LiveUrl("http://host?x=y").host, "host");
  EXPECT_EQ(LiveUrl("clip.mp4").scheme, "");
}

TEST(LiveUrl, MayLeadToEverySchemeOfALiveSourceAndToNoFile) {
  const auto list = "," + followed_protocols() + ",";
  for (const std::string scheme :
       {"rtsp", "rtsps", "http", "https", "tcp", "udp", "rtmp", "rtmps", "srt", "rtp"}) {
    EXPECT_TRUE(is_live_scheme(scheme)) << scheme;
    EXPECT_NE(list.find("," + scheme + ","), std::string::npos) << scheme;
  }
  for (const std::string helper : {"tls", "crypto", "httpproxy"}) {
    EXPECT_NE(list.find("," + helper + ","), std::string::npos) << helper;
  }
  for (const std::string local : {"file", "pipe", "fd", "concat", "subfile", "unix", "data"}) {
    EXPECT_EQ(list.find("," + local + ","), std::string::npos) << local;
  }
}

TEST(LiveUrl, OnlyWhatDoesNotSendTheNameToTheServerIsOpenedByAddress) {
  EXPECT_TRUE(LiveUrl("rtsp://host/").may_use_address());
  EXPECT_TRUE(LiveUrl("tcp://host:1").may_use_address());
  for (const auto* url : {"http://host/", "https://host/", "rtsps://host/"}) {
    EXPECT_FALSE(LiveUrl(url).may_use_address()) << url;
  }
}

}  // namespace

}  // namespace freshframe::test
