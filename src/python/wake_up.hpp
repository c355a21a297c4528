// An eventfd that a native thread sets without the GIL and an event loop waits for.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>

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
  int fd_ = -1;
  std::atomic<bool> pending_{false};
};

}  // namespace freshframe::python
