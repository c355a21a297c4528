// max_rate: which samples pass, as a function and on an edge.
// SPDX-License-Identifier: Apache-2.0
#include "core/edge/rate.hpp"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <random>
#include <vector>

#include "core/edge/inbox.hpp"
#include "cpp/core/test_nodes.hpp"
#include "cpp/support.hpp"
#include <gtest/gtest.h>

namespace freshframe::test {

using namespace freshframe::core;  // NOLINT(google-build-using-namespace)

namespace {

using Moments = std::vector<double>;

struct Camera {
  double fps = 30;
  double seconds = 600;
  double jitter = 0;  // standard deviation in seconds
  double loss = 0;    // share
};

Moments times_of(const Camera& camera, std::mt19937_64& random) {
  Moments times;
  std::normal_distribution<double> late(0, std::max(camera.jitter, 1e-12));
  std::bernoulli_distribution lost(camera.loss);
  for (int n = 0; n < static_cast<int>(camera.fps * camera.seconds); ++n) {
    const double time = n / camera.fps + late(random);
    if (!lost(random) && (times.empty() || time > times.back())) times.push_back(time);
  }
  return times;
}

Moments passed(const Moments& times, double rate) {
  Rate edge(rate);
  Moments out;
  for (const double time : times) {
    if (!edge.reach_tick(time)) continue;
    edge.use(time);
    out.push_back(time);
  }
  return out;
}

// The definition: a sample passes if t >= tick - min(half the source's mean interval, 1 / (2 rate)); then
// tick = max(tick, t - max(1 / rate, 4 mean intervals)) + 1 / rate.
Moments defined(const Moments& times, double rate) {
  const double step = 1 / rate;
  std::optional<double> tick;
  std::optional<double> last;
  std::optional<double> mean;
  Moments out;
  for (const double t : times) {
    if (last && t - *last < 4 * step + 1) mean = mean ? *mean + (t - *last - *mean) / 16 : t - *last;
    last = t;
    if (!tick) tick = t;
    if (t < *tick - std::min(mean.value_or(0) / 2, step / 2)) continue;
    tick = std::max(*tick, t - std::max(step, 4 * mean.value_or(0))) + step;
    out.push_back(t);
  }
  return out;
}

// The relative error of the output rate. If the source is slower than `rate`, its own rate is expected. One
// sample more or less does not count, because it depends on where the run starts and ends.
double error_of(const Moments& times, const Moments& out, double rate) {
  const double seconds = times.back() - times.front();
  const double wanted = std::min(rate * seconds, static_cast<double>(times.size() - 1));
  return std::max(0.0, std::abs(static_cast<double>(out.size()) - wanted) - 1) / wanted;
}

// The 99th percentile of the distance from an even tick, in intervals of the source.
double unevenness(const Moments& times, const Moments& out, double rate) {
  const double interval = (times.back() - times.front()) / static_cast<double>(times.size() - 1);
  std::vector<double> off;
  for (std::size_t i = 1; i < out.size(); ++i) {
    off.push_back(std::abs(out[i] - out[i - 1] - std::max(1 / rate, interval)) / interval);
  }
  if (off.empty()) return 0;
  std::ranges::sort(off);
  return off[off.size() * 99 / 100];
}

TEST(Rate, IsEvenAndWhatWasAskedForOfSourcesOfManyKinds) {
  struct Row {
    Camera camera;
    double rate;
    double error;
  };
  for (const auto& [camera, rate, error] : std::vector<Row>{{{14}, 5, 0.001},
                                                            {{14, 600, 0.01}, 5, 0.001},
                                                            {{30, 600, 0.005, 0.05}, 5, 0.001},
                                                            {{30}, 30, 0},
                                                            {{30, 600, 0.003}, 30, 0.001},
                                                            {{29.97, 600, 0.003}, 30, 0.001},
                                                            {{30, 600, 0.003}, 29.97, 0.001},
                                                            {{30, 600, 0.003}, 25, 0.001},
                                                            {{30, 600, 0.003}, 15, 0.001},
                                                            {{25, 600, 0.01, 0.05}, 24, 0.001},
                                                            {{30, 600, 0.003, 0.2}, 20, 0.005},
                                                            {{60, 600, 0.005}, 1, 0.001},
                                                            {{10, 600, 0.005}, 30, 0}}) {
    std::mt19937_64 random(5);  // NOLINT(bugprone-random-generator-seed): the same numbers in every run
    const auto times = times_of(camera, random);
    const auto out = passed(times, rate);
    EXPECT_LE(error_of(times, out, rate), error) << camera.fps << " -> " << rate;
    const double most = camera.loss > 0.1 ? 2.5 : 1.5;  // as a share of the lost samples
    EXPECT_LE(unevenness(times, out, rate), most) << camera.fps << " -> " << rate;
  }
}

TEST(Rate, HoldsForAThousandRandomSources) {
  std::mt19937_64 random(1);  // NOLINT(bugprone-random-generator-seed): the same numbers in every run
  std::uniform_real_distribution<double> any(0, 1);
  for (int i = 0; i < 1000; ++i) {
    const double fps = 3 + 117 * any(random);
    const double rate = 0.2 + 59.8 * any(random);
    const Camera camera{fps, 120, 0.2 * any(random) / fps, i % 2 == 0 ? 0 : 0.2 * any(random)};
    const auto times = times_of(camera, random);
    const auto out = passed(times, rate);
    ASSERT_EQ(out, defined(times, rate)) << i;
    const bool is_easy = rate <= 0.9 * fps * (1 - camera.loss);
    const double bound = is_easy ? 0.005 : 0.04;
    EXPECT_LE(error_of(times, out, rate), bound)
        << fps << " -> " << rate << ", jitter " << camera.jitter << ", loss " << camera.loss;
  }
}

TEST(Rate, MakesUpForOneTickAfterAGapAtMost) {
  std::mt19937_64 random(2);  // NOLINT(bugprone-random-generator-seed): the same numbers in every run
  auto times = times_of({30, 60, 0.002}, random);
  std::erase_if(times, [](double t) { return (t > 10 && t < 20) || (t > 30 && t < 30.3); });
  const auto out = passed(times, 5);
  for (std::size_t i = 2; i < out.size(); ++i) EXPECT_GE(out[i] - out[i - 2], 0.16) << "more than one";
  EXPECT_NEAR(static_cast<double>(out.size()), 50 * 5, 3);
}

TEST(Rate, BeginsAgainWhenTheClockIsSetBack) {
  Moments times;
  for (int n = 0; n < 300; ++n) times.push_back(1000 + n / 30.0);
  for (int n = 0; n < 300; ++n) times.push_back(n / 30.0);
  EXPECT_NEAR(static_cast<double>(passed(times, 5).size()), 100, 2);
}

TEST(Rate, IsNotExceededByPicturesThatAreShownInAnotherOrder) {
  Moments times;
  for (int n = 0; n < 900; n += 3) {  // two B-frames before each P-frame
    for (const int shown : {n + 2, n, n + 1}) times.push_back(shown / 30.0);
  }
  EXPECT_NEAR(static_cast<double>(passed(times, 5).size()), 150, 3);
}

// An edge with a rate, at 30 frames per second, and a consumer that is busy when the test says so.
struct RatedEdge {
  explicit RatedEdge(Queue queue, double rate, std::optional<double> max_age = {}, bool by_pts = false)
      : edge(inbox.add_edge({.parent = 0,
                             .parent_name = "camera",
                             .queue = queue,
                             .max_age = max_age,
                             .max_rate = rate,
                             .by_pts = by_pts ? std::vector<int>{0} : std::vector<int>(),
                             .sources = {0}})) {}

  // The next frame of the source.
  void put() {
    inbox.put(*edge, {{seq, static_cast<double>(seq) / 30, clock->now(), 0}, {}, ValueRef::make<int>(0), 0},
              blocked);
    ++seq;
    clock->advance(Seconds{1.0 / 30});
  }
  std::optional<std::int64_t> take() {
    AnySample sample;
    if (inbox.take(sample, kWithoutWait) != Taken::Sample) return std::nullopt;
    ages.push_back(Seconds(clock->now() - sample.stamp.captured).count());
    return sample.stamp.seq;
  }
  EdgeStats stats() {
    Stats all;
    all.edges = inbox.stats();
    test::expect_books(all);
    return all.edges.at(0);
  }

  std::shared_ptr<SimulatedClock> clock = std::make_shared<SimulatedClock>();
  Inbox inbox{"count", clock};
  EdgeRef edge;
  std::atomic<bool> blocked{false};
  std::int64_t seq = 0;
  std::vector<double> ages;
};

using Seqs = std::vector<std::int64_t>;

TEST(RateOfAnEdge, TheOthersAreDroppedAsRateAndTheBooksBalance) {
  RatedEdge one(kLatest, 5);
  Seqs taken;
  for (int i = 0; i < 60; ++i) {
    one.put();
    if (const auto seq = one.take()) taken.push_back(*seq);
  }
  EXPECT_EQ(taken, (Seqs{0, 6, 12, 18, 24, 30, 36, 42, 48, 54}));
  EXPECT_EQ(drops_of(one.stats(), DropCause::Rate), 50U);
  EXPECT_EQ(one.stats().dropped, 50U);
  EXPECT_EQ(one.stats().max_rate, 5);
}

TEST(RateOfAnEdge, ABusyConsumerGetsTheNewestOnceASecondAndNothingIsStale) {
  RatedEdge one(kLatest, 1, 0.2);
  int free_from = 0;  // a picture's number
  Seqs taken;
  for (int i = 0; i < 30 * 60; ++i) {
    one.put();
    if (i < free_from) continue;
    if (const auto seq = one.take()) {
      taken.push_back(*seq);
      free_from = i + 21;  // busy for 0.7 s
    }
  }
  EXPECT_EQ(taken.size(), 60U);
  for (const double age : one.ages) EXPECT_LE(age, 1.0 / 30 + 1e-9);
  EXPECT_EQ(drops_of(one.stats(), DropCause::Stale), 0U);
  EXPECT_EQ(drops_of(one.stats(), DropCause::QueueFull), 0U) << "no tick was missed";
}

TEST(RateOfAnEdge, AConsumerThatIsSlowerThanTheRateLosesATickForEachThatItMisses) {
  RatedEdge one(kLatest, 5);
  int taken = 0;
  for (int i = 0; i < 600; ++i) {
    one.put();
    if (i % 30 == 0 && one.take()) ++taken;  // busy for a second: misses four of five ticks
  }
  EXPECT_EQ(taken, 20);
  EXPECT_NEAR(static_cast<double>(drops_of(one.stats(), DropCause::QueueFull)), 80, 5);
}

TEST(RateOfAnEdge, OfADeepQueueATickIsUsedUpWhenTheSampleComes) {
  RatedEdge one(Queue{64, WhenFull::DropOldest}, 10);
  for (int i = 0; i < 30; ++i) one.put();
  Seqs taken;
  while (const auto seq = one.take()) taken.push_back(*seq);
  EXPECT_EQ(taken, (Seqs{0, 3, 6, 9, 12, 15, 18, 21, 24, 27}));
}

TEST(RateOfAnEdge, BelowAFileGoesByPtsHoweverFastItIsRead) {
  RatedEdge one(Queue{64, WhenFull::Block}, 10, {}, true);
  for (int i = 0; i < 30; ++i) {
    one.clock->advance(Seconds{i % 7 == 0 ? 3.0 : 0});  // a slow disk
    one.put();
  }
  Seqs taken;
  while (const auto seq = one.take()) taken.push_back(*seq);
  EXPECT_EQ(taken, (Seqs{0, 3, 6, 9, 12, 15, 18, 21, 24, 27}));
}

TEST(RateOfAnEdge, IsThatOfEachSource) {
  const auto clock = std::make_shared<SimulatedClock>();
  Inbox inbox("count", clock);
  const auto edge = inbox.add_edge({.parent = 0,
                                    .parent_name = "both",
                                    .queue = {64, WhenFull::DropOldest},
                                    .max_rate = 5,
                                    .sources = {0, 1}});
  std::atomic<bool> blocked{false};
  for (int i = 0; i < 60; ++i) {
    for (const int source : {0, 1}) {
      inbox.put(*edge, {{i, 0, clock->now(), source}, {}, ValueRef::make<int>(0), 0}, blocked);
    }
    clock->advance(Seconds{1.0 / 30});
  }
  EXPECT_EQ(inbox.stats().at(0).waiting, 20U);
}

TEST(RateOfAnEdge, AFileReadWithARateIsCompleteAndLosesNothingElse) {
  CheckedPipeline pipeline;
  const auto source = pipeline.add(
      make_source<int>({.read = [n = 0](const Context&) mutable -> std::optional<SourceItem<int>> {
        if (n == 300) return std::nullopt;
        SourceItem<int> item{.value = n, .pts = n / 30.0};
        ++n;
        return item;
      }}));
  Seen<Sample<int>> seen;
  pipeline.add(collect_into<int>(seen), source, {.max_rate = 10});
  const auto report = pipeline.run();
  EXPECT_TRUE(report.complete);
  EXPECT_EQ(seen.all().size(), 100U);
  EXPECT_EQ(drops_of(report.stats.edges.at(0), DropCause::Rate), 200U);
}

TEST(RateOfAnEdge, EveryThirdSampleAndAtMostSoManyOfThese) {
  const auto clock = std::make_shared<SimulatedClock>();
  Inbox inbox("count", clock);
  const auto edge = inbox.add_edge({.parent = 0,
                                    .parent_name = "camera",
                                    .queue = {64, WhenFull::DropOldest},
                                    .max_rate = 5,
                                    .every = 3,
                                    .sources = {0}});
  std::atomic<bool> blocked{false};
  for (int i = 0; i < 30; ++i) {
    inbox.put(*edge, {{i, 0, clock->now(), 0}, {}, ValueRef::make<int>(0), 0}, blocked);
    clock->advance(Seconds{1.0 / 30});
  }
  Seqs taken;
  for (AnySample sample; inbox.take(sample, kWithoutWait) == Taken::Sample;)
    taken.push_back(sample.stamp.seq);
  EXPECT_EQ(taken, (Seqs{0, 6, 12, 18, 24}));
  EXPECT_EQ(drops_of(inbox.stats().at(0), DropCause::Rate), 25U);
  EXPECT_EQ(inbox.stats().at(0).every, 3);
}

TEST(RateOfAnEdge, EveryMustBeAtLeastOneAndIsRefusedOnASource) {
  for (const std::int64_t every : {0, -1}) {
    Pipeline pipeline;
    const auto source = pipeline.add(count_source(1));
    EXPECT_THROW((void)pipeline.add(pass_on<int>(), source, {.every = every}), OptionError);
  }
  Pipeline pipeline;
  EXPECT_THROW((void)pipeline.add(count_source(1), {.every = 2}), GraphError);
}

TEST(RateOfAnEdge, MustBeMoreThanZeroAndIsRefusedOnASource) {
  for (const double rate : {0.0, -1.0, std::numeric_limits<double>::infinity(), std::nan("")}) {
    Pipeline pipeline;
    const auto source = pipeline.add(count_source(1));
    EXPECT_THROW((void)pipeline.add(pass_on<int>(), source, {.max_rate = rate}), OptionError);
    EXPECT_THROW((void)pipeline.reader(source, {.max_rate = rate}), OptionError);
  }
  Pipeline pipeline;
  EXPECT_THROW((void)pipeline.add(count_source(1), {.max_rate = 1}), GraphError);
}

}  // namespace
}  // namespace freshframe::test
