// gil::join() waits for a native thread, unless that thread can never end.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <Python.h>

#include "freshframe/gil/asks.hpp"
#include "freshframe/gil/interpreter.hpp"
#include "freshframe/gil/tokens.hpp"

#include <atomic>
#include <chrono>
#include <memory>
#include <thread>
#include <utility>

namespace freshframe::gil {

/// Joins a std::thread or std::jthread without the GIL, so that the thread can acquire it before it ends.
/// During finalization no thread gets the GIL any more, and a thread of this module that asks for it blocks
/// forever (see Note [Unwinding while the interpreter finalises]). join() then abandons that thread and
/// returns. So the destructor of a Python object may call it.
template <class Thread>
void join(Released& released, Thread& thread) {
  released.check();
  if (!thread.joinable()) return;
  if (!detail::interpreter_ends()) {
    thread.join();
    return;
  }
  const std::thread::id id = thread.get_id();
  const auto ended = std::make_shared<std::atomic<bool>>(false);
  auto waiter = std::make_unique<std::thread>([ended, left = std::move(thread)]() mutable {
    left.join();
    *ended = true;
  });
  while (!*ended) {
    if (detail::AsksForGil::now(id)) {
      (void)waiter.release();  // the waiter is now blocked forever, too
      return;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  waiter->join();
}

}  // namespace freshframe::gil
