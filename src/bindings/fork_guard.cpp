// The fork counter.
// SPDX-License-Identifier: Apache-2.0
#include "bindings/fork_guard.hpp"

#include <atomic>

#include <pthread.h>

namespace freshframe::python {
namespace {

std::atomic<int> generation{0};

}  // namespace

int fork_generation() noexcept {
  return generation.load(std::memory_order_relaxed);
}

void watch_forks() {
  pthread_atfork(nullptr, nullptr, [] { generation.fetch_add(1, std::memory_order_relaxed); });
}

}  // namespace freshframe::python
