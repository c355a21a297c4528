// Nodes whose idle() is called while no sample arrives.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/log.hpp"

#include <atomic>
#include <memory>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "cpp/core/test_nodes.hpp"
#include "cpp/support.hpp"
#include <gtest/gtest.h>

namespace freshframe::test {
namespace {

/// Its idle() is called once, 5 s after its last sample.
class Sleeper final : public Node<int, Nothing> {
 public:
  struct Seen {
    std::atomic<int> samples{0};
    std::atomic<int> idles{0};
  };

  Sleeper(Seen& seen, bool fails) : seen_(seen), fails_(fails) {}

  std::optional<Nothing> process(const Sample<int>& /*sample*/, const Context& context) override {
    at_ = context.clock.now() + std::chrono::seconds(5);
    ++seen_.samples;
    return std::nullopt;
  }
  [[nodiscard]] std::optional<TimePoint> idle_at() const override { return at_; }
  void idle(const Context& context) override {
    EXPECT_GE(context.clock.now(), *at_);
    at_.reset();
    ++seen_.idles;
    if (fails_) throw std::runtime_error("no sleep");
  }

 private:
  Seen& seen_;
  const bool fails_;
  std::optional<TimePoint> at_;
};

TEST(Idle, NodesBelowALiveSourceAreCalledWhenNothingArrives) {
  const auto clock = std::make_shared<SimulatedClock>();
  Feed<int> feed;
  Sleeper::Seen seen;
  CheckedPipeline pipeline(clock);
  pipeline.add(std::make_unique<Sleeper>(seen, false), pipeline.add(feed_source(feed, Kind::Live)));
  pipeline.start();
  for (int round = 1; round <= 3; ++round) {
    feed.push(round);
    wait_until([&] { return seen.samples == round; });
    clock->wait_for_sleepers(1);
    EXPECT_EQ(seen.idles, round - 1);
    clock->advance(Seconds(5));
    wait_until([&] { return seen.idles == round; });
  }
  EXPECT_EQ(seen.samples, 3);
}

TEST(Idle, NodesBelowAFileAreNot) {
  const auto clock = std::make_shared<SimulatedClock>();
  Feed<int> feed;
  Sleeper::Seen seen;
  CheckedPipeline pipeline(clock);
  pipeline.add(std::make_unique<Sleeper>(seen, false), pipeline.add(feed_source(feed, Kind::File)));
  pipeline.start();
  for (int round = 1; round <= 3; ++round) {
    feed.push_and_settle(round);
    wait_until([&] { return seen.samples == round; });
    clock->advance(Seconds(5));
  }
  feed.finish();
  EXPECT_TRUE(pipeline.wait());
  EXPECT_EQ(seen.idles, 0);
}

TEST(Idle, AnExceptionThereEndsThePipeline) {
  const auto clock = std::make_shared<SimulatedClock>();
  Feed<int> feed;
  Sleeper::Seen seen;
  CheckedPipeline pipeline(clock);
  pipeline.add(std::make_unique<Sleeper>(seen, true), pipeline.add(feed_source(feed, Kind::Live)),
               {.name = "sleeper"});
  pipeline.start();
  feed.push(1);
  wait_until([&] { return seen.samples == 1; });
  clock->wait_for_sleepers(1);
  clock->advance(Seconds(5));
  EXPECT_TRUE(contains(message_of<NodeError>([&] { pipeline.wait(); }), "'sleeper' failed: no sleep"));
}

/// Blocks on each sample until the test continues.
template <bool kRecords>
class SlowTaker final : public Node<int, Nothing> {
 public:
  SlowTaker(Gate& gate, std::string way) : gate_(gate), way_(std::move(way)) {}
  [[nodiscard]] NodeContract contract() const override {
    return {.records = kRecords, .way_to_be_faster = way_};
  }
  std::optional<Nothing> process(const Sample<int>& /*sample*/, const Context& context) override {
    gate_.pass(context);
    return std::nullopt;
  }

 private:
  Gate& gate_;
  std::string way_;
};

using SlowRecorder = SlowTaker<true>;
using SlowConsumer = SlowTaker<false>;

/// Returns the warnings while a consumer of a live source with the queue kRecording waits for 300 samples.
template <class Consumer>
std::vector<std::string> warnings_of_slow(const std::string& way) {
  std::mutex mutex;
  std::vector<std::string> lines;
  set_log_sink([&](LogLevel level, std::string_view line) {
    const std::lock_guard lock(mutex);
    if (level == LogLevel::Warning) lines.emplace_back(line);
  });
  {
    Gate gate;
    Feed<int> feed;
    CheckedPipeline pipeline;
    pipeline.add(std::make_unique<Consumer>(gate, way), pipeline.add(feed_source(feed, Kind::Live)),
                 {.queue = kRecording});
    pipeline.start();
    for (int n = 0; n < 300; ++n) feed.push(n);
    feed.settle();
    gate.open();
  }
  set_log_sink({});
  return lines;
}

TEST(Idle, TheWarningOfAConsumerThatIsNoRecorderDoesNotCallItOne) {
  const auto lines = warnings_of_slow<SlowConsumer>("");
  ASSERT_FALSE(lines.empty());
  EXPECT_TRUE(contains(lines.front(), "takes samples more slowly than its source delivers; "))
      << lines.front();
  EXPECT_FALSE(contains(lines.front(), "recorder")) << lines.front();
}

TEST(Idle, TheWarningOfARecorderThatIsTooSlowHasItsOwnAdvice) {
  for (const std::string way : {"give it wings", ""}) {
    const auto lines = warnings_of_slow<SlowRecorder>(way);
    ASSERT_FALSE(lines.empty());
    EXPECT_TRUE(contains(lines.front(), "writes more slowly than its source delivers; ")) << lines.front();
    EXPECT_TRUE(contains(lines.front(), way.empty() ? "a longer queue=" : way)) << lines.front();
  }
}

}  // namespace
}  // namespace freshframe::test
