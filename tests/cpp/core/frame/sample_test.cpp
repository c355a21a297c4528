// Values and samples: reference-counted, typed, and alive as long as a sample needs them.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/sample.hpp"

#include <atomic>
#include <barrier>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "cpp/core/test_frames.hpp"
#include "cpp/support.hpp"
#include <gtest/gtest.h>

namespace freshframe::test {
namespace {

struct Counted {
  explicit Counted(std::atomic<int>* living) : living_(living) { ++*living_; }
  Counted(const Counted& other) : living_(other.living_) { ++*living_; }
  Counted(Counted&& other) noexcept : living_(other.living_) { ++*living_; }
  Counted& operator=(const Counted&) = default;
  Counted& operator=(Counted&&) = default;
  ~Counted() { --*living_; }
  std::atomic<int>* living_;
};

TEST(TypeInfo, EachTypeHasOneAddressAndPublicOnesAName) {
  EXPECT_EQ(get_type<int>(), get_type<int>());
  EXPECT_NE(get_type<int>(), get_type<double>());
  EXPECT_NE(get_type<int>(), get_type<std::string>());
  EXPECT_EQ(get_type<Frame>()->name, "Frame");
  EXPECT_EQ(get_type<double>()->name, "float");
}

TEST(ValueRef, GivesTheValueOnlyAsWhatItIs) {
  const ValueRef value = ValueRef::make<std::string>("seventeen");
  ASSERT_NE(value.as<std::string>(), nullptr);
  EXPECT_EQ(*value.as<std::string>(), "seventeen");
  EXPECT_EQ(value.as<int>(), nullptr);
  EXPECT_EQ(ValueRef().as<int>(), nullptr);
  EXPECT_FALSE(ValueRef());
}

TEST(ValueRef, DestroysTheValueOnceWithTheLastHandle) {
  std::atomic<int> living{0};
  {
    ValueRef value = ValueRef::make(Counted(&living));
    EXPECT_EQ(living, 1);
    ValueRef copy = value;
    value = ValueRef();
    EXPECT_EQ(living, 1);
    const ValueRef moved = std::move(copy);
    EXPECT_FALSE(copy);  // NOLINT(bugprone-use-after-move): the state after a move is the test
    const ValueRef& self = moved;
    copy = self;
    EXPECT_EQ(living, 1);
  }
  EXPECT_EQ(living, 0);
}

TEST(ValueRef, ManyThreadsMayCopyAndDropOneValue) {
  constexpr int kThreads = 6;
  std::atomic<int> living{0};
  {
    std::barrier start(kThreads);
    std::vector<std::jthread> threads;
    const ValueRef value = ValueRef::make(Counted(&living));
    for (int i = 0; i < kThreads; ++i) {
      threads.emplace_back([&start, mine = value]() mutable {
        start.arrive_and_wait();
        for (int round = 0; round < 500; ++round) {
          ValueRef copy = mine;
          mine = std::move(copy);
        }
      });
    }
  }
  EXPECT_EQ(living, 0);
}

TEST(Sample, KeepsItsValueAliveThroughCopiesAndMoves) {
  std::atomic<int> living{0};
  {
    std::optional<Sample<Counted>> first(
        std::in_place, AnySample{Stamp{4, 0, {}, 0}, {}, ValueRef::make(Counted(&living)), 0});
    std::optional<Sample<Counted>> copy(std::in_place, *first);
    EXPECT_EQ(&copy->value, &first->value);
    std::optional<Sample<Counted>> moved(std::in_place, std::move(*first));
    first.reset();
    copy.reset();
    EXPECT_EQ(living, 1);
    EXPECT_EQ(moved->value.living_, &living);
    EXPECT_EQ(moved->stamp.seq, 4);
  }
  EXPECT_EQ(living, 0);
}

TEST(Sample, IsAssignedWithItsValueSoThatAVectorOfSamplesCanBeEdited) {
  std::atomic<int> living{0};
  const auto made = [&](std::int64_t seq) {
    return Sample<Counted>(AnySample{Stamp{seq, 0, {}, 0}, {}, ValueRef::make(Counted(&living)), 0});
  };
  {
    std::vector<Sample<Counted>> samples;
    for (std::int64_t seq = 0; seq < 4; ++seq) samples.push_back(made(seq));
    const auto* const last = &samples.back().value;
    samples.erase(samples.begin() + 1);
    EXPECT_EQ(living, 3);
    EXPECT_EQ(samples.back().stamp.seq, 3);
    EXPECT_EQ(&samples.back().value, last);
    auto& self = samples.front();
    samples.front() = self;
    EXPECT_EQ(samples.front().value.living_, &living);
    EXPECT_EQ(living, 3);
  }
  EXPECT_EQ(living, 0);
}

TEST(Sample, OfAFrameHasTheFrameAsItsValue) {
  const Frame frame = gray_frame(3);
  const Sample<Frame> sample(AnySample{Stamp{1, 0.5, {}, 0}, frame, {}, 2});
  EXPECT_EQ(sample.value, frame);
  EXPECT_EQ(sample.frame, frame);
  EXPECT_EQ(sample.dropped, 2U);
  EXPECT_EQ(sample.stamp.pts, 0.5);
}

}  // namespace
}  // namespace freshframe::test
