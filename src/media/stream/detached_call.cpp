// Runs blocking calls on their own thread, so that callers can abandon them.
// SPDX-License-Identifier: Apache-2.0
#include "media/stream/detached_call.hpp"

#include "freshframe/error.hpp"
#include "freshframe/forks.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <exception>
#include <functional>
#include <iterator>
#include <mutex>
#include <utility>
#include <vector>

#include "platform/forced_unwind.hpp"
#include "platform/thread.hpp"

namespace freshframe::media {
namespace {

struct LeftThread {
  std::thread thread;
  std::shared_ptr<const std::atomic<bool>> ended;
};

/// Keeps the threads of abandoned calls until they end.
class LeftThreads {
 public:
  void add(LeftThread thread) {
    const std::lock_guard lock(mutex_);
    threads_.push_back(std::move(thread));
  }

  /// Called when any call ends, abandoned or not.
  void note_end() {
    const std::lock_guard lock(mutex_);
    changed_.notify_all();
  }

  void wait_for_all(std::chrono::nanoseconds longest) {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, longest, [this] { return std::ranges::all_of(threads_, has_ended); });
  }

  void join_ended() {
    std::vector<LeftThread> ended;
    {
      const std::lock_guard lock(mutex_);
      const auto first = std::partition(threads_.begin(), threads_.end(), std::not_fn(has_ended));
      std::move(first, threads_.end(), std::back_inserter(ended));
      threads_.erase(first, threads_.end());
    }
    for (auto& one : ended) one.thread.join();  // not under the lock, which note_end() takes
  }

 private:
  static bool has_ended(const LeftThread& one) { return one.ended->load(std::memory_order_acquire); }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<LeftThread> threads_;  // guarded by mutex_
};

/// Called at process exit, before libraries that calls may use (such as TLS) are torn down. Waits a limited
/// time for the calls, then joins the finished threads, because their destructors may still be running.
void wait_for_left_calls() {
  auto& left = forks::PerProcess<LeftThreads>::get();
  left.wait_for_all(std::chrono::milliseconds(150));
  left.join_ended();
}

void wait_for_left_calls_at_exit() {
  static std::atomic<bool> registered{false};
  if (!registered.exchange(true)) static_cast<void>(std::atexit(&wait_for_left_calls));
}

}  // namespace

struct DetachedCall::Shared {
  /// Returns the next call, or an empty one if there are no more.
  Job take() {
    std::unique_lock lock(mutex);
    changed.wait(lock, [this] { return job || closed; });
    return std::exchange(job, nullptr);
  }

  void report(std::exception_ptr with, bool thread_ends) {
    const std::lock_guard lock(mutex);
    failure = std::move(with);
    done = true;
    closed = closed || thread_ends;
    changed.notify_all();
  }

  std::mutex mutex;
  std::condition_variable_any changed;
  Job job;                         // guarded by mutex
  bool done = false;               // guarded by mutex
  bool closed = false;             // guarded by mutex: the thread accepts no more calls
  std::exception_ptr failure;      // guarded by mutex
  std::atomic<bool> ended{false};  // the thread only has to report the end
};

/// Reports the end of the thread even if pthread_exit() unwinds the job (see Note [Forced unwinding] in
/// core).
struct DetachedCall::Ended {
  ~Ended() {
    shared.ended.store(true, std::memory_order_release);
    forks::PerProcess<LeftThreads>::get().note_end();
  }
  Shared& shared;
};

DetachedCall::DetachedCall(Job job, bool stays) : stays_(stays) {
  join_ended_calls();
  start(std::move(job));
}

void DetachedCall::start(Job job) {
  const auto shared = std::make_shared<Shared>();
  shared->job = std::move(job);
  shared->closed = !stays_;
  thread_ = std::thread([shared] {
    const Ended ended{*shared};
    platform::name_thread("ff aside");
    while (auto next = shared->take()) run(*shared, std::move(next));
  });
  shared_ = shared;
}

void DetachedCall::again(Job job) {
  join_ended_calls();
  {
    const std::lock_guard lock(shared_->mutex);
    if (!shared_->closed) {
      shared_->done = false;
      shared_->failure = nullptr;
      shared_->job = std::move(job);
      shared_->changed.notify_all();
      return;
    }
  }
  if (thread_.joinable()) thread_.join();  // not joinable if the thread could not be started
  start(std::move(job));
}

// During a forced unwind the exception reference is null, because glibc has no object for it; UBSan must not
// report that. noinline, since UBSan would check the body again where it is inlined.
__attribute__((noinline, no_sanitize("null"))) void DetachedCall::run(Shared& shared, Job job) {
  std::exception_ptr failure;
  try {
    job();
  } catch (const platform::ForcedUnwind&) {
    shared.report(std::make_exception_ptr(Error("the call ended its own thread")), true);
    throw;
  } catch (...) {
    failure = std::current_exception();
  }
  job = nullptr;  // frees the job's data before reporting the end
  shared.report(std::move(failure), false);
}

bool DetachedCall::wait(TimePoint until, const std::stop_token& stop) const {
  std::unique_lock lock(shared_->mutex);
  return shared_->changed.wait_until(lock, stop, until, [&] { return shared_->done; });
}

void DetachedCall::check() const {
  std::exception_ptr failure;
  {
    const std::lock_guard lock(shared_->mutex);
    failure = shared_->failure;
  }
  if (failure) std::rethrow_exception(failure);
}

DetachedCall::~DetachedCall() {
  bool done = false;
  {
    const std::lock_guard lock(shared_->mutex);
    done = shared_->done;
    shared_->closed = true;
    shared_->changed.notify_all();
  }
  if (!thread_.joinable()) return;
  if (done) {
    thread_.join();
  } else {
    wait_for_left_calls_at_exit();
    forks::PerProcess<LeftThreads>::get().add({std::move(thread_), {shared_, &shared_->ended}});
  }
}

void begin_call(std::optional<DetachedCall>& aside, DetachedCall::Job job) {
  if (aside && aside->wait(TimePoint{}, {})) {
    aside->again(std::move(job));
  } else {
    aside.emplace(std::move(job), true);
  }
}

void join_ended_calls() {
  forks::PerProcess<LeftThreads>::get().join_ended();
}

}  // namespace freshframe::media
