// The parts of a latency: from records that the test writes, and from pipelines whose nodes advance the
// simulated clock.
// SPDX-License-Identifier: Apache-2.0
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "core/pipeline/pipeline_access.hpp"
#include "core/pipeline/pipeline_core.hpp"
#include "cpp/core/test_nodes.hpp"
#include "why/age_parts.hpp"
#include "why/rules.hpp"
#include <gtest/gtest.h>

namespace freshframe::core {
namespace {

using std::chrono::milliseconds;

constexpr int kReader = -1;
constexpr TimePoint kStart{std::chrono::hours(1)};

TimePoint at(double ms) {
  return kStart + to_duration(Seconds(ms * 1e-3));
}

double sum_part(const Age& age, AgeKind kind, const std::string& node) {
  for (const auto& part : age.parts) {
    if (part.kind == kind && part.node == node) return part.mean;
  }
  return 0;
}

double sum_of(const Age& age) {
  double sum = 0;
  for (const auto& part : age.parts) sum += part.mean;
  return sum;
}

Call record(std::int64_t seq, int from, double taken, double done) {
  auto call = Call::make({.seq = seq, .source = 0, .part = 0, .from = from});
  call.taken = at(taken);
  call.done = at(done);
  return call;
}

// cam (0) -> A (1) -> reader
class Ages : public testing::Test {
 protected:
  Ages() {
    stops_[0] = {.name = "cam", .is_source = true};
    stops_[1] = {.name = "A"};
    stops_[kReader] = {.name = "reader", .is_reader = true, .is_end = true};
  }
  Stop& cam() { return stops_[0]; }
  Stop& a() { return stops_[1]; }
  Stop& reader() { return stops_[kReader]; }
  [[nodiscard]] Age age(TimePoint since = kStart) const {
    return collect_ages(stops_, since, at(100'000)).front();
  }

  Stops stops_;
};

TEST_F(Ages, AreMadeOfTheDifferencesAlongTheWay) {
  cam().calls = {record(0, 0, 0, 5)};
  a().calls = {record(0, 0, 25, 65)};
  reader().calls = {record(0, 1, 66, 66)};
  const auto seen = age();
  EXPECT_EQ(seen.consumer, "reader");
  EXPECT_EQ(seen.samples, 1U);
  EXPECT_NEAR(seen.mean, .066, 1e-9);
  EXPECT_NEAR(sum_part(seen, AgeKind::Source, "cam"), .005, 1e-9);
  EXPECT_NEAR(sum_part(seen, AgeKind::Queue, "A"), .020, 1e-9);
  EXPECT_NEAR(sum_part(seen, AgeKind::Call, "A"), .040, 1e-9);
  EXPECT_NEAR(sum_part(seen, AgeKind::Queue, "reader"), .001, 1e-9);
  EXPECT_NEAR(sum_of(seen), seen.mean, 1e-9);
  EXPECT_EQ(seen.parts.front().node, "cam");
  EXPECT_EQ(seen.parts.back().node, "reader");
}

TEST_F(Ages, TakeOnlySamplesThatArrived) {
  for (int i = 0; i < 10; ++i) {
    cam().calls.push_back(record(i, 0, 10 * i, 10 * i));
    a().calls.push_back(record(i, 0, 10 * i + (i % 2 == 0 ? 1 : 7), 10 * i + 8));
  }
  reader().calls = {record(0, 1, 8, 8), record(2, 1, 28, 28)};  // the lost samples waited 7 ms for A
  EXPECT_NEAR(sum_part(age(), AgeKind::Queue, "A"), .001, 1e-9);
}

TEST_F(Ages, KnowTheWaitForTheGil) {
  cam().calls = {record(0, 0, 0, 0)};
  auto call = record(0, 0, 10, 50);
  call.start = .012F;
  call.gil_before = .010F;
  call.gil_within = .008F;
  a().calls = {call};
  reader().calls = {record(0, 1, 50, 50)};
  const auto seen = age();
  EXPECT_NEAR(sum_part(seen, AgeKind::Gil, "A"), .018, 1e-6);
  EXPECT_NEAR(sum_part(seen, AgeKind::Start, "A"), .002, 1e-6);
  EXPECT_NEAR(sum_part(seen, AgeKind::Call, "A"), .020, 1e-6);
  EXPECT_NEAR(sum_of(seen), seen.mean, 1e-9);
}

TEST_F(Ages, KnowTheWaitForRoomOfTheParent) {
  a().after_room = {0};
  cam().calls = {record(0, 0, 0, 0), record(1, 0, 40, 40)};
  cam().calls[1].waited = 30'000'000;
  a().calls = {record(0, 0, 35, 45)};
  reader().calls = {record(0, 1, 45, 45)};
  const auto seen = age();
  EXPECT_NEAR(sum_part(seen, AgeKind::Room, "cam"), .030, 1e-9);
  EXPECT_NEAR(sum_part(seen, AgeKind::Queue, "A"), .005, 1e-9);
  a().after_room = {};  // A's edge comes before the one that blocks
  EXPECT_NEAR(sum_part(age(), AgeKind::Queue, "A"), .035, 1e-9);
}

TEST_F(Ages, KnowTheWaitForTheOthersOfABatch) {
  a().gathers = true;
  cam().calls = {record(0, 0, 0, 0), record(1, 0, 30, 30)};
  a().calls = {record(0, 0, 40, 50), record(1, 0, 40, 50)};
  for (auto& call : a().calls) call.gathered = .035F;
  reader().calls = {record(0, 1, 50, 50), record(1, 1, 50, 50)};
  const auto seen = age();
  EXPECT_NEAR(sum_part(seen, AgeKind::Batch, "A"), (.035 + .010) / 2, 1e-6);
  EXPECT_NEAR(sum_part(seen, AgeKind::Queue, "A"), (.005 + .0) / 2, 1e-6);
}

TEST_F(Ages, KnowTheWaitForEarlierResultsOfWorkers) {
  a().has_workers = true;
  cam().calls = {record(0, 0, 0, 0)};
  a().calls = {record(0, 0, 20, 40)};
  a().calls[0].order = .006F;
  reader().calls = {record(0, 1, 50, 50)};
  const auto seen = age();
  EXPECT_NEAR(sum_part(seen, AgeKind::Worker, "A"), .020, 1e-9);
  EXPECT_NEAR(sum_part(seen, AgeKind::Order, "A"), .006, 1e-6);
  EXPECT_NEAR(sum_part(seen, AgeKind::Queue, "reader"), .004, 1e-6);
}

TEST_F(Ages, CountSamplesWithoutRecords) {
  cam().calls = {record(1, 0, 10, 10)};
  a().calls = {record(0, 0, 5, 6), record(1, 0, 15, 16)};
  reader().calls = {record(0, 1, 7, 7), record(1, 1, 17, 17)};
  const auto seen = age();
  EXPECT_EQ(seen.samples, 1U);
  EXPECT_EQ(seen.unknown, 1U);
  EXPECT_NEAR(seen.mean, .007, 1e-9);
}

TEST_F(Ages, FindTheCallThatGaveOneOfSeveralResults) {
  cam().calls = {record(0, 0, 0, 0), record(1, 0, 10, 10)};
  a().calls = {record(0, 0, 0, 8), record(1, 0, 10, 18)};
  reader().calls = {record(0, 1, 4, 4), record(0, 1, 9, 9)};  // the first was emitted during the call
  reader().calls[1].part = 1;
  const auto seen = age();
  EXPECT_EQ(seen.samples, 2U);
  EXPECT_NEAR(sum_part(seen, AgeKind::Call, "A"), (.004 + .008) / 2, 1e-9);
  EXPECT_NEAR(sum_of(seen), seen.mean, 1e-9);
}

TEST_F(Ages, AreOfTheLatestSecondsOnly) {
  for (int i = 0; i < 100; ++i) {
    const double slow = i < 50 ? 100 : 10;
    cam().calls.push_back(record(i, 0, 1000 * i, 1000 * i));
    a().calls.push_back(record(i, 0, 1000 * i, 1000 * i + slow));
    reader().calls.push_back(record(i, 1, 1000 * i + slow, 1000 * i + slow));
  }
  EXPECT_NEAR(age(at(90'000)).mean, .010, 1e-9);
  EXPECT_NEAR(age().mean, .055, 1e-9);
  EXPECT_NEAR(age().oldest_mean, .100, 1e-9);
  EXPECT_NEAR(age(at(90'000)).interval, 1, 1e-9);
}

// ---- the engine's own records

constexpr milliseconds kDecoding{5};

/// A live source whose samples were captured kDecoding before read() returns them.
class OldSource final : public Source<int> {
 public:
  explicit OldSource(int count) : count_(count) {}
  [[nodiscard]] bool live() const noexcept override { return true; }
  std::optional<SourceItem<int>> read(const Context& context) override {
    if (next_ == count_) return std::nullopt;
    const int value = next_++;
    return SourceItem<int>{.value = value, .pts = 1.0 * value, .captured = context.clock.now() - kDecoding};
  }

 private:
  const int count_;
  int next_ = 0;
};

/// A node whose calls advance the simulated clock by `time`.
class Lasts final : public Node<int, int> {
 public:
  Lasts(std::shared_ptr<SimulatedClock> clock, milliseconds time) : clock_(std::move(clock)), time_(time) {}
  std::optional<int> process(const Sample<int>& sample, const Context& /*context*/) override {
    clock_->advance(time_);
    return sample.value;
  }

 private:
  const std::shared_ptr<SimulatedClock> clock_;
  const milliseconds time_;
};

/// Returns the ages in cam -> A -> B -> reader after one sample. `call_of_b`: duration of B's call.
std::vector<Age> ages_below(milliseconds call_of_b) {
  const auto clock = std::make_shared<SimulatedClock>();
  clock->advance(Seconds(100));
  test::CheckedPipeline pipeline({.clock = clock});
  const auto cam = pipeline.add(std::make_unique<OldSource>(1), {.name = "cam"});
  const auto a = pipeline.add(std::make_unique<Lasts>(clock, milliseconds(10)), cam, {.name = "A"});
  const auto b = pipeline.add(std::make_unique<Lasts>(clock, call_of_b), a, {.name = "B"});
  auto reader = pipeline.reader(b, {.name = "reader"});
  pipeline.start();
  (void)reader.get();
  auto ages = collect_ages(*PipelineAccess::core(pipeline), Seconds(10));
  pipeline.wait();
  return ages;
}

TEST(AgesOfAPipeline, AreThoseOfItsCalls) {
  const auto ages = ages_below(milliseconds(20));
  ASSERT_EQ(ages.size(), 1U);
  const auto& age = ages.front();
  EXPECT_EQ(age.samples, 1U);
  EXPECT_NEAR(age.mean, .035, 1e-6);
  EXPECT_NEAR(sum_part(age, AgeKind::Source, "cam"), .005, 1e-6);
  EXPECT_NEAR(sum_part(age, AgeKind::Call, "A"), .010, 1e-6);
  EXPECT_NEAR(sum_part(age, AgeKind::Call, "B"), .020, 1e-6);
}

TEST(AgesOfAPipeline, AreKnownOfSamplesThatWereLongOnTheirWay) {
  const auto ages = ages_below(milliseconds(100'000));
  ASSERT_EQ(ages.size(), 1U);
  EXPECT_EQ(ages.front().samples, 1U);
  EXPECT_EQ(ages.front().unknown, 0U);
  EXPECT_NEAR(sum_part(ages.front(), AgeKind::Call, "A"), .010, 1e-6);
}

}  // namespace
}  // namespace freshframe::core
