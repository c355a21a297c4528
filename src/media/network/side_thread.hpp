// Runs blocking calls on a thread of its own, which a stop can leave behind.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/clock.hpp"

#include <functional>
#include <memory>
#include <stop_token>
#include <thread>

namespace freshframe {

/// One job at a time, given by one thread. A job must own what it touches: it may outlive this object and
/// whoever gave it.
class SideThread {
 public:
  using Job = std::function<void()>;

  SideThread() = default;
  SideThread(const SideThread&) = delete;
  SideThread& operator=(const SideThread&) = delete;
  ~SideThread() { leave(); }

  /// Waits until nothing is under way, the real time `until` or a stop; what a job threw is forgotten. False:
  /// one is still under way.
  [[nodiscard]] bool idle(TimePoint until, const std::stop_token& stop);
  /// Only while idle. Throws std::system_error when the system has no thread.
  void start(Job job);
  /// As idle(); what the job threw is thrown here.
  [[nodiscard]] bool wait(TimePoint until, const std::stop_token& stop);
  /// Ends the thread: at once while idle, else with its job, for which nobody waits any more.
  void leave();

 private:
  struct Shared;
  static void work(Shared& shared);

  std::shared_ptr<Shared> shared_;
  std::thread thread_;
};

}  // namespace freshframe
