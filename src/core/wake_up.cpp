// The pipe of WakeUp.
// SPDX-License-Identifier: Apache-2.0
#include "core/wake_up.hpp"

#include <array>
#include <cerrno>
#include <system_error>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace freshframe::core {

WakeUp::WakeUp() {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC | O_NONBLOCK) != 0) {
    throw std::system_error(errno, std::generic_category(), "cannot create a pipe");
  }
  reads_ = ends[0];
  writes_ = ends[1];
  struct stat status{};
  if (::fstat(reads_, &status) == 0) identity_ = {status.st_dev, status.st_ino};
}

WakeUp::~WakeUp() {
  if (is_ours(reads_)) ::close(reads_);
  if (is_ours(writes_)) ::close(writes_);
}

// A program that daemonizes closes all descriptors, and the next descriptor that it opens then gets this number.
bool WakeUp::is_ours(int descriptor) const noexcept {
  struct stat status{};
  return ::fstat(descriptor, &status) == 0 && identity_ == std::pair{status.st_dev, status.st_ino};
}

void WakeUp::set() noexcept {
  if (pending_.exchange(true) || !is_ours(writes_)) return;
  [[maybe_unused]] const auto written = ::write(writes_, "", 1);  // there is room: one byte between two reads
}

void WakeUp::reset() noexcept {
  if (!is_ours(reads_)) return;
  char byte = 0;
  [[maybe_unused]] const auto got = ::read(reads_, &byte, 1);
  pending_.store(false);
}

}  // namespace freshframe::core
