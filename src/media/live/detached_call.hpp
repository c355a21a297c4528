// A blocking call on a thread of its own, which its callers can leave behind.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/clock.hpp"

#include <exception>
#include <functional>
#include <memory>
#include <stop_token>
#include <thread>

namespace freshframe::media {

/// The call begins with the constructor. It must own the data that it uses: it may outlive this object and
/// the caller. The destructor joins a call that has ended. Any other is left behind, and a later call joins
/// its thread. Any thread may wait.
class DetachedCall {
 public:
  using Job = std::function<void()>;

  /// Throws std::system_error when the system has no thread.
  explicit DetachedCall(Job job);
  DetachedCall(const DetachedCall&) = delete;
  DetachedCall& operator=(const DetachedCall&) = delete;
  ~DetachedCall();

  /// Waits until the call has ended, the real time `until` or a stop. False: it has not ended.
  [[nodiscard]] bool wait(TimePoint until, const std::stop_token& stop) const;
  /// Throws the exception of a call that has ended with one.
  void check() const;

 private:
  struct Shared;
  struct Ended;
  static void run(Shared& shared, Job job);
  static void report(Shared& shared, std::exception_ptr failure);

  std::shared_ptr<Shared> shared_;
  std::thread thread_;
};

/// Joins the calls that were left behind and have ended. Any thread.
void join_ended_calls();

}  // namespace freshframe::media
