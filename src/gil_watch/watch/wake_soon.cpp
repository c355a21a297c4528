// sched_setattr(2), which glibc has from 2.41 on.
// SPDX-License-Identifier: Apache-2.0
#include "gil_watch/watch/wake_soon.hpp"

#include <cstdint>

#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace freshframe::gil {
namespace {

// Version 0 of the kernel's struct sched_attr.
struct Attributes {
  std::uint32_t size = 48;
  std::uint32_t policy = SCHED_OTHER;
  std::uint64_t flags = 0;
  std::int32_t nice = 0;
  std::uint32_t priority = 0;
  std::uint64_t runtime_ns = 0;  // of SCHED_OTHER: the slice
  std::uint64_t deadline_ns = 0;
  std::uint64_t period_ns = 0;
};
static_assert(sizeof(Attributes) == 48);

}  // namespace

void wake_soon() noexcept {
  Attributes attributes;
  if (::syscall(SYS_sched_getattr, 0, &attributes, sizeof attributes, 0) != 0) return;
  if (attributes.policy != SCHED_OTHER) return;  // a policy was chosen
  attributes.runtime_ns = 100'000;               // the least that the kernel accepts
  (void)::syscall(SYS_sched_setattr, 0, &attributes, 0);
}

}  // namespace freshframe::gil
