// Findings on GPUs: sources that lose frames or fall behind because a GPU does not decode fast enough.
// SPDX-License-Identifier: Apache-2.0
#include <chrono>
#include <cmath>
#include <cstdint>
#include <map>
#include <string>

#include "cpp/why/watched_graph.hpp"
#include <gtest/gtest.h>

namespace freshframe::core {
namespace {

class CardFinding : public FindingsTest {
 protected:
  // What happens to `cam`, which is decoded on a GPU, in one second.
  struct Second {
    double card_wait = .96;
    double slip = 0;            // seconds by which its lag grows
    std::uint64_t unread = 0;   // frames that were not read in time
    std::uint64_t network = 0;  // frames lost by the network
    double ready = 0;           // seconds for which its thread waited for a CPU
    std::string decoder = "cuda:0";
  };

  CardFinding() {
    cam().source.emplace();
    run_queue_.node_threads = {{0, 100}};
  }

  void decode(std::chrono::seconds time, const Second& second) {
    cam().source->decoder = second.decoder;
    int look = 0;
    run(time, [&] {
      cam().source->card_wait += second.card_wait / 4;
      cam().source->behind = cam().source->behind.value_or(0) + second.slip / 4;
      run_queue_.waited[100] += second.ready / 4;
      if (++look % 4 != 0) return;
      cam().drops[NodeDropCause::Device] += second.unread;
      cam().drops[NodeDropCause::Lost] += second.network;
    });
  }
};

TEST_F(CardFinding, NamesASourceThatLosesFramesWhileItWaitsForItsCard) {
  decode(std::chrono::seconds(19), {.unread = 4});
  EXPECT_EQ(kinds(), Kinds());
  decode(std::chrono::seconds(6), {.unread = 4});
  ASSERT_EQ(kinds(), Kinds{"card cam"});
  EXPECT_EQ(findings_.present()[0].text,
            "waits for cuda:0 96 % of the time, and has lost 20 frames in the last 5 s.");
  EXPECT_TRUE(findings_.present()[0].remedy.starts_with("The GPU cannot decode faster"));
  EXPECT_NEAR(findings_.present()[0].evidence.at("card_wait_share"), .96, .01);
  decode(std::chrono::seconds(20), {.card_wait = .3});
  EXPECT_EQ(kinds(), Kinds());
}

TEST_F(CardFinding, NamesASourceWhoseLossesComeAtKeyframes) {
  for (int i = 0; i < 4; ++i) {
    decode(std::chrono::seconds(1), {.unread = 4});
    decode(std::chrono::seconds(9), {});
  }
  EXPECT_EQ(kinds(), Kinds{"card cam"});
}

TEST_F(CardFinding, NamesASourceThatFallsBehindWhileItWaitsForItsCard) {
  decode(std::chrono::seconds(26), {.slip = .1});
  ASSERT_EQ(kinds(), Kinds{"card cam"});
  EXPECT_EQ(findings_.present()[0].text,
            "waits for cuda:0 96 % of the time, and falls behind: its frames are 2.5 s late.");
  EXPECT_EQ(findings_.present()[0].evidence.at("lost"), 0);
}

// The lag may stop growing although the GPU is too slow, because the camera itself drops frames that are late.
TEST_F(CardFinding, StaysWhileASourceThatHasFallenBehindStaysThere) {
  decode(std::chrono::seconds(26), {.slip = .1});
  ASSERT_EQ(kinds(), Kinds{"card cam"});
  decode(std::chrono::seconds(60), {});
  ASSERT_EQ(kinds(), Kinds{"card cam"});
  EXPECT_EQ(findings_.present()[0].text,
            "waits for cuda:0 96 % of the time, and stays behind: its frames are 2.6 s late.");
  decode(std::chrono::seconds(35), {.slip = -.07});
  EXPECT_EQ(kinds(), Kinds());
}

TEST_F(CardFinding, EndsWhereTheCardHasTimeAgainAndAnotherHoldsTheSourceBack) {
  decode(std::chrono::seconds(26), {.slip = .1});
  ASSERT_EQ(kinds(), Kinds{"card cam"});
  decode(std::chrono::seconds(21), {.card_wait = .7});
  EXPECT_EQ(kinds(), Kinds());
}

TEST_F(CardFinding, ALagKeepsTheMinuteOfALoss) {
  decode(std::chrono::seconds(26), {.slip = .1, .unread = 4});
  decode(std::chrono::seconds(10), {});
  decode(std::chrono::seconds(40), {.slip = -.2});
  EXPECT_EQ(kinds(), Kinds{"card cam"});
  decode(std::chrono::seconds(30), {});
  EXPECT_EQ(kinds(), Kinds());
}

// The GPU is lost, or the source uses another decoder since it reconnected.
TEST_F(CardFinding, EndsOnceTheCpuDecodes) {
  decode(std::chrono::seconds(26), {.unread = 4});
  ASSERT_EQ(kinds(), Kinds{"card cam"});
  decode(std::chrono::seconds(6), {.unread = 4, .decoder = "cpu"});
  EXPECT_EQ(kinds(), Kinds());
}

TEST_F(CardFinding, IgnoresASourceThatTheGpuDoesNotSlowDown) {
  const std::map<std::string, Second> seconds = {
      {"keeps its pace", {}},
      {"is as late as before", {.slip = .01}},
      {"has a slow child", {.card_wait = .3, .slip = .5}},
      {"is short of processors", {.unread = 4, .ready = .5}},
      {"loses by the network", {.network = 4}},
      {"is decoded by the CPU", {.slip = .5, .decoder = "cpu"}},
  };
  for (const auto& [what, second] : seconds) {
    decode(std::chrono::seconds(30), second);
    EXPECT_EQ(kinds(), Kinds()) << what;
  }
}

// With the segments of a playlist, the lag is repeatedly larger at the end of a window than at its beginning.
TEST_F(CardFinding, IgnoresALagThatGoesUpAndDown) {
  for (const double period : {1., 2., 4.5}) {
    for (const bool rises : {true, false}) {
      double at = 0;
      run(std::chrono::seconds(60), [&] {
        at += .25;
        const double share = std::fmod(at, period) / period;
        cam().source->decoder = "cuda:0";
        cam().source->card_wait += .24;
        cam().source->behind = 2 + (rises ? share : -share);
      });
      EXPECT_EQ(kinds(), Kinds()) << period << (rises ? " up" : " down");
    }
  }
}

TEST_F(CardFinding, NamesASourceThatFallsBehindWhileItsLagGoesUpAndDown) {
  double at = 0;
  run(std::chrono::seconds(26), [&] {
    at += .25;
    cam().source->decoder = "cuda:0";
    cam().source->card_wait += .24;
    cam().source->behind = .2 * at + .2 * std::fmod(at, 1);
  });
  EXPECT_EQ(kinds(), Kinds{"card cam"});
}

TEST_F(CardFinding, IgnoresASourceThatHadAnOutage) {
  decode(std::chrono::seconds(11), {.slip = .5});
  ++cam().source->outages;
  decode(std::chrono::seconds(16), {.slip = .5});
  EXPECT_EQ(kinds(), Kinds());
}

}  // namespace
}  // namespace freshframe::core
