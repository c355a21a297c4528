// Blocking calls run on threads of their own, and their callers can leave them behind.
// SPDX-License-Identifier: Apache-2.0
#include "media/network/detached_call.hpp"

#include "freshframe/error.hpp"

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <stop_token>
#include <thread>

#include "cpp/support.hpp"
#include <gtest/gtest.h>
#include <pthread.h>

namespace freshframe::test {

using namespace freshframe::media;  // NOLINT(google-build-using-namespace)

namespace {

TimePoint within(double seconds) {
  return std::chrono::steady_clock::now() + to_duration(Seconds(seconds));
}

/// A call that blocks until the test lets it go.
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

}  // namespace
}  // namespace freshframe::test
