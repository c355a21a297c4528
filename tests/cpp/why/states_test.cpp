// States: each is reported from the first look that shows it, in one line, and ends when its reason ends.
// SPDX-License-Identifier: Apache-2.0
#include "why/states.hpp"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "cpp/why/watched_graph.hpp"
#include <gtest/gtest.h>

namespace freshframe::core {
namespace {

class StatesTest : public FindingsTest {
 protected:
  void look() {
    now_ += kLook;
    findings_.follow(seen_, now_);
  }
  // Returns the only finding.
  Finding found() {
    const auto all = findings_.present();
    EXPECT_EQ(all.size(), 1U) << testing::PrintToString(kinds());
    return all.empty() ? Finding{} : all.front();
  }
  void lose_a_frame() {
    cam().drops[NodeDropCause::Device] += 1;
    cam().dropped += 1;
    cam().lost += 1;
  }
};

TEST_F(StatesTest, ALostFrameOfASceneNamesNoDeviceAndIsShownForTenSeconds) {
  lose_a_frame();
  look();
  EXPECT_EQ(found().kind, "loss");
  EXPECT_EQ(found().text, "lost 1 frame that was not read in time.");
  EXPECT_EQ(found().evidence.at("ago"), 0);
  run(std::chrono::seconds(9));
  EXPECT_EQ(found().kind, "loss");
  EXPECT_EQ(found().evidence.at("ago"), 9);
  run(std::chrono::seconds(2));
  EXPECT_EQ(kinds(), Kinds());
}

// Sources without SourceStats, such as a demo scene, are described as sources too.
TEST_F(StatesTest, ALossIsDescribedByItsCauseAndByTheKindOfItsNode) {
  struct Row {
    NodeKind kind;
    NodeDropCause cause;
    std::uint64_t count;
    std::string text;
  };
  const std::vector<Row> rows = {
      {NodeKind::Source, NodeDropCause::Device, 1, "lost 1 frame that was not read in time."},
      {NodeKind::Source, NodeDropCause::Device, 2, "lost 2 frames that were not read in time."},
      {NodeKind::Node, NodeDropCause::Device, 1, "lost 1 frame with the GPU that held it."},
      {NodeKind::Node, NodeDropCause::Device, 2, "lost 2 frames with the GPU that held them."},
      {NodeKind::Sink, NodeDropCause::Device, 2, "lost 2 frames with the GPU that held them."},
      {NodeKind::Source, NodeDropCause::Decode, 1, "lost 1 frame in the decoder."},
      {NodeKind::Source, NodeDropCause::Pool, 1, "lost 1 frame because the pool had no room."},
      {NodeKind::Source, NodeDropCause::Repeated, 1, "lost 1 frame that the server had sent before."},
      {NodeKind::Source, NodeDropCause::Lost, 1, "lost 1 frame on the network."},
      {NodeKind::Sink, NodeDropCause::Lost, 1, "lost 1 frame while it was written or sent."},
      {NodeKind::Sink, NodeDropCause::Lost, 2, "lost 2 frames while they were written or sent."},
      {NodeKind::Node, NodeDropCause::Worker, 1, "lost 1 frame with a worker process."},
      {NodeKind::Node, NodeDropCause::Stop, 1, "lost 1 frame when the pipeline stopped."},
  };
  for (const bool has_source : {false, true}) {
    for (const auto& [kind, cause, count, text] : rows) {
      SCOPED_TRACE(text);
      run(std::chrono::seconds(11));  // until the previous loss is no longer shown
      seen_.nodes[0].kind = kind;
      cam().source.reset();
      if (has_source && kind == NodeKind::Source) cam().source.emplace().state = SourceState::Reading;
      cam().drops = {{cause, count}};
      cam().lost += count;
      look();
      EXPECT_EQ(found().text, text);
    }
  }
}

TEST_F(StatesTest, DropsByDesignAreNotLosses) {
  cam().drops[NodeDropCause::NotDecoded] = cam().dropped = 240;
  into_x().queue = kLatest;
  into_x().drops[DropCause::QueueFull] = into_x().dropped = 100;
  look();
  EXPECT_EQ(kinds(), Kinds());
  EXPECT_FALSE(is_lost(cam(), NodeDropCause::NotDecoded));
  EXPECT_FALSE(is_lost(into_x(), DropCause::QueueFull));
  into_x().queue = kRecording;
  EXPECT_TRUE(is_lost(into_x(), DropCause::QueueFull));
  EXPECT_FALSE(is_lost(into_x(), DropCause::Rate));
}

TEST_F(StatesTest, ResultsThatAreNotSentComeBeforeALostFrame) {
  lose_a_frame();
  auto& spool = x().spool.emplace();
  spool.oldest_age = 60;
  spool.waiting = 9;
  spool.last_error = "refused";
  look();
  EXPECT_EQ(kinds(), (Kinds{"spool X", "loss cam"}));
  EXPECT_EQ(findings_.present()[0].text, "9 results have not been sent, the oldest for 60 s: refused.");
}

TEST_F(StatesTest, AStalledCameraDoesNotNameTheErrorOfItsLastOutage) {
  auto& source = cam().source.emplace();
  source.last_error = "cannot open 'rtsp://10.0.0.7/door': connection refused";
  source.state = SourceState::Stalled;
  run(std::chrono::seconds(3));
  ASSERT_EQ(kinds(), Kinds{"away cam"});
  EXPECT_EQ(found().text.find("refused"), std::string::npos);
  source.state = SourceState::BackingOff;
  run(std::chrono::seconds(1));
  EXPECT_NE(found().text.find("refused"), std::string::npos);
}

// Nothing sends them any longer, however short the wait has been.
TEST_F(StatesTest, ResultsThatAreNotSentAreShownAfterTheEnd) {
  auto& spool = x().spool.emplace();
  spool.oldest_age = 3;
  spool.waiting = 632;
  look();
  EXPECT_EQ(kinds(), Kinds());
  x().state = NodeState::Ended;  // the other branches continue
  look();
  EXPECT_EQ(kinds(), Kinds{"spool X"});
  for (const auto phase : {LifePhase::Ended, LifePhase::Stopped, LifePhase::Failed}) {
    seen_.phase = phase;
    run(std::chrono::seconds(30));
    const auto all = findings_.present();
    const auto found = std::ranges::find(all, "spool", &Finding::kind);
    ASSERT_NE(found, all.end());
    EXPECT_EQ(found->text, "632 results have not been sent, the oldest for 3.0 s.");
    EXPECT_NE(found->remedy, "");
  }
  spool.waiting = 0;
  seen_.phase = LifePhase::Ended;
  look();
  EXPECT_EQ(kinds(), Kinds());
}

// There is no time limit, because the first look may come long after the end.
TEST_F(StatesTest, LossesAndErrorsOfTheRunAreShownAfterTheEndWithoutALimitOfTime) {
  for (const auto phase : {LifePhase::Ended, LifePhase::Stopped}) {
    lose_a_frame();
    into_x().queue = kRecording;
    into_x().lost = into_x().drops[DropCause::QueueFull] = into_x().dropped = 4;
    x().errors = 2;
    x().last_error = "no";
    run(std::chrono::seconds(20));
    EXPECT_EQ(kinds(), Kinds());
    seen_.phase = phase;
    look();
    EXPECT_EQ(kinds(), (Kinds{"error X", "loss cam", "loss cam->X"}));
    run(std::chrono::seconds(60));
    EXPECT_EQ(kinds(), (Kinds{"error X", "loss cam", "loss cam->X"}));
    seen_.phase = LifePhase::Running;
  }
}

TEST_F(StatesTest, ALossOnABusyMachineIsReportedAsSuch) {
  double waited = 0;
  around_.waited = [&](int /*node*/) { return std::optional(waited); };
  run(std::chrono::seconds(12), [&] { waited += 0.0005; });
  lose_a_frame();
  run(std::chrono::seconds(2), [&] { waited += 0.0005; });
  EXPECT_EQ(found().text, "lost 1 frame that was not read in time.");
  EXPECT_EQ(found().remedy, "");
  lose_a_frame();
  run(std::chrono::seconds(9), [&] { waited += 0.1; });
  EXPECT_TRUE(
      found().text.starts_with("lost 2 frames that were not read in time. The machine is busy: cam waited "
                               "for a processor "))
      << found().text;
  EXPECT_EQ(found().remedy, "Run fewer nodes, or fewer programs on this machine.");
}

TEST_F(StatesTest, ARecorderThatLosesSamplesOnABusyMachineIsNotCalledTooSlowAlone) {
  double waited = 0;
  around_.waited = [&](int /*node*/) { return std::optional(waited); };
  into_x().queue = kRecording;
  run(std::chrono::seconds(9), [&] {
    waited += 0.1;
    into_x().lost = ++into_x().drops[DropCause::QueueFull];
  });
  EXPECT_NE(found().text.find("The machine is busy: X waited for a processor "), std::string::npos)
      << found().text;
  EXPECT_EQ(found().remedy, "Run fewer nodes, or fewer programs on this machine, or give it max_rate=.");
}

TEST_F(StatesTest, ASourceThatIsAwayHasOneLineFromTwoSecondsOnUntilItIsBack) {
  auto& source = cam().source.emplace();
  source.state = SourceState::BackingOff;
  source.last_error = "no route to host";
  run(std::chrono::seconds(2));
  EXPECT_EQ(kinds(), Kinds());
  run(std::chrono::seconds(248));
  EXPECT_EQ(found().kind, "away");
  EXPECT_EQ(found().text, "has delivered no frames for 250 s: no route to host.");
  EXPECT_FALSE(found().remedy.empty());
  EXPECT_FALSE(found().ill);
  around_.away_limit = 100;
  look();
  EXPECT_TRUE(found().ill);
  EXPECT_EQ(found().text, "has delivered no frames for 250.0 s: no route to host.");
  EXPECT_EQ(found().evidence.at("away_after"), 100);
  source.state = SourceState::Reading;
  look();
  EXPECT_EQ(kinds(), Kinds());
}

TEST_F(StatesTest, AServersShorterLimitIsTheThresholdOfASourceThatIsAway) {
  cam().source.emplace().state = SourceState::BackingOff;
  around_.away_limit = 0.5;
  run(std::chrono::seconds(1));
  EXPECT_TRUE(found().ill);
}

TEST_F(StatesTest, ARecorderThatLosesSamplesHasOneLineWhichWindowsMakeBetter) {
  into_x().queue = kRecording;
  const auto step = [this] {
    overflow(60, 15)();
    into_x().lost = into_x().drops[DropCause::QueueFull];
  };
  run(std::chrono::seconds(1), step);
  EXPECT_EQ(found().text, "60 samples lost: X is slower than its source, and its queue RECORDING is full.");
  run(std::chrono::seconds(25), step);
  EXPECT_TRUE(found().text.starts_with("50 % of the samples are lost")) << found().text;
}

TEST_F(StatesTest, OnlyAStillSourceForWhichATimeWasGivenIsIll) {
  auto& source = cam().source.emplace();
  source.state = SourceState::Reading;
  source.frozen = "frozen";
  source.frozen_for = 40;
  source.frozen_frames = 20;
  source.frozen_contents = 1;
  look();
  EXPECT_FALSE(found().ill);
  source.frozen_is_ill = true;
  look();
  EXPECT_TRUE(found().ill);
  EXPECT_EQ(found().text, "has shown the same image for 40 s: 20 keyframes, 1 content.");
}

TEST_F(StatesTest, ExceptionsAreOneLineWithTheNewest) {
  x().errors = x().drops[NodeDropCause::Error] = x().dropped = x().lost = 3;
  x().last_error = "ValueError: not 3";
  look();
  EXPECT_EQ(found().kind, "error");
  EXPECT_EQ(found().text, "3 errors, the last: ValueError: not 3.");
  EXPECT_FALSE(found().ill);
}

TEST_F(StatesTest, TheErrorThatEndedThePipelineIsIllAndStays) {
  auto& failure = around_.failure.emplace();
  failure.node = "X";
  failure.text = "ValueError: not 3";
  look();
  EXPECT_EQ(kinds(), Kinds());
  seen_.phase = LifePhase::Failed;
  run(std::chrono::seconds(60));
  EXPECT_EQ(found().subject, "X");
  EXPECT_EQ(found().text, "failed: ValueError: not 3.");
  EXPECT_TRUE(found().ill);
}

TEST_F(StatesTest, AClockThatIsOffIsNamedWithItsOffset) {
  cam().source.emplace().state = SourceState::Reading;
  cam().source->clock_offset = -0.9;
  look();
  EXPECT_EQ(kinds(), Kinds());
  cam().source->clock_offset = -3612;
  look();
  EXPECT_EQ(found().text, "its clock is 3,612 s behind this machine's.");
  EXPECT_FALSE(found().remedy.empty());
}

TEST_F(StatesTest, TimestampsAtAnotherPaceAreNamedFromOnePerCentOn) {
  auto& source = cam().source.emplace();
  source.state = SourceState::Reading;
  for (const double exact : {1.0, 0.995, 1.005}) {
    source.pace = exact;
    look();
    EXPECT_EQ(kinds(), Kinds()) << exact;
  }
  source.pace = 0.8;
  look();
  EXPECT_EQ(found().kind, "pace");
  EXPECT_EQ(found().text,
            "its timestamps advance at 0.80 times real time: ages follow the arrivals, and pts follows the "
            "timestamps.");
  EXPECT_FALSE(found().remedy.empty());
  source.pace = 1.25;
  look();
  EXPECT_EQ(found().evidence.at("pace"), 1.25);
  seen_.phase = LifePhase::Ended;
  look();
  EXPECT_EQ(kinds(), Kinds());
}

TEST_F(StatesTest, AJoinWithoutASetReportsWhy) {
  x().join.emplace().reason = "no sample of door has come";
  look();
  EXPECT_EQ(found().kind, "join");
  EXPECT_EQ(found().text, "no sample of door has come.");
}

TEST_F(StatesTest, ACallThatHoldsTheGilIsNamedWithItsNode) {
  around_.gil.watching = true;
  auto& stall = around_.gil.now.emplace();
  stall.seconds = 2.5;
  stall.thread = "X";
  stall.native = "lib:f";
  look();
  EXPECT_EQ(found().kind, "gil");
  EXPECT_EQ(found().subject, "X");
  EXPECT_EQ(found().text, "has held the GIL for 2.5 s: lib:f (thread X).");
  around_.gil.now.reset();
  look();
  EXPECT_EQ(kinds(), Kinds());
  run(std::chrono::seconds(3), [this] { x().gil_hold += .24; });
  EXPECT_EQ(found().text, "holds the GIL 96 % of the time.");
}

TEST_F(StatesTest, APipelineInWhichNothingMovesHasStalled) {
  around_.pipeline = "door";
  around_.still_limit = 5;
  run(std::chrono::seconds(5));
  EXPECT_EQ(kinds(), Kinds());
  look();
  EXPECT_EQ(found().kind + " " + found().subject, "stall door");
  EXPECT_EQ(found().text, "stalled: no sample has moved for 5.0 s.");
  EXPECT_TRUE(found().ill);
  cam().processed += 1;
  look();
  EXPECT_EQ(kinds(), Kinds());
}

}  // namespace
}  // namespace freshframe::core
