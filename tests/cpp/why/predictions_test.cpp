// The effects of remedies: asked for on another thread, cached, and bounded in their cost.
// SPDX-License-Identifier: Apache-2.0
#include "why/predictions.hpp"

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <new>
#include <stop_token>
#include <string>
#include <thread>

#include <gtest/gtest.h>

namespace freshframe::core {
namespace {

Question of_a() {
  return Question::parse("A: queue=LATEST");
}

Question of_b() {
  return Question::parse("B: queue=LATEST");
}

// Answers each question with the number of those before; on a clock that only the test moves.
class PredictionsTest : public testing::Test {
 protected:
  Predictions::Answer answer(const std::stop_token& stop) {
    std::unique_lock lock(mutex_);
    ++begun_;
    changed_.notify_all();
    const std::stop_callback wake(stop, [this] { changed_.notify_all(); });
    changed_.wait(lock, stop, [this] { return !closed_; });
    ++asked_;
    return {.effect = Effect{.text = std::to_string(asked_), .evidence = {}}, .cost = cost_};
  }

  void close() {
    const std::lock_guard lock(mutex_);
    closed_ = true;
  }
  void open() {
    {
      const std::lock_guard lock(mutex_);
      closed_ = false;
    }
    changed_.notify_all();
  }
  void wait_until_asked() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return begun_ > 0; });
  }
  [[nodiscard]] int asked() {
    const std::lock_guard lock(mutex_);
    return asked_;
  }

  [[nodiscard]] std::string text(const Question& question = of_a()) {
    const auto effect = predictions_.effect(question, now_);
    return effect ? effect->text : "";
  }
  // The answer after the present one, which another thread gives.
  void expect_soon(const std::string& wanted) {
    for (int i = 0; i < 10'000 && text() != wanted; ++i)
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    EXPECT_EQ(text(), wanted);
  }

  std::mutex mutex_;
  std::condition_variable_any changed_;
  bool closed_ = false;
  int begun_ = 0;
  int asked_ = 0;
  double cost_ = .001;
  Predictions::Time now_{std::chrono::hours(1)};
  Predictions predictions_{
      [this](const Question& /*question*/, const std::stop_token& stop) { return answer(stop); }};
};

TEST_F(PredictionsTest, AnAnswerIsNotWaitedFor) {
  close();
  EXPECT_EQ(text(), "");
  wait_until_asked();
  EXPECT_EQ(text(), "");  // returns although no answer exists yet
  open();
  expect_soon("1");
}

TEST_F(PredictionsTest, AnAnswerIsKeptAndAskedForAgainAfterTenSeconds) {
  expect_soon("1");
  now_ += std::chrono::seconds(9);
  EXPECT_EQ(text(), "1");
  EXPECT_EQ(asked(), 1);
  now_ += std::chrono::seconds(1);
  expect_soon("2");
}

TEST_F(PredictionsTest, AllOfThemCostAThousandthOfAProcessor) {
  cost_ = .1;
  constexpr int kSeconds = 5'000;
  for (int i = 0; i < kSeconds; ++i) {
    now_ += std::chrono::seconds(1);
    (void)text(i % 2 == 0 ? of_a() : of_b());
  }
  EXPECT_LE(cost_ * asked(), 1e-3 * kSeconds + .15 + cost_);
  const int before = asked();
  now_ += std::chrono::seconds(200);
  (void)text();
  for (int i = 0; i < 10'000 && asked() == before; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
    if (i % 100 == 99) now_ += std::chrono::seconds(1);  // an answer that was under way has just been given
    (void)text();
  }
  EXPECT_GT(asked(), before);
}

TEST_F(PredictionsTest, AnEffectThatIsNotAskedForIsForgotten) {
  expect_soon("1");
  close();
  for (int i = 0; i < 62; ++i) {
    now_ += std::chrono::seconds(1);
    (void)text(of_b());
  }
  EXPECT_EQ(text(), "");
  open();
}

TEST_F(PredictionsTest, OneThatFailsEndsNoProgram) {
  std::atomic<int> asked{0};
  Predictions failing(
      [&](const Question& /*question*/, const std::stop_token& /*stop*/) -> Predictions::Answer {
        ++asked;
        throw std::bad_alloc();
      });
  // An hour lies between two: a question may cost a thousandth of the time. It counts from the end of the one before,
  // which may come after the next call.
  int most = 1;
  for (int k = 0; k < 10'000 && asked < 2; ++k) {
    if (asked == 1 && k % 100 == 0) {
      now_ += std::chrono::hours(1);
      ++most;
    }
    EXPECT_FALSE(failing.effect(of_a(), now_));
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  EXPECT_GE(asked, 2);
  EXPECT_LE(asked, most) << "asked twice in an hour";
}

TEST_F(PredictionsTest, AnEndWaitsForNoAnswer) {
  close();
  EXPECT_EQ(text(), "");
  wait_until_asked();  // nobody opens: the end of the test takes the question back
}

}  // namespace
}  // namespace freshframe::core
