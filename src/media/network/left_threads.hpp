// Threads that are in a call which nothing can end: whoever waited for them goes on without them.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <memory>
#include <thread>

namespace freshframe {

/// The thread shall set `ended` as its last act; a later call joins it then. Until that it may outlive its
/// caller, so it must own what it touches. Any thread.
void leave_behind(std::thread thread, std::shared_ptr<const std::atomic<bool>> ended);

/// Joins the threads that have ended. Any thread.
void join_ended();

}  // namespace freshframe
