// Wakes a control thread that polls.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/error.hpp"

#include <atomic>
#include <cerrno>
#include <cstdint>
#include <system_error>

#include "process/wire/descriptor.hpp"
#include <sys/eventfd.h>

namespace freshframe::process {

/// Can be rung by any thread. Ownership is shared, because it may be rung while the control thread ends.
class Bell {
 public:
  Bell() : event_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
    if (!event_) throw Error("cannot create an eventfd: " + std::generic_category().message(errno));
  }

  void ring() noexcept {
    const std::uint64_t one = 1;
    // If the eventfd is full, the bell is ringing already.
    if (::write(event_.get(), &one, sizeof one) < 0) return;
  }
  /// Rings only if the control thread has asked for samples, so that a busy one is not woken for each sample.
  void ring_for_sample() noexcept {
    if (wants_samples_.exchange(false)) ring();
  }
  /// Must be called before the inbox is checked, so that no ring is missed.
  void want_samples(bool wants) noexcept { wants_samples_.store(wants); }
  /// Called by the control thread when it wakes.
  void hush() noexcept {
    std::uint64_t count = 0;
    if (::read(event_.get(), &count, sizeof count) < 0) return;
  }
  [[nodiscard]] int descriptor() const noexcept { return event_.get(); }

 private:
  Descriptor event_;
  std::atomic<bool> wants_samples_{false};
};

}  // namespace freshframe::process
