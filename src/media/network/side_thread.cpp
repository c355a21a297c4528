// Runs blocking calls on a thread of its own, which a stop can leave behind.
// SPDX-License-Identifier: Apache-2.0
#include "media/network/side_thread.hpp"

#include <atomic>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <utility>

#include "media/network/left_threads.hpp"
#include <pthread.h>

namespace freshframe {

struct SideThread::Shared {
  std::mutex mutex;
  std::condition_variable_any changed;
  Job job;                     // guarded by mutex; to be begun
  bool busy = false;           // guarded by mutex; from start() to the end of the job
  bool left = false;           // guarded by mutex
  std::exception_ptr failure;  // guarded by mutex; of the last job
  std::atomic<bool> ended{false};
};

void SideThread::work(Shared& shared) {
  pthread_setname_np(pthread_self(), "ff aside");
  std::unique_lock lock(shared.mutex);
  for (;;) {
    shared.changed.wait(lock, [&] { return shared.left || shared.job; });
    if (!shared.job) break;
    Job job = std::exchange(shared.job, nullptr);
    lock.unlock();
    std::exception_ptr failure;
    try {
      job();
    } catch (...) {
      failure = std::current_exception();
    }
    job = nullptr;  // what it owns goes before anybody hears of its end
    lock.lock();
    shared.failure = std::move(failure);
    shared.busy = false;
    shared.changed.notify_all();
  }
}

bool SideThread::idle(TimePoint until, const std::stop_token& stop) {
  if (!shared_) return true;
  std::unique_lock lock(shared_->mutex);
  return shared_->changed.wait_until(lock, stop, until, [&] { return !shared_->busy; });
}

void SideThread::start(Job job) {
  join_ended();
  if (!shared_) {
    const auto shared = std::make_shared<Shared>();
    thread_ = std::thread([shared] {
      work(*shared);
      shared->ended.store(true, std::memory_order_release);
    });
    shared_ = shared;
  }
  const std::lock_guard lock(shared_->mutex);
  shared_->job = std::move(job);
  shared_->busy = true;
  shared_->failure = nullptr;
  shared_->changed.notify_all();
}

bool SideThread::wait(TimePoint until, const std::stop_token& stop) {
  if (!idle(until, stop)) return false;
  std::exception_ptr failure;
  {
    const std::lock_guard lock(shared_->mutex);
    failure = std::exchange(shared_->failure, nullptr);
  }
  if (failure) std::rethrow_exception(failure);
  return true;
}

void SideThread::leave() {
  if (!shared_) return;
  bool busy = false;
  {
    const std::lock_guard lock(shared_->mutex);
    shared_->left = true;
    busy = shared_->busy;
    shared_->changed.notify_all();
  }
  if (busy) {
    leave_behind(std::move(thread_), {shared_, &shared_->ended});
  } else {
    thread_.join();
  }
  shared_.reset();
}

}  // namespace freshframe
