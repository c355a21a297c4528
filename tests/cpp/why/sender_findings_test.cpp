// Findings on browsers that send a camera: a slow link, a slow encoder, and what to do without a browser.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/stats.hpp"

#include <chrono>
#include <cstdint>
#include <string>

#include "cpp/why/watched_graph.hpp"
#include "why/rules.hpp"
#include <gtest/gtest.h>

namespace freshframe::core {
namespace {

class SenderFinding : public FindingsTest {
 protected:
  SenderFinding() {
    cam().source.emplace();
    cam().source->state = SourceState::Reading;
    auto& sender = cam().source->sender.emplace();
    sender.codec = "vp9";
    sender.arrives = 8e5;
    sender.encoding = 1.769;
    sender.round_trip = 0.08;
  }

  // `link`, `encoder`: how many of 30 frames per second the browser skips because of each.
  void send(std::chrono::seconds time, std::uint64_t link, std::uint64_t encoder) {
    int look = 0;
    run(time, [&] {
      if (++look % 4 != 0) return;
      auto& sender = *cam().source->sender;
      sender.camera_frames += 30;
      sender.skipped_link += link;
      sender.skipped_encoder += encoder;
      sender.sent += 30 - link - encoder;
    });
  }
};

TEST_F(SenderFinding, NamesASlowLinkUntilItIsFast) {
  send(std::chrono::seconds(25), 14, 1);
  ASSERT_EQ(kinds(), Kinds{"sender cam"});
  EXPECT_EQ(
      findings_.present()[0].text,
      "its browser skips 50 % of the camera's frames, because the link is too slow: 0.8 Mbit/s arrive, with "
      "a round trip of 80 ms.");
  EXPECT_NEAR(findings_.present()[0].evidence.at("skipped_share"), .5, .01);
  send(std::chrono::seconds(25), 1, 1);
  EXPECT_EQ(kinds(), Kinds());
}

TEST_F(SenderFinding, NamesASlowEncoder) {
  send(std::chrono::seconds(25), 0, 20);
  ASSERT_EQ(kinds(), Kinds{"sender cam"});
  EXPECT_EQ(
      findings_.present()[0].text,
      "its browser skips 67 % of the camera's frames, because its encoder is too slow: vp9 takes 1.8 s for a "
      "frame.");
}

TEST_F(SenderFinding, IsSilentAboutAFewSkippedFrames) {
  send(std::chrono::seconds(25), 5, 3);
  EXPECT_EQ(kinds(), Kinds());
}

TEST(AwayRemedy, NamesTheLinkWhereABrowserIsAwaited) {
  SourceStats source;
  source.state = SourceState::BackingOff;
  EXPECT_NE(away_remedy(source).find("freshframe probe"), std::string::npos);
  source.state = SourceState::WaitingSender;
  EXPECT_NE(away_remedy(source).find("Dashboard.camera_url()"), std::string::npos);
  source.state = SourceState::Stalled;
  source.sender.emplace();
  EXPECT_NE(away_remedy(source).find("Dashboard.camera_url()"), std::string::npos);
}

}  // namespace
}  // namespace freshframe::core
