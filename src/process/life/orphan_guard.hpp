// In a worker: ends it, and its child processes, as soon as its parent has ended, even if it is busy or
// stopped.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <thread>

#include "process/wire/descriptor.hpp"

namespace freshframe::process {

/// Kills each process of the session except the calling one, and looks again until it finds none,
/// `most_looks` times at most. The session's number must belong to a process that is not reaped yet, or to the
/// caller's session: otherwise it may be another session's by now. Takes no lock and allocates nothing: a signal
/// handler may call it.
void end_session(int session, int most_looks) noexcept;

/// A thread that waits for the socket's hang-up and the parent's end, and a signal at the end of the parent's
/// thread that started this process. Each kills the whole session; none needs a lock of the language. The
/// signal is SIGCONT, which a stopped process obeys, too.
class OrphanGuard {
 public:
  /// Ends the process at once when `parent` is no longer its parent. `socket` must outlive the guard.
  OrphanGuard(int socket, int parent);
  OrphanGuard(const OrphanGuard&) = delete;
  OrphanGuard& operator=(const OrphanGuard&) = delete;
  ~OrphanGuard();

 private:
  Descriptor parent_;
  Descriptor end_;  // an eventfd: the guard is destroyed
  std::thread thread_;
};

}  // namespace freshframe::process
