// Waits for descriptors, and the wake-up that ends them.
// SPDX-License-Identifier: Apache-2.0
#include "platform/wake_up.hpp"

#include <array>
#include <chrono>
#include <csignal>
#include <thread>
#include <vector>

#include "cpp/support.hpp"
#include "platform/wait.hpp"
#include <fcntl.h>
#include <gtest/gtest.h>
#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

namespace freshframe::test {
namespace {

using platform::Awaited;
using platform::wait_for_any;
using platform::WakeUp;
using namespace std::chrono_literals;

constexpr auto kNotAtAll = 0ns;
constexpr auto kFarAway = 1h;  // the watchdog ends a test that waits for it

bool is_set(const WakeUp& wake_up) {
  std::array one{Awaited{.descriptor = wake_up.fd()}};
  return wait_for_any(one, kNotAtAll);
}

TEST(WakeUp, IsSetUntilItIsReset) {
  WakeUp wake_up;
  EXPECT_FALSE(is_set(wake_up));
  wake_up.set();
  EXPECT_TRUE(is_set(wake_up));
  EXPECT_TRUE(is_set(wake_up));  // a wait does not reset it
  wake_up.reset();
  EXPECT_FALSE(is_set(wake_up));
}

TEST(WakeUp, CountsManySetsAsOne) {
  WakeUp wake_up;
  for (int i = 0; i < 100'000; ++i) wake_up.set();  // more than fit into a pipe
  wake_up.reset();
  EXPECT_FALSE(is_set(wake_up));
  wake_up.set();
  EXPECT_TRUE(is_set(wake_up));
}

TEST(WakeUp, IsNotLostBesideAReset) {
  constexpr int kRounds = 2000;
  WakeUp wake_up;
  std::atomic<int> sent{0};
  std::jthread sender([&] {
    for (int i = 0; i < kRounds; ++i) {
      ++sent;
      wake_up.set();
    }
  });
  for (int seen = 0; seen < kRounds;) {
    std::array one{Awaited{.descriptor = wake_up.fd()}};
    if (!wait_for_any(one, kFarAway)) continue;
    wake_up.reset();
    seen = sent;
  }
}

TEST(WakeUp, LeavesAFileAloneThatHasItsDescriptorNow) {
  auto wake_up = std::make_unique<WakeUp>();
  const int number = wake_up->fd();
  std::array<int, 2> other{};
  ASSERT_EQ(::pipe2(other.data(), O_CLOEXEC | O_NONBLOCK), 0);
  ASSERT_EQ(::write(other[1], "x", 1), 1);
  // As if the program had closed all descriptors and opened others: both ends of the wake-up are now another file.
  std::vector<int> ends{number};
  for (int each = 0; each < number + 8; ++each) {
    if (each == number || each == other[0] || each == other[1]) continue;
    if (::fcntl(each, F_GETFD) >= 0 && each == number + 1) ends.push_back(each);
  }
  for (const int end : ends) ASSERT_EQ(::dup2(other[0], end), end);
  wake_up->set();
  wake_up->reset();
  wake_up.reset();
  char byte = 0;
  EXPECT_EQ(::read(other[0], &byte, 1), 1);  // reset() has not read from the other file
  for (const int end : ends) {
    EXPECT_GE(::fcntl(end, F_GETFD), 0) << "closed";
    ::close(end);
  }
  ::close(other[0]);
  ::close(other[1]);
}

TEST(WakeUp, OfAParentReachesNoProgramThatAChildStarts) {
  const WakeUp wake_up;
  EXPECT_NE(::fcntl(wake_up.fd(), F_GETFD) & FD_CLOEXEC, 0);
}

TEST(WakeUp, WorksInAForkedChild) {
  const int child = ::fork();
  if (child == 0) {
    std::signal(SIGALRM, SIG_DFL);
    ::alarm(10 * Watchdog::patience());
    WakeUp own;
    own.set();
    ::_exit(is_set(own) ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

TEST(Wait, ReturnsWhichDescriptorsAreReady) {
  for (const std::size_t count : {2, 8, 9, 40}) {  // few and many
    SCOPED_TRACE(count);
    std::vector<std::unique_ptr<WakeUp>> all;
    std::vector<Awaited> awaited;
    for (std::size_t i = 0; i < count; ++i) {
      all.push_back(std::make_unique<WakeUp>());
      awaited.push_back({.descriptor = all.back()->fd()});
    }
    EXPECT_FALSE(wait_for_any(awaited, kNotAtAll));
    all[1]->set();
    EXPECT_TRUE(wait_for_any(awaited, kFarAway));
    for (std::size_t i = 0; i < count; ++i) EXPECT_EQ(awaited[i].is_ready, i == 1);
    all[1]->reset();
    EXPECT_FALSE(wait_for_any(awaited, kNotAtAll));
    EXPECT_FALSE(awaited[1].is_ready);
  }
}

TEST(Wait, TakesAPastDeadlineForALook) {
  WakeUp wake_up;
  wake_up.set();
  std::array one{Awaited{.descriptor = wake_up.fd()}};
  EXPECT_TRUE(wait_for_any(one, -5s));
}

TEST(Wait, LastsAtLeastAsLongAsItIsAsked) {
  const WakeUp wake_up;
  std::array one{Awaited{.descriptor = wake_up.fd()}};
  for (const auto time : {50us, 1500us}) {
    const auto began = std::chrono::steady_clock::now();
    EXPECT_FALSE(wait_for_any(one, time));
    EXPECT_GE(std::chrono::steady_clock::now() - began, time);
  }
}

TEST(Wait, ReportsAClosedDescriptorInsteadOfWaiting) {
  int closed = -1;
  {
    const WakeUp wake_up;
    closed = wake_up.fd();
  }
  std::array one{Awaited{.descriptor = closed}};
  EXPECT_TRUE(wait_for_any(one, kFarAway));
  EXPECT_TRUE(one[0].is_ready);
}

TEST(Wait, EndsAtASignal) {
  struct sigaction none{};
  struct sigaction before{};
  none.sa_handler = [](int) {};
  ASSERT_EQ(::sigaction(SIGUSR1, &none, &before), 0);
  std::atomic<bool> ended{false};
  std::thread waiter([&] {
    const WakeUp wake_up;
    std::array one{Awaited{.descriptor = wake_up.fd()}};
    EXPECT_FALSE(wait_for_any(one, kFarAway));
    ended = true;
  });
  wait_until([&] {  // a signal before the wait is lost
    if (!ended) ::pthread_kill(waiter.native_handle(), SIGUSR1);
    return ended.load();
  });
  waiter.join();
  ::sigaction(SIGUSR1, &before, nullptr);
}

}  // namespace
}  // namespace freshframe::test
