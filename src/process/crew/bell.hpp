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

/// Rung by any thread. Shared by all its users, because they may ring while the control thread ends.
class Bell {
 public:
  Bell() : event_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
    if (!event_) throw Error("cannot create an eventfd: " + std::generic_category().message(errno));
  }

  void ring() noexcept {
    const std::uint64_t one = 1;
    // A full pipe means that it rings already.
    if (::write(event_.get(), &one, sizeof one) < 0) return;
  }
  /// Rings only when the control thread has declared that it wants samples: a busy one is not woken for each.
  void ring_for_sample() noexcept {
    if (wants_samples_.exchange(false)) ring();
  }
  /// Before the check of the inbox that finds it empty.
  void want_samples(bool wants) noexcept { wants_samples_.store(wants); }
  /// Called by the control thread, when it wakes.
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
