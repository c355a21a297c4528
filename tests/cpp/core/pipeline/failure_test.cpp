// Failures: the caller receives the unchanged exception of a node or source, with node, number and source.
// SPDX-License-Identifier: Apache-2.0
#include <atomic>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "cpp/core/test_nodes.hpp"
#include "cpp/support.hpp"
#include <gtest/gtest.h>

namespace freshframe::test {
namespace {

std::unique_ptr<FunctionNode<int, int>> fails_on(int bad) {
  return make_node<int, int>([bad](const Sample<int>& sample, const Context&) {
    if (sample.value == bad) throw std::out_of_range("division by " + std::to_string(sample.value));
    return std::optional<int>(sample.value);
  });
}

/// Returns the NodeError that `action` must throw.
template <class Action>
NodeError node_error_of(Action&& action) {
  try {
    action();
  } catch (const NodeError& error) {
    return error;
  }
  ADD_FAILURE() << "threw no NodeError";
  return {"", {}};
}

TEST(NodeFailure, TellsNodeNumberSourceAndKeepsTheOriginalException) {
  CheckedPipeline pipeline;
  const auto clip = pipeline.add(count_source(10), {.name = "clip"});
  pipeline.add(fails_on(3), clip, {.name = "boom"});
  const NodeError error = node_error_of([&] { (void)pipeline.run(); });
  EXPECT_EQ(error.node(), "boom");
  EXPECT_EQ(error.seq(), 3);
  EXPECT_EQ(error.source(), "clip");
  ASSERT_TRUE(error.sample());
  EXPECT_EQ(error.sample()->stamp.seq, 3);
  EXPECT_EQ(*error.sample()->value.as<int>(), 3);
  EXPECT_EQ(error.nodes()->at(static_cast<std::size_t>(error.sample()->stamp.source)), "clip");
  EXPECT_THROW(std::rethrow_exception(error.cause()), std::out_of_range);
  const std::string what = error.what();
  for (const char* part : {"boom", "3", "clip", "division by 3"}) EXPECT_TRUE(contains(what, part)) << what;
  pipeline.stop();
  EXPECT_EQ(node_of(pipeline, "boom").state, NodeState::Failed);
  EXPECT_EQ(node_of(pipeline, "boom").errors, 1U);
  EXPECT_FALSE(pipeline.report().complete);
}

TEST(NodeFailure, EndsThePipelineClosesEveryNodeOnceAndWaitThrowsEachTime) {
  Feed<int> feed;
  std::atomic<int> closed{0};
  CheckedPipeline pipeline;
  const auto source = pipeline.add(feed_source(feed, Kind::Live));
  const auto bad = pipeline.add(
      make_node<int, int>({.process = [](const Sample<int>&, const Context&) -> std::optional<int> {
                             throw std::runtime_error("no");
                           },
                           .close = [&] { ++closed; }}),
      source);
  pipeline.add(make_node<int, int>({.process = [](const Sample<int>& s,
                                                  const Context&) { return std::optional<int>(s.value); },
                                    .close = [&] { ++closed; }}),
               bad);
  pipeline.start();
  feed.push(0);
  EXPECT_THROW((void)pipeline.wait(), NodeError);
  EXPECT_THROW((void)pipeline.wait(), NodeError);
  EXPECT_NO_THROW(pipeline.stop());
  EXPECT_EQ(closed, 2);
}

TEST(NodeFailure, OfAnExceptionThatIsNoStdExceptionKeepsItToo) {
  CheckedPipeline pipeline;
  pipeline.add(make_node<int, int>([](const Sample<int>&, const Context&) -> std::optional<int> {
                 throw 42;  // NOLINT(hicpp-exception-baseclass): that is the test
               }),
               pipeline.add(count_source(1)), {.name = "odd"});
  const NodeError error = node_error_of([&] { (void)pipeline.run(); });
  EXPECT_EQ(error.node(), "odd");
  EXPECT_EQ(error.seq(), 0);
  try {
    std::rethrow_exception(error.cause());
  } catch (int value) {
    EXPECT_EQ(value, 42);
  }
}

TEST(NodeFailure, TheFirstOfTwoIsTheOneThatIsTold) {
  Gate second;
  CheckedPipeline pipeline;
  const auto source = pipeline.add(count_source(5));
  pipeline.add(fails_on(0), source, {.name = "first"});
  pipeline.add(make_node<int, int>([&](const Sample<int>&, const Context& context) -> std::optional<int> {
                 second.pass(context);  // released by the stop that the first failure causes
                 throw std::runtime_error("late");
               }),
               source, {.name = "second"});
  EXPECT_EQ(node_error_of([&] { (void)pipeline.run(); }).node(), "first");
}

TEST(NodeFailure, BelowAMergeNamesTheSourceOfTheSample) {
  Feed<int> left;
  Feed<int> right;
  CheckedPipeline pipeline;
  const auto a = pipeline.add(feed_source(left, Kind::File), {.name = "left"});
  const auto b = pipeline.add(feed_source(right, Kind::File), {.name = "right"});
  pipeline.add(fails_on(77), {a, b}, {.name = "merge"});
  pipeline.start();
  left.push_and_settle(1);
  right.push_and_settle(2);
  right.push(77);
  const NodeError error = node_error_of([&] { (void)pipeline.wait(); });
  EXPECT_EQ(error.source(), "right");
  EXPECT_EQ(error.seq(), 1);
}

TEST(OnErrorSkip, CountsTheSampleAndGoesOn) {
  Seen<Sample<int>> seen;
  CheckedPipeline pipeline;
  const auto bad =
      pipeline.add(fails_on(3), pipeline.add(count_source(10)), {.name = "bad", .on_error = OnError::Skip});
  pipeline.add(collect_into<int>(seen), bad);
  const Report report = pipeline.run();
  EXPECT_EQ(seqs(seen.all()), (std::vector<std::int64_t>{0, 1, 2, 4, 5, 6, 7, 8, 9}));
  for (const auto& sample : seen.all()) EXPECT_EQ(sample.dropped, 0U);  // lost in the node, not on the edge
  const NodeStats stats = node_of(pipeline, "bad");
  EXPECT_EQ(stats.errors, 1U);
  EXPECT_EQ(stats.dropped, 1U);
  EXPECT_EQ(drops_of(stats, NodeDropCause::Error), 1U);
  EXPECT_EQ(stats.state, NodeState::Ended);
  EXPECT_FALSE(report.complete);
  EXPECT_EQ(edge_of(pipeline, "source", "bad").delivered, 10U);  // later results of process() have no effect
}

TEST(OnErrorSkip, SkipsWhatIsNoStdExceptionToo) {
  CheckedPipeline pipeline;
  pipeline.add(make_node<int, int>([](const Sample<int>&, const Context&) -> std::optional<int> {
                 throw "text";  // NOLINT(hicpp-exception-baseclass): that is the test
               }),
               pipeline.add(count_source(4)), {.name = "bad", .on_error = OnError::Skip});
  (void)pipeline.run();
  EXPECT_EQ(drops_of(node_of(pipeline, "bad"), NodeDropCause::Error), 4U);
}

TEST(OpenFailure, OfANodeIsANodeErrorOfStartWithoutANumber) {
  std::atomic<bool> source_open{false};
  std::atomic<int> source_closed{0};
  std::atomic<int> bad_closed{0};
  CheckedPipeline pipeline;
  const auto source = pipeline.add(
      make_source<int>({.read = [](const Context&) -> std::optional<SourceItem<int>> { return std::nullopt; },
                        .open = [&](const Context&) { source_open = true; },
                        .close = [&] { ++source_closed; }}));
  pipeline.add(make_node<int, int>({.process = [](const Sample<int>& s,
                                                  const Context&) { return std::optional<int>(s.value); },
                                    .open =
                                        [&](const Context&) {
                                          wait_until([&] { return source_open.load(); });
                                          throw std::runtime_error("no licence");
                                        },
                                    .close = [&] { ++bad_closed; }}),
               source, {.name = "model"});
  const NodeError error = node_error_of([&] { pipeline.start(); });
  EXPECT_EQ(error.node(), "model");
  EXPECT_EQ(error.seq(), -1);
  EXPECT_TRUE(contains(error.what(), "no licence")) << error.what();
  EXPECT_THROW(std::rethrow_exception(error.cause()), std::runtime_error);
  EXPECT_EQ(bad_closed, 0);  // close() only where open() succeeded
  pipeline.stop();
  EXPECT_EQ(source_closed, 1);
  EXPECT_THROW(pipeline.start(), StateError);
}

TEST(OpenFailure, OfASourceIsItsSourceErrorUnchanged) {
  std::atomic<int> processed{0};
  CheckedPipeline pipeline;
  const auto source = pipeline.add(
      make_source<int>(
          {.read = [](const Context&) -> std::optional<SourceItem<int>> { return std::nullopt; },
           .open =
               [](const Context&) { throw SourceTimeoutError("cannot open within 5 s", "rtsp://x", 110); }}),
      {.name = "camera"});
  pipeline.add(make_node<int, int>([&](const Sample<int>& s, const Context&) {
                 ++processed;
                 return std::optional<int>(s.value);
               }),
               source);
  try {
    pipeline.start();
    ADD_FAILURE() << "start() succeeded";
  } catch (const SourceTimeoutError& error) {
    EXPECT_EQ(error.source(), "camera");
    EXPECT_EQ(error.url(), "rtsp://x");
    EXPECT_EQ(error.code(), 110);
    EXPECT_TRUE(contains(error.what(), "within 5 s"));
  }
  EXPECT_EQ(processed, 0);
}

TEST(OpenFailure, ReadersOfThePipelineSayItToo) {
  CheckedPipeline pipeline;
  const auto source = pipeline.add(
      make_source<int>({.read = [](const Context&) -> std::optional<SourceItem<int>> { return std::nullopt; },
                        .open = [](const Context&) { throw SourceError("no such file", "x.mp4", 2); }}));
  auto reader = pipeline.reader(source);
  EXPECT_THROW(pipeline.start(), SourceError);
  EXPECT_THROW((void)reader.poll(), Error);
  EXPECT_THROW((void)reader.get(), Error);  // must not wait forever
}

TEST(SourceFailure, WhileReadingIsItsSourceErrorUnchangedAfterEverythingBeforeIt) {
  Feed<int> feed;
  CheckedPipeline pipeline;
  const auto source = pipeline.add(feed_source(feed, Kind::Live));
  auto reader = pipeline.reader(source);
  pipeline.start();
  feed.push_and_settle(1);
  EXPECT_EQ(reader.get()->value, 1);
  feed.fail(std::make_exception_ptr(SourceError("lost", "rtsp://x", 104)));
  EXPECT_THROW((void)pipeline.wait(), SourceError);
  EXPECT_THROW((void)reader.get(), SourceError);
}

TEST(SourceFailure, ComesAfterAllThatWasReadBeforeItAndWaitsForASlowConsumer) {
  Feed<int> feed;
  Gate gate;
  Seen<Sample<int>> seen;
  CheckedPipeline pipeline;
  const auto source = pipeline.add(feed_source(feed, Kind::File));
  auto reader = pipeline.reader(source);
  pipeline.add(collect_behind<int>(gate, seen), source, {.name = "slow"});
  pipeline.start();
  for (int i = 0; i < 5; ++i) feed.push(i);
  feed.fail(std::make_exception_ptr(SourceError("lost", "rtsp://x", 104)));
  wait_until([&] { return node_of(pipeline, "source").state == NodeState::Failed; });
  EXPECT_FALSE(pipeline.wait(Seconds{0}));
  for (int i = 0; i < 5; ++i) EXPECT_EQ(reader.get()->value, i);
  EXPECT_THROW((void)reader.get(), SourceError);
  gate.open();
  EXPECT_THROW((void)pipeline.wait(), SourceError);
  EXPECT_EQ(seen.all().size(), 5U);
  EXPECT_FALSE(pipeline.report().complete);
}

TEST(SourceFailure, EndsTheOtherSourcesWhoseSamplesAreDelivered) {
  Feed<int> bad;
  Feed<int> good;
  CheckedPipeline pipeline;
  pipeline.add(feed_source(bad, Kind::Live), {.name = "bad"});
  auto reader = pipeline.reader(pipeline.add(feed_source(good, Kind::Live), {.name = "good"}));
  pipeline.start();
  good.push_and_settle(7);
  bad.fail(std::make_exception_ptr(SourceError("lost", "rtsp://x", 104)));
  EXPECT_THROW((void)pipeline.wait(), SourceError);
  EXPECT_EQ(reader.latest()->value, 7);
  EXPECT_THROW((void)reader.latest(), SourceError);
}

TEST(SourceFailure, IsThrownByWaitThoughAnUnreadReaderBlocksTheRest) {
  for (const std::optional<double> timeout : {std::optional(0.1), std::optional<double>()}) {
    Feed<int> feed;
    Pipeline::Options options;
    options.stall_timeout = timeout;
    CheckedPipeline pipeline(options);
    const auto source = pipeline.add(feed_source(feed, Kind::File));
    auto reader = pipeline.reader(pipeline.add(
        make_node<int, int>([](const Sample<int>& s, const Context&) { return std::optional<int>(s.value); }),
        source));
    pipeline.start();
    for (int i = 0; i < 12; ++i) feed.push(i);
    feed.fail(std::make_exception_ptr(SourceError("lost", "rtsp://x", 104)));
    if (timeout) {
      EXPECT_THROW((void)pipeline.wait(), SourceError);
    }
    for (int i = 0; i < 12; ++i) EXPECT_EQ(reader.get()->value, i);
    EXPECT_THROW((void)reader.get(), SourceError);
  }
}

TEST(SourceFailure, ReachesEverybodyThoughAnotherSourceIsStuckInARead) {
  Feed<int> bad;
  std::atomic<bool> let_go{false};
  Pipeline::Options options;
  options.stall_timeout = 0.1;
  CheckedPipeline pipeline(options);
  pipeline.add(feed_source(bad, Kind::Live), {.name = "bad"});
  auto reader = pipeline.reader(pipeline.add(
      make_source<int>({.live = true, .read = [&](const Context&) -> std::optional<SourceItem<int>> {
                          wait_until([&] { return let_go.load(); });  // ignores the stop
                          return std::nullopt;
                        }})));
  pipeline.start();
  bad.fail(std::make_exception_ptr(SourceError("lost", "rtsp://x", 104)));
  EXPECT_THROW((void)pipeline.wait(), SourceError);
  const auto until_it_throws = [](auto look) {
    wait_until([&] {
      try {
        (void)look();
      } catch (const SourceError&) {
        return true;
      }
      return false;
    });
  };
  until_it_throws([&] { return reader.latest(); });
  until_it_throws([&] { return reader.poll(); });
  EXPECT_THROW((void)reader.get(), SourceError);
  let_go = true;
}

TEST(SourceFailure, OfAnotherKindIsANodeErrorThatNamesTheSource) {
  Feed<int> feed;
  CheckedPipeline pipeline;
  pipeline.add(feed_source(feed, Kind::Live), {.name = "camera"});
  pipeline.start();
  feed.fail(std::make_exception_ptr(std::logic_error("bug in read()")));
  const NodeError error = node_error_of([&] { (void)pipeline.wait(); });
  EXPECT_EQ(error.node(), "camera");
  EXPECT_TRUE(contains(error.what(), "bug in read()")) << error.what();
  EXPECT_THROW(std::rethrow_exception(error.cause()), std::logic_error);
}

TEST(CloseFailure, IsANodeErrorAndTheReportIsIncompleteThoughNothingWasDropped) {
  Seen<Sample<int>> seen;
  std::atomic<int> others_closed{0};
  CheckedPipeline pipeline;
  const auto source = pipeline.add(count_source(10));
  pipeline.add(make_node<int, Nothing>({.process =
                                            [&](const Sample<int>& s, const Context&) {
                                              seen.add(s);
                                              return std::optional<Nothing>();
                                            },
                                        .close = [] { throw std::runtime_error("disk full"); }}),
               source, {.name = "writer"});
  pipeline.add(make_node<int, Nothing>(
                   {.process = [](const Sample<int>&, const Context&) { return std::optional<Nothing>(); },
                    .close = [&] { ++others_closed; }}),
               source);
  const NodeError error = node_error_of([&] { (void)pipeline.run(); });
  EXPECT_EQ(error.node(), "writer");
  EXPECT_EQ(error.seq(), -1);
  EXPECT_TRUE(contains(error.what(), "disk full")) << error.what();
  pipeline.stop();
  EXPECT_EQ(seen.all().size(), 10U);
  EXPECT_EQ(others_closed, 1);
  EXPECT_FALSE(pipeline.report().complete);
}

TEST(CloseFailure, AfterStopIsToldByWaitAndReportButNotByStop) {
  Feed<int> feed;
  CheckedPipeline pipeline;
  pipeline.add(make_node<int, Nothing>(
                   {.process = [](const Sample<int>&, const Context&) { return std::optional<Nothing>(); },
                    .close = [] { throw std::runtime_error("disk full"); }}),
               pipeline.add(feed_source(feed, Kind::Live)));
  pipeline.start();
  EXPECT_NO_THROW(pipeline.stop());
  EXPECT_THROW((void)pipeline.wait(), NodeError);
  EXPECT_FALSE(pipeline.report().complete);
}

}  // namespace
}  // namespace freshframe::test
