// Names, numbers, times, priorities and signals of threads.
// SPDX-License-Identifier: Apache-2.0
#include "platform/thread.hpp"

#include <array>
#include <atomic>
#include <csignal>
#include <string>
#include <thread>

#include "cpp/support.hpp"
#include <gtest/gtest.h>
#include <pthread.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

namespace freshframe::test {
namespace {

using namespace std::chrono_literals;

std::string name_of_this_thread() {
  std::array<char, 64> name{};
  ::pthread_getname_np(::pthread_self(), name.data(), name.size());
  return name.data();
}

TEST(Thread, IsNamedByTheFirstLettersOfALongName) {
  std::thread([] {
    platform::name_thread("short");
    EXPECT_EQ(name_of_this_thread(), "short");
    platform::name_thread("a name of many letters");
    EXPECT_EQ(name_of_this_thread(), "a name of many ");
    platform::name_thread("");
    EXPECT_EQ(name_of_this_thread(), "");
  }).join();
}

TEST(Thread, HasANumberOfItsOwn) {
  const int own = platform::thread_number();
  EXPECT_EQ(own, platform::thread_number());
  int other = own;
  std::thread([&] { other = platform::thread_number(); }).join();
  EXPECT_NE(own, other);
}

TEST(Thread, CountsTheTimeOnAProcessorAlone) {
  const auto before = platform::processor_time();
  while (platform::processor_time() < before + 2ms) {
  }
  std::chrono::nanoseconds other{};
  std::thread([&] { other = platform::processor_time(); }).join();
  EXPECT_LT(other, before + 2ms);
}

TEST(Thread, GivesWayAlone) {
  const auto nice_of = [] {
    return ::getpriority(PRIO_PROCESS, static_cast<id_t>(platform::thread_number()));
  };
  const int before = nice_of();
  std::thread([&] {
    platform::give_way();
    EXPECT_EQ(nice_of(), std::min(before + 10, 19));
  }).join();
  EXPECT_EQ(nice_of(), before);
}

TEST(Thread, StartedWithoutSignalsLeavesThemToItsStarter) {
  sigset_t before;
  ::pthread_sigmask(SIG_SETMASK, nullptr, &before);
  bool is_blocked = false;
  std::string name;
  platform::start_without_signals("quiet", [&] {
    sigset_t own;
    ::pthread_sigmask(SIG_SETMASK, nullptr, &own);
    is_blocked = ::sigismember(&own, SIGINT) == 1 && ::sigismember(&own, SIGTERM) == 1;
    name = name_of_this_thread();
  }).join();
  EXPECT_TRUE(is_blocked);
  EXPECT_EQ(name, "quiet");
  sigset_t after;
  ::pthread_sigmask(SIG_SETMASK, nullptr, &after);
  EXPECT_EQ(::sigismember(&after, SIGINT), ::sigismember(&before, SIGINT));
}

/// Returns true if this kernel counts the time that threads wait for a CPU.
bool counts_waits() {
  return platform::thread_times(platform::thread_number()).has_value();
}

TEST(Thread, HasTimesUntilItHasEnded) {
  if (!counts_waits()) GTEST_SKIP() << "this kernel has no schedstat";
  int number = 0;
  std::atomic<bool> over{false};
  std::atomic<bool> began{false};
  std::thread thread([&] {
    number = platform::thread_number();
    began = true;
    wait_until([&] { return over.load(); });
  });
  wait_until([&] { return began.load(); });
  EXPECT_TRUE(platform::thread_times(number));
  EXPECT_TRUE(platform::all_thread_times({}).contains(number));
  over = true;
  thread.join();
  wait_until([&] { return !platform::thread_times(number); });
  EXPECT_FALSE(platform::all_thread_times({}).contains(number));
}

TEST(Thread, TimesContainThoseOfOtherProcessesThatAreThere) {
  if (!counts_waits()) GTEST_SKIP() << "this kernel has no schedstat";
  const int child = ::fork();
  if (child == 0) {
    ::pause();
    ::_exit(0);
  }
  EXPECT_TRUE(platform::all_thread_times({0, -1, child}).contains(child));
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  EXPECT_FALSE(platform::all_thread_times({child}).contains(child));
}

}  // namespace
}  // namespace freshframe::test
