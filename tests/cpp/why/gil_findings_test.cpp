// Findings on the GIL: nodes that wait for it, nodes that lose samples in the meantime, and which node holds
// it.
// SPDX-License-Identifier: Apache-2.0
#include <chrono>

#include "cpp/why/watched_graph.hpp"
#include <gtest/gtest.h>

namespace freshframe::core {
namespace {

class GilFinding : public FindingsTest {
 protected:
  // Simulates 25 s. `share`: fraction of the time that X waits for the GIL; `held_by_x`: that X holds it.
  void wait(double share, double held_by_x = 0) {
    run(std::chrono::seconds(25), [this, share, held_by_x] {
      x().gil_wait += .25 * share;
      x().gil_hold += .25 * held_by_x;
    });
  }
};

TEST_F(GilFinding, NamesTheNodeThatWaitsAndWhoHoldsTheGil) {
  spend(.046, AgeKind::Gil, "X", .026);
  wait(.4);
  ASSERT_EQ(kinds(), Kinds{"gil_wait X"});
  EXPECT_EQ(
      findings_.present()[0].text,
      "waits for the GIL for 26 of the 46 ms that samples are old at reader. The nodes hold it only 0 % of "
      "the time: another thread of the program holds it.");
}

TEST_F(GilFinding, NamesANodeThatHoldsIt) {
  spend(.046, AgeKind::Gil, "X", .026);
  wait(.4, .5);
  ASSERT_EQ(kinds(), Kinds{"gil_wait X"});
  EXPECT_TRUE(findings_.present()[0].text.ends_with("X holds it 50 % of the time."));
}

TEST_F(GilFinding, IgnoresASmallShareOfTheTimeOrOfTheAge) {
  spend(.046, AgeKind::Gil, "X", .026);
  wait(.04);
  EXPECT_EQ(kinds(), Kinds());
  spend(.100, AgeKind::Gil, "X", .030);
  wait(.4);
  EXPECT_EQ(kinds(), Kinds());
  spend(.018, AgeKind::Gil, "X", .015);  // a wait of 15 ms is too short
  wait(.4);
  EXPECT_EQ(kinds(), Kinds());
}

TEST_F(GilFinding, NeedsThirtySamples) {
  spend(.046, AgeKind::Gil, "X", .026);
  age().samples = 29;
  wait(.4);
  EXPECT_EQ(kinds(), Kinds());
}

// X loses some of the camera's samples.
class GilLossFinding : public GilFinding {
 protected:
  void starve(double share, double taken, double held_by_x = 0) {
    ages_.clear();
    run(std::chrono::seconds(25), [this, share, held_by_x, step = overflow(0, taken)] {
      step();
      x().gil_wait += .25 * share;
      x().gil_hold += .25 * held_by_x;
    });
  }
};

TEST_F(GilLossFinding, NamesANodeThatLosesSamplesWhileItWaitsForTheGil) {
  into_x().queue = kLatest;
  starve(.69, 15);
  ASSERT_EQ(kinds(), Kinds{"gil_wait X"});
  EXPECT_EQ(
      findings_.present()[0].text,
      "waits for the GIL 69 % of the time, and loses 50 % of the samples in the meantime. The nodes hold "
      "it only 0 % of the time: another thread of the program holds it.");
  EXPECT_NEAR(findings_.present()[0].evidence.at("lost_share"), .5, .01);
}

TEST_F(GilLossFinding, CountsWhatComesWhileTheNodeDoesNotWait) {
  into_x().queue = kNext;
  ages_.clear();
  run(std::chrono::seconds(25), [this] {
    into_x().passed_in += 30;
    into_x().delivered += 15;
    into_x().drops[DropCause::NoWaiter] += 15;
    x().gil_wait += .2;
  });
  EXPECT_EQ(kinds(), Kinds{"gil_wait X"});
}

TEST_F(GilLossFinding, NamesTheHolder) {
  into_x().queue = kLatest;
  starve(.5, 15, .3);
  ASSERT_EQ(kinds(), Kinds{"gil_wait X"});
  EXPECT_TRUE(findings_.present()[0].text.ends_with("X holds it 30 % of the time."));
}

TEST_F(GilLossFinding, NeedsALossAndAWaitThatExplainsIt) {
  into_x().queue = kLatest;
  starve(.69, 30);  // no loss
  EXPECT_EQ(kinds(), Kinds());
  starve(.2, 10);
  EXPECT_EQ(kinds(), Kinds());
  starve(.4, 5);  // without the wait, it would still take only 8 of 30
  EXPECT_EQ(kinds(), Kinds());
}

TEST_F(GilLossFinding, IgnoresNodesDownstreamOfAFile) {
  into_x().queue = kLatest;
  seen_.nodes[1].live = false;
  starve(.69, 15);
  EXPECT_EQ(kinds(), Kinds());
}

}  // namespace
}  // namespace freshframe::core
