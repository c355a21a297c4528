// Blocking calls on their own thread, which its callers can abandon.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/clock.hpp"

#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <thread>

namespace freshframe::media {

/// The call begins with the constructor. It must own the data that it uses: it may outlive this object and
/// the caller. The destructor joins the thread of a call that has ended. Any other is abandoned, and a later call
/// joins its thread. Any thread may wait. A forked child neither uses nor destroys it.
class DetachedCall {
 public:
  using Job = std::function<void()>;

  /// `stays`: its thread waits for another call until the destructor. Throws std::system_error when the system has no
  /// thread.
  explicit DetachedCall(Job job, bool stays = false);
  DetachedCall(const DetachedCall&) = delete;
  DetachedCall& operator=(const DetachedCall&) = delete;
  ~DetachedCall();

  /// Begins another call, on the same thread if that stays; the last one must have ended. Throws as the constructor.
  void again(Job job);

  /// Waits until the call has ended, the real time `until` or a stop. False means it has not ended.
  [[nodiscard]] bool wait(TimePoint until, const std::stop_token& stop) const;
  /// Throws the exception of a call that has ended with one.
  void check() const;

 private:
  struct Shared;
  struct Ended;
  void start(Job job);
  static void run(Shared& shared, Job job);

  const bool stays_;
  std::shared_ptr<Shared> shared_;
  std::thread thread_;
};

/// A call at a time, on one thread while each of them ends: GnuTLS keeps about 200 bytes for each thread that has shaken
/// hands, until the process ends. The thread stays until `aside` is reset. A call before that has not ended is
/// abandoned.
void begin_call(std::optional<DetachedCall>& aside, DetachedCall::Job job);

/// Joins the calls that were abandoned and have ended. Any thread.
void join_ended_calls();

}  // namespace freshframe::media
