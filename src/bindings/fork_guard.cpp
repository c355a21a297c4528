// The fork counter.
// SPDX-License-Identifier: Apache-2.0
#include "bindings/fork_guard.hpp"

#include <atomic>

#include "process/memory/slab_pool.hpp"
#include <pthread.h>

namespace freshframe::python {
namespace {

std::atomic<int> generation{0};

}  // namespace

int fork_generation() noexcept {
  return generation.load(std::memory_order_relaxed);
}

const Frame& of_this_process(const Frame& frame) {
  if (fork_generation() > 0 && process::SlabPool::is_inherited(frame.planes()[0].data)) {
    throw StateError(
        "this frame lies in memory that the parent of this forked process shares with worker processes and "
        "writes to: copy() it before the fork");
  }
  return frame;
}

void watch_forks() {
  pthread_atfork(nullptr, nullptr, [] { generation.fetch_add(1, std::memory_order_relaxed); });
}

}  // namespace freshframe::python
