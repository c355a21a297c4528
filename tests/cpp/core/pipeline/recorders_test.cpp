// A recorder logs the samples that it has lost when it ends, unless its queue drops them by design.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/pipeline.hpp"

#include <memory>
#include <optional>
#include <stop_token>
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

/// Stores its stop token, then writes a sample once the gate opens.
class GatedRecorder final : public Node<int, Nothing> {
 public:
  GatedRecorder(Gate& gate, std::optional<std::string> path, std::stop_token& stop)
      : gate_(gate), path_(std::move(path)), stop_(stop) {}
  [[nodiscard]] NodeContract contract() const override { return {.records_to = path_, .records = true}; }
  std::optional<Nothing> process(const Sample<int>& sample, const Context& context) override {
    if (sample.value == 0) stop_ = context.stop;
    gate_.pass(context);
    return std::nullopt;
  }

 private:
  Gate& gate_;
  std::optional<std::string> path_;
  std::stop_token& stop_;  // written before the gate, read after it
};

/// A recorder that is held with its first sample, downstream of a queue.
struct GatedRecording {
  explicit GatedRecording(Queue queue, std::optional<std::string> path = "a.mkv") {
    pipeline.add(std::make_unique<GatedRecorder>(gate, std::move(path), stop),
                 pipeline.add(feed_source(feed, Kind::Live)), {.name = "recorder", .queue = queue});
    pipeline.start();
    feed.push_and_settle(0);
    gate.wait_entered(1);
  }
  void push(int first, int last) {
    for (int i = first; i <= last; ++i) feed.push_and_settle(i);
  }
  void finish() {
    gate.open();
    feed.finish();
    EXPECT_TRUE(pipeline.wait());
  }
  // Opens the gate this long after the stop has closed the queue.
  void stop_and_open_after(Seconds time) {
    const std::jthread end([&] {
      wait_until([&] { return stop.stop_requested(); });  // the queue is closed by then
      clock->advance(time);
      gate.open();
    });
    pipeline.stop(Seconds{60});
  }
  [[nodiscard]] int warnings(const std::string& text) const { return log.count(LogLevel::Warning, text); }
  [[nodiscard]] EdgeStats edge() const { return edge_of(pipeline, "source", "recorder"); }

  std::shared_ptr<SimulatedClock> clock = std::make_shared<SimulatedClock>();
  HeardLog log;
  Feed<int> feed;
  Gate gate{/*heeds_stop=*/false};
  std::stop_token stop;
  CheckedPipeline pipeline{clock};
};

TEST(Recorder, ThatLosesSamplesSaysAtItsEndHowManyAndWhichFile) {
  GatedRecording at(Queue{2, WhenFull::DropOldest});
  at.push(1, 5);
  EXPECT_EQ(at.warnings(" lost "), 0);
  at.finish();
  EXPECT_EQ(at.warnings("recorder 'recorder' lost 3 of 6 samples: 'a.mkv' is not complete"), 1);
}

TEST(Recorder, OfSeveralFilesNamesNone) {
  GatedRecording at(Queue{2, WhenFull::DropNewest}, std::nullopt);
  at.push(1, 5);
  at.finish();
  EXPECT_EQ(at.warnings("recorder 'recorder' lost 3 of 6 samples: its files are not complete"), 1);
}

TEST(Recorder, ThatLosesNothingSaysNothing) {
  GatedRecording at(Queue{2, WhenFull::DropOldest});
  at.push(1, 2);
  at.finish();
  EXPECT_EQ(at.edge().delivered, 3U);
  EXPECT_EQ(at.warnings(" lost "), 0);
}

TEST(Recorder, WithAQueueThatIsMadeToDropSaysNothing) {
  GatedRecording at(kLatest);
  at.push(1, 5);
  at.finish();
  EXPECT_EQ(drops_of(at.edge(), DropCause::QueueFull), 4U);
  EXPECT_EQ(at.warnings(" lost "), 0);
}

TEST(Recorder, TakesWhatWaitsAtAStopForALimitedTime) {
  GatedRecording quick(Queue{4});
  quick.push(1, 2);
  quick.stop_and_open_after(Seconds{0});
  EXPECT_EQ(quick.edge().delivered, 3U);
}

TEST(Recorder, LosesWhatWaitsBehindThatTimeAndSaysSo) {
  GatedRecording slow(Queue{4});
  slow.push(1, 2);
  slow.stop_and_open_after(core::kDrainTime + Seconds{1});
  EXPECT_EQ(slow.edge().delivered, 1U);
  EXPECT_EQ(drops_of(slow.edge(), DropCause::Stop), 2U);
  EXPECT_EQ(slow.warnings("recorder 'recorder' lost 2 of 3 samples: 'a.mkv' is not complete"), 1);
}

}  // namespace
}  // namespace freshframe::test
