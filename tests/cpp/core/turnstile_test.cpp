// The order in which threads enter, and the number of wake-ups.
// SPDX-License-Identifier: Apache-2.0
#include "core/turnstile.hpp"

#include <atomic>
#include <cstddef>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "cpp/support.hpp"
#include <gtest/gtest.h>

namespace freshframe::test {

using namespace freshframe::core;  // NOLINT(google-build-using-namespace)

namespace {

constexpr std::size_t kPlaces = 4;
constexpr Seconds kPatience{0.5};

// Threads at a turnstile on a simulated clock. The last one to arrive is last in the queue.
struct Crowd {
  std::shared_ptr<SimulatedClock> clock = std::make_shared<SimulatedClock>();
  Turnstile turnstile{clock, kPlaces, kPatience};
  std::mutex mutex;
  std::vector<int> order;  // in which they entered; guarded by mutex
  std::atomic<bool> leave{false};
  std::atomic<std::size_t> most{0};
  std::vector<std::jthread> threads;

  explicit Crowd(int size) {
    for (int i = 0; i < size; ++i) {
      threads.emplace_back([this, i] { pass(i); });
      wait_until([&] {
        const auto counts = turnstile.counts();
        return counts.inside + counts.waiting == static_cast<std::size_t>(i) + 1;
      });
    }
  }

  void pass(int number) {
    turnstile.enter();
    {
      const std::lock_guard lock(mutex);
      order.push_back(number);
    }
    const auto inside = turnstile.counts().inside;
    for (auto most_yet = most.load(); most_yet < inside && !most.compare_exchange_weak(most_yet, inside);) {
    }
    leave.wait(false);
    turnstile.leave();
  }

  void let_go() {
    leave = true;
    leave.notify_all();
    threads.clear();
  }
};

TEST(Turnstile, LetsInAsManyAsThereArePlaces) {
  Crowd crowd(20);
  EXPECT_EQ(crowd.turnstile.counts().inside, kPlaces);
  EXPECT_EQ(crowd.turnstile.counts().waiting, 20 - kPlaces);
  crowd.let_go();
  EXPECT_EQ(crowd.turnstile.counts().inside, 0U);
  EXPECT_LE(crowd.most, kPlaces);
}

TEST(Turnstile, KeepsTheOrderInWhichTheyCame) {
  Turnstile turnstile(Clock::real(), 1, Seconds{3600});
  turnstile.enter();
  std::mutex mutex;
  std::vector<int> order;
  std::vector<std::jthread> threads;
  for (std::size_t i = 0; i < 20; ++i) {
    threads.emplace_back([&, i] {
      turnstile.enter();
      {
        const std::lock_guard lock(mutex);
        order.push_back(static_cast<int>(i));
      }
      turnstile.leave();
    });
    wait_until([&] { return turnstile.counts().waiting == i + 1; });
  }
  turnstile.leave();
  threads.clear();
  std::vector<int> wanted(20);
  for (std::size_t i = 0; i < wanted.size(); ++i) wanted[i] = static_cast<int>(i);
  EXPECT_EQ(order, wanted);
}

TEST(Turnstile, ACrowdSleepsInProportionToItsSize) {
  constexpr int kSize = 200;
  Crowd crowd(kSize);
  crowd.let_go();
  EXPECT_LE(crowd.turnstile.counts().sleeps, 2U * kSize);
}

TEST(Turnstile, LetsInAsManyMoreWhenNobodyHasMovedForLong) {
  Crowd crowd(20);
  for (const std::size_t inside : {2 * kPlaces, 4 * kPlaces, std::size_t{20}}) {
    crowd.clock->wait_for_sleepers(1);
    crowd.clock->advance(kPatience);
    wait_until([&] { return crowd.turnstile.counts().inside == inside; });
  }
  crowd.let_go();
  EXPECT_EQ(crowd.turnstile.counts().inside, 0U);
}

TEST(Turnstile, HasItsPlacesAgainAfterImpatience) {
  Crowd crowd(20);
  crowd.clock->wait_for_sleepers(1);
  crowd.clock->advance(kPatience);
  wait_until([&] { return crowd.turnstile.counts().inside == 2 * kPlaces; });
  crowd.let_go();
  crowd.leave = false;
  crowd.clock->advance(Seconds{10});  // idle time does not count as waiting
  for (int i = 0; i < 6; ++i) crowd.threads.emplace_back([&crowd, i] { crowd.pass(i); });
  wait_until([&] { return crowd.turnstile.counts().waiting == 2; });
  EXPECT_EQ(crowd.turnstile.counts().inside, kPlaces);
  crowd.let_go();
}

}  // namespace
}  // namespace freshframe::test
