// The frame budget: frames held by the engine count towards it, and lent frames are reported as held bytes.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/error.hpp"
#include "freshframe/frame.hpp"

#include <atomic>
#include <barrier>
#include <cstddef>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "core/frame/frame_access.hpp"
#include "core/frame/frame_budget.hpp"
#include "cpp/core/test_frames.hpp"
#include "cpp/support.hpp"
#include <gtest/gtest.h>

namespace freshframe::test {

using namespace freshframe::core;  // NOLINT(google-build-using-namespace)

namespace {

std::shared_ptr<FrameBudget> budget_of(int bound) {
  auto budget = std::make_shared<FrameBudget>();
  budget->set_bound(bound);
  return budget;
}

TEST(FrameBudget, CountsAPublishedFrameOnceHoweverManyHandlesThereAre) {
  const auto budget = budget_of(4);
  EXPECT_EQ(budget->bound(), 4);
  {
    const Frame frame = gray_frame(1);
    EXPECT_EQ(budget->published_count(), 0);
    core::FrameAccess::attach(frame, budget);
    core::FrameAccess::attach(frame, budget);
    const Frame copy = frame;  // NOLINT(performance-unnecessary-copy-initialization): the copy is the test
    const std::vector<Frame> many(5, frame);
    EXPECT_EQ(budget->published_count(), 1);
    core::FrameAccess::attach(gray_frame(2), budget);
    EXPECT_EQ(budget->published_count(), 1);
  }
  EXPECT_EQ(budget->published_count(), 0);
  EXPECT_EQ(budget->held_bytes(), 0U);
}

TEST(FrameBudget, AFrameHeldOnlyOutsideLeavesTheCountAndShowsAsHeldBytes) {
  const auto budget = budget_of(1);
  Frame engine = gray_frame(1);
  core::FrameAccess::attach(engine, budget);
  EXPECT_FALSE(budget->has_room(false));
  Frame loan = engine.keep();
  EXPECT_TRUE(core::FrameAccess::is_loan(loan));
  EXPECT_FALSE(core::FrameAccess::is_loan(engine));
  EXPECT_EQ(loan, engine);
  EXPECT_EQ(budget->published_count(), 1);
  EXPECT_EQ(budget->held_bytes(), 0U);  // the engine holds it too, so it does not count as lent

  engine = Frame();
  EXPECT_EQ(budget->published_count(), 0);
  EXPECT_TRUE(budget->has_room(false));
  EXPECT_EQ(budget->held_bytes(), loan.size_bytes());

  engine = core::FrameAccess::engine(loan);
  EXPECT_FALSE(core::FrameAccess::is_loan(engine));
  EXPECT_EQ(budget->published_count(), 1);
  EXPECT_EQ(budget->held_bytes(), 0U);

  engine = Frame();
  loan = Frame();
  EXPECT_EQ(budget->published_count(), 0);
  EXPECT_EQ(budget->held_bytes(), 0U);
}

TEST(FrameBudget, CopiesAndMovesOfALoanStayLoans) {
  const auto budget = budget_of(2);
  Frame engine = gray_frame(1);
  core::FrameAccess::attach(engine, budget);
  Frame loan = engine.keep();
  engine = Frame();
  const std::size_t bytes = budget->held_bytes();
  Frame copy = loan;
  EXPECT_TRUE(core::FrameAccess::is_loan(copy));
  EXPECT_EQ(budget->held_bytes(), bytes);
  const Frame moved = std::move(copy);
  EXPECT_TRUE(core::FrameAccess::is_loan(moved));
  loan = Frame();
  EXPECT_EQ(budget->held_bytes(), bytes);
  EXPECT_EQ(budget->published_count(), 0);
}

TEST(FrameBudget, AConvertedFormIsTheSameFrame) {
  const CountingOps ops;
  const auto budget = budget_of(2);
  Frame engine = frame_with(ops, PixelFormat::I420);
  core::FrameAccess::attach(engine, budget);
  const Frame form = engine.to(PixelFormat::Bgr);
  EXPECT_EQ(budget->published_count(), 1);
  engine = Frame();
  EXPECT_EQ(budget->published_count(), 1);  // the converted copy alone keeps the pixels alive
}

TEST(FrameBudget, ConvertingAFrameOnLoanAddsToTheHeldBytes) {
  const CountingOps ops;
  const auto budget = budget_of(2);
  Frame engine = frame_with(ops, PixelFormat::I420);
  core::FrameAccess::attach(engine, budget);
  const Frame loan = engine.keep();
  engine = Frame();
  const std::size_t before = budget->held_bytes();
  const Frame form = loan.to(PixelFormat::Bgr);
  EXPECT_TRUE(core::FrameAccess::is_loan(form));
  EXPECT_GT(budget->held_bytes(), before);
  EXPECT_EQ(budget->held_bytes(), loan.size_bytes());
  EXPECT_EQ(budget->published_count(), 0);
}

// See Note [Kept shares].
TEST(FrameBudget, AShareThatWentStaysAsLongAsFramesOfItsTimeAreHeld) {
  const auto budget = budget_of(6);
  const auto frames = [&](std::size_t count) {
    std::vector<Frame> made;
    for (std::size_t i = 0; i < count; ++i)
      core::FrameAccess::attach(made.emplace_back(gray_frame(1)), budget);
    return made;
  };
  auto old = frames(4);
  budget->set_bound(2);
  EXPECT_EQ(budget->bound(), 2 + 4);  // the old frames keep their two slots
  const auto newer = frames(2);
  EXPECT_FALSE(budget->has_room(false));
  old.resize(1);
  EXPECT_EQ(budget->bound(), 2 + 1);
  EXPECT_FALSE(budget->has_room(false));
  budget->set_bound(1);  // a second share is removed while a frame of the first is held
  EXPECT_EQ(budget->bound(), 1 + 1);
  old.clear();
  EXPECT_EQ(budget->bound(), 1);
  budget->set_bound(8);
  budget->set_bound(1);
  EXPECT_EQ(budget->bound(), 1 + 2);  // the other frames arrived after the first share was removed
}

TEST(FrameBudget, AFrameKeepsItsFirstBudget) {
  const auto first = budget_of(2);
  const auto second = budget_of(2);
  const Frame frame = gray_frame(1);
  core::FrameAccess::attach(frame, first);
  core::FrameAccess::attach(frame, second);
  EXPECT_EQ(first->published_count(), 1);
  EXPECT_EQ(second->published_count(), 0);
}

TEST(FrameBudget, AFrameMayOutliveTheLastOtherOwnerOfItsBudget) {
  Frame frame = gray_frame(1);
  {
    const auto budget = budget_of(2);
    core::FrameAccess::attach(frame, budget);
  }
  const Frame loan = frame.keep();
  frame = Frame();
  EXPECT_EQ(loan.luma().row(0)[0], 1);
}

TEST(FrameBudget, WaitForRoomWaitsUntilAFrameIsGivenBack) {
  const auto budget = budget_of(1);
  Frame frame = gray_frame(1);
  core::FrameAccess::attach(frame, budget);
  std::atomic<bool> given_back{false};
  std::atomic<bool> room{false};
  std::atomic<bool> seen_given_back{false};
  {
    const std::jthread waiter([&] {
      room = budget->wait_for_room(false);
      seen_given_back = given_back.load();
    });
    given_back = true;
    frame = Frame();
  }
  EXPECT_TRUE(room);
  EXPECT_TRUE(seen_given_back);
}

TEST(FrameBudget, WaitForRoomEndsWhenTheLastEngineHandleBecomesALoan) {
  const auto budget = budget_of(1);
  Frame engine = gray_frame(1);
  core::FrameAccess::attach(engine, budget);
  const Frame loan = engine.keep();
  std::atomic<bool> room{false};
  {
    const std::jthread waiter([&] { room = budget->wait_for_room(false); });
    engine = Frame();
  }
  EXPECT_TRUE(room);
}

TEST(FrameBudget, AFullCardKeepsOutOnlyFramesThatStayThere) {
  core::FrameBudget budget;
  budget.set_bound(10);
  budget.take_device(100, 100);
  EXPECT_FALSE(budget.has_room(true));
  EXPECT_TRUE(budget.has_room(false));
  EXPECT_TRUE(budget.wait_for_room(false));
  budget.give_device(1);
  EXPECT_TRUE(budget.has_room(true));
}

TEST(FrameBudget, AFullCardIsBlamedOnWhoHoldsBytesThere) {
  core::FrameBudget budget;
  budget.set_device_limit(100);
  const auto many = budget.add_holder("many");
  const auto few = budget.add_holder("few");
  const auto large = budget.add_holder("large");
  budget.lend(many, 10, 0);
  budget.lend(few, 3, 5);
  budget.lend(large, 1, 60);
  budget.charge_device(75);
  constexpr std::size_t kMuch = 1000;  // in the host
  EXPECT_NO_THROW(budget.check_held(many, kMuch));
  EXPECT_NO_THROW(budget.check_held(few, kMuch));
  const auto message = message_of<FramesHeldError>([&] { budget.check_held(large, kMuch); });
  EXPECT_NE(message.find("most are held by large"), std::string::npos) << message;
  budget.lend(large, 1, 60);
  budget.charge_device(60);
  EXPECT_NO_THROW(budget.check_held(many, kMuch));
  EXPECT_THROW(budget.check_held(few, kMuch), FramesHeldError);
}

TEST(FrameBudget, StopEndsTheWaitForRoom) {
  const auto budget = budget_of(1);
  const Frame frame = gray_frame(1);
  core::FrameAccess::attach(frame, budget);
  std::atomic<bool> room{true};
  {
    const std::jthread waiter([&] { room = budget->wait_for_room(false); });
    budget->stop();
  }
  EXPECT_FALSE(room);
  EXPECT_FALSE(budget->wait_for_room(false));  // from here on no thread waits
}

TEST(FrameBudget, ManyThreadsLendingAndReturningEndWithEmptyBooks) {
  constexpr int kThreads = 6;
  const auto budget = budget_of(100);
  {
    std::barrier start(kThreads);
    std::vector<std::jthread> threads;
    Frame shared = gray_frame(1);
    core::FrameAccess::attach(shared, budget);
    for (int i = 0; i < kThreads; ++i) {
      threads.emplace_back([&start, frame = i % 2 == 0 ? shared : shared.keep()]() mutable {
        start.arrive_and_wait();
        for (int round = 0; round < 500; ++round) {
          Frame loan = frame.keep();
          Frame engine = core::FrameAccess::engine(loan);
          frame = round % 3 == 0 ? std::move(loan) : std::move(engine);
        }
      });
    }
    shared = Frame();
  }
  EXPECT_EQ(budget->published_count(), 0);
  EXPECT_EQ(budget->held_bytes(), 0U);
}

}  // namespace
}  // namespace freshframe::test
