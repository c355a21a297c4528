// The pipe of WakeUp.
// SPDX-License-Identifier: Apache-2.0
#include "platform/wake_up.hpp"

#include <array>
#include <cerrno>
#include <cstdint>
#include <optional>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace freshframe::platform {
namespace {

/// Returns device and inode of an open descriptor, or nullopt if it is closed.
std::optional<std::pair<std::uint64_t, std::uint64_t>> read_identity(int descriptor) noexcept {
  struct stat status{};
  if (::fstat(descriptor, &status) != 0) return std::nullopt;
  return std::pair<std::uint64_t, std::uint64_t>{status.st_dev, status.st_ino};
}

}  // namespace

WakeUp::WakeUp() {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC | O_NONBLOCK) != 0) {
    throw std::system_error(errno, std::generic_category(), "cannot create a pipe");
  }
  reads_ = ends[0];
  writes_ = ends[1];
  identity_ = read_identity(reads_).value_or(identity_);
}

WakeUp::~WakeUp() {
  if (is_ours(reads_)) ::close(reads_);
  if (is_ours(writes_)) ::close(writes_);
}

bool WakeUp::is_ours(int descriptor) const noexcept {
  return read_identity(descriptor) == identity_;
}

void WakeUp::set() noexcept {
  if (pending_.exchange(true) || !is_ours(writes_)) return;
  // the pipe is never full, because only one byte is written between two reads
  [[maybe_unused]] const auto written = ::write(writes_, "", 1);
}

void WakeUp::reset() noexcept {
  if (!is_ours(reads_)) return;
  char byte = 0;
  [[maybe_unused]] const auto got = ::read(reads_, &byte, 1);
  pending_.store(false);
}

}  // namespace freshframe::platform
