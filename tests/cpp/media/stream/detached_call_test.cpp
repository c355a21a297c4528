// Blocking calls run on their own threads, and their callers can abandon them.
// SPDX-License-Identifier: Apache-2.0
#include "media/stream/detached_call.hpp"

#include "freshframe/error.hpp"

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <functional>
#include <memory>
#include <mutex>
#include <new>
#include <optional>
#include <set>
#include <stdexcept>
#include <stop_token>
#include <thread>
#include <vector>

#include "cpp/support.hpp"
#include <gtest/gtest.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

namespace freshframe::test {

using namespace freshframe::media;  // NOLINT(google-build-using-namespace)

namespace {

TimePoint within(double seconds) {
  return std::chrono::steady_clock::now() + to_duration(Seconds(seconds));
}

/// A call that blocks until the test opens its gate.
struct Job {
  std::stop_source gate;
  std::atomic<bool> begun{false};
  std::atomic<bool> ended{false};

  void block() {
    begun = true;
    std::mutex mutex;
    std::condition_variable_any changed;
    std::unique_lock lock(mutex);
    changed.wait(lock, gate.get_token(), [] { return false; });
    ended = true;
  }
};

using Flag = std::atomic<bool>;

TEST(DetachedCall, RunsOnAThreadOfItsOwn) {
  const auto ran = std::make_shared<std::thread::id>();
  const DetachedCall call([ran] { *ran = std::this_thread::get_id(); });
  ASSERT_TRUE(call.wait(within(1000), {}));
  EXPECT_NE(*ran, std::this_thread::get_id());
  EXPECT_EQ(ran.use_count(), 1) << "a call that has ended owns nothing any more";
  EXPECT_TRUE(call.wait(within(0), {}));
}

TEST(DetachedCall, EndsWithAnErrorWhenItEndsItsOwnThread) {
  const DetachedCall call([] { ::pthread_exit(nullptr); });
  ASSERT_TRUE(call.wait(within(1000), {}));
  EXPECT_THROW(call.check(), Error);
}

TEST(DetachedCall, GivesItsExceptionToTheCallersThatAskForIt) {
  const DetachedCall fails([] { throw Error("no"); });
  ASSERT_TRUE(fails.wait(within(1000), {}));
  EXPECT_THROW(fails.check(), Error);
  EXPECT_THROW(fails.check(), Error);
  const DetachedCall works([] {});
  ASSERT_TRUE(works.wait(within(1000), {}));
  EXPECT_NO_THROW(works.check());
}

TEST(DetachedCall, OneCallAfterTheOtherRunsOnOneThread) {
  std::optional<DetachedCall> aside;
  const auto ran = std::make_shared<std::vector<std::thread::id>>();
  for (int call = 0; call < 50; ++call) {
    begin_call(aside, [ran, call] {
      ran->push_back(std::this_thread::get_id());
      if (call % 3 == 0) throw Error("no");
    });
    ASSERT_TRUE(aside->wait(within(1000), {}));
    EXPECT_EQ(ran->size(), static_cast<std::size_t>(call) + 1);
    if (call % 3 == 0) {
      EXPECT_THROW(aside->check(), Error);
    } else {
      EXPECT_NO_THROW(aside->check()) << "an exception is that of its call alone";
    }
  }
  EXPECT_EQ(std::set(ran->begin(), ran->end()).size(), 1U);
  EXPECT_NE(ran->front(), std::this_thread::get_id());
  EXPECT_EQ(ran.use_count(), 1);
}

TEST(DetachedCall, AThreadThatDoesNotStayEndsWithItsCall) {
  const auto ended = std::make_shared<Flag>(false);
  struct Word {
    ~Word() {
      if (flag) *flag = true;
    }
    std::shared_ptr<Flag> flag;
  };
  DetachedCall call([ended] {
    thread_local Word last;
    last.flag = ended;
  });
  wait_until([&] { return ended->load(); });
  const auto ran = std::make_shared<Flag>(false);
  call.again([ran] { *ran = true; });
  ASSERT_TRUE(call.wait(within(1000), {}));
  EXPECT_TRUE(*ran);
}

TEST(DetachedCall, ACallBehindOneThatHasEndedItsThreadHasAnother) {
  std::optional<DetachedCall> aside;
  for (int call = 0; call < 3; ++call) {
    begin_call(aside, [] { ::pthread_exit(nullptr); });
    ASSERT_TRUE(aside->wait(within(1000), {}));
    EXPECT_THROW(aside->check(), Error);
  }
  begin_call(aside, [] {});
  ASSERT_TRUE(aside->wait(within(1000), {}));
  EXPECT_NO_THROW(aside->check());
}

TEST(DetachedCall, ACallBehindOneThatHangsHasAnotherThreadAndTheFirstEndsAlone) {
  const auto job = std::make_shared<Job>();
  const auto first = std::make_shared<std::thread::id>();
  const auto second = std::make_shared<std::thread::id>();
  std::optional<DetachedCall> aside;
  begin_call(aside, [job, first] {
    *first = std::this_thread::get_id();
    job->block();
  });
  wait_until([&] { return job->begun.load(); });
  begin_call(aside, [second] { *second = std::this_thread::get_id(); });
  ASSERT_TRUE(aside->wait(within(1000), {}));
  EXPECT_NE(*first, *second);
  job->gate.request_stop();
  wait_until([&] { return job.use_count() == 1; });
  join_ended_calls();
}

TEST(DetachedCall, ALimitAndAStopEndTheWaitAndNotTheCall) {
  const auto job = std::make_shared<Job>();
  const DetachedCall call([job] { job->block(); });
  EXPECT_FALSE(call.wait(within(0.01), {}));
  EXPECT_NO_THROW(call.check());
  std::stop_source stop;
  stop.request_stop();
  EXPECT_FALSE(call.wait(within(1000), stop.get_token()));
  EXPECT_FALSE(job->ended);
  job->gate.request_stop();
  EXPECT_TRUE(call.wait(within(1000), {}));
  EXPECT_TRUE(job->ended);
}

TEST(DetachedCall, ACallThatIsLeftBehindKeepsItsDataAndEndsAlone) {
  const auto job = std::make_shared<Job>();
  {
    const DetachedCall call([job] { job->block(); });
    wait_until([&] { return job->begun.load(); });
  }
  EXPECT_EQ(job.use_count(), 2);
  job->gate.request_stop();
  wait_until([&] { return job.use_count() == 1; });
  join_ended_calls();
}

std::stop_source gate_at_exit;

/// Forks a child that runs `work` and exits. Returns true if it has set the flag and a sanitizer has not reported a
/// leaked thread.
bool child_sets_flag(const std::function<void(Flag& flag)>& work) {
  void* const page = ::mmap(nullptr, 1, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (page == MAP_FAILED) throw std::runtime_error("no memory can be shared with a child");
  auto* const flag = new (page) Flag(false);
  const int pid = ::fork();
  if (pid == 0) {
    work(*flag);
    static_cast<void>(std::atexit([] { gate_at_exit.request_stop(); }));  // runs before the exit's wait
    std::exit(0);  // NOLINT(concurrency-mt-unsafe): as a program does
  }
  int status = -1;
  EXPECT_EQ(::waitpid(pid, &status, 0), pid);
  const bool is_set = *flag && status == 0;
  ::munmap(page, 1);
  return is_set;
}

TEST(DetachedCall, AnExitWaitsForACallThatIsLeftBehind) {
  const auto leave = [](Flag& flag) {
    const auto job = std::make_shared<Job>();
    job->gate = gate_at_exit;
    const DetachedCall call([job, &flag] {
      job->block();
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
      flag = true;
    });
    wait_until([&] { return job->begun.load(); });
  };
  wait_until([&] { return child_sets_flag(leave); });  // retried: on a busy machine, the exit may time out
}

// Sets the flag when the thread ends, some time after its call has ended.
struct LastWord {
  ~LastWord() {
    wait_until([] { return gate_at_exit.stop_requested(); });
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    if (flag != nullptr) *flag = true;
  }
  Flag* flag = nullptr;
};

TEST(DetachedCall, AnExitJoinsTheThreadOfACallThatHasEnded) {
  const auto leave = [](Flag& flag) {
    const auto job = std::make_shared<Job>();
    {
      const DetachedCall call([job, &flag] {
        thread_local LastWord last;
        last.flag = &flag;
        job->block();
      });
      wait_until([&] { return job->begun.load(); });
    }
    job->gate.request_stop();
    wait_until([&] { return job.use_count() == 1; });
  };
  wait_until([&] { return child_sets_flag(leave); });
}

}  // namespace
}  // namespace freshframe::test
