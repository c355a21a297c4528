// Threads that are in a call which nothing can end: whoever waited for them goes on without them.
// SPDX-License-Identifier: Apache-2.0
#include "media/network/left_threads.hpp"

#include <algorithm>
#include <mutex>
#include <utility>
#include <vector>

#include "media/network/per_process.hpp"

namespace freshframe {
namespace {

struct Left {
  std::thread thread;
  std::shared_ptr<const std::atomic<bool>> ended;
};

struct Threads {
  std::mutex mutex;
  std::vector<Left> left;  // guarded by mutex

  void join_ended_locked() {
    const auto first = std::partition(left.begin(), left.end(), [](const Left& one) {
      return !one.ended->load(std::memory_order_acquire);
    });
    std::for_each(first, left.end(), [](Left& one) { one.thread.join(); });
    left.erase(first, left.end());
  }
};

}  // namespace

void leave_behind(std::thread thread, std::shared_ptr<const std::atomic<bool>> ended) {
  auto& threads = PerProcess<Threads>::get();
  const std::lock_guard lock(threads.mutex);
  threads.join_ended_locked();
  threads.left.push_back({std::move(thread), std::move(ended)});
}

void join_ended() {
  auto& threads = PerProcess<Threads>::get();
  const std::lock_guard lock(threads.mutex);
  threads.join_ended_locked();
}

}  // namespace freshframe
