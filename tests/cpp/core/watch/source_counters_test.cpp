// The connection record of a video source: outages, stalls, and the states that the engine enters for it.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/stats.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <stop_token>

#include "cpp/core/test_nodes.hpp"
#include "cpp/support.hpp"
#include <gtest/gtest.h>

namespace freshframe::test {
namespace {

TimePoint moment(double seconds) {
  return TimePoint{} + to_duration(Seconds(seconds));
}

TEST(SourceCounters, AnOutageLastsFromTheLastPacketToTheNextFrameHoweverOftenItFailsBetween) {
  SourceCounters book;
  book.lose(moment(10), "refused");
  book.lose(moment(12), "timed out");
  EXPECT_EQ(book.snapshot(moment(13)).outages, 1U);
  EXPECT_NEAR(book.snapshot(moment(13)).away_for, 3.0, 1e-9);
  EXPECT_NEAR(book.snapshot(moment(13)).away_total, 3.0, 1e-9);
  EXPECT_EQ(book.snapshot(moment(13)).last_error, "timed out");
  EXPECT_EQ(book.snapshot(moment(13)).reconnects, 0U);
  EXPECT_TRUE(book.is_lost());
  EXPECT_NEAR(book.recover(moment(15)).value(), 5.0, 1e-9);
  EXPECT_FALSE(book.recover(moment(16)).has_value());
  EXPECT_FALSE(book.is_lost());
  EXPECT_EQ(book.snapshot(moment(17)).away_for, 0) << "it is back";
  book.lose(moment(20), "end of file");
  const SourceStats stats = book.snapshot(moment(21));
  EXPECT_EQ(stats.outages, 2U);
  EXPECT_EQ(stats.reconnects, 1U);
  EXPECT_NEAR(stats.away_for, 1.0, 1e-9) << "the present outage alone";
  EXPECT_NEAR(stats.away_total, 6.0, 1e-9);
}

TEST(SourceCounters, AStallIsCountedOnceAndGoesBackToWhatWasBefore) {
  SourceCounters book;
  EXPECT_EQ(book.state(), SourceState::Closed);  // before the start
  book.enter(SourceState::Connecting);
  book.stall();
  EXPECT_EQ(book.state(), SourceState::Connecting);  // a source cannot stall before it is connected
  book.enter(SourceState::WaitingKeyframe);
  book.stall();
  book.stall();
  EXPECT_EQ(book.state(), SourceState::Stalled);
  book.flow();
  EXPECT_EQ(book.state(), SourceState::WaitingKeyframe);
  EXPECT_EQ(book.snapshot(moment(0)).stalls, 1U);
}

TEST(SourceCounters, SayWhatStandsStillAndHowFarItIsBehind) {
  SourceCounters book;
  book.set_frozen(
      {.kind = "loop", .seconds = 30, .period = 10, .frames = 300, .contents = 100, .is_ill = true});
  const SourceStats stats = book.snapshot(moment(0));
  EXPECT_EQ(stats.frozen, "loop");
  EXPECT_EQ(stats.frozen_for, 30);
  EXPECT_EQ(stats.frozen_period, 10);
  EXPECT_EQ(stats.frozen_frames, 300U);
  EXPECT_EQ(stats.frozen_contents, 100U);
  EXPECT_TRUE(stats.frozen_is_ill);
  EXPECT_FALSE(stats.behind.has_value());
  book.set_behind(2.5);
  EXPECT_EQ(book.snapshot(moment(0)).behind, 2.5);
  book.set_behind(std::nullopt);
  EXPECT_FALSE(book.snapshot(moment(0)).behind.has_value());
}

TEST(SourceCounters, HaveAPaceOfOneUntilTheSourceHasFoundAnother) {
  SourceCounters book;
  EXPECT_EQ(book.snapshot(moment(0)).pace, 1);
  book.set_pace(0.8);
  EXPECT_EQ(book.snapshot(moment(0)).pace, 0.8);
}

TEST(SourceCounters, HasPublicNames) {
  EXPECT_EQ(to_string(SourceState::Connecting), "connecting");
  EXPECT_EQ(to_string(SourceState::Resolving), "resolving");
  EXPECT_EQ(to_string(SourceState::WaitingKeyframe), "waiting_keyframe");
  EXPECT_EQ(to_string(SourceState::Reading), "reading");
  EXPECT_EQ(to_string(SourceState::Stalled), "stalled");
  EXPECT_EQ(to_string(SourceState::BackingOff), "backing_off");
  EXPECT_EQ(to_string(SourceState::Closing), "closing");
  EXPECT_EQ(to_string(SourceState::Closed), "closed");
}

/// Emits the state in its record once, like a video source that never enters a state itself.
class Silent final : public Source<int> {
 public:
  explicit Silent(Gate& closing) : closing_(closing) {}
  [[nodiscard]] bool live() const noexcept override { return true; }
  [[nodiscard]] bool has_source_stats() const noexcept override { return true; }
  std::optional<SourceItem<int>> read(const Context& context) override {
    if (done_) return std::nullopt;
    done_ = true;
    return SourceItem<int>{static_cast<int>(context.counters.source().state()), 0, context.clock.now()};
  }
  void close() override { closing_.pass(std::stop_token()); }

 private:
  Gate& closing_;
  bool done_ = false;
};

TEST(SourceStats, AreKeptForSourcesThatHaveThemAndTheEngineEntersWhatTheSourceDoesNot) {
  Seen<Sample<int>> seen;
  Gate closing(false);
  CheckedPipeline pipeline;
  const auto source = pipeline.add(std::make_unique<Silent>(closing), {.name = "silent"});
  pipeline.add(collect_into<int>(seen), source, {.name = "sink"});
  EXPECT_EQ(node_of(pipeline, "silent").source.value().state, SourceState::Closed);
  pipeline.start();
  closing.wait_entered(1);
  EXPECT_EQ(node_of(pipeline, "silent").source.value().state, SourceState::Closing);
  closing.open();
  EXPECT_TRUE(pipeline.wait());
  ASSERT_EQ(seen.all().size(), 1U);
  EXPECT_EQ(seen.all().front().value, static_cast<int>(SourceState::Reading));
  EXPECT_EQ(node_of(pipeline, "silent").source.value().state, SourceState::Closed);
  EXPECT_FALSE(node_of(pipeline, "sink").source.has_value());
}

/// Reports one outage and one stall when it opens, and reads nothing.
class Troubled final : public Source<int> {
 public:
  [[nodiscard]] bool live() const noexcept override { return true; }
  [[nodiscard]] bool has_source_stats() const noexcept override { return true; }
  void open(const Context& context) override {
    auto& book = context.counters.source();
    book.enter(SourceState::Reading);
    book.stall();
    book.add_card_wait(0.5);
    book.lose(context.clock.now(), "refused");
    EXPECT_TRUE(book.recover(context.clock.now()).has_value());
  }
  std::optional<SourceItem<int>> read(const Context& context) override {
    while (context.clock.sleep_until(TimePoint::max(), context.stop)) continue;
    return std::nullopt;
  }
};

TEST(SourceStats, GoOnWithTheSourceThatTakesThePlace) {
  CheckedPipeline pipeline;
  const auto camera = pipeline.add(std::make_unique<Troubled>(), {.name = "camera"});
  pipeline.start();
  for (const std::uint64_t times : {1U, 2U, 3U}) {
    const auto stats = node_of(pipeline, "camera").source.value();
    EXPECT_EQ(stats.outages, times);
    EXPECT_EQ(stats.stalls, times);
    EXPECT_EQ(stats.reconnects, times);
    EXPECT_EQ(stats.card_wait, 0.5 * static_cast<double>(times));
    pipeline.replace(camera, std::make_unique<Troubled>());
  }
}

}  // namespace
}  // namespace freshframe::test
