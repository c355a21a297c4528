// An eventfd that a native thread sets without the GIL and an event loop waits for.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <utility>

#include <sys/types.h>

namespace freshframe::python {

/// Coalesces: any number of set() before a reset() are one wake-up. Thread-safe.
class WakeUp {
 public:
  WakeUp();
  WakeUp(const WakeUp&) = delete;
  WakeUp& operator=(const WakeUp&) = delete;
  ~WakeUp();

  void set() noexcept;
  void reset() noexcept;
  [[nodiscard]] int fd() const noexcept { return fd_; }

 private:
  [[nodiscard]] bool is_ours() const noexcept;

  int fd_ = -1;
  std::pair<dev_t, ino_t> identity_{};
  std::atomic<bool> pending_{false};
};

}  // namespace freshframe::python
