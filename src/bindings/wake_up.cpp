// The eventfd behind WakeUp.
// SPDX-License-Identifier: Apache-2.0
#include "bindings/wake_up.hpp"

#include <cerrno>
#include <cstdint>
#include <system_error>

#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

namespace freshframe::python {

WakeUp::WakeUp() : fd_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  if (fd_ < 0) throw std::system_error(errno, std::generic_category(), "cannot create an eventfd");
  struct stat status{};
  if (fstat(fd_, &status) == 0) identity_ = {status.st_dev, status.st_ino};
}

WakeUp::~WakeUp() {
  if (is_ours()) ::close(fd_);
}

// A program that daemonizes closes all descriptors, and the next file or socket then gets this number.
bool WakeUp::is_ours() const noexcept {
  struct stat status{};
  return fstat(fd_, &status) == 0 && identity_ == std::pair{status.st_dev, status.st_ino};
}

void WakeUp::set() noexcept {
  if (pending_.exchange(true) || !is_ours()) return;
  const std::uint64_t one = 1;
  [[maybe_unused]] const auto written =
      write(fd_, &one, sizeof one);  // cannot fail: one write between two reads
}

void WakeUp::reset() noexcept {
  if (!is_ours()) return;
  std::uint64_t count = 0;
  [[maybe_unused]] const auto got = read(fd_, &count, sizeof count);
  pending_.store(false);
}

}  // namespace freshframe::python
