// Replacing a running source.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/error.hpp"
#include "freshframe/pipeline.hpp"

#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "core/pipeline/changes/changes.hpp"
#include "core/pipeline/pipeline_access.hpp"
#include "core/pipeline/pipeline_core.hpp"
#include "core/pipeline/runner/successor.hpp"
#include "core/pipeline/views/ports.hpp"
#include "core/watch/watched_source.hpp"
#include "cpp/core/test_nodes.hpp"
#include "cpp/support.hpp"
#include <gtest/gtest.h>

namespace freshframe::test {
namespace {

TEST(ReplaceSource, GoesOnWithTheNumbersAndTimesOfTheOneBefore) {
  Feed<int> first;
  Feed<int> second;
  Seen<Sample<int>> seen;
  CheckedPipeline pipeline;
  const auto cam = pipeline.add(feed_source(first, Kind::Live), {.name = "cam"});
  pipeline.add(collect_into<int>(seen), cam, {.name = "sink", .queue = Queue{8}});
  pipeline.start();
  first.push(1);
  first.push(2);
  seen.wait_for(2);
  pipeline.replace(cam, feed_source(second, Kind::Live));
  second.push(3);
  seen.wait_for(3);
  const auto all = seen.all();
  EXPECT_EQ(all[0].value, 1);
  EXPECT_EQ(all[1].value, 2);
  EXPECT_EQ(all[2].value, 3);
  EXPECT_EQ(all[2].stamp.seq, 2);
  EXPECT_EQ(all[2].stamp.source, cam.node);
  EXPECT_GE(all[2].stamp.pts, all[1].stamp.pts);
}

/// Gives samples that were captured at these times, and then nothing until it is stopped.
std::unique_ptr<Source<int>> captured_at(const std::vector<TimePoint>& times) {
  return make_source<int>({.live = true,
                           .read = [times, next = std::size_t{0}](
                                       const Context& context) mutable -> std::optional<SourceItem<int>> {
                             if (next < times.size()) {
                               const auto captured = times[next++];
                               return SourceItem<int>{1, 0, captured};
                             }
                             while (!context.stop.stop_requested()) std::this_thread::yield();
                             return std::nullopt;
                           }});
}

TEST(ReplaceSource, DoesNotGoBackToATimeBeforeTheLastSample) {
  const auto now = std::chrono::steady_clock::now();
  const auto before = [now](int ms) { return now - std::chrono::milliseconds(ms); };
  Seen<Sample<int>> seen;
  CheckedPipeline pipeline;
  const auto cam = pipeline.add(captured_at({before(100)}), {.name = "cam"});
  pipeline.add(collect_into<int>(seen), cam, {.name = "sink", .queue = Queue{8}});
  pipeline.start();
  seen.wait_for(1);
  pipeline.replace(cam, captured_at({before(300), before(120), before(50), before(70)}));
  seen.wait_for(5);
  const auto all = seen.all();
  EXPECT_EQ(all[1].stamp.captured, before(100)) << "it received this frame while the other source still ran";
  EXPECT_EQ(all[2].stamp.captured, before(100));
  EXPECT_EQ(all[3].stamp.captured, before(50));
  EXPECT_EQ(all[4].stamp.captured, before(70)) << "the order of its own samples is its own affair";
}

class SeesItsTap final : public Source<Frame>, public core::WatchedSource {
 public:
  [[nodiscard]] NodeAbilities abilities() noexcept override { return {.watched = this}; }
  explicit SeesItsTap(std::shared_ptr<const core::PictureTap>& seen) : seen_(seen) {}
  [[nodiscard]] bool live() const noexcept override { return true; }
  std::optional<SourceItem<Frame>> read(const Context& context) override {
    while (!context.stop.stop_requested()) std::this_thread::yield();
    return std::nullopt;
  }
  void watch(const std::shared_ptr<const core::PictureTap>& tap) override { seen_ = tap; }

 private:
  std::shared_ptr<const core::PictureTap>& seen_;
};

TEST(ReplaceSource, ThatHasTakenThePlaceIsWatchedByTheSamePages) {
  std::shared_ptr<const core::PictureTap> first;
  std::shared_ptr<const core::PictureTap> second;
  CheckedPipeline pipeline;
  const auto cam = pipeline.add(std::make_unique<SeesItsTap>(first), {.name = "cam"});
  pipeline.start();
  auto& core = *core::PipelineAccess::core(pipeline);
  const auto tap = core::open_tap(core, "cam", [] {});
  EXPECT_EQ(first, tap);
  pipeline.replace(cam, std::make_unique<SeesItsTap>(second));
  EXPECT_EQ(second, tap);
  core::close_tap(core, tap);
}

// The stop of the old source must never stop the new one.
TEST(ReplaceSource, ThatReadsAllTheTimeNeverEndsTheStream) {
  extend_watchdog(60);
  constexpr int kRounds = 300;
  constexpr int kPipelines = 4;
  const auto endless = [] {
    return make_source<int>(
        {.live = false, .read = [](const Context& context) -> std::optional<SourceItem<int>> {
           if (context.stop.stop_requested()) return std::nullopt;
           return SourceItem<int>{1, 0, context.clock.now()};
         }});
  };
  std::atomic<int> replaced{0};
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < kPipelines; ++i) {
      threads.emplace_back([&] {
        Pipeline pipeline;
        const auto cam = pipeline.add(endless(), {.name = "cam"});
        pipeline.start();
        try {
          for (int round = 0; round < kRounds; ++round, ++replaced) pipeline.replace(cam, endless());
        } catch (const StateError&) {  // NOLINT(bugprone-empty-catch): it has ended, and `replaced` shows it
        }
      });
    }
  }
  EXPECT_EQ(replaced, kRounds * kPipelines);
}

TEST(ReplaceSource, ThatIsGivenUpWhileItOpensLeavesTheOtherAtWork) {
  Feed<int> feed;
  Seen<Sample<int>> seen;
  CheckedPipeline pipeline;
  const auto cam = pipeline.add(feed_source(feed, Kind::Live), {.name = "cam"});
  pipeline.add(collect_into<int>(seen), cam, {.name = "sink", .queue = Queue{8}});
  pipeline.start();
  auto& core = *core::PipelineAccess::core(pipeline);
  const auto asked =
      core::begin_replace(core, cam.node,
                          make_source<int>({.live = true,
                                            .read = [](const Context&) { return std::nullopt; },
                                            .open =
                                                [](const Context& context) {
                                                  while (!context.stop.stop_requested())
                                                    std::this_thread::yield();
                                                }}));
  EXPECT_THROW(
      core::finish_replace(core, *asked, Seconds(5), [] { throw std::runtime_error("interrupted"); }),
      std::runtime_error);
  wait_until([&] { return asked->over.load(); });
  feed.push(1);
  seen.wait_for(1);
  EXPECT_EQ(seen.all()[0].value, 1);
}

TEST(ReplaceSource, DoesNotWaitForOneThatWaitsForTheCallersReader) {
  constexpr int kCount = 50;
  CheckedPipeline pipeline;
  const auto cam = pipeline.add(count_source(kCount), {.name = "cam"});
  auto reader = pipeline.reader(cam);
  pipeline.start();
  for (int i = 0; i <= 10; ++i) (void)reader.get();
  pipeline.replace(cam, count_source(kCount));
  int last = -1;
  int count = 0;
  while (const auto sample = reader.get()) {
    last = sample->value;
    ++count;
  }
  EXPECT_EQ(last, kCount - 1);
  EXPECT_GE(count, kCount);  // everything from the second source, and what the first had emitted
  EXPECT_TRUE(pipeline.wait());
}

TEST(ReplaceSource, WhoseFirstAttemptFailsLeavesTheOtherAtWork) {
  Feed<int> feed;
  Seen<Sample<int>> seen;
  std::atomic<int> closed{0};
  CheckedPipeline pipeline;
  const auto cam = pipeline.add(feed_source(feed, Kind::Live), {.name = "cam"});
  pipeline.add(collect_into<int>(seen), cam, {.name = "sink", .queue = Queue{8}});
  pipeline.start();
  auto tries_again = make_source<int>({.live = true,
                                       .read = [](const Context&) { return std::nullopt; },
                                       .open =
                                           [](const Context& context) {
                                             auto& book = context.counters.source();
                                             book.lose(context.clock.now(), "no route to the camera");
                                             book.enter(SourceState::BackingOff);
                                           },
                                       .close = [&] { ++closed; }});
  const auto text = message_of<SourceError>([&] { pipeline.replace(cam, std::move(tries_again)); });
  EXPECT_TRUE(contains(text, "no route to the camera")) << text;
  EXPECT_EQ(closed, 1);
  feed.push(1);
  seen.wait_for(1);
  EXPECT_EQ(seen.all()[0].value, 1);
}

TEST(ReplaceSource, ThatHasTakenThePlaceReads) {
  Feed<int> first;
  Feed<int> second;
  CheckedPipeline pipeline;
  const auto cam = pipeline.add(feed_source(first, Kind::Live), {.name = "cam"});
  pipeline.start();
  pipeline.replace(cam, feed_source(second, Kind::Live));
  const auto runner = core::PipelineAccess::core(pipeline)->runner(cam.node);
  EXPECT_EQ(runner->place().run()->counters().source().state(), SourceState::Reading);
}

TEST(ReplaceSource, SaysThatAStopEndedTheOpening) {
  Feed<int> feed;
  std::atomic<bool> opening{false};
  Pipeline pipeline;
  const auto cam = pipeline.add(feed_source(feed, Kind::Live), {.name = "cam"});
  pipeline.start();
  std::string text;
  std::jthread other([&] {
    text = message_of<StateError>([&] {
      pipeline.replace(cam, make_source<int>({.live = true,
                                              .read = [](const Context&) { return std::nullopt; },
                                              .open =
                                                  [&](const Context& context) {
                                                    opening = true;
                                                    opening.notify_all();
                                                    while (!context.stop.stop_requested())
                                                      std::this_thread::yield();
                                                    throw SourceError("interrupted", {}, ECANCELED);
                                                  }}));
    });
  });
  opening.wait(false);
  pipeline.stop();
  other.join();
  EXPECT_EQ(text, "stop() was called while 'cam' was being replaced");
}

}  // namespace
}  // namespace freshframe::test
