// A pipe that one thread writes to and another one, or an event loop, waits for.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <utility>

#include <sys/types.h>

namespace freshframe::core {

/// Coalesces: any number of set() before a reset() are one wake-up. Thread-safe. A pipe, because it has its own inode
/// number, which distinguishes it from another file that has got its descriptor. All eventfds and epolls share one
/// number.
class WakeUp {
 public:
  WakeUp();
  WakeUp(const WakeUp&) = delete;
  WakeUp& operator=(const WakeUp&) = delete;
  ~WakeUp();

  void set() noexcept;
  void reset() noexcept;
  /// Readable after set().
  [[nodiscard]] int fd() const noexcept { return reads_; }

 private:
  [[nodiscard]] bool is_ours(int descriptor) const noexcept;

  int reads_ = -1;
  int writes_ = -1;
  std::pair<dev_t, ino_t> identity_{};
  std::atomic<bool> pending_{false};
};

}  // namespace freshframe::core
