// The lease.
// SPDX-License-Identifier: Apache-2.0
#include "fleet/lease.hpp"

#include <time.h>  // NOLINT(modernize-deprecated-headers): CLOCK_BOOTTIME is POSIX's

namespace freshframe::fleet {

BootTime boot_now() noexcept {
  timespec now{};
  ::clock_gettime(CLOCK_BOOTTIME, &now);
  return std::chrono::seconds(now.tv_sec) + std::chrono::nanoseconds(now.tv_nsec);
}

void Lease::renew(BootTime asked) noexcept {
  auto before = asked_ns_.load(std::memory_order_relaxed);
  while (before < asked.count() &&
         !asked_ns_.compare_exchange_weak(before, asked.count(), std::memory_order_release)) {
  }
}

}  // namespace freshframe::fleet
