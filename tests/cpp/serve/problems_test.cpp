// The problems of a snapshot: their order, and findings that say the same as one of them.
// SPDX-License-Identifier: Apache-2.0
#include "serve/state/problems.hpp"

#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace freshframe::serve {
namespace {

// A scene, a camera that is away, a recorder that has lost samples, and a spool that cannot send.
class ProblemsTest : public testing::Test {
 protected:
  ProblemsTest() {
    seen_.time = 1000;
    seen_.still_limit = 5;
    seen_.graph.phase = core::LifePhase::Running;
    seen_.graph.stats.nodes.resize(3);
    auto& nodes = seen_.graph.stats.nodes;
    nodes[0].name = "scene";
    nodes[1].name = "roof";
    nodes[1].source.emplace();
    nodes[1].source->last_error = "no route to host";
    nodes[2].name = "outbox";
    seen_.graph.nodes.resize(3);
    seen_.trouble.resize(3);
    seen_.away.resize(3);
    auto& edge = seen_.graph.stats.edges.emplace_back();
    edge.parent = "scene";
    edge.child = "recorder";
    edge.queue = kRecording;
    edge.drops[DropCause::QueueFull] = edge.lost = edge.dropped = 70;
    seen_.loss_times = {0};
  }

  void lose_a_frame_of_the_scene() {
    seen_.graph.stats.nodes[0].drops[NodeDropCause::Device] = 1;
    seen_.trouble[0].loss = 999;
  }
  std::vector<Problem> problems() const { return problems_of(seen_, EventLog()); }

  Snapshot seen_;
};

TEST_F(ProblemsTest, ALostFrameOfASceneNamesNoDevice) {
  lose_a_frame_of_the_scene();
  ASSERT_EQ(problems().size(), 1U);
  EXPECT_EQ(problems()[0].text, "lost 1 frame that was not read in time");
}

TEST_F(ProblemsTest, ResultsThatAreNotSentComeBeforeALostFrame) {
  lose_a_frame_of_the_scene();
  auto& spool = seen_.graph.stats.nodes[2].spool.emplace();
  spool.oldest_age = 60;
  spool.waiting = 9;
  ASSERT_EQ(problems().size(), 2U);
  EXPECT_EQ(problems()[0].kind, "spool");
  EXPECT_EQ(problems()[1].kind, "loss");
}

TEST_F(ProblemsTest, ASourceThatIsAwayHasOneLineWithTheRemedyOfItsFinding) {
  seen_.away[1] = 250;
  seen_.findings = {
      {.kind = "away", .subject = "roof", .text = "has given no frame.", .remedy = "Look.", .evidence = {}}};
  ASSERT_EQ(problems().size(), 1U);
  EXPECT_EQ(problems()[0].kind, "source");
  EXPECT_EQ(problems()[0].text, "no frames for 250 s: no route to host");
  EXPECT_EQ(problems()[0].remedy, "Look.");
  seen_.away[1].reset();  // it comes and goes
  ASSERT_EQ(problems().size(), 1U);
  EXPECT_EQ(problems()[0].kind, "source");
  EXPECT_EQ(problems()[0].text, "has given no frame.");
}

TEST_F(ProblemsTest, ARecorderThatLosesSamplesHasOneLineWithTheRemedyOfItsFinding) {
  seen_.loss_times = {999};
  seen_.findings = {{.kind = "loss",
                     .subject = "scene->recorder",
                     .text = "loses.",
                     .remedy = "Be faster.",
                     .evidence = {}}};
  ASSERT_EQ(problems().size(), 1U);
  EXPECT_TRUE(problems()[0].text.starts_with("70 samples lost")) << problems()[0].text;
  EXPECT_EQ(problems()[0].remedy, "Be faster.");
}

TEST_F(ProblemsTest, HealthFailsForAStillSourceOnlyWhereATimeWasGiven) {
  seen_.graph.stats.nodes[1].source->frozen = "still";
  seen_.graph.stats.nodes[1].source->frozen_for = 40;
  seen_.graph.stats.nodes[1].source->frozen_frames = 20;
  seen_.graph.stats.nodes[1].source->frozen_contents = 1;
  EXPECT_TRUE(health_of(seen_).good);
  seen_.graph.stats.nodes[1].source->frozen_is_ill = true;
  EXPECT_FALSE(health_of(seen_).good);
  EXPECT_EQ(health_of(seen_).reason,
            "source 'roof' has shown one picture for 40 s: 20 key pictures, 1 content");
  seen_.graph.stats.nodes[1].source->frozen.clear();
  EXPECT_TRUE(health_of(seen_).good);
}

TEST_F(ProblemsTest, ASourceThatStandsStillIsAProblemWithItsRemedy) {
  seen_.findings = {{.kind = "frozen",
                     .subject = "roof",
                     .text = "has shown one picture for 40 s.",
                     .remedy = "Restart it.",
                     .evidence = {}}};
  ASSERT_EQ(problems().size(), 1U);
  EXPECT_EQ(problems()[0].kind, "frozen");
  EXPECT_EQ(problems()[0].remedy, "Restart it.");
}

}  // namespace
}  // namespace freshframe::serve
