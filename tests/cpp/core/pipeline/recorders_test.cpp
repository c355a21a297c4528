// What a recorder has lost is in the log when it ends, unless nobody wanted it.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/pipeline.hpp"

#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>

#include "core/drain_time.hpp"
#include "cpp/core/test_nodes.hpp"
#include "cpp/heard_log.hpp"
#include "cpp/support.hpp"
#include <gtest/gtest.h>

namespace freshframe::test {
namespace {

/// Writes each sample when the gate lets it.
class GatedRecorder final : public Node<int, Nothing> {
 public:
  GatedRecorder(Gate& gate, std::optional<std::string> path) : gate_(gate), path_(std::move(path)) {}
  [[nodiscard]] bool is_recorder() const override { return true; }
  [[nodiscard]] std::optional<std::string> records_to() const override { return path_; }
  std::optional<Nothing> process(const Sample<int>& /*sample*/, const Context& context) override {
    gate_.pass(context);
    return std::nullopt;
  }

 private:
  Gate& gate_;
  std::optional<std::string> path_;
};

/// Six samples for a recorder that holds the first while the others come, into a queue for two.
struct GatedRecording {
  GatedRecording(WhenFull when_full, std::optional<std::string> path) {
    pipeline.add(std::make_unique<GatedRecorder>(gate, std::move(path)),
                 pipeline.add(feed_source(feed, Kind::Live)),
                 {.name = "recorder", .queue = Queue{2, when_full}});
    pipeline.start();
    feed.push_and_settle(0);
    gate.wait_entered(1);
  }
  void finish() {
    gate.open();
    feed.finish();
    EXPECT_TRUE(pipeline.wait());
  }
  [[nodiscard]] int warnings(const std::string& text) const { return log.count(LogLevel::Warning, text); }

  HeardLog log;
  Feed<int> feed;
  Gate gate;
  CheckedPipeline pipeline;
};

TEST(Recorder, ThatLosesSamplesSaysAtItsEndHowManyAndWhichFile) {
  GatedRecording at(WhenFull::DropOldest, "a.mkv");
  for (int i = 1; i < 6; ++i) at.feed.push_and_settle(i);
  EXPECT_EQ(at.warnings(" lost "), 0);
  at.finish();
  EXPECT_EQ(at.warnings("recorder 'recorder' lost 3 of 6 samples: 'a.mkv' is not complete"), 1);
}

TEST(Recorder, OfSeveralFilesNamesNone) {
  GatedRecording at(WhenFull::DropNewest, std::nullopt);
  for (int i = 1; i < 6; ++i) at.feed.push_and_settle(i);
  at.finish();
  EXPECT_EQ(at.warnings("recorder 'recorder' lost 3 of 6 samples: its files are not complete"), 1);
}

TEST(Recorder, ThatLosesNothingOrOnlyWhatAStopLeavesOutSaysNothing) {
  for (const bool stops : {false, true}) {
    GatedRecording at(WhenFull::DropOldest, "a.mkv");
    at.feed.push_and_settle(1);
    if (stops) at.pipeline.stop();
    at.finish();
    EXPECT_EQ(at.warnings(" lost "), 0) << stops;
  }
}

TEST(Recorder, WithAQueueThatIsMadeToDropSaysNothing) {
  HeardLog log;
  Gate gate;
  Feed<int> feed;
  CheckedPipeline pipeline;
  pipeline.add(std::make_unique<GatedRecorder>(gate, "a.mkv"), pipeline.add(feed_source(feed, Kind::Live)),
               {.name = "recorder", .queue = kLatest});
  pipeline.start();
  feed.push_and_settle(0);
  gate.wait_entered(1);
  for (int i = 1; i < 6; ++i) feed.push_and_settle(i);
  gate.open();
  feed.finish();
  EXPECT_TRUE(pipeline.wait());
  EXPECT_EQ(drops_of(edge_of(pipeline, "source", "recorder"), DropCause::QueueFull), 4U);
  EXPECT_EQ(log.count(LogLevel::Warning, " lost "), 0);
}

TEST(Recorder, TakesWhatWaitsAtAStopForALimitedTime) {
  for (const auto late : {Seconds{0}, Seconds{1}}) {
    const auto clock = std::make_shared<SimulatedClock>();
    Feed<int> feed;
    Gate gate(/*heeds_stop=*/false);
    CheckedPipeline pipeline(clock);
    pipeline.add(std::make_unique<GatedRecorder>(gate, "a.mkv"), pipeline.add(feed_source(feed, Kind::Live)),
                 {.name = "recorder", .queue = Queue{4}});
    pipeline.start();
    feed.push_and_settle(0);
    gate.wait_entered(1);
    feed.push_and_settle(1);
    feed.push_and_settle(2);
    {
      const std::jthread end([&] {
        wait_until([&] { return node_of(pipeline, "source").state == NodeState::Ended; });
        if (late > Seconds{0}) clock->advance(core::kDrainTime + late);
        gate.open();
      });
      pipeline.stop();
    }
    const auto edge = edge_of(pipeline, "source", "recorder");
    EXPECT_EQ(edge.delivered, late > Seconds{0} ? 1U : 3U);
    EXPECT_EQ(drops_of(edge, DropCause::Stop), late > Seconds{0} ? 2U : 0U);
  }
}

}  // namespace
}  // namespace freshframe::test
