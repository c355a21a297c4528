// The eventfd behind WakeUp.
// SPDX-License-Identifier: Apache-2.0
#include "python/wake_up.hpp"

#include <cerrno>
#include <cstdint>
#include <system_error>

#include <sys/eventfd.h>
#include <unistd.h>

namespace freshframe::python {

WakeUp::WakeUp() : fd_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  if (fd_ < 0) throw std::system_error(errno, std::generic_category(), "cannot make an eventfd");
}

WakeUp::~WakeUp() {
  close(fd_);
}

void WakeUp::set() noexcept {
  if (pending_.exchange(true)) return;
  const std::uint64_t one = 1;
  [[maybe_unused]] const auto written =
      write(fd_, &one, sizeof one);  // cannot fail: one write between two reads
}

void WakeUp::reset() noexcept {
  std::uint64_t count = 0;
  [[maybe_unused]] const auto got = read(fd_, &count, sizeof count);
  pending_.store(false);
}

}  // namespace freshframe::python
