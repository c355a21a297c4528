// Runs blocking calls on their own thread, so that callers can abandon them.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/clock.hpp"

#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <thread>

namespace freshframe::media {

/// The constructor starts the call, which must own its data, because it may outlive this object and the
/// caller. The destructor joins the thread of a finished call. Other calls are abandoned, and their threads
/// are joined by a later call. wait() is thread-safe. A forked child must neither use nor destroy this
/// object.
class DetachedCall {
 public:
  using Job = std::function<void()>;

  /// `stays`: keep the thread for further calls until destruction. Throws std::system_error if no thread can
  /// be created.
  explicit DetachedCall(Job job, bool stays = false);
  DetachedCall(const DetachedCall&) = delete;
  DetachedCall& operator=(const DetachedCall&) = delete;
  ~DetachedCall();

  /// Starts another call, on the same thread if it stays. The previous call must have ended. Throws like the
  /// constructor.
  void again(Job job);

  /// Waits for the end of the call, `until` (real time) or a stop. Returns false if the call has not ended.
  [[nodiscard]] bool wait(TimePoint until, const std::stop_token& stop) const;
  /// Rethrows the exception of a call that ended with one.
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

/// Starts a call on the thread of the previous call, if that has ended, because GnuTLS leaks about 200 bytes
/// for each thread that performed a handshake. The thread is kept until `aside` is reset. A call that has not
/// ended is abandoned.
void begin_call(std::optional<DetachedCall>& aside, DetachedCall::Job job);

/// Joins abandoned calls that have ended. Thread-safe.
void join_ended_calls();

}  // namespace freshframe::media
