// Readers: their methods, counters and errors, and the end of the stream.
// SPDX-License-Identifier: Apache-2.0
#include <atomic>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "core/frame/frame_access.hpp"
#include "cpp/core/test_frames.hpp"
#include "cpp/core/test_nodes.hpp"
#include "cpp/support.hpp"
#include <gtest/gtest.h>

namespace freshframe::test {
namespace {

using Seqs = std::vector<std::int64_t>;

/// A feed with a reader connected directly to it.
struct FeedAndReader {
  Feed<int> feed;
  CheckedPipeline pipeline;
  Reader<int> reader;

  explicit FeedAndReader(Kind kind, const ReaderOptions& options = {})
      : reader(pipeline.reader(pipeline.add(feed_source(feed, kind)), options)) {}
  FeedAndReader(Kind kind, Queue queue) : FeedAndReader(kind, ReaderOptions{.queue = queue}) {}
  void push(int first, int last) {
    for (int i = first; i <= last; ++i) feed.push_and_settle(i);
  }
  [[nodiscard]] EdgeStats edge() const { return edge_of(pipeline, "source", "reader"); }
};

TEST(Reader, PollGivesTheNextUnseenSampleOrNothing) {
  FeedAndReader test(Kind::Live, Queue{4});
  test.pipeline.start();
  EXPECT_FALSE(test.reader.poll());
  test.push(0, 2);
  for (int i = 0; i < 3; ++i) {
    const auto sample = test.reader.poll();
    ASSERT_TRUE(sample);
    EXPECT_EQ(sample->value, i);
    EXPECT_EQ(sample->stamp.seq, i);
    EXPECT_EQ(sample->dropped, 0U);
  }
  EXPECT_FALSE(test.reader.poll());
  EXPECT_EQ(test.edge().delivered, 3U);
}

TEST(Reader, GetWaitsForTheNextSample) {
  FeedAndReader test(Kind::Live);
  test.pipeline.start();
  std::optional<int> got;
  {
    const std::jthread consumer([&] { got = test.reader.get()->value; });
    test.feed.push(41);
  }
  EXPECT_EQ(got, 41);
}

TEST(Reader, GetWithATimeoutSaysSoAndStaysUsable) {
  FeedAndReader test(Kind::Live);
  test.pipeline.start();
  EXPECT_THROW((void)test.reader.get(Seconds{0}), ReadTimeoutError);
  EXPECT_THROW((void)test.reader.get(Seconds{0.002}), ReadTimeoutError);
  test.push(0, 0);
  EXPECT_EQ(test.reader.get(Seconds{0})->value, 0);
}

TEST(Reader, GetWithAnInfiniteTimeoutWaits) {
  for (const double timeout : {std::numeric_limits<double>::infinity(), 1e300, 9e9}) {
    FeedAndReader test(Kind::Live);
    test.pipeline.start();
    std::optional<int> got;
    {
      const std::jthread consumer([&] { got = test.reader.get(Seconds{timeout})->value; });
      test.feed.settle();
      test.feed.push(7);
    }
    EXPECT_EQ(got, 7);
  }
}

TEST(Reader, TheTimeoutOfGetIsTimeOfThePipelinesClock) {
  const auto clock = std::make_shared<SimulatedClock>();
  Feed<int> feed;
  CheckedPipeline pipeline(clock);
  auto reader = pipeline.reader(pipeline.add(feed_source(feed, Kind::Live)));
  pipeline.start();
  std::atomic<bool> timed_out{false};
  std::jthread consumer([&] {
    try {
      (void)reader.get(Seconds{3600});
    } catch (const ReadTimeoutError&) {
      timed_out = true;
    }
  });
  clock->wait_for_sleepers(1);
  clock->advance(Seconds{3599});
  EXPECT_FALSE(timed_out);
  clock->advance(Seconds{1});
  consumer.join();
  EXPECT_TRUE(timed_out);
}

TEST(Reader, LatestGivesTheNewestAndCountsWhatItPassesOverAsSkipped) {
  FeedAndReader test(Kind::Live, Queue{4});
  test.pipeline.start();
  EXPECT_FALSE(test.reader.latest());
  test.push(0, 3);
  const auto sample = test.reader.latest();
  ASSERT_TRUE(sample);
  EXPECT_EQ(sample->value, 3);
  EXPECT_EQ(sample->dropped, 3U);
  const EdgeStats edge = test.edge();
  EXPECT_EQ(edge.delivered, 1U);
  EXPECT_EQ(drops_of(edge, DropCause::Skipped), 3U);
  EXPECT_EQ(edge.drops.size(), 1U);
  EXPECT_FALSE(test.reader.poll());  // skipped samples are not delivered later
}

TEST(Reader, LatestAgainIsTheIdenticalSampleAndCountsNothing) {
  FeedAndReader test(Kind::Live, Queue{4});
  test.pipeline.start();
  test.push(0, 2);
  const auto first = test.reader.latest();
  const auto again = test.reader.latest();
  ASSERT_TRUE(first);
  ASSERT_TRUE(again);
  EXPECT_EQ(&again->value, &first->value);  // the same object, not an equal one
  EXPECT_EQ(again->stamp.seq, first->stamp.seq);
  EXPECT_EQ(again->dropped, first->dropped);
  EXPECT_EQ(test.edge().delivered, 1U);
  EXPECT_EQ(test.edge().dropped, 2U);
  test.push(3, 3);
  EXPECT_EQ(test.reader.latest()->value, 3);
  EXPECT_EQ(test.reader.latest()->dropped, 0U);
}

TEST(Reader, LatestReturnsNothingThatIsOlderThanMaxAgeAndDropsNothing) {
  const auto clock = std::make_shared<SimulatedClock>();
  Feed<int> feed;
  CheckedPipeline pipeline(clock);
  auto reader = pipeline.reader(pipeline.add(feed_source(feed, Kind::Live)));
  pipeline.start();
  feed.push_and_settle(4);
  EXPECT_EQ(reader.latest(Seconds{0})->value, 4);
  clock->advance(Seconds{1});
  EXPECT_FALSE(reader.latest(Seconds{0.9}));
  EXPECT_EQ(reader.latest(Seconds{1})->value, 4) << "exactly as old as it may be";
  EXPECT_EQ(reader.latest()->value, 4);
  EXPECT_EQ(edge_of(pipeline, "source", "reader").delivered, 1U);
  EXPECT_EQ(edge_of(pipeline, "source", "reader").dropped, 0U);
  pipeline.stop();
  EXPECT_EQ(reader.latest(Seconds{1})->value, 4) << "after the end, too";
  clock->advance(Seconds{1});
  EXPECT_FALSE(reader.latest(Seconds{1}));
}

TEST(Reader, ASampleReturnedByOneVerbIsSeenByAll) {
  FeedAndReader test(Kind::Live, Queue{4});
  test.pipeline.start();
  test.push(0, 1);
  EXPECT_EQ(test.reader.poll()->value, 0);
  EXPECT_EQ(test.reader.get()->value, 1);
  EXPECT_FALSE(test.reader.poll());
  EXPECT_EQ(test.reader.latest()->value, 1);  // nothing newer: returns what get() returned
  EXPECT_EQ(test.edge().delivered, 2U);
  test.push(2, 2);
  EXPECT_EQ(test.reader.latest()->value, 2);
  EXPECT_FALSE(test.reader.poll());
}

TEST(Reader, DroppedCountsWhatWasLostOnThisEdgeSinceThePreviousSample) {
  FeedAndReader test(Kind::Live);
  test.pipeline.start();
  test.push(0, 4);
  EXPECT_EQ(test.reader.poll()->dropped, 4U);
  test.push(5, 5);
  EXPECT_EQ(test.reader.poll()->dropped, 0U);
  test.push(6, 8);
  EXPECT_EQ(test.reader.get()->dropped, 2U);
  EXPECT_EQ(drops_of(test.edge(), DropCause::QueueFull), 6U);
}

TEST(Reader, SeveralReadersOfOneNodeAreIndependent) {
  Feed<int> feed;
  CheckedPipeline pipeline;
  const auto source = pipeline.add(feed_source(feed, Kind::Live));
  auto a = pipeline.reader(source, {.name = "a"});
  auto b = pipeline.reader(source, {.name = "b", .queue = Queue{4}});
  pipeline.start();
  for (int i = 0; i < 3; ++i) feed.push_and_settle(i);
  EXPECT_EQ(a.poll()->value, 2);
  EXPECT_EQ(b.poll()->value, 0);
  EXPECT_FALSE(a.poll());
  EXPECT_EQ(b.poll()->value, 1);
  EXPECT_EQ(edge_of(pipeline, "source", "a").dropped, 2U);
  EXPECT_EQ(edge_of(pipeline, "source", "b").dropped, 0U);
}

TEST(Reader, OfAFileGetsEverySampleInOrderThenTheEnd) {
  FeedAndReader test(Kind::File);
  for (int i = 0; i < 50; ++i) test.feed.push(i);
  test.feed.finish();
  test.pipeline.start();
  EXPECT_EQ(test.edge().queue, kLossless);
  for (int i = 0; i < 50; ++i) EXPECT_EQ(test.reader.get()->stamp.seq, i);
  EXPECT_FALSE(test.reader.get());  // the typed reader reports the end as an empty optional
  EXPECT_TRUE(test.reader.has_ended());
  EXPECT_EQ(test.edge().delivered, 50U);
  EXPECT_EQ(test.edge().dropped, 0U);
}

TEST(Reader, LatestOnALosslessEdgeIsAGraphErrorThatSaysWhyAndWhatToDo) {
  Feed<int> feed;
  CheckedPipeline pipeline;
  const auto clip = pipeline.add(feed_source(feed, Kind::File), {.name = "clip.mp4"});
  auto reader = pipeline.reader(pipeline.add(pass_on<int>(), clip));
  pipeline.start();
  const std::string message = message_of<GraphError>([&] { (void)reader.latest(); });
  EXPECT_TRUE(contains(message, "lossless")) << message;
  EXPECT_TRUE(contains(message, "clip.mp4")) << message;
  EXPECT_TRUE(contains(message, "poll()")) << message;
  EXPECT_TRUE(contains(message, "LATEST")) << message;
  feed.push(5);
  EXPECT_EQ(reader.get()->value, 5);  // the other methods still work
}

TEST(Reader, LatestBelowAFileWorksWhenTheQueueIsToldToDrop) {
  FeedAndReader test(Kind::File, kLatest);
  test.pipeline.start();
  test.push(0, 3);
  EXPECT_EQ(test.reader.latest()->value, 3);
}

TEST(Reader, WithNextHasOnlyGet) {
  FeedAndReader test(Kind::Live, kNext);
  test.pipeline.start();
  EXPECT_THROW((void)test.reader.latest(), GraphError);
  EXPECT_THROW((void)test.reader.poll(), GraphError);
  test.push(0, 2);
  EXPECT_EQ(drops_of(test.edge(), DropCause::NoWaiter), 3U);
  std::atomic<bool> got{false};
  std::optional<Sample<int>> sample;
  std::jthread consumer([&] {
    sample.emplace(*test.reader.get());
    got = true;
  });
  int next = 3;
  wait_until([&] {
    if (!got) test.feed.push_and_settle(next++);
    return got.load();
  });
  consumer.join();
  const EdgeStats edge = test.edge();
  EXPECT_EQ(edge.delivered, 1U);
  EXPECT_EQ(edge.passed_in, static_cast<std::uint64_t>(next));
  // It reports the drops before it, and those between its delivery and the reader's wake-up.
  EXPECT_GE(sample->dropped, static_cast<std::uint64_t>(sample->stamp.seq));
  EXPECT_LE(sample->dropped, drops_of(edge, DropCause::NoWaiter));
  expect_books(test.pipeline);
}

TEST(Reader, BeforeStartEveryVerbIsAStateError) {
  FeedAndReader test(Kind::Live);
  EXPECT_THROW((void)test.reader.latest(), StateError);
  EXPECT_THROW((void)test.reader.poll(), StateError);
  EXPECT_THROW((void)test.reader.get(Seconds{0}), StateError);
}

TEST(Reader, AfterTheEndPollThrowsGetGivesNothingAndLatestKeepsTheLastSample) {
  Feed<int> feed;
  CheckedPipeline pipeline;
  const auto source = pipeline.add(feed_source(feed, Kind::File));
  auto lossless = pipeline.reader(source, {.name = "lossless"});
  auto latest = pipeline.reader(source, {.name = "latest", .queue = kLatest});
  feed.push(1);
  feed.push(2);
  feed.finish();
  pipeline.start();
  EXPECT_EQ(lossless.get()->value, 1);
  EXPECT_EQ(lossless.get()->value, 2);
  EXPECT_FALSE(lossless.get());
  EXPECT_THROW((void)lossless.poll(), EndOfStreamError);
  EXPECT_TRUE(lossless.has_ended());
  EXPECT_FALSE(latest.has_ended());  // it has not read the last sample yet
  EXPECT_TRUE(pipeline.wait());
  EXPECT_EQ(latest.latest()->value, 2);
  EXPECT_EQ(latest.latest()->value, 2);
  EXPECT_THROW((void)latest.poll(), EndOfStreamError);
  EXPECT_FALSE(latest.get(Seconds{0}));
  EXPECT_EQ(latest.latest()->value, 2);
  EXPECT_TRUE(latest.has_ended());
}

TEST(Reader, StopEndsAGetThatWaits) {
  FeedAndReader test(Kind::Live);
  test.pipeline.start();
  bool ended = false;
  {
    const std::jthread consumer([&] { ended = !test.reader.get(); });
    test.pipeline.stop();
  }
  EXPECT_TRUE(ended);
  EXPECT_TRUE(test.reader.has_ended());
  EXPECT_FALSE(test.reader.latest());
}

TEST(Reader, AfterStopLatestKeepsTheLastSample) {
  FeedAndReader test(Kind::Live);
  test.pipeline.start();
  test.push(0, 0);
  EXPECT_EQ(test.reader.latest()->value, 0);
  test.push(1, 1);
  test.pipeline.stop();
  EXPECT_EQ(test.reader.latest()->value, 0);
  EXPECT_EQ(drops_of(test.edge(), DropCause::Stop), 1U);
}

TEST(Reader, EveryVerbRaisesAFailedNodesErrorFirstAndStopNever) {
  Feed<int> feed;
  CheckedPipeline pipeline;
  const auto source = pipeline.add(feed_source(feed, Kind::Live));
  const auto bad = pipeline.add(make_node<int, int>([](const Sample<int>& sample, const Context&) {
                                  if (sample.value == 1) throw std::runtime_error("one is too many");
                                  return std::optional<int>(sample.value);
                                }),
                                source, {.name = "bad"});
  auto below = pipeline.reader(bad, {.name = "below"});
  auto beside = pipeline.reader(source, {.name = "beside", .queue = Queue{8}});
  pipeline.start();
  feed.push_and_settle(0);
  EXPECT_EQ(below.get()->value, 0);
  feed.push(1);
  EXPECT_THROW((void)pipeline.wait(), NodeError);
  for (Reader<int>* reader : {&below, &beside}) {
    EXPECT_THROW((void)reader->latest(), NodeError);
    EXPECT_THROW((void)reader->poll(), NodeError);
    EXPECT_THROW((void)reader->get(), NodeError);
    EXPECT_THROW((void)reader->poll(), NodeError);  // and so does the next call
  }
  EXPECT_NO_THROW(pipeline.stop());
}

TEST(Reader, AGetThatWaitsIsWokenByAFailure) {
  FeedAndReader test(Kind::Live);
  test.pipeline.start();
  std::atomic<bool> failed{false};
  {
    const std::jthread consumer([&] {
      try {
        (void)test.reader.get();
      } catch (const NodeError&) {
        failed = true;
      }
    });
    test.feed.fail(std::make_exception_ptr(std::runtime_error("unplugged")));
  }
  EXPECT_TRUE(failed);
}

TEST(Reader, WithoutFramesGetsValuesOnly) {
  Feed<Frame> feed;
  CheckedPipeline pipeline;
  const auto source = pipeline.add(feed_source(feed, Kind::Live));
  const auto mean = pipeline.add(make_node<Frame, double>([](const Sample<Frame>& sample, const Context&) {
                                   return std::optional<double>(sample.value.luma().row(0)[0]);
                                 }),
                                 source);
  auto with = pipeline.reader(mean, {.name = "with"});
  auto without = pipeline.reader(mean, {.name = "without", .frames = false});
  pipeline.start();
  feed.push_and_settle(gray_frame(9));
  const auto full = with.get();
  EXPECT_EQ(full->value, 9.0);
  EXPECT_TRUE(full->frame);
  EXPECT_TRUE(core::FrameAccess::is_loan(full->frame));
  const auto bare = without.get();
  EXPECT_EQ(bare->value, 9.0);
  EXPECT_FALSE(bare->frame);
}

TEST(Reader, WithoutFramesHoldsNoPictureWhileASampleWaits) {
  Feed<Frame> feed;
  CheckedPipeline pipeline;
  const auto mean = pipeline.add(make_node<Frame, double>([](const Sample<Frame>& sample, const Context&) {
                                   return std::optional<double>(sample.value.luma().row(0)[0]);
                                 }),
                                 pipeline.add(feed_source(feed, Kind::Live)));
  auto reader = pipeline.reader(mean, {.name = "reader", .frames = false});
  pipeline.start();
  feed.push_and_settle(gray_frame(9));
  wait_until([&] { return edge_of(pipeline, "node", "reader").waiting == 1; });
  wait_until([&] { return pipeline.stats().pool.in_use == 0; });
  EXPECT_EQ(reader.get()->value, 9.0);
}

}  // namespace
}  // namespace freshframe::test
