// Log lines of the engine: lost data and large amounts of lent memory, once per edge, and failures that no
// call throws.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/log.hpp"

#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "cpp/core/test_frames.hpp"
#include "cpp/core/test_nodes.hpp"
#include "cpp/support.hpp"
#include <gtest/gtest.h>

namespace freshframe::test {
namespace {

class Log : public ::testing::Test {
 public:
  using Line = std::pair<LogLevel, std::string>;

  Log() {
    set_log_sink([this](LogLevel level, std::string_view line) { lines_.add({level, std::string(line)}); });
  }
  ~Log() override { set_log_sink({}); }

  [[nodiscard]] std::vector<std::string> lines(LogLevel level, const std::string& part) const {
    std::vector<std::string> result;
    for (const auto& [its_level, line] : lines_.all()) {
      if (its_level == level && contains(line, part)) result.push_back(line);
    }
    return result;
  }

 private:
  Seen<Line> lines_;
};

TEST_F(Log, TheFirstDropOfAnEdgeIsAWarningThatNamesTheEdgeUnlessOnlyTheNewestIsWanted) {
  Feed<int> feed;
  CheckedPipeline pipeline;
  const auto source = pipeline.add(feed_source(feed, Kind::Live), {.name = "camera"});
  const auto newest = pipeline.reader(source, {.name = "game"});
  const auto two = pipeline.reader(source, {.name = "archive", .queue = Queue{2}});
  const auto many = pipeline.reader(source, {.name = "log", .queue = Queue{100}});
  pipeline.start();
  for (int i = 0; i < 5; ++i) feed.push_and_settle(i);
  EXPECT_EQ(lines(LogLevel::Warning, "camera").size(), 1U);
  EXPECT_EQ(lines(LogLevel::Warning, "archive").size(), 1U);
  EXPECT_EQ(lines(LogLevel::Warning, "queue_full").size(), 1U);
  EXPECT_EQ(lines(LogLevel::Info, "game").size(), 1U);
}

auto broken_node() {
  return make_node<int, int>(
      [](const Sample<int>&, const Context&) -> std::optional<int> { throw std::runtime_error("broken"); });
}

TEST_F(Log, AFailureThatACallThrowsIsNotLogged) {
  {
    CheckedPipeline pipeline;
    pipeline.add(broken_node(), pipeline.add(count_source(5)), {.name = "bad"});
    EXPECT_THROW((void)pipeline.run(), NodeError);
  }
  EXPECT_TRUE(lines(LogLevel::Error, "").empty());
}

TEST_F(Log, AFailureThatNoCallHasThrownIsLoggedOnceWhenThePipelineIsDestroyed) {
  {
    Pipeline pipeline({.name = "lost"});
    pipeline.add(broken_node(), pipeline.add(count_source(5), {.name = "cam"}), {.name = "bad"});
    pipeline.start();
    while (pipeline.stats().nodes.back().state != NodeState::Failed) std::this_thread::yield();
    EXPECT_TRUE(lines(LogLevel::Error, "").empty());
  }
  ASSERT_EQ(lines(LogLevel::Error, "").size(), 1U);
  EXPECT_EQ(lines(LogLevel::Error, "").at(0),
            "pipeline 'lost' failed: node 'bad' failed on sample 0 of 'cam': broken");
}

TEST_F(Log, LoansAboveAQuarterOfAGibibyteAreWarnedOfAndAboveOneFramesHeldComes) {
  constexpr std::size_t kClaimed = std::size_t{100} << 20;  // the size that each frame reports
  std::vector<Lent> lent(20);
  Feed<Frame> feed;
  CheckedPipeline pipeline;
  auto reader = pipeline.reader(pipeline.add(feed_source(feed, Kind::File)), {.name = "hoarder"});
  pipeline.start();
  for (Lent& buffer : lent) feed.push(buffer.wrap_claiming(kClaimed));
  std::vector<Sample<Frame>> held;
  for (int i = 0; i < 3; ++i) held.push_back(*reader.get());
  EXPECT_TRUE(lines(LogLevel::Warning, "hoarder").empty());
  const auto take_all = [&] {
    while (true) held.push_back(*reader.get());
  };
  EXPECT_THROW(take_all(), FramesHeldError);
  EXPECT_EQ(held.size(), 11U);  // the eleventh passes 1 GiB, the twelfth is refused
  EXPECT_EQ(lines(LogLevel::Warning, "hoarder").size(), 1U);
}

TEST_F(Log, ASinkThatThrowsHarmsNobody) {
  set_log_sink([](LogLevel, std::string_view) { throw std::runtime_error("full disk"); });
  EXPECT_NO_THROW(log(LogLevel::Info, "a line"));
}

TEST_F(Log, TheFirstSkippedFailureIsAWarningThenOneLineAMinuteCountsTheOthers) {
  const auto clock = std::make_shared<SimulatedClock>();
  Feed<int> feed;
  CheckedPipeline pipeline(clock);
  Seen<int> failed;
  const auto source = pipeline.add(feed_source(feed, Kind::File), {.name = "cam"});
  pipeline.add(make_node<int, int>([&](const Sample<int>& sample, const Context&) -> std::optional<int> {
                 failed.add(sample.value);
                 throw std::runtime_error("no " + std::to_string(sample.value));
               }),
               source, {.name = "skips", .on_error = OnError::Skip});
  pipeline.start();
  const auto push_all = [&](int from, int to) {
    for (int i = from; i < to; ++i) feed.push_and_settle(i);
    while (pipeline.stats().nodes.back().errors < static_cast<std::uint64_t>(to)) std::this_thread::yield();
  };
  push_all(0, 5);
  EXPECT_EQ(lines(LogLevel::Warning, "'skips' failed on sample 0 of 'cam': no 0").size(), 1U);
  EXPECT_EQ(lines(LogLevel::Warning, "'skips'").size(), 1U);
  clock->advance(Seconds{61});
  push_all(5, 7);
  EXPECT_EQ(lines(LogLevel::Warning, "'skips' failed on 5 more samples").size(), 1U);
  EXPECT_EQ(lines(LogLevel::Warning, "'skips'").size(), 2U);
  EXPECT_EQ(pipeline.stats().nodes.back().last_error, "no 6");
  pipeline.stop();
  EXPECT_EQ(lines(LogLevel::Warning, "'skips' failed on 1 more samples").size(), 1U);
}

TEST_F(Log, ADestroyedPipelineNamesANodeThatDoesNotEndAndLetsItGo) {
#ifdef __SANITIZE_THREAD__
  GTEST_SKIP() << "its thread is never joined, which TSan reports";
#endif
  static Gate* const gate = new Gate(false);  // the node outlives this test
  Feed<int> feed;
  {
    Pipeline pipeline;
    pipeline.add(make_node<int, Nothing>([](const Sample<int>&, const Context& context) {
                   gate->pass(context);
                   return std::optional<Nothing>();
                 }),
                 pipeline.add(feed_source(feed, Kind::Live)), {.name = "deaf"});
    pipeline.start();
    feed.push(0);
    gate->wait_entered(1);
  }
  EXPECT_EQ(
      lines(LogLevel::Warning,
            "these nodes are still busy after the end of pipeline 'pipeline': 'deaf'; the program no longer "
            "waits for them")
          .size(),
      1U);
  gate->open();
}

}  // namespace
}  // namespace freshframe::test
