// In a worker: kills it and its child processes as soon as its parent has ended, even if it is busy or
// stopped.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <thread>

#include "process/wire/descriptor.hpp"

namespace freshframe::process {

/// Kills all processes of the session except the calling one, in at most `most_looks` passes until it finds
/// none. The session id must belong to a process that is not reaped yet, or to the caller's session;
/// otherwise it may have been reused. Takes no locks and allocates nothing, so a signal handler may call it.
void end_session(int session, int most_looks) noexcept;

/// Watches for the end of the parent in two ways: a thread waits for the socket's hang-up and the parent's
/// exit, and a signal is sent when the parent's thread that started this process ends. Each kills the whole
/// session without the GIL. The signal is SIGCONT, which also reaches a stopped process.
class OrphanGuard {
 public:
  /// Ends the process immediately if `parent` is no longer its parent. `socket` must outlive the guard.
  OrphanGuard(int socket, int parent);
  OrphanGuard(const OrphanGuard&) = delete;
  OrphanGuard& operator=(const OrphanGuard&) = delete;
  ~OrphanGuard();

 private:
  Descriptor parent_;
  Descriptor end_;  // an eventfd that makes the thread end
  std::thread thread_;
};

}  // namespace freshframe::process
