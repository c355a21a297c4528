// Nodes: inherited stamps and frames, filtered numbers, the context, a node without a pipeline.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/node.hpp"

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cpp/core/test_frames.hpp"
#include "cpp/core/test_nodes.hpp"
#include "cpp/support.hpp"
#include <gtest/gtest.h>

namespace freshframe::test {
namespace {

using Seqs = std::vector<std::int64_t>;

TEST(Node, RunAloneEmitsOneOutputPerInput) {
  const auto doubled = run_node<int, double>(make_node<int, double>([](const Sample<int>& s, const Context&) {
                                               return std::optional<double>(2.5 * s.value);
                                             }),
                                             {1, 2, 3});
  ASSERT_EQ(doubled.size(), 3U);
  EXPECT_EQ(doubled[0].value, 2.5);
  EXPECT_EQ(doubled[2].value, 7.5);
}

TEST(Stamp, SeqCountsFromZeroAtEachSource) {
  Seen<Sample<int>> seen;
  CheckedPipeline pipeline;
  const auto a = pipeline.add(count_source(3));
  const auto b = pipeline.add(count_source(2));
  pipeline.add(collect_into<int>(seen), {a, b});
  (void)pipeline.run();
  std::int64_t next[2] = {0, 0};
  for (const auto& sample : seen.all())
    EXPECT_EQ(sample.stamp.seq, next[sample.stamp.source == a.node ? 0 : 1]++);
  EXPECT_EQ(next[0] + next[1], 5);
}

TEST(Stamp, ASourceMayGiveTheNumberAndTheNextOnesFollow) {
  Seen<Sample<int>> seen;
  CheckedPipeline pipeline;
  const auto source = pipeline.add(
      make_source<int>({.read = [n = 0](const Context& context) mutable -> std::optional<SourceItem<int>> {
        if (n == 4) return std::nullopt;
        const bool jump = n == 2;  // a device that lost frames 2 to 9
        return SourceItem<int>{n++, 0, context.clock.now(),
                               jump ? std::optional<std::int64_t>(10) : std::nullopt};
      }}));
  pipeline.add(collect_into<int>(seen), source);
  (void)pipeline.run();
  EXPECT_EQ(seqs(seen.all()), (Seqs{0, 1, 10, 11}));
}

TEST(Stamp, CapturedIsNeverInTheFutureAndIsNowWhenTheSourceDoesNotSay) {
  const auto clock = std::make_shared<SimulatedClock>();
  clock->advance(Seconds{100});
  Feed<int> feed;
  CheckedPipeline pipeline(clock);
  auto reader = pipeline.reader(pipeline.add(feed_source(feed, Kind::Live)));
  pipeline.start();
  feed.push(0, clock->now() + std::chrono::seconds{5});
  EXPECT_EQ(reader.get()->stamp.captured, clock->now());
  clock->advance(Seconds{1});
  feed.push(1, TimePoint{});
  EXPECT_EQ(reader.get()->stamp.captured, clock->now());
}

TEST(Stamp, ALiveSourceThatGivesNoWallTimeHasThatOfTheArrival) {
  const auto clock = std::make_shared<SimulatedClock>();
  clock->advance(Seconds{100});
  clock->set_wall_clock(1'700'000'000.5);
  Feed<int> feed;
  CheckedPipeline pipeline(clock);
  auto reader = pipeline.reader(pipeline.add(feed_source(feed, Kind::Live)));
  pipeline.start();
  feed.push(0, clock->now() - std::chrono::milliseconds{250});
  const auto utc = reader.get()->stamp.utc;
  EXPECT_EQ(utc.from, UtcFrom::Arrival);
  EXPECT_EQ(utc.seconds, 1'700'000'000.25);
  EXPECT_EQ(utc.error, Utc::kUnknown);
  clock->set_wall_clock(1'600'000'000);  // the system clock of this machine was set
  feed.push(1, clock->now());
  EXPECT_EQ(reader.get()->stamp.utc.seconds, 1'600'000'000);
}

TEST(Stamp, AWallTimeOfTheSourceStaysAndAFileHasNone) {
  Seen<Sample<int>> seen;
  CheckedPipeline pipeline;
  const auto source = pipeline.add(
      make_source<int>({.read = [n = 0](const Context&) mutable -> std::optional<SourceItem<int>> {
        if (n == 2) return std::nullopt;
        SourceItem<int> item{.value = n};
        if (n++ == 1) item.utc = {.seconds = 12.5, .error = 0.001F, .from = UtcFrom::Camera};
        return item;
      }}));
  pipeline.add(collect_into<int>(seen), pipeline.add(pass_on<int>(), source));
  (void)pipeline.run();
  const auto samples = seen.all();
  EXPECT_EQ(samples[0].stamp.utc.from, UtcFrom::None);
  EXPECT_EQ(samples[1].stamp.utc.from, UtcFrom::Camera);
  EXPECT_EQ(samples[1].stamp.utc.seconds, 12.5);
  EXPECT_EQ(samples[1].stamp.utc.error, 0.001F);
}

TEST(Utc, ItsClocksHaveNames) {
  EXPECT_EQ(to_string(UtcFrom::None), "none");
  EXPECT_EQ(to_string(UtcFrom::Arrival), "arrival");
  EXPECT_EQ(to_string(UtcFrom::File), "file");
  EXPECT_EQ(to_string(UtcFrom::Device), "device");
  EXPECT_EQ(to_string(UtcFrom::Camera), "camera");
}

TEST(Stamp, IsInheritedByEverythingComputedFromTheSample) {
  const auto clock = std::make_shared<SimulatedClock>();
  clock->advance(Seconds{100});
  Feed<int> feed;
  CheckedPipeline pipeline(clock);
  const auto source = pipeline.add(feed_source(feed, Kind::Live), {.name = "camera"});
  const auto first = pipeline.add(pass_on<int>(), source);
  const auto second = pipeline.add(make_node<int, std::string>([](const Sample<int>& s, const Context&) {
                                     return std::optional(std::to_string(s.value));
                                   }),
                                   first);
  auto reader = pipeline.reader(second);
  pipeline.start();
  const TimePoint captured = clock->now() - std::chrono::milliseconds{250};
  feed.push(6, captured, 1.75);
  feed.settle();
  clock->advance(Seconds{3});
  const auto sample = reader.get();
  EXPECT_EQ(sample->value, "6");
  EXPECT_EQ(sample->stamp.seq, 0);
  EXPECT_EQ(sample->stamp.pts, 1.75);
  EXPECT_EQ(sample->stamp.captured, captured);
  EXPECT_EQ(sample->stamp.source, source.node);
  EXPECT_EQ(pipeline.node_name(sample->stamp.source), "camera");
}

TEST(Stamp, AGapWithoutDropsWasFilteredByANode) {
  Seen<Sample<int>> seen;
  CheckedPipeline pipeline;
  const auto odd = pipeline.add(make_node<int, int>([](const Sample<int>& s, const Context&) {
                                  return s.value % 2 == 1 ? std::optional<int>(s.value) : std::nullopt;
                                }),
                                pipeline.add(count_source(9)), {.name = "odd"});
  pipeline.add(collect_into<int>(seen), odd, {.name = "sink"});
  EXPECT_TRUE(pipeline.run().complete);  // filtering is not a loss
  EXPECT_EQ(seqs(seen.all()), (Seqs{1, 3, 5, 7}));
  for (const auto& sample : seen.all()) EXPECT_EQ(sample.dropped, 0U);
  EXPECT_EQ(edge_of(pipeline, "odd", "sink").passed_in, 4U);
  EXPECT_EQ(node_of(pipeline, "odd").processed, 9U);
}

TEST(Stamp, EdgeAgesAreTakenFromCaptured) {
  const auto clock = std::make_shared<SimulatedClock>();
  clock->advance(Seconds{100});
  Feed<int> feed;
  CheckedPipeline pipeline(clock);
  auto reader = pipeline.reader(pipeline.add(feed_source(feed, Kind::Live)));
  pipeline.start();
  feed.push(0, clock->now() - std::chrono::seconds{4});
  feed.settle();
  clock->advance(Seconds{1});
  (void)reader.get();
  EXPECT_NEAR(edge_of(pipeline, "source", "reader").age_p50, 5.0, 0.12);
}

TEST(SampleFrame, IsTheFrameThatTheValueWasMadeFrom) {
  Feed<Frame> feed;
  Seen<bool> same;
  CheckedPipeline pipeline;
  const auto source = pipeline.add(feed_source(feed, Kind::File));
  const auto mean = pipeline.add(make_node<Frame, double>([](const Sample<Frame>& s, const Context&) {
                                   return std::optional<double>(s.value.luma().row(0)[0]);
                                 }),
                                 source);
  const auto text = pipeline.add(make_node<double, std::string>([](const Sample<double>& s, const Context&) {
                                   return std::optional(std::to_string(s.value));
                                 }),
                                 mean);
  pipeline.add(make_node<std::string, Nothing>([&](const Sample<std::string>& s, const Context&) {
                 same.add(s.frame && s.frame.luma().row(0)[0] == std::stoi(s.value));
                 return std::optional<Nothing>();
               }),
               text);
  for (int i = 10; i < 13; ++i) feed.push(gray_frame(i));
  feed.finish();
  EXPECT_TRUE(pipeline.run().complete);
  EXPECT_EQ(same.all(), (std::vector<bool>{true, true, true}));
}

TEST(SampleFrame, IsTheValueItselfWhenTheValueIsAFrame) {
  Feed<Frame> feed;
  CheckedPipeline pipeline;
  const auto source = pipeline.add(feed_source(feed, Kind::Live));
  const auto drawn = pipeline.add(make_node<Frame, Frame>([](const Sample<Frame>& s, const Context&) {
                                    return std::optional(gray_frame(s.value.luma().row(0)[0] + 100));
                                  }),
                                  source);
  auto reader = pipeline.reader(drawn);
  pipeline.start();
  feed.push(gray_frame(5));
  const auto sample = reader.get();
  EXPECT_EQ(sample->value.luma().row(0)[0], 105);
  EXPECT_EQ(sample->frame, sample->value);
}

TEST(SampleFrame, IsEmptyBelowASourceOfOtherThings) {
  Feed<int> feed;
  CheckedPipeline pipeline;
  auto reader = pipeline.reader(pipeline.add(feed_source(feed, Kind::Live)));
  pipeline.start();
  feed.push(5);
  EXPECT_FALSE(reader.get()->frame);
}

TEST(Frames, TravelWithoutACopyOfTheirPixels) {
  Feed<Frame> feed;
  CheckedPipeline pipeline;
  const auto source = pipeline.add(feed_source(feed, Kind::Live));
  auto reader = pipeline.reader(pipeline.add(pass_on<Frame>(), source));
  pipeline.start();
  const Frame frame = gray_frame(1);
  feed.push(frame);
  EXPECT_EQ(reader.get()->value.planes()[0].data, frame.planes()[0].data);
}

TEST(Context, GivesThePipelinesClockAndAStopThatFires) {
  const auto clock = std::make_shared<SimulatedClock>();
  Feed<int> feed;
  std::atomic<bool> right_clock{false};
  std::atomic<bool> slept{true};
  Seen<int> processing;
  CheckedPipeline pipeline(clock);
  pipeline.add(make_node<int, Nothing>([&](const Sample<int>&, const Context& context) {
                 processing.add(1);
                 right_clock = &context.clock == clock.get() && !context.stop.stop_requested();
                 slept = context.clock.sleep_until(clock->now() + std::chrono::hours{1}, context.stop);
                 return std::optional<Nothing>();
               }),
               pipeline.add(feed_source(feed, Kind::Live)));
  pipeline.start();
  feed.push(0);
  processing.wait_for(1);  // no longer waiting at its queue, where it would count as a sleeper
  clock->wait_for_sleepers(1);
  pipeline.stop();
  EXPECT_TRUE(right_clock);
  EXPECT_FALSE(slept);
}

}  // namespace
}  // namespace freshframe::test
