// Parses /proc/self/task/TID/syscall: the call number and its arguments, or "running".
// SPDX-License-Identifier: Apache-2.0
#include "gil_watch/watch/futex_wait.hpp"

#include <array>
#include <charconv>
#include <cstdio>
#include <string_view>

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace freshframe::gil {

FutexWait::~FutexWait() {
  struct stat status{};
  if (file_ < 0 || ::fstat(file_, &status) != 0) return;
  if (identity_ == std::pair{status.st_dev, status.st_ino}) ::close(file_);
}

void FutexWait::open() noexcept {
  std::array<char, 64> path{};
  std::snprintf(path.data(), path.size(), "/proc/self/task/%d/syscall", static_cast<int>(thread_));
  file_ = ::open(path.data(), O_RDONLY | O_CLOEXEC);
  struct stat status{};
  if (file_ >= 0 && ::fstat(file_, &status) == 0) {
    identity_ = {status.st_dev, status.st_ino};
  } else {
    file_ = kUnreadable;
  }
}

std::optional<bool> FutexWait::is_in(std::uintptr_t from, std::size_t size) noexcept {
  if (file_ == kUnopened) open();
  if (file_ == kUnreadable) return std::nullopt;
  std::array<char, 256> text{};
  const auto got = ::pread(file_, text.data(), text.size(), 0);
  if (got <= 0) return std::nullopt;
  const std::string_view line(text.data(), static_cast<std::size_t>(got));
  long call = 0;
  const auto number = std::from_chars(line.data(), line.data() + line.size(), call);
  if (number.ec != std::errc{} || call != SYS_futex) return false;
  const auto begin = line.find("0x");
  if (begin == std::string_view::npos) return false;
  std::uintptr_t address = 0;
  std::from_chars(line.data() + begin + 2, line.data() + line.size(), address, 16);
  return address >= from && address - from < size;
}

}  // namespace freshframe::gil
