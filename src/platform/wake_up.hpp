// A descriptor that one thread makes readable and another one, or an event loop, waits for.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>
#include <utility>

namespace freshframe::platform {

/// Any number of set() before a reset() are one wake-up. Thread-safe. A program that daemonizes closes all descriptors,
/// and the next file that it opens gets such a number: no function touches a file that is not the object's.
class WakeUp {
 public:
  /// Throws std::system_error if the system has no descriptor left.
  WakeUp();
  WakeUp(const WakeUp&) = delete;
  WakeUp& operator=(const WakeUp&) = delete;
  ~WakeUp();

  /// Makes fd() readable, without waiting. Does nothing if it is, or if the program has closed it.
  void set() noexcept;
  /// Makes fd() unreadable until the next set(). Does nothing if the program has closed it.
  void reset() noexcept;
  /// Returns the descriptor to wait for. It belongs to the object, which closes it.
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
