// A descriptor that one thread can make readable to wake another thread or an event loop.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>
#include <utility>

namespace freshframe::platform {

/// Any number of set() calls before a reset() count as one. Thread-safe. A program that daemonizes closes all
/// descriptors, and may reuse their numbers for other files: no function touches a file that this object does
/// not own.
class WakeUp {
 public:
  /// Throws std::system_error if the system has no descriptor left.
  WakeUp();
  WakeUp(const WakeUp&) = delete;
  WakeUp& operator=(const WakeUp&) = delete;
  ~WakeUp();

  /// Makes fd() readable. Never blocks. Does nothing if it is already readable or the program has closed it.
  void set() noexcept;
  /// Makes fd() unreadable until the next set(). Does nothing if the program has closed it.
  void reset() noexcept;
  /// Returns the descriptor to wait for. The object closes it.
  [[nodiscard]] int fd() const noexcept { return reads_; }

 private:
  [[nodiscard]] bool is_ours(int descriptor) const noexcept;

  int reads_ = -1;
  int writes_ = -1;
  // A pipe has its own inode number. All eventfds and epolls share one.
  std::pair<std::uint64_t, std::uint64_t> identity_{};
  std::atomic<bool> pending_{false};
};

}  // namespace freshframe::platform
